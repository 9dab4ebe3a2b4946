package luabind

// Which requests a script on trial gets, and what becomes of them.

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"sync/atomic"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
)

// side is a TrialSide that counts. It is a witness of the requests.
type side struct {
	trial            *trial
	requests, errors atomic.Uint64
	over             atomic.Uint64 // those that are, times 2^32, and of these those that failed
}

// enterFor is the VM that serves a request, kept from being closed until its end is called.
func (r *Router) enterFor(req *engine.Request) *vm {
	t := r.trial.Load()
	if t == nil {
		return r.enter(req.Lane())
	}
	began, mine := t.takes(req)
	if mine {
		v := t.gen.vms[t.laneIndex(req.Lane())]
		v.begin()
		if !t.over.Load() { // otherwise it may have been closed before begin
			t.fresh.saw(req, began)
			return v
		}
		v.end()
	}
	t.old.saw(req, began)
	return r.enter(req.Lane())
}

func (t *trial) laneIndex(l *lane.Lane) int {
	for i, other := range t.router.lanes {
		if other == l {
			return i
		}
	}
	return 0
}

// takes reports whether the script on trial gets a request, and whether that begins something. What
// belongs to a call stays with who began the call.
func (t *trial) takes(req *engine.Request) (begins, mine bool) {
	m := req.Message()
	id := m.CallID()
	calls := t.calls[req.Lane().ID()]
	method := m.Method()
	if req.InDialog() || method == message.MethodAck || method == message.MethodCancel {
		_, mine = calls[maphash.Bytes(t.seed, id)]
		return false, mine
	}
	if t.over.Load() || !t.chosen(id) && !t.from(req.Source().Addr.Addr()) {
		return true, false
	}
	if beginsDialog(method) && len(calls) >= t.room {
		if _, known := calls[maphash.Bytes(t.seed, id)]; !known {
			t.filled()
			return true, false
		}
	}
	return true, true
}

// beginsDialog reports whether requests within a dialog may follow.
func beginsDialog(m message.Method) bool {
	return m == message.MethodInvite || m == message.MethodSubscribe || m == message.MethodRefer
}

// filled tells once that the new script gets no more calls on a lane.
func (t *trial) filled() {
	if t.full.CompareAndSwap(false, true) {
		t.router.opts.Log.Warn("the canary gets no more new calls: it has begun as many as are remembered", "generation", t.gen.number)
	}
}

// chosen reports whether a Call-ID is in the share: for all servers of a cluster alike. A peer
// cannot make Call-IDs that are, or are not.
func (t *trial) chosen(id []byte) bool {
	return uint32(t.key.Sum(id)%trialParts) < t.below
}

func (t *trial) from(a netip.Addr) bool {
	a = a.Unmap().WithZone("") // a prefix has none
	for _, p := range t.Sources {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// saw counts a request, and follows one that begins something.
func (s *side) saw(req *engine.Request, begins bool) {
	s.requests.Add(1)
	if !begins {
		return
	}
	w := &seen{side: s}
	if m := req.Message(); s == &s.trial.fresh && beginsDialog(m.Method()) {
		w.calls, w.key = s.trial.calls[req.Lane().ID()], maphash.Bytes(s.trial.seed, m.CallID())
		w.calls[w.key]++
	}
	req.Witness(w)
}

// seen is the witness of one request.
type seen struct {
	side   *side
	calls  map[uint64]int // of the lane, if the new script may begin a dialog; otherwise nil
	key    uint64
	passed bool // statelessly
}

// Bystands of engine.Bystander: what is forwarded statelessly stays so.
func (w *seen) Bystands() bool { return true }

// Passed of engine.Bystander: that is all that will be known.
func (w *seen) Passed() { w.passed = true }

// Sending of engine.Witness has nothing to do.
func (w *seen) Sending(*engine.Branch) {}

// Answering has nothing to do either.
func (w *seen) Answering(*engine.Answer) bool { return true }

// Ended counts what became of a request, and forgets a dialog that did not come to be.
func (w *seen) Ended(code int) {
	if w.calls != nil && !w.passed && (code == 0 || code >= 300) {
		if w.calls[w.key]--; w.calls[w.key] <= 0 {
			delete(w.calls, w.key)
		}
	}
	w.side.ended(code, code == 0 && !w.passed)
}

func (s *side) ended(code int, dropped bool) {
	t := s.trial
	if t.over.Load() {
		return
	}
	one := uint64(1) << 32
	if dropped || t.isFailure(code) {
		one++
	}
	s.over.Add(one)
	// After each of them, whatever became of it: not when it suits
	if s == &t.fresh && t.look() {
		t.finish(rolledBack(t.fresh.now(), t.yardstick()))
	}
}

// look has a round about what is over since the last one, and reports whether the new script is
// worse. If somebody else looks at this moment the next one does.
func (t *trial) look() (worse bool) {
	if !t.judging.TryLock() {
		return false
	}
	defer t.judging.Unlock()
	e := t.evidence
	now := [2]TrialSide{t.fresh.now(), t.old.now()}
	a, b := since(now[0], t.told[0]), since(now[1], t.told[1])
	if b.Answered == 0 && a.Answered >= lonely {
		b = e.earlier(a)
	}
	if a.Answered > 0 && b.Answered > 0 {
		e.round(a, b)
		t.told = now
	}
	return e.worse()
}

// since is what came after before.
func since(now, before TrialSide) TrialSide {
	return TrialSide{Answered: now.Answered - before.Answered, Failed: now.Failed - before.Failed}
}

// isFailure reports whether an answer is one. Callers of one source may dial more busy and unknown
// numbers than others: with sources only what a server does wrong counts.
func (t *trial) isFailure(code int) bool {
	if len(t.Sources) > 0 {
		return code >= 500 && code < 600
	}
	return code >= 400 && code != 401 && code != 407 && code != 487
}

// since is what became of all requests since the server's start.
func (t *trial) since() (s TrialSide) {
	for code, n := range t.router.engine().Stats().Begun {
		s.Answered += n
		if t.isFailure(code) {
			s.Failed += n
		}
	}
	return s
}

// yardstick is what the new script is compared with: the old one meanwhile, and where that gets too
// little, all that was before.
func (t *trial) yardstick() TrialSide {
	s := t.old.now()
	if s.Answered < leastSamples {
		s.Answered += t.before.Answered
		s.Failed += t.before.Failed
	}
	return s
}

func rolledBack(a, b TrialSide) trialEnd {
	return trialEnd{TrialEnded, fmt.Sprintf("%s of its requests failed, and %s of those of the script before it", rate(a), rate(b)), true}
}

func rate(s TrialSide) string {
	return fmt.Sprintf("%d of %d (%.0f %%)", s.Failed, s.Answered, 100*float64(s.Failed)/float64(max(s.Answered, 1)))
}

// erred counts an error of one of the scripts. The first one of that on trial ends it.
func (t *trial) erred(g *generation, what, text string) {
	if g != t.gen {
		t.old.errors.Add(1)
		return
	}
	t.fresh.errors.Add(1)
	t.finish(trialEnd{TrialEnded, "script error in " + what + ": " + clip(text), true})
}
