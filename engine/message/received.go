package message

// This file records in the topmost Via where a request came from.

import (
	"net/netip"
	"strconv"
)

// SetReceived writes received= and, if the topmost Via asks for it, rport= (§18.2.1, RFC 3581 §4).
// received is written if the host of sent-by is not literally src's address, or if rport was
// requested. A received or rport value written by the sender is replaced: only we know it. It does
// nothing if the topmost Via cannot be read.
func (m *Message) SetReceived(src netip.AddrPort) {
	i := m.Find(HeaderVia, 0)
	if i < 0 {
		return
	}
	via := m.topVia()
	if m.views.viaErr != nil {
		return
	}
	var addrText [64]byte
	addr := src.Addr().Unmap().WithZone("").AppendTo(addrText[:0])
	p := via.Params
	if equalFold(via.Host, addr) && !p.Has("rport") && !p.Has("received") {
		return
	}
	v := m.Value(i)
	element := trimEnd(v, 0, elementEnd(v, 0))
	var scratch [512]byte
	text := scratch[:0]
	for at := 0; ; {
		q, ok, _ := p.next(at)
		if !ok {
			text = append(text, p[at:]...)
			break
		}
		switch name := p[q.name:q.nameEnd]; {
		case equalFold(name, "received"):
			text = append(text, p[at:q.lo]...)
		case equalFold(name, "rport"):
			text = append(text, p[at:q.nameEnd]...)
			text = append(text, '=')
			text = strconv.AppendUint(text, uint64(src.Port()), 10)
		default:
			text = append(text, p[at:q.hi]...)
		}
		at = q.hi
	}
	text = append(text, ";received="...)
	text = append(text, addr...)
	m.splice(i, element-len(p), element, text)
}
