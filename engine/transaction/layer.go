package transaction

import (
	"fmt"
	"net/netip"
	"sync"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/siphash"
	"github.com/sipscript/sipscript/engine/transport"
)

// This file holds the Layer: its options, its tables, and how it handles a received message.

// Options of a Layer.
type Options struct {
	Timers Timers // T1, T2 and T4; zero fields have the RFC's values (§17, table 4)
	// Transactions in the layer, default 1000000; beyond it a new request is answered 503
	// statelessly
	Max          int
	Random       func() uint64 // unpredictable numbers for branches and tags; required
	ServerHeader string        // Server: of responses made here, "" for none
	// Refuse is called before a transaction is made for a new request; if it returns a Retry-After
	// above 0 seconds, the request is answered 503 statelessly, so that a refusal costs next to
	// nothing. It may be nil.
	Refuse  func(a *Arrival) (retryAfter int)
	Counter func(Event, int) // receives what happened and how often, for metrics; may be nil
	// Lost receives each message that is dropped before it belongs to a transaction, and why; it
	// may be nil.
	Lost func(a *Arrival, why Event)
	// TrustVia reports from which sources a Via may send responses elsewhere (maddr); nil: from
	// none.
	TrustVia func(source netip.Addr) bool
	// Messages holds returned requests ([Layer.Reuse]): *message.Message, shared by all layers of
	// an engine. Default: a pool of the layer's own.
	Messages *sync.Pool
	// Origin is told of each message that is written, right before it is sent; nil: nobody asks
	Origin *message.Origin
}

const (
	// A call leaves four, three of them for 32 s: 10,000 calls a second on one lane, in about half
	// a gigabyte
	defaultMax = 1000000
	// seconds; the time in which a tenth of a full table of ended calls empties
	retryAfter = "Retry-After: 5\r\n"
)

// Layer is the transaction layer of one lane. All of it belongs to the holder of the lane's token.
type Layer struct {
	lane    *lane.Lane
	wire    transport.Wire
	user    User
	options Options
	server  []byte // the Server header line, whole
	terms   *terms // of transactions that begin

	servers map[serverKey]*Server
	clients map[string]*Client // by clientKey
	cancels map[string]*Client // our CANCELs, by the same key as their INVITE
	streams onStreams
	// nil: the transport learns of ICMP errors without probing
	doubt interface{ Doubt(to *transport.Peer) }

	searched lane.Time // see Unreachable
	tags     siphash.Key

	// Scratch, in use only between two calls to the outside.
	key     []byte
	out     []byte
	reparse message.Message
	peer    transport.Peer // that a response goes to
	stored  buffers
	reason  []byte  // header lines of the CANCEL that the step makes
	failing error   // why the transport failed, for the step of a client transaction that is made
	spare   *Server // of an ACK
}

// NewLayer creates the layer of l. w and u are called with the lane's token held.
func NewLayer(l *lane.Lane, w transport.Wire, u User, o Options) *Layer {
	if o.Max <= 0 {
		o.Max = defaultMax
	}
	if o.Messages == nil {
		o.Messages = &sync.Pool{}
	}
	y := &Layer{
		lane: l, wire: w, user: u, options: o,
		servers: map[serverKey]*Server{},
		clients: map[string]*Client{},
		cancels: map[string]*Client{},
		tags:    siphash.Key{o.Random(), o.Random()},
	}
	y.SetTimers(o.Timers)
	y.doubt, _ = w.(interface{ Doubt(to *transport.Peer) })
	if o.ServerHeader != "" {
		y.server = []byte("Server: " + o.ServerHeader + "\r\n")
	}
	return y
}

// SetTimers changes the timers of transactions that begin from now on.
func (l *Layer) SetTimers(t Timers) { l.terms = &terms{Timers: t.resolved(), layer: l} }

// Counts are the numbers of existing transactions of each kind.
func (l *Layer) Counts() (servers, clients int) {
	return len(l.servers), len(l.clients) + len(l.cancels)
}

// Unfinished reports whether there is a transaction that somebody may still need: one that has no
// final response yet, that waits for the ACK of one, or that repeats an answer or an ACK
// (Completed, Accepted) and has done so for less than T1+T2. Who missed an answer asks again within
// T2 (§17.1.1.2, §17.1.2.2), and a 2xx without its ACK comes again within T2 (§13.3.1.4): after
// that long the other side has what it needs, though the timers that wait for stragglers run for up
// to 64*T1.
func (l *Layer) Unfinished() bool { return l.unfinished(nil) }

// Uses is Unfinished for what came in at a listener, or was sent from it.
func (l *Layer) Uses(local *transport.Local) bool { return l.unfinished(local) }

// unfinished looks at transactions of one listener, or of any if it is nil.
func (l *Layer) unfinished(of *transport.Local) bool {
	now := l.lane.Now()
	for _, table := range []map[string]*Client{l.clients, l.cancels} {
		for _, c := range table {
			if (of == nil || of == c.to.Local) && c.clock.needed(&c.terms.Timers, now) {
				return true
			}
		}
	}
	for _, s := range l.servers {
		if (of == nil || of == s.From.Local) && s.state != Confirmed && s.clock.needed(&s.terms.Timers, now) {
			return true
		}
	}
	return false
}

func (l *Layer) count(e Event) {
	if l.options.Counter != nil {
		l.options.Counter(e, 1)
	}
}

// lose counts a message that is dropped.
func (l *Layer) lose(a *Arrival, why Event) {
	l.count(why)
	if l.options.Lost != nil {
		l.options.Lost(a, why)
	}
}

// Receive takes a message from the transport. The caller has parsed and validated a.Msg (§16.3 step
// 1). The layer edits a request (received=, rport=) and keeps nothing of it after the call.
func (l *Layer) Receive(a *Arrival) {
	if !a.Msg.IsRequest() {
		l.response(a)
		return
	}
	switch a.Msg.Method() {
	case message.MethodAck:
		l.ack(a)
	case message.MethodCancel:
		l.cancel(a)
	default:
		l.request(a)
	}
}

// request is a request other than ACK and CANCEL (§17.2.3).
func (l *Layer) request(a *Arrival) {
	key, ok := l.serverKey(a.Msg, a.Msg.Method(), a.Msg.ToTag())
	if !ok {
		l.lose(a, EventUnreadable)
		return
	}
	if s := l.servers[key]; s != nil {
		l.count(EventRetransmissionIn)
		s.feed(evRequest, nil)
		return
	}
	if len(l.servers)+len(l.clients) >= l.options.Max {
		l.count(EventOverload)
		l.Reply(a, 503, "", []byte(retryAfter)) //nolint:errcheck // counted where it is sent
		return
	}
	if l.options.Refuse != nil {
		if after := l.options.Refuse(a); after > 0 {
			l.count(EventOverload)
			l.Reply(a, 503, "", fmt.Appendf(nil, "Retry-After: %d\r\n", after)) //nolint:errcheck // counted where it is sent
			return
		}
	}
	a.Msg.SetReceived(a.Source)
	s := l.newServer(a, key)
	s.feed(evRequest, nil)
}

// ack handles an ACK: of a non-2xx, which ends here, or of a 2xx, which belongs to the user
// (§17.2.3, RFC 6026 §7.1).
func (l *Layer) ack(a *Arrival) {
	s, ok := l.serverOfAck(a.Msg)
	if !ok {
		l.lose(a, EventUnreadable)
		return
	}
	if s == nil {
		if l.ownTag(a.Msg) { // of an answer sent without a transaction, or by one that has ended
			l.count(EventRetransmissionIn)
			return
		}
		l.stateless(a)
		return
	}
	if t := s.machine().step(s.state, evAck); t.do&doPass != 0 {
		l.stateless(a)
		return
	}
	if s.state != Completed {
		l.count(EventIgnored)
	}
	s.feed(evAck, nil)
}

// stateless hands the user a request for which nothing is kept. An ACK is never answered, so it is
// not even copied: the user must be done with it, or have copied it, when the call returns.
func (l *Layer) stateless(a *Arrival) {
	a.Msg.SetReceived(a.Source)
	if a.Msg.Method() != message.MethodAck {
		s := l.makeServer(a)
		s.Stateless = true
		l.user.Request(s)
		return
	}
	s := l.spare
	if l.spare = nil; s == nil { // the first, or one came while the user of another lent the lane
		s = new(Server)
	}
	l.fill(s, a)
	s.Req, s.Stateless = a.Msg, true
	l.user.Request(s)
	*s = Server{}
	l.spare = s
}

// response is a response: of one of our client transactions (§17.1.3), or a stray.
func (l *Layer) response(a *Arrival) {
	via, err := a.Msg.TopVia()
	if err != nil {
		l.lose(a, EventUnreadable)
		return
	}
	cseq, err := a.Msg.CSeq()
	if err != nil {
		l.lose(a, EventUnreadable)
		return
	}
	if c := l.clientOf(&via, &cseq); c != nil {
		c.receive(a)
		return
	}
	// §18.1.2: the sent-by of a response is the element's own, or it is discarded
	if !l.ours(&via) {
		l.lose(a, EventForeign)
		return
	}
	l.count(EventStray)
	l.user.Stray(a)
}
