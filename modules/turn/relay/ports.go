package relay

// The ports of allocations.

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"syscall"
	"time"
)

// mostTries bounds the search for a free port; in a range that is nearly full it may miss one.
const mostTries = 64

// place gives an allocation its port: the reserved one, or one of the range at random (RFC 8656
// §7.2, RFC 6056).
func (s *Server) place(a *allocation, ask asked, now time.Time) bool {
	if ask.token != nil {
		r := s.redeem(ask.token, a.user.name, now.UnixNano())
		if r == nil {
			return false
		}
		a.relay, a.port, a.socket = r.relay, r.port, r.socket
		return true
	}
	first, count := int(s.opts.Ports.First), int(s.opts.Ports.Last)-int(s.opts.Ports.First)+1
	for range mostTries {
		port := uint16(first + rand.IntN(count))
		if ask.even {
			port &^= 1
		}
		if int(port) < first || ask.relay.has(port) {
			continue
		}
		socket, err := openRelay(netip.AddrPortFrom(ask.relay.local, port))
		if err != nil {
			continue
		}
		if ask.pair && !s.reserveNext(a, ask.relay, port, now) {
			socket.close()
			continue
		}
		a.port, a.socket = port, socket
		a.relay.mark(port, true)
		return true
	}
	return false
}

// reserveNext reserves the port after an even one.
func (s *Server) reserveNext(a *allocation, relay *relayAddress, port uint16, now time.Time) bool {
	if port++; port > s.opts.Ports.Last || relay.has(port) || s.tooManyReserved() {
		return false
	}
	socket, err := openRelay(netip.AddrPortFrom(relay.local, port))
	if err != nil {
		return false
	}
	relay.mark(port, true)
	a.token = s.reserve(&reserved{socket: socket, relay: relay, port: port, user: a.user.name}, now)
	return true
}

// fewReserved are reserved ports that there may be in any case.
const fewReserved = 64

// tooManyReserved bounds reserved ports: else there are no more of them than allocations.
func (s *Server) tooManyReserved() bool {
	s.table.mu.RLock()
	defer s.table.mu.RUnlock()
	return len(s.table.reserved) >= max(fewReserved, len(s.table.all))
}

// RelayError says that media can't be relayed at an address.
type RelayError struct {
	Local netip.Addr // of this machine
	Err   error      // why
}

func (e *RelayError) Error() string {
	text := fmt.Sprintf("turn: relay at %s: %v", e.Local, e.Err)
	if errors.Is(e.Err, syscall.EADDRNOTAVAIL) {
		text += ": no interface of this machine has the address"
	}
	return text
}

// Unwrap is the cause.
func (e *RelayError) Unwrap() error { return e.Err }

// probe finds out whether the address is one of this machine.
func (r *relayAddress) probe() error {
	socket, err := openRelay(netip.AddrPortFrom(r.local, 0))
	if err != nil {
		var cause syscall.Errno
		if errors.As(err, &cause) {
			err = cause
		}
		return &RelayError{r.local, err}
	}
	socket.close()
	return nil
}
