package nat

// What a message says about its sender's address, and where it came from.

import (
	"bytes"
	"net/netip"
	"strconv"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/modules/sdp/body"
)

// Found is which parts of a message name an address that does not lead to its sender.
type Found struct {
	Contact, Via, SDP bool // the first Contact, the topmost Via, an address of the media
}

// Detect compares a message with where it came from. A request that other proxies passed on says
// nothing: its source is one of them.
func Detect(m *message.Message, from engine.Endpoint) (f Found) {
	if m.IsRequest() && !m.Direct() {
		return f
	}
	source := from.Addr.Addr().Unmap().WithZone("")
	if uri, ok := contactOf(m); ok {
		f.Contact = message.IsHidden(&uri, source)
		if m.IsRequest() {
			same, hidden := m.ContactAt(source, &uri)
			f.Contact = hidden || same && from.Transport == transport.UDP && m.PortMapped(from.Addr, &uri)
		}
	}
	if via, err := m.TopVia(); err == nil && m.IsRequest() {
		addr, err := netip.ParseAddr(string(via.Host))
		switch {
		case err != nil:
			f.Via = message.IsInvalidName(via.Host)
		case addr.Unmap().WithZone("") != source:
			f.Via = true
		default:
			_, rport := via.Params.Get("rport")
			f.Via = rport && from.Transport == transport.UDP && sentByPort(via.Port) != from.Addr.Port()
		}
	}
	if found, err := body.Of(m); err == nil && found != nil {
		f.SDP = hiddenMedia(found.Session, source)
	}
	return f
}

func sentByPort(port uint16) uint16 {
	if port == 0 {
		return 5060
	}
	return port
}

func contactOf(m *message.Message) (uri message.URI, ok bool) {
	e := m.Elements(message.HeaderContact)
	if !e.Next() {
		return uri, false
	}
	a, err := message.ParseAddress(e.Value)
	if err != nil || a.Star {
		return uri, false
	}
	uri, err = message.ParseURI(a.URI)
	return uri, err == nil && uri.IsSIP()
}

// hiddenMedia reports whether a description names an address of a network that its sender is
// behind. Media with ICE find their way by themselves.
func hiddenMedia(s *body.Session, source netip.Addr) bool {
	for n := range s.Media() {
		m := s.Medium(n)
		address := m.Address()
		if _, ice := m.ICE(); ice || m.Port() == 0 || body.Unspecified(address) {
			continue
		}
		if message.IsHidden(&message.URI{Host: []byte(address)}, source) {
			return true
		}
	}
	return false
}

// FixContact puts the address that a message came from into its Contacts. It returns how many were
// changed.
func FixContact(m *message.Message, from netip.AddrPort) int {
	changed := 0
	e := m.Elements(message.HeaderContact)
	var values [][]byte
	for e.Next() {
		values = append(values, e.Value)
	}
	for n, value := range values {
		if fresh := movedContact(value, from); fresh != nil && !bytes.Equal(fresh, value) {
			m.ReplaceElement(message.HeaderContact, n, fresh)
			changed++
		}
	}
	return changed
}

// movedContact is a Contact with another host and port; nil if it has none.
func movedContact(value []byte, to netip.AddrPort) []byte {
	a, err := message.ParseAddress(value)
	if err != nil || a.Star {
		return nil
	}
	u, err := message.ParseURI(a.URI)
	start := bytes.Index(value, a.URI)
	if err != nil || !u.IsSIP() || start < 0 {
		return nil
	}
	at := bytes.IndexByte(a.URI, ':') + 1
	if i := bytes.IndexByte(a.URI, '@'); i >= 0 {
		at = i + 1
	}
	end := at
	for end < len(a.URI) && a.URI[end] != ';' && a.URI[end] != '?' {
		end++
	}
	host := to.Addr().Unmap().WithZone("").String()
	if to.Addr().Unmap().Is6() {
		host = "[" + host + "]"
	}
	fresh := append([]byte(nil), value[:start+at]...)
	fresh = append(append(fresh, host...), ':')
	fresh = strconv.AppendUint(fresh, uint64(to.Port()), 10)
	return append(fresh, value[start+end:]...)
}

// FixSDP has the media of a message go to an address, unless they are negotiated with ICE, where a
// c= line that matches no candidate ends ICE (RFC 8839 §4.2.5). It reports whether that changed
// anything.
func FixSDP(m body.Message, to netip.Addr) (bool, error) {
	found, err := body.Of(m.Message())
	if err != nil || found == nil {
		return false, err
	}
	s := found.Session
	for n := range s.Media() {
		if _, ice := s.Medium(n).ICE(); ice {
			return false, nil
		}
	}
	before := s.Bytes()
	if err := s.SetAddress(to); err != nil {
		return false, err
	}
	return !bytes.Equal(before, s.Bytes()), found.Write(m)
}
