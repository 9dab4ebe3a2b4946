package proxy

import (
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/engine/veil"
)

// Resolver finds the address of a next hop (RFC 3263). It is called only for hosts that are not
// addresses.
type Resolver interface {
	// Resolve calls done once, on the lane l, with the addresses to try in order, or an error. It
	// doesn't block.
	Resolve(l *lane.Lane, hop *NextHop, done func(peers []transport.Peer, err error))
}

// Env is what the cores of an engine share; it does not change while there is traffic.
type Env struct {
	Wire transport.Wire // the network: what sends requests and responses
	// Finds the addresses of next hops (RFC 3263); its answers come on the lane
	Resolver Resolver
	Signer   *Signer    // recognizes what is this server's own: Record-Routes, branches, tokens
	Veil     *veil.Keys // hides the sides of a dialog from each other
	// IsLocal reports whether a host and port (0: none written) name this server.
	IsLocal func(host []byte, port uint16, scheme []byte) bool
	// Distinguishes our flow tokens from those of another process with the same secret
	Process uint32
	TimerC  time.Duration // §16.6 step 11, more than 3 min
	// UDPLimit is the size in bytes above which a request goes to a UDP address by TCP first
	// (§18.1.1); 0: never.
	UDPLimit int
	// Bound the messages that are put together, as they bound those that are read
	Limits message.Limits
	Log    *slog.Logger // what peers do wrong, and what requests fail of
	Panics *slog.Logger // receives panics of callbacks
	// May reports whether something a source did, or caused, may be logged as a warning, once a
	// minute, and how often it was suppressed since.
	May func(what string, source netip.Addr) (silent int, ok bool)
	// Wall is the time of day as it was when the engine started, and since then as much as passed:
	// a clock that is set ends no dialog.
	Wall func() time.Time
	// RouteLifetime is how long after its first request a dialog passes along our Record-Route.
	RouteLifetime time.Duration
	// Need tells the transport that a connection has a use that may be silent for long; nil: it
	// does not want to know.
	Need func(transport.FlowID)
	// Known is told who was answered, or has answered, a REGISTER or a request that begins a dialog
	// with 2xx; nil: nobody wants to know.
	Known func(k transport.Kind, from netip.AddrPort, m message.Method)
	// Withhold removes credentials for this server from what is sent; nil: there are none.
	Withhold func(m *message.Message, made bool)
	// Border returns who is outside the trust domain; if it is nil, or returns nil, there is no
	// border.
	Border func() Beyond
	// Supported are the option tags, in lower case, that the router implements on a lane; nil:
	// none.
	Supported func(l *lane.Lane) []string
}

// Core is the proxy of one lane.
type Core struct {
	*Env
	Lane  *lane.Lane         // whose token all calls need
	Layer *transaction.Layer // the transactions of the lane
	// For branches and the order of weighted addresses; seeded in a simulation
	Random func() uint64
	Note   Note // nil: nobody wants to know

	scratch []*message.Message // messages being put together; a free list
	routes  []byte             // see takeRoute
	// Where the one goes that is being sent: in use only until that call returns
	peer   transport.Peer
	shown  Answer         // that witnesses are being shown
	source transport.Peer // the origin of the message being processed; see cameFrom
	first  *Context       // all contexts not yet forgotten, for the drain
	count  int
	noTCP  refusals
	crypt  cryptRoom
	steps  steps
	moved  refreshes
	places places
	parked map[string][]*parked // by branch: what waits behind a request that waits for an address

	calls    calls        // that a Guard let in
	watched  watched      // see lost.go
	watching atomic.Int64 // how many are in it; read by anybody
}

// Contexts is how many requests are in progress.
func (c *Core) Contexts() int { return c.count }

// Each calls f for every request in progress; f may end it.
func (c *Core) Each(f func(*Context)) {
	for x := c.first; x != nil; {
		next := x.next
		f(x)
		x = next
	}
}

const (
	maxScratch = 64
	mostHeld   = 64 << 10 // bytes of one; what a script made larger goes back to the heap
)

func (c *Core) takeMessage() *message.Message {
	if n := len(c.scratch); n > 0 {
		m := c.scratch[n-1]
		c.scratch = c.scratch[:n-1]
		return m
	}
	return &message.Message{}
}

func (c *Core) giveMessage(m *message.Message) {
	if m == nil || len(c.scratch) >= maxScratch || m.Held() > mostHeld {
		return
	}
	m.Reset()
	c.scratch = append(c.scratch, m)
}
