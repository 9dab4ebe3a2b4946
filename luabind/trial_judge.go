package luabind

// Which requests a script on trial gets, and what becomes of them.

import (
	"fmt"
	"hash/fnv"
	"hash/maphash"
	"math"
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
	key := maphash.Bytes(t.seed, id)
	if _, known := calls[key]; !known {
		if len(calls) >= mostTrialCalls {
			return true, false
		}
		calls[key] = struct{}{}
	}
	return true, true
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
	if begins {
		req.Witness(s)
	}
}

// Bystands of engine.Bystander: what is forwarded statelessly stays so.
func (s *side) Bystands() bool { return true }

// Sending of engine.Witness has nothing to do.
func (s *side) Sending(*engine.Branch) {}

// Answering has nothing to do either.
func (s *side) Answering(*engine.Answer) bool { return true }

// Ended counts what became of a request.
func (s *side) Ended(code int) {
	t := s.trial
	if code == 0 || t.over.Load() {
		return
	}
	s.answered.Add(1)
	if code < 400 || code == 401 || code == 407 || code == 487 {
		return
	}
	s.failed.Add(1)
	if s != &t.fresh {
		return
	}
	if a, b := t.fresh.now(), t.old.now(); worse(a, b) {
		t.finish(TrialEnded, fmt.Sprintf("%s of its requests failed, and %s of those of the script before it", rate(a), rate(b)))
	}
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
	t.finish(TrialEnded, "script error in "+what+": "+clip(text))
}

const (
	leastSamples = 30   // of each script, before their failures are compared
	leastWorse   = 0.02 // by how much more must fail
	deviations   = 3    // how many standard deviations are not chance
)

// worse reports whether significantly more requests fail with a than with b, by the test of two
// proportions.
func worse(a, b TrialSide) bool {
	if a.Answered < leastSamples || b.Answered < leastSamples {
		return false
	}
	n, m := float64(a.Answered), float64(b.Answered)
	p, q := float64(a.Failed)/n, float64(b.Failed)/m
	both := (float64(a.Failed) + float64(b.Failed)) / (n + m)
	return p-q >= leastWorse && p-q > deviations*math.Sqrt(both*(1-both)*(1/n+1/m))
}
