package dialog_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

// The caller hears each of those who ring, in a dialog of its own; the 2xx is in the dialog of who
// has answered, with the description that it had.
func TestEarlyEach(t *testing.T) {
	for _, c := range []struct {
		name   string
		second bool // the second one has early media
		wins   int  // who answers
	}{{"the first", true, 0}, {"the second", true, 1}, {"one that was not heard", false, 1}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 601)
			alice, bob, carol := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060"), b.phone("carol", "10.0.3.1:5060")
			b.joins(dialog.DialOptions{Early: dialog.EarlyEach}, bobURI, carolURI)
			o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
			ins := []*phone.Incoming{b.got(bob, "INVITE", 1), b.got(carol, "INVITE", 1)}
			b.reply(ins[0], 183, phone.Reply{Media: own})
			if c.second {
				b.reply(ins[1], 183, phone.Reply{Media: own})
			}
			b.w.Run(time.Second)
			b.reply(ins[0], 183, phone.Reply{Media: own}) // again
			b.w.Run(time.Second)
			tags := map[string]string{} // by address
			for _, a := range o.Answers {
				for i, ip := range []string{"10.0.2.1", "10.0.3.1"} {
					if !bytes.Contains(a.Msg.Body(), []byte("c=IN IP4 "+ip)) {
						continue
					}
					if was := tags[ip]; was != "" && was != string(a.Msg.ToTag()) {
						t.Errorf("%d is in two dialogs", i)
					}
					tags[ip] = string(a.Msg.ToTag())
				}
			}
			if len(tags) != map[bool]int{true: 2, false: 1}[c.second] || tags["10.0.2.1"] == tags["10.0.3.1"] {
				t.Errorf("dialogs: %v", tags)
			}
			b.reply(ins[c.wins], 200, phone.Reply{Media: own})
			ip := fmt.Sprintf("10.0.%d.1", c.wins+2)
			res := b.answered(o, 200)
			has(t, "the 200", res, ip)
			if got := string(res.ToTag()); tags[ip] != "" && got != tags[ip] || tags[ip] == "" && got == tags["10.0.2.1"] {
				t.Errorf("the 200 is in the dialog %s of %v", got, tags)
			}
			winner, loser := bob, carol
			if c.wins == 1 {
				winner, loser = carol, bob
			}
			b.got(loser, "CANCEL", 1)
			b.answered(o.Dialog().Send(phone.Spec{Method: "OPTIONS"}), 200)
			b.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			b.reply(b.got(winner, "BYE", 1), 200, phone.Reply{})
			b.over()
		})
	}
}

// A request of the owner's own, and its answer; a party that knows nothing of the call has left.
func TestSend(t *testing.T) {
	x := newThree(t, 602)
	var got *engine.Response
	send := func(m dialog.Message) (err error) {
		x.does(func(*lane.Lane) { err = x.a.Send(m, func(res *engine.Response) { got = res }) })
		return err
	}
	if send(dialog.Message{Method: "BYE"}) != dialog.ErrOwnMethod {
		t.Error("a BYE")
	}
	if send(dialog.Message{Method: "INFO", Headers: with("Via", "x")}) == nil {
		t.Error("a Via")
	}
	if err := send(dialog.Message{Method: "MESSAGE", Headers: with("Subject", "end"), Body: []byte("one minute left"), ContentType: "text/plain"}); err != nil {
		t.Fatal(err)
	}
	in := x.got(x.alice, "MESSAGE", 1)
	if string(in.Msg.Body()) != "one minute left" || string(in.Msg.HeaderName("Subject")) != "end" {
		t.Errorf("a MESSAGE:\n%s", in.Msg.Original())
	}
	x.reply(in, 202, phone.Reply{})
	x.w.Run(time.Second)
	if got == nil || got.Code() != 202 {
		t.Errorf("the answer: %v", got)
	}
	_ = send(dialog.Message{Method: "INFO"})
	x.reply(x.got(x.alice, "INFO", 1), 481, phone.Reply{})
	x.w.Run(time.Second)
	if got.Code() != 481 || x.a.Why() != dialog.WhyLost {
		t.Errorf("the answer: %v, and the leg: %s", got, x.a.Why())
	}
	if send(dialog.Message{Method: "INFO"}) != dialog.ErrState {
		t.Error("after the end")
	}
	x.settle(x.alice, x.bob)
	x.over()
}
