package engine_test

import (
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/sim/agent"
)

// What must hold when a random scenario is over.

func (s *scenario) check(eng *engine.Engine) {
	calm := s.link.Loss == 0 && len(s.left) == 0 && !s.broken
	for _, c := range s.calls {
		s.checkCall(c, calm)
	}
	for _, x := range s.asked {
		s.checkExchange(x, false) // a silent callee may make any of them time out
	}
	for _, d := range s.dialogs {
		for _, x := range d.Exchanges {
			s.checkExchange(x, calm)
		}
	}
	if s.lost > 0 && s.link.Loss == 0 {
		s.t.Errorf("seed %d: %d answered calls were never acknowledged", s.seed, s.lost)
	}
	if s.link.Loss == 0 {
		s.checkRings()
	}
	s.checkLeft(eng, calm)
}

func (s *scenario) checkCall(c *agent.Call, calm bool) {
	failures := 0
	for _, code := range c.Finals {
		if code >= 300 {
			failures++
		}
	}
	// A 2xx that crossed the CANCEL of an expired branch goes on even after a failure (§16.7 step
	// 5); nothing else does.
	if failures > 1 || failures == 1 && len(c.Finals) > 1 && c.Finals[0] < 300 {
		s.t.Errorf("seed %d: %s got finals %v", s.seed, c.ID, c.Finals)
	}
	// On a stream nothing is sent twice: when it breaks under an INVITE that rings, its answer may
	// be lost for good. And a 2xx that is lost comes again only from a phone that is still there.
	gone := s.broken || s.link.Loss > 0 && len(s.left) > 0 && s.answered[c.ID] != 0
	if len(c.Finals) == 0 && c.Failure == nil && !gone || len(c.Finals) == 0 && s.link.Loss == 0 && !s.broken {
		s.t.Errorf("seed %d: %s got no final response (%v)", s.seed, c.ID, c.Failure)
	}
	for _, d := range c.Dialogs {
		for _, x := range d.Exchanges {
			s.checkExchange(x, calm)
		}
		if d.Bye == 0 && !s.broken || calm && d.Bye != 200 {
			s.t.Errorf("seed %d: %s: BYE ended with %d", s.seed, c.ID, d.Bye)
		}
	}
}

// checkExchange sees that a request got one final response, or timed out where it may.
func (s *scenario) checkExchange(x *agent.Exchange, calm bool) {
	gone := s.broken || s.left[x.Agent] || s.link.Loss > 0 && len(s.left) > 0 // as in checkCall
	if len(x.Finals) > 1 || len(x.Finals) == 1 && x.Failure != nil || len(x.Finals) == 0 && (calm || x.Failure == nil && !gone) {
		s.t.Errorf("seed %d: %s %s %d got finals %v, failed with %v", s.seed, x.ID, x.Method, x.CSeq, x.Finals, x.Failure)
	}
}

// checkRings sees that no phone rings on after the caller has its final response.
func (s *scenario) checkRings() {
	const grace = 2 * time.Second
	for _, r := range s.rings {
		final, ok := s.answered[r.id]
		if !ok || r.heard == 0 || s.left[r.a] || s.broken {
			continue
		}
		if r.ended == 0 || r.ended > max(final, r.heard)+grace {
			s.t.Errorf("seed %d: %s rang on: %s was answered at %v, the phone ended at %v", s.seed, r.a.Addr, r.id, final, r.ended)
		}
	}
}

// checkTimers sees that no timer runs for what is over: when no request is in progress, each
// belongs to a transaction, except for the few seconds for which a branch that was given up is
// waited for. It is called every 10 s.
func (s *scenario) checkTimers(eng *engine.Engine) {
	st := eng.Stats()
	if st.InProgress > 0 {
		s.surplus = 0
		return
	}
	timers := 0
	s.w.Do(func() { timers = eng.Lanes()[0].Timers() })
	if timers <= st.ServerTransactions+st.ClientTransactions {
		s.surplus = 0
		return
	}
	if s.surplus++; s.surplus > 1 {
		s.t.Errorf("seed %d: %d timers for %d server and %d client transactions, and nothing in progress", s.seed, timers, st.ServerTransactions, st.ClientTransactions)
	}
}

// checkLeft sees that nothing is left, in the engine and at the phones.
func (s *scenario) checkLeft(eng *engine.Engine, calm bool) {
	st := eng.Stats()
	if st.InProgress+st.ServerTransactions+st.ClientTransactions != 0 {
		s.t.Errorf("seed %d: left behind: %d in progress, %d server and %d client transactions", s.seed, st.InProgress, st.ServerTransactions, st.ClientTransactions)
	}
	s.w.Do(func() {
		for _, l := range eng.Lanes() {
			if n := l.Timers(); n != 0 {
				s.t.Errorf("seed %d: %d timers left", s.seed, n)
			}
			if n := l.Stats().Panics.Load(); n != 0 {
				s.t.Errorf("seed %d: %d panics", s.seed, n)
			}
		}
	})
	for _, a := range append(s.callees[:len(s.callees):len(s.callees)], s.caller) {
		a.Do(func() {
			if transactions, timers := a.Left(); calm && transactions+timers != 0 {
				s.t.Errorf("seed %d: %s has %d transactions and %d timers left", s.seed, a.Addr, transactions, timers)
			}
			if calm && s.link.Jitter == 0 && a.Unknown+a.Strays != 0 {
				s.t.Errorf("seed %d: %s got %d responses and %d CANCELs that belong to nothing", s.seed, a.Addr, a.Strays, a.Unknown)
			}
		})
	}
}
