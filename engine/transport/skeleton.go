package transport

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/sipscript/sipscript/engine/message"
)

// ListenSpec is one listener to open.
type ListenSpec struct {
	Kind Kind
	Addr netip.AddrPort
	// AdvertisedHost and AdvertisedPort are told to peers instead of the bound address, where not empty and not 0.
	AdvertisedHost string
	AdvertisedPort uint16
}

// ParseListen reads "udp:127.0.0.1:5060", "tcp:[::1]:0". The errors say what to write.
func ParseListen(text string) (ListenSpec, error) { panic("skeleton") }

// Options of a Stack. Zero values mean the defaults named.
type Options struct {
	Limits             message.Limits
	MaxConns           int           // connections in all, default 65536
	MaxConnsPerAddress int           // connections accepted from one address, default 4096
	MaxQueued          int           // bytes queued towards one connection, default 1 MiB
	ConnectTimeout     time.Duration // default 5 s
	IdleTimeout        time.Duration // a connection without traffic is closed, default 10 min
	WriteTimeout       time.Duration // default 10 s
	FrameTimeout       time.Duration // from the first byte of a message on a stream to its last, default 30 s
	Log                *slog.Logger
}

// Stack is the Wire of real sockets.
type Stack struct{}

// NewStack makes a stack that brings what it receives to r. Nothing is received before Serve.
func NewStack(r Receiver, o Options) *Stack { panic("skeleton") }

// Listen opens the sockets; on an error those opened are closed again.
func (s *Stack) Listen(specs []ListenSpec) error { panic("skeleton") }

// Serve starts the readers and returns. They end with Close.
func (s *Stack) Serve() { panic("skeleton") }

// Close closes listeners and connections: what was queued to be written gets until ctx ends. It returns when all goroutines of the stack have ended.
func (s *Stack) Close(ctx context.Context) error { panic("skeleton") }

func (s *Stack) Send(to *Peer, b []byte, f Failed) error { panic("skeleton") }
func (s *Stack) Choose(to *Peer) *Local                  { panic("skeleton") }
func (s *Stack) Locals() []*Local                        { panic("skeleton") }

// FlowStands tells whether the connection is open.
func (s *Stack) FlowStands(id FlowID) bool { panic("skeleton") }
