package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// What is none of a proxy's business passes byte for byte (RFC 3261 §16.3 step 1), and what can't
// pass is answered.

// strange are headers that occur twice, or say nothing that could be read.
var strange = map[string]string{
	"two Server":               "Server: a\r\nServer: b\r\n",
	"two Date":                 "Date: Fri, 01 Jan 2010 16:00:00 EST\r\nDate: yesterday\r\n",
	"two Organization":         "Organization: a\r\nOrganization: a\r\n",
	"two Session-Expires":      "Session-Expires: 1800\r\nx: 90;refresher=uac\r\n",
	"two Content-Type":         "c: text/plain\r\nContent-Type: application/sdp\r\n",
	"malformed Contact":        "Contact: \"alice <sip:alice\r\n",
	"a comma after Contact":    "Contact: <sip:alice@10.0.0.2>,\r\n",
	"malformed Record-Route":   "Record-Route: <sip:p1\r\n",
	"malformed Path":           "Path: \"x\r\nPath: ,,\r\n",
	"malformed Service-Route":  "Service-Route: <>\r\n",
	"a header without a value": "Supported:\r\nAllow: ,\r\n",
	"credentials of nobody":    "Authorization: Digest\r\nAuthorization: Digest ,,=\r\n",
	"many Contacts":            "Contact: " + strings.Repeat("<sip:a@h>,", 200) + "<sip:a@h>\r\n",
}

func TestStrangeHeadersPass(t *testing.T) {
	for name, headers := range strange {
		for _, method := range []string{"INVITE", "MESSAGE", "REGISTER"} {
			t.Run(name+" in "+method, func(t *testing.T) {
				b, c, bob, _ := trio(t, relayTo(bobAndCarol[:1], nil))
				c.extra = headers
				c.send(method)
				r := bob.expect(method)
				if !strings.Contains(string(r.msg.AppendTo(nil)), headers) {
					t.Errorf("the request was changed:\n%s", r.msg.AppendTo(nil))
				}
				bob.reply(r, 404, headers)
				res := c.ph.expect("404")
				if !strings.Contains(string(res.msg.AppendTo(nil)), headers) {
					t.Errorf("the response was changed:\n%s", res.msg.AppendTo(nil))
				}
				if method == "INVITE" {
					c.ack(res)
				}
				b.quiet()
			})
		}
	}
}

// Strange headers of a 200 don't keep a call from being made.
func TestStrangeHeadersOfASuccessPass(t *testing.T) {
	for name, headers := range strange {
		t.Run(name, func(t *testing.T) {
			b, c, bob, _ := trio(t, func(r *engine.Request) error {
				_ = r.RecordRoute()
				_, err := r.Relay(bobAndCarol[:1], nil)
				return err
			})
			c.send("INVITE")
			bob.reply(bob.expect("INVITE"), 200, headers)
			if res := c.ph.expect("200"); !strings.Contains(string(res.msg.AppendTo(nil)), headers) {
				t.Errorf("the response was changed:\n%s", res.msg.AppendTo(nil))
			}
			b.quiet()
		})
	}
}

// Max-Forwards means nothing in a response, and a long line of one can't be complained of to
// anybody.
func TestStrangeResponsesPass(t *testing.T) {
	for name, headers := range map[string]string{
		"Max-Forwards": "Max-Forwards: x\r\nMax-Forwards: -1\r\n",
		"Route":        "Route: <sip:>,\r\n",
		"a long line":  "X-Long: " + strings.Repeat("x", 20000) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			b, c, bob, _ := trio(t, relayTo(bobAndCarol[:1], nil))
			c.send("OPTIONS")
			bob.reply(bob.expect("OPTIONS"), 200, headers)
			if res := c.ph.expect("200"); !strings.Contains(string(res.msg.AppendTo(nil)), headers) {
				t.Error("the response was changed")
			}
			b.quiet()
		})
	}
}

// A tag that occurs twice is one; two tags are an error (message: TestValidate).
func TestTheSameTagTwice(t *testing.T) {
	b, c, bob, _ := trio(t, relayTo(bobAndCarol[:1], nil))
	twice := func(m *message.Message, text string) []byte {
		return []byte(strings.Replace(text, ";tag=t\r\n", ";tag=t;tag=t\r\n", 1))
	}
	c.send("INVITE")
	r := bob.expect("INVITE")
	bob.Answer(r.p, twice(r.msg, string(message.AppendResponse(nil, r.msg, 486, "", "t", nil, nil))))
	c.ack(c.ph.expect("486"))
	bob.expect("ACK")
	b.quiet()
}

// A final response that can't be sent on ends its branch at once, with a 502.
func TestAFinalResponseThatCannotBeReadIs502(t *testing.T) {
	many := strings.Repeat("X: y\r\n", 257)
	for _, row := range []struct {
		name, method string
		code         int
		spoil        func(text string) string
		acked        bool
	}{
		{"257 headers", "OPTIONS", 200, func(s string) string { return strings.Replace(s, "Content-Length", many+"Content-Length", 1) }, false},
		{"257 headers of a 486", "INVITE", 486, func(s string) string { return strings.Replace(s, "Content-Length", many+"Content-Length", 1) }, true},
		{"257 headers of a 200", "INVITE", 200, func(s string) string { return strings.Replace(s, "Content-Length", many+"Content-Length", 1) }, false},
		{"two different tags", "INVITE", 404, func(s string) string { return strings.Replace(s, ";tag=", ";tag=other;tag=", 1) }, true},
		{"no Call-ID", "OPTIONS", 200, func(s string) string { return strings.Replace(s, "Call-ID", "X", 1) }, false},
		{"a control character", "OPTIONS", 200, func(s string) string { return strings.Replace(s, "Call-ID", "X: \x01\r\nCall-ID", 1) }, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			b, c, bob, carol := trio(t, relayTo(bobAndCarol, &engine.ForkOptions{Order: engine.Serial}))
			c.send(row.method)
			r := bob.expect(row.method)
			text := row.spoil(string(message.AppendResponse(nil, r.msg, row.code, "", "t", nil, nil)))
			bob.Answer(r.p, []byte(text))
			if row.acked {
				bob.expect("ACK")
				bob.Answer(r.p, []byte(text)) // the ACK was lost
				bob.expect("ACK")
			}
			carol.reply(carol.expect(row.method), 480, "")
			res := c.ph.expect("480")
			if at := b.w.Elapsed().Seconds(); at > 1 {
				t.Errorf("answered after %.1f s", at)
			}
			if row.method == "INVITE" {
				c.ack(res)
				carol.expect("ACK")
			}
			if b.quiet(); !row.acked && len(bob.got) > 0 && row.method == "INVITE" {
				for _, line := range bob.lines() {
					if strings.HasPrefix(line, "ACK") {
						t.Error("a 200 that was not passed was acknowledged")
					}
				}
			}
		})
	}
}

// What is wrong with a provisional response, or with one that is cut off (§18.3), waits for the
// next.
func TestAResponseThatIsDroppedEndsNothing(t *testing.T) {
	b, c, bob, _ := trio(t, relayTo(bobAndCarol[:1], nil))
	c.send("INVITE")
	r := bob.expect("INVITE")
	ok := string(message.AppendResponse(nil, r.msg, 200, "", "t", nil, []byte("v=0")))
	bob.Answer(r.p, []byte(strings.Replace(ok, "200 OK", "180 Ringing", 1)[:len(ok)-20]))
	bob.Answer(r.p, []byte(ok[:len(ok)-1]))
	bob.Answer(r.p, []byte(ok))
	c.ph.expect("200")
	if n := b.eng.Stats().BadMessages; n != 2 {
		t.Error(fmt.Sprint(n, " were counted"))
	}
	b.quiet()
}
