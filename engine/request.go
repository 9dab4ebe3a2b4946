package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"slices"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/transport"
)

// Request is a new request as its router sees it. It belongs to the holder of its lane's token.
type Request struct {
	// Vars is the router's own, kept with the transaction.
	Vars any
	// Handle is the router's own as well.
	Handle any

	unit     *unit
	ctx      proxy.Context
	method   message.Method
	inDialog bool
	assigned bool // the router set the Request-URI
	decided  bool
	hides    bool   // Hide was called
	failed   bool   // the router ended with an error before a decision
	later    bool   // the router goes on when Route has returned
	vouched  bool   // the user may use the identity claimed
	user     string // who sent it, once that was proved

	waits *waits    // nil until the router waits
	more  *more     // nil while all of it is zero
	began lane.Time // when Route was called
}

// waits is what the caller's CANCEL ends in addition to branches.
type waits struct {
	followers []Follower
	ctx       context.Context // nil until it is requested
	ended     bool            // the followers know
	stop      context.CancelFunc
	sleeps    []*sleep
}

// Endpoint is an address a request came from or to.
type Endpoint struct {
	Addr      netip.AddrPort // where it is
	Transport transport.Kind // and over what
	Name      string         // of ReceivedOn: the listener as configured
}

// Engine is the engine the request came in on.
func (r *Request) Engine() *Engine { return r.unit.e }

// Lane is the request's lane; the caller holds its token.
func (r *Request) Lane() *lane.Lane { return r.unit.lane }

// Message is the request with the edits made so far, for reading only. It is what arrived, without
// our own Route entries (§16.4), and with received and rport in its topmost Via.
func (r *Request) Message() *message.Message { return r.ctx.Req }

// Method is the request's method.
func (r *Request) Method() message.Method { return r.method }

// Source is where the request came from.
func (r *Request) Source() Endpoint {
	f := &r.ctx.Server.From
	return Endpoint{Addr: f.Source, Transport: f.Kind}
}

// Identity are the SIP domains that the sender's certificate is valid for (RFC 5922 §7.1), in lower
// case: over TLS, if the certificate was verified. It is nil if there are none, or the connection
// is gone. It must not be changed.
func (r *Request) Identity() []string {
	if s, flow := r.unit.e.stack, r.Flow(); s != nil && flow != 0 {
		return s.FlowIdentity(flow)
	}
	return nil
}

// Upgrade is the HTTP request by which the sender opened its WebSocket; nil over other transports,
// or if the connection is gone.
func (r *Request) Upgrade() *transport.Upgrade {
	w, ok := r.unit.e.wire.(interface {
		FlowUpgrade(transport.FlowID) *transport.Upgrade
	})
	if k := r.ctx.Server.From.Kind; !ok || k != transport.WS && k != transport.WSS {
		return nil
	}
	return w.FlowUpgrade(r.Flow())
}

// ReceivedOn is the listener it came in on.
func (r *Request) ReceivedOn() Endpoint {
	l := r.ctx.Server.From.Local
	return Endpoint{Addr: l.Addr, Transport: l.Kind, Name: l.Name}
}

// Flow is the connection it came on, 0 for UDP.
func (r *Request) Flow() transport.FlowID { return r.ctx.Server.From.Flow }

// User is the user who has proved to have sent it, or "" ([Request.SetUser]).
func (r *Request) User() string { return r.user }

// SetUser records who has proved to have sent the request. It is for those who verify that.
func (r *Request) SetUser(user string) { r.user, r.vouched = user, false }

// Identified reports whether that user may use the identity that the request claims: From, and in a
// REGISTER To ([Request.SetIdentified]).
func (r *Request) Identified() bool { return r.vouched }

// SetIdentified records that this was checked, after SetUser.
func (r *Request) SetIdentified() { r.vouched = r.user != "" }

// InDialog reports whether it has a To tag.
func (r *Request) InDialog() bool { return r.inDialog }

// ToTag is the tag of the responses made here to a request without one: that of the dialog that a
// 2xx begins (§12.1.1). It is "" once the request was answered, unless it was requested before.
func (r *Request) ToTag() string { return r.ctx.Server.ToTag() }

// RouteParams are the parameters in our own Record-Route; ours is false unless the topmost Route
// was ours and its signature is valid.
func (r *Request) RouteParams() (p message.Params, ours bool) { return r.ctx.Params(), r.ctx.Signed }

// RouteUser is the user part of the topmost Route if that was this server's own and its signature
// is invalid, otherwise nil. Anybody may have written it: it must prove itself, as flow tokens do
// (RFC 5626 §5.2).
func (r *Request) RouteUser() []byte { return r.ctx.RouteUser() }

// Readdressed reports whether another server with the same Config.Secret replaced uri by the
// current Request-URI: it says so in its Via, and nobody else can.
func (r *Request) Readdressed(uri []byte) bool { return r.unit.core.Readdressed(r.ctx.Req, uri) }

// Answered is the final code that went out, or 0.
func (r *Request) Answered() int { return r.ctx.Answered() }

// Cancelled reports whether the caller cancelled.
func (r *Request) Cancelled() bool { return r.ctx.Cancelled() }

// Over reports whether a final response went out or the caller cancelled: nothing more will be
// sent.
func (r *Request) Over() bool { return r.ctx.IsOver() }

// Decided reports whether a decision was taken.
func (r *Request) Decided() bool { return r.decided }

// Context ends when the caller cancels, or the engine stops.
func (r *Request) Context() context.Context {
	w := r.waiting()
	if w.ctx == nil {
		w.ctx, w.stop = context.WithCancel(r.unit.e.ctx)
		if r.ctx.Cancelled() {
			w.stop()
		}
	}
	return w.ctx
}

func (r *Request) waiting() *waits {
	if r.waits == nil {
		r.waits = new(waits)
	}
	return r.waits
}

// route calls the router.
func (r *Request) route() {
	r.ctx.Enter()
	r.began = r.unit.e.clock.Now()
	r.routed(r.guard(r.decideOn))
}

// Later lets the router go on with the request after Route, or the function of Continue, has
// returned: the request is not idle before Continue was called. It reports false for a request that
// ends with Route, an ACK, and within a callback, which responses wait for.
func (r *Request) Later() bool {
	if r.ctx.Server.Stateless || !r.ctx.Outside() {
		return false
	}
	r.ctx.Suspend()
	r.later = true
	return true
}

// Continue calls f as the rest of Route. The caller holds the lane's token, and is in no callback.
func (r *Request) Continue(f func() error) {
	r.later = false
	r.routed(r.guard(f))
}

// routed is what follows Route.
func (r *Request) routed(err error) {
	if r.later {
		return
	}
	r.unit.count.routed(r.unit.e.clock.Now().Sub(r.began), err)
	if err != nil {
		r.failed = true
		level := slog.LevelError
		if e := (interface{ Logged() bool })(nil); errors.As(err, &e) && e.Logged() {
			level = slog.LevelDebug // the router itself has logged it, with its place
		}
		log := r.unit.e.log
		if errors.Is(err, errPanic) {
			log = r.unit.e.log
		}
		log.Log(context.Background(), level, "route failed", "call_id", string(r.callID()), "method", r.methodText(), "error", err)
	}
	r.ctx.Leave()
}

// decideOn calls the interceptors, then the router.
func (r *Request) decideOn() error {
	e := r.unit.e
	for _, i := range e.interceptors {
		if taken, err := i.Intercept(r); taken {
			return err
		}
	}
	return e.config.Router.Route(r)
}

// errPanic is also logged if no log was configured: it is a fault of the program.
var errPanic = errors.New("panic")

// guard turns a panic of the router into an error: the caller still gets an answer.
func (r *Request) guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %v\n%s", errPanic, v, debug.Stack())
		}
	}()
	return f()
}

func (r *Request) callID() []byte {
	if r.ctx.Req == nil {
		return nil
	}
	return r.ctx.Req.CallID()
}

func (r *Request) methodText() string {
	if r.method != message.MethodOther {
		return r.method.String()
	}
	if r.ctx.Req == nil {
		return "?"
	}
	return string(r.ctx.Req.MethodText())
}

// watcher is the request as the proxy sees it.
type watcher Request

// Ended is called when nothing more will be sent.
func (w *watcher) Ended() {
	if r := (*Request)(w); r.ctx.Cancelled() || r.unit.e.ctx.Err() != nil {
		r.end()
	}
}

// Gone ends the context of a request that is over, or the engine's would keep it for ever.
func (w *watcher) Gone() {
	r := (*Request)(w)
	if !r.inDialog && r.method != message.MethodAck && r.method != message.MethodCancel {
		r.unit.count.over(r.ctx.Answered())
	}
	if c := r.unit.calls; c != nil {
		c.note(r)
	}
	if c := r.unit.reports; c != nil {
		c.note(r)
		r.unit.count.calls.Store(int64(len(c.open)))
	}
	if w := r.waits; w != nil && !w.ended {
		w.ended = true
		for _, f := range w.followers {
			f.Ended(r)
		}
	}
	if r.waits != nil && r.waits.stop != nil {
		r.waits.stop()
		r.waits.ctx, r.waits.stop = nil, nil
	}
}

// Idle answers a request for which nothing runs and nothing is in progress.
func (w *watcher) Idle() {
	r := (*Request)(w)
	switch {
	case r.method == message.MethodAck:
		return
	case r.ctx.Server.Stateless: // a CANCEL of nothing we know (§9.2)
		if !r.decided {
			r.decided = true
			r.unit.answered(r.method, 481)
			_ = r.ctx.Server.Reply(481, "", nil, nil)
			r.ctx.Finished(481)
		}
	case r.ctx.Cancelled() || r.ctx.Forked() && !r.failed || r.ctx.Forked() && r.decided:
		r.ctx.SendBest()
		r.unit.answered(r.method, r.ctx.Answered())
	default:
		if !r.failed {
			r.unit.e.log.Error("route ended without a decision (reply, redirect, relay, forward or drop); the request was answered 500", "call_id", string(r.callID()), "method", r.methodText())
		}
		_, _ = r.answer(500, "", nil, nil)
	}
}

// end is what the caller's CANCEL, or the engine's stop, ends in addition to branches.
func (r *Request) end() {
	w := r.waits
	if w == nil {
		return
	}
	if w.stop != nil {
		w.stop()
	}
	for _, s := range w.sleeps {
		s.end()
	}
}

// Sleep waits for d. It ends early, with ErrRequestOver, when the caller cancels or the engine
// stops.
func (r *Request) Sleep(d time.Duration) error {
	if r.ctx.Cancelled() || r.unit.e.ctx.Err() != nil {
		return ErrRequestOver
	}
	s := &sleep{lane: r.unit.lane, waiter: lane.NewWaiter()}
	w := r.waiting()
	w.sleeps = append(w.sleeps, s)
	s.lane.After(d, &s.timer, s)
	r.Suspend(func() { s.lane.Park(s.waiter) })
	if i := slices.Index(w.sleeps, s); i >= 0 {
		w.sleeps = slices.Delete(w.sleeps, i, i+1)
	}
	if s.early {
		return ErrRequestOver
	}
	return nil
}

// Suspend encloses a wait of the router for this request other than Sleep, [Await] and Fork: one on
// the lane itself ([lane.Lane.Park], [lane.Lane.Await]).
func (r *Request) Suspend(wait func()) {
	own := r.ctx.Suspend()
	defer func() { r.ctx.Resume(own) }()
	wait()
}

// sleep is one wait for time to pass.
type sleep struct {
	lane   *lane.Lane
	timer  lane.Timer
	waiter *lane.Waiter
	early  bool
}

// Expire ends the sleep.
func (s *sleep) Expire(*lane.Timer) { s.lane.Wake(s.waiter) }

func (s *sleep) end() {
	s.early = true
	s.lane.StopTimer(&s.timer)
	s.lane.Wake(s.waiter)
}

// Await lends the request's lane while f runs, and returns f's results. f's context ends when the
// caller cancels or the engine stops; if it had ended before, f is not called and the error is
// ErrRequestOver.
func Await[T any](r *Request, f func(ctx context.Context) (T, error)) (v T, err error) {
	ctx := r.Context()
	if ctx.Err() != nil {
		return v, ErrRequestOver
	}
	r.Suspend(func() { r.unit.lane.Await(func() { v, err = f(ctx) }) })
	return v, err
}
