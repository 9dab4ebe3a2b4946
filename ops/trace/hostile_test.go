package trace

import (
	"bytes"
	"net/url"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

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

// A spec says what was on the wire: its escapes are those of Lua.
func TestSpecText(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"C1", "sip:b@h;x=\u009b2J"}, {"not UTF-8", "sip:b@h;x=\xff\xfe1"}, {"a digit behind", "a\r7\x00\x7f"},
		{"quotes", `a"b\c`}, {"letters", "sip:jürgen@h"}, {"direction", "\u202e"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := lua.NewState()
			defer l.Close()
			if err := l.DoString("text = " + luaText(c.text)); err != nil || l.GetGlobal("text").String() != c.text {
				t.Errorf("%s: %v", luaText(c.text), err)
			}
		})
	}
	call := received(t, "INVITE sip:b@h;x=\u009b2J"+headers("x", ""))
	var b bytes.Buffer
	if err := WriteSpec(&b, call); err != nil || !strings.Contains(b.String(), `:invite("sip:b@h;x=\194\1552J")`) {
		t.Errorf("%v\n%s", err, &b)
	}
}

// Bytes that are not UTF-8 are in a capture as they came.
func TestBytesOfCapture(t *testing.T) {
	text := "MESSAGE sip:b@h" + headers("x", "") + "a\xff\xfeb"
	var b bytes.Buffer
	if err := WritePcap(&b, received(t, text)); err != nil || !bytes.Contains(b.Bytes(), []byte(text)) {
		t.Errorf("%v: %q", err, b.Bytes())
	}
}

// Of a long message the beginning is remembered: a spec says so, and a capture has its length.
func TestCutMessage(t *testing.T) {
	text := "INVITE sip:b@h" + headers("x", "X-Long: "+strings.Repeat("a", 9000)+"\r\n")
	call := received(t, text)
	var spec, capture bytes.Buffer
	if err := WriteSpec(&spec, call); err != nil || !strings.Contains(spec.String(), "-- A message is missing here, which had") || !strings.Contains(spec.String(), ": INVITE sip:b@h SIP/2.0") {
		t.Errorf("%v\n%s", err, &spec)
	}
	if err := WritePcap(&capture, call); err != nil || capture.Len() < len(text) || !bytes.Contains(capture.Bytes(), bytes.Repeat([]byte{' '}, len(text)-8<<10)) {
		t.Errorf("%v: %d bytes of %d", err, capture.Len(), len(text))
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
