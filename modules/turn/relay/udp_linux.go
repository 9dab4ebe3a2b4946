//go:build linux && (amd64 || arm64 || riscv64 || loong64) && !portable

package relay

// UDP on Linux: many datagrams with one system call, into buffers that they leave from again, and
// one goroutine for the sockets of many allocations.

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	batchSize  = 32      // datagrams that are read before what they cause is sent
	bufferSize = 4 << 20 // of a listener's socket: what arrives while other goroutines run
)

// udpSocket is one that clients send to.
type udpSocket struct {
	conn *net.UDPConn
	raw  syscall.RawConn
}

func newUDPSocket(conn *net.UDPConn) (*udpSocket, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	err = raw.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bufferSize) != nil {
			// As much as is allowed to everybody
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, bufferSize)
		}
	})
	return &udpSocket{conn, raw}, err
}

// relaySocket is that of one allocation. It is not known to Go's poller, which would be woken by
// each datagram as well. Its descriptor is closed when the last user has let it go, so that no
// other socket can have its number meanwhile.
type relaySocket struct {
	fd     int
	users  atomic.Int32 // its owner, and system calls
	reader *relayReader // nil before add
}

func openRelay(at netip.AddrPort) (*relaySocket, error) {
	family, addr := unix.AF_INET, unix.Sockaddr(nil)
	if at.Addr().Is4() {
		addr = &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
	} else {
		family, addr = unix.AF_INET6, &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if family == unix.AF_INET6 {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	}
	if err == nil {
		err = unix.Bind(fd, addr)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	r := &relaySocket{fd: fd}
	r.users.Store(1)
	return r, nil
}

func (r *relaySocket) hold() bool {
	for {
		n := r.users.Load()
		if n == 0 {
			return false
		}
		if r.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (r *relaySocket) drop() {
	if r.users.Add(-1) == 0 {
		_ = unix.Close(r.fd)
	}
}

// close is called once, by the owner.
func (r *relaySocket) close() {
	if r.reader != nil {
		r.reader.forget(r.fd)
	}
	r.drop()
}

// mmsghdr is the kernel's struct mmsghdr on 64 bits.
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   [4]byte
}

// batch is what recvmmsg reads into.
type batch struct {
	bufs  [batchSize][]byte
	hdrs  [batchSize]mmsghdr
	iovs  [batchSize]unix.Iovec
	names [batchSize]unix.RawSockaddrInet6
}

func newBatch() *batch {
	b := &batch{}
	// Buffers that began at equal places of pages would share few lines of the processor's cache.
	const size = headroom + mostPacket + tailroom + 128
	all := make([]byte, batchSize*size)
	for i := range b.hdrs {
		b.bufs[i] = all[i*size:][:size]
		b.iovs[i].Base = &b.bufs[i][headroom]
		b.iovs[i].SetLen(mostPacket)
		h := &b.hdrs[i].hdr
		h.Iov = &b.iovs[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&b.names[i]))
	}
	return b
}

// receive reads what is there into the slots from first on, at most count of them. It does not
// wait, so Go's scheduler is not told (see engine/transport, which measured it).
func (b *batch) receive(fd, first, count int) (int, unix.Errno) {
	for i := range count {
		b.hdrs[first+i].hdr.Namelen = unix.SizeofSockaddrInet6
	}
	for {
		n, _, err := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.hdrs[first])), uintptr(count), unix.MSG_DONTWAIT, 0, 0)
		if err != unix.EINTR {
			return int(n), err
		}
	}
}

// from is whom the datagram in a slot came from; ok is false if it was longer than its buffer.
func (b *batch) from(i int) (from netip.AddrPort, ok bool) {
	name := &b.names[i]
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&name.Port))[:])
	ok = b.hdrs[i].hdr.Flags&unix.MSG_TRUNC == 0
	if name.Family == unix.AF_INET {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), port), ok
	}
	return netip.AddrPortFrom(netip.AddrFrom16(name.Addr).Unmap(), port), ok
}

// readClients reads what clients send to a listener, until it is closed.
func (s *Server) readClients(l *listener) {
	w, b := newWorker(s), newBatch()
	c := client{listener: l}
	n, errno := 0, unix.Errno(0)
	receive := func(fd uintptr) bool {
		n, errno = b.receive(int(fd), 0, batchSize)
		return errno != unix.EAGAIN
	}
	for {
		if err := l.udp.raw.Read(receive); err != nil {
			return // it is closed
		}
		if errno != 0 { // of a datagram that was sent before
			continue
		}
		w.begin()
		for i := range n {
			from, ok := b.from(i)
			if !ok {
				w.drop(droppedLong)
				continue
			}
			c.addr = from
			w.fromClient(&c, b.bufs[i], int(b.hdrs[i].n))
		}
		w.end()
	}
}

// outbox holds what a batch sends until its end. What it is given must stay as it is until then.
type outbox struct {
	n      int
	failed int
	// Where each leaves from: a listener, or the socket of an allocation, which is held
	fronts [batchSize]*udpSocket
	relays [batchSize]*relaySocket
	hdrs   [batchSize]mmsghdr
	iovs   [batchSize]unix.Iovec
	names  [batchSize]unix.RawSockaddrInet6

	// The call that is made: these of hdrs
	first, last int
	sent        int
	errno       unix.Errno
	call        func(fd uintptr) // send, bound once
}

func (o *outbox) toClient(c *client, b []byte) {
	o.add(c.addr, b)
	o.fronts[o.n], o.relays[o.n] = c.listener.udp, nil
	o.n++
}

func (o *outbox) toPeer(r *relaySocket, to netip.AddrPort, b []byte) {
	if !r.hold() {
		o.failed++
		return
	}
	o.add(to, b)
	o.fronts[o.n], o.relays[o.n] = nil, r
	o.n++
}

func (o *outbox) add(to netip.AddrPort, b []byte) {
	if o.n == batchSize {
		o.failed += o.flushed()
	}
	h, iov, name := &o.hdrs[o.n].hdr, &o.iovs[o.n], &o.names[o.n]
	iov.Base = unsafe.SliceData(b)
	iov.SetLen(len(b))
	h.Iov = iov
	h.SetIovlen(1)
	h.Name = (*byte)(unsafe.Pointer(name))
	h.Namelen = unix.SizeofSockaddrInet6
	if ip := to.Addr(); ip.Is4() {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		v4.Family, v4.Addr = unix.AF_INET, ip.As4()
		h.Namelen = unix.SizeofSockaddrInet4
	} else {
		name.Family, name.Addr = unix.AF_INET6, ip.As16()
	}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&name.Port))[:], to.Port())
}

// flush sends everything, and returns how many could not be sent.
func (o *outbox) flush() int {
	failed := o.failed + o.flushed()
	o.failed = 0
	return failed
}

// flushed sends everything: what leaves from one socket, one after the other, by one call.
func (o *outbox) flushed() (failed int) {
	for i := 0; i < o.n; i = o.last {
		o.first, o.last = i, i+1
		for o.last < o.n && o.fronts[o.last] == o.fronts[i] && o.relays[o.last] == o.relays[i] {
			o.last++
		}
		failed += o.leave(o.fronts[i], o.relays[i])
		for j := i; j < o.last; j++ {
			if o.relays[j] != nil {
				o.relays[j].drop()
			}
			o.fronts[j], o.relays[j], o.iovs[j].Base = nil, nil, nil
		}
	}
	o.n = 0
	return failed
}

// leave sends some from one socket. What a full buffer has no room for is lost, as on any link.
func (o *outbox) leave(front *udpSocket, relay *relaySocket) (failed int) {
	if o.call == nil {
		o.call = o.send
	}
	for at := o.first; at < o.last; at = o.first {
		o.sent, o.errno = 0, 0
		if relay != nil {
			o.send(uintptr(relay.fd))
		} else if front.raw.Control(o.call) != nil { // it is closed
			return failed + o.last - o.first
		}
		o.first += o.sent
		if o.errno != 0 || o.sent == 0 { // of the first that was not sent
			o.first++
			failed++
		}
	}
	return failed
}

func (o *outbox) send(fd uintptr) {
	for {
		n, _, err := unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&o.hdrs[o.first])), uintptr(o.last-o.first), unix.MSG_DONTWAIT, 0, 0)
		if err == unix.EINTR {
			continue
		}
		if o.errno = err; err == 0 {
			o.sent = int(n)
		}
		return
	}
}
