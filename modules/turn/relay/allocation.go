package relay

// One allocation: where its client is, where it is relayed, and whom it may reach.

import (
	"net/netip"
	"sync/atomic"
	"time"
)

// Bounds of one allocation.
const (
	mostPermissions = 128
	mostChannels    = 128
)

// client is where a client is: the 5-tuple of an allocation (RFC 8656 §2), less what the listener
// says.
type client struct {
	listener *listener
	addr     netip.AddrPort
	stream   *stream // nil over UDP
}

// allocation is changed only by the goroutine that reads its client, and ended by any.
type allocation struct {
	client   client
	user     *user
	username string // of the last request, with its time; of the client's goroutine alone
	relay    *relayAddress
	port     uint16
	socket   *udpSocket
	request  [12]byte // the transaction that made it
	token    []byte   // of the port reserved for its next one, nil for none
	until    atomic.Int64
	ended    atomic.Bool
	routes   atomic.Pointer[routes] // replaced as a whole
}

// routes are whom an allocation may reach. Only the times in it change.
type routes struct {
	permissions map[netip.Addr]*permission
	channels    []*channel
}

// permission lets data pass to and from the ports of an address (RFC 8656 §9).
type permission struct {
	own   *relayAddress // which of our relay addresses it is, or nil
	until atomic.Int64
}

// channel is a short name for a peer (RFC 8656 §12).
type channel struct {
	number uint16
	peer   netip.AddrPort // as the client calls it
	to     netip.AddrPort // where it is sent to
	own    *relayAddress  // which of our relay addresses it is, or nil
	until  atomic.Int64
}

// reaches reports whether data may pass to or from an address.
func (r *routes) reaches(ip netip.Addr, now int64) (*permission, bool) {
	p := r.permissions[ip]
	return p, p != nil && p.until.Load() > now
}

func (r *routes) byNumber(number uint16, now int64) *channel {
	for _, c := range r.channels {
		if c.number == number && c.until.Load() > now {
			return c
		}
	}
	return nil
}

func (r *routes) byPeer(peer netip.AddrPort, now int64) *channel {
	for _, c := range r.channels {
		if c.peer == peer && c.until.Load() > now {
			return c
		}
	}
	return nil
}

// permit adds or refreshes permissions, all of them or, if there would be too many, none.
func (a *allocation) permit(list map[netip.Addr]*relayAddress, now int64) bool {
	old := a.routes.Load()
	until := now + int64(permissionLifetime)
	fresh := 0
	for ip := range list {
		if _, ok := old.reaches(ip, now); !ok {
			fresh++
		}
	}
	next := old
	if fresh > 0 {
		next = old.alive(now)
		if len(next.permissions)+fresh > mostPermissions {
			return false
		}
	}
	for ip, own := range list {
		p := next.permissions[ip]
		if p == nil {
			p = &permission{own: own}
			next.permissions[ip] = p
		}
		p.until.Store(until)
	}
	a.routes.Store(next)
	return true
}

// alive is a copy without what has expired.
func (r *routes) alive(now int64) *routes {
	next := &routes{permissions: map[netip.Addr]*permission{}}
	for ip, p := range r.permissions {
		if p.until.Load() > now {
			next.permissions[ip] = p
		}
	}
	for _, c := range r.channels {
		if c.until.Load() > now {
			next.channels = append(next.channels, c)
		}
	}
	return next
}

// bound is what came of binding a channel.
type bound uint8

const (
	boundWell bound = iota
	boundElse       // the number or the peer is bound otherwise
	boundMany       // there are too many
)

// bind binds a channel or refreshes it (RFC 8656 §12.2), with the permission that goes with it.
func (a *allocation) bind(number uint16, peer netip.AddrPort, own *relayAddress, now int64) bound {
	old := a.routes.Load()
	byNumber, byPeer := old.byNumber(number, now), old.byPeer(peer, now)
	if byNumber != byPeer {
		return boundElse
	}
	c := byNumber
	if c == nil && len(old.alive(now).channels) >= mostChannels {
		return boundMany
	}
	if !a.permit(map[netip.Addr]*relayAddress{peer.Addr(): own}, now) {
		return boundMany
	}
	if c == nil {
		c = &channel{number: number, peer: peer, to: own.inside(peer), own: own}
		next := a.routes.Load().alive(now)
		next.channels = append(next.channels, c)
		defer a.routes.Store(next)
	}
	c.until.Store(now + int64(channelLifetime))
	return boundWell
}

// inside is where this machine sends what is for a relayed address: behind a NAT, the local one.
func (r *relayAddress) inside(peer netip.AddrPort) netip.AddrPort {
	if r == nil || peer.Addr() != r.public {
		return peer
	}
	return netip.AddrPortFrom(r.local, peer.Port())
}

// outside is what a peer is called that sent from inside.
func (s *Server) outside(peer netip.AddrPort) netip.AddrPort {
	for _, r := range s.relays {
		if peer.Addr() == r.local && r.local != r.public && r.has(peer.Port()) {
			return netip.AddrPortFrom(r.public, peer.Port())
		}
	}
	return peer
}

// refresh sets when the allocation ends.
func (a *allocation) refresh(now time.Time, lifetime time.Duration) {
	a.until.Store(now.Add(lifetime).UnixNano())
}
