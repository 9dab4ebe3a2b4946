package relay

// What allocations there are.

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Status is an allocation as it is at present.
type Status struct {
	User        string         // whose credentials it was made with, without their time
	Client      netip.AddrPort // where the client sends from
	Transport   string         // of the client: udp, tcp or tls
	Relayed     netip.AddrPort // where peers send to
	Left        time.Duration  // until it ends, unless it is refreshed
	Permissions int            // addresses of peers that it may reach
	Channels    int            // peers with a channel
}

// Allocations are those that there are, in order of their users: of one user, or of all if that is
// "". There are at most so many; more reports whether there are others.
func (s *Server) Allocations(user string, most int) (list []Status, more bool) {
	now := s.opts.Now().UnixNano()
	s.table.mu.RLock()
	for a := range s.table.all {
		if user != "" && user != a.user.name {
			continue
		}
		if list = append(list, a.status(now)); len(list) > most {
			break
		}
	}
	s.table.mu.RUnlock()
	slices.SortFunc(list, func(a, b Status) int { return cmp.Or(strings.Compare(a.User, b.User), a.Relayed.Compare(b.Relayed)) })
	if len(list) > most {
		return list[:most], true
	}
	return list, false
}

func (a *allocation) status(now int64) Status {
	t := Status{User: a.user.name, Client: a.client.addr, Transport: "udp", Relayed: netip.AddrPortFrom(a.relay.public, a.port),
		Left: max(0, time.Duration(a.until.Load()-now))}
	switch {
	case a.client.listener.Kind == TURNS:
		t.Transport = "tls"
	case a.client.stream != nil:
		t.Transport = "tcp"
	}
	r := a.routes.Load().alive(now)
	t.Permissions, t.Channels = len(r.permissions), len(r.channels)
	return t
}
