package replay

// The requests of a ring.

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/ring"
)

// Bounds of what is collected.
const (
	MostRequests = 10_000
	// Of their texts: an answer of the API has 16 MiB at most, and they grow by a third
	mostBytes = 6 << 20
	mostHeld  = 500 // records of one call that are looked at
)

// Why requests are not replayed.
const (
	tooLong    = "longer than what is remembered of it"
	unreadable = "not readable"
	tooMany    = "beyond the size of an answer"
)

// collector finds requests, and what became of them.
type collector struct {
	ring    *ring.Ring
	leftOut map[string]int
	found   []*candidate
	calls   map[string][]ring.Record // by the Call-ID of the whole call
	msg     message.Message
}

// candidate is an initial request.
type candidate struct {
	rec    ring.Record
	callID string // as the request has it
	whole  string // of the call it is of
	key    string // tells retransmissions
	cseq   uint32
	method string
}

// Collect returns the last initial requests of a ring, at most so many, and what was decided about
// them, in the order in which they came. leftOut counts those that cannot be replayed by the
// reason.
func Collect(r *ring.Ring, most int) (list []Request, leftOut map[string]int) {
	c := &collector{ring: r, leftOut: map[string]int{}, calls: map[string][]ring.Record{}}
	book := r.NewBook(0)
	seen := map[string]bool{}
	for f := r.Follow(true); ; {
		records := f.Next()
		if len(records) == 0 {
			break
		}
		for i := range records {
			call := book.Add(&records[i])
			if x := c.candidate(&records[i]); x != nil && call != nil && !seen[x.key] {
				seen[x.key] = true
				c.found = append(c.found, x)
			}
		}
	}
	slices.SortStableFunc(c.found, func(a, b *candidate) int { return a.rec.At.Compare(b.rec.At) })
	c.found = c.found[max(0, len(c.found)-most):]
	for _, x := range c.found {
		if call := book.Find(x.callID); call != nil {
			x.whole = call.ID
			c.calls[x.whole] = nil
		}
	}
	c.gather(book)
	return c.requests(), c.leftOut
}

// candidate is the initial request that a record is, or nil.
func (c *collector) candidate(rec *ring.Record) *candidate {
	if rec.Kind != ring.Received {
		return nil
	}
	m := &c.msg
	if m.Parse(rec.Text, &message.Limits{}) != nil || !m.IsRequest() {
		first, _, _ := bytes.Cut(rec.Text, []byte("\r\n"))
		switch {
		case !bytes.HasSuffix(first, []byte(" SIP/2.0")):
		case rec.Length > len(rec.Text):
			c.leftOut[tooLong]++
		default:
			c.leftOut[unreadable]++
		}
		return nil
	}
	cseq, err := m.CSeq()
	method := m.Method()
	if err != nil || len(m.ToTag()) > 0 || method == message.MethodAck || method == message.MethodCancel || method == message.MethodBye || method == message.MethodPrack {
		return nil
	}
	if rec.Length > len(rec.Text) {
		c.leftOut[tooLong]++
		return nil
	}
	if m.Validate() != nil {
		c.leftOut[unreadable]++
		return nil
	}
	id := string(m.CallID())
	x := &candidate{rec: *rec, callID: id, cseq: cseq.Number, method: string(m.MethodText())}
	x.rec.Text = slices.Clone(rec.Text) // not the whole segment with it
	x.key = strings.Join([]string{id, branchOf(m), rec.Peer.String(), x.method}, " ")
	return x
}

// gather keeps the records of the calls that are wanted.
func (c *collector) gather(book *ring.Book) {
	again := c.ring.NewBook(0)
	for f := c.ring.Follow(true); ; {
		records := f.Next()
		if len(records) == 0 {
			return
		}
		for i := range records {
			call := again.Add(&records[i])
			if call == nil {
				continue
			}
			if whole := book.Find(call.ID); whole != nil {
				if list, wanted := c.calls[whole.ID]; wanted && len(list) < mostHeld {
					one := records[i]
					one.Text = slices.Clone(one.Text)
					c.calls[whole.ID] = append(list, one)
				}
			}
		}
	}
}

// requests are those that were found, and fit.
func (c *collector) requests() (list []Request) {
	byCall := map[string][]*candidate{}
	for _, x := range c.found {
		byCall[x.whole] = append(byCall[x.whole], x)
	}
	size := 0
	for _, x := range slices.Backward(c.found) {
		if size += len(x.rec.Text) + 500; size > mostBytes {
			c.leftOut[tooMany]++
			continue
		}
		var m message.Message
		if m.Parse(x.rec.Text, &message.Limits{}) != nil {
			continue
		}
		list = append(list, Request{CallID: x.callID, At: x.rec.At, Transport: x.rec.Transport.String(), Source: x.rec.Peer.String(), Local: x.rec.Local.String(), Text: x.rec.Text,
			Then: decide(&m, x.rec.Peer, c.happenings(x, byCall[x.whole]))})
	}
	slices.Reverse(list)
	return list
}

// happenings are the records of a call that are about one of its requests: those with its CSeq, and
// what other Call-IDs had until the next request came.
func (c *collector) happenings(x *candidate, siblings []*candidate) (list []happening) {
	records := c.calls[x.whole]
	slices.SortStableFunc(records, func(a, b ring.Record) int { return cmp.Compare(a.At.UnixMicro(), b.At.UnixMicro()) })
	for i := range records {
		rec := &records[i]
		if rec.At.Before(x.rec.At) {
			continue
		}
		h := happening{sent: rec.Kind == ring.Sent, failed: rec.Kind == ring.Unsent, peer: rec.Peer, text: rec.Text, function: rec.Function, place: rec.Place, answer: rec.Answer, decides: rec.Kind == ring.Decision}
		if rec.Text == nil {
			h.text = nil
			if rec.CSeq == x.cseq {
				list = append(list, h)
			}
			continue
		}
		if c.msg.Parse(rec.Text, &message.Limits{}) != nil {
			continue
		}
		cseq, err := c.msg.CSeq()
		switch {
		case err != nil || string(cseq.Text) != x.method:
		case string(c.msg.CallID()) == x.callID && cseq.Number == x.cseq, string(c.msg.CallID()) != x.callID && last(siblings, rec) == x:
			list = append(list, h)
		}
	}
	return list
}

// last is the request that came last before something happened.
func last(list []*candidate, rec *ring.Record) (found *candidate) {
	for _, x := range list {
		if !x.rec.At.After(rec.At) {
			found = x
		}
	}
	return found
}
