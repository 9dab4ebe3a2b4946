package registrar

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
)

// Whatever is packed comes back letter for letter.
func TestParamsArePacked(t *testing.T) {
	const id = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
	for _, c := range []struct {
		name   string
		params string
		packed bool
	}{
		{"lower case", `;+sip.instance="<urn:uuid:` + id + `>"`, true},
		{"upper case", `;+sip.instance="<urn:uuid:` + strings.ToUpper(id) + `>"`, true},
		{"between others", `;reg-id=1;+sip.instance="<urn:uuid:` + id + `>";+sip.ice;q=0.5`, true},
		{"zeros", `;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000000000000>"`, true},
		{"of another parameter", `;x=urn:uuid:` + id + `;y="urn:uuid:` + id + `"`, true},
		{"mixed case", `;+sip.instance="<urn:uuid:F81d4fae-7dec-11d0-a765-00a0c91e6bf6>"`, false},
		{"too short", `;+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf>"`, false},
		{"without a dash", `;+sip.instance="<urn:uuid:f81d4fae07dec-11d0-a765-00a0c91e6bf6>"`, false},
		{"not hexadecimal", `;+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bg6>"`, false},
		{"another case of the scheme", `;+sip.instance="<URN:UUID:` + id + `>"`, false},
		{"another URN", `;+sip.instance="<urn:gsma:imei:90420156-025763-0>"`, false},
		{"cut off", `;x=urn:uuid:f81d4fae`, false},
		{"none", ``, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Record{Contact: "sip:a@192.0.2.1", Params: c.params, Q: .5, CallID: "1@example.com", CSeq: 2, UserAgent: "A", Path: []string{"<sip:p;lr>"},
				Received: "udp:192.0.2.1:9", Socket: "udp:192.0.2.2:5060", FlowOnly: true, Expires: time.UnixMilli(5), Updated: time.UnixMilli(4)}
			b := NewBinding(&r)
			if got := b.Record(); got.Params != c.params || got.CallID != r.CallID || got.Received != r.Received || got.Path[0] != r.Path[0] ||
				got.UserAgent != r.UserAgent || got.Socket != r.Socket || got.Q != .5 || !got.FlowOnly {
				t.Errorf("%s became %+v", c.params, got)
			}
			if string(b.Params()) != c.params || string(b.appendParams([]byte("x"))) != "x"+c.params {
				t.Errorf("%s became %s", c.params, b.Params())
			}
			if packed := b.marks&markPacked != 0; packed != c.packed {
				t.Errorf("%s: packed %t", c.params, packed)
			}
			if want, _ := instanceOf(message.Params(c.params)); b.Instance() != string(want) {
				t.Errorf("%s: instance %s", c.params, b.Instance())
			}
		})
	}
}

// What names a target without making it says what the target does.
func TestTargetName(t *testing.T) {
	for _, contact := range []string{"sip:a@192.0.2.1", "sips:b@example.com;transport=tcp"} {
		b := NewBinding(&Record{Contact: contact, Received: "udp:192.0.2.1:9", Path: []string{"<sip:p;lr>"}})
		if got, want := b.TargetName(), b.Target().String(); got != want || got != contact {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
