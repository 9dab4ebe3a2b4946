package gateways

// What probes and requests tell about an address.

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// putLocked sets whether an address is up, and settles its gateway.
func (s *spot) putLocked(up bool, why string) {
	s.failures.Store(0)
	s.missed, s.answered = 0, 0
	if s.down.Load() == !up {
		return
	}
	s.down.Store(!up)
	s.why, s.since, s.retry = why, s.gate.set.now(), 0
	if !up {
		s.retry = s.gate.set.retryAt()
	}
	s.gate.settleLocked(why)
}

// put is putLocked for whoever holds nothing.
func (s *spot) put(up bool, why string) {
	set := s.gate.set
	set.mu.Lock()
	s.putLocked(up, why)
	set.mu.Unlock()
	set.tell()
	if !up {
		set.keeper.changed()
	}
}

// retryAt is when an address that went down now is tried again if no probes are sent; 0: never.
func (s *Set) retryAt() lane.Time {
	if s.keeper.probes() {
		return 0
	}
	return s.now().Add(s.policy.Load().Passive.Within)
}

// isGone reports whether an error says that nobody is there: the address refused, or the network
// knows no way to it. Others may be our own fault.
func isGone(err error) bool {
	for _, gone := range [...]error{transport.ErrNotConnected, syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENOPROTOOPT, syscall.EPROTO} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return false
}

// Enter lets a request go to the address, unless it is a call and there are enough.
func (s *spot) Enter(call bool) bool {
	g := s.gate
	if call {
		n, most := g.calls.Add(1), g.maxCalls.Load()
		if most > 0 && n > most {
			g.calls.Add(-1)
			g.full.Add(1)
			return false
		}
	}
	g.sent.Add(1)
	return true
}

// Exit is the end of a call, or of the attempt at one.
func (s *spot) Exit() { s.gate.calls.Add(-1) }

// Outcome learns from what became of a request.
func (s *spot) Outcome(o *engine.Outcome) {
	switch {
	case o.Cause == proxy.CauseUnreachable && isGone(o.Err):
		s.gate.failed.Add(1)
		s.put(false, strings.TrimPrefix(o.Err.Error(), "transaction: send: "))
	case o.Cancelled:
	case o.Cause == proxy.CauseUnreachable && o.Err != nil && !errors.Is(o.Err, transaction.ErrLost):
		// It could be a fault of ours
	case proxy.Failed(o.Code, o.Cause, o.Early):
		s.gate.failed.Add(1)
		s.failed(o)
	case o.Cause == "" && s.failures.Load() != 0:
		s.failures.Store(0)
	}
}

// failed counts a failure of a request.
func (s *spot) failed(o *engine.Outcome) {
	p, now := &s.gate.set.policy.Load().Passive, s.gate.set.now()
	if last := lane.Time(s.lastFail.Swap(int64(now))); now.Sub(last) > p.Within {
		s.failures.Store(0)
	}
	if n := int(s.failures.Add(1)); p.Failures == 0 || n < p.Failures {
		return
	}
	if s.down.Load() {
		return
	}
	why := fmt.Sprintf("%d requests failed in a row, the last with %d", p.Failures, o.Code)
	if o.Cause != "" {
		why = fmt.Sprintf("%d requests failed in a row, the last without an answer", p.Failures)
	}
	s.put(false, why)
}

// answeredProbe is a probe that says that the address works.
func (s *spot) answeredProbe() {
	set := s.gate.set
	set.figures.probes.Add(1)
	set.mu.Lock()
	s.missed = 0
	if s.down.Load() {
		if s.answered++; s.answered >= set.policy.Load().Probe.UpAfter {
			s.putLocked(true, "it answers")
		}
	}
	set.mu.Unlock()
	set.tell()
}

// missedProbe is one that says that it does not. certain: nobody is there.
func (s *spot) missedProbe(why string, certain bool) {
	set := s.gate.set
	set.figures.probes.Add(1)
	set.figures.missed.Add(1)
	set.mu.Lock()
	s.answered = 0
	if s.missed++; certain || s.missed >= set.policy.Load().Probe.DownAfter {
		s.putLocked(false, why)
	}
	set.mu.Unlock()
	set.tell()
}
