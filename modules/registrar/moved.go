package registrar

// This file recognizes parties of dialogs by where they registered, when the engine has forgotten
// where they moved.

import (
	"bytes"
	"net/netip"
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// vouchForTarget lets a request within a dialog pass if the engine does not know its Request-URI as
// the other party's, because it was restarted since that party moved, but that party is registered
// at that address.
func (r *Registrar) vouchForTarget(req *engine.Request) {
	uri, party, ok := req.Strayed()
	if !ok {
		return
	}
	q := r.query(&party, nil)
	found, err := r.findFor(req, q.aor)
	if err != nil {
		return // refused, as it would be without a registrar
	}
	for _, b := range found {
		if b.isAt(&uri) {
			req.VouchForTarget()
			return
		}
	}
}

// isAt reports whether a URI leads to the host in the contact, or to the address it was registered
// from.
func (b *Binding) isAt(uri *message.URI) bool {
	host := leadsTo(uri)
	contact, err := message.ParseURI(viewOf(b.Contact()))
	if err == nil && message.EqualHost(leadsTo(&contact), host) {
		return true
	}
	_, seen, _ := strings.Cut(b.Received(), ":")
	at, err := netip.ParseAddrPort(seen)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(string(host))
	return err == nil && addr.Unmap() == at.Addr().Unmap()
}

// leadsTo is the host that a request with that Request-URI is sent to (§16.6 step 7, RFC 3263 §4).
func leadsTo(uri *message.URI) []byte {
	if maddr, there := uri.Params.Get("maddr"); there && len(maddr) > 0 {
		return bytes.Trim(maddr, "[]")
	}
	return uri.Host
}
