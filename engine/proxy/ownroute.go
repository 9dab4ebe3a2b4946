package proxy

import (
	"bytes"

	"github.com/sipscript/sipscript/engine/message"
)

// Our own entries when they come back: in the Route of a request (§16.4), and in the Record-Route
// of a response, where they are signed again.

// entry is an element of Route or Record-Route that names this server.
type entry struct {
	params message.Params // all of them
	ticket []byte         // nil for none
	user   []byte         // the flow token if the ticket is valid, or whatever somebody wrote
	double bool
}

// ours reads a URI as an entry of ours. Nothing of it has been verified.
func (c *Core) ours(text []byte) (e entry, ok bool) {
	u, err := message.ParseURI(text)
	if err != nil || !u.IsSIP() || !c.IsLocal(u.Host, u.Port, u.Scheme) {
		return e, false
	}
	e = entry{params: u.Params, user: u.User}
	maddr, there := e.read()
	if there && !c.IsLocal(maddr, u.Port, u.Scheme) {
		return entry{}, false
	}
	return e, true
}

// read finds in one pass what matters of the parameters, which are long. Of several with a name the
// first counts.
func (e *entry) read() (maddr []byte, there bool) {
	signed := false
	e.params.Each(func(name, value []byte) bool {
		switch {
		case len(name) == 1 && name[0]|0x20 == 's':
			if !signed {
				e.ticket, signed = value, true
			}
		case len(name) == 2 && bytes.EqualFold(name, []byte("r2")):
			e.double = true
		case len(name) == 5 && bytes.EqualFold(name, []byte("maddr")):
			if !there {
				maddr, there = value, true
			}
		}
		return true
	})
	return maddr, there
}

// scripts are the parameters of an entry that are the script's, as they came.
func (e *entry) scripts() message.Params {
	var dst []byte
	e.params.Each(func(name, value []byte) bool {
		if !isReserved(name) {
			dst = append(append(dst, ';'), name...)
			if len(value) > 0 {
				dst = append(append(dst, '='), value...)
			}
		}
		return true
	})
	return unsealParams(dst)
}

// move copies the texts of e to the end of room, and returns that.
func (e *entry) move(room []byte) []byte {
	n := len(room)
	room = append(append(room, e.params...), e.user...)
	user := n + len(e.params)
	if e.params = room[n:user:user]; e.user != nil {
		e.user = room[user:len(room):len(room)]
	}
	e.ticket = nil
	e.read()
	return room
}

// route is what the topmost Route entries of a request, which were ours, say about it.
type route struct {
	entries [2]entry // two with r2
	n       int
	strict  bool // the first of them was in the Request-URI
}

// Refusal says why a request may not follow our Record-Route.
type Refusal uint8

const (
	NotRefused Refusal = iota
	RefusedMethod
	RefusedTicket
	RefusedExpired
	RefusedIdentity
	RefusedTarget
)

// String says it to the operator.
func (r Refusal) String() string {
	return [...]string{
		"", "no dialog has this method", "its Record-Route was not signed for it", "its Record-Route has expired",
		"From is not who this party of the dialog was", "the other party of the dialog was never at the Request-URI",
	}[r]
}

// takeRoute is §16.4: it undoes what a strict router did to the Request-URI, and removes our own
// topmost Route entries. r.n is 0 if there were none. The texts of r are in scratch.
func (c *Core) takeRoute(req *message.Message, r *route) {
	c.routes = c.routes[:0]
	most := len(r.entries)
	if req.Find(message.HeaderRoute, 0) >= 0 && hasParam(req.RequestURI(), "lr") {
		// A strict router put our entry into the Request-URI and the real one at the end of Route.
		if e, ok := c.ours(req.RequestURI()); ok {
			if n, last := lastElement(req, message.HeaderRoute); n >= 0 {
				if a, err := message.ParseAddress(last); err == nil {
					c.routes = e.move(c.routes)
					req.SetRequestURI(bytes.Clone(a.URI))
					req.RemoveElement(message.HeaderRoute, n)
					r.entries[0], r.n, r.strict, most = e, 1, true, 1
				}
			}
		}
	}
	for range most {
		routes := req.Elements(message.HeaderRoute)
		if !routes.Next() {
			break
		}
		a, err := message.ParseAddress(routes.Value)
		if err != nil {
			break
		}
		e, ok := c.ours(a.URI)
		if !ok || r.n > 0 && !(r.entries[r.n-1].double && e.double) {
			break
		}
		c.routes = e.move(c.routes)
		r.entries[r.n] = e
		r.n++
		req.RemoveElement(message.HeaderRoute, 0)
		if !e.double {
			break
		}
	}
}

// follow is §16.4: it removes what named this server, checks the entries that were ours and reads
// what they carry.
func (x *Context) follow() {
	c, req := x.core, x.Req
	var r route
	c.takeRoute(req, &r)
	if r.n == 0 {
		c.stripMaddr(req, &x.Server.From)
		return
	}
	named := c.Signer.targetMark(req.RequestURI()) // as a Contact would have it
	c.stripMaddr(req, &x.Server.From)              // what remains decides where it goes
	last := &r.entries[r.n-1]
	t, refusal := x.judge(&r, named)
	if refusal != NotRefused && refusal != RefusedTarget {
		if x.Refusal = refusal; !r.strict { // an edge proxy's hop is written with lr
			x.seldom().routeUser = bytes.Clone(r.entries[0].user)
		}
		return
	}
	if params := last.scripts(); len(params) > 0 {
		x.seldom().params = params
	}
	if state, there := last.params.Get(stateName); there {
		if d := x.roomForDialog(); c.Signer.state.open(&c.crypt, state, req.CallID(), d) {
			x.extra.dialog = d
		}
	}
	x.backOn(last.user, r.n > 1)
	if refusal == RefusedTarget && !x.onItsWay() {
		was := t // leaves the stack for those alone
		x.seldom().strayed, x.Refusal = &was, refusal
		return
	}
	x.Signed = true
	x.cameFromPlace(&r)
}

// Vouched reports whether our Record-Route of a dialog leads the request here: its ticket was made
// for this dialog and has not expired. It decides whether the request is looked at at all; follow
// asks for more. The request is not changed.
func (c *Core) Vouched(req *message.Message) bool {
	routes := req.Elements(message.HeaderRoute)
	var own entry
	n := 0
	b := bond{callID: req.CallID()}
	for routes.Next() {
		a, err := message.ParseAddress(routes.Value)
		if err != nil {
			return false
		}
		e, ok := c.ours(a.URI)
		if !ok || n == len(route{}.entries) || n > 0 && !(own.double && e.double) {
			b.hop = a.URI
			break
		}
		own = e
		n++
	}
	if n == 0 || own.ticket == nil {
		return false
	}
	t, ok := c.readTicketOf(req, &own, &b)
	return ok && !t.expired(c.Wall(), c.RouteLifetime)
}

// onItsWay reports whether the request goes to where the other party was seen, whatever its
// Request-URI says.
func (x *Context) onItsWay() bool {
	return x.rare().flow != nil && (x.rare().flow.Flow == 0 || x.flowOnly)
}

// judge reports whether the holder of the entries may send this request to its destination. named
// is the mark of its Request-URI as it arrived.
func (x *Context) judge(r *route, named uint64) (t ticket, refusal Refusal) {
	c, req := x.core, x.Req
	switch req.Method() {
	case message.MethodRegister, message.MethodPublish:
		return t, RefusedMethod
	}
	b := bond{callID: req.CallID(), hop: firstURI(req, message.HeaderRoute)}
	for i := range r.entries[:r.n] {
		e := &r.entries[i]
		if e.ticket == nil {
			return t, RefusedTicket
		}
		own, ok := c.readTicketOf(req, e, &b)
		if !ok || i > 0 && own != t {
			return t, RefusedTicket
		}
		t = own
	}
	if t.expired(c.Wall(), c.RouteLifetime) {
		return t, RefusedExpired
	}
	if !x.identityHolds(&t) {
		return t, RefusedIdentity
	}
	return t, x.targetHolds(&t, named)
}

// readTicketOf checks the ticket of an entry against the tags of a request within the dialog.
func (c *Core) readTicketOf(req *message.Message, e *entry, b *bond) (ticket, bool) {
	// The caller's ticket names both tags, the callee's the caller's alone, which it has in To.
	b.callerTag, b.calleeTag = req.FromTag(), req.ToTag()
	if t, ok := c.Signer.read(e.ticket, b, e.params, e.user); ok && t.answer {
		return t, true
	}
	b.callerTag = req.ToTag()
	t, ok := c.Signer.read(e.ticket, b, e.params, e.user)
	return t, ok && !t.answer
}

// identityHolds reports whether From is the party's identity in the dialog. Requests that end a
// dialog, or are never answered, show nobody an identity. RFC 4916 lets From change within a
// dialog: here, to an identity of another domain, for which this server cannot speak.
func (x *Context) identityHolds(t *ticket) bool {
	was := t.callee
	if t.answer {
		was = t.caller
	}
	switch x.Req.Method() {
	case message.MethodAck, message.MethodBye:
		return true
	}
	from := address(x.Req, message.HeaderFrom).URI
	if x.core.Signer.identityMark(from) == was {
		return true
	}
	u, err := message.ParseURI(from)
	return err == nil && u.IsSIP() && !x.core.IsLocal(u.Host, u.Port, u.Scheme)
}

// targetHolds reports whether the Request-URI is where the other party's Contact led, or has led
// since.
func (x *Context) targetHolds(t *ticket, target uint64) Refusal {
	s, req := x.core.Signer, x.Req
	if target == t.target && target != 0 {
		return NotRefused
	}
	if x.core.moved.has(s.partyKey(req.CallID(), req.ToTag()), target) {
		return NotRefused
	}
	if mark, ok := s.seenHost(req.RequestURI()); ok && mark == t.seen && mark != 0 {
		return NotRefused
	}
	return RefusedTarget
}

// Strayed reports whether all that is wrong with a request within a dialog is that its Request-URI
// is none that the other party's Contact named, as far as is known. The other party is the URI in
// To, if party is true.
func (x *Context) Strayed() (party, ok bool) {
	if x.rare().strayed == nil {
		return false, false
	}
	was := x.rare().strayed.caller
	if x.rare().strayed.answer {
		was = x.rare().strayed.callee
	}
	return x.core.Signer.identityMark(address(x.Req, message.HeaderTo).URI) == was, true
}

// VouchForTarget lets such a request pass.
func (x *Context) VouchForTarget() {
	if x.rare().strayed != nil {
		x.Signed, x.Refusal, x.seldom().strayed = true, NotRefused, nil
		x.core.moved.add(x.core.Signer.partyKey(x.Req.CallID(), x.Req.ToTag()), x.core.Signer.targetMark(x.Req.RequestURI()))
	}
}

func hasParam(uri []byte, name string) bool {
	u, err := message.ParseURI(uri)
	return err == nil && u.Params.Has(name)
}

// lastElement is the last element of a header over all its fields, and its number, or -1 if there
// is none.
func lastElement(m *message.Message, id message.HeaderID) (n int, value []byte) {
	n = -1
	e := m.Elements(id)
	for e.Next() {
		n++
		value = e.Value
	}
	return n, value
}
