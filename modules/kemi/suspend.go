package kemi

// KSR.tmx.t_suspend and t_continue: a request that waits until another one, or the callback of an
// event, has it go on.

import (
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/kemi/pv"
)

// maxSuspended bounds the requests that wait.
const maxSuspended = 10_000

// transaction names a request: $T(id_index) and $T(id_label).
type transaction struct{ index, label int32 }

func (t transaction) text() string {
	return strconv.Itoa(int(t.index)) + ":" + strconv.Itoa(int(t.label))
}

// suspensions are the requests that wait.
type suspensions struct {
	mu      sync.Mutex
	waiting map[string]*suspension // guarded by mu, by the transaction's text
}

// suspension is one of them.
type suspension struct {
	name    string // the function that it goes on with
	resumed bool
}

// begin has a request wait; false if too many do.
func (s *suspensions) begin(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) >= maxSuspended || s.waiting[id] != nil {
		return false
	}
	if s.waiting == nil {
		s.waiting = map[string]*suspension{}
	}
	s.waiting[id] = &suspension{}
	return true
}

// resume has it go on with a function; false if it does not wait.
func (s *suspensions) resume(id, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.waiting[id]
	if x == nil || x.resumed {
		return false
	}
	x.name, x.resumed = name, true
	return true
}

// taken is the function that the request goes on with, once it was resumed: then it waits no more.
func (s *suspensions) taken(id string) (name string, resumed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.waiting[id]; x != nil && x.resumed {
		delete(s.waiting, id)
		return x.name, true
	}
	return "", false
}

// forget ends a wait.
func (s *suspensions) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, id)
}

// waiter ends the wait of a request with it, whatever becomes of its handler. It is a witness of
// the request, and a bystander.
type waiter struct {
	s  *suspensions
	id string
}

func (w *waiter) Sending(*engine.Branch)        {}
func (w *waiter) Answering(*engine.Answer) bool { return true }
func (w *waiter) Ended(int)                     { w.s.forget(w.id) }
func (w *waiter) Bystands() bool                { return true }
func (w *waiter) Passed()                       { w.s.forget(w.id) }

func suspendRows() []Row {
	return []Row{
		{Name: "tmx.t_suspend", Result: "int", Does: "has the request wait, when ksr_request_route ends, for t_continue; for 30 s, or what t_set_fr says, at most: then it is answered 408",
			Differs: "in a failure function it returns -1: functions wait by themselves", call: func(k *call) int {
				if k.f.kind != inRequest || k.over() || k.s.suspended || !k.sh.module.shared.suspended.begin(k.s.transaction().text()) {
					return k.num(-1)
				}
				if !k.s.awaited {
					k.s.awaited = true
					k.s.req.Witness(&waiter{&k.sh.module.shared.suspended, k.s.transaction().text()})
				}
				k.s.suspended, k.s.newtran = true, true
				return k.num(1)
			}},
		{Name: "tmx.t_continue", Params: "iis", Result: "int", Does: "has the request of $T(id_index) and $T(id_label) go on with a function", call: func(k *call) int {
			return k.is(k.sh.module.shared.suspended.resume(transaction{int32(k.int(1)), int32(k.int(2))}.text(), k.str(3)))
		}},
	}
}

// How long a function of KSR.async may be put off, as there.
const (
	maxLater = 100 * time.Second
	maxSoon  = 30 * time.Second
)

func asyncRows() []Row {
	const inFailure = "in a failure function it returns -1: functions wait by themselves; a name that is no function is answered 500; an empty name is refused with -1, there 0: the request would wait for nothing"
	return []Row{
		{Name: "async.route", Params: "si", Result: "int", Does: "has the request wait, when ksr_request_route ends, for seconds, and go on with a function: 0, or -1 for none, 100 or more", Differs: inFailure,
			call: func(k *call) int { return k.later(time.Duration(k.int(2))*time.Second, maxLater) }},
		{Name: "async.ms_route", Params: "si", Result: "int", Does: "as async.route, for milliseconds, less than 30000", Differs: inFailure,
			call: func(k *call) int { return k.later(time.Duration(k.int(2))*time.Millisecond, maxSoon) }},
		{Name: "async.task_route", Params: "s", Result: "int", Does: "has the request go on with a function when ksr_request_route ends: 0", Differs: inFailure, call: func(k *call) int {
			if !k.putOff(0) {
				return k.num(-1)
			}
			return k.num(0)
		}},
	}
}

// later puts the function that the first argument names off.
func (k *call) later(wait, most time.Duration) int {
	if wait <= 0 || wait >= most {
		k.log("it waits for more than none, and less than " + most.String())
		return k.num(-1)
	}
	if !k.putOff(wait) {
		return k.num(-1)
	}
	return k.num(0)
}

// putOff has the request go on with the function that the first argument names.
func (k *call) putOff(wait time.Duration) bool {
	if k.f.kind != inRequest || k.over() || k.s.suspended || k.str(1) == "" {
		k.log("the request waits, or was answered or relayed, or there is no name")
		return false
	}
	k.s.suspended, k.s.newtran, k.s.next, k.s.nextAfter = true, true, k.str(1), wait
	return true
}

// transaction is the request's name.
func (s *session) transaction() transaction {
	if s.tid == (transaction{}) {
		s.tid = transaction{rand.Int32N(1<<16-1) + 1, rand.Int32N(1<<31-2) + 1}
	}
	return s.tid
}

// ofTransaction is $T(name).
func (k *call) ofTransaction(name string) pv.Value {
	switch {
	case name == "branch_index":
		return pv.Num(int64(k.f.index))
	case k.f.kind == inEvent:
	case name == "id_index":
		return pv.Num(int64(k.s.transaction().index))
	case name == "id_label":
		return pv.Num(int64(k.s.transaction().label))
	}
	return pv.Value{}
}

// suspending are what ksr.lua waits with.
func (sh *shim) suspending(do func(name string, f func(k *call) int) luabind.Function) []luabind.Function {
	waiting := &sh.module.shared.suspended
	return []luabind.Function{
		// suspended() -> the request's name, nil if it does not wait; whether it is over
		do("suspended", func(k *call) int {
			if !k.s.suspended {
				return k.c.PushNil() + k.bool(k.over())
			}
			k.s.suspended = false
			return k.c.PushText(k.s.transaction().text()) + k.bool(k.over())
		}),
		// later() -> the seconds that the request waits, and the function; nil for t_suspend
		do("later", func(k *call) int {
			if k.s.next == "" {
				return k.c.PushNil()
			}
			n := k.c.PushSeconds(k.s.nextAfter) + k.c.PushString(k.s.next)
			k.s.next = ""
			return n
		}),
		do("resumed", func(k *call) int { // (name) -> the function, nil while the request waits
			name, resumed := waiting.taken(k.c.String(1))
			if !resumed {
				return k.c.PushNil()
			}
			return k.c.PushString(name)
		}),
		do("forget", func(k *call) int { waiting.forget(k.s.transaction().text()); return 0 }),
	}
}
