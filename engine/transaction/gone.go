package transaction

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// This file ends client transactions whose next hop turns out to be gone: an ICMP error arrived
// (§18.4), or the connection the request was written to was lost.

// ErrLost says that the connection on which an answer was waited for is gone.
var ErrLost = errors.New("transaction: the connection was lost")

// Loser is an [Owner] that is informed when the connection is gone on which an INVITE was answered
// provisionally. The transaction continues: whoever answers may connect to us (§18.2.2).
type Loser interface {
	Lost(c *Client, err error)
}

// Quoted is the part of one of our requests that an ICMP error contains. The fields refer to it.
type Quoted struct {
	Branch []byte // of our Via, complete; nil if the quotation ends before it
	CallID []byte // nil if the quotation ends before it
	Cancel bool   // it is the CANCEL of the request, not the request itself
}

// ParseQuoted reads the beginning of a datagram. ok is false when it is none of our requests; an
// empty one, which says nothing, may be.
func ParseQuoted(b []byte) (q Quoted, ok bool) {
	if len(b) == 0 {
		return q, true
	}
	line, rest, found := bytes.Cut(b, []byte("\r\n"))
	if bytes.HasPrefix(line, []byte("SIP/")) {
		return q, false
	}
	q.Cancel = bytes.HasPrefix(line, []byte("CANCEL "))
	if !found {
		return q, len(line) > 400 // a Request-URI so long that there was no room for more
	}
	via, rest, found := bytes.Cut(rest, []byte("\r\n"))
	_, branch, has := bytes.Cut(via, []byte(";branch="))
	branch, _, whole := bytes.Cut(branch, []byte(";")) // appendVia writes rport behind it
	if !bytes.HasPrefix(via, []byte("Via: SIP/2.0/UDP ")) || !has || !whole {
		return q, false
	}
	q.Branch = branch
	for found {
		if line, rest, found = bytes.Cut(rest, []byte("\r\n")); found {
			name, value, _ := bytes.Cut(line, []byte(":"))
			if message.LookupHeader(bytes.TrimRight(name, " \t")) == message.HeaderCallID {
				q.CallID = bytes.TrimSpace(value)
				break
			}
		}
	}
	return q, true
}

// Unreachable handles an ICMP error for a datagram to an address. Such errors arrive late, arrive
// for datagrams of others, and can be forged: the transaction must be waiting at that address
// without having been answered by anything, and the branch, which nobody can guess, must be its
// own. If the error quotes too little for that, as some routers do, it applies to every transaction
// that waits there; these are searched for only now and then.
func (l *Layer) Unreachable(to netip.AddrPort, q *Quoted, err error) {
	if q.Branch != nil {
		rest, ok := cutCookie(q.Branch)
		if !ok {
			return
		}
		table := l.clients
		if q.Cancel {
			table = l.cancels
		}
		l.key = appendLower(l.key[:0], rest)
		if c := table[string(l.key)]; c != nil && c.waitsAt(to) {
			c.broke(err)
		}
		return
	}
	now := l.lane.Now()
	if l.searched != 0 && now.Sub(l.searched) < searchPause {
		return
	}
	l.searched = now
	var gone []*Client
	for _, c := range l.clients {
		if len(gone) < mostSearched && c.waitsAt(to) {
			gone = append(gone, c)
		}
	}
	for _, c := range gone {
		if c.waitsAt(to) { // still
			c.broke(err)
		}
	}
}

const (
	searchPause  = 100 * time.Millisecond
	mostSearched = 1000
)

// waitsAt reports whether c was sent to a UDP address and has heard nothing from there.
func (c *Client) waitsAt(to netip.AddrPort) bool {
	if c.to.Kind != transport.UDP || c.state != Calling && c.state != Trying {
		return false
	}
	at := c.to.Addr
	return at.Port() == to.Port() && at.Addr().Unmap() == to.Addr().Unmap()
}

// broke makes the step of a transport error (§17.1.4).
func (c *Client) broke(err error) {
	l := c.terms.layer
	l.count(EventTransportError)
	l.failing = fmt.Errorf("transaction: send: %w", err)
	c.feed(evError, nil)
	l.failing = nil
}

// onStreams are the client transactions that wait for answers on connections, by connection; each
// list is linked through the transactions. waiting is their number, including those that are being
// sent.
type onStreams struct {
	byFlow  map[transport.FlowID]*Client
	waiting atomic.Int64
}

// WaitsOnStreams reports, on any goroutine, whether FlowClosed has anything to do.
func (l *Layer) WaitsOnStreams() bool { return l.streams.waiting.Load() > 0 }

// sendOnStream sends what c keeps, on a connection whose end is reported from now on. A flow that
// nothing can replace is watched by its user.
func (c *Client) sendOnStream(f transport.Failed) error {
	l := c.terms.layer
	l.streams.waiting.Add(1) // before it is sent: a connection may be gone at once
	err := l.wire.Send(&c.to, c.sent, f)
	if err != nil || c.to.Flow == 0 || c.to.FlowOnly {
		l.streams.waiting.Add(-1)
		return err
	}
	if l.streams.byFlow == nil {
		l.streams.byFlow = map[transport.FlowID]*Client{}
	}
	w := c.seldom()
	w.onFlow, w.next = c.to.Flow, l.streams.byFlow[c.to.Flow]
	if w.next != nil {
		w.next.rare.prev = c
	}
	l.streams.byFlow[w.onFlow] = c
	return nil
}

// offStream ends the watch of sendOnStream.
func (c *Client) offStream() {
	w := c.rare
	if w == nil || w.onFlow == 0 {
		return
	}
	s := &c.terms.layer.streams
	if w.next != nil {
		w.next.rare.prev = w.prev
	}
	switch {
	case w.prev != nil:
		w.prev.rare.next = w.next
	case w.next != nil:
		s.byFlow[w.onFlow] = w.next
	default:
		delete(s.byFlow, w.onFlow)
	}
	w.onFlow, w.next, w.prev = 0, nil, nil
	s.waiting.Add(-1)
}

// FlowClosed ends the waits on a connection that is gone. Call it with the lane's token.
func (l *Layer) FlowClosed(id transport.FlowID) {
	for c := l.streams.byFlow[id]; c != nil; c = l.streams.byFlow[id] {
		c.offStream()
		c.lost()
	}
}

// lost is the end of the connection that c waited on.
func (c *Client) lost() {
	switch c.state {
	case Calling, Trying:
		if !c.reconnect(ErrLost) {
			c.broke(ErrLost)
		}
	case Proceeding:
		if c.method != message.MethodInvite {
			c.broke(ErrLost)
		} else if o, ok := c.owner.(Loser); ok {
			o.Lost(c, ErrLost)
		}
	}
}

// reconnect sends the request once more, on a new connection: the old one may have ended before the
// request was read, as happens when a server closes idle connections. A peer that has read it takes
// it for a retransmission, because its branch is the same (§17.2.3). It returns false if that was
// done before, is of no use, or the request must not be sent any more ([Client.Quiet]).
func (c *Client) reconnect(why error) bool {
	if c.resent || len(c.sent) == 0 || c.to.FlowOnly || !c.to.Kind.Reliable() || c.state != Calling && c.state != Trying || errors.Is(why, transport.ErrNotConnected) {
		return false
	}
	c.offStream()
	c.resent = true
	c.to.Flow = 0
	c.terms.layer.count(EventRetransmissionOut)
	return c.sendOnStream((*resentFailed)(c)) == nil
}

// resentFailed is a Client that was sent again as the transport sees it.
type resentFailed Client

// SendFailed brings the error to the lane; it comes on any goroutine.
func (f *resentFailed) SendFailed(err error) {
	f.terms.layer.lane.Return(&clientFailure{(*Client)(f), err, true})
}

// clientFailed is the Client as the transport sees it.
type clientFailed Client

// SendFailed brings the error to the lane; it comes on any goroutine.
func (f *clientFailed) SendFailed(err error) {
	f.terms.layer.lane.Return(&clientFailure{(*Client)(f), err, false})
}

// clientFailure is an error on its way to the lane.
type clientFailure struct {
	client *Client
	err    error
	resent bool // of the second sending
}

// Do makes the step of a transport error; nothing if the transaction ended meanwhile (§17.1.4,
// §18.4), or was sent by another connection.
func (f *clientFailure) Do(*lane.Lane) {
	c := f.client
	if c.state == Terminated || f.resent != c.resent || c.reconnect(f.err) {
		return
	}
	c.broke(f.err)
}
