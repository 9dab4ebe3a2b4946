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
	always map[string]func(Heard) // by what is heard; see Listen
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

// Listen has f told, on the leg's lane, of all that the party sends of a kind: Digit, INFO or
// MESSAGE; in place of who was told before. nil ends that. It takes nothing from Hear, nor from a
// bridge; digits that it hears are not kept. It reports false if the leg has ended.
func (l *Leg) Listen(what string, f func(Heard)) bool {
	if l.s.phase == over {
		return false
	}
	e := l.more().ear
	if e == nil {
		e = &ear{leg: l}
		l.rare.ear = e
	}
	if f == nil {
		delete(e.always, what)
		return true
	}
	if e.always == nil {
		e.always = map[string]func(Heard){}
	}
	e.always[what] = f
	return true
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

// said is what a request says, and the digit that it is, if it is one. Both are views of it.
type said struct {
	request, digit Heard
	isDigit        bool
}

func saidBy(m *message.Message, method string) said {
	s := said{request: Heard{What: method, Value: m.Body(), Type: string(m.Header(message.HeaderContentType))}}
	s.digit, s.isDigit = s.request.digit()
	return s
}

// heard reports whether somebody takes what a request says: by itself, or as a digit.
func (l *Leg) heard(s said) bool {
	return l.wants(s.request.What) || l.heeds(s.request.What) != nil || s.isDigit && (l.wants(Digit) || l.heeds(Digit) != nil)
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

// heeds is who hears all of it; nil for nobody.
func (l *Leg) heeds(what string) func(Heard) {
	if l.rare == nil || l.rare.ear == nil {
		return nil
	}
	return l.rare.ear.always[what]
}

// hear tells who waits and who listens, or keeps a digit of a party that talks to nobody.
func (l *Leg) hear(s said) {
	taken := true
	switch {
	case s.isDigit && l.wants(Digit):
		l.rare.ear.tell(s.digit.copied(), "")
	case l.wants(s.request.What):
		l.rare.ear.tell(s.request.copied(), "")
	default:
		taken = s.isDigit && l.heeds(Digit) != nil
	}
	if f := l.heeds(s.request.What); f != nil {
		f(s.request.copied())
	}
	if f := l.heeds(Digit); s.isDigit && f != nil {
		f(s.digit.copied())
	}
	if !taken && s.isDigit && l.Peer() == nil && l.s.phase != over {
		l.keepDigit(s.digit.Value)
	}
}

// copied outlives the request.
func (h Heard) copied() Heard {
	h.Value = clone(h.Value)
	return h
}

// keepDigit keeps a digit that nobody has heard.
func (l *Leg) keepDigit(digit []byte) {
	x := l.more()
	if x.ear == nil {
		x.ear = &ear{leg: l}
	}
	if d := x.ear.digits; len(d) == mostDigits {
		x.ear.digits = append(d[:0:0], d[1:]...)
	}
	x.ear.digits = append(x.ear.digits, digit...)
}
