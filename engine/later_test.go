package engine_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
)

// A router may go on with a request after Route has returned: nobody takes that for its end.
func TestContinue(t *testing.T) {
	for _, row := range []struct {
		name string
		rest func(r *engine.Request) error
		want string
	}{
		{"an answer", func(r *engine.Request) error { _, err := r.Reply(299, "", nil); return err }, "299"},
		{"none", func(*engine.Request) error { return nil }, "500"},
		{"an error", func(*engine.Request) error { return errors.New("no") }, "500"},
		{"a panic", func(*engine.Request) error { panic("no") }, "500"},
		{"later still", func(r *engine.Request) error {
			if !r.Later() {
				t.Error("not later")
			}
			again(r, time.Second, func(r *engine.Request) error { _, err := r.Reply(298, "", nil); return err })
			return nil
		}, "298"},
		{"a fork", func(r *engine.Request) error {
			_, err := r.Relay(to("sip:b@10.0.0.3:5060"), nil)
			return err
		}, "404"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBench(t, 1, func(r *engine.Request) error {
				if r.Method() == message.MethodAck {
					return nil
				}
				if !r.Later() {
					t.Error("not later")
				}
				again(r, time.Second, row.rest)
				return nil
			})
			alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
			c := alice.call("c1", "sip:bob@example.com")
			c.send("INVITE")
			alice.expect("100")
			if row.want == "404" {
				bob.reply(bob.expect("INVITE"), 404, "")
				bob.expect("ACK")
			}
			c.ack(alice.expect(row.want))
			b.quiet()
		})
	}
	t.Run("cancelled meanwhile", func(t *testing.T) {
		ended := false
		b := newBench(t, 1, func(r *engine.Request) error {
			ctx := r.Context()
			again(r, time.Second, func(r *engine.Request) error {
				ended = ctx.Err() != nil
				if ok, err := r.Reply(299, "", nil); ok || err != nil {
					t.Errorf("it was answered: %v, %v", ok, err)
				}
				return nil
			})
			if !r.Later() {
				t.Error("not later")
			}
			return nil
		})
		alice := b.phone("10.0.0.2:5060")
		c := alice.call("c1", "sip:bob@example.com")
		c.send("INVITE")
		alice.expect("100")
		c.send("CANCEL")
		alice.expect("200")
		c.ack(alice.expect("487"))
		b.quiet()
		if !ended {
			t.Error("the context did not end")
		}
	})
	t.Run("not of an ACK, nor in a callback", func(t *testing.T) {
		var acks, callbacks int
		b := newBench(t, 1, func(r *engine.Request) error {
			if r.Method() == message.MethodAck {
				if acks++; r.Later() {
					t.Error("an ACK")
				}
				return nil
			}
			o := &engine.ForkOptions{OnResponse: func(*engine.Response) {
				if callbacks++; r.Later() {
					t.Error("a callback")
				}
			}}
			_, err := r.Relay(to("sip:b@10.0.0.3:5060"), o)
			return err
		})
		alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
		c := alice.call("c1", "sip:bob@example.com")
		c.send("INVITE")
		bob.reply(bob.expect("INVITE"), 200, "")
		c.ack(alice.expect("200"))
		b.w.Run(time.Minute)
		if acks == 0 || callbacks == 0 {
			t.Errorf("%d ACKs, %d callbacks", acks, callbacks)
		}
	})
}

// again continues a request after a time.
func again(r *engine.Request, d time.Duration, f func(*engine.Request) error) {
	r.Lane().After(d, new(lane.Timer), expiring(func() { r.Continue(func() error { return f(r) }) }))
}

type expiring func()

func (f expiring) Expire(*lane.Timer) { f() }
