package proxy

// This file guards the border of a trust domain (RFC 3325, RFC 5876): identities asserted by peers
// beyond it are not forwarded, and those peers are not shown what users keep private.

import (
	"bytes"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// Beyond reports whether a peer is outside the trust domain.
type Beyond func(*transport.Peer) bool

var (
	// said are identities that a peer claims, asserted those among them that one asserts of others.
	said     = message.NewHeaderSet(message.HeaderPAssertedIdentity, message.HeaderPPreferredIdentity, message.HeaderRemotePartyID)
	asserted = message.NewHeaderSet(message.HeaderPAssertedIdentity, message.HeaderRemotePartyID)
)

// beyond reports whether a border is kept, m has a header of the set, and the peer is outside.
func (c *Core) beyond(m *message.Message, set *message.HeaderSet, p *transport.Peer) bool {
	if c.Border == nil {
		return false
	}
	outside := c.Border()
	return outside != nil && m.HasAny(set) && outside(p)
}

// cameFrom is the origin of a message, as a peer: valid until the next one is requested.
func (c *Core) cameFrom(a *transaction.Arrival) *transport.Peer {
	c.source = transport.Peer{Kind: a.Kind, Addr: a.Source, Flow: a.Flow}
	return &c.source
}

// Disbelieve removes from a response the identities asserted by a peer beyond the border (RFC 3325
// §5).
func (c *Core) Disbelieve(res *message.Message, from *transport.Peer) {
	if c.beyond(res, &said, from) {
		res.RemoveID(message.HeaderPAssertedIdentity)
		res.RemoveID(message.HeaderPPreferredIdentity)
		res.RemoveID(message.HeaderRemotePartyID)
	}
}

// disbelieve is Disbelieve for the request. P-Preferred-Identity stays visible to the router, which
// may take it as a hint (RFC 3325 §5), and is omitted when the request is forwarded.
func (x *Context) disbelieve() {
	if !x.core.beyond(x.Req, &said, x.core.cameFrom(&x.Server.From)) {
		return
	}
	x.Req.RemoveID(message.HeaderPAssertedIdentity)
	x.Req.RemoveID(message.HeaderRemotePartyID)
	x.unpreferred = x.Req.Find(message.HeaderPPreferredIdentity, 0) >= 0
}

// hide removes from m what a peer beyond the border must not be shown (RFC 3325 §7): asserted
// identities if Privacy has "id". Each Remote-Party-ID may ask for that itself.
func (c *Core) hide(m *message.Message, to *transport.Peer) {
	if !c.beyond(m, &asserted, to) {
		return
	}
	if private(m) {
		m.RemoveID(message.HeaderPAssertedIdentity)
		m.RemoveID(message.HeaderRemotePartyID)
		return
	}
	for n := hiddenParty(m); n >= 0; n = hiddenParty(m) {
		m.RemoveElement(message.HeaderRemotePartyID, n)
	}
}

// hides reports whether hide would change m.
func (c *Core) hides(m *message.Message, to *transport.Peer) bool {
	return c.beyond(m, &asserted, to) && (private(m) || hiddenParty(m) >= 0)
}

// private reports whether Privacy asks that the identity stay within the trust domain (RFC 3325
// §9.3).
func private(m *message.Message) bool {
	for i := m.Find(message.HeaderPrivacy, 0); i >= 0; i = m.Find(message.HeaderPrivacy, i+1) {
		for value := range bytes.FieldsFuncSeq(m.Value(i), privacyGap) {
			if bytes.EqualFold(value, []byte("id")) {
				return true
			}
		}
	}
	return false
}

// privacyGap: values are separated by semicolons; some senders write commas.
func privacyGap(r rune) bool {
	return r == ';' || r == ',' || r == ' ' || r == '\t' || r == '\r' || r == '\n'
}

// hiddenParty is the first element of Remote-Party-ID whose parameter privacy is not "off"
// (draft-ietf-sip-privacy-04 §5.1), or -1.
func hiddenParty(m *message.Message) int {
	all := m.Elements(message.HeaderRemotePartyID)
	for n := 0; all.Next(); n++ {
		a, err := message.ParseAddress(all.Value)
		if err != nil {
			continue
		}
		if v, ok := a.Params.Get("privacy"); ok && !bytes.EqualFold(bytes.Trim(v, `"`), []byte("off")) {
			return n
		}
	}
	return -1
}

// respond forwards a response. What the caller must not be shown stays in m, which a router may
// still look at.
func (c *Core) respond(s *transaction.Server, m *message.Message) error {
	to := c.cameFrom(&s.From)
	if !c.hides(m, to) && s.Veil == nil {
		return s.Respond(m)
	}
	own := c.takeMessage()
	defer c.giveMessage(own)
	m.CopyTo(own)
	c.hide(own, to)
	c.disguiseAnswer(own, s)
	return s.Respond(own)
}
