package proxy

// Guards: who counts what goes to a target, and learns how it fares.

import (
	"slices"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// Gateway is what a Target has that is one of a list somebody looks after. All may be zero.
type Gateway struct {
	// Peer is an address of NextHop that was looked up before. A request for a sips URI ignores one
	// that is not reached over TLS.
	Peer *transport.Peer
	// Host is "host" or "host:port", in place of those of the Request-URI.
	Host string
	// Guard is asked before a request leaves for the Target, and learns what becomes of it.
	// Requests forwarded without a transaction pass it by.
	Guard Guard
	// Counted: the Guard counts calls, so that an INVITE must be record-routed: otherwise its end
	// would not be seen.
	Counted bool
	// Rule is how a list with this Target is tried unless the ForkOptions say otherwise.
	Rule *Rule
}

// host is that of the Gateway, "" for none.
func (t *Target) host() string {
	if t.Gateway == nil {
		return ""
	}
	return t.Gateway.Host
}

// peer is that of the Gateway, nil for none.
func (t *Target) peer() *transport.Peer {
	if t.Gateway == nil {
		return nil
	}
	return t.Gateway.Peer
}

// Ruled reports whether the Target has a Rule.
func (t *Target) Ruled() bool { return t.Gateway != nil && t.Gateway.Rule != nil }

// Guard stands before a place that requests are sent to. Several Targets, on all lanes, may have
// the same one; its methods must not block.
type Guard interface {
	// Enter is called as a request is about to leave; call: it is an INVITE that begins a dialog.
	// If it returns false nothing is sent: the place is full, and the outcome is a 503 with
	// CauseFull.
	Enter(call bool) bool
	// Outcome is called once after an Enter that returned true. o is valid until it returns.
	Outcome(o *Outcome)
	// Exit is called once after an Enter(true) that returned true, and after Outcome: at once, or
	// when the call ends that the INVITE has begun.
	Exit()
}

// Outcome is what became of a request at a Target.
type Outcome struct {
	Code  int    // the final one; that of Cause if there was none
	Cause string // "" for a response from the network, otherwise one of the Cause constants
	Err   error  // why nothing could be sent, or what was sent did not arrive; may be nil
	// A provisional response came before it, other than 100: somebody rang, or was about to
	Early bool
	// The request was cancelled before: the outcome says nothing about the Target
	Cancelled bool
}

// Rule is how a list of Targets is tried if nobody says otherwise.
type Rule struct {
	Order    Order                    // parallel for the zero value
	Failover func(res *Response) bool // as in ForkOptions
}

// ruled are the options with the rule of the targets applied. o is not nil.
func (o *ForkOptions) ruled(targets []*Target) *ForkOptions {
	i := slices.IndexFunc(targets, (*Target).Ruled)
	if i < 0 {
		return o
	}
	rule := targets[i].Gateway.Rule
	own := *o
	if !o.Ordered && o.Order == Parallel {
		own.Order = rule.Order
	}
	if own.Failover == nil && own.Order != Parallel {
		own.Failover = rule.Failover
	}
	return &own
}

// admission is what a guarded branch has until its outcome is known.
type admission struct {
	err    error
	dialog uint64 // that a 2xx begins
	call   bool
}

// enter asks the guard of the branch's target; ok is false if there is no room.
func (b *Branch) enter() (ok bool) {
	gw := b.target.Gateway
	if gw == nil || gw.Guard == nil || b.rare().admitted != nil {
		return true
	}
	g := gw.Guard
	call := b.msg.Method() == message.MethodInvite && len(b.msg.ToTag()) == 0
	if !g.Enter(call) {
		return false
	}
	b.seldom().admitted = &admission{call: call}
	return true
}

// full settles a branch whose target has no room.
func (b *Branch) full() {
	b.drop()
	b.fork.x.later(event{b, NewResponse(503, CauseFull, b.target.shown()), true})
}

// failing notes why a guarded branch fails.
func (b *Branch) failing(err error) {
	if b.rare().admitted != nil {
		b.rare().admitted.err = err
	}
}

// leave tells the guard the outcome of the branch.
func (b *Branch) leave(code int, cause string) {
	p := b.rare().admitted
	if p == nil {
		return
	}
	b.seldom().admitted = nil
	x, g := b.fork.x, b.target.Gateway.Guard
	g.Outcome(&Outcome{Code: code, Cause: cause, Err: p.err, Early: b.early, Cancelled: b.cancelled && !b.expired})
	if p.call && !(code < 300 && x.recordRoute && x.core.calls.hold(x.core, p.dialog, g)) {
		g.Exit()
	}
}
