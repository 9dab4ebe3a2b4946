//go:build linux && (amd64 || arm64 || riscv64 || loong64) && !portable

package relay

// UDP on Linux: many datagrams with one system call, into buffers that they leave from again.

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

const batchSize = 32 // datagrams that are read before what they cause is sent

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

// outbox holds what a batch sends until its end. What it is given must stay as it is until then.
type outbox struct {
	n       int
	failed  int
	sockets [batchSize]*udpSocket // where each leaves from, which is held
	hdrs    [batchSize]mmsghdr
	iovs    [batchSize]unix.Iovec
	names   [batchSize]unix.RawSockaddrInet6
}

func (o *outbox) toClient(c *client, b []byte) { o.add(c.listener.udp, c.addr, b) }

func (o *outbox) toPeer(u *udpSocket, to netip.AddrPort, b []byte) { o.add(u, to, b) }

func (o *outbox) add(u *udpSocket, to netip.AddrPort, b []byte) {
	if !u.hold() {
		o.failed++
		return
	}
	if o.n == batchSize {
		o.failed += o.flushed()
	}
	o.sockets[o.n] = u
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
	o.n++
}

// flush sends everything, and returns how many could not be sent.
func (o *outbox) flush() int {
	failed := o.failed + o.flushed()
	o.failed = 0
	return failed
}

// flushed sends everything: what leaves from one socket, one after the other, by one call.
func (o *outbox) flushed() (failed int) {
	for first := 0; first < o.n; {
		u, last := o.sockets[first], first+1
		for last < o.n && o.sockets[last] == u {
			last++
		}
		failed += o.leave(u.fd, first, last)
		for ; first < last; first++ {
			u.drop()
			o.sockets[first], o.iovs[first].Base = nil, nil
		}
	}
	o.n = 0
	return failed
}

// leave sends some from one socket. What a full buffer has no room for is lost, as on any link.
func (o *outbox) leave(fd, first, last int) (failed int) {
	for first < last {
		n, _, err := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&o.hdrs[first])), uintptr(last-first), unix.MSG_DONTWAIT, 0, 0)
		switch {
		case err == 0 && n > 0:
			first += int(n)
		case err != unix.EINTR: // the error is that of the first, which was not sent
			first++
			failed++
		}
	}
	return failed
}
