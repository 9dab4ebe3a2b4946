package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// Things that cross: CANCEL, answers, timeouts, and callbacks that wait.

// A branch given up after which the request was refused: the 200 that crossed the CANCEL still goes
// on (§16.7 step 5).
func TestLateSuccessAfterTheFailureWentOut(t *testing.T) {
	b, c, bob, _ := trio(t, relayTo(to("sip:b@10.0.0.3:5060"), &engine.ForkOptions{Defaults: engine.Target{RingTimeout: 5 * time.Second}}))
	c.send("INVITE")
	ib := bob.expect("INVITE")
	bob.reply(ib, 180, "")
	c.ack(c.ph.expect("408"))
	bob.expect("CANCEL")
	bob.reply(ib, 200, bobsContact)
	c.ph.expect("200")
	bob.reply(ib, 200, bobsContact)
	c.ph.expect("200")
	b.quiet()
}

// The 200 crosses the CANCEL of a branch that was given up: nothing else was to be tried, and the
// caller gets the 200 and no failure before it (§16.7 step 5: one or the other). A phone that is
// there and says 487 costs no time.
func TestSuccessCrossesTheEndOfTheLastBranch(t *testing.T) {
	for _, code := range []int{200, 487} {
		b, c, bob, _ := trio(t, relayTo(to("sip:b@10.0.0.3:5060"), &engine.ForkOptions{Defaults: engine.Target{RingTimeout: 5 * time.Second}}))
		c.send("INVITE")
		ib := bob.expect("INVITE")
		bob.reply(ib, 180, "")
		cancel := bob.expect("CANCEL")
		bob.reply(cancel, 200, "")
		bob.reply(ib, code, bobsContact)
		r := c.ph.expect(map[int]string{200: "200", 487: "408"}[code])
		if r.at > cancel.at+100*time.Millisecond {
			t.Errorf("%d after %v", r.msg.Status(), r.at-cancel.at)
		}
		if code != 200 {
			c.ack(r)
		}
		b.quiet()
		if code == 200 && slices.Contains(c.ph.lines(), "408") {
			t.Errorf("the caller got %v", c.ph.lines())
		}
	}
}

// §9.1: no CANCEL before a provisional; and when the first thing that comes is the answer, none at
// all.
func TestCancelBeforeAnythingCameBack(t *testing.T) {
	for _, code := range []int{180, 200, 486} {
		b, c, bob, _ := trio(t, relayTo(to("sip:b@10.0.0.3:5060"), nil))
		c.send("INVITE")
		ib := bob.expect("INVITE")
		c.extra = "Reason: SIP;cause=600;text=\"Busy\"\r\n"
		c.send("CANCEL")
		b.w.Run(300 * time.Millisecond)
		if slices.ContainsFunc(bob.lines(), func(l string) bool { return strings.HasPrefix(l, "CANCEL") }) {
			t.Error("CANCEL before a provisional")
		}
		bob.reply(ib, code, bobsContact)
		if code == 180 {
			cancel := bob.expect("CANCEL")
			if got := string(cancel.msg.Header(message.HeaderReason)); got != "SIP;cause=600;text=\"Busy\"" {
				t.Errorf("Reason %q", got) // RFC 3326 §2
			}
			bob.reply(cancel, 200, "")
			bob.reply(ib, 487, "")
			c.ack(c.ph.expect("487"))
		} else if code == 200 {
			for r := c.ph.expect("200"); ; r = c.ph.expect("200") {
				if cs, _ := r.msg.CSeq(); cs.Method == message.MethodInvite {
					break
				}
			}
		} else {
			c.ack(c.ph.expect("486"))
		}
		b.quiet()
	}
}

// The callee is gone for good: the caller that cancelled has its 487 before its own patience (64*T1
// after its CANCEL, §9.1) is over.
func TestCancelOfASilentBranch(t *testing.T) {
	for _, rings := range []bool{false, true} {
		b, c, bob, _ := trio(t, relayTo(to("sip:b@10.0.0.3:5060"), nil))
		c.send("INVITE")
		ib := bob.expect("INVITE")
		if rings {
			bob.reply(ib, 180, "")
			c.ph.expect("180")
		}
		b.w.Run(5 * time.Second)
		c.send("CANCEL")
		cancelled := b.w.Elapsed()
		r := c.ph.expect("487")
		if d := r.at - cancelled; d >= 32*time.Second {
			t.Errorf("487 after %v", d)
		}
		c.ack(r)
		b.quiet()
	}
}

// A 200 that a callback delays while the caller cancels: it came first and wins.
func TestCancelWhileACallbackHoldsTheSuccess(t *testing.T) {
	var req *engine.Request
	b := newBench(t, 1, func(r *engine.Request) error {
		req = r
		_, err := r.Relay(to("sip:b@10.0.0.3:5060"), &engine.ForkOptions{OnResponse: func(*engine.Response) { _ = req.Sleep(2 * time.Second) }})
		return err
	})
	bob := b.phone("10.0.0.3:5060")
	c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
	c.send("INVITE")
	ib := bob.expect("INVITE")
	bob.reply(ib, 200, bobsContact)
	b.w.Run(time.Second)
	c.send("CANCEL")
	bob.reply(ib, 200, bobsContact)
	n := 0
	b.w.Run(5 * time.Second)
	for _, r := range c.ph.got {
		if cs, _ := r.msg.CSeq(); cs.Method == message.MethodInvite && r.msg.Status() == 200 {
			n++
		}
	}
	if n == 0 || slices.Contains(c.ph.lines(), "487") {
		t.Errorf("the caller got %v", c.ph.lines())
	}
	b.quiet()
}

// The branch's time is over while a callback holds its 200, or its 486: what came before the time
// was over counts.
func TestTimeoutWhileACallbackHoldsTheAnswer(t *testing.T) {
	for _, code := range []int{200, 486} {
		var req *engine.Request
		b := newBench(t, 1, func(r *engine.Request) error {
			req = r
			o := &engine.ForkOptions{Defaults: engine.Target{Timeout: 3 * time.Second}, OnResponse: func(*engine.Response) { _ = req.Sleep(5 * time.Second) }}
			_, err := r.Relay(to("sip:b@10.0.0.3:5060"), o)
			return err
		})
		bob := b.phone("10.0.0.3:5060")
		c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
		c.send("INVITE")
		bob.reply(bob.expect("INVITE"), code, bobsContact)
		if code == 200 {
			c.ph.expect("200")
		} else {
			c.ack(c.ph.expect("486"))
		}
		b.quiet()
		if slices.Contains(c.ph.lines(), "408") {
			t.Errorf("the caller got %v", c.ph.lines())
		}
	}
}

// While on_failure waits, the caller cancels: nothing more is tried, 487 goes out.
func TestCancelInsideOnFailure(t *testing.T) {
	var slept error
	b := newBench(t, 1, func(r *engine.Request) error {
		_, err := r.Relay(to("sip:b@10.0.0.3:5060"), &engine.ForkOptions{OnFailure: func(*engine.Response) {
			slept = r.Sleep(time.Minute)
			_, _ = r.Relay(to("sip:c@10.0.0.4:5060"), nil)
		}})
		return err
	})
	bob, carol := b.phone("10.0.0.3:5060"), b.phone("10.0.0.4:5060")
	c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
	c.send("INVITE")
	bob.reply(bob.expect("INVITE"), 486, "")
	b.w.Run(time.Second)
	c.send("CANCEL")
	r := c.ph.expect("48") // of what is known the 486 came off the wire
	if r.at > 3*time.Second {
		t.Errorf("%d after %v", r.msg.Status(), r.at)
	}
	c.ack(r)
	b.quiet()
	if slept != engine.ErrRequestOver || len(carol.got) != 0 {
		t.Errorf("slept: %v; carol got %v", slept, carol.lines())
	}
}

// A waiting on_branch that the caller's CANCEL overtakes sends nothing.
func TestCancelWhileOnBranchWaits(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		_, err := r.Relay(to("sip:b@10.0.0.3:5060"), &engine.ForkOptions{OnBranch: func(*engine.Branch) error {
			_, err := engine.Await(r, func(ctx context.Context) (int, error) { return 0, nil })
			_ = r.Sleep(time.Minute)
			return err
		}})
		return err
	})
	bob := b.phone("10.0.0.3:5060")
	c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
	c.send("INVITE")
	c.ph.expect("100")
	c.send("CANCEL")
	c.ack(c.ph.expect("487"))
	b.quiet()
	if len(bob.got) != 0 {
		t.Errorf("bob got %v", bob.lines())
	}
}

// Requests of both sides cross in a dialog along our Record-Route; each finds its way, and its
// answer finds back.
func TestDialogRequestsCross(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		if r.InDialog() {
			_, err := r.Relay(nil, nil)
			return err
		}
		_ = r.RecordRoute()
		_, err := r.Relay(to("sip:b@10.0.0.3:5060"), nil)
		return err
	})
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	ib := bob.expect("INVITE")
	rr := string(ib.msg.Header(message.HeaderRecordRoute))
	bob.reply(ib, 183, "RSeq: 1\r\nRequire: 100rel\r\n"+bobsContact)
	ringing := alice.expect("183").msg
	c.toTag = string(ringing.ToTag())
	c.extra, c.uri = callersRoutes(ringing), "sip:b@10.0.0.3:5060"
	d := &call{ph: bob, id: "c1", uri: "sip:alice@10.0.0.2:5060", from: "<sip:bob@example.com>;tag=" + c.toTag, toTag: "a1", maxForward: "70",
		extra: "Route: " + rr + "\r\n", cseq: 100, branch: 50}
	for i, pair := range [][2]string{{"PRACK", "UPDATE"}, {"UPDATE", "UPDATE"}, {"INFO", "INFO"}, {"INVITE", "INVITE"}, {"BYE", "BYE"}} {
		if i == 3 {
			bob.reply(ib, 200, bobsContact)
			alice.expect("200")
			c.cseq, c.branch = 0, 40
			c.send("ACK")
			bob.expect("ACK")
		}
		c.cseq, c.branch, d.cseq, d.branch = 10+i, 10+i, 110+i, 60+i
		c.send(pair[0])
		d.send(pair[1])
		atBob, atAlice := bob.expect(pair[0]+" sip:b@10.0.0.3:5060"), alice.expect(pair[1]+" sip:alice@10.0.0.2:5060")
		code := 200
		if pair[0] == "INVITE" {
			code = 491
		}
		bob.reply(atBob, code, bobsContact)
		alice.reply(atAlice, code, bobsContact)
		ra, rb := alice.expect(fmt.Sprint(code)), bob.expect(fmt.Sprint(code))
		if code == 491 {
			c.ack(ra)
			d.ack(rb)
		}
	}
	b.quiet()
}

// Shutdown ends what waits: a script that sleeps, and one in a callback.
func TestShutdownEndsWaitingScripts(t *testing.T) {
	var slept error
	ended := false
	b := newBench(t, 1, func(r *engine.Request) error {
		slept = r.Sleep(time.Hour)
		ended = true
		return nil
	})
	c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
	c.send("INVITE")
	c.ph.expect("100")
	b.w.Do(func() { b.eng.EndRequests() })
	c.ack(c.ph.expect("503"))
	b.w.Run(time.Second)
	if !ended || slept != engine.ErrRequestOver {
		t.Errorf("ended %v: %v", ended, slept)
	}
	b.quiet()
}

// What a router waits with ends with the request, or the engine would keep it for ever.
func TestContextOfARequestEnds(t *testing.T) {
	for _, code := range []int{200, 486} {
		var ctx context.Context
		b, c, bob, _ := trio(t, func(r *engine.Request) error {
			ctx = r.Context()
			_, err := r.Relay(to("sip:b@10.0.0.3:5060"), nil)
			return err
		})
		c.send("INVITE")
		ib := bob.expect("INVITE")
		if ctx.Err() != nil {
			t.Error("it ended before the request")
		}
		bob.reply(ib, code, bobsContact)
		r := c.ph.expect(fmt.Sprint(code))
		if code >= 300 {
			c.ack(r)
		}
		b.quiet()
		if ctx.Err() == nil {
			t.Errorf("%d: it never ended", code)
		}
	}
}

// A fork whose on_branch still waits when the first answer is held up by on_response: the script's
// wait for the outcome, which is not part of that callback, must not upset the order of responses,
// or later ones are never handled.
func TestForkWaitsBesideACallback(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		first := true
		late := &engine.Target{URI: "sip:d@10.0.0.5:5060", Delay: time.Minute}
		_, err := r.Fork([]*engine.Target{bobAndCarol[0], bobAndCarol[1], late}, &engine.ForkOptions{
			OnBranch: func(*engine.Branch) error {
				if !first {
					_ = r.Sleep(time.Second)
				}
				first = false
				return nil
			},
			OnResponse: func(*engine.Response) { _ = r.Sleep(2 * time.Second) },
		})
		return err
	})
	bob := b.phone("10.0.0.3:5060")
	b.phone("10.0.0.4:5060")
	c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
	c.send("INVITE")
	ib := bob.expect("INVITE")
	bob.reply(ib, 183, "")
	b.w.Run(1500 * time.Millisecond)
	bob.reply(ib, 200, bobsContact)
	c.ph.expect("200")
	bob.reply(ib, 200, bobsContact)
	c.ph.expect("200")
	b.quiet()
}

// A target whose turn to start comes when the request has ended, for on_branch held up the one
// before it, is not waited for.
func TestEndBeforeABranchBegins(t *testing.T) {
	for _, code := range []int{487, 603, 200} {
		begun := 0
		b := newBench(t, 1, func(r *engine.Request) error {
			targets := to("sip:b@10.0.0.3:5060", "sip:c@10.0.0.4:5060", "sip:d@10.0.0.5:5060", "sip:e@10.0.0.6:5060")
			targets[2].Delay = 20 * time.Second
			_, err := r.Relay(targets, &engine.ForkOptions{OnBranch: func(*engine.Branch) error {
				if begun++; begun == 2 {
					_ = r.Sleep(2 * time.Second)
				}
				return nil
			}})
			return err
		})
		bob := b.phone("10.0.0.3:5060")
		c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
		c.send("INVITE")
		ib := bob.expect("INVITE")
		if code == 487 {
			bob.reply(ib, 180, "")
			c.ph.expect("180")
			c.send("CANCEL")
			bob.reply(bob.expect("CANCEL"), 200, "")
			c.ph.expect("200")
		}
		bob.reply(ib, code, bobsContact)
		r := c.ph.expect(fmt.Sprint(code))
		if r.at > 3*time.Second {
			t.Errorf("%d after %v", code, r.at)
		}
		if code != 200 {
			c.ack(r)
		}
		b.w.Run(3*time.Second - b.w.Elapsed())
		if n := b.eng.Stats().InProgress; n != 0 || begun != 2 {
			t.Errorf("%d: %d in progress, %d branches begun", code, n, begun)
		}
		b.quiet()
	}
}

// A 200 that crossed the CANCEL of an expired branch comes while on_failure waits that was called
// for having nobody to ask: it goes on after that.
func TestSuccessWhileOnFailureOfNobodyWaits(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		if _, err := r.Fork(to("sip:b@10.0.0.3:5060"), &engine.ForkOptions{Defaults: engine.Target{RingTimeout: 5 * time.Second}}); err != nil {
			return err
		}
		_, err := r.Relay([]*engine.Target{}, &engine.ForkOptions{OnFailure: func(*engine.Response) { _ = r.Sleep(2 * time.Second) }})
		return err
	})
	bob := b.phone("10.0.0.3:5060")
	c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
	c.send("INVITE")
	ib := bob.expect("INVITE")
	bob.reply(ib, 180, "")
	bob.reply(bob.expect("CANCEL"), 200, "")
	bob.reply(ib, 200, bobsContact)
	c.ph.expect("200")
	b.quiet()
	if slices.Contains(c.ph.lines(), "408") {
		t.Errorf("the caller got %v", c.ph.lines())
	}
}
