//go:build linux && (amd64 || arm64 || riscv64 || loong64) && !portable

// ICMP errors of datagrams that were sent: the system keeps them in the socket's error queue
// (ip(7), IP_RECVERR).

package transport

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// errorsTold: the system reports ICMP errors, so nobody has to probe.
const errorsTold = true

// watchErrors has ICMP errors kept. Where the system does not, requests time out, as they do behind
// a filter.
func (u *udpListener) watchErrors() {
	if askErrors(u.sender.raw, u.sender.v6) == nil {
		u.sender.drain = u.drainErrors
	}
}

// wasUnreachable reports whether reading failed because of the ICMP error of a sent datagram whose
// entry somebody else has read in the meantime.
func wasUnreachable(err error) bool {
	switch err {
	case syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EPROTO, syscall.ENOPROTOOPT,
		syscall.EACCES, syscall.EMSGSIZE, syscall.EOPNOTSUPP, syscall.EHOSTDOWN, syscall.ENONET:
		return true
	}
	return false
}

// askErrors makes the system keep ICMP errors. From then on an error also appears, once, as the
// outcome of the next operation on the socket, such as sending another datagram to somebody else:
// see [udpSender.again].
func askErrors(raw syscall.RawConn, v6 bool) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		if v6 {
			failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
		} else {
			failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVERR, 1)
		}
	})
	if err != nil {
		return err
	}
	return failed
}

const (
	mostErrors = 64   // read at a time
	quoteSpace = 1280 // the most an ICMP message contains of the datagram (RFC 4443 §2.4)
)

// drainErrors empties the error queue, reports what needs reporting, and returns the number of
// entries. It may be called from any goroutine, and is called when the socket has reported a
// problem.
func (u *udpListener) drainErrors() (n int) {
	_ = u.sender.raw.Control(func(fd uintptr) {
		var quote [quoteSpace]byte
		var control [256]byte
		for ; n < mostErrors; n++ {
			size, oob, _, to, err := unix.Recvmsg(int(fd), quote[:], control[:], unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
			if err == unix.EINTR {
				continue
			}
			if err != nil {
				return
			}
			if why := unreachable(control[:oob]); why != nil {
				u.stack.unreachable(u.local, addrOf(to), quote[:size], why)
			}
		}
	})
	return n
}

// addrOf is the destination of the datagram.
func addrOf(to unix.Sockaddr) netip.AddrPort {
	switch a := to.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}

// unreachable is the error that the control messages of an entry describe, or nil if it has no
// consequences. RFC 3261 §18.4: unreachable hosts, networks, ports and protocols, and parameter
// problems, are failures to send; a time exceeded is ignored. So is a datagram too large for a
// link, which is fragmented when it is sent again, and errors of this machine itself, which Send
// reports.
func unreachable(control []byte) error {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil
	}
	for _, m := range messages {
		v4 := m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_RECVERR
		v6 := m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_RECVERR
		if !v4 && !v6 || len(m.Data) < 16 { // struct sock_extended_err
			continue
		}
		errno := syscall.Errno(binary.NativeEndian.Uint32(m.Data))
		origin, kind, code := m.Data[4], m.Data[5], m.Data[6]
		switch {
		case origin == unix.SO_EE_ORIGIN_ICMP && (kind == 3 && code != 4 || kind == 12),
			origin == unix.SO_EE_ORIGIN_ICMP6 && (kind == 1 || kind == 4):
			return fmt.Errorf("%w (ICMP type %d, code %d)", errno, kind, code)
		}
	}
	return nil
}
