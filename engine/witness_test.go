package engine_test

import (
	"fmt"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// witness notes what it sees.
type witness struct {
	saw    []string
	refuse bool // 2xx
	last   engine.Reach
}

func (w *witness) Sending(b *engine.Branch) {
	w.saw = append(w.saw, "to "+string(b.Message().RequestURI()))
}

func (w *witness) Answering(a *engine.Answer) bool {
	code := a.Message.Status()
	w.saw = append(w.saw, fmt.Sprint(code, a.Asked, a.Cause))
	if code < 300 {
		w.last = a.Reach()
	}
	return !w.refuse || code >= 300 || code < 200
}

func (w *witness) Ended(code int) { w.saw = append(w.saw, fmt.Sprint("end ", code)) }

// A witness sees what goes on, after the followers: a 2xx that one of them refused is a failure.
// One that it keeps itself is acknowledged each time it comes.
func TestWitness(t *testing.T) {
	refusing := &follower{responding: func(_ *engine.Request, res *engine.Response) {
		if res.Code() == 200 {
			res.Refuse(503, "media")
		}
	}}
	for _, row := range []struct {
		name     string
		w        witness
		follower *follower
		code     string // that the caller gets
		want     string
	}{
		{"answered", witness{}, nil, "200", "[to sip:bob@10.0.0.3:5060 180 1 200 1 end 200]"},
		{"refused by a follower", witness{}, refusing, "500", "[to sip:bob@10.0.0.3:5060 180 1 503 0media end 500]"},
		{"refused by itself", witness{refuse: true}, nil, "480", "[to sip:bob@10.0.0.3:5060 180 1 200 1 480 0cancelled end 480]"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := row.w
			b := newBench(t, 1, func(r *engine.Request) error {
				r.Witness(&w)
				if row.follower != nil {
					r.Follow(row.follower)
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
			bob.reply(inv, 180, "")
			alice.expect("180")
			bob.reply(inv, 200, "Contact: <sip:bob@10.0.0.3:5061>\r\n")
			res := alice.expect(row.code)
			if row.code != "200" {
				c.ack(res)
				bob.expect("ACK sip:bob@10.0.0.3:5061")
			}
			if row.follower != nil {
				bob.reply(bob.expect("BYE"), 200, "")
			}
			b.quiet()
			if got := fmt.Sprint(w.saw); got != row.want {
				t.Errorf("saw %s, want %s", got, row.want)
			}
			if row.follower == nil && w.last.URI != "sip:bob@10.0.0.3:5061" {
				t.Errorf("reached at %+v", w.last)
			}
		})
	}
}

// A request is ended from outside, whatever its router has decided.
func TestEnd(t *testing.T) {
	var req *engine.Request
	b := newBench(t, 1, func(r *engine.Request) error {
		req = r
		_, err := r.Relay(to("sip:bob@10.0.0.3:5060"), nil)
		return err
	})
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	inv := bob.expect("INVITE")
	bob.reply(inv, 180, "")
	alice.expect("180")
	b.w.Do(func() {
		if !req.End(480, "Q.850;cause=16", nil) || req.End(480, "", nil) {
			t.Error("ended twice, or not at all")
		}
	})
	cancel := bob.expect("CANCEL")
	if got := string(cancel.msg.Header(message.HeaderReason)); got != "Q.850;cause=16" {
		t.Errorf("Reason: %s", got)
	}
	bob.reply(cancel, 200, "")
	bob.reply(inv, 487, "")
	c.ack(alice.expect("480"))
	b.quiet()
}
