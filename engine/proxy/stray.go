package proxy

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"net/netip"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// The branch of a request that was forwarded statelessly (§16.11) carries the way back of its
// responses, under a keyed hash. A responder may write anything into the lower Via: that Via says
// nothing about where the response goes, only the branch does.
//
//	z9hG4bK-HASH-WAY    both in hexadecimal; the hash is over the way, the branch and the host of
//	                    the Via below ours, the Call-ID and the CSeq number
//
// The way consists of the flags, the listener, the port, the address and, if they matter, our
// address that the request came to and its connection.

const (
	statelessCookie  = "z9hG4bK-"
	longestWay       = 1 + 2 + 2 + 16 + 16 + 8
	longestStateless = len(statelessCookie) + 16 + 1 + 2*longestWay + proofSuffix
)

const (
	wayIPv6     = 1 << iota // the address has 16 bytes, otherwise 4
	wayOwnIPv6              // and so has our address
	wayOwn                  // there is one
	wayFlow                 // there is a connection
	wayFlowOnly             // and no other way
)

// appendWay appends where responses go.
func appendWay(dst []byte, to *transport.Peer) []byte {
	addr, flags, index := to.Addr.Addr().Unmap(), byte(0), 0
	if addr.Is6() {
		flags |= wayIPv6
	}
	if to.Flow != 0 {
		flags |= wayFlow
	}
	if to.FlowOnly {
		flags |= wayFlowOnly
	}
	own := to.Local != nil && to.LocalIP.IsValid() && to.Local.Addr.Addr().IsUnspecified()
	if own {
		if flags |= wayOwn; to.LocalIP.Unmap().Is6() {
			flags |= wayOwnIPv6
		}
	}
	if to.Local != nil {
		index = to.Local.Index
	}
	dst = binary.BigEndian.AppendUint16(append(dst, flags), uint16(index))
	dst = appendIP(binary.BigEndian.AppendUint16(dst, to.Addr.Port()), addr)
	if own {
		dst = appendIP(dst, to.LocalIP)
	}
	if to.Flow != 0 {
		dst = binary.BigEndian.AppendUint64(dst, uint64(to.Flow))
	}
	return dst
}

// readWay is the inverse of appendWay. ok is false for what appendWay did not write.
func readWay(b []byte, locals []*transport.Local) (to transport.Peer, ok bool) {
	if len(b) < 5 {
		return to, false
	}
	flags, index := b[0], int(binary.BigEndian.Uint16(b[1:]))
	port, rest := binary.BigEndian.Uint16(b[3:]), b[5:]
	if index >= len(locals) {
		return to, false
	}
	take := func(six bool) (a netip.Addr) {
		n := 4
		if six {
			n = 16
		}
		if ok = len(rest) >= n; ok {
			a, _ = netip.AddrFromSlice(rest[:n])
			rest = rest[n:]
		}
		return a
	}
	to.Local = locals[index]
	to.Kind = to.Local.Kind
	to.Addr = netip.AddrPortFrom(take(flags&wayIPv6 != 0), port)
	if ok && flags&wayOwn != 0 {
		to.LocalIP = take(flags&wayOwnIPv6 != 0)
	}
	if ok && flags&wayFlow != 0 {
		if ok = len(rest) == 8; ok {
			to.Flow, rest = transport.FlowID(binary.BigEndian.Uint64(rest)), nil
		}
	}
	to.FlowOnly = flags&wayFlowOnly != 0
	return to, ok && len(rest) == 0
}

// appendWithWay appends the branch of a request forwarded statelessly, without the cookie: it is
// the same for its retransmissions, its CANCEL and its ACK, and nobody else can make it.
// Connections have other numbers in the next process.
func (c *Core) appendWithWay(dst []byte, via *message.Via, callID []byte, cseq uint32, way []byte) []byte {
	var number [8]byte
	binary.BigEndian.PutUint32(number[:], cseq)
	if way[0]&wayFlow != 0 {
		binary.BigEndian.PutUint32(number[4:], c.Process)
	}
	var sum [8]byte
	binary.BigEndian.PutUint64(sum[:], c.Signer.branch.Sum(via.Branch(), via.Host, callID, number[:], way))
	dst = hex.AppendEncode(append(dst, statelessCookie...), sum[:])
	return hex.AppendEncode(append(dst, '-'), way)
}

// wayBack reads the branch of a response whose request had via on top and was forwarded
// statelessly. ok is false for any other branch. Branches are compared without case (§7.3.1).
func (c *Core) wayBack(branch []byte, via *message.Via, callID []byte, cseq uint32) (to transport.Peer, ok bool) {
	n := len(statelessCookie)
	if len(branch) < n || len(branch) > longestStateless || !bytes.EqualFold(branch[:n], []byte(statelessCookie)) {
		return to, false
	}
	// The rest does not concern us; see readdressed.go.
	branch, _, _ = bytes.Cut(branch, []byte("."))
	_, text, _ := bytes.Cut(branch[n:], []byte("-"))
	var way [longestWay]byte
	if len(text) > 2*len(way) {
		return to, false
	}
	size, err := hex.Decode(way[:], text)
	if err != nil || size == 0 {
		return to, false
	}
	var space [longestStateless]byte
	want := c.appendWithWay(space[:0], via, callID, cseq, way[:size])
	if !sameWithoutCase(branch[n:], want[n:]) {
		return to, false
	}
	return readWay(way[:size], transport.Known(c.Wire))
}

// sameWithoutCase compares a text with one in lower case, in constant time.
func sameWithoutCase(text, lower []byte) bool {
	if len(text) != len(lower) {
		return false
	}
	different := 0
	for i, c := range text {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		different |= subtle.ConstantTimeByteEq(c, lower[i]) ^ 1
	}
	return different == 0
}

// Stray sends on the response to a request that was forwarded statelessly. Any other response that
// belongs to no transaction is dropped, and false returned. So is one to an ACK, which has none
// (§17). Our Via is taken off in any case.
func (c *Core) Stray(a *transaction.Arrival) bool {
	m := a.Msg
	own, err := m.TopVia()
	if err != nil || !c.ourSentBy(&own) {
		return false
	}
	m.RemoveElement(message.HeaderVia, 0)
	below, err := m.TopVia()
	if err != nil { // or there is none
		return false
	}
	cs, err := m.CSeq()
	if err != nil || cs.Method == message.MethodAck {
		return false
	}
	to := &c.peer
	var ok bool
	if *to, ok = c.wayBack(own.Branch(), &below, m.CallID(), cs.Number); !ok {
		return false
	}
	if code := m.Status(); code >= 200 && code < 300 {
		c.need(to.Kind, to.Addr, to.Flow, cs.Method)
	}
	c.Disbelieve(m, c.cameFrom(a))
	c.hide(m, to)
	c.sealAnswer(m, &transport.Peer{Kind: a.Kind, Addr: a.Source, Local: a.Local, LocalIP: a.LocalIP, Flow: a.Flow})
	return c.Layer.ForwardResponse(m, to) == nil
}
