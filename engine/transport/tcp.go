// Listeners of streams: accepting connections, whatever goes wrong.

package transport

import (
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
)

// tcpListener is one listening socket.
type tcpListener struct {
	stack  *Stack
	ln     net.Listener
	local  *Local      // set by bind
	closed atomic.Bool // an error of Accept is the end, not a mishap
}

func (s *Stack) listenTCP(spec ListenSpec) (listener, error) {
	ln, err := s.streamSocket(spec)
	if err != nil {
		return nil, err
	}
	if s.wrap != nil {
		ln = s.wrap(ln)
	}
	return &tcpListener{stack: s, ln: ln}, nil
}

func (t *tcpListener) addr() net.Addr { return t.ln.Addr() }

func (t *tcpListener) close() error {
	t.closed.Store(true)
	return t.ln.Close()
}

func (t *tcpListener) bind(l *Local) { t.local = l }

// serve starts the accepting goroutine, which ends when the listener is closed.
func (t *tcpListener) serve() {
	t.stack.running.Add(1)
	go func() {
		defer t.stack.running.Done()
		t.accept()
	}()
}

// accept takes connections until the listener is closed. Every other error is survived: out of file
// descriptors (EMFILE), a connection reset before it was accepted (ECONNABORTED), out of memory:
// they pass, and a proxy that stopped listening would not come back.
func (t *tcpListener) accept() {
	pause := firstPause
	for {
		nc, err := t.ln.Accept()
		if err == nil {
			pause = firstPause
			if from := addrPortOf(nc.RemoteAddr()); t.local.proxied(from) {
				t.stack.unwrap(nc, t.local, from)
			} else {
				t.stack.enter(nc, t.local, from)
			}
			continue
		}
		if t.closed.Load() || errors.Is(err, net.ErrClosed) {
			return
		}
		t.stack.count(t.local.Kind).acceptErrors.Add(1)
		t.stack.opts.Log.Warn("transport: accepting failed, trying again",
			"listener", t.local.Name, "error", err, "retry_in", pause)
		if !t.stack.pause(pause) {
			return
		}
		pause = min(2*pause, longestPause)
	}
}

// enter lets an accepted socket in, whose other end is remote.
func (s *Stack) enter(nc net.Conn, local *Local, remote netip.AddrPort) {
	if local.Kind == TCP {
		s.adopt(nc, local, remote)
	} else {
		s.welcome(nc, local, remote)
	}
}

// adopt makes an accepted socket a connection of the stack, or closes it when a cap is reached.
func (s *Stack) adopt(nc net.Conn, local *Local, remote netip.AddrPort) {
	if !s.admitsConn(local.Kind, remote) {
		nc.Close()
		return
	}
	c := s.newConn(connKey{kind: local.Kind, addr: remote}, local)
	c.inbound, c.state = true, connOpen
	c.attach(nc)
	admitted := s.conns.admit(c, s.opts.MaxConns, s.opts.MaxConnsPerAddress, func() {
		s.flows.put(c)
		s.running.Add(1)
	})
	count := s.count(local.Kind)
	if !admitted {
		count.refused.Add(1)
		nc.Close()
		return
	}
	count.accepted.Add(1)
	count.open.Add(1)
	c.startReading()
	if local.Standing() == Gone { // meanwhile: Release may not have seen the connection
		c.closeWhenWritten()
	}
}
