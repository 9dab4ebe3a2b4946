package proxy

import (
	"crypto/subtle"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/sipscript/sipscript/engine/message"
)

// A ticket is the parameter s of our Record-Route entries: it lets one party of a dialog reach the
// other, as who they were when the dialog began, and nobody else reach anybody.
//
// The entry in a request is for the callee: it knows the identity the call was for, but no tag of
// the callee. The entry in the response is signed again, for the caller (§16.7 step 8; with RFC
// 5658 the two sides differ anyway), with the callee's tag and Contact. So each party has a ticket
// that is valid for its own direction, and needs no table here. What a dialog may change later, its
// remote targets (§12.2.2), is remembered while there is room (see refreshes).
type ticket struct {
	answer bool   // it is the caller's, from a response
	issued uint32 // minutes since ticketEpoch, modulo ticketSpan
	caller uint32 // a mark of the caller's identity
	callee uint32 // and of the callee's
	seen   uint32 // of the address that the party it leads to was seen at
	target uint64 // of the URI in that party's Contact; 0 if there was none
}

const (
	ticketText  = 3 + 4 + 4 + 4 + 5 // bytes before the signature
	ticketBytes = ticketText + 8
	ticketChars = (ticketBytes*8 + 4) / 5
	ticketSpan  = 1 << 23 // minutes: 16 years
	ticketEpoch = 1577836800
)

// longestTicket bounds --route-lifetime, well below the span of the clock in a ticket.
const longestTicket = ticketSpan / 4 * time.Minute

func ticketTime(at time.Time) uint32 {
	return uint32((at.Unix()-ticketEpoch)/60) % ticketSpan
}

// expired reports whether a ticket is older than lifetime. One of the future is not: the clock was
// set back between two starts, or another node with the same secret is ahead.
func (t *ticket) expired(now time.Time, lifetime time.Duration) bool {
	age := (ticketTime(now) - t.issued) % ticketSpan
	return age < ticketSpan/2 && age > uint32(min(lifetime, longestTicket)/time.Minute)
}

func (t *ticket) append(dst []byte) []byte {
	head := t.issued
	if t.answer {
		head |= ticketSpan
	}
	dst = append(dst, byte(head>>16), byte(head>>8), byte(head))
	for _, mark := range [...]uint32{t.caller, t.callee, t.seen} {
		dst = binary.BigEndian.AppendUint32(dst, mark)
	}
	return append(dst, byte(t.target>>32), byte(t.target>>24), byte(t.target>>16), byte(t.target>>8), byte(t.target))
}

func readTicket(b []byte) (t ticket) {
	head := uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2])
	t.answer, t.issued = head&ticketSpan != 0, head&(ticketSpan-1)
	t.caller, t.callee = binary.BigEndian.Uint32(b[3:]), binary.BigEndian.Uint32(b[7:])
	t.seen = binary.BigEndian.Uint32(b[11:])
	t.target = uint64(b[15])<<32 | uint64(binary.BigEndian.Uint32(b[16:]))
	return t
}

// bond is what the entries of one message are bound to in addition to the ticket's contents.
type bond struct {
	callID    []byte
	callerTag []byte
	calleeTag []byte // nil in the ticket of a callee, which has not chosen one
	// The URI of the next Route entry after ours, as the holder will write it; nil for none
	hop []byte
}

// sign appends the parameter's value. params are the entry's own, the token is its user part.
func (s *Signer) sign(dst []byte, t *ticket, b *bond, params message.Params, token []byte) []byte {
	var space [ticketBytes]byte
	raw := t.append(space[:0])
	// 0 for too many parameters: such an entry lets nobody pass.
	sum, _ := s.ticketSum(raw, b, params, token)
	return AppendToken(dst, binary.BigEndian.AppendUint64(raw, sum))
}

// read checks a parameter's value.
func (s *Signer) read(value []byte, b *bond, params message.Params, token []byte) (t ticket, ok bool) {
	var raw [ticketBytes]byte
	if len(value) != ticketChars {
		return t, false
	}
	if n, ok := ReadToken(raw[:], value); !ok || n != ticketBytes {
		return t, false
	}
	t = readTicket(raw[:])
	if !t.answer {
		own := *b
		own.calleeTag = nil
		b = &own
	}
	sum, ok := s.ticketSum(raw[:ticketText], b, params, token)
	var want [8]byte
	binary.BigEndian.PutUint64(want[:], sum)
	return t, ok && subtle.ConstantTimeCompare(raw[ticketText:], want[:]) == 1
}

func (s *Signer) ticketSum(raw []byte, b *bond, params message.Params, token []byte) (sum uint64, ok bool) {
	var space [384]byte
	buf := append(space[:0], raw...)
	buf = append(appendLower(buf, b.callerTag), 0)
	buf = append(appendLower(buf, b.calleeTag), 0)
	buf = append(appendLower(buf, token), 0)
	if len(b.hop) > 0 {
		u, err := message.ParseURI(b.hop)
		if err != nil {
			return sum, false
		}
		buf = appendHop(buf, &u)
	}
	buf = append(buf, 0)
	state, _ := params.Get(stateName)
	buf = append(appendLower(buf, state), 0)
	if buf, ok = scriptParams(buf, params); !ok {
		return 0, false
	}
	return s.route.Sum(b.callID, buf), true
}

// Marks are keyed, so that nobody can search for a value that has the mark of another.

func (s *Signer) mark(kind byte, text []byte) uint64 {
	return s.marks.Sum([]byte{kind}, text)
}

// identityMark is the mark of From or To: of the address-of-record, whatever the scheme.
func (s *Signer) identityMark(uri []byte) uint32 {
	var space, lower [192]byte
	text := uri
	if u, err := message.ParseURI(uri); err == nil {
		text = u.AppendAOR(space[:0])
	}
	return uint32(s.mark('i', appendLower(lower[:0], text)))
}

// targetMark is the mark of a Contact or Request-URI; 0 for nil.
func (s *Signer) targetMark(uri []byte) uint64 {
	if uri == nil {
		return 0
	}
	u, err := message.ParseURI(uri)
	if err != nil {
		return 0
	}
	var space [256]byte
	return s.mark('t', appendTarget(space[:0], &u))&(1<<40-1) | 1
}

// seenMark is the mark of an address somebody was seen at, or 0.
func (s *Signer) seenMark(a netip.Addr) uint32 {
	if !a.IsValid() {
		return 0
	}
	b := a.Unmap().WithZone("").As16()
	return uint32(s.mark('a', b[:]))
}

// seenHost is the mark of the address in a URI; ok is false if its host is a name.
func (s *Signer) seenHost(uri []byte) (mark uint32, ok bool) {
	hop, err := nextHop(uri)
	if err != nil {
		return 0, false
	}
	p, ok := hop.Peer()
	if !ok {
		return 0, false
	}
	return s.seenMark(p.Addr.Addr()), true
}

// ContactURI is the URI of the first Contact, "" for none that can be read.
func ContactURI(m *message.Message) string { return string(contactURI(m)) }

// contactURI is the URI of the first Contact, nil for none that can be read.
func contactURI(m *message.Message) []byte {
	contacts := m.Elements(message.HeaderContact)
	if !contacts.Next() {
		return nil
	}
	a, err := message.ParseAddress(contacts.Value)
	if err != nil || a.Star || len(a.URI) == 0 {
		return nil
	}
	return a.URI
}
