package registrar

// This file feeds any bytes to Process: whatever is accepted must be fit to be sent, and found
// again.

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

type anyDomain struct{}

func (anyDomain) IsLocal(string, uint16) bool { return true }

func FuzzProcess(f *testing.F) {
	for _, g := range []reg{
		{},
		{contacts: list("<sip:bob@192.0.2.4>;q=0.5;expires=60, \"a, b\" <sips:bob@[2001:db8::1]:5061;transport=tls>;+sip.instance=\"<urn:uuid:1>\"")},
		{contacts: list("*"), headers: list("Expires: 0")},
		{contacts: list("sip:a@b;x=\"y\r\n z\";expires=\"7\""), headers: list("Path: <sip:p;lr>, \"q\" <sip:q>", "Supported: path", "User-Agent: a\r\n b")},
		{contacts: list("<mailto:a@b>", "<tel:+1;phone-context=x>"), headers: list("Require: a, b")},
	} {
		f.Add([]byte(g.text()))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := new(message.Message)
		if m.Parse(b, &message.Limits{}) != nil || !m.IsRequest() || m.Validate() != nil {
			return
		}
		r := luabindtest.Must(New(Options{}))
		res := r.Process(t.Context(), m, udpFrom("192.0.2.4:5060"), anyDomain{}, start)
		switch res.Code {
		case 200, 400, 403, 404, 420, 423:
		default:
			t.Fatalf("code %d, %v", res.Code, res.Err)
		}
		contacts := 0
		var lines strings.Builder
		for _, h := range res.Headers {
			for _, v := range h.Values {
				if strings.ContainsAny(v, "\r\n\x00") || v == "" {
					t.Fatalf("%s: %q", h.Name, v)
				}
				lines.WriteString(h.Name + ": " + v + "\r\n")
				if h.Name == "Contact" {
					contacts++
				}
			}
		}
		n, _ := r.Count(t.Context())
		if n > r.policy.MaxContacts || res.Code == 200 && n != contacts || res.Code != 200 && n != 0 {
			t.Fatalf("code %d: %d contacts shown, %d bound", res.Code, contacts, n)
		}
		checkAnswer(t, m, &res, lines.String(), contacts)
		if err := r.Sweep(t.Context(), start.Add(3*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if n, _ = r.Count(t.Context()); n != 0 {
			t.Fatalf("%d bindings never end", n)
		}
	})
}

// checkAnswer reads the answer as the client would, and registers what it shows: that must be the
// same binding.
func checkAnswer(t *testing.T, req *message.Message, res *Result, lines string, contacts int) {
	wire := message.AppendResponse(nil, req, res.Code, res.Reason, "tag", []byte(lines), nil)
	var answer message.Message
	if err := answer.Parse(wire, &message.Limits{}); err != nil {
		t.Fatalf("the answer can't be read: %v\n%q", err, wire)
	}
	e := answer.Elements(message.HeaderContact)
	for e.Next() {
		contacts--
		a, err := message.ParseAddress(e.Value)
		if err != nil {
			t.Fatalf("%q: %v", e.Value, err)
		}
		if _, err = message.ParseURI(a.URI); err != nil {
			t.Fatalf("%q: %v", e.Value, err)
		}
		if v, _ := a.Params.Get("expires"); len(v) == 0 {
			t.Fatalf("%q has no expires", e.Value)
		}
	}
	if contacts != 0 {
		t.Fatalf("%d contacts more or less than shown in\n%q", contacts, wire)
	}
}
