package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// What RFC 3261 §16.7 to §16.10 and RFC 4320 ask of responses on their way back.
// docs/conformance.md names these tests.

const bobsContact = "Contact: <sip:b@10.0.0.3:5060>\r\n"

// §16.7 step 3: a response with no Via but ours was meant for us. It goes no further; the branch
// counts as failed.
func TestResponseWithoutFurtherViaGoesNoFurther(t *testing.T) {
	for _, code := range []int{183, 200, 404} {
		b, c, bob, _ := trio(t, relayTo(to("sip:b@10.0.0.3:5060"), nil))
		c.send("INVITE")
		ib := bob.expect("INVITE")
		text := string(message.AppendResponse(nil, ib.msg, code, "", "x", nil, nil))
		head, rest, _ := strings.Cut(text, "\r\nVia: ")
		own, rest, _ := strings.Cut(rest, "\r\n")
		_, rest, _ = strings.Cut(rest, "\r\n") // the caller's
		bob.Answer(ib.p, []byte(head+"\r\nVia: "+own+"\r\n"+rest))
		if code < 200 {
			b.w.Run(time.Second)
			bob.reply(ib, 486, "")
		}
		r := c.ph.expect(map[int]string{183: "486", 200: "500", 404: "500"}[code])
		if len(elements(r.msg, message.HeaderVia)) != 1 {
			t.Errorf("the answer's Via: %q", elements(r.msg, message.HeaderVia))
		}
		c.ack(r)
		b.quiet()
	}
}

// §16.7 step 5: provisionals go on until a final response went out, after the caller's CANCEL too;
// then no more; 100 never.
func TestProvisionalsGoOnUntilTheFinal(t *testing.T) {
	b, c, bob, _ := trio(t, relayTo(to("sip:b@10.0.0.3:5060"), nil))
	c.send("INVITE")
	ib := bob.expect("INVITE")
	bob.reply(ib, 100, "X-Mine: no\r\n")
	bob.reply(ib, 180, "")
	c.ph.expect("180")
	c.send("CANCEL")
	bob.reply(bob.expect("CANCEL"), 200, "")
	bob.reply(ib, 183, "")
	c.ph.expect("183")
	bob.reply(ib, 487, "")
	c.ack(c.ph.expect("487"))
	bob.reply(ib, 180, "")
	for _, r := range c.ph.got {
		if r.msg.HeaderName("X-Mine") != nil {
			t.Error("a 100 went on")
		}
	}
	c.ph.got = nil
	b.quiet()
	if len(c.ph.got) != 0 {
		t.Errorf("after the final: %v", c.ph.lines())
	}
}

// §16.7 step 5: each 2xx to an INVITE goes on at once: of two branches, of two phones behind one
// branch, and when it comes again.
func TestEverySuccessGoesOn(t *testing.T) {
	b, c, bob, carol := trio(t, relayTo(bobAndCarol, nil))
	c.send("INVITE")
	ib, ic := bob.expect("INVITE"), carol.expect("INVITE")
	bob.reply(ib, 200, bobsContact)
	carol.reply(ic, 200, "Contact: <sip:c@10.0.0.4>\r\n")
	c.ph.expect("200")
	c.ph.expect("200")
	bob.Answer(ib.p, message.AppendResponse(nil, ib.msg, 200, "", "another", []byte(bobsContact), nil))
	if r := c.ph.expect("200"); string(r.msg.ToTag()) != "another" {
		t.Errorf("tag %s", r.msg.ToTag())
	}
	b.w.Run(10 * time.Second)
	bob.reply(ib, 200, bobsContact)
	carol.reply(ic, 200, "Contact: <sip:c@10.0.0.4>\r\n")
	c.ph.expect("200")
	c.ph.expect("200")
	b.quiet()
}

// on_response sees and edits each of them once: a second phone behind the branch, and one that
// answers after its branch was given up.
func TestOnResponseSeesEverySuccess(t *testing.T) {
	var seen []string
	o := &engine.ForkOptions{Order: engine.Serial, Defaults: engine.Target{ReplyTimeout: 2 * time.Second}, OnResponse: func(r *engine.Response) {
		seen = append(seen, fmt.Sprint(r.Code(), " ", string(r.Message().ToTag())))
		_ = r.SetHeader("X-Seen", "yes")
	}}
	b, c, bob, carol := trio(t, relayTo(bobAndCarol, o))
	c.send("INVITE")
	ib := bob.expect("INVITE")
	ic := carol.expect("INVITE")
	carol.reply(ic, 200, "Contact: <sip:c@10.0.0.4>\r\n")
	carol.Answer(ic.p, message.AppendResponse(nil, ic.msg, 200, "", "second", []byte(bobsContact), nil))
	bob.reply(ib, 200, bobsContact) // late: its branch was given up
	for range 2 {
		for range 3 {
			if r := c.ph.expect("200"); string(r.msg.HeaderName("X-Seen")) != "yes" {
				t.Errorf("unseen: %s", r.msg.ToTag())
			}
		}
		carol.reply(ic, 200, "Contact: <sip:c@10.0.0.4>\r\n") // and all of them again
		carol.Answer(ic.p, message.AppendResponse(nil, ic.msg, 200, "", "second", []byte(bobsContact), nil))
		bob.reply(ib, 200, bobsContact)
	}
	b.quiet()
	if len(seen) != 4 || seen[0] != "408 " { // what bob's branch counted as when it was given up
		t.Errorf("seen %q", seen)
	}
}

// §16.7 step 5: exactly one final response to a request that is not an INVITE.
func TestOneFinalToNonInvite(t *testing.T) {
	b, c, bob, carol := trio(t, relayTo(bobAndCarol, nil))
	c.send("MESSAGE")
	ib, ic := bob.expect("MESSAGE"), carol.expect("MESSAGE")
	bob.reply(ib, 200, "")
	carol.reply(ic, 200, "")
	c.ph.expect("200")
	b.quiet()
	if slices.Contains(c.ph.lines(), "200") {
		t.Error("a second 200")
	}
}

// §16.7 steps 5 and 10: after a 6xx nothing new starts, of a request that can't be cancelled
// either; a 2xx that was faster still wins.
func TestAfterSixHundredNothingStarts(t *testing.T) {
	ts := []*engine.Target{{URI: "sip:b@10.0.0.3:5060"}, {URI: "sip:c@10.0.0.4:5060", Delay: 5 * time.Second}}
	b, c, bob, carol := trio(t, relayTo(ts, nil))
	c.send("MESSAGE")
	bob.reply(bob.expect("MESSAGE"), 603, "")
	if r := c.ph.expect("603"); r.at > time.Second {
		t.Errorf("603 after %v", r.at)
	}
	b.quiet()
	if len(carol.got) != 0 {
		t.Errorf("carol got %v", carol.lines())
	}

	b, c, bob, carol = trio(t, relayTo(bobAndCarol, nil))
	c.send("INVITE")
	ib, ic := bob.expect("INVITE"), carol.expect("INVITE")
	carol.reply(ic, 180, "")
	c.ph.expect("180")
	bob.reply(ib, 600, "")
	carol.reply(ic, 200, "Contact: <sip:c@10.0.0.4>\r\n")
	c.ph.expect("200")
	b.quiet()
	if slices.Contains(c.ph.lines(), "600") {
		t.Error("the 600 went on beside the 200")
	}
}

// §16.7 step 6.
func TestBestResponse(t *testing.T) {
	for _, c := range []struct {
		codes [2]int
		want  string
	}{
		{[2]int{503, 486}, "486"}, {[2]int{404, 407}, "407"}, {[2]int{500, 302}, "302"}, {[2]int{486, 302}, "302"}, {[2]int{486, 603}, "603"},
		{[2]int{408, 486}, "486"}, {[2]int{487, 480}, "480"}, {[2]int{503, 501}, "501"}, {[2]int{404, 484}, "484"}, {[2]int{604, 302}, "604"},
	} {
		t.Run(c.want, func(t *testing.T) {
			b, cl, bob, carol := trio(t, relayTo(bobAndCarol, nil))
			cl.send("INVITE")
			ib, ic := bob.expect("INVITE"), carol.expect("INVITE")
			bob.reply(ib, c.codes[0], "")
			carol.reply(ic, c.codes[1], "")
			r := cl.ph.expect(c.want)
			if tag := string(r.msg.ToTag()); !strings.HasPrefix(tag, "tag-10.0.0.") {
				t.Errorf("%v: tag %s: it should be the callee's", c.codes, tag)
			}
			cl.ack(r)
			b.quiet()
		})
	}
}

// RFC 4320 §4.2: nothing is said to a non-INVITE that timed out, and it is not served a second time
// when it comes again.
func TestNonInviteThatTimedOutIsNotServedAgain(t *testing.T) {
	routed := 0
	b := newBench(t, 1, func(r *engine.Request) error {
		routed++
		_, err := r.Relay(to("sip:b@10.0.0.3:5060"), &engine.ForkOptions{Defaults: engine.Target{Timeout: 2 * time.Second}})
		return err
	})
	b.phone("10.0.0.3:5060")
	c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
	for _, at := range []time.Duration{0, 500, 1000, 2000, 4000, 4000} {
		b.w.Run(at * time.Millisecond)
		c.send("MESSAGE")
	}
	b.quiet()
	if routed != 1 || len(c.ph.got) != 0 {
		t.Errorf("routed %d times; the caller got %v", routed, c.ph.lines())
	}
}

// §16.7 step 4: contacts that were followed leave the 3xx, what was not followed stays, a contact
// tried before is not tried again.
func TestRedirectKeepsWhatWasNotFollowed(t *testing.T) {
	b, c, bob, carol := trio(t, relayTo(to("sip:b@10.0.0.3:5060"), &engine.ForkOptions{FollowRedirects: true}))
	c.send("INVITE")
	bob.reply(bob.expect("INVITE"), 302, "Contact: <sip:b@10.0.0.3:5060>, <mailto:b@x>;q=0.1, <sip:c@10.0.0.4:5060>\r\n")
	bob.expect("ACK")
	carol.reply(carol.expect("INVITE"), 486, "")
	r := c.ph.expect("302")
	if got := elements(r.msg, message.HeaderContact); !slices.Equal(got, []string{"<mailto:b@x>;q=0.1"}) {
		t.Errorf("contacts %q", got)
	}
	c.ack(r)
	b.quiet()
	if slices.Contains(bob.lines(), "INVITE sip:b@10.0.0.3:5060") {
		t.Error("bob was tried again")
	}
}

// §16.7 step 4: a redirect to nothing new is an answer like any other; and of a sips request none
// but sips contacts are followed.
func TestRedirectThatIsNotFollowed(t *testing.T) {
	for uri, contact := range map[string]string{"sip:bob@example.com": "<sip:b@10.0.0.3:5060>", "sips:bob@example.com": "<sip:c@10.0.0.4:5060>"} {
		t.Run(uri, func(t *testing.T) {
			b, c, bob, carol := trio(t, relayTo([]*engine.Target{{URI: "sip:b@10.0.0.3:5060"}}, &engine.ForkOptions{FollowRedirects: true}))
			c.uri = uri
			c.send("INVITE")
			bob.reply(bob.expect("INVITE"), 302, "Contact: "+contact+"\r\n")
			r := c.ph.expect("302")
			c.ack(r)
			b.quiet()
			if len(carol.got) != 0 {
				t.Errorf("%s: carol got %v", uri, carol.lines())
			}
		})
	}
}

// §16.7 step 10: a final response of the script's own ends what is pending, whatever its code.
func TestReplyOfTheScriptCancelsBranches(t *testing.T) {
	for _, code := range []int{200, 486} {
		var req *engine.Request
		o := &engine.ForkOptions{OnResponse: func(r *engine.Response) {
			if r.Code() == 180 {
				_, _ = req.Reply(code, "", nil)
			}
		}}
		b := newBench(t, 1, func(r *engine.Request) error {
			req = r
			_, err := r.Fork(bobAndCarol, o)
			return err
		})
		bob, carol := b.phone("10.0.0.3:5060"), b.phone("10.0.0.4:5060")
		c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
		c.send("INVITE")
		ib, ic := bob.expect("INVITE"), carol.expect("INVITE")
		bob.reply(ib, 183, "")
		c.ph.expect("183")
		carol.reply(ic, 180, "")
		r := c.ph.expect(fmt.Sprint(code))
		cancel := bob.expect("CANCEL")
		if cancel.at > time.Second {
			t.Errorf("%d: CANCEL after %v", code, cancel.at)
		}
		bob.reply(cancel, 200, "")
		bob.reply(ib, 487, "")
		carol.reply(carol.expect("CANCEL"), 200, "")
		carol.reply(ic, 487, "")
		if code >= 300 {
			c.ack(r)
		}
		b.quiet()
	}
}

// RFC 6026 §8.1: a response that matches no transaction of ours goes nowhere, a late 2xx either.
func TestStrayResponsesAreDropped(t *testing.T) {
	b, c, bob, _ := trio(t, relayTo(to("sip:b@10.0.0.3:5060"), nil))
	c.send("INVITE")
	ib := bob.expect("INVITE")
	bob.reply(ib, 486, "")
	c.ack(c.ph.expect("486"))
	b.quiet()
	c.ph.got = nil
	bob.reply(ib, 200, bobsContact)
	bob.reply(ib, 180, "")
	b.w.Run(time.Second)
	if len(c.ph.got) != 0 || b.eng.Stats().Strays != 2 {
		t.Errorf("the caller got %v; %d strays", c.ph.lines(), b.eng.Stats().Strays)
	}
}
