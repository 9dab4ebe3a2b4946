package relay

// The requests of RFC 8656.

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/pion/stun/v3"
)

const (
	transportUDP = 17
	firstChannel = 0x4000 // RFC 8656 §12
	// RFC 8656 ends at 0x4FFF, RFC 5766 §11 here: clients in use, coturn's among them, take numbers
	// from all of it.
	lastChannel = 0x7FFE
)

// allocate makes an allocation (RFC 8656 §7.2).
func (r *request) allocate(a *allocation) {
	if a != nil {
		if a.request == r.TransactionID && a.username == r.username {
			// It was sent again, and so is the answer.
			r.allocated(a, time.Unix(0, a.until.Load()).Sub(r.now).Round(time.Second))
			return
		}
		r.refuse(stun.CodeAllocMismatch)
		return
	}
	ask, code := r.asked()
	if code != 0 {
		r.refuse(code)
		return
	}
	s := r.w.s
	name, _, _ := userOf(r.username)
	u, code := s.admit(name, r.client.addr.Addr())
	if code != 0 {
		r.refuse(code)
		return
	}
	a = &allocation{client: *r.client, user: u, username: r.username, relay: ask.relay, request: r.TransactionID}
	if !s.place(a, ask, r.now) {
		s.abandon(name, r.client.addr.Addr())
		s.stats.refused[refusedPorts].Add(1)
		r.refuse(stun.CodeInsufficientCapacity)
		return
	}
	a.routes.Store(&routes{})
	lifetime := r.lifetime()
	a.refresh(r.now, lifetime)
	if err := s.readers.add(s, a); err != nil {
		s.log.Error("what peers send to an allocation can't be read", "error", err)
		s.abandon(name, r.client.addr.Addr())
		a.relay.mark(a.port, false)
		a.socket.close()
		r.refuse(stun.CodeInsufficientCapacity)
		return
	}
	s.enter(a)
	r.allocated(a, lifetime)
}

// allocated answers that there is an allocation.
func (r *request) allocated(a *allocation, lifetime time.Duration) {
	list := []stun.Setter{
		address{stun.AttrXORRelayedAddress, a.relay.public.AsSlice(), a.port},
		lifetimeOf(lifetime),
	}
	if a.token != nil {
		list = append(list, raw{stun.AttrReservationToken, a.token})
	}
	r.answer(stun.ClassSuccessResponse, append(list, r.mapped())...)
}

// asked is what an allocate request asks for.
type asked struct {
	relay *relayAddress
	token []byte // of a reserved port
	even  bool   // an even port
	pair  bool   // and the next one reserved
}

// asked reads an allocate request, in the order of RFC 8656 §7.2.
func (r *request) asked() (ask asked, refusal stun.ErrorCode) {
	transport, err := r.Get(stun.AttrRequestedTransport)
	switch {
	case err != nil || len(transport) != 4:
		return ask, stun.CodeBadRequest
	case transport[0] != transportUDP:
		return ask, stun.CodeUnsupportedTransProto
	}
	token, tokenErr := r.Get(stun.AttrReservationToken)
	even, evenErr := r.Get(stun.AttrEvenPort)
	family, familyErr := r.Get(stun.AttrRequestedAddressFamily)
	switch {
	case tokenErr == nil && (evenErr == nil || familyErr == nil || len(token) != 8), evenErr == nil && len(even) != 1, familyErr == nil && len(family) != 4:
		return ask, stun.CodeBadRequest
	}
	v4 := true // without the attribute (RFC 8656 §7.2)
	if familyErr == nil {
		switch family[0] {
		case familyV4:
		case familyV6:
			v4 = false
		default:
			return ask, stun.CodeAddrFamilyNotSupported
		}
	}
	for _, a := range r.w.s.relays {
		if a.public.Is4() == v4 {
			ask.relay = a
		}
	}
	if tokenErr == nil {
		ask.token = token
	} else if ask.relay == nil {
		return ask, stun.CodeAddrFamilyNotSupported
	}
	if evenErr == nil {
		ask.even, ask.pair = true, even[0]&0x80 != 0
	}
	return ask, 0
}

// lifetime is how long an allocation may live: as long as asked, within bounds (RFC 8656 §7.2).
func (r *request) lifetime() time.Duration {
	value, err := r.Get(stun.AttrLifetime)
	if err != nil || len(value) != 4 {
		return defaultLifetime
	}
	asked := time.Duration(binary.BigEndian.Uint32(value)) * time.Second
	return max(defaultLifetime, min(asked, r.w.s.guard.Load().policy.MaxLifetime))
}

func lifetimeOf(d time.Duration) stun.Setter {
	return raw{stun.AttrLifetime, binary.BigEndian.AppendUint32(nil, uint32(d/time.Second))}
}

// refresh gives an allocation more time, or ends it (RFC 8656 §8.2).
func (r *request) refresh(a *allocation) {
	if family, err := r.Get(stun.AttrRequestedAddressFamily); err == nil {
		if len(family) != 4 || (family[0] == familyV4) != a.relay.public.Is4() {
			r.refuse(stun.CodePeerAddrFamilyMismatch)
			return
		}
	}
	if value, err := r.Get(stun.AttrLifetime); err == nil && len(value) == 4 && binary.BigEndian.Uint32(value) == 0 {
		r.w.s.end(a)
		r.answer(stun.ClassSuccessResponse, lifetimeOf(0))
		return
	}
	lifetime := r.lifetime()
	a.refresh(r.now, lifetime)
	r.answer(stun.ClassSuccessResponse, lifetimeOf(lifetime))
}

// createPermission lets an allocation reach addresses (RFC 8656 §10.2): all it names, or none.
func (r *request) createPermission(a *allocation) {
	list := map[netip.Addr]*relayAddress{}
	for _, at := range r.Attributes {
		if at.Type != stun.AttrXORPeerAddress {
			continue
		}
		peer, ok := r.address(at.Value)
		if !ok {
			r.refuse(stun.CodeBadRequest)
			return
		}
		own, code := r.reachable(a, peer)
		if code != 0 {
			r.refuse(code)
			return
		}
		list[peer.Addr()] = own
	}
	if len(list) == 0 {
		r.refuse(stun.CodeBadRequest)
		return
	}
	if !a.permit(list, r.w.now) {
		r.w.s.stats.refused[refusedRoutes].Add(1)
		r.refuse(stun.CodeInsufficientCapacity)
		return
	}
	r.answer(stun.ClassSuccessResponse)
}

// reachable reports whether an allocation may reach a peer.
func (r *request) reachable(a *allocation, peer netip.AddrPort) (own *relayAddress, refusal stun.ErrorCode) {
	if peer.Addr().Is4() != a.relay.public.Is4() && !peer.Addr().Is4In6() {
		return nil, stun.CodePeerAddrFamilyMismatch // RFC 8656 §10.2, §12.2
	}
	own, ok := r.w.s.permitted(peer.Addr())
	if !ok || peer.Addr().Is4In6() {
		r.w.s.stats.refused[refusedPeer].Add(1)
		return nil, stun.CodeForbidden
	}
	return own, 0
}

// channelBind binds a channel (RFC 8656 §12.2).
func (r *request) channelBind(a *allocation) {
	number, err1 := r.Get(stun.AttrChannelNumber)
	value, err2 := r.Get(stun.AttrXORPeerAddress)
	if err1 != nil || err2 != nil || len(number) != 4 {
		r.refuse(stun.CodeBadRequest)
		return
	}
	n := binary.BigEndian.Uint16(number)
	peer, ok := r.address(value)
	if !ok || n < firstChannel || n > lastChannel {
		r.refuse(stun.CodeBadRequest)
		return
	}
	own, code := r.reachable(a, peer)
	if code != 0 {
		r.refuse(code)
		return
	}
	switch a.bind(n, peer, own, r.w.now) {
	case boundElse:
		r.refuse(stun.CodeBadRequest)
	case boundMany:
		r.w.s.stats.refused[refusedRoutes].Add(1)
		r.refuse(stun.CodeInsufficientCapacity)
	default:
		r.answer(stun.ClassSuccessResponse)
	}
}

// send relays a send indication (RFC 8656 §11.2). What is wrong with it is not told.
func (r *request) send() {
	a := r.w.s.table.find(r.client)
	if a == nil {
		r.w.drop(droppedUnknown)
		return
	}
	value, err1 := r.Get(stun.AttrXORPeerAddress)
	data, err2 := r.Get(stun.AttrData)
	if err1 != nil || err2 != nil || len(r.unknown()) > 0 {
		r.w.s.stats.malformed.Add(1)
		return
	}
	peer, ok := r.address(value)
	if !ok {
		r.w.s.stats.malformed.Add(1)
		return
	}
	p, ok := a.routes.Load().reaches(peer.Addr(), r.w.now)
	if !ok {
		r.w.drop(droppedUnknown)
		return
	}
	r.w.toPeer(a, p.own.inside(peer), p.own, data)
}

// address reads the value of an XOR-PEER-ADDRESS (RFC 8489 §14.2).
func (r *request) address(value []byte) (netip.AddrPort, bool) {
	if len(value) != 8 && len(value) != 20 || (value[1] == familyV4) != (len(value) == 8) || value[1] != familyV4 && value[1] != familyV6 {
		return netip.AddrPort{}, false
	}
	var b [16]byte
	n := copy(b[:], value[4:])
	for i := range n {
		b[i] ^= r.Raw[4+i]
	}
	ip := netip.AddrFrom16(b)
	if n == 4 {
		ip = netip.AddrFrom4([4]byte(b[:4]))
	}
	return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(value[2:])^(magicCookie>>16)), true
}
