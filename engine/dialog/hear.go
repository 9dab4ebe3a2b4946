package dialog

// What the owner hears of its party within the dialog: digits and requests.

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
)

const (
	// Digit is what Hear is asked for to hear digits that come by INFO.
	Digit = "dtmf"

	// WhyOver is why nothing will be heard any more: the leg has ended, for what Leg.Why says.
	WhyOver = "ended"

	mostDigits = 32 // that are kept for an owner who is busy
)

// Heard is something that a party has sent.
type Heard struct {
	What  string // Digit, or the method
	Value []byte // the digit, one of 0-9 * # A-D and ! for a flash; or the body, nil for none
	Type  string // the Content-Type of the body
}

// ear is what listens to a party. It belongs to the lane.
type ear struct {
	leg    *Leg
	digits []byte // that came while nobody listened
	wanted []string
	done   func(Heard, string)
	timer  lane.Timer
}

// Hear tells done, once and on the lane, what the party sends next of what is wanted: Digit, INFO
// or MESSAGE; or why there is nothing: WhyAgain when the time is over, WhyOver when the leg has
// ended. Digits that came before, of a party that talks to nobody, are heard first, the last 32 of
// them. What a bridge passes is heard as well. ErrBusy: somebody listens.
func (l *Leg) Hear(wanted []string, timeout time.Duration, done func(h Heard, why string)) error {
	if l.s.phase == over {
		done(Heard{}, WhyOver)
		return nil
	}
	e := l.more().ear
	if e == nil {
		e = &ear{leg: l}
		l.rare.ear = e
	}
	if e.done != nil {
		return ErrBusy
	}
	if len(e.digits) > 0 && slices.Contains(wanted, Digit) {
		h := Heard{What: Digit, Value: e.digits[:1:1]}
		e.digits = e.digits[1:]
		done(h, "")
		return nil
	}
	e.wanted, e.done = wanted, done
	l.lane.After(timeout, &e.timer, e)
	return nil
}

// Expire is told that the time is over.
func (e *ear) Expire(*lane.Timer) { e.tell(Heard{}, WhyAgain) }

func (e *ear) tell(h Heard, why string) {
	if done := e.done; done != nil {
		e.done, e.wanted = nil, nil
		e.leg.lane.StopTimer(&e.timer)
		done(h, why)
	}
}

// listens is what a request says, and whether somebody waits for it: for a digit, if it is one, or
// for the request. It is a view of the request.
func (l *Leg) listens(m *message.Message, method string) (h Heard, wanted bool) {
	h = Heard{What: method, Value: m.Body(), Type: string(m.Header(message.HeaderContentType))}
	digit, ok := h.digit()
	switch {
	case ok && l.wants(Digit):
		return digit, true
	case l.wants(method):
		return h, true
	case ok:
		return digit, false
	}
	return h, false
}

// digit is the digit of an INFO.
func (h Heard) digit() (digit Heard, ok bool) {
	if h.What != "INFO" {
		return h, false
	}
	text := h.Value
	kind, _, _ := strings.Cut(h.Type, ";")
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "application/dtmf-relay":
		text = nil
		for line := range bytes.Lines(h.Value) {
			if name, value, ok := bytes.Cut(line, []byte("=")); ok && bytes.EqualFold(bytes.TrimSpace(name), []byte("signal")) {
				text = value
				break
			}
		}
	case "application/dtmf":
	default:
		return h, false
	}
	s := strings.ToUpper(string(bytes.TrimSpace(text)))
	if len(s) == 2 && s[0] == '1' && s[1] >= '0' && s[1] <= '6' {
		s = signals[10+s[1]-'0':][:1]
	}
	if len(s) != 1 || !strings.Contains(signals, s) {
		return h, false
	}
	return Heard{What: Digit, Value: []byte(s), Type: h.Type}, true
}

// signals are the digits by their number, as RFC 4733 §3.2 numbers events.
const signals = "0123456789*#ABCD!"

// wants reports whether somebody waits for it.
func (l *Leg) wants(what string) bool {
	return l.rare != nil && l.rare.ear != nil && l.rare.ear.done != nil && slices.Contains(l.rare.ear.wanted, what)
}

// hear tells who listens, or keeps a digit of a party that talks to nobody.
func (l *Leg) hear(h Heard, wanted bool) {
	switch {
	case wanted:
		h.Value = clone(h.Value)
		l.rare.ear.tell(h, "")
	case h.What == Digit && l.Peer() == nil && l.s.phase != over:
		x := l.more()
		if x.ear == nil {
			x.ear = &ear{leg: l}
		}
		if d := x.ear.digits; len(d) == mostDigits {
			x.ear.digits = append(d[:0:0], d[1:]...)
		}
		x.ear.digits = append(x.ear.digits, h.Value...)
	}
}
