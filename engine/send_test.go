package engine_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transport"
)

// A request of our own, from a handler and from the background, waits for its answer while the lane
// works on.
func TestSend(t *testing.T) {
	var code int
	b := newBench(t, 1, func(r *engine.Request) error {
		res, err := r.Engine().Send(r.Lane(), &engine.SendSpec{Method: "OPTIONS", URI: "sip:ping@10.0.0.3:5060", Headers: []engine.HeaderEdit{{Name: "X-A", Values: []string{"1"}}}})
		if err != nil {
			t.Error(err)
			return nil
		}
		_, err = r.Reply(res.Code()+1, "", nil)
		return err
	})
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	o := bob.expect("OPTIONS sip:ping@10.0.0.3:5060")
	if string(o.msg.HeaderName("X-A")) != "1" || o.msg.FromTag() == nil {
		t.Errorf("sent\n%s", o.p.Bytes)
	}
	bob.reply(o, 485, "")
	c.ack(alice.expect("486"))

	b.w.Do(func() {
		b.eng.Background().Run(lane.Func(func(l *lane.Lane) {
			res, err := b.eng.Send(l, &engine.SendSpec{Method: "NOTIFY", URI: "sip:x@10.0.0.3:5060"})
			if err != nil {
				t.Error(err)
				return
			}
			code = res.Code()
		}), nil)
	})
	bob.reply(bob.expect("NOTIFY"), 202, "")
	b.w.Run(time.Second)
	if code != 202 {
		t.Errorf("the background got %d", code)
	}
	b.quiet()
}

func TestSendFailsInTime(t *testing.T) {
	var sendErr error
	ended := time.Duration(0)
	b := newBench(t, 1, nil)
	b.w.Do(func() {
		b.eng.Background().Run(lane.Func(func(l *lane.Lane) {
			_, sendErr = b.eng.Send(l, &engine.SendSpec{Method: "OPTIONS", URI: "sip:x@10.0.0.99", Timeout: 3 * time.Second})
			ended = b.w.Elapsed()
		}), nil)
	})
	b.w.Run(10 * time.Second)
	if sendErr == nil || ended < 3*time.Second || ended > 4*time.Second {
		t.Errorf("%v after %v", sendErr, ended)
	}
	for _, s := range []*engine.SendSpec{{Method: "INVITE", URI: "sip:a@10.0.0.3"}, {Method: "OPTIONS", URI: "nonsense"},
		{Method: "OPTIONS", URI: "sip:a@10.0.0.3", Headers: []engine.HeaderEdit{{Name: "X", Values: []string{"a\r\nb"}}}}, {Method: "OPTIONS", URI: "sip:a@b", From: "a\r\nb"},
		{Method: "MESSAGE", URI: "sip:a@10.0.0.3", Body: []byte("x"), ContentType: "text/plain\r\nX-Evil: 1"}, // trap 33
		{Method: "OPTIONS sip:a@10.0.0.3 SIP/2.0\r\nX-Evil: 1\r\nX-Rest:", URI: "sip:a@10.0.0.3"}, {Method: "TWO WORDS", URI: "sip:a@10.0.0.3"}} {
		var misuse *engine.MisuseError
		if _, err := b.eng.Send(nil, s); !errors.As(err, &misuse) {
			t.Errorf("%+v: %v, want a misuse", s, err)
		}
	}
	b.quiet()
}

// New dialogs are refused while the engine drains; what is in progress is finished or answered at
// its end.
func TestDrain(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		res, err := r.Fork(to("sip:b@10.0.0.3:5060"), nil)
		if err == nil && res.Cause() != "shutdown" {
			t.Errorf("the waiting fork got %d %q", res.Code(), res.Cause())
		}
		return err
	})
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	ib := bob.expect("INVITE")
	bob.reply(ib, 180, "")
	alice.expect("180")
	b.eng.Drain()
	d := alice.call("c2", "sip:bob@example.com")
	d.send("INVITE")
	r := alice.expect("503")
	if r.msg.Header(message.HeaderRetryAfter) == nil {
		t.Error("no Retry-After")
	}
	d.ack(r)
	b.w.Do(func() { b.eng.EndRequests() })
	alice.expect("503")
	bob.expect("CANCEL")
}

// A request of a dialog of our own: SendAsync returns at once and tells the outcome on the lane of
// the Call-ID; the tag in From stays; what is too large for a datagram goes by TCP (§18.1.1).
func TestSendAsync(t *testing.T) {
	b := newBench(t, 2, nil)
	bob := b.phone("10.0.0.3:5060")
	var codes []string
	send := func(spec *engine.SendSpec) {
		b.w.Do(func() {
			err := b.eng.SendAsync(spec, func(res *engine.Response, err error) {
				if err != nil {
					codes = append(codes, err.Error())
					return
				}
				codes = append(codes, strconv.Itoa(res.Code()))
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	spec := engine.SendSpec{Method: "NOTIFY", URI: "sip:bob@10.0.0.3:5060", From: "<sip:us@example.com>;tag=ours", To: "<sip:bob@10.0.0.3>;tag=his", CallID: "d1", CSeq: 7}
	send(&spec)
	n := bob.expect("NOTIFY")
	if string(n.msg.FromTag()) != "ours" || string(n.msg.ToTag()) != "his" || string(n.msg.CallID()) != "d1" || n.p.Kind != transport.UDP {
		t.Errorf("over %s came\n%s", n.p.Kind, n.p.Bytes)
	}
	bob.reply(n, 481, "")
	spec.CSeq, spec.ContentType, spec.Body = 8, "text/plain", make([]byte, 1300)
	send(&spec)
	n = bob.expect("NOTIFY")
	if n.p.Kind != transport.TCP {
		t.Errorf("1300 bytes and more came over %s", n.p.Kind)
	}
	bob.reply(n, 200, "")
	send(&engine.SendSpec{Method: "NOTIFY", URI: "sip:x@10.0.0.99", Timeout: time.Second})
	b.w.Run(2 * time.Second)
	if got := strings.Join(codes, ", "); got != "481, 200, send: no final response arrived in time" {
		t.Errorf("told %s", got)
	}
	if err := b.eng.SendAsync(&engine.SendSpec{Method: "INVITE", URI: "sip:x@10.0.0.99"}, nil); err == nil {
		t.Error("an INVITE was sent")
	}
	b.quiet()
}

// A name that resolves after the time is over: what was said to have failed is not sent.
func TestSendToANameThatResolvesTooLate(t *testing.T) {
	b := newBenchWith(t, 1, nil, slowNames(5*time.Second))
	bob := b.phone("10.0.0.3:5060")
	var failures []error
	b.w.Do(func() {
		spec := &engine.SendSpec{Method: "MESSAGE", URI: "sip:bob@bob.example", Timeout: time.Second}
		if err := b.eng.SendAsync(spec, func(_ *engine.Response, err error) { failures = append(failures, err) }); err != nil {
			t.Error(err)
		}
	})
	b.quiet()
	if len(failures) != 1 || failures[0] == nil || len(bob.got) > 0 {
		t.Errorf("told %v; bob got %v", failures, bob.lines())
	}
}

// A 503 is a failure of the server that sent it, and the next address of the name is asked (RFC
// 3263 §4.3); the last one's is the answer.
func TestSendGoesOnAfter503(t *testing.T) {
	for _, last := range []int{200, 503} {
		code := 0
		b := newBenchWith(t, 1, nil, func(c *engine.Config, w *sim.World) {
			c.Resolver = names(w, 0, map[string]string{"ping.example": "udp:10.0.0.3:5060 udp:10.0.0.4:5060"})
		})
		bob, carol := b.phone("10.0.0.3:5060"), b.phone("10.0.0.4:5060")
		b.w.Do(func() {
			if err := b.eng.SendAsync(&engine.SendSpec{Method: "OPTIONS", URI: "sip:ping.example"}, func(res *engine.Response, err error) {
				if err != nil {
					t.Error(err)
					return
				}
				code = res.Code()
			}); err != nil {
				t.Error(err)
			}
		})
		bob.reply(bob.expect("OPTIONS"), 503, "")
		carol.reply(carol.expect("OPTIONS"), last, "")
		b.quiet()
		if code != last {
			t.Errorf("%d came of it, want %d", code, last)
		}
	}
}
