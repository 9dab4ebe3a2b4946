//go:build linux && (amd64 || arm64 || riscv64 || loong64)

// Sending datagrams: without a lock, so that lanes send by one socket at the same time, and without allocating.

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

// patience is how long a datagram waits for a full socket buffer. It bounds what a congested interface
// costs a lane; a datagram lost here is lost as it may be on any link, and its transaction sends it again.
const patience = 2 * time.Millisecond

// udpSender sends by one socket. net.UDPConn's own methods serialise their callers, and wait when the buffer is full:
// the system call is made under RawConn.Control instead, which does neither.
type udpSender struct {
	conn     *net.UDPConn
	raw      syscall.RawConn
	v6       bool
	wildcard bool
	ops      sync.Pool  // of *udpSend
	slow     sync.Mutex // held while waiting for a full buffer: the write deadline is the socket's
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
	name4   syscall.RawSockaddrInet4
	name6   syscall.RawSockaddrInet6
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
	o.address(addr)
	o.from(from, s.v6)
	o.iov.Base, o.iov.Len = &b[0], uint64(len(b))
	err := s.raw.Control(o.do)
	if err == nil && o.err == syscall.EAGAIN {
		err = s.wait(o)
	}
	if err == nil && o.err != 0 {
		err = o.err
		if o.err == syscall.EAGAIN || o.err == syscall.ENOBUFS {
			err = ErrBufferFull
		}
	}
	o.iov.Base = nil
	s.ops.Put(o)
	return err
}

// wait tries again for as long as a lane can wait.
func (s *udpSender) wait(o *udpSend) error {
	s.slow.Lock()
	defer s.slow.Unlock()
	if err := s.conn.SetWriteDeadline(stopwatch{}.in(patience)); err != nil {
		return err
	}
	err := s.raw.Write(o.retry)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ErrBufferFull
	}
	return err
}

// call sends without telling Go's scheduler: with MSG_DONTWAIT the call never blocks, and what the scheduler does around one that might, up
// to handing the processor to another thread, cost a fifth of a call (330 before, 265 µs after, medians by turns; the kernel's floor was 173).
func (o *udpSend) call(fd uintptr) {
	for {
		_, _, o.err = syscall.RawSyscall(syscall.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&o.hdr)), syscall.MSG_DONTWAIT)
		if o.err != syscall.EINTR {
			return
		}
	}
}

func (o *udpSend) address(addr netip.AddrPort) {
	if ip := addr.Addr(); ip.Is4() {
		o.name4.Family, o.name4.Addr = syscall.AF_INET, ip.As4()
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&o.name4.Port))[:], addr.Port())
		o.hdr.Name, o.hdr.Namelen = (*byte)(unsafe.Pointer(&o.name4)), syscall.SizeofSockaddrInet4
	} else {
		o.name6.Family, o.name6.Addr, o.name6.Scope_id = syscall.AF_INET6, ip.As16(), scope(ip.Zone())
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&o.name6.Port))[:], addr.Port())
		o.hdr.Name, o.hdr.Namelen = (*byte)(unsafe.Pointer(&o.name6)), syscall.SizeofSockaddrInet6
	}
}

// from sets the source address by a control message (ip(7), RFC 3542 §6.2).
func (o *udpSend) from(ip netip.Addr, v6 bool) {
	o.hdr.Control, o.hdr.Controllen = nil, 0
	if !ip.IsValid() || ip.Is6() != v6 {
		return
	}
	h := (*syscall.Cmsghdr)(unsafe.Pointer(&o.control[0]))
	data := o.control[syscall.SizeofCmsghdr:]
	clear(data)
	size := 0
	if v6 {
		h.Level, h.Type, size = syscall.IPPROTO_IPV6, syscall.IPV6_PKTINFO, 20
		addr := ip.As16()
		copy(data, addr[:])
		binary.NativeEndian.PutUint32(data[16:], scope(ip.Zone()))
	} else {
		h.Level, h.Type, size = syscall.IPPROTO_IP, syscall.IP_PKTINFO, 12
		addr := ip.As4()
		copy(data[4:], addr[:])
	}
	h.SetLen(syscall.CmsgLen(size))
	o.hdr.Control, o.hdr.Controllen = &o.control[0], uint64(syscall.CmsgSpace(size))
}

// scope is the number of an IPv6 zone, 0 when there is none.
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
