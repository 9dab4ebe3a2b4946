// UDP listeners: each has one socket, which receives requests and sends everything to peers, so
// that an answer leaves from where its request arrived, and requests never leave from a port nobody
// listens on (RFC 3581 §4).

package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
)

// socketBuffer is requested in both directions; the system grants what it allows.
const socketBuffer = 4 << 20

// udpListener is one UDP socket. The fields below "duty" belong to the goroutine that has the duty
// of reading.
type udpListener struct {
	stack  *Stack
	conn   *net.UDPConn
	local  *Local // set by bind
	served bool   // a goroutine reads, or has read
	sender udpSender

	// duty
	out   *Outbox
	reads int // in this round
	batch *udpBatch
	got   int // datagrams in the batch
	next  int // the one to deliver next
	held  int // the one being delivered, or -1: its buffer stays with a goroutine that was lent

	answer []byte // to the last keep-alive
}

func (s *Stack) listenUDP(spec ListenSpec) (listener, error) {
	pc, err := s.packetSocket(spec)
	if err != nil {
		return nil, err
	}
	u := &udpListener{stack: s, conn: pc, held: -1}
	// A refusal by the system is not a reason to refuse service.
	_ = u.conn.SetReadBuffer(socketBuffer)
	_ = u.conn.SetWriteBuffer(socketBuffer)
	wildcard := spec.Addr.Addr().IsUnspecified()
	if u.batch, err = newUDPBatch(u.conn, &s.dgrams, s.opts.Limits.Message, wildcard); err == nil {
		err = u.sender.start(u.conn, spec.Addr.Addr())
	}
	if err == nil {
		u.watchErrors()
	}
	if err != nil {
		u.conn.Close()
		return nil, err
	}
	return u, nil
}

func (u *udpListener) addr() net.Addr { return u.conn.LocalAddr() }

// close ends the reading. The reader closes the socket, because it may still have to send the rest
// of its round.
func (u *udpListener) close() error {
	if !u.served {
		return u.conn.Close()
	}
	return u.conn.SetReadDeadline(time.Unix(1, 0))
}

func (u *udpListener) bind(l *Local) { u.local = l }

// serve starts the reader, which ends with close.
func (u *udpListener) serve() {
	u.served = true
	u.out = u.stack.NewOutbox()
	u.batch.idle = u.endRound
	u.stack.running.Add(1)
	go u.loop(lane.NewCarrier(u.loop))
}

// loop is the duty of reading. A successor continues it when work on a datagram waits, beginning
// with the rest of the batch.
func (u *udpListener) loop(k *lane.Carrier) {
	if u.held >= 0 {
		u.batch.renew(u.held)
		u.held = -1
	}
	in := &Inbound{Kind: UDP, Local: u.local, LocalIP: u.local.Addr.Addr(), Carrier: k}
	own := in.LocalIP
	k.Round = u.out
	for {
		for u.next < u.got {
			d := u.batch.datagram(u.next)
			u.held = d.slot
			u.next++
			if in.LocalIP = own; d.localIP.IsValid() {
				in.LocalIP = d.localIP
			}
			u.deliver(in, &d)
			if k.Lent() {
				u.stack.dgrams.put(d.buf)
				return
			}
			if u.held < 0 {
				u.stack.dgrams.put(d.buf)
			}
			u.held = -1
		}
		if u.reads++; u.reads == readsARound {
			u.endRound()
		}
		n, err := u.batch.read()
		u.got, u.next = n, 0
		in.Age = u.batch.age()
		if err == nil {
			continue
		}
		u.endRound()
		if !u.survive(err) {
			u.conn.Close()
			u.stack.running.Done()
			return
		}
	}
}

// readsARound bounds how much is read before the replies leave, if there is always more to read.
const readsARound = 4

// endRound is called when there is nothing more to read for now.
func (u *udpListener) endRound() {
	u.reads = 0
	u.out.End()
}

// survive reports whether reading continues after an error: always, unless it was ended.
func (u *udpListener) survive(err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) {
		return false
	}
	if u.drainErrors() > 0 || wasUnreachable(err) { // nothing is wrong with the socket
		return true
	}
	u.stack.opts.Log.Warn("transport: reading failed", "listener", u.local.Name, "error", err)
	return u.stack.pause(firstPause)
}

// datagram is one datagram of a batch.
type datagram struct {
	bytes     []byte
	source    netip.AddrPort
	localIP   netip.Addr // the address it was sent to, if the listener is bound to a wildcard
	truncated bool
	buf       *datagramBuffer // where bytes are
	// The place in the batch whose buffer it is, or -1 if buf is from the pool
	slot int
}

var errTruncated = errors.New("transport: the datagram is longer than a message may be")

func (u *udpListener) deliver(in *Inbound, d *datagram) {
	count := u.stack.count(UDP)
	in.Source, in.Bytes, in.More = d.source, d.bytes, u.next < u.got
	if !u.stack.admits(in, d.bytes) {
		return
	}
	if d.truncated {
		count.badFrames.Add(1)
		u.stack.receiver.BadFrame(in, fmt.Errorf("%w: over %d bytes", errTruncated, len(d.bytes)))
		return
	}
	kind, skip := classify(d.bytes)
	switch kind {
	case datagramSIP:
		in.Bytes = d.bytes[skip:]
		count.in(len(in.Bytes))
		u.stack.receiver.Receive(in)
	default:
		u.keepAlive(in)
	}
}

// keepAlive handles a datagram that is not a message: it is reported, and answered if it should be,
// or dropped.
func (u *udpListener) keepAlive(in *Inbound) {
	s := u.stack
	answer, kept := KeepAlive(u.answer[:0], in.Bytes, in.Source)
	if u.answer = answer; len(answer) > 0 {
		// A client that gets no answer asks again.
		_ = u.send(&Peer{Kind: UDP, Addr: in.Source, LocalIP: in.LocalIP}, answer)
	}
	if !kept {
		s.count(UDP).dropped.Add(1)
		return
	}
	s.count(UDP).keepalives.Add(1)
	if s.keepAlives != nil {
		s.keepAlives.KeptAlive(in.Source, u.local)
	}
}

// send sends one datagram from the listener's socket.
func (u *udpListener) send(to *Peer, b []byte) error {
	addr, from, err := u.way(to)
	if err != nil {
		return err
	}
	if err := u.sender.send(addr, from, b); err != nil {
		return sendError(addr, err)
	}
	return nil
}

// way is where a datagram goes, and the address of this machine it leaves from, which is invalid if
// the system chooses.
func (u *udpListener) way(to *Peer) (addr netip.AddrPort, from netip.Addr, err error) {
	if addr = to.Addr; addr.Addr().Is4In6() {
		addr = unmapped(addr)
	}
	if !addr.IsValid() || addr.Addr().Is4() == u.sender.v6 {
		return addr, from, ErrNoListener
	}
	if u.sender.wildcard {
		from = to.LocalIP.Unmap()
	}
	return addr, from, nil
}

func sendError(to netip.AddrPort, err error) error { return fmt.Errorf("send udp %s: %w", to, err) }
