package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// What a redirect tells of the call's way goes on to where it leads, and what the request told
// stays (RFC 7044 §9, RFC 5806 §5).
func TestRedirectsKeepTheHistory(t *testing.T) {
	const (
		first     = "<sip:bob@example.com>;index=1"
		second    = "<sip:bob@10.0.0.3>;index=1.1;rc=1"
		third     = "<sip:bob@10.0.0.3?Reason=SIP%3Bcause%3D302>;index=1.1;rc=1"
		diverted  = "<sip:bob@example.com>;reason=unconditional"
		diverted0 = "<sip:early@example.com>;reason=no-answer"
	)
	for _, tt := range []struct {
		name, request, answer string
		history, diversion    []string
	}{
		{"the answer's", "", "History-Info: " + first + "\r\nHistory-Info: " + second + "\r\nDiversion: " + diverted + "\r\n",
			[]string{first, third, "<sip:carol@10.0.0.4:5060>;index=1.2;mp=1.1"}, []string{diverted}},
		{"both, once", "History-Info: " + first + "\r\nDiversion: " + diverted0 + "\r\n",
			"History-Info: " + first + ", " + second + "\r\nDiversion: " + diverted + ", " + diverted0 + "\r\n",
			[]string{first, third, "<sip:carol@10.0.0.4:5060>;index=1.2;mp=1.1"}, []string{diverted, diverted0}},
		{"the request's", "History-Info: " + first + "\r\nDiversion: " + diverted0 + "\r\n", "",
			[]string{"<sip:bob@example.com?Reason=SIP%3Bcause%3D302>;index=1", "<sip:carol@10.0.0.4:5060>;index=2;mp=1"}, []string{diverted0}},
		{"folded", "", "Diversion: <sip:bob@example.com>\r\n ;reason=unconditional\r\n", nil, []string{"<sip:bob@example.com> ;reason=unconditional"}},
		{"none", "", "", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, 1, relayTo(to("sip:bob@10.0.0.3:5060"), &engine.ForkOptions{FollowRedirects: true}))
			alice, bob, carol := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060"), b.phone("10.0.0.4:5060")
			c := alice.call("c1", "sip:bob@example.com")
			c.extra = tt.request
			c.send("INVITE")
			bob.reply(bob.expect("INVITE"), 302, "Contact: <sip:carol@10.0.0.4:5060>;mp=1.1\r\n"+tt.answer)
			inv := carol.expect("INVITE")
			for id, want := range map[message.HeaderID][]string{message.HeaderHistoryInfo: tt.history, message.HeaderDiversion: tt.diversion} {
				t.Run(fmt.Sprint(id), func(t *testing.T) {
					var got []string
					for all := inv.msg.Elements(id); all.Next(); {
						got = append(got, string(all.Value))
					}
					if strings.Join(got, "\n") != strings.Join(want, "\n") {
						t.Errorf("%s:\n%s\nwant\n%s", id, strings.Join(got, "\n"), strings.Join(want, "\n"))
					}
				})
			}
		})
	}
}

// A second redirect goes on from what the first one said.
func TestRedirectsKeepTheHistoryOfAll(t *testing.T) {
	b := newBench(t, 1, relayTo(to("sip:bob@10.0.0.3:5060"), &engine.ForkOptions{FollowRedirects: true}))
	alice, bob, carol, dave := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060"), b.phone("10.0.0.4:5060"), b.phone("10.0.0.5:5060")
	alice.call("c1", "sip:bob@example.com").send("INVITE")
	bob.reply(bob.expect("INVITE"), 302, "Contact: <sip:carol@10.0.0.4:5060>\r\nDiversion: <sip:bob@example.com>\r\n")
	carol.reply(carol.expect("INVITE"), 302, "Contact: <sip:dave@10.0.0.5:5060>\r\nDiversion: <sip:carol@example.com>\r\n")
	inv := dave.expect("INVITE")
	var got []string
	for all := inv.msg.Elements(message.HeaderDiversion); all.Next(); {
		got = append(got, string(all.Value))
	}
	if want := "<sip:carol@example.com> <sip:bob@example.com>"; strings.Join(got, " ") != want {
		t.Errorf("Diversion %q, want %q", got, want)
	}
}

// A 2xx that needs a Contact has ours, unless the router gives one (§12.1.1).
func TestOwnContactOfA2xx(t *testing.T) {
	for _, tt := range []struct {
		method string
		code   int
		given  string
		want   string
	}{
		{"INVITE", 200, "", "<sip:bob@" + proxyAddr + ">"},
		{"INVITE", 200, "<sip:me@10.0.0.1>", "<sip:me@10.0.0.1>"},
		{"INVITE", 486, "", ""},
		{"SUBSCRIBE", 202, "", "<sip:bob@" + proxyAddr + ">"},
		{"REFER", 202, "", "<sip:bob@" + proxyAddr + ">"},
		{"OPTIONS", 200, "", ""},
		{"MESSAGE", 200, "", ""},
		{"REGISTER", 200, "", ""},
	} {
		t.Run(tt.method+" "+tt.given, func(t *testing.T) {
			b := newBench(t, 1, func(r *engine.Request) error {
				o := &engine.ReplyOptions{}
				if tt.given != "" {
					o.Headers = []engine.HeaderEdit{{Name: "m", Values: []string{tt.given}}}
				}
				_, err := r.Reply(tt.code, "", o)
				return err
			})
			alice := b.phone("10.0.0.2:5060")
			alice.call("c1", "sip:bob@example.com").send(tt.method)
			res := alice.expect(fmt.Sprint(tt.code))
			if got := string(res.msg.Header(message.HeaderContact)); got != tt.want {
				t.Errorf("Contact %q, want %q", got, tt.want)
			}
		})
	}
}
