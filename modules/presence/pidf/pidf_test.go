package pidf

import (
	"strings"
	"testing"
	"time"
)

const head = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

func parse(t *testing.T, inner string) *Document {
	t.Helper()
	d, err := Parse([]byte(`<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" entity="sip:x@h">` + inner + `</presence>`))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func inner(d *Document) string {
	text := string(d.Append(nil))
	_, text, _ = strings.Cut(text, `entity="sip:bob@example.com">`)
	return strings.TrimSuffix(text, "</presence>\n")
}

// tuple is one as Append writes it.
func tuple(id, basic string) string {
	return `<tuple id="` + id + `"><status><basic>` + basic + `</basic></status></tuple>`
}

// Several publishers, the newest first.
func TestCompose(t *testing.T) {
	for _, x := range []struct {
		name   string
		newest []string
		want   string
	}{
		{"one", []string{tuple("a", "open")}, tuple("a", "open")},
		{"two", []string{tuple("a", "open"), tuple("b", "closed")}, tuple("a", "open") + tuple("b", "closed")},
		{"the newer of one id", []string{tuple("a", "closed"), tuple("a", "open") + tuple("b", "open")}, tuple("a", "closed") + tuple("b", "open")},
		{"the newer person", []string{tuple("a", "open"), `<dm:person id="p1"/>`, `<dm:person id="p2"/>`}, tuple("a", "open") + `<dm:person id="p1"/>`},
		{"each device once", []string{`<dm:device id="d"/>`, `<dm:device id="d"><dm:note>old</dm:note></dm:device><dm:device id="e"/>`}, `<dm:device id="d"/><dm:device id="e"/>`},
		{"the newer note, in the schema's order", []string{`<note>new</note>`, `<note>old</note>` + tuple("a", "open")}, tuple("a", "open") + `<note>new</note>`},
		{"what is not known", []string{`<x xmlns="urn:x">1</x>`}, `<n1:x>1</n1:x>`},
	} {
		t.Run(x.name, func(t *testing.T) {
			var docs []*Document
			for _, text := range x.newest {
				docs = append(docs, parse(t, text))
			}
			if got := inner(Compose("sip:bob@example.com", docs)); got != x.want {
				t.Errorf("got  %s\nwant %s", got, x.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"not XML":        "open",
		"another root":   `<presence/>`,
		"no id":          `<presence xmlns="urn:ietf:params:xml:ns:pidf"><tuple><status/></tuple></presence>`,
		"an id twice":    `<presence xmlns="urn:ietf:params:xml:ns:pidf">` + tuple("a", "open") + tuple("a", "open") + `</presence>`,
		"no status":      `<presence xmlns="urn:ietf:params:xml:ns:pidf"><tuple id="a"/></presence>`,
		"too many":       `<presence xmlns="urn:ietf:params:xml:ns:pidf">` + strings.Repeat(`<note/>`, 4*maxTuples+1) + `</presence>`,
		"an entity bomb": `<!DOCTYPE p [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><presence xmlns="urn:ietf:params:xml:ns:pidf">&b;</presence>`,
	} {
		t.Run(name, func(t *testing.T) {
			if d, err := Parse([]byte(text)); err == nil {
				t.Errorf("taken: %+v", d)
			}
		})
	}
}

func TestState(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, x := range []struct {
		name  string
		state State
		want  string
	}{
		{"closed", State{}, tuple("s", "closed")},
		{"all", State{Open: true, Contact: "sip:b@<h>", Priority: "0.5", Note: "a & b", Activity: "busy", At: at},
			`<tuple id="s"><status><basic>open</basic></status><contact priority="0.5">sip:b@&lt;h&gt;</contact><note>a &amp; b</note><timestamp>2026-01-02T03:04:05Z</timestamp></tuple>` +
				`<dm:person id="s-person"><rpid:activities><rpid:busy/></rpid:activities></dm:person>`},
	} {
		t.Run(x.name, func(t *testing.T) {
			d := x.state.Document("sip:bob@example.com", "s")
			if got := inner(d); got != x.want || d.Open() != x.state.Open {
				t.Errorf("open %v\ngot  %s\nwant %s", d.Open(), got, x.want)
			}
			if _, err := Parse(d.Append(nil)); err != nil {
				t.Error(err)
			}
		})
	}
	want := head + `<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:bob@example.com">` + tuple("none", "closed") + "</presence>\n"
	if got := string(Closed("sip:bob@example.com").Append(nil)); got != want {
		t.Error(got)
	}
}
