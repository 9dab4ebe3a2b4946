package replay

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func addr(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }

// answerTo answers a request.
func answerTo(request string, code int) string {
	lines := strings.Split(request, "\r\n")
	var kept []string
	for _, line := range lines[1:] {
		if name, _, _ := strings.Cut(line, ":"); strings.Contains("Via From To Call-ID CSeq", name) && name != "" {
			kept = append(kept, line)
		}
	}
	return fmt.Sprintf("SIP/2.0 %d X\r\n%s\r\nContent-Length: 0\r\n\r\n", code, strings.Join(kept, "\r\n"))
}

// What was decided about the requests of a ring is in it.
func TestCollect(t *testing.T) {
	f := feed(t)
	const phone, carrier = "10.0.1.7:5060", "10.0.2.1:5060"
	invite := text("INVITE", "a")
	branch := strings.Replace(strings.Replace(invite, "Via:", "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKour\r\nRecord-Route: <sip:10.0.0.1;lr>\r\nX-Added: 1\r\nVia:", 1), "sip:bob@example.com SIP", "sip:a@10.0.2.1 SIP", 1)
	f.message(false, phone, invite)
	f.step("a", 1, "auth.require", "route.lua:2", "a text", false)
	f.step("a", 1, "http.get", "route.lua:3", "a response", false)
	f.step("a", 1, "relay", "route.lua:4", "sip:a@10.0.2.1", true)
	f.message(true, carrier, branch)
	f.message(false, phone, invite) // again
	f.message(false, carrier, answerTo(branch, 200))
	f.message(true, phone, answerTo(invite, 200))
	f.message(false, phone, strings.Replace(text("BYE", "a"), "com>\r\nCall", "com>;tag=b\r\nCall", 1))
	f.message(false, phone, strings.ReplaceAll(text("INVITE", "b"), "CSeq: 1", "CSeq: 5"))
	f.step("b", 5, "error", "route.lua:9", "oops", true)
	f.message(true, phone, answerTo(strings.ReplaceAll(text("INVITE", "b"), "CSeq: 1", "CSeq: 5"), 500))
	list, left := Collect(f.ring, 100)
	if len(list) != 2 || len(left) > 0 {
		t.Fatalf("%+v %v", list, left)
	}
	a, b := list[0], list[1]
	if d := a.Then; a.CallID != "a" || a.Source != phone || a.Local != "10.0.0.1:5060" || a.Transport != "udp" || string(a.Text) != invite || d.Code != 200 ||
		len(d.Targets) != 1 || d.Targets[0] != (Target{URI: "sip:a@10.0.2.1", Code: 200}) || !d.RecordRoute || d.Headers["x-added"] != "1" || len(d.Headers) != 1 ||
		strings.Join(d.Asks, " ") != "http" || strings.Join(d.Steps, " ") != "relay route.lua:4" || strings.Join(d.Auth, " ") != "auth.require: yes" {
		t.Errorf("%+v", a)
	}
	if d := b.Then; b.CallID != "b" || d.Code != 500 || strings.Join(d.Errors, " ") != "route.lua:9: oops" || len(d.Targets) > 0 {
		t.Errorf("%+v", b)
	}
	if list, _ := Collect(f.ring, 1); len(list) != 1 || list[0].CallID != "b" {
		t.Errorf("the last one: %+v", list)
	}
}

// hostile are messages of peers that wish no good.
func hostile() map[string]string {
	return map[string]string{
		"bytes":            "\x00\xff\xfe\x01 garbage\r\n\r\n",
		"no Call-ID":       strings.Replace(text("INVITE", "x"), "Call-ID: x\r\n", "", 1),
		"no Via":           "INVITE sip:b@example.com SIP/2.0\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: novia\r\nCSeq: 1 INVITE\r\n\r\n",
		"CSeq":             strings.Replace(text("INVITE", "y"), "CSeq: 1 INVITE", "CSeq: 99999999999 INVITE", 1),
		"another method":   strings.Replace(text("INVITE", "z"), "CSeq: 1 INVITE", "CSeq: 1 BYE", 1),
		"control":          text("INVITE", "c\x1b[31m"),
		"a URI":            strings.Replace(text("INVITE", "u"), "sip:bob@example.com SIP", "sip:%zz@[::1 SIP", 1),
		"hops":             strings.Replace(text("INVITE", "h"), "Max-Forwards: 70", "Max-Forwards: 0", 1),
		"many routes":      text("INVITE", "r", strings.Repeat("Route: <sip:10.0.0.1;lr>\r\n", 60)),
		"too long":         text("MESSAGE", "l", "X-Long: "+strings.Repeat("x", 9000)+"\r\n"),
		"a length":         strings.Replace(text("MESSAGE", "n"), "Content-Length: 0", "Content-Length: 99999", 1),
		"a method":         text("INV\"ITE", "m"),
		"a response alone": answerTo(text("INVITE", "q"), 200),
		"no end":           "INVITE sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/UDP h",
	}
}

// Hostile messages in a ring harm nobody: what can be sent to a server is replayed, the rest is
// left out.
func TestHostileRing(t *testing.T) {
	f := feed(t)
	for _, text := range hostile() {
		f.message(false, "10.0.1.9:5060", text)
	}
	f.message(false, "10.0.1.7:5060", text("OPTIONS", "good"))
	list, left := Collect(f.ring, 100)
	if left[tooLong] != 1 || left[unreadable] == 0 {
		t.Errorf("%v", left)
	}
	m := material(0, "")
	m.Requests = list
	r := replayed(t, m, `function route(req) req:reply(486) end`, `function route(req) req:reply(404) end`)
	if r.Kinds[Codes] == 0 || r.Requests+r.LeftOut[errUnplayable.Error()] != len(list) {
		t.Errorf("%s", r.Text())
	}
	for name, text := range hostile() { // also where nobody has looked at them before
		t.Run(name, func(t *testing.T) {
			m := material(1, "OPTIONS")
			m.Requests[0].Text = []byte(text)
			replayed(t, m, relays, relays)
		})
	}
}
