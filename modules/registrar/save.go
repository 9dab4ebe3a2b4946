package registrar

// This file processes a REGISTER as in RFC 3261 §10.3, from a message to what is to be answered.

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/transport"
)

// Domains says what this server is responsible for; an *engine.Engine implements it.
type Domains interface {
	// IsLocal reports whether host, at port (0: none written), is this server's.
	IsLocal(host string, port uint16) bool
}

// Origin is where a REGISTER came from.
type Origin struct {
	Source    netip.AddrPort   // where the REGISTER came from, as the socket says
	Transport transport.Kind   // by which it came
	Flow      transport.FlowID // the connection it came on, 0 for UDP
	Socket    string           // the listener it arrived on, as configured
	// Stands reports whether a connection of this process is still open; nil: all are.
	Stands func(transport.FlowID) bool
	// Left receives a connection whose client registered on another one; nil: nobody wants to know.
	Left func(transport.FlowID)
	// Moved receives an address that a NAT gave to a UDP client which registered from another one;
	// nil: nobody wants to know.
	Moved func(netip.AddrPort)
	// Supports reports further option tags that may be required, because the script implements
	// them; nil: there are none.
	Supports func(tag []byte) bool
}

// Result is how to answer a REGISTER.
type Result struct {
	Code    int                // of the answer: 200, or a refusal
	Reason  string             // "" is the code's own phrase
	Headers []proxy.HeaderEdit // Contact, Date, Path, Min-Expires, Unsupported
	Err     error              // why, for the log, when the code is not 200
}

var (
	errControl = errors.New("control character")
	// ErrOutOfOrder is why a REGISTER fails that is not newer than what it would change (§10.3 step
	// 7).
	ErrOutOfOrder = errors.New("the CSeq is not higher than that of the binding")
)

// Process does what the REGISTER m requests and says how to answer it. now is the time of day. It
// blocks only if the store waits. m is read, not kept.
func (r *Registrar) Process(ctx context.Context, m *message.Message, from *Origin, d Domains, now time.Time) Result {
	var done changes
	g := registration{policy: &r.policy, from: from, message: m, now: now, done: &done}
	no := r.process(ctx, &g, d)
	r.figures.saved(no)
	if no != nil {
		return no.result(now)
	}
	r.watchFlow(&g)
	g.leaveFlows()
	return r.accepted(&g)
}

// process does what g requests; afterwards g holds the outcome.
func (r *Registrar) process(ctx context.Context, g *registration, d Domains) (no *refusal) {
	m := g.message
	if no := r.checkRequire(m, g.from); no != nil {
		return no
	}
	if g.aor, no = r.addressOfRecord(m, d); no != nil {
		return no
	}
	if g.demand, no = readDemand(m, &r.policy); no != nil {
		return no
	}
	if !g.all && len(g.contacts) == 0 { // a query (§10.2.3)
		var err error
		g.after, err = r.store.Lookup(ctx, g.aor, g.now)
		return failed(err)
	}
	if no := r.checkContacts(g, d); no != nil {
		return no
	}
	g.full = r.full(&r.policy)
	if no := g.read(); no != nil {
		return no
	}
	return failed(r.update(ctx, g.aor, g.now, g.done, g.apply))
}

// checkContacts refuses a GRUU of the address as its contact: that would lead back here (RFC 5627
// §5.1).
func (r *Registrar) checkContacts(g *registration, d Domains) *refusal {
	for i := range g.contacts {
		u := &g.contacts[i].uri
		if !isGRUU(u) || !u.IsSIP() || !d.IsLocal(string(u.Host), u.Port) {
			continue
		}
		w := r.readGRUU(u)
		if own := string(r.address(nil, u)); own == g.aor || string(w.aor) == g.aor {
			return refuse(403, "Contact Is A GRUU Of The Address")
		}
	}
	return nil
}

// checkRequire is §10.3 step 2, with §8.2.2.3: the registrar MUST refuse what it does not
// understand, and name it.
func (r *Registrar) checkRequire(m *message.Message, from *Origin) *refusal {
	var unknown []string
	tags := m.Elements(message.HeaderRequire)
	for tags.Next() {
		if r.policy.understands(tags.Value) || from.Supports != nil && from.Supports(tags.Value) {
			continue
		}
		if tag, err := oneLine(tags.Value); err == nil && tag != "" {
			unknown = append(unknown, tag)
		}
	}
	if unknown == nil {
		return nil
	}
	no := refuse(420, "")
	no.unsupported = unknown
	return no
}

// understands reports whether a UA may require the extension. Option tags compare without case
// (§7.3.1).
func (p *Policy) understands(tag []byte) bool {
	switch strings.ToLower(string(tag)) {
	case "path":
		return p.UsePath
	case "outbound":
		return p.flows()
	case "gruu":
		return p.GRUU
	}
	return false
}

// addressOfRecord is §10.3 steps 1 and 5: whose bindings the request is about.
func (r *Registrar) addressOfRecord(m *message.Message, d Domains) (string, *refusal) {
	ruri, err := message.ParseURI(m.RequestURI())
	if err != nil {
		return "", refuse(400, "Bad Request-URI")
	}
	if !ruri.IsSIP() || !d.IsLocal(string(ruri.Host), ruri.Port) {
		return "", refuse(404, "")
	}
	to, err := m.To()
	if err != nil {
		return "", refuse(400, "Bad To")
	}
	uri, err := message.ParseURI(to.URI)
	if err != nil {
		return "", refuse(400, "Bad To")
	}
	if !uri.IsSIP() { // "This address-of-record MUST be a SIP URI or SIPS URI." (§10.2)
		return "", refuse(400, "Bad To: A Registration Is For A SIP URI")
	}
	// "If the address-of-record is not valid for the domain in the Request-URI, the registrar MUST
	// send a 404."
	if !d.IsLocal(string(uri.Host), uri.Port) {
		return "", refuse(404, "")
	}
	return string(r.address(nil, &uri)), nil
}

// registration is a REGISTER that changes bindings.
type registration struct {
	demand
	aor     string
	policy  *Policy
	from    *Origin
	message *message.Message
	now     time.Time
	done    *changes
	full    bool // no room for additional bindings

	callID string
	cseq   uint32
	agent  string
	path   []string

	outbound bool       // it is about a flow, and everybody on the way knows (RFC 5626)
	after    []*Binding // outcome: the current bindings
}

// read takes from the message what its bindings have in common.
func (g *registration) read() *refusal {
	cseq, err := g.message.CSeq()
	if err != nil {
		return refuse(400, "Bad CSeq")
	}
	g.cseq = cseq.Number
	id := g.message.CallID()
	if len(id) == 0 || len(id) > maxCallID {
		return refuse(400, "Bad Call-ID")
	}
	if g.callID, err = oneLine(id); err != nil {
		return refuse(400, "Bad Call-ID")
	}
	agent := g.message.Header(message.HeaderUserAgent)
	g.agent, _ = oneLine(agent[:min(len(agent), maxUserAgent)])
	if g.policy.UsePath {
		if g.path, err = readPath(g.message); err != nil {
			return refuse(400, "Bad Path")
		}
	}
	return g.checkFlows()
}

// apply is §10.3 steps 6 and 7 on the current bindings. It may be called again if a store found a
// conflict.
func (g *registration) apply(live []*Binding) ([]*Binding, error) {
	g.after = nil
	if g.all {
		return nil, g.removeAll(live)
	}
	next := g.present(live)
	for i := range g.contacts {
		var err error
		if next, err = g.applyOne(next, &g.contacts[i]); err != nil {
			return nil, err
		}
	}
	next, err := g.limit(next, len(live))
	if err != nil {
		return nil, err
	}
	sortBindings(next)
	g.after = next
	return next, nil
}

func (g *registration) removeAll(live []*Binding) error {
	for _, b := range live {
		if g.outOfOrder(b) {
			return ErrOutOfOrder
		}
		g.done.add(Removed, b)
	}
	return nil
}

// outOfOrder: the same Call-ID, and a CSeq that is not higher. Then the update MUST be aborted
// (§10.3 steps 6 and 7).
func (g *registration) outOfOrder(b *Binding) bool {
	return b.CallID() == g.callID && g.cseq <= b.cseq
}

// applyOne adds, refreshes or removes the binding of one contact in next, which it owns.
func (g *registration) applyOne(next []*Binding, c *contact) ([]*Binding, error) {
	next, found, err := g.replace(next, c, func(b *Binding) bool { return g.isAbout(c, b) })
	if !found && err == nil {
		if i := slices.IndexFunc(next, func(b *Binding) bool { return g.moved(c, b) }); i >= 0 {
			former := next[i]
			next, found, err = g.replace(next, c, func(b *Binding) bool { return b == former })
		}
	}
	if found || err != nil || c.expires == 0 {
		return next, err
	}
	b := g.bind(c)
	g.done.add(Bound, b)
	return append(next, b), nil
}

// replace puts the contact in place of the first binding that is its own, or removes that. There
// may be several, and the others are removed: two URIs that equal a third one need not equal each
// other (§19.1.4).
func (g *registration) replace(next []*Binding, c *contact, own func(*Binding) bool) (left []*Binding, found bool, err error) {
	for i := 0; i < len(next); i++ {
		b := next[i]
		// If a contact is named twice in one request, the last one applies; the first is not an
		// earlier request.
		made := g.done.has(b)
		if made && found || !own(b) {
			continue
		}
		if !made && g.outOfOrder(b) {
			return nil, false, ErrOutOfOrder
		}
		if found || c.expires == 0 {
			g.done.remove(b)
			next = slices.Delete(next, i, i+1)
			i--
		} else {
			next[i] = g.bind(c)
			g.done.refresh(b, next[i])
		}
		found = true
	}
	return next, found, nil
}

func (g *registration) bind(c *contact) *Binding {
	rec := Record{Contact: string(c.text), Params: c.params, Q: c.q, CallID: g.callID, CSeq: g.cseq, UserAgent: g.agent,
		Path: g.path, Expires: g.now.Add(c.expires), Updated: g.now}
	if g.path == nil {
		reach(&rec, g.message, g.from, &c.uri, g.outbound)
	}
	return NewBinding(&rec)
}

// readPath reads the Path values (RFC 3327 §5.3), topmost first; nil if there is none.
func readPath(m *message.Message) ([]string, error) {
	var path []string
	size := 0
	elements := m.Elements(message.HeaderPath)
	for elements.Next() {
		a, err := message.ParseAddress(elements.Value)
		if err != nil {
			return nil, err
		}
		uri, err := message.ParseURI(a.URI)
		if err != nil {
			return nil, err
		}
		text, err := oneLine(elements.Value)
		if size += len(text); err != nil || size > maxPath || !uri.IsSIP() || a.Star {
			return nil, errors.New("bad Path")
		}
		path = append(path, text)
	}
	return path, nil
}
