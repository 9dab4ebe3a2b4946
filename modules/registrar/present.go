package registrar

// This file forgets browsers that are gone. Each page that is loaded registers a contact of its own
// (RFC 7118 §5), and says nothing when it is closed: such contacts would fill the user's list until
// they expire.

import (
	"slices"
	"strings"
)

// present is live, which may be changed, without the bindings of WebSocket clients whose connection
// is gone, unless this request is about them.
func (g *registration) present(live []*Binding) []*Binding {
	next := make([]*Binding, 0, len(live)+len(g.contacts))
	for _, b := range live {
		if g.gone(b) {
			g.done.add(Expired, b)
			continue
		}
		next = append(next, b)
	}
	return next
}

// gone reports whether b is reachable only on its connection, and that is gone.
func (g *registration) gone(b *Binding) bool {
	return b.Flow() != 0 && strings.HasPrefix(b.Received(), "ws") && g.from.Stands != nil && !g.from.Stands(b.Flow()) &&
		!slices.ContainsFunc(g.contacts, func(c contact) bool { return g.isAbout(&c, b) || g.moved(&c, b) })
}
