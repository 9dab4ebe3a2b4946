package dialog

// What ends a dialog of which nothing is left here but a note: the process that had the leg was
// killed, and its party talks to nobody.

import (
	"time"

	"github.com/sipscript/sipscript/engine"
)

// Goodbye is what the BYE to the party of a leg takes.
type Goodbye struct {
	CallID  string   `json:"call_id"`            // of the leg
	KnownAs string   `json:"known_as,omitempty"` // the party's Call-ID, if that is another
	From    string   `json:"from"`               // the name of this side, and its tag
	To      string   `json:"to"`                 // those of the party
	CSeq    uint32   `json:"cseq"`               // above all that will be used for a while
	URI     string   `json:"uri"`                // the party's remote target
	Routes  []string `json:"routes,omitempty"`   // the route set
	At      string   `json:"at,omitempty"`       // where a NAT has it
	Socket  string   `json:"socket,omitempty"`   // the listener that it is reached from
}

// numbers is for how many CSeq numbers a Goodbye is good.
const numbers = 100

// highestNumber is the highest CSeq number that there is (RFC 3261 §8.1.1.5).
const highestNumber = 1<<31 - 1

// Goodbye is what ends the leg, which was answered, when it is not there any more. It is another
// one after each [Options.Changed].
func (l *Leg) Goodbye() Goodbye {
	r := &l.reach
	return Goodbye{CallID: l.callID, KnownAs: r.CallID, From: l.local, To: l.remote, URI: r.URI, Routes: r.Routes, At: r.At, Socket: r.Socket,
		CSeq: min((l.seq/numbers+2)*numbers, highestNumber)}
}

// SayGoodbye sends the BYE, with the value of a Reason header, "" for none. then is told on some
// lane that it was answered, or that nobody answers; if the error is not nil, nothing was sent and
// it is not told.
func (a *Agent) SayGoodbye(g *Goodbye, reason string, then func()) error {
	reach := engine.Reach{URI: g.URI, Routes: g.Routes, At: g.At, Socket: g.Socket, CallID: g.KnownAs}
	s := &engine.SendSpec{Method: "BYE", URI: g.URI, From: g.From, To: g.To, CallID: g.CallID, KnownAs: g.KnownAs, CSeq: g.CSeq,
		Target: strictly(reach.Target()), Timeout: goodbyeTime}
	if reason != "" {
		s.Headers = []engine.HeaderEdit{{Name: "Reason", Values: []string{reason}}}
	}
	return a.eng.SendAsync(s, func(*engine.Response, error) { then() })
}

// goodbyeTime is for how long a party that may be gone is asked.
const goodbyeTime = 32 * time.Second

// count notes that a number was used.
func (l *Leg) count(n uint32) {
	if n <= l.seq {
		return
	}
	before := l.seq / numbers
	if l.seq = n; n/numbers != before {
		l.changed()
	}
}

// changed tells that the Goodbye of a leg that was answered is another one now.
func (l *Leg) changed() {
	if l.s.phase == up && l.agent.o.Changed != nil {
		l.agent.o.Changed(l)
	}
}
