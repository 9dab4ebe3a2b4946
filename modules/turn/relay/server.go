package relay

// A server: its sockets, and its life.

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Server is a STUN and TURN server.
type Server struct {
	opts    Options
	log     *slog.Logger
	nonces  nonces
	secrets atomic.Pointer[Secrets]
	guard   atomic.Pointer[guard]
	relays  []*relayAddress
	table   *table
	stats   stats
	streams atomic.Int64

	listeners []*listener
	draining  atomic.Bool
	readers   relayReaders
	stop      context.CancelFunc // set by Serve
	running   sync.WaitGroup
	conns     connections
	idle      atomic.Int64 // nanoseconds that a connection may have no allocation
}

// New makes a server, which does nothing until Listen.
func New(o Options) (*Server, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	s := &Server{opts: o, log: o.Log, table: newTable(), nonces: nonces{o.NonceKey}}
	s.idle.Store(int64(idleTime))
	s.conns.most = connectionBounds{20000, 1000}
	if len(o.NonceKey) == 0 {
		s.nonces.key = make([]byte, 32)
		rand.Read(s.nonces.key)
	}
	for _, r := range o.Relays {
		s.relays = append(s.relays, &relayAddress{public: r.Public, local: r.Local})
	}
	s.SetSecrets(o.Secrets)
	return s, s.SetPolicy(o.Policy)
}

// SetPolicy puts a policy into force: for permissions and channels from now on, and those that are
// refreshed. Allocations beyond its bounds stay.
func (s *Server) SetPolicy(p Policy) error {
	if err := p.Check(); err != nil {
		return err
	}
	s.guard.Store(newGuard(p, s.ownAddresses()))
	return nil
}

// SetSecrets replaces the secrets.
func (s *Server) SetSecrets(list Secrets) { s.secrets.Store(&list) }

// Listen opens the listeners. Nothing is read before Serve.
func (s *Server) Listen() error {
	for _, r := range s.relays {
		if err := r.probe(); err != nil {
			return err
		}
	}
	if err := s.readers.open(); err != nil {
		return fmt.Errorf("turn: %w", err)
	}
	for _, asked := range s.opts.Listeners {
		l, err := s.open(asked)
		if err == nil {
			s.listeners = append(s.listeners, l)
			if l.udp != nil {
				err = s.readers.listen(l)
			}
		}
		if err != nil {
			s.closeListeners()
			s.readers.stop()
			return err
		}
	}
	return nil
}

// Serve begins to answer. Close ends it.
func (s *Server) Serve() {
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.readers.start(s)
	for _, l := range s.listeners {
		if l.tcp != nil {
			s.running.Go(func() { s.accept(ctx, l) }) // ends with its socket
		}
	}
	s.running.Go(func() { // ends with Close
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for n := 1; ; n++ {
			select {
			case <-tick.C:
				s.sweep(s.opts.Now().UnixNano())
				if n%60 == 0 { // addresses come and go
					_ = s.SetPolicy(s.guard.Load().policy) // which was checked
				}
			case <-ctx.Done():
				return
			}
		}
	})
}

// Drain refuses new allocations; those that there are live on.
func (s *Server) Drain() { s.draining.Store(true) }

// Close ends everything, allocations too.
func (s *Server) Close() error {
	s.draining.Store(true)
	if s.stop != nil {
		s.stop()
	}
	s.closeListeners()
	s.conns.closeAll()
	s.table.mu.RLock()
	var all []*allocation
	for a := range s.table.all {
		all = append(all, a)
	}
	s.table.mu.RUnlock()
	for _, a := range all {
		s.end(a)
	}
	s.sweep(1<<63 - 1) // ports that are reserved
	s.readers.stop()
	s.running.Wait()
	return nil
}

func (s *Server) closeListeners() {
	for _, l := range s.listeners {
		l.close()
	}
}

// Addresses are the listeners and where they listen.
func (s *Server) Addresses() []Listener {
	var list []Listener
	for _, l := range s.listeners {
		list = append(list, l.Listener)
	}
	return list
}

// URIs are the listeners as clients are told of them (RFC 7064, RFC 7065).
func (s *Server) URIs() []string {
	var list []string
	for _, l := range s.listeners {
		list = append(list, l.URIs()...)
	}
	return list
}

// URIs are those of one listener. One on all interfaces has none unless a host is advertised.
func (l *Listener) URIs() []string {
	host, port := l.AdvertisedHost, l.AdvertisedPort
	if host == "" {
		if l.Addr.Addr().IsUnspecified() {
			return nil
		}
		host = l.Addr.Addr().String()
	}
	if port == 0 {
		port = l.Addr.Port()
	}
	at := l.Kind.String() + ":" + net.JoinHostPort(host, strconv.Itoa(int(port)))
	switch {
	case l.Kind == STUN:
		return []string{at} // which has no transport (RFC 7064)
	case l.Kind == TURNS:
		return []string{at + "?transport=tcp"}
	case l.Transport != "":
		return []string{at + "?transport=" + l.Transport}
	}
	return []string{at + "?transport=udp", at + "?transport=tcp"}
}

// listener is a listener that is open.
type listener struct {
	Listener
	udp *udpSocket   // nil without
	tcp net.Listener // nil without
}

func (l *listener) close() {
	if l.udp != nil {
		l.udp.close()
	}
	if l.tcp != nil {
		_ = l.tcp.Close()
	}
}

// tries bounds the search for a port that is free over both UDP and TCP.
const tries = 16

func (s *Server) open(asked Listener) (l *listener, err error) {
	for range tries {
		if l, err = openOnce(asked); err == nil || asked.Addr.Port() != 0 {
			break
		}
	}
	return l, err
}

func openOnce(asked Listener) (*listener, error) {
	l := &listener{Listener: asked}
	family := "6"
	if asked.Addr.Addr().Is4() {
		family = "4"
	}
	if asked.Kind != TURNS && asked.Transport != "tcp" {
		var err error
		if l.udp, l.Addr, err = openUDP(l.Addr); err != nil {
			return nil, &ListenError{asked, err}
		}
	}
	if asked.Kind == TURNS || asked.Transport != "udp" {
		tcp, err := net.ListenTCP("tcp"+family, net.TCPAddrFromAddrPort(l.Addr))
		if err != nil {
			l.close()
			return nil, &ListenError{asked, err}
		}
		l.tcp = tcp
		l.Addr = addrPortOf(tcp.Addr())
	}
	return l, nil
}

// ListenError says which listener could not be opened.
type ListenError struct {
	Listener Listener // as it was asked for
	Err      error    // why
}

func (e *ListenError) Error() string {
	var op *net.OpError
	err := e.Err
	if errors.As(err, &op) {
		err = op.Err
	}
	return "listen " + e.Listener.Kind.String() + " " + e.Listener.Addr.String() + ": " + err.Error()
}

// Unwrap is the cause.
func (e *ListenError) Unwrap() error { return e.Err }

func addrPortOf(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		ap = a.AddrPort()
	case *net.TCPAddr:
		ap = a.AddrPort()
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
