package presence

// This file is the engine's own view of calls, for lamps where no module follows calls: their
// INVITE transactions, and the BYE that ends them. A call whose BYE does not come this way is
// forgotten after a while.

import (
	"bytes"
	"strconv"
	"sync"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/internal/calls"
)

// maxViewed bounds the calls that are known: beyond it new ones light no lamps.
const maxViewed = 100_000

// callView is the calls whose INVITE passed here. The zero value is ready.
type callView struct {
	mu sync.Mutex
	by map[string]*viewed // calls that may end by BYE, by Call-ID; guarded by mu
	at time.Time          // of the last sweep; guarded by mu
}

// longestCall is when a call whose end nobody saw is taken to be over.
const longestCall = 12 * time.Hour

// viewed is one call: an engine.Follower of its INVITE. It belongs to the lane of its Call-ID.
type viewed struct {
	p       *Presence
	id      string
	callID  string
	there   string // the Call-ID as the callee knows it: topology.hide may hide it
	fromTag string
	toTag   string
	caller  party // no aor: not a local user
	callee  party
	state   string
	at      time.Time // when it was answered
}

// party is one side of a call.
type party struct{ aor, uri, name string }

// look sees each new request.
func (l *lamps) look(p *Presence, req *engine.Request) {
	switch req.Method() {
	case message.MethodInvite:
		if !req.InDialog() {
			p.pickUp(req)
			p.follow(req)
		}
	case message.MethodBye:
		if req.InDialog() {
			p.hangUp(req.Message())
		}
	}
}

// follow begins to follow a call with a local user.
func (p *Presence) follow(req *engine.Request) {
	m := req.Message()
	from, err := m.From()
	if err != nil || len(from.Tag()) == 0 || len(from.Tag()) > 128 || len(m.CallID()) > 256 {
		return
	}
	v := &viewed{p: p, callID: string(m.CallID()), fromTag: string(from.Tag())}
	v.caller = localParty(req, from.URI)
	v.caller.name = string(from.DisplayName())
	v.callee = localParty(req, m.RequestURI())
	if v.caller.aor == "" && v.callee.aor == "" {
		return
	}
	cseq, err := m.CSeq()
	if err != nil {
		return
	}
	// By another INVITE of the same identifiers, a fork upstream, it is the same call; one with
	// credentials, after a challenge, has the next CSeq (RFC 3261 §22.2) and is another
	v.id = tagOf([]byte(v.callID + "\x00" + v.fromTag + "\x00" + strconv.FormatUint(uint64(cseq.Number), 10)))
	req.Follow(v)
}

// localParty is a user of ours by a URI, or only the URI.
func localParty(req *engine.Request, text []byte) (p party) {
	uri, err := message.ParseURI(text)
	if err != nil || !uri.IsSIP() || len(text) > 512 {
		return p
	}
	p.uri = string(text)
	if len(uri.User) > 0 && req.Engine().IsLocal(string(uri.Host), uri.Port) {
		p.aor = string(req.Engine().AppendAddress(nil, &uri))
		p.uri = p.aor
	}
	return p
}

// become notes a new state, and tells both users.
func (v *viewed) become(state, cause string, code int) {
	v.state = state
	v.tell(state, cause, code)
}

// tell tells both users of a state. Any goroutine may call it.
func (v *viewed) tell(state, cause string, code int) {
	if v.caller.aor != "" {
		v.p.call(&calls.Event{ID: v.id + "-a", AOR: v.caller.aor, CallID: v.callID, Local: v.fromTag, Remote: v.toTag, Outgoing: true, State: state, Cause: cause, Code: code,
			Near: v.caller.uri, Far: v.callee.uri})
	}
	// The callee's phone knows nothing before it rings
	if v.callee.aor != "" && state != calls.Trying {
		v.p.call(&calls.Event{ID: v.id + "-b", AOR: v.callee.aor, CallID: v.there, Local: v.toTag, Remote: v.fromTag, State: state, Cause: other(cause), Code: code,
			Near: v.callee.uri, Far: v.caller.uri, FarName: v.caller.name})
	}
}

// other is a cause as the other side has it.
func other(cause string) string {
	switch cause {
	case "local-bye":
		return "remote-bye"
	case "remote-bye":
		return "local-bye"
	}
	return cause
}

// Sending begins the call: the script lets it pass. Before that From may be anybody's, and nobody
// hears of what is challenged or refused. Nothing is changed.
func (v *viewed) Sending(req *engine.Request, _ *engine.Branch) error {
	if v.state == "" {
		v.there = req.CallIDThere()
		v.become(calls.Trying, "", 0)
	}
	return nil
}

// Responding sees it ring, and the answer.
func (v *viewed) Responding(_ *engine.Request, res *engine.Response) {
	tag := res.Message().ToTag()
	if res.Code() >= 300 || len(tag) == 0 || len(tag) > 128 || v.state == calls.Confirmed || v.state == calls.Terminated {
		return
	}
	v.toTag = string(bytes.Clone(tag))
	if res.Code() < 200 {
		v.become(calls.Early, "", 0)
		return
	}
	v.at = v.p.now()
	v.p.lamps.view.enter(v)
	v.become(calls.Confirmed, "", 0)
}

// Ended sees a call that failed; one that went nowhere was never told.
func (v *viewed) Ended(req *engine.Request) {
	if v.state == "" || v.state == calls.Confirmed || v.state == calls.Terminated {
		return
	}
	code, cause := req.Answered(), "rejected"
	switch {
	case code == 487 || req.Cancelled():
		cause = "cancelled"
	case code == 408 || code == 480:
		cause = "timeout"
	case code == 0:
		cause = "error"
	}
	v.become(calls.Terminated, cause, code)
}

func (c *callView) enter(v *viewed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]*viewed{}
	}
	if len(c.by) < maxViewed {
		c.by[v.callID+"\x00"+v.fromTag] = v
	}
}

// leave takes a call out, by the tags of its BYE in either order.
func (c *callView) leave(callID, from, to []byte) (v *viewed, byCaller bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, tags := range [...][2][]byte{{from, to}, {to, from}} {
		key := string(callID) + "\x00" + string(tags[0])
		if v := c.by[key]; v != nil && v.toTag == string(tags[1]) {
			delete(c.by, key)
			return v, &tags[0][0] == &from[0]
		}
	}
	return nil, false
}

// hangUp sees a BYE.
func (p *Presence) hangUp(m *message.Message) {
	from, to := m.FromTag(), m.ToTag()
	if len(from) == 0 || len(to) == 0 {
		return
	}
	v, byCaller := p.lamps.view.leave(m.CallID(), from, to)
	if v == nil {
		return
	}
	cause := "remote-bye"
	if byCaller {
		cause = "local-bye"
	}
	v.become(calls.Terminated, cause, 0)
}

// take takes out a call by its Call-ID and its caller's tag; nil: it is not there.
func (c *callView) take(callID, fromTag string) *viewed {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := callID + "\x00" + fromTag
	v := c.by[key]
	delete(c.by, key)
	return v
}

// sweep takes out the calls that have lasted too long, once a minute.
func (c *callView) sweep(now time.Time) (over []*viewed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.at) < time.Minute {
		return nil
	}
	c.at = now
	for key, v := range c.by {
		if now.Sub(v.at) > longestCall {
			delete(c.by, key)
			over = append(over, v)
		}
	}
	return over
}
