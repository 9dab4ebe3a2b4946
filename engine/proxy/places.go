package proxy

import (
	"bytes"
	"net/netip"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// Places where parties of dialogs are, over UDP, when that is not where their Record-Route says: a
// NAT gives a phone another port when it restarts, or when the phone was silent for too long. The
// phone's next request of the dialog comes from the new place, and from then on requests go there.
// Places are kept by lane, in bounded memory, like refreshes: in a call that is forgotten, or that
// another node continues, requests go where the Record-Route says.

// places are those by party. The zero value is empty.
type places struct {
	rows []*[rowOfParties]placed // nil until there is one; by the row of a partyKey
}

// placed is one party; the key 0 is none.
type placed struct {
	key     uint64
	addr    netip.AddrPort
	local   *transport.Local
	localIP netip.Addr
}

func (p *places) find(k partyKey) *placed {
	if p.rows == nil || p.rows[k.row] == nil {
		return nil
	}
	for i := range p.rows[k.row] {
		if at := &p.rows[k.row][i]; at.key == k.key {
			return at
		}
	}
	return nil
}

// set remembers a place; the oldest party of the row goes.
func (p *places) set(k partyKey, at placed) {
	at.key = k.key
	if known := p.find(k); known != nil {
		*known = at
		return
	}
	if p.rows == nil {
		p.rows = make([]*[rowOfParties]placed, mostRefreshes/rowOfParties)
	}
	row := p.rows[k.row]
	if row == nil {
		row = new([rowOfParties]placed)
		p.rows[k.row] = row
	}
	copy(row[1:], row[:rowOfParties-1])
	row[0] = at
}

// cameFromPlace notes where a request within a dialog came from, if its sender is behind a NAT:
// because the entry of its side, the first, says so, or because it was noted before. r are the
// entries; the request is known to be signed.
func (x *Context) cameFromPlace(r *route) {
	from, c := &x.Server.From, x.core
	named := r.n > 1 && len(r.entries[0].user) > 0
	if from.Kind != transport.UDP || from.Local == nil || !named && c.places.rows == nil || from.Source.Addr().Zone() != "" {
		return
	}
	// A holder that claims the other party's tag speaks for nobody (see partyMoved), and a proxy in
	// between for nobody's address.
	tag := x.Req.FromTag()
	if len(tag) == 0 || bytes.EqualFold(tag, x.Req.ToTag()) || !x.Req.Direct() {
		return
	}
	key := c.Signer.partyKey(x.Req.CallID(), tag)
	known := c.places.find(key)
	switch {
	case known != nil:
		if known.addr == from.Source && known.local == from.Local {
			return
		}
	case !named:
		return
	default:
		p, _, ok := c.readFlow(r.entries[0].user)
		if !ok || p.Kind != transport.UDP || p.Addr == from.Source && p.Local == from.Local {
			return
		}
	}
	c.places.set(key, placed{addr: from.Source, local: from.Local, localIP: from.LocalIP})
}

// place is where a token leads that names an address, unless the party at the other end has moved
// since.
func (x *Context) place(p *transport.Peer) {
	c := x.core
	if c.places.rows == nil || p.Kind != transport.UDP {
		return
	}
	if at := c.places.find(c.Signer.partyKey(x.Req.CallID(), x.Req.ToTag())); at != nil {
		p.Addr, p.Local, p.LocalIP = at.addr, at.local, at.localIP
	}
}

// unreached reports whether whoever answered at an address, over UDP, cannot be reached at the
// Contact of the answer: it is an address of some network behind that address. Then its dialogs go
// where it answered.
func unreached(contact []byte, at *transport.Peer) bool {
	uri, err := message.ParseURI(contact)
	return err == nil && uriUnreached(&uri, at)
}

// uriUnreached is unreached for a Contact that was read.
func uriUnreached(uri *message.URI, at *transport.Peer) bool {
	if at.Kind != transport.UDP || at.Flow != 0 || at.Local == nil || at.Local.Kind != transport.UDP || at.Addr.Addr().Zone() != "" {
		return false
	}
	if !uri.IsSIP() {
		return false
	}
	if t, ok := uri.Params.Get("transport"); ok && !bytes.EqualFold(t, []byte("udp")) {
		return false
	}
	return message.IsHidden(uri, at.Addr.Addr())
}
