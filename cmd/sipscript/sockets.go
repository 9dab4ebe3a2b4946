package main

// Sockets that systemd has opened (sd_listen_fds(3)): a server then needs no rights for ports below
// 1024, and what arrives while it starts again waits for it.

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/sipscript/sipscript/engine/transport"
)

const (
	firstSocket = 3    // of the descriptors that systemd passes
	mostSockets = 1024 // that are looked at
	adminSocket = "admin"
)

// sockets are those that systemd passed, by their addresses.
type sockets struct {
	listen []passedListener

	mu      sync.Mutex
	streams map[netip.AddrPort]net.Listener // guarded by mu: those that nobody has taken
	packets map[netip.AddrPort]*net.UDPConn // guarded by mu: likewise
	admin   net.Listener                    // of --admin; nil: none was passed
}

// passedListener is a listener for SIP.
type passedListener struct {
	text string // as --listen has it
	// The unit says for which protocol it is; if not, --listen may
	named bool
}

// readSockets takes what systemd said by variables. pid is that of the process; open makes a file
// of a descriptor. It returns nil if nothing was passed.
func readSockets(lookup func(string) (string, bool), pid int, open func(fd uintptr, name string) *os.File) (*sockets, error) {
	count, _ := lookup("LISTEN_FDS")
	if of, _ := lookup("LISTEN_PID"); count == "" || of != strconv.Itoa(pid) {
		return nil, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > mostSockets {
		return nil, fmt.Errorf("LISTEN_FDS=%s: expected how many sockets were passed", count)
	}
	text, _ := lookup("LISTEN_FDNAMES")
	names := strings.Split(text, ":")
	s := &sockets{streams: map[netip.AddrPort]net.Listener{}, packets: map[netip.AddrPort]*net.UDPConn{}}
	for i := range n {
		name := ""
		if i < len(names) {
			name = names[i]
		}
		f := open(firstSocket+uintptr(i), name)
		err := s.add(f, name)
		_ = f.Close() // the listener has one of its own
		if err != nil {
			s.close()
			return nil, fmt.Errorf("the socket %d of systemd, %q: %w", i+1, name, err)
		}
	}
	if n == 0 {
		return nil, nil
	}
	return s, nil
}

// add takes one. Its name says what it is for: udp, tcp, tls, ws, wss or admin, with anything
// behind a dash; other names are those of units, and it serves SIP as what it is.
func (s *sockets) add(f *os.File, name string) error {
	role, _, _ := strings.Cut(name, "-")
	if ln, err := net.FileListener(f); err == nil {
		at, ok := addressOf(ln.Addr())
		if err := dualStack(f, at); err != nil || !ok {
			_ = ln.Close()
			return errors.Join(err, notInternet(ok))
		}
		return s.addStream(ln, at, role)
	}
	pc, err := net.FilePacketConn(f)
	if err != nil {
		return errors.New("expected ListenStream= or ListenDatagram= with an address and a port")
	}
	at, ok := addressOf(pc.LocalAddr())
	conn, udp := pc.(*net.UDPConn)
	if err := dualStack(f, at); err != nil || !ok || !udp {
		_ = pc.Close()
		return errors.Join(err, notInternet(ok && udp))
	}
	if kind, known := transport.ParseKind([]byte(role)); known && kind != transport.UDP || role == adminSocket {
		_ = pc.Close()
		return fmt.Errorf("%s needs ListenStream=", role)
	}
	s.packets[at] = conn
	s.listen = append(s.listen, passedListener{"udp:" + at.String(), true})
	return nil
}

func (s *sockets) addStream(ln net.Listener, at netip.AddrPort, role string) error {
	kind, known := transport.ParseKind([]byte(role))
	switch {
	case role == adminSocket && s.admin != nil:
		_ = ln.Close()
		return errors.New("there is one for the admin interface already")
	case role == adminSocket:
		s.admin = ln
		return nil
	case known && kind == transport.UDP:
		_ = ln.Close()
		return errors.New("udp needs ListenDatagram=")
	case !known:
		kind = transport.TCP
	}
	s.streams[at] = ln
	s.listen = append(s.listen, passedListener{kind.String() + ":" + at.String(), known})
	return nil
}

// dualStack refuses a socket that takes IPv4 under IPv6 addresses: what it hears would have
// addresses that no list and no listener knows.
func dualStack(f *os.File, at netip.AddrPort) error {
	if !at.Addr().Is6() || !at.Addr().IsUnspecified() {
		return nil
	}
	only, err := onlyIPv6(f)
	if err == nil && !only {
		err = errors.New("it takes IPv4, too: set BindIPv6Only=ipv6-only, and name 0.0.0.0 beside it")
	}
	return err
}

func notInternet(ok bool) error {
	if ok {
		return nil
	}
	return errors.New("expected an IP address and a port")
}

// addressOf is where a socket is bound.
func addressOf(a net.Addr) (at netip.AddrPort, ok bool) {
	switch a := a.(type) {
	case *net.TCPAddr:
		at = a.AddrPort()
	case *net.UDPAddr:
		at = a.AddrPort()
	default:
		return at, false
	}
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), true
}

// Stream implements transport.Sockets.
func (s *sockets) Stream(at netip.AddrPort) net.Listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	ln := s.streams[at]
	delete(s.streams, at)
	return ln
}

// Packets implements transport.Sockets.
func (s *sockets) Packets(at netip.AddrPort) *net.UDPConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	pc := s.packets[at]
	delete(s.packets, at)
	return pc
}

// close closes those that nobody has taken.
func (s *sockets) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at, ln := range s.streams {
		_ = ln.Close()
		delete(s.streams, at)
	}
	for at, pc := range s.packets {
		_ = pc.Close()
		delete(s.packets, at)
	}
	if s.admin != nil {
		_ = s.admin.Close()
	}
}

// serveOn adds the listeners that systemd has opened to those of the flags. They take the place of
// those that a server has by default. One that a flag names, with its options, is that.
func (s *settings) serveOn(passed *sockets, given bool) error {
	if passed == nil {
		return nil
	}
	s.passed = passed
	if !given && len(passed.listen) > 0 {
		s.listen = nil
	}
	for _, p := range passed.listen {
		_, at, _ := strings.Cut(p.text, ":")
		if !slices.ContainsFunc(s.listen, func(l string) bool {
			l, _, _ = strings.Cut(l, "?")
			kind, address, _ := strings.Cut(l, ":")
			return l == p.text || !p.named && kind != "udp" && address == at
		}) {
			s.listen = append(s.listen, p.text)
		}
	}
	if passed.admin == nil {
		return nil
	}
	if at := passed.admin.Addr().String(); s.admin == "" {
		s.admin = at
	} else if s.admin != at {
		return usagef("--admin %s: systemd has passed a socket for it at %s; leave one of them out", s.admin, at)
	}
	return nil
}
