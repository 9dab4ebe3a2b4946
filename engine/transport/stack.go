// The stack: its listeners, its start and its end.

package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

// Stack is the Wire of real sockets.
//
// Life: NewStack, Listen (once or more), Serve, Close. Send may be called from any goroutine
// between Serve and Close.
type Stack struct {
	receiver   Receiver
	keepAlives KeepAliveReceiver   // nil: nobody wants to know
	errors     UnreachableReceiver // nil: nobody wants to know
	door       Doorkeeper          // nil: everybody is heard
	opts       Options
	clock      stopwatch
	counts     [WSS + 1]counters

	roster    atomic.Pointer[roster] // changed with mu held
	flows     flowTable
	conns     connTable
	halfOpen  halfOpen
	tls       atomic.Pointer[tlsState] // nil: no listener is over TLS
	tlsMu     sync.Mutex               // guards opts.TLS.Files
	tlsLayout tlsLayout
	buffers   bufferPool
	dgrams    datagramPool
	queues    sync.Pool // of *outgoing
	writes    sync.Pool // of *directWrite
	probes    probes

	// closing is closed when Close begins; dialling ends with stop, when Close can't wait longer.
	closing  chan struct{}
	dialling context.Context
	stop     context.CancelFunc

	// running counts the goroutines with a duty: accepting, reading, writing, connecting. A
	// goroutine whose duty was taken over while a lane waits belongs to the lane, and is not
	// counted.
	running sync.WaitGroup

	mu      sync.Mutex // guards serving, closed, and changes of roster
	serving bool
	closed  bool

	// wrap lets a test wrap the listeners that the stack accepts from.
	wrap func(net.Listener) net.Listener
}

// listener is one open socket that takes traffic in.
type listener interface {
	// addr is the address the socket is bound to.
	addr() net.Addr
	// bind says how the listener is known, before it serves or anything is sent from it.
	bind(l *Local)
	// serve starts the reading goroutines, which end after close.
	serve()
	close() error
}

// NewStack creates a stack that delivers what it receives to r. Nothing is received before Serve.
func NewStack(r Receiver, o Options) *Stack {
	s := &Stack{receiver: r, opts: o.withDefaults(), clock: newStopwatch(), tlsLayout: layoutOfTLS(), closing: make(chan struct{})}
	s.keepAlives, _ = r.(KeepAliveReceiver)
	s.errors, _ = r.(UnreachableReceiver)
	s.door, _ = r.(Doorkeeper)
	s.dialling, s.stop = context.WithCancel(context.Background())
	s.roster.Store(&roster{})
	s.flows.start()
	s.conns.start()
	s.buffers.most = s.opts.Limits.Message
	s.halfOpen.start(s.opts.MaxHandshakes, s.opts.HandshakeTimeout)
	return s
}

// Listen opens the sockets; on an error those opened by the call are closed again. It is called
// before Serve.
func (s *Stack) Listen(specs []ListenSpec) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.serving || s.closed {
		return errors.New("transport: listen: the stack is already serving, or closed")
	}
	before := s.roster.Load()
	for _, spec := range specs {
		if _, err := s.addLocked(spec); err != nil {
			for _, opened := range s.roster.Load().sockets[len(before.sockets):] {
				_ = opened.close()
			}
			s.roster.Store(before)
			return err
		}
	}
	return nil
}

// open opens one socket. A further kind of listener is a further case.
func (s *Stack) open(spec ListenSpec) (listener, error) {
	if !spec.Addr.IsValid() {
		return nil, errors.New("no address given")
	}
	switch spec.Kind {
	case UDP:
		return s.listenUDP(spec)
	case TLS, WSS:
		if s.tls.Load() == nil {
			if err := s.loadCertificates(); err != nil {
				return nil, err
			}
		}
		return s.listenTCP(spec)
	case TCP, WS:
		return s.listenTCP(spec)
	}
	return nil, fmt.Errorf("there is no transport %q", spec.Kind)
}

// Serve starts the readers and returns. They end with Close.
func (s *Stack) Serve() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.serving || s.closed {
		return
	}
	s.serving = true
	for _, l := range s.roster.Load().sockets {
		if l != nil {
			l.serve()
		}
	}
}

// Close closes listeners and connections; queued bytes may be written until ctx ends. It returns
// when all goroutines of the stack have ended; those lent by a lane belong to the lane and are not
// waited for. The error is that of ctx if bytes were left unwritten.
func (s *Stack) Close(ctx context.Context) error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if first {
		close(s.closing)
		for _, l := range s.roster.Load().sockets {
			if l != nil {
				_ = l.close()
			}
		}
		refused := s.conns.refuse()
		s.halfOpen.close()
		for _, c := range refused {
			c.closeWhenWritten()
		}
		for _, c := range s.flows.all() {
			c.closeWhenWritten()
		}
	}
	done := make(chan struct{})
	go func() { // ends when the last duty ends: below, all connections are closed
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		s.stop()
		return nil
	case <-ctx.Done():
	}
	s.stop()
	for _, c := range s.conns.all() {
		c.shut(ErrClosed)
	}
	for _, c := range s.flows.all() {
		c.shut(ErrClosed)
	}
	<-done
	return ctx.Err()
}
