package engine

import (
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// Later requests of a dialog whose remote target is a URI of this server's own: a GRUU (RFC 5627
// §6). Along the Record-Route they would come back here; somebody has to say what the URI denotes.

// HomeURI is the Request-URI of a request that came along our signed Record-Route, has no further
// Route, and would come back here: its host is local. ok is false for all others.
func (r *Request) HomeURI() (uri message.URI, ok bool) {
	if !r.inDialog || !r.ctx.Signed || r.ctx.OnFlow() || r.ctx.Req.Find(message.HeaderRoute, 0) >= 0 {
		return uri, false
	}
	uri, err := message.ParseURI(r.ctx.Req.RequestURI())
	return uri, err == nil && uri.IsSIP() && r.unit.e.IsLocal(string(uri.Host), uri.Port)
}

// LostFlow is the Request-URI of a request that came along our signed Record-Route and would go
// back on a connection that is gone, or that its client has left for another one
// ([Engine.FlowLeft]), or to an address that its client has left ([Engine.PlaceLeft]); party is the
// identity of the client at the other end. ok is false for all other requests.
func (r *Request) LostFlow() (uri, party message.URI, ok bool) {
	if !r.inDialog || !r.ctx.Signed || !r.wayIsLost() || r.ctx.Req.Find(message.HeaderRoute, 0) >= 0 {
		return uri, party, false
	}
	to, err := r.ctx.Req.To()
	if err == nil {
		party, err = message.ParseURI(to.URI)
	}
	if err == nil {
		uri, err = message.ParseURI(r.ctx.Req.RequestURI())
	}
	return uri, party, err == nil && uri.IsSIP()
}

// wayIsLost reports whether the Record-Route leads to where a client was.
func (r *Request) wayIsLost() bool {
	e := r.unit.e
	if id := r.ctx.Flow(); id != 0 {
		return id == transport.FlowGone || !e.FlowOpen(id) || e.leftFlows.has(id)
	}
	at, ok := r.ctx.Place()
	return ok && e.leftPlaces.has(at)
}

// ResolveTo says what the HomeURI of the request denotes, where the client of a LostFlow is now, or
// where that of a Path entry is:
// the request goes there if its decision names no target. No targets are answered 480.
func (r *Request) ResolveTo(targets []*Target) {
	r.seldom().home = append(make([]*Target, 0, len(targets)), targets...)
}

// orHome is targets, or what was resolved in their place.
func (r *Request) orHome(targets []*Target) []*Target {
	if targets == nil && !r.assigned {
		return r.rare().home
	}
	return targets
}

// Strayed is the Request-URI of a request within a dialog that would pass along our Record-Route,
// except that as far as this process knows the other party's Contact never named this URI: the
// process forgets changes of Contact when it restarts. party is the other party's identity. ok is
// false for all other requests. Without VouchForTarget such a request is refused.
func (r *Request) Strayed() (uri, party message.URI, ok bool) {
	known, ok := r.ctx.Strayed()
	if !ok || !known {
		return uri, party, false
	}
	to, err := r.ctx.Req.To()
	if err == nil {
		party, err = message.ParseURI(to.URI)
	}
	if err == nil {
		uri, err = message.ParseURI(r.ctx.Req.RequestURI())
	}
	return uri, party, err == nil
}

// VouchForTarget says that the other party of the dialog is at the Request-URI of a request that
// Strayed named.
func (r *Request) VouchForTarget() { r.ctx.VouchForTarget() }
