package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// Making the copy of a request that is sent (§16.6 steps 1 to 7).

// String names the target in logs.
func (t *Target) String() string {
	switch {
	case t == vouched:
		return "the request's own route"
	case t.NextHop != "":
		return t.NextHop
	case t.URI != "":
		return t.URI
	case t.Received != "":
		return t.Received
	case len(t.Path) > 0:
		return t.Path[0]
	}
	return fmt.Sprintf("flow %d", t.Flow)
}

// compose turns m into the request that is sent to t; d holds defaults.
func (x *Context) compose(m *message.Message, t, d *Target) error {
	x.Req.CopyTo(m)
	if uri := or(t.URI, d.URI); uri != "" {
		m.SetRequestURI(requestURI(uri))
	}
	if host := t.host(); host != "" {
		if err := rehost(m, host); err != nil {
			return err
		}
	}
	path := t.Path
	if path == nil {
		path = d.Path
	}
	if t != vouched || path != nil {
		// A target replaces the Route set the sender wrote (trap 32).
		m.RemoveID(message.HeaderRoute)
		for i := len(path) - 1; i >= 0; i-- {
			if err := checkValue("path", path[i]); err != nil {
				return err
			}
			m.InsertTop(message.HeaderRoute, view(path[i]))
		}
	}
	n, ok, err := m.MaxForwards() // §16.6 step 3
	switch {
	case err != nil:
		return err
	case !ok:
		m.SetMaxForwards(70)
	case n > 0:
		m.SetMaxForwards(n - 1)
	}
	x.core.withhold(m, false)
	if x.unpreferred {
		m.RemoveReceived(message.HeaderPPreferredIdentity)
	}
	x.translate(m)
	if err := apply(m, d.Headers); err != nil {
		return err
	}
	if err := apply(m, t.Headers); err != nil {
		return err
	}
	if len(d.Headers) > 0 || len(t.Headers) > 0 {
		x.core.withhold(m, true)
	}
	return nil
}

// withhold removes from m, which is about to be sent, the credentials for this server (RFC 3261
// §22.3: those for other realms pass unchanged). made: the message was written here.
func (c *Core) withhold(m *message.Message, made bool) {
	if c.Withhold == nil {
		return
	}
	if m.Find(message.HeaderProxyAuthorization, 0) >= 0 || m.Find(message.HeaderAuthorization, 0) >= 0 {
		c.Withhold(m, made)
	}
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// destination finds the destination of m (§16.6 steps 6 and 7): a peer, or a hop whose name must be
// resolved.
func (x *Context) destination(m *message.Message, t, d *Target) (*NextHop, transport.Peer, error) {
	var peer transport.Peer
	if t.Flow == 0 && t.Received == "" && t.NextHop == "" && (d.Flow != 0 || d.Received != "") {
		t = d
	}
	if t.Flow != 0 || t.Received != "" {
		if t.Received != "" {
			p, err := ParseReceived(t.Received)
			if err != nil {
				return nil, peer, err
			}
			peer = p
		}
		peer.Flow, peer.FlowOnly = t.Flow, t.Flow != 0
		return nil, peer, nil
	}
	if t == vouched && x.rare().flow != nil && d.NextHop == "" {
		return nil, *x.rare().flow, nil
	}
	uri := m.RequestURI()
	if p := t.peer(); p != nil && (p.Kind.Secure() || !isSIPS(uri) && !isSIPS(view(t.NextHop))) {
		return nil, *p, nil
	}
	if to := or(t.NextHop, d.NextHop); to != "" {
		uri = view(to)
	} else if i := m.Find(message.HeaderRoute, 0); i >= 0 {
		routes := m.Elements(message.HeaderRoute)
		routes.Next()
		a, err := message.ParseAddress(routes.Value)
		if err != nil {
			return nil, peer, err
		}
		uri = a.URI
		if !hasParam(uri, "lr") {
			// §16.6 step 6: the next hop is a strict router, which wants itself in the Request-URI
			// and the real one last.
			last := fmt.Appendf(nil, "<%s>", m.RequestURI())
			m.SetRequestURI(uri)
			m.RemoveElement(message.HeaderRoute, 0)
			appendRoute(m, last)
		}
	}
	hop, err := nextHop(uri)
	if err != nil {
		return nil, peer, fmt.Errorf("next hop %.80q: %w", uri, err)
	}
	if isSIPS(m.RequestURI()) {
		hop.secure() // §16.6 step 7: whichever URI decides
	}
	if p, ok := hop.Peer(); ok {
		return nil, p, nil
	}
	named := hop
	named.Host = strings.Clone(hop.Host) // it outlives the message's bytes
	return &named, peer, nil
}

// withoutFlow is the destination of m if its target's connection, which gone leads to, is gone: the
// address in its Request-URI, if that is the client's and can be connected to (§18).
func (x *Context) withoutFlow(m *message.Message, gone *transport.Peer, t, d *Target) []transport.Peer {
	if x.onlyOn(m, gone, t, d) || m.Find(message.HeaderRoute, 0) >= 0 {
		return nil
	}
	hop, err := nextHop(m.RequestURI())
	if err != nil {
		return nil
	}
	if p, ok := hop.Peer(); ok && p.Kind != transport.WS && p.Kind != transport.WSS {
		return []transport.Peer{p}
	}
	return nil
}

// onlyOn reports whether the client at the other end of p's connection can be reached only there:
// it asked for that (RFC 5626 §7), it is a browser, or the address in the Request-URI is not the
// one it was seen at. In that case the address belongs to an inner network, where it may be
// somebody else's.
func (x *Context) onlyOn(m *message.Message, p *transport.Peer, t, d *Target) bool {
	switch {
	case t == vouched && x.flowOnly, t.FlowOnly, t.Flow == 0 && d.FlowOnly, p.Kind == transport.WS, p.Kind == transport.WSS:
		return true
	case !p.Addr.IsValid():
		return false // nobody knows where it was seen
	}
	hop, err := nextHop(m.RequestURI())
	if err != nil {
		return false
	}
	to, ok := hop.Peer()
	return ok && to.Addr.Addr() != p.Addr.Addr().Unmap().WithZone("")
}

// appendRoute adds an element after the last Route.
func appendRoute(m *message.Message, value []byte) {
	n, last := lastElement(m, message.HeaderRoute)
	if n < 0 {
		m.InsertTop(message.HeaderRoute, value)
		return
	}
	m.ReplaceElement(message.HeaderRoute, n, append(append(bytes.Clone(last), ", "...), value...))
}

// socket chooses the listener that a branch leaves from, and sets it on p: the one requested, or
// the one the request came in on if suitable, or the first suitable one.
func (x *Context) socket(p *transport.Peer, t, d *Target) (*transport.Local, error) {
	c := x.core
	if name := or(t.from(), d.from()); name != "" {
		if l := c.named(name); l != nil {
			p.Local = l
			if p.Kind != l.Kind && p.Flow == 0 {
				return nil, fmt.Errorf("from_socket: %s cannot send over %s", name, p.Kind)
			}
			if p.Kind == 0 {
				p.Kind = l.Kind // a target of which only the connection is known
			}
			return l, nil
		}
		// The listener that a client registered at may have left; another one may still reach it
		if p.Flow == 0 && or(t.Received, d.Received) == "" {
			return nil, c.noListener(name)
		}
	}
	if t.FromHome && p.Local == nil && p.Flow == 0 {
		p.Local = c.beside(t.FromSocket, p)
	}
	if in := x.Server.From.Local; p.Local == nil && p.Flow == 0 && in != nil && in.Kind == p.Kind && in.Standing() != transport.Gone &&
		in.Addr.Addr().Is4() == p.Addr.Addr().Is4() {
		p.Local = in
	}
	out := c.Wire.Choose(p)
	if out == nil && p.FlowOnly {
		// Nothing is known of it any more, not even its transport.
		return nil, transport.ErrFlowGone
	}
	if out == nil {
		return nil, noListener(fmt.Sprintf("no listener can send over %s to %s: add one with --listen", p.Kind, p.Addr))
	}
	if p.Kind == 0 {
		p.Kind = out.Kind // a target of which only the connection is known
	}
	return out, nil
}

// named is the listener with a name, one that leaves if need be; nil for none.
func (c *Core) named(name string) *transport.Local {
	for _, l := range c.Wire.Locals() {
		if l.Name == name {
			return l
		}
	}
	for _, l := range transport.Known(c.Wire) {
		if l.Name == name && l.Standing() == transport.Leaving {
			return l
		}
	}
	return nil
}

func (c *Core) noListener(name string) error {
	var names []string
	for _, l := range c.Wire.Locals() {
		names = append(names, l.Name)
	}
	return noListener(fmt.Sprintf("from_socket: there is no listener %q; the listeners are %s", name, strings.Join(names, ", ")))
}

// beside is the listener with a name, or one with its address, that can send to p; nil for none.
func (c *Core) beside(name string, p *transport.Peer) *transport.Local {
	home := c.named(name)
	if home == nil || home.Addr.Addr().Is4() != p.Addr.Addr().Is4() {
		return nil
	}
	if home.Kind == p.Kind {
		return home
	}
	for _, l := range c.Wire.Locals() {
		if l.Kind == p.Kind && l.Addr.Addr() == home.Addr.Addr() {
			return l
		}
	}
	return nil
}

// schemeHint is for a script that gave a host instead of a URI.
func schemeHint(uri string) string {
	if _, err := message.ParseURI(view("sip:" + uri)); err != nil {
		return ""
	}
	return fmt.Sprintf("; write %.80q", "sip:"+uri)
}

// Check refuses what cannot be sent: URIs that do not parse, headers owned by the engine, line
// breaks.
func (t *Target) Check() error {
	for _, uri := range [...]string{t.URI, t.NextHop} {
		if uri == "" {
			continue
		}
		if _, err := message.ParseURI(view(uri)); err != nil {
			return fmt.Errorf("bad uri %.80q: %w%s", uri, err, schemeHint(uri))
		}
	}
	if host := t.host(); host != "" {
		if _, err := message.ParseURI([]byte("sip:" + host)); err != nil || strings.ContainsAny(host, "@;?") {
			return fmt.Errorf("bad host %.80q: expected HOST or HOST:PORT", host)
		}
	}
	for _, p := range t.Path {
		a, err := message.ParseAddress(view(p))
		if err == nil {
			_, err = message.ParseURI(a.URI)
		}
		if err != nil {
			return fmt.Errorf("bad path entry %.80q: %w", p, err)
		}
	}
	if c := t.Credentials; c != nil && (c.User == "" || strings.ContainsAny(c.User, "\r\n\x00")) {
		return errors.New("the credentials have no user, or a line break in it")
	}
	if len(t.Headers) == 0 {
		return nil
	}
	return CheckEdits(t.Headers)
}
