// The options of a stack, and their defaults.

package transport

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/sipscript/sipscript/engine/message"
)

// Options of a Stack. Zero values mean the defaults named.
type Options struct {
	// Bound what is read: a message beyond them is refused; zero fields have defaults
	Limits             message.Limits
	MaxConns           int           // connections in all, default 65536
	MaxConnsPerAddress int           // connections accepted from one address, default 4096
	MaxQueued          int           // bytes queued towards one connection, default 1 MiB
	ConnectTimeout     time.Duration // default 5 s
	// A connection without traffic is closed; default 65 min, so that a client that registers for
	// an hour, and sends nothing else, keeps the connection it is called on (TCP keepalive finds
	// peers that vanish).
	IdleTimeout time.Duration
	// An accepted connection is closed if no valid message arrived on it within
	// FirstMessageTimeout, default 32 s, or, if its client sends keep-alives (RFC 5626 §3.5.1),
	// within KeepAliveTimeout, default 10 min: silent clients must not fill MaxConns.
	FirstMessageTimeout, KeepAliveTimeout time.Duration
	// VisitorTimeout takes the place of IdleTimeout for an accepted connection on which nothing was
	// agreed that outlasts a transaction (Need): one OPTIONS is not to buy an hour. Default 6 min:
	// longer than any transaction (§18), and longer than the usual time between keep-alives.
	VisitorTimeout time.Duration
	WriteTimeout   time.Duration // the time a peer may take to accept 64 KiB, default 10 s
	// From the first byte of a message on a stream to its last, default 30 s
	FrameTimeout time.Duration
	// For the TLS handshake and the WebSocket upgrade of a client, default 10 s
	HandshakeTimeout time.Duration
	MaxHandshakes    int          // of these in progress at a time, default 1024
	TLS              TLSOptions   // read at Listen, when a listener is over TLS
	WS               WSOptions    // of WebSocket listeners; the zero value will do
	Sockets          Sockets      // that are open already; default none
	Log              *slog.Logger // default: nothing is logged
	// May reports whether a warning about an address is logged now, and how many were left out
	// since the last; default: always.
	May func(what string, from netip.Addr) (suppressed int, ok bool)

	// quietAfter is how long nothing has come when a connection gets a new reading goroutine; tests
	// shorten it.
	quietAfter time.Duration
}

// maxDatagram is the most that a UDP datagram or, by default, a message can hold.
const maxDatagram = 65535

func (o Options) withDefaults() Options {
	if o.Limits.Message <= 0 {
		o.Limits.Message = maxDatagram
	}
	setInt(&o.MaxConns, 65536)
	setInt(&o.MaxConnsPerAddress, 4096)
	setInt(&o.MaxQueued, 1<<20)
	setTime(&o.ConnectTimeout, 5*time.Second)
	setTime(&o.IdleTimeout, 65*time.Minute)
	setTime(&o.FirstMessageTimeout, 32*time.Second)
	setTime(&o.KeepAliveTimeout, 10*time.Minute)
	setTime(&o.VisitorTimeout, 6*time.Minute)
	setTime(&o.WriteTimeout, 10*time.Second)
	setTime(&o.FrameTimeout, 30*time.Second)
	setTime(&o.HandshakeTimeout, 10*time.Second)
	setInt(&o.MaxHandshakes, 1024)
	setTime(&o.quietAfter, 10*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func setInt(v *int, standard int) {
	if *v <= 0 {
		*v = standard
	}
}

func setTime(v *time.Duration, standard time.Duration) {
	if *v <= 0 {
		*v = standard
	}
}
