package engine_test

import (
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// When messages have waited too long new dialogs get 503 with Retry-After, without a transaction;
// what belongs to calls goes on.
func TestOverloadRefusesNewDialogsOnly(t *testing.T) {
	routed := 0
	b := newBench(t, 1, func(r *engine.Request) error {
		routed++
		_, err := r.Reply(404, "", nil)
		return err
	})
	alice := b.phone("10.0.0.2:5060")
	late := func(text string, age time.Duration) {
		b.w.Do(func() {
			b.inbox.Receive(&transport.Inbound{Bytes: []byte(text), Kind: transport.UDP, Source: netip.MustParseAddrPort("10.0.0.2:5060"), Local: b.eng.Locals()[0], Age: age})
		})
	}
	// Waits that pass, as when a script held the lane, refuse nobody.
	for i, age := range []time.Duration{0, time.Second, 900 * time.Millisecond, 0} {
		p := alice.call("pass"+string(rune('a'+i)), "sip:bob@example.com")
		late(p.request("OPTIONS"), age)
		alice.expect("404")
		b.w.Run(30 * time.Millisecond)
	}
	stand := func(age time.Duration) { // for two intervals
		for i := range 6 {
			late(alice.call("stand"+string(rune('a'+i))+age.String(), "sip:bob@example.com").request("ACK"), age)
			b.w.Run(40 * time.Millisecond)
		}
		routed = 0
	}
	stand(time.Second)
	c := alice.call("c1", "sip:bob@example.com")
	late(c.request("INVITE"), time.Second)
	r := alice.expect("503")
	if r.msg.Header(message.HeaderRetryAfter) == nil {
		t.Error("no Retry-After")
	}
	if s := b.eng.Stats(); s.InProgress != 0 || s.Overload != 1 {
		t.Errorf("%d in progress of what was refused, %d counted", s.InProgress, s.Overload)
	}
	c.ack(r)
	b.w.Run(time.Second)
	if routed != 0 {
		t.Error("the ACK of the refusal was routed")
	}
	c.toTag = "x"                       // of a dialog
	late(c.request("BYE"), time.Second) // still as late
	alice.expect("404")
	c.toTag = ""
	d := alice.call("c2", "sip:bob@example.com")
	late(d.request("INVITE"), 40*time.Millisecond)
	d.ack(alice.expect("404"))
	refused := 0
	stand(75 * time.Millisecond)
	for i := range 200 { // in proportion between half the bound and all of it
		e := alice.call("p"+string(rune('a'+i%26))+string(rune('a'+i/26)), "sip:bob@example.com")
		late(e.request("OPTIONS"), 75*time.Millisecond)
		if startLine(alice.expect("").msg) == "503" {
			refused++
		}
	}
	if refused < 60 || refused > 140 {
		t.Errorf("%d of 200 refused at three quarters of the bound", refused)
	}
	b.quiet()
}

// fill leaves a lane as much work as it takes; the caller holds its token.
func fill(l *lane.Lane) {
	for l.Post(lane.Func(func(*lane.Lane) {})) {
	}
}

// A lane that takes no more work still goes on with what it has: a branch that can't be sent ends,
// and requests in progress are counted and ended.
func TestFullLaneEndsWhatItHas(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		fill(r.Lane())
		_, err := r.Relay(to("sip:b@10.0.0.3:5061;transport=tls"), nil) // there is no such listener
		return err
	})
	c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
	c.send("INVITE")
	c.ack(c.ph.expect("500"))
	b.quiet()

	l := b.eng.Lanes()[0]
	counted := make(chan int)
	full, end := make(chan struct{}), make(chan struct{})
	go l.Run(lane.Func(func(*lane.Lane) {
		fill(l)
		close(full)
		<-end
	}), nil)
	<-full
	depth := l.Depth()
	go func() { counted <- b.eng.InProgress() }()
	for l.Depth() == depth {
		select {
		case <-counted:
			t.Fatal("a full lane was not asked")
		default:
			runtime.Gosched()
		}
	}
	close(end)
	<-counted
}
