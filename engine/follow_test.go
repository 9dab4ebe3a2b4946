package engine_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// follower is a Follower of functions; nil ones do nothing.
type follower struct {
	sending    func(*engine.Request, *engine.Branch) error
	responding func(*engine.Request, *engine.Response)
	ended      []int
}

func (f *follower) Sending(r *engine.Request, b *engine.Branch) error {
	if f.sending == nil {
		return nil
	}
	return f.sending(r, b)
}

func (f *follower) Responding(r *engine.Request, res *engine.Response) {
	if f.responding != nil {
		f.responding(r, res)
	}
}

func (f *follower) Ended(r *engine.Request) { f.ended = append(f.ended, r.Answered()) }

// following relays to the targets with f on the request, and the rest along our route.
func following(f engine.Follower, o *engine.ForkOptions, uris ...string) routerFunc {
	return func(r *engine.Request) error {
		if !r.InDialog() {
			if err := r.RecordRoute(); err != nil {
				return err
			}
			r.Follow(f)
			_, err := r.Relay(to(uris...), o)
			return err
		}
		_, err := r.Relay(nil, nil)
		return err
	}
}

// Followers see what the router's own callbacks made, may wait, and change what goes on.
func TestFollowersChangeWhatPasses(t *testing.T) {
	f := &follower{
		sending: func(r *engine.Request, b *engine.Branch) error {
			if err := r.Sleep(time.Second); err != nil {
				return err
			}
			return b.SetBody(append([]byte("sent "), b.Message().Body()...), "text/plain")
		},
		responding: func(r *engine.Request, res *engine.Response) {
			_ = r.Sleep(time.Second)
			if res.Branch() == nil {
				t.Errorf("%d: no branch", res.Code())
			}
			_ = res.SetBody(fmt.Appendf(nil, "%d %s", res.Code(), res.Message().Header(message.HeaderSubject)), "text/plain")
		},
	}
	o := &engine.ForkOptions{
		OnBranch:   func(b *engine.Branch) error { return b.SetBody([]byte("by the router"), "text/plain") },
		OnResponse: func(res *engine.Response) { _ = res.SetHeader("Subject", "seen") },
	}
	b := newBench(t, 1, following(f, o, "sip:bob@10.0.0.3:5060"))
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	inv := bob.expect("INVITE")
	if got := string(inv.msg.Body()); got != "sent by the router" || inv.at < time.Second {
		t.Errorf("sent %q at %s", got, inv.at)
	}
	bob.reply(inv, 180, "")
	bob.reply(inv, 200, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
	var got []string
	for _, code := range []string{"180", "200"} {
		got = append(got, string(alice.expect(code).msg.Body()))
	}
	if fmt.Sprint(got) != "[180 seen 200 seen]" {
		t.Errorf("answered %q", got)
	}
	b.quiet()
	if fmt.Sprint(f.ended) != "[200]" {
		t.Errorf("ended %v", f.ended)
	}
}

// What a follower says of a branch is its outcome, and the next target is tried.
func TestFollowersFailBranches(t *testing.T) {
	var causes []string
	f := &follower{
		sending: func(_ *engine.Request, b *engine.Branch) error {
			if strings.Contains(b.Target().URI, "10.0.0.3") {
				return &engine.BranchError{Code: 488, Cause: "media", Err: errors.New("no relay")}
			}
			return nil
		},
		responding: func(_ *engine.Request, res *engine.Response) {
			causes = append(causes, strings.TrimSpace(fmt.Sprintf("%d %s", res.Code(), res.Cause())))
		},
	}
	for _, row := range []struct {
		name    string
		targets []string
		code    string
		causes  string
	}{
		{"the only one", []string{"sip:bob@10.0.0.3:5060"}, "488", "[488 media]"},
		{"the first of two", []string{"sip:bob@10.0.0.3:5060", "sip:bob@10.0.0.4:5060"}, "486", "[488 media 486]"},
	} {
		t.Run(row.name, func(t *testing.T) {
			causes, f.ended = nil, nil
			b := newBench(t, 1, following(f, &engine.ForkOptions{Order: engine.Serial}, row.targets...))
			alice, bob, carol := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060"), b.phone("10.0.0.4:5060")
			c := alice.call("c1", "sip:bob@example.com")
			c.send("INVITE")
			if len(row.targets) > 1 {
				carol.reply(carol.expect("INVITE"), 486, "")
				carol.expect("ACK")
			}
			c.ack(alice.expect(row.code))
			b.quiet()
			if len(bob.got) != 0 || fmt.Sprint(causes) != row.causes {
				t.Errorf("bob got %v; outcomes %v", bob.lines(), causes)
			}
			if len(f.ended) != 1 {
				t.Errorf("ended %v", f.ended)
			}
		})
	}
}

// The callee of an answer that can't go on is told so: ACK and BYE, in the dialog as that side
// knows it, also when its 2xx comes again (RFC 3261 §13.2.2.4, §15); the caller gets the failure.
func TestRefusedAnswers(t *testing.T) {
	refuse := func(code int) *follower {
		return &follower{responding: func(_ *engine.Request, res *engine.Response) {
			if res.Code() == code {
				res.Refuse(503, "media")
			}
		}}
	}
	t.Run("a 200", func(t *testing.T) {
		f := refuse(200)
		b := newBench(t, 1, following(f, nil, "sip:bob@10.0.0.3:5060"))
		alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
		c := alice.call("c1", "sip:bob@example.com")
		c.send("INVITE")
		inv := bob.expect("INVITE")
		bob.reply(inv, 180, "")
		alice.expect("180")
		inv.msg.InsertTop(message.HeaderRecordRoute, []byte("<sip:10.0.0.3:5060;lr>, <sip:10.0.0.9;lr>"))
		ok := "Contact: <sip:bob@10.0.0.3:5061>\r\n"
		for range 2 {
			bob.reply(inv, 200, ok)
			ack := bob.expect("ACK sip:bob@10.0.0.3:5061")
			if got := fmt.Sprint(elements(ack.msg, message.HeaderRoute)); got != "[<sip:10.0.0.9;lr> <sip:10.0.0.3:5060;lr>]" {
				t.Errorf("Route %s", got)
			}
			wantParties(t, "ACK", ack.msg, aliceFrom, "a1", aliceTo, "tag-10.0.0.3-5060")
		}
		bye := bob.expect("BYE sip:bob@10.0.0.3:5061")
		wantParties(t, "BYE", bye.msg, aliceFrom, "a1", aliceTo, "tag-10.0.0.3-5060")
		if cs, _ := bye.msg.CSeq(); cs.Number != 2 {
			t.Errorf("CSeq of the BYE: %d", cs.Number)
		}
		bob.reply(bye, 200, "")
		c.ack(alice.expect("500"))
		b.quiet()
		if len(alice.got)+len(bob.got) != 0 || fmt.Sprint(f.ended) != "[500]" {
			t.Errorf("alice %v, bob %v, ended %v", alice.lines(), bob.lines(), f.ended)
		}
	})
	t.Run("a 200 to a masked INVITE", func(t *testing.T) {
		route := masking(false)
		b := newBench(t, 1, func(r *engine.Request) error { r.Follow(refuse(200)); return route(r) })
		alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
		c := alice.call("c1", "sip:bob@example.com")
		c.send("INVITE")
		bob.reply(bob.expect("INVITE"), 200, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
		ack := bob.expect("ACK")
		wantParties(t, "ACK", ack.msg, maskedFrom, "a1", maskedTo, "tag-10.0.0.3-5060")
		bob.reply(bob.expect("BYE"), 200, "")
		c.ack(alice.expect("500"))
		b.quiet()
	})
	t.Run("a 200 within a dialog", func(t *testing.T) {
		f := &follower{responding: func(_ *engine.Request, res *engine.Response) {
			if res.Code() == 200 {
				res.Refuse(481, "media")
			}
		}}
		b := newBench(t, 1, func(r *engine.Request) error {
			if r.InDialog() {
				if r.Method() == message.MethodInvite {
					r.Follow(f)
				}
				_, err := r.Relay(nil, nil)
				return err
			}
			if err := r.RecordRoute(); err != nil {
				return err
			}
			_, err := r.Relay(to("sip:bob@10.0.0.3:5060"), nil)
			return err
		})
		alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
		c := alice.call("c1", "sip:bob@example.com")
		c.send("INVITE")
		inv := bob.expect("INVITE")
		inv.msg.InsertTop(message.HeaderRecordRoute, []byte("<sip:10.0.0.3:5060;lr;next>"))
		bob.reply(inv, 200, "Contact: <sip:bob@10.0.0.9:5060>\r\n")
		ok := alice.expect("200")
		c.uri, c.branch, c.cseq, c.extra, c.toTag = "sip:bob@10.0.0.9:5060", 1, 1, callersRoutes(ok.msg), string(ok.msg.ToTag())
		c.send("INVITE")
		again := bob.expect("INVITE")
		bob.reply(again, 200, "Contact: <sip:bob@10.0.0.9:5061>\r\n")
		for _, method := range []string{"ACK", "BYE"} {
			m := bob.expect(method + " sip:bob@10.0.0.9:5061")
			if got := fmt.Sprint(elements(m.msg, message.HeaderRoute)); got != "[<sip:10.0.0.3:5060;lr;next>]" {
				t.Errorf("%s with Route %s", method, got)
			}
			if method == "BYE" {
				bob.reply(m, 200, "")
			}
		}
		c.ack(alice.expect("481"))
		b.quiet()
	})
	t.Run("a 183", func(t *testing.T) {
		b := newBench(t, 1, following(refuse(183), nil, "sip:bob@10.0.0.3:5060"))
		alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
		c := alice.call("c1", "sip:bob@example.com")
		c.send("INVITE")
		inv := bob.expect("INVITE")
		bob.reply(inv, 183, "")
		bob.reply(bob.expect("CANCEL"), 200, "")
		bob.reply(inv, 487, "")
		bob.expect("ACK")
		c.ack(alice.expect("500"))
		b.quiet()
		if len(alice.got) != 0 {
			t.Errorf("alice: %v", alice.lines())
		}
	})
	t.Run("a 200 after the branch was given up", func(t *testing.T) {
		f := refuse(200)
		b := newBench(t, 1, func(r *engine.Request) error {
			r.Follow(f)
			_, err := r.Relay([]*engine.Target{{URI: "sip:bob@10.0.0.3:5060", RingTimeout: 5 * time.Second}}, nil)
			return err
		})
		alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
		c := alice.call("c1", "sip:bob@example.com")
		c.send("INVITE")
		inv := bob.expect("INVITE")
		bob.reply(inv, 180, "")
		bob.reply(bob.expect("CANCEL"), 200, "")
		bob.reply(inv, 200, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
		bob.expect("ACK")
		bob.reply(bob.expect("BYE"), 200, "")
		c.ack(alice.expect("408"))
		b.quiet()
	})
}

// What is forwarded statelessly has no branches: with a follower it is relayed.
func TestFollowedRequestsAreRelayed(t *testing.T) {
	f := &follower{}
	b := newBench(t, 1, func(r *engine.Request) error {
		r.Follow(f)
		_, err := r.Forward(&engine.Target{URI: "sip:bob@10.0.0.3:5060"})
		return err
	})
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	alice.call("c1", "sip:bob@example.com").send("MESSAGE")
	bob.reply(bob.expect("MESSAGE"), 202, "")
	alice.expect("202")
	b.quiet()
	if fmt.Sprint(f.ended) != "[202]" {
		t.Errorf("ended %v", f.ended)
	}
}

// What a dialog carries comes back with the requests of both sides, and with nobody else's.
func TestDialogsCarry(t *testing.T) {
	for _, onBranch := range []bool{false, true} {
		t.Run(fmt.Sprintf("on the branch: %t", onBranch), func(t *testing.T) {
			var carried []string
			b := newBench(t, 1, func(r *engine.Request) error {
				if r.InDialog() {
					carried = append(carried, fmt.Sprintf("%s %s %s %t", r.Method(), r.Carried("m"), r.Carried("n"), r.ByCaller()))
					_, err := r.Relay(nil, nil)
					return err
				}
				if err := r.Carry("m", "early"); err == nil {
					t.Error("carried without a Record-Route")
				}
				if err := r.RecordRoute(); err != nil {
					return err
				}
				if err := r.Carry("m", "first"); err != nil {
					return err
				}
				if err := r.Carry("x", strings.Repeat("y", 300)); err == nil {
					t.Error("carried 300 bytes")
				}
				f := &follower{}
				if onBranch {
					f.sending = func(_ *engine.Request, b *engine.Branch) error { return b.Carry("m", "second") }
				}
				if err := r.Carry("n", "\x00\xff"); err != nil {
					return err
				}
				r.Follow(f)
				_, err := r.Relay(to("sip:bob@10.0.0.3:5060"), nil)
				return err
			})
			alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
			c := alice.call("c1", "sip:bob@example.com")
			c.send("INVITE")
			inv := bob.expect("INVITE")
			if rr := string(inv.msg.Header(message.HeaderRecordRoute)); strings.Contains(rr, "first") || strings.Contains(rr, "second") {
				t.Errorf("readable: %s", rr)
			}
			bob.reply(inv, 200, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
			ok := alice.expect("200")
			c.uri, c.branch, c.cseq, c.extra, c.toTag = "sip:bob@10.0.0.3:5060", 1, 1, callersRoutes(ok.msg), string(ok.msg.ToTag())
			c.send("INFO")
			bob.reply(bob.expect("INFO"), 200, "")
			alice.expect("200")
			d := &call{ph: bob, id: "c1", uri: "sip:alice@10.0.0.2:5060", toTag: "a1", maxForward: "70", branch: 50, cseq: 50, from: "<sip:bob@example.com>;tag=" + c.toTag,
				extra: "Route: " + strings.Join(elements(inv.msg, message.HeaderRecordRoute), ", ") + "\r\n"}
			d.send("BYE")
			alice.reply(alice.expect("BYE"), 200, "")
			bob.expect("200")
			c.branch, c.id = 2, "another"
			c.send("INFO")
			alice.expect("481")
			b.quiet()
			m := "first"
			if onBranch {
				m = "second"
			}
			want := []string{"INFO " + m + " \x00\xff true", "BYE " + m + " \x00\xff false", "INFO   false"}
			if fmt.Sprintf("%q", carried) != fmt.Sprintf("%q", want) {
				t.Errorf("carried %q, want %q", carried, want)
			}
		})
	}
}

// What a dialog carries open is not encrypted, unless something else is; in any letters it comes
// back, changed it does not.
func TestDialogsCarryOpen(t *testing.T) {
	const id = "\x01\x02\x03\x04\x05\x06\x07\x08\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8"
	for _, row := range []struct {
		name string
		also func(r *engine.Request) error // beside the id
		open bool
		want string // of what is carried beside it
	}{
		{"alone", nil, true, ""},
		{"two", func(r *engine.Request) error { return r.CarryOpen("n", id) }, true, id},
		{"with a secret", func(r *engine.Request) error { return r.Carry("n", "secret") }, false, "secret"},
		{"no more with a secret", func(r *engine.Request) error { return errors.Join(r.Carry("n", "secret"), r.Carry("n", "")) }, true, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			var carried []string
			b := newBench(t, 1, func(r *engine.Request) error {
				if r.InDialog() {
					carried = append(carried, fmt.Sprintf("%s %q %q %t", r.Method(), r.Carried("m"), r.Carried("n"), r.ByCaller()))
					_, err := r.Relay(nil, nil)
					return err
				}
				if err := r.CarryOpen("m", id); err == nil {
					t.Error("carried without a Record-Route")
				}
				if err := errors.Join(r.RecordRoute(), r.CarryOpen("m", id)); err != nil {
					return err
				}
				if row.also != nil {
					if err := row.also(r); err != nil {
						return err
					}
				}
				_, err := r.Relay(to("sip:bob@10.0.0.3:5060"), nil)
				return err
			})
			alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
			c := alice.call("c1", "sip:bob@example.com")
			c.send("INVITE")
			inv := bob.expect("INVITE")
			rr := string(inv.msg.Header(message.HeaderRecordRoute))
			_, state, _ := strings.Cut(rr, ";ds=")
			state, _, _ = strings.Cut(state, ">")
			if strings.HasPrefix(state, "o") != row.open || row.open && row.want == "" && len(state) > 41 {
				t.Errorf("want open: %t, and that in 41 characters: %s", row.open, rr)
			}
			bob.reply(inv, 200, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
			ok := alice.expect("200")
			route := callersRoutes(ok.msg)
			c.uri, c.branch, c.cseq, c.extra, c.toTag = "sip:bob@10.0.0.3:5060", 1, 1, route, string(ok.msg.ToTag())
			c.send("INFO")
			bob.reply(bob.expect("INFO"), 200, "")
			alice.expect("200")
			at := strings.Index(route, ";ds=") + 4
			c.extra, c.branch, c.cseq = route[:at]+strings.ToUpper(route[at:at+len(state)])+route[at+len(state):], 2, 2
			c.send("INFO")
			bob.reply(bob.expect("INFO"), 200, "")
			alice.expect("200")
			other := byte('b')
			if last := route[at+len(state)-2]; last == other {
				other = 'c'
			}
			c.extra, c.branch, c.cseq = route[:at+len(state)-2]+string(other)+route[at+len(state)-1:], 3, 3
			c.send("INFO")
			alice.expect("481")
			c.extra, c.branch, c.cseq = route[:at]+"o"+route[at:], 4, 4
			c.send("INFO")
			alice.expect("481")
			d := &call{ph: bob, id: "c1", uri: "sip:alice@10.0.0.2:5060", toTag: "a1", maxForward: "70", branch: 50, cseq: 50, from: "<sip:bob@example.com>;tag=" + c.toTag,
				extra: "Route: " + strings.Join(elements(inv.msg, message.HeaderRecordRoute), ", ") + "\r\n"}
			d.send("BYE")
			alice.reply(alice.expect("BYE"), 200, "")
			bob.expect("200")
			b.quiet()
			want := fmt.Sprintf("[INFO %[1]q %[2]q true INFO %[1]q %[2]q true INFO \"\" \"\" false INFO \"\" \"\" false BYE %[1]q %[2]q false]", id, row.want)
			if fmt.Sprint(carried) != want {
				t.Errorf("carried %v, want %s", carried, want)
			}
		})
	}
}
