package proxy

import (
	"fmt"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
)

func TestTicketIsReadAsItWasSigned(t *testing.T) {
	s := NewSigner([32]byte{1}, [32]byte{2}, [32]byte{3}, [32]byte{4})
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for _, answer := range []bool{false, true} {
		want := ticket{answer: answer, issued: ticketTime(now), caller: 1, callee: 2, seen: 3, target: 4}
		b := bond{callID: []byte("c"), callerTag: []byte("a"), hop: []byte("sip:p.example;lr")}
		if answer {
			b.calleeTag = []byte("b")
		}
		text := s.sign(nil, &want, &b, message.Params(";x=1"), nil)
		if len(text) != ticketChars || forCallee(text) == answer {
			t.Errorf("%s: %d characters, for the callee: %v", text, len(text), forCallee(text))
		}
		got, ok := s.read(text, &b, message.Params(";lr;s="+string(text)+";X=1"), nil)
		if !ok || got != want {
			t.Errorf("%v: %+v %v, want %+v", answer, got, ok, want)
		}
	}
}

func TestTicketsExpire(t *testing.T) {
	issued := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	own := ticket{issued: ticketTime(issued)}
	for _, c := range []struct {
		after, lifetime time.Duration
		expired         bool
	}{
		{0, time.Hour, false}, {time.Hour, time.Hour, false}, {62 * time.Minute, time.Hour, true}, {-48 * time.Hour, time.Hour, false},
		{365 * 24 * time.Hour, 24 * time.Hour, true}, {7 * 365 * 24 * time.Hour, 24 * time.Hour, true}, {365 * 24 * time.Hour, 100 * 365 * 24 * time.Hour, false},
	} {
		t.Run(fmt.Sprint(c.after), func(t *testing.T) {
			if got := own.expired(issued.Add(c.after), c.lifetime); got != c.expired {
				t.Errorf("after %v of %v: %v", c.after, c.lifetime, got)
			}
		})
	}
}
