package engine_test

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
)

// drainPair is a caller and a callee around an engine on sockets whose timers are short.
type drainPair struct {
	t              *testing.T
	eng            *engine.Engine
	proxy          netip.AddrPort
	caller, callee *line
	route          []byte // of requests within the call
	ended          chan struct{}
}

func newDrainPair(t *testing.T, calls time.Duration) *drainPair {
	d := &drainPair{t: t, caller: newLine(t, "127.0.0.1"), callee: newLine(t, "127.0.0.1"), ended: make(chan struct{})}
	d.eng = onSockets(t, 0, engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Domains: []string{"example.com"}, Lanes: 1,
		MaxDelay: -1, DrainCalls: calls,
		Timers: transaction.Timers{T1: 25 * time.Millisecond, T2: 50 * time.Millisecond, T4: 25 * time.Millisecond},
		Router: routerFunc(func(r *engine.Request) error {
			if r.InDialog() {
				_, err := r.Relay(nil, nil)
				return err
			}
			if err := r.RecordRoute(); err != nil {
				return err
			}
			_, err := r.Relay(to("sip:b@"+d.callee.LocalAddr().String()), nil)
			return err
		})})
	d.proxy = d.eng.Locals()[0].Addr
	return d
}

// send is a request of the caller's; toTag is that of one within the call.
func (d *drainPair) send(method, callID, toTag string, cseq int) {
	d.t.Helper()
	uri := "sip:b@example.com"
	var route string
	if toTag != "" {
		uri, route = "sip:b@"+d.callee.LocalAddr().String(), "Route: "+string(d.route)+"\r\n"
		toTag = ";tag=" + toTag
	}
	branch := fmt.Sprintf("z9hG4bK%s%d", callID, cseq)
	if method == "ACK" && d.route != nil {
		branch += "ack"
	}
	text := fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=%s\r\nMax-Forwards: 70\r\n%s"+
		"From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>%s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n"+
		"Contact: <sip:a@%[3]s>\r\nContent-Length: 0\r\n\r\n",
		method, uri, d.caller.LocalAddr(), branch, route, toTag, callID, cseq, method)
	if _, err := d.caller.WriteToUDPAddrPort([]byte(text), d.proxy); err != nil {
		d.t.Fatal(err)
	}
}

// read is the next message that begins with first and has this CSeq: others are sent again.
func (d *drainPair) read(l *line, first string, cseq uint32) *message.Message {
	d.t.Helper()
	for {
		m := l.read(first)
		if cs, err := m.CSeq(); err == nil && cs.Number == cseq {
			return m
		}
	}
}

// answer is the callee's.
func (d *drainPair) answer(m *message.Message, code int) {
	d.t.Helper()
	contact := fmt.Sprintf("Contact: <sip:b@%s>\r\n", d.callee.LocalAddr())
	b := message.AppendResponse(nil, m, code, "", "2", []byte(contact), nil)
	if _, err := d.callee.WriteToUDPAddrPort(b, d.proxy); err != nil {
		d.t.Fatal(err)
	}
}

// call is one up to the answer, whose ACK has not been sent.
func (d *drainPair) call(code int) {
	d.t.Helper()
	d.send("INVITE", "c1", "", 1)
	d.answer(d.read(d.callee, "INVITE", 1), code)
	res := d.read(d.caller, fmt.Sprint(code), 1)
	d.route = append([]byte(nil), res.Header(message.HeaderRecordRoute)...)
}

// drain ends the engine, on a goroutine that ends with it.
func (d *drainPair) drain() {
	go func() {
		defer close(d.ended)
		d.eng.AwaitCalls(context.Background())
		_ = d.eng.Shutdown(context.Background())
	}()
	for !d.eng.Draining() {
		runtime.Gosched()
	}
}

// isThere checks that the engine has not stopped yet.
func (d *drainPair) isThere(why string) {
	d.t.Helper()
	select {
	case <-d.ended:
		d.t.Errorf("the engine stopped before %s", why)
	default:
	}
}

// ends waits for the end.
func (d *drainPair) ends() {
	d.t.Helper()
	select {
	case <-d.ended:
	case <-time.After(patience):
		d.t.Fatal("the drain never ended")
	}
}

// The 2xx went out just before the end: its ACK passes, and so does what the parties say until
// then.
func TestDrainLetsTheAckPass(t *testing.T) {
	d := newDrainPair(t, 0)
	d.call(200)
	d.drain()
	d.send("ACK", "c1", "2", 1)
	d.read(d.callee, "ACK", 1)
	d.send("BYE", "c1", "2", 2)
	d.answer(d.read(d.callee, "BYE", 2), 200)
	d.read(d.caller, "200", 2)
	d.ends()
}

// A failure is sent again until its ACK comes, and an answer is given again that was lost (§17.2).
func TestDrainWaitsForWhatIsSentAgain(t *testing.T) {
	t.Run("a failure without its ACK", func(t *testing.T) {
		d := newDrainPair(t, 0)
		d.call(486)
		d.read(d.callee, "ACK", 1)
		d.drain()
		d.read(d.caller, "486", 1) // again
		d.send("ACK", "c1", "", 1)
		d.ends()
	})
	t.Run("an answer that was lost", func(t *testing.T) {
		d := newDrainPair(t, 0)
		d.send("MESSAGE", "m1", "", 1)
		d.answer(d.read(d.callee, "MESSAGE", 1), 200)
		d.read(d.caller, "200", 1)
		d.drain()
		d.send("MESSAGE", "m1", "", 1)
		d.read(d.caller, "200", 1)
		d.ends()
	})
}

// A server with calls stays for Config.DrainCalls: new ones are refused, those there are go on, and
// when the last has ended so does the server, after its transactions.
func TestDrainStaysForCalls(t *testing.T) {
	t.Parallel() // it waits
	d := newDrainPair(t, time.Hour)
	d.call(200)
	d.send("ACK", "c1", "2", 1)
	d.read(d.callee, "ACK", 1)
	d.drain()
	limit, cancel := context.WithTimeout(context.Background(), 2*time.Second) // longer than 64*T1
	defer cancel()
	if left := d.eng.AwaitCalls(limit); left != 1 {
		t.Errorf("%d calls left, want 1", left)
	}
	d.isThere("the call ended")
	d.send("INVITE", "c2", "", 1)
	d.read(d.caller, "503", 1)
	d.send("ACK", "c2", "", 1)
	d.send("INVITE", "c1", "2", 2)
	d.answer(d.read(d.callee, "INVITE", 2), 200)
	d.read(d.caller, "200", 2)
	d.send("ACK", "c1", "2", 2)
	d.read(d.callee, "ACK", 2)
	d.send("BYE", "c1", "2", 3)
	d.answer(d.read(d.callee, "BYE", 3), 407) // it asks who that is: the call goes on
	d.read(d.caller, "407", 3)
	if left := d.eng.AwaitCalls(done(t)); left != 1 {
		t.Errorf("%d calls left after a challenge, want 1", left)
	}
	d.send("BYE", "c1", "2", 4)
	d.answer(d.read(d.callee, "BYE", 4), 200)
	d.read(d.caller, "200", 4)
	d.ends()
}

// done is a context that has ended.
func done(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
