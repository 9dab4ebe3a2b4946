package dialog_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

var originLine = regexp.MustCompile(`o=- (\d+) (\d+) `)

// versionOf is the id and the version in an o= line.
func versionOf(t *testing.T, m *message.Message) (id string, version uint64) {
	t.Helper()
	f := originLine.FindSubmatch(m.Body())
	if f == nil {
		t.Fatalf("no o=:\n%s", m.Original())
	}
	_, _ = fmt.Sscan(string(f[2]), &version)
	return string(f[1]), version
}

// result is what Hold and its like told.
type result struct {
	told int
	res  *engine.Response
}

func (r *result) tell(res *engine.Response) { r.told++; r.res = res }

// A party is put on hold by us and taken back: by INVITEs with rising versions, and directions as
// RFC 3264 §8.4 has them. Its peer hears nothing of that.
func TestHold(t *testing.T) {
	for _, c := range []struct{ name, before, held string }{
		{"both ways", "", "a=sendonly"}, {"received only", "a=recvonly\r\n", "a=inactive"}, {"sent only", "a=sendonly\r\n", "a=sendonly"}, {"neither", "a=inactive\r\n", "a=inactive"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, 81)
			alice, bob := b.phone("alice", "10.0.1.1:5060"), b.raw("10.0.2.1:5060")
			bob.on = func(m string) {
				switch {
				case strings.HasPrefix(m, "INVITE"):
					bob.reply(m, 200, "b", rawContact, rawSDP+c.before)
				case strings.HasPrefix(m, "BYE"):
					bob.reply(m, 200, "", "", "")
				}
			}
			b.joins(dialog.DialOptions{}, bobURI)
			o := alice.Invite("sip:bob@example.com", phone.Spec{Media: own})
			id, first := versionOf(t, b.answered(o, 200))
			b.w.Run(time.Second)
			var held, back result
			b.does(func(*lane.Lane) { _ = b.legs[0].Hold(held.tell) })
			re := b.got(alice, "INVITE", 1)
			again, version := versionOf(t, re.Msg)
			if !bytes.Contains(re.Msg.Body(), []byte(c.held)) || again != id || version <= first && c.before+"\r\n" != c.held+"\r\n\r\n" {
				t.Errorf("hold (version %d before):\n%s", first, re.Msg.Body())
			}
			b.reply(re, 200, phone.Reply{Media: own})
			b.w.Run(time.Second)
			if held.told != 1 || held.res != nil || !b.legs[0].Held() || !strings.Contains(string(b.legs[0].LocalSDP()), c.held) {
				t.Errorf("told %d times, %v", held.told, held.res)
			}
			b.does(func(*lane.Lane) { _ = b.legs[0].Resume(back.tell) })
			re = b.got(alice, "INVITE", 2)
			if _, last := versionOf(t, re.Msg); last < version || !strings.Contains(string(re.Msg.Body()), c.before) || c.held == "a=sendonly" && c.before == "" && bytes.Contains(re.Msg.Body(), []byte("a=sendonly")) {
				t.Errorf("resume:\n%s", re.Msg.Body())
			}
			b.reply(re, 200, phone.Reply{Media: own})
			b.w.Run(time.Second)
			if n, _ := bob.count("INVITE"); n != 1 || back.told != 1 || b.legs[0].Held() {
				t.Errorf("bob got %d INVITEs; told %d times", n, back.told)
			}
			b.answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			b.over()
		})
	}
}

// What the peer says while a party is on hold reaches it with the direction of that; a peer's own
// hold passes. A leg without a peer hears nobody.
func TestHoldAndPeer(t *testing.T) {
	p := newPair(t, 82, 20*time.Second, false)
	var held result
	p.does(func(*lane.Lane) { _ = p.a.Hold(held.tell) })
	p.reply(p.got(p.alice, "INVITE", 1), 200, phone.Reply{Media: own})
	p.w.Run(time.Second)
	re := p.in.Dialog().Send(phone.Spec{Method: "INVITE", Media: phone.Media{Own: true, Port: 4444}})
	again := p.got(p.alice, "INVITE", 2)
	if !bytes.Contains(again.Msg.Body(), []byte("a=sendonly")) || !bytes.Contains(again.Msg.Body(), []byte("m=audio 4444")) {
		t.Errorf("the peer's offer:\n%s", again.Msg.Body())
	}
	p.reply(again, 200, phone.Reply{Media: own})
	p.answered(re, 200)
	p.w.Run(time.Second)
	back := p.o.Dialog().Send(phone.Spec{Method: "INVITE", Media: own})
	p.reply(p.got(p.bob, "INVITE", 2), 200, phone.Reply{Media: own})
	if res := p.answered(back, 200); !bytes.Contains(res.Body(), []byte("a=sendonly")) && !bytes.Contains(res.Body(), []byte("a=inactive")) {
		t.Errorf("the answer to the one on hold:\n%s", res.Body())
	}
	p.w.Run(25 * time.Second) // nobody is joined
	var off result
	p.does(func(*lane.Lane) {
		_ = p.far.Hold(off.tell)
		if p.far.Hold(off.tell) != dialog.ErrBusy {
			t.Error("two at once")
		}
	})
	last := p.got(p.bob, "INVITE", 3)
	if !bytes.Contains(last.Msg.Body(), []byte("a=inactive")) {
		t.Errorf("without a peer:\n%s", last.Msg.Body())
	}
	p.reply(last, 200, phone.Reply{Media: own})
	p.w.Run(time.Second)
	p.does(func(*lane.Lane) { p.a.HangUp(""); p.far.HangUp("") })
	p.w.Run(time.Second)
	p.over()
}

// A hold that meets an INVITE of the party's is sent again after the time of §14.1: up to 2 s where
// the party chose the Call-ID, 2.1 s to 4 s where we did. A refusal leaves the session as it was.
func TestHoldGlare(t *testing.T) {
	for _, c := range []struct {
		name        string
		ours        bool
		least, most time.Duration
	}{{"their Call-ID", false, 0, 2 * time.Second}, {"our Call-ID", true, 2100 * time.Millisecond, 4 * time.Second}} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, 83, 0, false)
			l, who := p.a, p.alice
			n := 1
			if c.ours {
				l, who, n = p.far, p.bob, 2
			}
			var held result
			p.does(func(*lane.Lane) { _ = l.Hold(held.tell) })
			p.reply(p.got(who, "INVITE", n), 491, phone.Reply{})
			p.w.Run(10 * time.Millisecond)
			if l.Held() || held.told != 0 {
				t.Error("it is held before the party has agreed")
			}
			at := p.w.Elapsed()
			re := p.got(who, "INVITE", n+1)
			if wait := p.w.Elapsed() - at; wait > c.most+50*time.Millisecond || wait < c.least-50*time.Millisecond {
				t.Errorf("again after %v", wait)
			}
			p.reply(re, 488, phone.Reply{})
			p.w.Run(time.Second)
			if held.told != 1 || held.res == nil || held.res.Code() != 488 || l.Held() {
				t.Errorf("told %d times: %v", held.told, held.res)
			}
			p.ended(p.o.Dialog(), p.bob)
		})
	}
}

// A hold that is under way when the leg ends is told, and a leg that was not answered has none.
func TestHoldEnds(t *testing.T) {
	p := newPair(t, 84, 0, false)
	var held result
	p.does(func(*lane.Lane) { _ = p.a.Hold(held.tell) })
	p.got(p.alice, "INVITE", 1)
	p.w.Run(time.Second)
	p.does(func(*lane.Lane) { p.a.HangUp("") })
	if held.told != 1 || held.res == nil || held.res.Code() != 487 {
		t.Errorf("told %d times: %v", held.told, held.res)
	}
	if p.a.Hold(held.tell) != dialog.ErrState || held.told != 1 {
		t.Error("a leg that has ended is put on hold")
	}
	p.w.Run(time.Second)
	p.reply(p.got(p.alice, "INVITE", 1), 487, phone.Reply{})
	p.over()
}

// The answer to a hold may be news to the peer: it is told.
func TestHoldMoves(t *testing.T) {
	p := newPair(t, 85, 0, false)
	var held result
	p.does(func(*lane.Lane) { _ = p.a.Hold(held.tell) })
	p.reply(p.got(p.alice, "INVITE", 1), 200, phone.Reply{Media: phone.Media{Own: true, Port: 4646}})
	p.agrees(p.alice, p.bob)
	if len(p.methods(p.bob, "INVITE")) != 2 {
		t.Error("bob was told nothing")
	}
	p.ended(p.o.Dialog(), p.bob)
}
