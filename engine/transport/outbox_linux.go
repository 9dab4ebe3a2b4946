//go:build linux && (amd64 || arm64 || riscv64 || loong64) && !portable

// Sending many datagrams with one system call: sendmmsg.

package transport

import (
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"github.com/sipscript/sipscript/engine/lane"
)

const (
	boxDatagrams = 16
	boxBytes     = 16 << 10
	// boxPatience is how long a datagram waits for those of the works after it, when these are
	// slow: it leaves before the first of them that begins later.
	boxPatience = 200 * time.Microsecond
)

// Outbox is a [lane.Round] that gathers the datagrams its round sends, with one box per listener,
// and sends them at the end of the round, or when a box is full. It belongs to the goroutine whose
// round it is.
type Outbox struct {
	stack *Stack
	boxes []*udpBox // by the listener's index, nil until it is needed
	used  []*udpBox // those that hold something
	since lane.Time // when the first datagram was left
}

// NewOutbox makes an outbox for one goroutine that brings work to lanes.
func (s *Stack) NewOutbox() *Outbox {
	return &Outbox{stack: s, boxes: make([]*udpBox, len(s.Locals()))}
}

// OnLane is the Wire for the work of a lane: its datagrams go to the outbox of the round the work
// is done in, if there is one. Failed receives the error of a datagram that cannot be sent from
// there.
func (s *Stack) OnLane(l *lane.Lane) Wire { return &laneWire{s, l} }

type laneWire struct {
	*Stack
	lane *lane.Lane
}

// Send is [Stack.Send].
func (w *laneWire) Send(to *Peer, message []byte, f Failed) error {
	if to.Kind == UDP {
		if o, ok := w.lane.Round().(*Outbox); ok && o.stack == w.Stack && len(message) > 0 {
			if len(message) <= boxBytes {
				return o.send(to, message, f, w.lane.Now())
			}
			o.End() // what does not fit into a box must not overtake what is in it
		}
	}
	return w.Stack.Send(to, message, f)
}

func (o *Outbox) send(to *Peer, message []byte, f Failed, now lane.Time) error {
	s := o.stack
	count := s.count(UDP)
	u, err := s.udpFor(to)
	var addr netip.AddrPort
	var from netip.Addr
	if err == nil {
		addr, from, err = u.way(to)
	}
	if err != nil {
		count.sendErrors.Add(1)
		return err
	}
	box := o.box(u)
	if box.n == boxDatagrams || len(box.bytes)+len(message) > boxBytes {
		box.flush(s)
	} else if box.n == 0 {
		if len(o.used) == 0 {
			o.since = now
		}
		o.used = append(o.used, box)
	}
	box.add(addr, from, message, f)
	count.out(len(message))
	return nil
}

// box is the one of a listener. The listener that had its place before has left, and so has what
// was in its box, or it leaves with this round.
func (o *Outbox) box(u *udpListener) *udpBox {
	index := u.local.Index
	if index >= len(o.boxes) {
		o.boxes = append(o.boxes, make([]*udpBox, index+1-len(o.boxes))...)
	}
	box := o.boxes[index]
	if box == nil || box.sender != &u.sender {
		box = newUDPBox(&u.sender)
		o.boxes[index] = box
	}
	return box
}

// Next sends what has waited long enough.
func (o *Outbox) Next(now lane.Time) {
	if len(o.used) > 0 && now.Sub(o.since) > boxPatience {
		o.End()
	}
}

// End sends what was gathered.
func (o *Outbox) End() {
	for _, box := range o.used {
		box.flush(o.stack)
	}
	o.used = o.used[:0]
}

// udpBox holds datagrams that leave through one socket.
type udpBox struct {
	sender *udpSender
	call   func(fd uintptr)      // send, bound once
	retry  func(fd uintptr) bool // send, for waiting
	n      int
	bytes  []byte // of all of them; never grown, since iovs point into it

	sent int // of n
	err  syscall.Errno

	to       [boxDatagrams]netip.AddrPort
	failed   [boxDatagrams]Failed
	hdrs     [boxDatagrams]mmsghdr
	iovs     [boxDatagrams]syscall.Iovec
	names    [boxDatagrams]syscall.RawSockaddrInet6
	controls [boxDatagrams][controlSpace]byte
}

func newUDPBox(s *udpSender) *udpBox {
	b := &udpBox{sender: s, bytes: make([]byte, 0, boxBytes)}
	b.call = b.send
	b.retry = func(fd uintptr) bool {
		b.send(fd)
		return b.err != syscall.EAGAIN
	}
	for i := range b.hdrs {
		b.hdrs[i].hdr.Iov, b.hdrs[i].hdr.Iovlen = &b.iovs[i], 1
	}
	return b
}

func (b *udpBox) add(to netip.AddrPort, from netip.Addr, message []byte, f Failed) {
	at := len(b.bytes)
	b.bytes = append(b.bytes, message...)
	h := &b.hdrs[b.n].hdr
	putAddress(h, &b.names[b.n], to)
	putSource(h, &b.controls[b.n], from, b.sender.v6)
	b.iovs[b.n].Base, b.iovs[b.n].Len = &b.bytes[at], uint64(len(message))
	b.to[b.n], b.failed[b.n] = to, f
	b.n++
}

// flush sends everything, and reports each datagram that cannot be sent. It waits once for a full
// socket buffer (see patience).
func (b *udpBox) flush(s *Stack) {
	waited, tries := false, 0
	for b.sent = 0; b.sent < b.n; {
		err := b.sender.raw.Control(b.call)
		if err == nil && b.err == syscall.EAGAIN && !waited {
			waited = true
			err = b.sender.wait(b.retry)
		}
		if err = outcome(err, b.err); err == nil {
			if tries = 0; b.sent < b.n && b.sender.drain != nil {
				// The error that stopped the call is not reported, and will not be again
				// (sendmmsg(2), BUGS).
				b.sender.drain()
			}
			continue
		}
		if b.sender.again(err, tries) {
			tries++
			continue
		}
		tries = 0
		s.count(UDP).sendErrors.Add(1)
		if f := b.failed[b.sent]; f != nil {
			f.SendFailed(sendError(b.to[b.sent], err))
		}
		b.sent++
	}
	clear(b.failed[:b.n])
	b.n, b.bytes = 0, b.bytes[:0]
}

// send makes one call for the remaining datagrams. It tells Go's scheduler as little as
// udpSend.call does, for the same reason.
func (b *udpBox) send(fd uintptr) {
	for {
		n, _, err := syscall.RawSyscall6(sysSendmmsg, fd, uintptr(unsafe.Pointer(&b.hdrs[b.sent])), uintptr(b.n-b.sent), syscall.MSG_DONTWAIT, 0, 0)
		if err == syscall.EINTR {
			continue
		}
		if b.err = err; err == 0 {
			b.sent += int(n)
		}
		return
	}
}
