package dialog

import (
	"bytes"
	"strconv"
	"sync"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// Whom a NOTIFY about a REFER is for (RFC 3515 §2.4.6): a party that got one of this server's own
// tells this server, and the other party never hears of it, whenever it is told. What a party has
// asked for itself is told to it, by the number it knows.

// referred notes a REFER that is sent to a party of a leg.
func (c *Call) referred(tag string, r track.Refer) {
	c.mu.Lock()
	if l := c.t.Leg(tag); l != nil {
		l.Referred(r)
	}
	c.mu.Unlock()
	c.d.journal.note(c)
}

// unreferred forgets one of which nothing more is told.
func (c *Call) unreferred(tag string, toCallee bool, number uint32) {
	c.mu.Lock()
	if l := c.t.Leg(tag); l != nil {
		l.Unreferred(toCallee, number)
	}
	tells := c.t.Tells()
	over := c.t.State == track.Ended
	c.mu.Unlock()
	if over && !tells {
		c.d.lingers.drop(c)
	}
	c.d.journal.note(c)
}

// refers notes a REFER of one party to the other, which sees this number.
func (i *inner) refers(number uint32) {
	if i.method != message.MethodRefer || i.refer == number {
		return
	}
	if i.refer != 0 {
		i.call.unreferred(i.tag, i.byCaller, i.refer)
	}
	i.refer = number
	i.call.referred(i.tag, track.Refer{ToCallee: i.byCaller, Number: number, Asked: i.own})
}

// unheard forgets a REFER of which nothing is told, by its answer: it was refused, or accepted
// without a subscription (RFC 4488 §4).
func (i *inner) unheard(m *message.Message) {
	if i.refer == 0 || m.Status() < 200 {
		return
	}
	silent := bytes.HasPrefix(bytes.ToLower(bytes.TrimSpace(m.HeaderName("Refer-Sub"))), []byte("false"))
	if m.Status() >= 300 || silent {
		i.call.unreferred(i.tag, i.byCaller, i.refer)
		i.refer = 0
	}
}

// tellsUs answers a NOTIFY about a REFER of this server's own; true: it has.
func (c *Call) tellsUs(r *engine.Request, i *inner) bool {
	m := r.Message()
	if i.method != message.MethodNotify {
		return false
	}
	number, known, ok := referEvent(m.HeaderName("Event"))
	if !ok {
		return false
	}
	c.mu.Lock()
	l := c.t.Leg(i.tag)
	x, ok := track.Refer{}, false
	if l != nil {
		x, ok = l.ReferOf(!i.byCaller, number, known)
	}
	c.mu.Unlock()
	if !ok {
		return false
	}
	final := bytes.HasPrefix(bytes.ToLower(bytes.TrimSpace(m.HeaderName("Subscription-State"))), []byte("terminated"))
	if final {
		c.unreferred(i.tag, x.ToCallee, x.Number)
	}
	if !x.Ours {
		if known && x.Asked != x.Number {
			_ = r.SetHeader("Event", "refer;id="+strconv.FormatUint(uint64(x.Asked), 10))
		}
		return false
	}
	i.number(r)
	_, _ = r.Reply(200, "", nil)
	if a := c.asks; a != nil && a.refer != nil && a.tag == i.tag && a.refer.toCallee == x.ToCallee && a.refer.number == x.Number {
		a.refer.notified(a, m, final)
	} else if code := fragment(m.Body()); code/100 == 2 && !x.GivenUp { // who wanted it was there before a restart
		c.end(track.CauseTransferred, "")
	}
	return true
}

// referEvent reads the value of an Event: ok is false if it is of another package; known: it names
// the number of a REFER.
func referEvent(value []byte) (number uint32, known, ok bool) {
	event, params, _ := bytes.Cut(value, []byte(";"))
	if !bytes.EqualFold(bytes.TrimSpace(event), []byte("refer")) {
		return 0, false, false
	}
	for p := range bytes.SplitSeq(params, []byte(";")) {
		name, value, _ := bytes.Cut(p, []byte("="))
		if !bytes.EqualFold(bytes.TrimSpace(name), []byte("id")) {
			continue
		}
		id, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 32)
		return uint32(id), true, err == nil
	}
	return 0, false, true
}

// lingers are calls that are over, and of which a party may still tell: the subscription of a REFER
// outlives the call (RFC 5057 §4.1).
type lingers struct {
	mu    sync.Mutex
	calls map[track.ID]*linger // guarded by mu
}

const (
	// lingerTime is how long a call is known for that after its end.
	lingerTime = 3 * time.Minute
	// mostLingers bounds how many are.
	mostLingers = 1 << 14
)

// linger is one call. Its timer belongs to the call's lane.
type linger struct {
	c     *Call
	timer lane.Timer
}

// Expire forgets the call.
func (x *linger) Expire(*lane.Timer) { x.c.d.lingers.drop(x.c) }

// put keeps a call that has ended, if somebody may tell of it. It runs on the call's lane.
func (l *lingers) put(c *Call) {
	if !c.t.Tells() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.calls == nil {
		l.calls = map[track.ID]*linger{}
	}
	if len(l.calls) >= mostLingers || l.calls[c.t.ID] != nil {
		return
	}
	x := &linger{c: c}
	l.calls[c.t.ID] = x
	c.lane().After(lingerTime, &x.timer, x)
}

// drop forgets a call. It runs on its lane.
func (l *lingers) drop(c *Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if x := l.calls[c.t.ID]; x != nil {
		c.lane().StopTimer(&x.timer)
		delete(l.calls, c.t.ID)
	}
}

// takes has a request be answered that is for one of them. It runs on the call's lane.
func (l *lingers) takes(r *engine.Request, id track.ID) bool {
	if r.Method() != message.MethodNotify {
		return false
	}
	l.mu.Lock()
	x := l.calls[id]
	l.mu.Unlock()
	if x == nil {
		return false
	}
	i := &inner{call: x.c, method: r.Method(), byCaller: r.ByCaller(), tag: string(r.Message().FromTag())}
	if i.byCaller {
		i.tag = string(r.Message().ToTag())
	}
	return x.c.tellsUs(r, i)
}
