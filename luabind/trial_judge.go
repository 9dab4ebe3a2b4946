package luabind

// Which requests a script on trial gets, and what becomes of them.

import (
	"fmt"
	"hash/fnv"
	"hash/maphash"
	"net/netip"
	"sync/atomic"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
)

// side is a TrialSide that counts. It is a witness of the requests.
type side struct {
	trial                              *trial
	requests, answered, failed, errors atomic.Uint64
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

// chosen reports whether a Call-ID is in the share: for all servers of a cluster alike.
func (t *trial) chosen(id []byte) bool {
	h := fnv.New64a()
	_, _ = h.Write(id)
	x := h.Sum64() // whose upper bits depend little on the last bytes: mixed as in MurmurHash3
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return uint32(x%trialParts) < t.below
}

func (t *trial) from(a netip.Addr) bool {
	a = a.Unmap()
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
	s.answered.Add(1)
	if !dropped && !t.isFailure(code) {
		return
	}
	s.failed.Add(1)
	if s != &t.fresh {
		return
	}
	if a, b := t.fresh.now(), t.yardstick(); worse(a, b) {
		t.finish(rolledBack(a, b))
	}
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
