package relay

// A goroutine that relays: what came in goes out at once, or at the end of a batch.

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
)

// A packet is read into the middle of its buffer, so that headers can be put before it, and padding
// after it, without copying.
const (
	headroom   = 64
	mostPacket = 8192 // bytes that are relayed in one piece
	tailroom   = 4
)

// worker is used by one goroutine.
type worker struct {
	s   *Server
	now int64 // of the batch
	out outbox
	// figures that end adds to the server's
	fromClients, toClients, bytesFromClients, bytesToClients uint64
}

func newWorker(s *Server) *worker { return &worker{s: s} }

// begin begins a batch.
func (w *worker) begin() { w.now = w.s.opts.Now().UnixNano() }

// end ends a batch: everything leaves.
func (w *worker) end() {
	c := &w.s.stats // before anybody gets something
	if w.fromClients > 0 {
		c.fromClients.Add(w.fromClients)
		c.bytesFromClients.Add(w.bytesFromClients)
		w.fromClients, w.bytesFromClients = 0, 0
	}
	if w.toClients > 0 {
		c.toClients.Add(w.toClients)
		c.bytesToClients.Add(w.bytesToClients)
		w.toClients, w.bytesToClients = 0, 0
	}
	if failed := w.out.flush(); failed > 0 {
		c.dropped[droppedSend].Add(uint64(failed))
	}
}

// fromClient handles n bytes in the middle of buf that a client sent.
func (w *worker) fromClient(c *client, buf []byte, n int) {
	if n == 0 {
		return
	}
	b := buf[headroom : headroom+n]
	switch b[0] >> 6 { // RFC 8656 §12.3
	case 0:
		w.message(c, b)
	case 1:
		w.channelData(c, b)
	default:
		w.s.stats.malformed.Add(1)
	}
}

// channelData relays data of a client (RFC 8656 §12.6).
func (w *worker) channelData(c *client, b []byte) {
	if len(b) < 4 {
		w.s.stats.malformed.Add(1)
		return
	}
	length := int(binary.BigEndian.Uint16(b[2:]))
	if length > len(b)-4 {
		w.s.stats.malformed.Add(1)
		return
	}
	a := w.s.table.find(c)
	if a == nil {
		w.drop(droppedUnknown)
		return
	}
	ch := a.routes.Load().byNumber(binary.BigEndian.Uint16(b), w.now)
	if ch == nil {
		w.drop(droppedUnknown)
		return
	}
	w.toPeer(a, ch.to, ch.own, b[4:4+length])
}

func (w *worker) drop(why int) { w.s.stats.dropped[why].Add(1) }

// toPeer sends what a client has for a peer. At our own relay addresses it reaches only the ports
// of allocations.
func (w *worker) toPeer(a *allocation, to netip.AddrPort, own *relayAddress, b []byte) {
	switch {
	case own != nil && !own.has(to.Port()):
		w.drop(droppedUnknown)
	case !w.within(a, len(b)):
		w.drop(droppedBandwidth)
	default:
		w.out.toPeer(a.socket, to, b)
		w.fromClients++
		w.bytesFromClients += uint64(len(b))
	}
}

// within takes bytes from the user's share of this second.
func (w *worker) within(a *allocation, n int) bool {
	most := w.s.guard.Load().policy.Bandwidth
	return most == 0 || a.user.spent.Add(int64(n)) <= int64(most)
}

// fromPeer handles n bytes in the middle of buf that a peer sent to a relayed address (RFC 8656
// §11.3, §12.7).
func (w *worker) fromPeer(a *allocation, from netip.AddrPort, buf []byte, n int) {
	from = w.s.outside(from)
	r := a.routes.Load()
	head, tail := headroom, headroom+n
	if _, ok := r.reaches(from.Addr(), w.now); !ok {
		w.drop(droppedPeer)
		return
	}
	if !w.within(a, n) {
		w.drop(droppedBandwidth)
		return
	}
	if ch := r.byPeer(from, w.now); ch != nil {
		head -= 4
		binary.BigEndian.PutUint16(buf[head:], ch.number)
		binary.BigEndian.PutUint16(buf[head+2:], uint16(n))
	} else {
		head, tail = putDataIndication(buf, from, n)
	}
	w.toClient(&a.client, buf[head:tail])
	w.toClients++
	w.bytesToClients += uint64(n)
}

// toClient sends a whole message or channel data.
func (w *worker) toClient(c *client, b []byte) {
	if c.stream == nil {
		w.out.toClient(c, b)
	} else if !c.stream.send(b) {
		w.drop(droppedSend)
	}
}

// Attributes of a data indication, and its type (RFC 8656 §18).
const (
	dataIndication = 0x0017
	attrXORPeer    = 0x0012
	attrData       = 0x0013
	magicCookie    = 0x2112A442
	stunHeader     = 20
	familyV4       = 1
	familyV6       = 2
)

// putDataIndication writes what belongs before and behind n bytes of data in the middle of buf, and
// returns where the message begins and ends.
func putDataIndication(buf []byte, from netip.AddrPort, n int) (head, tail int) {
	ip := from.Addr()
	address := 8
	if ip.Is6() {
		address = 20
	}
	head = headroom - 4 - address - 4 - stunHeader
	tail = headroom + (n+3)&^3
	clear(buf[headroom+n : tail])
	b := buf[head:tail]
	binary.BigEndian.PutUint16(b, dataIndication)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-stunHeader))
	binary.BigEndian.PutUint32(b[4:], magicCookie)
	binary.BigEndian.PutUint64(b[8:], rand.Uint64())
	binary.BigEndian.PutUint32(b[16:], rand.Uint32())
	at := b[stunHeader:]
	binary.BigEndian.PutUint16(at, attrXORPeer)
	binary.BigEndian.PutUint16(at[2:], uint16(address))
	at[4], at[5] = 0, familyV4
	binary.BigEndian.PutUint16(at[6:], from.Port()^(magicCookie>>16))
	if ip.Is6() {
		at[5] = familyV6
		v6 := ip.As16()
		copy(at[8:], v6[:])
	} else {
		v4 := ip.As4()
		copy(at[8:], v4[:])
	}
	for i := range address - 4 {
		at[8+i] ^= b[4+i] // the cookie, and the transaction's id
	}
	at = at[4+address:]
	binary.BigEndian.PutUint16(at, attrData)
	binary.BigEndian.PutUint16(at[2:], uint16(n))
	return head, tail
}
