package proxy

import (
	"time"

	"github.com/sipscript/sipscript/engine/transport"
)

// Target is one place a request may be sent to (§16.5), with what to change on the way. Its zero
// value leads nowhere: at least one of URI, NextHop, Path or Flow says where. A Target is only
// read; the same one may be used for many requests.
type Target struct {
	URI string // the new Request-URI; "" leaves it as it is
	// A URI: where the request is sent, whatever Request-URI and Route say; "" follows those (§16.6
	// step 6)
	NextHop string
	// The Route set to write, each "<sip:…;lr>"; it replaces the sender's
	Path []string
	Flow transport.FlowID // the connection to send on (RFC 5626); 0 for none
	// Received is where a client behind a NAT is reached: "udp:192.0.2.7:1024"; "" for none. It is
	// used like NextHop, without being resolved.
	Received string

	Q     float64       // preference among Targets, 0 to 1 (§20.10), used by order "q"
	Delay time.Duration // in parallel order: wait before this branch starts

	Headers     []HeaderEdit // made on this branch
	Credentials *Credentials // for a challenge of this branch's server
	// The listener to send from, as "udp:192.0.2.1:5060"; "" lets the engine choose
	FromSocket string
	// Times until the branch is given up: to a final response, from its first 18x, to any response.
	// 0 is the engine's default: none except Timers B and C.
	Timeout, RingTimeout, ReplyTimeout time.Duration

	// Others are further ways to the same user agent instance (RFC 5626 §7), tried one after the
	// other in place of this one when it fails as a way: 430, 408, no connection or address that
	// accepts the request, or silence. Anything else is the instance's answer and ends this. They
	// come before the next target of a serial order; each has its own times, and no Delay. Their
	// own Others are ignored; so are those of a request that is not forked.
	Others []*Target

	Gateway *Gateway // what a gateway of a list has in addition; nil for none

	// Value is the caller's own (a script's table, its vars); Response.Target brings it back.
	Value any

	// FlowOnly: the client asked to be reached on Flow and nowhere else (RFC 5626 §7). Without it,
	// if the connection is gone, the address in URI is tried if it can be the client's: if Received
	// does not name another one.
	FlowOnly bool
	// FromHome: FromSocket is a listener to send from as far as it can, for requests of this
	// server's own in a dialog: they stay on the network where that began. One that cannot send to
	// an address leaves it to another with its own address, or to any.
	FromHome bool

	found bool // by a redirect: a stranger, who gets no credentials
}

// from is the listener that a request must leave from; "" for none.
func (t *Target) from() string {
	if t.FromHome {
		return ""
	}
	return t.FromSocket
}

// HeaderEdit sets a header to Values, or removes it if there are none.
type HeaderEdit struct {
	Name   string // of the header, in any case
	Values []string
}

// Credentials answer a digest challenge. They are printed without the password.
type Credentials struct {
	User, Password string // as the server knows them; the realm is the challenge's
}

// String keeps passwords out of logs.
func (c Credentials) String() string { return c.User + ":…" }

// GoString keeps passwords out of logs.
func (c Credentials) GoString() string { return c.String() }

// Order says how the targets of a fork are tried (§16.6).
type Order uint8

const (
	Parallel Order = iota // all at once
	Serial                // one after the other
	ByQ                   // equal q in parallel, groups one after the other, the highest first
)

// ForkOptions of a fork. The zero value forks in parallel and passes everything on.
type ForkOptions struct {
	// Defaults are used for what a Target leaves empty. Its headers are set before the Target's
	// own.
	Defaults Target
	Order    Order // how targets without a Rule are tried
	Ordered  bool  // Order is meant even if a Target has a Rule
	// Failover decides (Serial, ByQ) whether the failure res leads to the next target. nil: every
	// failure except 6xx.
	Failover func(res *Response) bool
	// Nobody is the outcome if there are no targets at all: 0 is 480, nobody is there for the
	// moment; 404, nobody ever is.
	Nobody int
	// Edge: the sender of the request has named the flow that is the target (RFC 5626 §5.3.1): it
	// is told when the flow fails (430), so that it tries another one. A caller is never told.
	Edge bool
	// FollowRedirects adds the contacts of a 3xx as targets (§16.7 step 4).
	FollowRedirects bool
	// OnBranch edits what one branch sends, just before it is sent. It may wait.
	OnBranch func(b *Branch) error
	// OnResponse sees each response except 100, once, before it is forwarded, and the outcome of a
	// branch that got no final one: its Cause says why. It may wait; the responses of a request
	// come one after another.
	OnResponse func(res *Response)
	// OnFailure (Relay only) is called with the best response when all branches failed or the
	// caller cancelled. It may reply, relay or fork again.
	OnFailure func(res *Response)

	branch string // of the first that is sent, "" for a new one
}
