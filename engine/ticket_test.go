package engine_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
)

// What our signed Record-Route lets pass: the two parties of the dialog, as who they were in it, to
// each other, and nobody else anywhere (trap 38).

// within is what a script of one line does with a dialog.
func within(targets []*engine.Target) routerFunc {
	return func(r *engine.Request) error {
		if r.InDialog() {
			_, err := r.Relay(nil, nil)
			return err
		}
		if err := r.RecordRoute(engine.RouteParam{Name: "dir", Value: "In"}, engine.RouteParam{Name: "x", Value: "1"}); err != nil {
			return err
		}
		_, err := r.Relay(targets, nil)
		return err
	}
}

// pair is a dialog from 10.0.0.2 to 10.0.0.3, and what both sides know of it.
type pair struct {
	*bench
	alice, bob, carol, trunk *handset
	caller, callee           *call
}

const secretOfTickets = "tickets tickets tickets tickets!"

func ticketBench(t *testing.T, route routerFunc, change func(*engine.Config)) *bench {
	return newBenchWith(t, 1, route, func(c *engine.Config, _ *sim.World) {
		c.Secret = []byte(secretOfTickets)
		if change != nil {
			change(c)
		}
	})
}

// newPair makes the dialog by a 180, or the answer that code says.
func newPair(t *testing.T, b *bench, code int) *pair {
	p := &pair{bench: b, alice: b.phone("10.0.0.2:5060"), bob: b.phone("10.0.0.3:5060"), carol: b.phone("10.0.0.4:5060"), trunk: b.phone("10.0.0.9:5060")}
	c := p.alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	inv := p.bob.expect("INVITE")
	p.bob.reply(inv, 180, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
	res := p.alice.expect("180")
	if code != 180 {
		p.bob.reply(inv, code, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
		final := p.alice.expect(fmt.Sprint(code))
		if code < 300 {
			res = final
		} else {
			c.ack(final)
			p.bob.expect("ACK")
		}
	}
	tag := string(res.msg.ToTag())
	p.caller = &call{ph: p.alice, id: "c1", uri: "sip:bob@10.0.0.3:5060", toTag: tag, maxForward: "70", branch: 10, cseq: 10, extra: callersRoutes(res.msg)}
	p.callee = &call{ph: p.bob, id: "c1", uri: "sip:alice@10.0.0.2:5060", toTag: "a1", maxForward: "70", branch: 20, cseq: 20,
		from: "<sip:bob@example.com>;tag=" + tag, extra: "Route: " + strings.Join(elements(inv.msg, message.HeaderRecordRoute), ", ") + "\r\n"}
	return p
}

// outcome sends a request and says what came of it: "10.0.0.3" where it went on, or the code it was
// answered with; "" for neither.
func (p *pair) outcome(from *handset, text string) string {
	for _, ph := range []*handset{p.alice, p.bob, p.carol, p.trunk} {
		ph.got = nil
	}
	from.Send(proxyAddr, []byte(text))
	p.w.Run(400 * time.Millisecond)
	method, _, _ := strings.Cut(text, " ")
	for _, ph := range []*handset{p.alice, p.bob, p.carol, p.trunk} {
		for _, r := range ph.got {
			switch {
			case r.msg.IsRequest() && string(r.msg.MethodText()) == method:
				if method != "ACK" {
					ph.reply(r, 200, "")
				}
				p.w.Run(100 * time.Millisecond)
				return ph.Addr().Addr().String()
			case !r.msg.IsRequest() && r.msg.Status() > 100:
				return fmt.Sprint(r.msg.Status())
			}
		}
	}
	return ""
}

// rewritten is a request with parts replaced.
func rewritten(c *call, method string, oldnew ...string) string {
	text := c.request(method)
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(text, oldnew[i]) {
			panic("no " + oldnew[i] + " in " + text)
		}
	}
	return strings.NewReplacer(oldnew...).Replace(text)
}

func TestTrap38RecordRouteIsForItsTwoParties(t *testing.T) {
	const there, back = "10.0.0.3", "10.0.0.2"
	for _, c := range []struct {
		name   string
		code   int // how the INVITE ended
		callee bool
		method string
		change []string
		want   string
	}{
		{"the caller", 200, false, "INFO", nil, there},
		{"the callee", 200, true, "INFO", nil, back},
		{"the caller hangs up", 200, false, "BYE", nil, there},
		{"an early dialog", 180, false, "UPDATE", nil, there},
		{"an early dialog of the callee", 180, true, "UPDATE", nil, back},
		{"an ACK", 200, false, "ACK", nil, there},
		{"an extension method", 200, false, "FROBNICATE", nil, there},

		{"an invented To tag", 603, false, "INVITE", []string{"tag=tag-10.0.0.3-5060", "tag=x"}, "481"},
		{"an invented To tag of a callee", 603, true, "INVITE", []string{"To: <sip:alice@10.0.0.2:5060>;tag=a1", "To: <sip:alice@10.0.0.2:5060>;tag=x"}, "481"},
		{"an invented From tag", 200, false, "INFO", []string{"tag=a1", "tag=a2"}, "481"},
		{"another Call-ID", 200, false, "INFO", []string{"Call-ID: c1", "Call-ID: c2"}, "481"},
		{"another Request-URI", 200, false, "INVITE", []string{"INVITE sip:bob@10.0.0.3:5060", "INVITE sip:+900123@10.0.0.9:5060"}, "481"},
		{"another Request-URI of the callee", 200, true, "INVITE", []string{"INVITE sip:alice@10.0.0.2:5060", "INVITE sip:+900123@10.0.0.9:5060"}, "481"},
		{"a BYE elsewhere", 200, false, "BYE", []string{"BYE sip:bob@10.0.0.3:5060", "BYE sip:x@10.0.0.9:5060"}, "481"},
		{"an ACK elsewhere", 200, false, "ACK", []string{"ACK sip:bob@10.0.0.3:5060", "ACK sip:x@10.0.0.9:5060"}, ""},
		{"another next hop", 200, false, "INFO", []string{"\r\nContent-Length", "\r\nRoute: <sip:10.0.0.9:5060;lr>\r\nContent-Length"}, "481"},
		{"another user's From", 200, false, "INVITE", []string{"From: <sip:alice@", "From: <sip:carol@"}, "403"},
		{"another user's From in a MESSAGE", 200, true, "MESSAGE", []string{"From: <sip:bob@", "From: <sip:carol@"}, "403"},
		{"another domain's From (RFC 4916)", 200, true, "UPDATE", []string{"From: <sip:bob@example.com>", "From: <sip:bob@elsewhere.example>"}, back},
		{"a BYE with a strange From", 200, true, "BYE", []string{"From: <sip:bob@", "From: <sip:carol@"}, back},
		{"a REGISTER", 200, false, "REGISTER", nil, "481"},
		{"a PUBLISH", 200, true, "PUBLISH", nil, "481"},
		{"a changed parameter", 200, false, "INFO", []string{";x=1", ";x=2"}, "481"},
		{"one parameter less", 200, false, "INFO", []string{";x=1", ""}, "481"},
		{"one more", 200, false, "INFO", []string{";x=1", ";x=1;y=2"}, "481"},
		{"no ticket", 200, false, "INFO", []string{";s=", ";t="}, "481"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, ticketBench(t, within(to("sip:bob@10.0.0.3:5060")), nil), c.code)
			side, from := p.caller, p.alice
			if c.callee {
				side, from = p.callee, p.bob
			}
			if got := p.outcome(from, rewritten(side, c.method, c.change...)); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// Either party's ticket is of no use to the other, nor to the one who sees both.
func TestTrap38TicketsAreOfOneDirection(t *testing.T) {
	p := newPair(t, ticketBench(t, within(to("sip:bob@10.0.0.3:5060")), nil), 200)
	p.caller.extra, p.callee.extra = p.callee.extra, p.caller.extra
	for _, c := range []*call{p.caller, p.callee} {
		if got := p.outcome(c.ph, c.request("INFO")); got != "481" {
			t.Errorf("%s with the other's: %s", c.ph.Addr(), got)
		}
	}
}

// §19.1.4, and user agents that are worse: what comes back means the same in any spelling.
func TestTrap42RouteInAnySpelling(t *testing.T) {
	upper := func(s string) string {
		return strings.NewReplacer("SIP:", "sip:", "ROUTE:", "Route:").Replace(strings.ToUpper(s))
	}
	sorted := func(s string) string {
		head, tail, _ := strings.Cut(strings.TrimSuffix(s, ">\r\n"), ";")
		params := strings.Split(tail, ";")
		slices.Sort(params)
		return head + ";" + strings.Join(params, ";") + ">\r\n"
	}
	var seen []string
	p := newPair(t, ticketBench(t, func(r *engine.Request) error {
		if params, ours := r.RouteParams(); ours {
			seen = append(seen, paramText(params))
		}
		return within(to("sip:bob@10.0.0.3:5060"))(r)
	}, nil), 200)
	for name, spell := range map[string]func(string) string{
		"as it was": func(s string) string { return s },
		"capitals":  upper,
		"lower":     func(s string) string { return "Route" + strings.ToLower(s[5:]) },
		"sorted":    sorted,
		"reversed": func(s string) string {
			head, tail, _ := strings.Cut(strings.TrimSuffix(s, ">\r\n"), ";")
			params := strings.Split(tail, ";")
			slices.Reverse(params)
			return head + ";" + strings.Join(params, ";") + ">\r\n"
		},
		"lr=on":   func(s string) string { return strings.Replace(s, ";lr", ";lr=on", 1) },
		"spaces":  func(s string) string { return strings.Replace(s, "Route: <", "Route:   \"us\"  <", 1) },
		"compact": func(s string) string { return strings.Replace(s, "Route: ", "Route:", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, side := range []*call{p.caller, p.callee} {
				seen = nil
				c := *side
				c.extra, c.branch = spell(side.extra), side.branch+100
				side.branch++
				if got := p.outcome(c.ph, c.request("INFO")); got != "10.0.0.2" && got != "10.0.0.3" {
					t.Errorf("%s: %q for %s", c.ph.Addr(), got, c.extra)
				}
				if len(seen) != 1 || seen[0] != "dir=In x=1" {
					t.Errorf("parameters %q", seen)
				}
			}
		})
	}
}

func paramText(p message.Params) string {
	var list []string
	p.Each(func(name, value []byte) bool {
		list = append(list, strings.ToLower(string(name))+"="+string(value))
		return true
	})
	slices.Sort(list)
	return strings.Join(list, " ")
}

func TestTrap38TicketsEnd(t *testing.T) {
	for _, lifetime := range []time.Duration{0, 2 * time.Hour} {
		p := newPair(t, ticketBench(t, within(to("sip:bob@10.0.0.3:5060")), func(c *engine.Config) { c.RouteLifetime = lifetime }), 200)
		if lifetime == 0 {
			lifetime = 24 * time.Hour
		}
		p.w.Run(lifetime - time.Hour)
		if got := p.outcome(p.alice, p.caller.request("INFO")); got != "10.0.0.3" {
			t.Errorf("an hour before %v: %q", lifetime, got)
		}
		p.w.Run(time.Hour + time.Minute)
		p.caller.branch++
		if got := p.outcome(p.alice, p.caller.request("INFO")); got != "481" {
			t.Errorf("a minute after %v: %q", lifetime, got)
		}
	}
}

// A party that moves is followed (§12.2), by memory; after a restart those are reached who stayed
// where they were, and those who moved to where they had been seen.
func TestTargetsThatChange(t *testing.T) {
	for _, c := range []struct {
		name            string
		refresh         func(p *pair) string
		contact         string // of alice, from then on
		want, restarted string // where bob's request to it ends
	}{
		{"re-INVITE", func(p *pair) string {
			return p.outcome(p.alice, rewritten(p.caller, "INVITE", "<sip:alice@10.0.0.2:5060>\r\n", "<sip:alice@10.0.0.4:5060>\r\n"))
		}, "sip:alice@10.0.0.4:5060", "10.0.0.4", "481"},
		{"UPDATE", func(p *pair) string {
			return p.outcome(p.alice, rewritten(p.caller, "UPDATE", "<sip:alice@10.0.0.2:5060>\r\n", "<sip:alice@10.0.0.4:5060>\r\n"))
		}, "sip:alice@10.0.0.4:5060", "10.0.0.4", "481"},
		{"at the same address", func(p *pair) string {
			return p.outcome(p.alice, rewritten(p.caller, "UPDATE", "<sip:alice@10.0.0.2:5060>\r\n", "<sip:phone2@10.0.0.2:5060>\r\n"))
		}, "sip:phone2@10.0.0.2:5060", "10.0.0.2", "10.0.0.2"},
		{"INFO changes no target", func(p *pair) string {
			return p.outcome(p.alice, rewritten(p.caller, "INFO", "<sip:alice@10.0.0.2:5060>\r\n", "<sip:alice@10.0.0.4:5060>\r\n"))
		}, "sip:alice@10.0.0.4:5060", "481", "481"},
		{"in the answer", func(p *pair) string {
			p.bob.Send(proxyAddr, []byte(p.callee.request("UPDATE")))
			p.alice.reply(p.alice.expect("UPDATE"), 200, "Contact: <sip:alice@10.0.0.4:5060>\r\n")
			p.bob.expect("200")
			p.callee.branch++
			return "10.0.0.3"
		}, "sip:alice@10.0.0.4:5060", "10.0.0.4", "481"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, ticketBench(t, within(to("sip:bob@10.0.0.3:5060")), nil), 200)
			if got := c.refresh(p); got != "10.0.0.3" {
				t.Fatalf("the refresh itself: %q", got)
			}
			p.callee.uri, p.callee.branch = c.contact, p.callee.branch+1
			if got := p.outcome(p.bob, p.callee.request("INFO")); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			again := newPair(t, ticketBench(t, within(to("sip:bob@10.0.0.3:5060")), nil), 200)
			p.callee.ph, p.caller.ph = again.bob, again.alice
			if got := again.outcome(again.bob, p.callee.request("INFO")); got != c.restarted {
				t.Errorf("after a restart %q, want %q", got, c.restarted)
			}
			if got := again.outcome(again.alice, p.caller.request("INFO")); got != "10.0.0.3" {
				t.Errorf("to whom stayed after a restart: %q", got)
			}
		})
	}
}

// Each fork and each early dialog has a ticket of its own.
func TestTicketsOfForks(t *testing.T) {
	b := ticketBench(t, within(to("sip:bob@10.0.0.3:5060", "sip:carol@10.0.0.4:5060")), nil)
	alice, bob, carol := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060"), b.phone("10.0.0.4:5060")
	alice.call("c1", "sip:bob@example.com").send("INVITE")
	for _, ph := range []*handset{bob, carol} {
		inv := ph.expect("INVITE")
		for _, tag := range []string{"one", "two"} {
			ph.Answer(inv.p, message.AppendResponse(nil, inv.msg, 183, "", tag+ph.Addr().Addr().String(), []byte("Contact: <sip:"+tag+"@"+ph.Addr().String()+">\r\n"), nil))
			res := alice.expect("183")
			c := &call{ph: alice, id: "c1", uri: "sip:" + tag + "@" + ph.Addr().String(), toTag: string(res.msg.ToTag()), maxForward: "70", branch: int(ph.Addr().Addr().As4()[3]), cseq: 9, extra: callersRoutes(res.msg)}
			if tag == "two" {
				c.branch += 100
			}
			c.send("PRACK")
			ph.reply(ph.expect("PRACK "+c.uri), 200, "")
			alice.expect("200")
			c.uri, c.branch = "sip:x@10.0.0.9:5060", c.branch+200
			c.send("UPDATE")
			alice.expect("481")
		}
	}
}

// Peers of RFC 2543 have no tags: the ticket says so, and a tag that is invented is wrong.
func TestTicketsOfPeersWithoutTags(t *testing.T) {
	b := ticketBench(t, func(r *engine.Request) error {
		if _, ours := r.RouteParams(); ours {
			_, err := r.Relay(nil, nil)
			return err
		}
		return within(to("sip:bob@10.0.0.3:5060"))(r)
	}, nil)
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	inv := bob.expect("INVITE")
	text := string(message.AppendResponse(nil, inv.msg, 200, "", "gone", []byte("Contact: <sip:bob@10.0.0.3:5060>\r\n"), nil))
	bob.Send(proxyAddr, []byte(strings.Replace(text, ";tag=gone", "", 1)))
	ok := alice.expect("200")
	c.uri, c.branch, c.extra = "sip:bob@10.0.0.3:5060", 1, callersRoutes(ok.msg)
	c.send("BYE")
	bob.reply(bob.expect("BYE"), 200, "")
	alice.expect("200")
	c.branch, c.toTag = 2, "x"
	c.send("BYE")
	alice.expect("481")
}

// A router that knows better, as the registrar does where a phone registered again, lets a request
// pass whose target this process has forgotten.
func TestVouchForTarget(t *testing.T) {
	for _, vouch := range []bool{false, true} {
		asked := 0
		p := newPair(t, ticketBench(t, func(r *engine.Request) error {
			if uri, party, ok := r.Strayed(); ok {
				asked++
				if string(uri.Host) != "10.0.0.4" || string(party.User) != "bob" {
					t.Errorf("%s for %s", uri.Host, party.User)
				}
				if vouch {
					r.VouchForTarget()
				}
			}
			return within(to("sip:bob@10.0.0.3:5060"))(r)
		}, nil), 200)
		want := "481"
		if vouch {
			want = "10.0.0.4"
		}
		text := rewritten(p.caller, "INFO", "INFO sip:bob@10.0.0.3:5060", "INFO sip:bob@10.0.0.4:5060", "To: <sip:bob@10.0.0.3:5060>", "To: <sip:bob@example.com>")
		if got := p.outcome(p.alice, text); got != want || asked != 1 {
			t.Errorf("%q, want %q; asked %d times", got, want, asked)
		}
	}
}

// A request that passes here twice has two pairs of entries, each signed in its turn.
func TestTicketsOfASpiral(t *testing.T) {
	b := ticketBench(t, func(r *engine.Request) error {
		if r.InDialog() {
			_, err := r.Relay(nil, nil)
			return err
		}
		_ = r.RecordRoute()
		target := "sip:bob@10.0.0.3:5060"
		if uri, _ := message.ParseURI(r.Message().RequestURI()); string(uri.User) == "alias" {
			target = "sip:bob@10.0.0.1:5060"
		}
		_, err := r.Relay(to(target), nil)
		return err
	}, nil)
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c := alice.call("c1", "sip:alias@example.com")
	c.send("INVITE")
	inv := bob.expect("INVITE")
	bob.reply(inv, 200, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
	ok := alice.expect("200")
	if n := len(elements(ok.msg, message.HeaderRecordRoute)); n != 2 {
		t.Fatalf("%d entries", n)
	}
	c.uri, c.branch, c.extra, c.toTag = "sip:bob@10.0.0.3:5060", 1, callersRoutes(ok.msg), string(ok.msg.ToTag())
	c.send("ACK")
	bob.expect("ACK")
	d := &call{ph: bob, id: "c1", uri: "sip:alice@10.0.0.2:5060", toTag: "a1", maxForward: "70", branch: 50, cseq: 50, from: "<sip:alias@example.com>;tag=" + c.toTag,
		extra: "Route: " + strings.Join(elements(inv.msg, message.HeaderRecordRoute), ", ") + "\r\n"}
	d.send("BYE")
	alice.reply(alice.expect("BYE"), 200, "")
	bob.expect("200")
	b.quiet()
}

// The operator is told once per source and minute, of peers without a route set too.
func TestRefusedTicketsAreTold(t *testing.T) {
	for _, row := range []struct {
		name    string
		spoil   func(*call, string) string
		tickets uint64
		why     string
	}{
		{"a Record-Route of another call", func(c *call, method string) string {
			return rewritten(c, method, "Call-ID: c1", "Call-ID: c2")
		}, 5, "not signed for it"},
		{"no Route", func(c *call, method string) string {
			c.extra = ""
			return c.request(method)
		}, 0, "no Route of ours"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var log bytes.Buffer
			p := newPair(t, ticketBench(t, within(to("sip:bob@10.0.0.3:5060")), func(c *engine.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) }), 200)
			for range 5 {
				p.caller.branch++
				p.outcome(p.alice, row.spoil(p.caller, "INFO"))
			}
			told := 0
			for _, l := range strings.Split(log.String(), "\n") {
				if strings.Contains(l, "refused a request within a dialog") && strings.Contains(l, "level=WARN") && strings.Contains(l, "10.0.0.2") && strings.Contains(l, row.why) {
					told++
				}
			}
			if told != 1 || p.eng.Stats().Tickets != row.tickets {
				t.Errorf("told %d times, counted %d: %q", told, p.eng.Stats().Tickets, log.String())
			}
		})
	}
}
