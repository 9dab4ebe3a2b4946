//go:build linux && (amd64 || arm64 || riscv64 || loong64) && !portable

package relay

// Sockets over UDP on Linux.

import (
	"net"
	"net/netip"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const bufferSize = 4 << 20 // of a listener's socket: what arrives while other goroutines run

// descriptor is one of the kernel's. It is not known to Go's poller, which would be woken by each
// datagram as well. It is closed when the last user has let it go, so that no other file can have
// its number meanwhile.
type descriptor struct {
	fd    int
	users atomic.Int32 // its owner, and system calls
}

func (d *descriptor) own(fd int) {
	d.fd = fd
	d.users.Store(1)
}

func (d *descriptor) hold() bool {
	for {
		n := d.users.Load()
		if n == 0 {
			return false
		}
		if d.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (d *descriptor) drop() {
	if d.users.Add(-1) == 0 {
		_ = unix.Close(d.fd)
	}
}

// udpSocket is that of a listener or of an allocation.
type udpSocket struct {
	descriptor
	reader *relayReader // nil before add
	// Whose it is, one of the two, from add on
	listener   *listener
	allocation *allocation
}

// close is called once, by the owner.
func (u *udpSocket) close() {
	if u.reader != nil {
		u.reader.forget(u.fd)
	}
	u.drop()
}

// openRelay opens the socket of an allocation.
func openRelay(at netip.AddrPort) (*udpSocket, error) {
	family, addr := unix.AF_INET, unix.Sockaddr(nil)
	if ip := at.Addr(); ip.Is4() {
		addr = &unix.SockaddrInet4{Port: int(at.Port()), Addr: ip.As4()}
	} else {
		v6 := &unix.SockaddrInet6{Port: int(at.Port()), Addr: ip.As16()}
		if zone := ip.Zone(); zone != "" {
			of, err := net.InterfaceByName(zone)
			if err != nil {
				return nil, err
			}
			v6.ZoneId = uint32(of.Index)
		}
		family, addr = unix.AF_INET6, v6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if family == unix.AF_INET6 {
		err = os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1))
	}
	if err == nil {
		err = os.NewSyscallError("bind", unix.Bind(fd, addr))
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	u := &udpSocket{}
	u.own(fd)
	return u, nil
}

// openUDP opens the socket of a listener, and returns where it is.
func openUDP(at netip.AddrPort) (*udpSocket, netip.AddrPort, error) {
	u, err := openRelay(at)
	if err != nil {
		return nil, at, err
	}
	if unix.SetsockoptInt(u.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bufferSize) != nil {
		// As much as is allowed to everybody
		_ = unix.SetsockoptInt(u.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bufferSize)
	}
	name, err := unix.Getsockname(u.fd)
	if err != nil {
		u.drop()
		return nil, at, os.NewSyscallError("getsockname", err)
	}
	port := at.Port()
	switch name := name.(type) {
	case *unix.SockaddrInet4:
		port = uint16(name.Port)
	case *unix.SockaddrInet6:
		port = uint16(name.Port)
	}
	return u, netip.AddrPortFrom(at.Addr(), port), nil
}
