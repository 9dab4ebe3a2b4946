package uac

// This file keeps one account registered (RFC 3261 §10.2).

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
)

// registration is one account and its timer. It belongs to the background lane, except for given
// and status.
type registration struct {
	uac    *UAC
	engine *engine.Engine
	given  Account // guarded by uac.mu
	status atomic.Pointer[Status]

	lane    *lane.Lane
	timer   lane.Timer
	account Account
	retry   Policy
	callID  string // the same for all its REGISTERs (§10.2.4)
	cseq    uint32 // of the last
	ask     time.Duration
	until   time.Time
	routes  []string // Service-Route of the last acceptance
	tries   int      // failures in a row
	busy    bool     // a REGISTER is on its way
	again   bool     // another one is wanted after it
	removed bool
	left    bool   // another registration has the binding from now on
	gone    func() // called when it has been unregistered; nil for nobody
}

func newRegistration(u *UAC, e *engine.Engine, a Account, retry Policy) *registration {
	r := &registration{uac: u, engine: e, given: a, account: a, retry: retry, ask: a.Expires,
		callID: fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64())}
	r.status.Store(&Status{Name: a.Name, AOR: a.AOR, Contact: a.Contact, pending: true})
	return r
}

// spread is the time over which registrations begin: the trunk of a hundred accounts should not get
// a hundred REGISTERs at once.
const spread = time.Second

// begin registers for the first time.
func (r *registration) begin() { r.lane.After(rand.N(spread), &r.timer, r) }

// change takes an account that is registered at the same place.
func (r *registration) change(a Account, retry Policy, changed bool) {
	r.retry = retry
	if !changed || r.removed {
		return
	}
	r.account, r.ask, r.tries = a, a.Expires, 0
	r.soon()
}

// remove ends the registration.
func (r *registration) remove() {
	r.removed = true
	r.soon()
}

// leave ends the registration and leaves its binding to the one that takes its place: a REGISTER
// that took it back might come after the other's.
func (r *registration) leave() {
	r.left = true
	r.remove()
}

// soon sends a REGISTER, after the one that is on its way.
func (r *registration) soon() {
	if r.again = r.busy; !r.busy {
		r.lane.StopTimer(&r.timer)
		r.Expire(&r.timer)
	}
}

// Expire is the timer: it is time to register, or to register again. It waits for the answer with
// the lane lent.
func (r *registration) Expire(*lane.Timer) {
	if r.removed {
		r.unregister()
		return
	}
	granted, no := r.register(r.ask)
	if no != nil && !r.again && no.least > r.ask && no.least <= longestExpires { // 423 (§10.2.8)
		r.ask = no.least
		granted, no = r.register(r.ask)
	}
	r.settle(granted, no)
	if r.again {
		r.soon()
	}
}

// settle notes the outcome of a REGISTER and waits for the next.
func (r *registration) settle(granted time.Duration, no *refusal) {
	now := r.lane.Wall()
	var wait time.Duration
	stood := now.Before(r.until)
	switch {
	case no == nil:
		r.uac.figures.accepted.Add(1)
		r.tries, r.until = 0, now.Add(granted)
		wait = refreshAfter(granted)
	default:
		if no.code == 0 || no.code >= 500 {
			r.uac.figures.failed.Add(1)
		} else {
			r.uac.figures.refused.Add(1)
		}
		wait = r.retry.after(r.tries, no)
		r.tries++
	}
	s := &Status{Name: r.account.Name, AOR: r.account.AOR, Contact: r.contact(), until: r.until, routes: r.routes}
	if no != nil {
		s.Code, s.Error = no.code, no.text
	} else {
		s.Code = 200
	}
	failing := r.status.Load().Error != ""
	r.status.Store(s)
	switch {
	case no != nil:
		r.engine.Log().Warn("uac: not registered", "account", r.account.Name, "error", no.text, "retry_in", wait.Round(time.Second))
		r.uac.emit(Event{Kind: EventFailed, Name: r.account.Name, Error: no.text, Code: no.code})
	case !stood || failing:
		r.uac.emit(Event{Kind: EventRegistered, Name: r.account.Name, Left: granted})
	}
	r.lane.After(wait, &r.timer, r)
}

// unregister removes the binding, if there is one, and is the last thing a registration does. It is
// not tried twice: the binding expires.
func (r *registration) unregister() {
	if !r.left && r.lane.Wall().Before(r.until) {
		_, _ = r.register(0)
	}
	r.uac.emit(Event{Kind: EventUnregistered, Name: r.account.Name})
	if r.gone != nil {
		r.gone()
	}
}

// register sends a REGISTER and waits for its answer: what it grants, or why not.
func (r *registration) register(expires time.Duration) (granted time.Duration, no *refusal) {
	a := r.account
	seconds := strconv.Itoa(int(expires / time.Second))
	contact := r.contact()
	r.cseq++
	r.busy = true
	res, err := r.engine.Send(r.lane, &engine.SendSpec{Method: "REGISTER", URI: registrarURI(a.Registrar), From: a.AOR, To: a.AOR,
		CallID: r.callID, CSeq: r.cseq,
		Target: &engine.Target{URI: registrarURI(a.Registrar), NextHop: a.Proxy, FromSocket: a.Socket,
			Credentials: &engine.Credentials{User: a.User, Password: a.Password}},
		Headers: []engine.HeaderEdit{{Name: "Contact", Values: []string{"<" + contact + ">;expires=" + seconds}}, {Name: "Expires", Values: []string{seconds}}}})
	r.busy = false
	if err != nil {
		r.cseq += mostSent
		return 0, &refusal{text: strings.TrimPrefix(strings.TrimPrefix(err.Error(), "send: "), "transaction: ")}
	}
	if cs, err := res.Message().CSeq(); err == nil {
		r.cseq = max(r.cseq, cs.Number) // challenges that were answered raised it
	}
	granted, no = readAnswer(res.Message(), contact, expires)
	if no == nil {
		r.routes = serviceRoute(res.Message())
	}
	return granted, no
}

// mostSent is by how much the CSeq of a REGISTER without an answer may have risen meanwhile.
const mostSent = 8

// registrarURI is the Request-URI of a REGISTER: it has no user part (§10.2).
func registrarURI(uri string) string {
	if at := strings.IndexByte(uri, '@'); at >= 0 {
		return uri[:strings.IndexByte(uri, ':')+1] + uri[at+1:]
	}
	return uri
}
