package presence

// Flush writes the subscriptions that would be written soon.
func Flush(p *Presence) error { return p.keeper.flush() }
