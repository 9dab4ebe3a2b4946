package registrar

// This file enforces the policy's limits: on the bindings of one address, and of all together.

import "slices"

// limit applies the limits to next, the result of a REGISTER for the bindings of one address, of
// which there were before. A UA that is over a limit may refresh and remove bindings, but not add
// any (the limit may have been lowered).
func (g *registration) limit(next []*Binding, before int) ([]*Binding, error) {
	if len(next) <= before {
		return next, nil
	}
	if over := len(next) - g.policy.MaxContacts; over > 0 {
		if g.policy.AtLimit != "replace" || !g.replaceOldest(&next, over) {
			return nil, refuse(403, "Too Many Contacts")
		}
	}
	if g.full && len(next) > before {
		return nil, refuse(503, "Location Service Full")
	}
	return next, nil
}

// replaceOldest removes n bindings, those registered least recently, but none that this request has
// made. If there are too few it removes none and returns false.
func (g *registration) replaceOldest(next *[]*Binding, n int) bool {
	var old []*Binding
	for _, b := range *next {
		if !g.done.has(b) {
			old = append(old, b)
		}
	}
	if len(old) < n {
		return false
	}
	slices.SortStableFunc(old, func(a, b *Binding) int { return int(a.updated - b.updated) })
	for _, b := range old[:n] {
		g.done.remove(b)
		*next = slices.DeleteFunc(*next, func(c *Binding) bool { return c == b })
	}
	return true
}

// full reports whether the store holds as many bindings as the policy allows. It never waits: for a
// store that does, the count is that of the last sweep, so the limit is exact to within a second's
// registrations.
func (s *service) full(p *Policy) bool {
	if s.memory != nil {
		return s.memory.count.Load() >= int64(p.MaxBindings)
	}
	return s.counted.Load() >= int64(p.MaxBindings)
}
