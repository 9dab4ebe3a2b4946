package dialog_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

// on has f run on the lane of a leg, and waits for what follows from it at once.
func (b *bench) on(l *dialog.Leg, f func()) {
	l.Lane().Post(lane.Func(func(*lane.Lane) { f() }))
	b.w.Run(0)
}

// bring has a leg go to another lane, and returns why it has not.
func (b *bench) bring(l *dialog.Leg, to *lane.Lane) error {
	err := errors.New("nothing was said")
	b.on(l, func() { b.agent.BringSoon(l, to, func(e error) { err = e }) })
	return err
}

// elsewhere is a lane that a leg is not on.
func (b *bench) elsewhere(l *dialog.Leg) *lane.Lane {
	return b.eng.Lanes()[(l.Lane().ID()+1)%len(b.eng.Lanes())]
}

// A party that has talked to a third one, in a call on another lane, joins the two by a REFER: that
// call comes to the lane of the first. If it may not, the third party is called.
func TestReferAttendedOfTwoLanes(t *testing.T) {
	for _, pinned := range []bool{false, true} {
		t.Run(map[bool]string{false: "it comes", true: "it may not"}[pinned], func(t *testing.T) {
			var x *three
			var o *phone.Outgoing
			var in *phone.Incoming
			var d *dialog.Leg
			for seed := uint64(0); d == nil || d.Lane() == x.far.Lane(); seed++ {
				x = newThreeOn(t, 7000+seed, 4)
				o, in, _, d = x.call(x.alice, x.carol)
			}
			if pinned {
				x.on(d, func() { d.Follow(pin{}) })
			}
			x.refer = func(r *dialog.Referral) { _ = r.Accept(nil, dialog.DialOptions{}, dialog.BridgeOptions{}) }
			m := o.Final()
			to := fmt.Sprintf("<%s?Replaces=%s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3D%s>", carolURI, o.CallID(), m.ToTag(), m.FromTag())
			x.answered(x.o.Dialog().Send(phone.Spec{Method: "REFER", Contact: true, Headers: with("Refer-To", to)}), 202)
			x.settle(x.alice, x.bob, x.carol)
			if pinned {
				if i := x.got(x.carol, "INVITE", 2); i.Msg.HeaderName("Replaces") == nil || i.Dialog() == in.Dialog() {
					t.Error("carol is not called with Replaces")
				}
				x.agent.EndCalls()
				x.settle(x.alice, x.bob, x.carol)
				x.over()
				return
			}
			if x.far.Peer() != d || d.Lane() != x.far.Lane() || len(x.methods(x.alice, "BYE")) != 2 {
				t.Errorf("alice got %d BYEs", len(x.methods(x.alice, "BYE")))
			}
			if got := x.sipfrag(x.alice, 2); !strings.HasPrefix(got, "SIP/2.0 200") {
				t.Errorf("the last NOTIFY: %q", got)
			}
			x.told(x.bob, "10.0.3.1")
			x.answered(in.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			x.settle(x.bob)
			x.over()
		})
	}
}

// pin follows a leg, and cannot go to another lane.
type pin struct{}

func (pin) Followed(dialog.Event) {}

// What is under way keeps a leg where it is; it goes when that is over, or says that it is busy.
func TestBusyLegStays(t *testing.T) {
	x := newThreeOn(t, 7100, 3)
	x.on(x.a, func() {
		if err := x.a.Hold(func(*engine.Response) {}); err != nil {
			t.Error(err)
		}
	})
	to, came := x.elsewhere(x.a), errors.New("not yet")
	x.on(x.a, func() {
		if err := x.agent.Bring(x.a, to, nil); !errors.Is(err, dialog.ErrBusy) {
			t.Errorf("during a negotiation: %v", err)
		}
		x.agent.BringSoon(x.a, to, func(err error) { came = err })
	})
	x.settle(x.alice)
	if came != nil || x.a.Lane() != to || x.far.Lane() != to || x.a.Peer() != x.far {
		t.Errorf("%v: the legs are on %v and %v", came, x.a.Lane(), x.far.Lane())
	}
	x.ended(x.o.Dialog(), x.bob)
	x.on(x.a, func() {
		if err := x.agent.Bring(x.a, x.elsewhere(x.a), nil); !errors.Is(err, dialog.ErrState) {
			t.Errorf("after its end: %v", err)
		}
	})
}

// Who waits for a leg to come gets it also if it goes along with another one meanwhile, to the same
// lane or to a third; and hears of its end.
func TestAwaitedLegGoesWithAnother(t *testing.T) {
	for _, c := range []string{"to the same lane", "to another lane", "and ends"} {
		t.Run(c, func(t *testing.T) {
			x := newThreeOn(t, 7120, 3)
			x.on(x.a, func() {
				if err := x.a.Hold(func(*engine.Response) {}); err != nil {
					t.Error(err)
				}
			})
			first := x.elsewhere(x.a)
			to := first
			if c == "to another lane" {
				to = x.eng.Lanes()[(first.ID()+1)%3]
			}
			var came []error
			bring := func(l *dialog.Leg, lane *lane.Lane) {
				x.agent.BringSoon(l, lane, func(err error) {
					x.mu.Lock()
					came, to = append(came, err), lane
					x.mu.Unlock()
					if c == "and ends" {
						l.HangUp("")
					}
				})
			}
			second := to
			x.on(x.a, func() {
				bring(x.a, first)
				bring(x.far, second)
			})
			x.settle(x.alice, x.bob)
			if c == "and ends" {
				if len(came) != 2 || came[0] != nil || !errors.Is(came[1], dialog.ErrState) {
					t.Errorf("%v", came)
				}
				x.over()
				return
			}
			if len(came) != 2 || came[0] != nil || came[1] != nil || x.a.Lane() != to || x.far.Lane() != to || x.a.Peer() != x.far {
				t.Errorf("%v: the legs are on %v and %v, not on %v", came, x.a.Lane(), x.far.Lane(), to)
			}
			x.ended(x.o.Dialog(), x.bob)
		})
	}
}

// Whom the party of a leg talked to that goes to somebody else is ended, or talks to it again, when
// that one has answered or not: until then it stays on the lane.
func TestFormerPeerStays(t *testing.T) {
	for _, code := range []int{200, 486} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			x := newThreeOn(t, 7150, 3)
			over := false
			x.on(x.a, func() {
				if err := x.agent.Transfer(x.a, []*engine.Target{{URI: carolURI}}, dialog.DialOptions{}, dialog.BridgeOptions{}, func(*dialog.Leg, *engine.Response) { over = true }); err != nil {
					t.Error(err)
				}
			})
			in, came := x.got(x.carol, "INVITE", 1), errors.New("not yet")
			x.settle(x.bob)
			to := x.elsewhere(x.far)
			x.on(x.far, func() {
				if err := x.agent.Bring(x.far, to, nil); !errors.Is(err, dialog.ErrBusy) {
					t.Errorf("during the transfer: %v", err)
				}
				x.agent.BringSoon(x.far, to, func(err error) { came = err })
			})
			x.reply(in, code, phone.Reply{Media: own})
			x.settle(x.alice, x.bob, x.carol)
			if !over {
				t.Error("the transfer is not over")
			}
			if code == 200 {
				if n := len(x.methods(x.bob, "BYE")); n != 1 || came == nil {
					t.Errorf("bob got %d BYEs, and his leg came (%v)", n, came)
				}
				x.ended(x.o.Dialog(), x.carol)
				return
			}
			if came != nil || x.a.Peer() != x.far || x.a.Lane() != to {
				t.Errorf("%v: alice talks on %v", came, x.a.Lane())
			}
			x.ended(x.o.Dialog(), x.bob)
		})
	}
}

// What is repeated after its leg has gone to another lane, once or twice, is answered as it was: a
// request of the party's, also one that was refused, and a 2xx of its own gets its ACK again.
func TestRepeatedAfterMove(t *testing.T) {
	for _, moves := range []int{0, 1, 2, 3} {
		t.Run(fmt.Sprint(moves, " moves"), func(t *testing.T) {
			b := newBenchOn(t, 7200, dialog.Options{}, 4)
			r := b.raw("10.0.2.1:5060")
			r.on = func(text string) {
				if strings.HasPrefix(text, "INVITE ") {
					r.reply(text, 200, "b", rawContact, rawSDP)
				}
				if strings.HasPrefix(text, "BYE ") {
					r.reply(text, 200, "", "", "")
				}
			}
			var far *dialog.Leg
			b.does(func(at *lane.Lane) {
				if err := b.agent.Dial(at, nil, []*engine.Target{{URI: "sip:raw@10.0.2.1:5060"}}, dialog.DialOptions{SDP: []byte(rawSDP)}, func(l *dialog.Leg, _ *engine.Response) { far = l }); err != nil {
					t.Fatal(err)
				}
			})
			b.w.Run(time.Second)
			b.legs = append(b.legs, far)
			_, invite := r.count("INVITE ")
			request := func(method string, number int, more string) []byte {
				return fmt.Appendf(nil, "%s sip:x@%s SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.2.1:5060;branch=z9hG4bK%s%d\r\nFrom: %s;tag=b\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nMax-Forwards: 70\r\n%sContent-Length: 0\r\n\r\n",
					method, here, method, number, hdr(invite, "To"), hdr(invite, "From"), hdr(invite, "Call-ID"), number, method, more)
			}
			// answers are those that have come to such a request
			answers := func(code int, cseq string) (n int) {
				for _, text := range r.got {
					if strings.HasPrefix(text, fmt.Sprint("SIP/2.0 ", code)) && hdr(text, "CSeq") == cseq {
						n++
					}
				}
				return n
			}
			info, refused := request("INFO", 5, ""), request("MESSAGE", 6, "Require: nothing\r\n")
			r.send(info)
			r.send(refused)
			b.w.Run(100 * time.Millisecond)
			for range moves {
				if err := b.bring(far, b.elsewhere(far)); err != nil {
					t.Fatal(err)
				}
			}
			r.send(info)
			r.send(refused)
			r.reply(invite, 200, "b", rawContact, rawSDP)
			r.reply(invite, 200, "fork", rawContact, rawSDP)
			b.w.Run(100 * time.Millisecond)
			if n, text := r.count("BYE "); n != 1 || !strings.HasSuffix(hdr(text, "To"), ";tag=fork") {
				t.Errorf("%d BYEs to another that has answered: %s", n, text)
			}
			if ok, no, bad := answers(200, "5 INFO"), answers(420, "6 MESSAGE"), answers(500, "5 INFO")+answers(500, "6 MESSAGE"); ok != 2 || no != 2 || bad != 0 {
				t.Errorf("200 %d times, 420 %d times, 500 %d times", ok, no, bad)
			}
			if n, _ := r.count("ACK "); n != 3 {
				t.Errorf("%d ACKs", n)
			}
			r.send(request("INFO", 7, ""))
			b.w.Run(100 * time.Millisecond)
			if answers(200, "7 INFO") != 1 {
				t.Error("the next request has no answer")
			}
			r.send(request("BYE", 8, ""))
			b.w.Run(100 * time.Millisecond)
			if far.State() != dialog.Ended || answers(200, "8 BYE") != 1 {
				t.Error("its BYE does not end the leg")
			}
			b.over()
		})
	}
}

// A second party that has answered, and that no ACK can reach, keeps no leg where it is.
func TestUnreachableForkKeepsNoLeg(t *testing.T) {
	b := newBenchOn(t, 7300, dialog.Options{}, 3)
	r := b.raw("10.0.2.1:5060")
	r.on = func(text string) {
		if strings.HasPrefix(text, "INVITE ") {
			r.reply(text, 200, "b", rawContact, rawSDP)
			r.reply(text, 200, "fork", strings.Replace(rawContact, "10.0.2.1", "nowhere.invalid", 1), rawSDP)
		}
		if strings.HasPrefix(text, "BYE ") {
			r.reply(text, 200, "", "", "")
		}
	}
	var far *dialog.Leg
	b.does(func(at *lane.Lane) {
		b.dial(nil, at, "sip:raw@10.0.2.1:5060", dialog.DialOptions{SDP: []byte(rawSDP)}, func(l *dialog.Leg) { far = l })
	})
	b.w.Run(time.Minute)
	if err := b.bring(far, b.elsewhere(far)); err != nil {
		t.Error(err)
	}
	b.on(far, func() { far.HangUp("") })
	b.empty(100 * time.Second)
}

// What waits for the lane that a leg leaves goes where the leg goes: a BYE, an INVITE, an INFO, and
// the 2xx of an INVITE of ours, which comes again.
func TestWaitsForTheLaneThatIsLeft(t *testing.T) {
	for _, method := range []string{"BYE", "INVITE", "INFO", "the 2xx"} {
		t.Run(method, func(t *testing.T) {
			conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			agent := dialog.New(dialog.Options{})
			eng, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Domains: []string{"example.com"}, Lanes: 2, Router: refusing{}, Parts: []engine.Part{agent}, MaxDelay: -1})
			if err == nil {
				err = eng.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				ctx, now := context.WithCancel(context.Background())
				now()
				_ = eng.Shutdown(ctx)
			}()
			// read is the next message that begins so, as text
			read := func(prefix string) string {
				t.Helper()
				buf := make([]byte, 65536)
				_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
				for {
					n, err := conn.Read(buf)
					if err != nil {
						t.Fatalf("%s: %v", prefix, err)
					}
					if text := string(buf[:n]); strings.HasPrefix(text, prefix) {
						return text
					}
				}
			}
			at := conn.LocalAddr().String()
			from, to := eng.Lanes()[0], eng.Lanes()[1]
			met := make(chan *dialog.Leg, 1)
			from.Post(lane.Func(func(l *lane.Lane) {
				_ = agent.Dial(l, nil, []*engine.Target{{URI: "sip:b@" + at}}, dialog.DialOptions{SDP: []byte(rawSDP)}, func(x *dialog.Leg, _ *engine.Response) { met <- x })
			}))
			invite := read("INVITE ")
			server, err := net.ResolveUDPAddr("udp4", "127.0.0.1:"+hdr(invite, "Contact")[strings.LastIndexByte(hdr(invite, "Contact"), ':')+1:len(hdr(invite, "Contact"))-1])
			if err != nil {
				t.Fatal(err)
			}
			send := func(text string) { _, _ = conn.WriteToUDP([]byte(text), server) }
			headers := fmt.Sprintf("Contact: <sip:b@%s>\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", at, len(rawSDP), rawSDP)
			accepted := fmt.Sprintf("SIP/2.0 200 OK\r\nVia: %s\r\nFrom: %s\r\nTo: %s;tag=b\r\nCall-ID: %s\r\nCSeq: %s\r\n%s", hdr(invite, "Via"), hdr(invite, "From"), hdr(invite, "To"), hdr(invite, "Call-ID"), hdr(invite, "CSeq"), headers)
			send(accepted)
			l := <-met
			read("ACK ")
			text, answer := accepted, "ACK "
			if method != "the 2xx" {
				if answer = "SIP/2.0 200"; method != "INVITE" {
					headers = "Content-Length: 0\r\n\r\n"
				}
				text = fmt.Sprintf("%s sip:x@h SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKx\r\nFrom: %s;tag=b\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: 5 %s\r\nMax-Forwards: 70\r\n%s", method, at, hdr(invite, "To"), hdr(invite, "From"), hdr(invite, "Call-ID"), method, headers)
			}
			came := make(chan error, 1)
			from.Post(lane.Func(func(*lane.Lane) {
				send(text)
				for end := time.Now().Add(30 * time.Second); from.Depth() == 0 && time.Now().Before(end); {
					runtime.Gosched()
				}
				if err := agent.Bring(l, to, func() { came <- nil }); err != nil {
					came <- err
				}
			}))
			if err := <-came; err != nil {
				t.Fatal(err)
			}
			read(answer)
			ended := make(chan bool)
			to.Post(lane.Func(func(*lane.Lane) { ended <- l.State() == dialog.Ended }))
			if is := <-ended; is != (method == "BYE") {
				t.Errorf("the leg has ended: %v", is)
			}
		})
	}
}

// A leg that is on its way when the server ends its calls is ended as all others.
func TestShutdownOnItsWay(t *testing.T) {
	for _, first := range []bool{true, false} {
		x := newThreeOn(t, 7400, 3)
		to := x.elsewhere(x.a)
		x.on(x.a, func() {
			if first {
				x.agent.EndCalls()
			}
			if err := x.agent.Bring(x.a, to, func() {}); err != nil {
				t.Error(err)
			}
			if !first {
				x.agent.EndCalls()
			}
		})
		x.settle(x.alice, x.bob)
		if a, b := len(x.methods(x.alice, "BYE")), len(x.methods(x.bob, "BYE")); a != 1 || b != 1 {
			t.Errorf("alice got %d BYEs, bob %d", a, b)
		}
		x.over()
	}
}

// The two sides of a call of this server with itself have one Call-ID, and the same tags: when the
// one goes, what is for the other stays, and then that may go as well.
func TestCallWithItselfMoves(t *testing.T) {
	b := newBenchOn(t, 7500, dialog.Options{}, 3)
	var inner *dialog.Leg
	b.takes(func(a *dialog.Leg) {
		inner = a
		if err := a.Answer([]byte(rawSDP)); err != nil {
			t.Error(err)
		}
	})
	var far *dialog.Leg
	b.does(func(at *lane.Lane) {
		b.dial(nil, at, "sip:self@"+here, dialog.DialOptions{SDP: []byte(rawSDP)}, func(l *dialog.Leg) { far = l })
	})
	b.w.Run(time.Second)
	if far == nil || inner == nil || far.CallID() != inner.CallID() {
		t.Fatal("it does not call itself")
	}
	asked := 0
	for i, moves := range []*dialog.Leg{far, inner, far, inner, inner} {
		stays := far
		if moves == far {
			stays = inner
		}
		home := stays.Lane()
		if err := b.bring(moves, b.elsewhere(moves)); err != nil {
			t.Fatalf("move %d: %v", i, err)
		}
		for _, l := range []*dialog.Leg{inner, far} {
			b.on(l, func() {
				if err := l.Send(dialog.Message{Method: "INFO", Body: []byte("x"), ContentType: "text/plain"}, func(res *engine.Response) {
					if asked++; res.Code() != 200 {
						t.Errorf("INFO: %d", res.Code())
					}
				}); err != nil {
					t.Error(err)
				}
			})
			b.w.Run(time.Second)
		}
		if asked != 2*(i+1) || stays.Lane() != home {
			t.Errorf("move %d: %d INFOs were answered", i, asked)
		}
	}
	b.on(inner, func() { inner.HangUp("") })
	b.w.Run(40 * time.Second)
	if far.State() != dialog.Ended {
		t.Error("the end is not heard")
	}
	b.empty(100 * time.Second)
}

// full has so many dialogs move and end that no more may, for a while.
func (b *bench) full() {
	b.does(func(at *lane.Lane) {
		to := b.eng.Lanes()[(at.ID()+1)%len(b.eng.Lanes())]
		for i := 0; ; i++ {
			d := engine.Dialog{CallID: fmt.Sprint("full", i), Local: "us", Remote: "them"}
			if b.eng.MoveHomes([]engine.Dialog{d}, at, to, func() {}) != nil {
				return
			}
			b.eng.LeaveHome(at, d)
		}
	})
}

// A leg that could not go is as it was: joined with its peer once more, it has nothing to agree on.
func TestLegThatCannotGoIsAsItWas(t *testing.T) {
	x := newThreeOn(t, 7600, 3)
	x.on(x.a, func() { x.a.Part() })
	x.full()
	x.on(x.a, func() {
		if err := x.agent.Bring(x.a, x.elsewhere(x.a), func() {}); !errors.Is(err, dialog.ErrBusy) {
			t.Errorf("it goes: %v", err)
		}
		if err := x.agent.Bridge(x.a, x.far, dialog.BridgeOptions{}, func(*dialog.Leg, string) {}); err != nil {
			t.Error(err)
		}
	})
	x.settle(x.alice, x.bob)
	if a, b := len(x.methods(x.alice, "INVITE")), len(x.methods(x.bob, "INVITE")); a != 0 || b != 1 {
		t.Errorf("alice got %d INVITEs, and bob %d more", a, b-1)
	}
	x.agent.EndCalls()
	x.settle(x.alice, x.bob)
	x.over()
}

// Session timers run on while their legs go from lane to lane: we refresh the session of one when
// it is time, and the other, whose party does not, is ended.
func TestSessionTimersOfMovedLegs(t *testing.T) {
	for _, moves := range []int{0, 10} {
		t.Run(fmt.Sprint(moves, " moves"), func(t *testing.T) {
			b := newBenchOn(t, 7350, dialog.Options{}, 3)
			alice, bob := b.phone("alice", "10.0.1.1:5060"), b.phone("bob", "10.0.2.1:5060")
			b.joins(dialog.DialOptions{}, bobURI)
			o := alice.Invite("sip:bob@example.com", phone.Spec{Body: []byte(rawSDP), Headers: timing("600", true)})
			b.reply(b.got(bob, "INVITE", 1), 200, phone.Reply{Media: own, Headers: append(timing("600;refresher=uac", false), with("Require", "timer")...)})
			b.answered(o, 200)
			refreshed := time.Duration(0)
			for i := range 10 {
				for b.w.Elapsed() < time.Duration(50*i+70)*time.Second {
					b.w.Run(time.Second)
					for _, u := range b.methods(bob, "UPDATE") {
						if u.Answered() == 0 {
							refreshed = b.w.Elapsed()
							b.reply(u, 200, phone.Reply{Headers: timing("600;refresher=uac", false)})
						}
					}
				}
				if i < moves {
					if err := b.bring(b.legs[0], b.elsewhere(b.legs[0])); err != nil {
						t.Error(err)
					}
				}
			}
			if s := refreshed.Seconds(); s < 299 || s > 302 {
				t.Errorf("bob's session is refreshed after %v s", s)
			}
			b.w.RunUntil(time.Minute, func() bool { return len(b.methods(alice, "BYE")) > 0 })
			if s := b.w.Elapsed().Seconds(); s < 560 || s > 580 {
				t.Errorf("alice's call ends after %v s", s)
			}
			b.over()
		})
	}
}
