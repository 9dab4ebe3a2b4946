//go:build linux && (amd64 || arm64 || riscv64 || loong64) && !portable

// Sending datagrams: without a lock, so that lanes can send through one socket at the same time,
// and without allocating.

package transport

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// patience is how long a datagram waits for a full socket buffer. It bounds what a congested
// interface costs a lane; a datagram dropped here is lost as on any link, and its transaction sends
// it again.
const patience = 2 * time.Millisecond

// udpSender sends by one socket. net.UDPConn's own methods serialise their callers, and wait when
// the buffer is full: the system call is made under RawConn.Control instead, which does neither.
type udpSender struct {
	conn     *net.UDPConn
	raw      syscall.RawConn
	v6       bool
	wildcard bool
	ops      sync.Pool // of *udpSend
	// Held while waiting for a full buffer: the write deadline belongs to the socket
	slow  sync.Mutex
	drain func() int // drainErrors of the listener
}

func (s *udpSender) start(conn *net.UDPConn, bound netip.Addr) (err error) {
	s.conn, s.v6, s.wildcard = conn, bound.Is6(), bound.IsUnspecified()
	s.raw, err = conn.SyscallConn()
	return err
}

// udpSend is one system call. It is used by one goroutine at a time.
type udpSend struct {
	do    func(fd uintptr)      // call, bound once
	retry func(fd uintptr) bool // call, for waiting
	err   syscall.Errno

	hdr     syscall.Msghdr
	iov     syscall.Iovec
	name    syscall.RawSockaddrInet6 // or a RawSockaddrInet4, which is shorter
	control [controlSpace]byte
}

func newUDPSend() *udpSend {
	o := &udpSend{}
	o.do = o.call
	o.retry = func(fd uintptr) bool {
		o.call(fd)
		return o.err != syscall.EAGAIN
	}
	o.hdr.Iov, o.hdr.Iovlen = &o.iov, 1
	return o
}

// send sends b to addr, from the address of this machine if that is valid.
func (s *udpSender) send(addr netip.AddrPort, from netip.Addr, b []byte) error {
	o, ok := s.ops.Get().(*udpSend)
	if !ok {
		o = newUDPSend()
	}
	putAddress(&o.hdr, &o.name, addr)
	putSource(&o.hdr, &o.control, from, s.v6)
	o.iov.Base, o.iov.Len = &b[0], uint64(len(b))
	err := s.attempt(o)
	for tries := 0; err != nil && s.again(err, tries); tries++ {
		err = s.attempt(o)
	}
	o.iov.Base = nil
	s.ops.Put(o)
	return err
}

// attempt makes the call once.
func (s *udpSender) attempt(o *udpSend) error {
	err := s.raw.Control(o.do)
	if err == nil && o.err == syscall.EAGAIN {
		err = s.wait(o.retry)
	}
	return outcome(err, o.err)
}

// mostAgain bounds how often a datagram is tried again that was refused for the errors of others.
const mostAgain = 4

// again reports, after an error, whether to try again: the error may be that of an earlier
// datagram, perhaps to somebody else, which an ICMP message reported (ip(7), IP_RECVERR). Such an
// error appears once, so one that stays belongs to this datagram.
func (s *udpSender) again(err error, tries int) bool {
	if _, ok := err.(syscall.Errno); !ok || s.drain == nil {
		return false
	}
	return s.drain() > 0 && tries < mostAgain || tries == 0
}

// outcome is the result of a call: err if it was not made, otherwise what the system returned.
func outcome(err error, said syscall.Errno) error {
	switch {
	case err != nil || said == 0:
		return err
	case said == syscall.EAGAIN || said == syscall.ENOBUFS:
		return ErrBufferFull
	}
	return said
}

// wait tries again for as long as a lane can wait.
func (s *udpSender) wait(retry func(fd uintptr) bool) error {
	s.slow.Lock()
	defer s.slow.Unlock()
	if err := s.conn.SetWriteDeadline(stopwatch{}.in(patience)); err != nil {
		return err
	}
	err := s.raw.Write(retry)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ErrBufferFull
	}
	return err
}

// call sends without informing Go's scheduler: with MSG_DONTWAIT the call never blocks, and what
// the scheduler does around one that might, up to handing the processor to another thread, cost a
// fifth of a call (330 before, 265 µs after, alternating medians; the kernel's floor was 173).
func (o *udpSend) call(fd uintptr) {
	for {
		_, _, o.err = syscall.RawSyscall(syscall.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&o.hdr)), syscall.MSG_DONTWAIT)
		if o.err != syscall.EINTR {
			return
		}
	}
}

// putAddress writes the destination of a datagram.
func putAddress(h *syscall.Msghdr, name *syscall.RawSockaddrInet6, addr netip.AddrPort) {
	h.Name = (*byte)(unsafe.Pointer(name))
	if ip := addr.Addr(); ip.Is4() {
		name4 := (*syscall.RawSockaddrInet4)(unsafe.Pointer(name))
		name4.Family, name4.Addr = syscall.AF_INET, ip.As4()
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&name4.Port))[:], addr.Port())
		h.Namelen = syscall.SizeofSockaddrInet4
	} else {
		name.Family, name.Addr, name.Scope_id, name.Flowinfo = syscall.AF_INET6, ip.As16(), scope(ip.Zone()), 0
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&name.Port))[:], addr.Port())
		h.Namelen = syscall.SizeofSockaddrInet6
	}
}

// putSource sets the source address with a control message (ip(7), RFC 3542 §6.2), if one is to be
// set.
func putSource(h *syscall.Msghdr, control *[controlSpace]byte, ip netip.Addr, v6 bool) {
	h.Control, h.Controllen = nil, 0
	if !ip.IsValid() || ip.Is6() != v6 {
		return
	}
	c := (*syscall.Cmsghdr)(unsafe.Pointer(&control[0]))
	data := control[syscall.SizeofCmsghdr:]
	clear(data)
	size := 0
	if v6 {
		c.Level, c.Type, size = syscall.IPPROTO_IPV6, syscall.IPV6_PKTINFO, 20
		addr := ip.As16()
		copy(data, addr[:])
		binary.NativeEndian.PutUint32(data[16:], scope(ip.Zone()))
	} else {
		c.Level, c.Type, size = syscall.IPPROTO_IP, syscall.IP_PKTINFO, 12
		addr := ip.As4()
		copy(data[4:], addr[:])
	}
	c.SetLen(syscall.CmsgLen(size))
	h.Control, h.Controllen = &control[0], uint64(syscall.CmsgSpace(size))
}

// scope is the number of an IPv6 zone, or 0 if there is none.
func scope(zone string) uint32 {
	if zone == "" {
		return 0
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	return 0
}
