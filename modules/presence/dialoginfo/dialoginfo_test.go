package dialoginfo

import (
	"strings"
	"testing"
)

const start = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" `

var ringing = Dialog{ID: "a", CallID: "c", Local: "l", Remote: "r", State: Early, Near: Party{URI: "sip:bob@example.com"}, Far: Party{URI: "sip:alice@example.com", Display: `A "x"`, Target: "sip:a@h"}}

func TestAppend(t *testing.T) {
	for _, x := range []struct {
		name            string
		dialog          *Dialog
		full, anonymous bool
		want            string
	}{
		{"none", nil, true, false, `version="7" state="full" entity="sip:bob@example.com"/>`},
		{"ringing", &ringing, true, false, `version="7" state="full" entity="sip:bob@example.com"><dialog id="a" call-id="c" local-tag="l" remote-tag="r" direction="recipient"><state>early</state>` +
			`<local><identity>sip:bob@example.com</identity></local><remote><identity display="A &#34;x&#34;">sip:alice@example.com</identity><target uri="sip:a@h"/></remote></dialog></dialog-info>`},
		{"without the other party", &ringing, false, true, `version="7" state="partial" entity="sip:bob@example.com"><dialog id="a" call-id="c" local-tag="l" remote-tag="r" direction="recipient"><state>early</state>` +
			`<local><identity>sip:bob@example.com</identity></local></dialog></dialog-info>`},
		{"over", &Dialog{ID: "a", Outgoing: true, State: Terminated, Event: "rejected", Code: 486}, true, false,
			`version="7" state="full" entity="sip:bob@example.com"><dialog id="a" direction="initiator"><state event="rejected" code="486">terminated</state></dialog></dialog-info>`},
	} {
		t.Run(x.name, func(t *testing.T) {
			d := &Document{Entity: "sip:bob@example.com"}
			if x.dialog != nil {
				d.Dialogs = []Dialog{*x.dialog}
			}
			got := string(d.Append(nil, 7, x.full, x.anonymous))
			if want := start + x.want + "\n"; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if x.full {
				again, err := Parse([]byte(got))
				if err != nil || string(again.Append(nil, 7, true, false)) != got {
					t.Errorf("%v: read again\n%s", err, again.Append(nil, 7, true, false))
				}
				if err == nil && len(again.Dialogs) == 1 && strings.Contains(string(again.Append(nil, 7, true, true)), "remote>") {
					t.Error("a published document shows the other party")
				}
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	const ns = `<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" `
	for name, text := range map[string]string{
		"not XML":            "x",
		"another root":       `<dialog-info/>`,
		"partial":            ns + `state="partial"/>`,
		"no id":              ns + `state="full"><dialog><state>early</state></dialog></dialog-info>`,
		"an id twice":        ns + `state="full"><dialog id="a"><state>early</state></dialog><dialog id="a"><state>early</state></dialog></dialog-info>`,
		"no state":           ns + `state="full"><dialog id="a"/></dialog-info>`,
		"a state of its own": ns + `state="full"><dialog id="a"><state>talking</state></dialog></dialog-info>`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(text)); err == nil {
				t.Error("taken")
			}
		})
	}
}

// A difference has what is new, what is another, and what is gone.
func TestDifference(t *testing.T) {
	up := ringing
	up.State = Confirmed
	other := Dialog{ID: "b", State: Trying}
	over := Dialog{ID: "a", State: Terminated}
	doc := func(list ...Dialog) *Document { return &Document{Dialogs: list} }
	for _, x := range []struct {
		name     string
		old, now *Document
		want     string
	}{
		{"nothing", doc(ringing), doc(ringing), ""},
		{"new", doc(), doc(ringing), "a early"},
		{"another state", doc(ringing), doc(up), "a confirmed"},
		{"beside", doc(ringing), doc(ringing, other), "b trying"},
		{"gone", doc(up, other), doc(other), "a terminated"},
		{"told as over", doc(over), doc(), ""},
		{"of several publishers", doc(ringing), Compose("", []*Document{doc(up), doc(ringing, other)}), "a confirmed b trying"},
	} {
		t.Run(x.name, func(t *testing.T) {
			diff, changed := x.now.Difference(x.old)
			var got []string
			for _, d := range diff.Dialogs {
				got = append(got, d.ID, d.State)
			}
			if text := strings.Join(got, " "); text != x.want || changed != (x.want != "") {
				t.Errorf("%v: %s", changed, text)
			}
		})
	}
}
