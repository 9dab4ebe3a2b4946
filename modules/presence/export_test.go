package presence

import (
	"context"
	"time"
)

// Flush writes the subscriptions that would be written soon.
func Flush(p *Presence) error { return p.keeper.flush() }

// Nodes are the others that p knows after a round that comes that much later.
func Nodes(p *Presence, later time.Duration) int {
	s := p.shared
	s.mu.Lock()
	defer s.mu.Unlock()
	s.round(s.engine.Clock().Now().Add(later))
	return len(s.nodes)
}

// ReloadLists reads the source of the lists again, as it does by itself when that changes.
func ReloadLists(p *Presence) error { return p.lists.Load().Reload(context.Background()) }
