package ring

// Which records are of one call.

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/message"
)

// The states of a call, or of another request.
const (
	Trying   = "trying"   // there is no answer but 100
	Ringing  = "ringing"  // a provisional response was sent to the caller
	Answered = "answered" // a 2xx was; of an INVITE, there is a call now
	Failed   = "failed"   // a response of 300 or more was
	Ended    = "ended"    // a BYE was answered
)

// Link is the Function of a step that says that another Call-ID, its Answer, belongs to the same
// call: of a back-to-back leg.
const Link = "link"

// Mark is the Function of a step that names a call, by its Answer: sip.trace.
const Mark = "sip.trace"

// Call is what belongs together: a call, or a request that begins none.
type Call struct {
	ID      string   // the Call-ID, as the caller chose it
	Others  []string // further Call-IDs of the same call: one hidden from a side, other legs
	Session string   // of Session-ID (RFC 7989): the caller's UUID, "" for none
	Name    string   // what sip.trace calls it; "" if it does not

	Method   string         // of the first request
	URI      string         // its Request-URI
	From, To string         // URIs
	Source   netip.AddrPort // where the first request came from

	State    string    // one of the constants
	Code     int       // the last response to the first request, 0 for none
	Began    time.Time // when the first request arrived
	Rang     time.Time // when the caller was told that it rings; zero: it was not
	Answered time.Time // when the caller got the final response to the first request
	Ended    time.Time // when a BYE was answered, or the caller got a failure
	// "caller", "callee" or "server": who sent the BYE or CANCEL, or refused; "": nobody so far
	EndedBy string

	Messages, Steps int // how many there are of each
	LeftOut         int // of both together, by Ring.Call

	cseq   uint32 // of the first request
	tag    string // of its From
	codes  []int  // of all responses
	ips    []netip.Addr
	users  []string
	merged *Call // what this one became part of
}

const (
	mostCodes   = 16 // of a call, for filters
	mostIPs     = 16
	mostUsers   = 8
	mostCallIDs = 32 // of a call
	// Calls of a Book beyond which the oldest is forgotten
	mostKept = 200_000
)

// Book sorts records into calls. It belongs to one goroutine.
type Book struct {
	ring *Ring
	most int
	// In the order of their first records, without those that were merged or forgotten
	calls []*Call
	byID  map[string]*Call
	// By the hash of the Call-ID that steps name
	byHash    map[uint64]*Call
	bySession map[string]*Call
	msg       message.Message
}

// NewBook makes a book that keeps at most so many calls; 0: as many as a ring can hold.
func (r *Ring) NewBook(most int) *Book {
	if most <= 0 {
		most = mostKept
	}
	return &Book{ring: r, most: most, byID: map[string]*Call{}, byHash: map[uint64]*Call{}, bySession: map[string]*Call{}}
}

// Calls are those of the book, in the order in which they began. They belong to the book.
func (b *Book) Calls() []*Call { return b.calls }

// Find is the call with a Call-ID, or nil.
func (b *Book) Find(callID string) *Call { return whole(b.byID[callID]) }

// Whole is the call that c became part of, or c itself.
func (c *Call) Whole() *Call { return whole(c) }

func whole(c *Call) *Call {
	for c != nil && c.merged != nil {
		c = c.merged
	}
	return c
}

// Add sorts a record in, and returns its call; nil if it is of none that is known.
func (b *Book) Add(r *Record) *Call {
	if r.Kind == Step || r.Kind == Decision {
		c := whole(b.byHash[r.call])
		if c == nil {
			return nil
		}
		c.Steps++
		switch r.Function {
		case Link:
			b.alias(c, r.Answer)
		case Mark:
			c.Name = r.Answer
		}
		return c
	}
	if b.msg.Parse(r.Text, &message.Limits{}) != nil && b.msg.CallID() == nil {
		return nil
	}
	m := &b.msg
	id := string(m.CallID())
	if id == "" {
		return nil
	}
	c := b.Find(id)
	if c == nil {
		c = b.open(id, m, r)
	}
	c.Messages++
	c.note(m, r)
	return c
}

// open finds the call that a new Call-ID belongs to, or begins one.
func (b *Book) open(id string, m *message.Message, r *Record) *Call {
	root := id
	if b.ring.opts.Reveal != nil {
		if revealed, ok := b.ring.opts.Reveal([]byte(id)); ok {
			root = string(revealed)
		}
	}
	session := sessionOf(m)
	c := b.Find(root)
	if c == nil {
		// Some clients say the same UUID for ever: a call has no room for all that they do
		if c = whole(b.bySession[session]); c != nil && len(c.Others)+2 > mostCallIDs {
			delete(b.bySession, session)
			c = nil
		}
	}
	if c == nil {
		c = &Call{ID: root, State: Trying, Began: r.At, Session: session}
		c.begin(m, r)
		b.calls = append(b.calls, c)
		b.trim()
		b.alias(c, root)
	}
	if session != "" && whole(b.bySession[session]) == nil {
		b.bySession[session] = c
		if c.Session == "" {
			c.Session = session
		}
	}
	b.alias(c, root)
	b.alias(c, id)
	return c
}

// alias says that a Call-ID is of a call; if it is of another one, both are one.
func (b *Book) alias(c *Call, id string) {
	if id == "" || len(c.Others) >= mostCallIDs {
		return
	}
	other := b.Find(id)
	switch {
	case other == c:
		return
	case other != nil:
		b.merge(c, other)
		return
	case id != c.ID:
		c.Others = append(c.Others, id)
	}
	b.byID[id] = c
	b.byHash[b.ring.hash([]byte(id))] = c
}

// merge makes two calls one: that which began first.
func (b *Book) merge(c, other *Call) {
	if other.Began.Before(c.Began) {
		c, other = other, c
	}
	other.merged = c
	c.Others = append(append(c.Others, other.ID), other.Others...)
	c.Messages += other.Messages
	c.Steps += other.Steps
	for _, ip := range other.ips {
		c.ip(ip)
	}
	b.calls = slices.DeleteFunc(b.calls, func(x *Call) bool { return x == other })
}

// trim forgets the oldest.
func (b *Book) trim() {
	if len(b.calls) <= b.most {
		return
	}
	old := b.calls[0]
	b.calls = b.calls[1:]
	for _, id := range append(old.Others, old.ID) {
		if whole(b.byID[id]) == old {
			delete(b.byID, id)
			delete(b.byHash, b.ring.hash([]byte(id)))
		}
	}
	if whole(b.bySession[old.Session]) == old {
		delete(b.bySession, old.Session)
	}
}

// sessionOf is the UUID in a Session-ID of who sent a request (RFC 7989 §5), "" for none.
func sessionOf(m *message.Message) string {
	v := m.HeaderName("Session-ID")
	id, _, _ := bytes.Cut(v, []byte(";"))
	id = bytes.ToLower(trim(id))
	if len(id) != 32 || len(bytes.Trim(id, "0")) == 0 { // §5: the null UUID names nothing
		return ""
	}
	return string(id)
}

// begin notes what a call began with.
func (c *Call) begin(m *message.Message, r *Record) {
	if from, err := m.From(); err == nil {
		c.From, c.tag = uriOf(from), string(from.Tag())
		c.user(c.From)
	}
	if to, err := m.To(); err == nil {
		c.To = uriOf(to)
		c.user(c.To)
	}
	cseq, _ := m.CSeq()
	c.cseq = cseq.Number
	c.Method, c.Source = string(cseq.Text), r.Peer
	if m.IsRequest() {
		c.Method, c.URI = string(m.MethodText()), string(m.RequestURI())
		c.user(c.URI)
	}
}

func uriOf(a message.Address) string { return string(a.URI) }

// user keeps the user of a URI for filters.
func (c *Call) user(uri string) {
	_, rest, _ := strings.Cut(uri, ":")
	user, _, ok := strings.Cut(rest, "@")
	user, _, _ = strings.Cut(user, ":")
	user, _, _ = strings.Cut(user, ";")
	if ok && user != "" && len(c.users) < mostUsers && !slices.Contains(c.users, user) {
		c.users = append(c.users, user)
	}
}

func (c *Call) ip(ip netip.Addr) {
	if ip = ip.Unmap(); len(c.ips) < mostIPs && !slices.Contains(c.ips, ip) {
		c.ips = append(c.ips, ip)
	}
}

// note sees what a message means to its call.
func (c *Call) note(m *message.Message, r *Record) {
	c.ip(r.Peer.Addr())
	cseq, err := m.CSeq()
	if err != nil {
		return
	}
	if m.IsRequest() {
		c.user(string(m.RequestURI()))
		if r.Kind == Received {
			c.challenged(cseq)
		}
		if r.Kind == Received && c.EndedBy == "" && (cseq.Method == message.MethodBye || cseq.Method == message.MethodCancel) {
			c.EndedBy = "callee"
			if string(m.FromTag()) == c.tag {
				c.EndedBy = "caller"
			}
		}
		return
	}
	code := m.Status()
	if len(c.codes) < mostCodes && !slices.Contains(c.codes, code) {
		c.codes = append(c.codes, code)
	}
	switch {
	case cseq.Method == message.MethodBye && code >= 200 && code != 401 && code != 407:
		if c.Ended.IsZero() {
			c.State, c.Ended = Ended, r.At
		}
	case r.Kind == Sent && r.Peer.Addr() == c.Source.Addr() && cseq.Number == c.cseq && string(cseq.Text) == c.Method:
		c.response(code, r.At)
	}
}

// challenged: the request that counts is the one with credentials.
func (c *Call) challenged(cseq message.CSeq) {
	if (c.Code == 401 || c.Code == 407 || c.Code == 422) && string(cseq.Text) == c.Method && cseq.Number == c.cseq+1 {
		c.cseq, c.Code, c.State = cseq.Number, 0, Trying
		c.Answered, c.Ended, c.EndedBy = time.Time{}, time.Time{}, ""
	}
}

// response is one that the caller got for the first request.
func (c *Call) response(code int, at time.Time) {
	switch {
	case code <= 100 || c.Code >= 200:
		return
	case code < 200:
		c.State = Ringing
		if c.Rang.IsZero() {
			c.Rang = at
		}
	case code < 300:
		c.State, c.Answered = Answered, at
	default:
		c.State, c.Answered, c.Ended = Failed, at, at
		if c.EndedBy == "" {
			c.EndedBy = "server"
		}
	}
	c.Code = code
}
