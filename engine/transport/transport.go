// The interface of the package: what the layers above see of sockets, real or simulated.

package transport

import (
	"errors"
	"net/netip"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
)

// Kind is a transport protocol.
type Kind uint8

const (
	UDP Kind = iota + 1
	TCP
	TLS
	WS
	WSS
)

// String is the name in lower case, as in flags, URIs and scripts: "udp".
func (k Kind) String() string {
	switch k {
	case UDP:
		return "udp"
	case TCP:
		return "tcp"
	case TLS:
		return "tls"
	case WS:
		return "ws"
	case WSS:
		return "wss"
	}
	return ""
}

// Via is the name as a Via header writes it: "UDP" (§20.42).
func (k Kind) Via() string {
	switch k {
	case UDP:
		return "UDP"
	case TCP:
		return "TCP"
	case TLS:
		return "TLS"
	case WS:
		return "WS"
	case WSS:
		return "WSS"
	}
	return ""
}

// Reliable reports whether the transport itself retransmits (§17).
func (k Kind) Reliable() bool { return k != UDP }

// Secure reports whether the transport is over TLS.
func (k Kind) Secure() bool { return k == TLS || k == WSS }

// DefaultPort is the port used if none is given (§19.1.2, RFC 7118 §4): 5060, 5061, 80, 443.
func (k Kind) DefaultPort() uint16 {
	switch k {
	case UDP, TCP:
		return 5060
	case TLS:
		return 5061
	case WS:
		return 80
	case WSS:
		return 443
	}
	return 0
}

// ParseKind reads a name in any case; ok is false for an unknown one.
func ParseKind(name []byte) (k Kind, ok bool) {
	for i := UDP; i <= WSS; i++ {
		if text := i.String(); len(name) == len(text) && equalFold(name, text) {
			return i, true
		}
	}
	return 0, false
}

func equalFold(a []byte, lower string) bool {
	for i, c := range a {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// FlowID names one connection for as long as the process lives; ids are never used again. 0 is not
// a connection.
type FlowID uint64

// FlowGone stands for a connection of an earlier process; it never names one.
const FlowGone FlowID = 1<<64 - 1

// Local is one listener as the layers above see it; only its Standing changes once traffic flows.
type Local struct {
	Index int            // its place among all listeners there ever were
	Kind  Kind           // the transport of the socket
	Name  string         // as configured: "udp:127.0.0.1:5060"
	Addr  netip.AddrPort // the bound address, with the actual port even if 0 was requested
	// Host and Port are what peers are given in Via, Record-Route and Contact: the advertised ones,
	// or Addr's. IPv6 without brackets.
	Host string
	Port uint16 // the port others are told, in Via and Record-Route
	// SentBy is Host and Port as a Via writes them, with brackets around IPv6: "192.0.2.1:5060".
	// The port is always present.
	SentBy string
	// Origins are the web origins whose pages may connect over ws or wss; nil: those of WSOptions.
	Origins []string
	// Proxies are the networks of load balancers whose connections begin with a PROXY header.
	Proxies []netip.Prefix

	standing standing
}

// Peer is the destination of a message.
type Peer struct {
	Kind Kind           // the transport to send by
	Addr netip.AddrPort // where to connect, or to send a datagram to
	// The listener whose socket sends (UDP) or whose identity is used; nil: the first one suitable
	// for Kind and Addr's family
	Local *Local
	// LocalIP is the address of this machine to send from when Local is bound to a wildcard:
	// [Inbound.LocalIP] of the request that is answered (§18.2.2, RFC 3581 §4). The zero value
	// leaves the choice to the system.
	LocalIP netip.Addr
	// Flow is the connection to use while it is open (§18.2.2, RFC 5626 §5.3). If it is gone, Addr
	// is connected to, unless FlowOnly is set.
	Flow       FlowID
	FlowOnly   bool   // if Flow is gone, no new connection is made (RFC 5626 §5.3)
	ServerName string // the name a TLS peer must prove exactly (RFC 5922); "": Addr's address
}

// Inbound is one message that came in. It and Bytes belong to the transport and are valid until
// Receive returns.
type Inbound struct {
	Bytes  []byte         // one whole message: a datagram, or a frame of a stream
	Kind   Kind           // the transport it came by
	Source netip.AddrPort // the address it came from, as the socket says
	Local  *Local         // the listener, or the one whose settings an outgoing connection has
	// The address of this machine it was sent to, also when Local is bound to a wildcard
	LocalIP netip.Addr
	Flow    FlowID // the connection it came on; 0 on UDP
	// Identity are the SIP domains the peer has proved (RFC 5922 §7.1), in lower case: with its
	// certificate, over TLS if clients are asked for one. It never changes and may be kept.
	Identity []string
	Carrier  *lane.Carrier // the goroutine that read it, for lanes that run on it
	conn     *conn         // nil: a datagram
	// How long it has waited in the system, if that is known and the reader is behind
	Age  time.Duration
	More bool // more messages wait behind this one in the same read
	// A [Doorkeeper] said so: whoever sent it is heard only within a dialog of ours
	Doubtful bool
}

// Receiver gets what comes in. Receive is called from many goroutines, but in order for one
// connection. It must not block except through a lane.
type Receiver interface {
	Receive(in *Inbound)
	// BadFrame reports bytes that are not a message: a datagram, or a stream that cannot be framed
	// and is closed afterwards.
	BadFrame(in *Inbound, err error)
	// FlowClosed is called once, when a connection is gone that received something, or that a
	// message was sent on.
	FlowClosed(id FlowID)
}

// KeepAliveReceiver is a [Receiver] that wants to know about clients' keep-alives (RFC 5626 §3.5).
// Readers call it, and it must not block.
type KeepAliveReceiver interface {
	// KeptAlive: a STUN binding request, CRLFs or a WebSocket ping arrived from the address; it has
	// been answered, or will be.
	KeptAlive(from netip.AddrPort, on *Local)
}

// UnreachableReceiver is a [Receiver] that wants to know about ICMP errors (§18.4). Readers and
// senders call it, and it must not block.
type UnreachableReceiver interface {
	// Unreachable: a datagram sent to the address from the listener could not be delivered. quoted
	// is the part of it that the error contains, from its first byte; it may be cut anywhere, or
	// empty, and is valid until the call returns. Such errors can be forged: check what quoted
	// says.
	Unreachable(to netip.AddrPort, from *Local, quoted []byte, err error)
}

// ErrNotConnected means that a connection could not be made, so nothing was sent.
var ErrNotConnected = errors.New("connect")

// Failed is called, on any goroutine, when a message accepted by Send could not be delivered to the
// transport: the connection failed before all its bytes were written (§18.4).
type Failed interface {
	SendFailed(err error)
}

// Wire sends. It never blocks: a datagram goes to the socket at once; bytes for a connection that
// is being made or is slow are copied and queued within bounds. An error returned at once means
// that nothing was sent and f is not called; otherwise f (which may be nil) is called at most once,
// and only if the message could not be written.
//
// For a message on a stream, to.Flow is the connection it leaves by, afterwards.
type Wire interface {
	Send(to *Peer, message []byte, f Failed) error
	// Choose returns the listener that a message to the peer leaves from: to.Local if set, or that
	// of to.Flow while it is open, or the first suitable for its kind and address family; nil if
	// there is none.
	Choose(to *Peer) *Local
	Locals() []*Local
}
