package track

import (
	"slices"

	"github.com/sipscript/sipscript/engine"
)

// Requests of this server's own within a dialog, in the name of a party, take numbers of that
// party's (RFC 3261 §12.2.1.1). It knows nothing of them, so its later numbers are raised on their
// way from then on.

// Fixed is why a server can't ask the parties of a call for anything.
type Fixed uint8

// Reasons of Fixed.
const (
	Free  Fixed = iota // it can
	Media              // their media pass through a relay that can't be asked
)

// Between is what stands between the parties of a call, beside this server itself. It is never
// changed.
type Between struct {
	// How they are hidden from each other; nil: they are not
	Hide *engine.HideOptions `json:",omitempty"`
	// What a relay of their media knows the call by; "" for none
	Media string `json:",omitempty"`
	// The node that has the call, of one that another node reports; "" for this one
	Node string `json:"-"`
}

// Step says that the numbers of a party are raised by Extra from From on.
type Step struct{ From, Extra uint32 }

// Own are the steps of the parties of a leg, and its REFERs. It is never changed.
type Own struct {
	Caller []Step // of the caller's numbers
	Callee []Step // of the callee's
	// REFERs of which a party may still tell
	Refers []Refer `json:",omitempty"`
	// The numbers of INVITEs to the caller and the callee by which something is being asked of them
	Invites [2]uint32
}

// mostSteps bounds those of a party: only the numbers of requests in progress are looked up.
const mostSteps = 8

// Take takes the next number for a request to the callee, in the name of the caller, or the other
// way round.
func (l *Leg) Take(toCallee bool) (number uint32) {
	seen, sent := &l.ToCaller, l.FromCallee
	if toCallee {
		seen, sent = &l.ToCallee, l.FromCaller
	}
	step := Step{Extra: 1}
	if sent > 0 {
		step.From = sent + 1
	}
	if *seen == 0 { // the party's first number may be 0
		step.Extra = 2
	}
	*seen++
	own := l.own()
	steps := &own.Callee
	if toCallee {
		steps = &own.Caller
	}
	list := slices.Clone(*steps)
	if n := len(list); n > 0 {
		if step.Extra += list[n-1].Extra; list[n-1].From == step.From {
			list = list[:n-1]
		} else if n >= mostSteps {
			list = list[1:]
		}
	}
	*steps = append(list, step)
	l.Own = &own
	return *seen
}

// Inviting notes an INVITE of this server's own to the callee, or the caller.
func (l *Leg) Inviting(toCallee bool, number uint32) {
	own := l.own()
	n := 0
	if toCallee {
		n = 1
	}
	own.Invites[n] = number
	l.Own = &own
}

// Invited notes that nothing is being asked any more.
func (l *Leg) Invited() {
	if l.Own == nil || l.Own.Invites == [2]uint32{} {
		return
	}
	own := l.own()
	own.Invites = [2]uint32{}
	l.Own = &own
}

// Extra is what is added to a number of a party.
func (o *Own) Extra(byCaller bool, number uint32) (n uint32) {
	steps := o.Callee
	if byCaller {
		steps = o.Caller
	}
	for _, s := range steps {
		if s.From <= number {
			n = s.Extra
		}
	}
	return n
}
