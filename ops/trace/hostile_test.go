package trace

import (
	"bytes"
	"net/url"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/ring"
	"github.com/sipscript/sipscript/engine/transport"
)

// received is what a ring tells of messages of the call "x" that came from a party.
func received(t *testing.T, texts ...string) *Call {
	t.Helper()
	r := ring.New(ring.Options{Size: ring.MinSize})
	l := lane.New(0, lane.Options{Clock: lane.NewSystem()})
	defer l.Stop()
	o := r.Observe(l)
	for _, text := range texts {
		o.Message(&engine.Observed{Bytes: []byte(text), Kind: transport.UDP, Peer: addrOf("10.0.0.2:5060"), Local: &transport.Local{Addr: addrOf("10.0.0.1:5060")}})
	}
	var list []Summary
	api := &API{Ring: r}
	ask(t, api, "/api/v1/trace/calls", &list)
	var c Call
	ask(t, api, "/api/v1/trace/calls/"+url.PathEscape(list[0].ID), &c)
	return &c
}

func headers(id, more string) string {
	return " SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: " + id + "\r\nCSeq: 1 BYE\r\n" + more + "\r\n"
}

// Lua ends a comment at a CR: what is behind one would be code.
func TestSpecIsNotCode(t *testing.T) {
	c := received(t, "A\rprint(1)-- sip:b@h"+headers("x", ""))
	var b bytes.Buffer
	if err := WriteSpec(&b, c); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(c.Method, "\r") || strings.Contains(b.String(), "\r") {
		t.Errorf("of %q:\n%q", c.Method, &b)
	}
}

// What strangers write is neither obeyed by a terminal nor a line of its own.
func TestTerminal(t *testing.T) {
	for _, c := range []struct{ name, start, id, more string }{
		{"escape in a URI", "BYE sip:b\x1b[2J@h", "x", ""},
		{"escape in a Call-ID", "BYE sip:b@h", "x\x1b[2J", ""},
		{"escape in a reason", "BYE sip:b@h", "x", "Reason: SIP;text=\"\x1b]0;x\a\"\r\n"},
		{"C1 in a URI", "BYE sip:b@h;x=\u009b2J", "x", ""},
		{"direction", "BYE sip:b@h;x=\u202e\u2066", "x", ""},
		{"DEL", "BYE sip:b@h;x=\x7f", "x", ""},
		{"a folded reason", "BYE sip:b@h", "x", "Reason: SIP;text=\"\r\n     0.000  forged\"\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			call := received(t, c.start+headers(c.id, c.more))
			w := NewWatcher()
			e := call.Events[0]
			e.CallID = call.ID
			text := Plain(call.Tell()) + Plain(call.Ladder()) + Plain(w.Add(&e)) + Plain(e.Text)
			if i := strings.IndexFunc(text, obeyed); i >= 0 {
				t.Errorf("%q", text[i:])
			}
			if n := strings.Count(call.Tell(), "\n"); n != 4 {
				t.Errorf("%d lines of one event:\n%s", n, call.Tell())
			}
		})
	}
	if got := Plain("a\r\nb\tc\xff\rd\n"); got != "a\nb\tc\\xff\\x0dd\n" {
		t.Errorf("%q", got)
	}
}
