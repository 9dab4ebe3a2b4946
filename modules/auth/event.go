package auth

// This file is what is reported and counted about attempts.

import (
	"sync/atomic"
	"time"
)

// Events, by the names scripts know them by.
const (
	EventFailed = "auth.failed"
	EventBanned = "auth.banned"
)

// Event is one failure or ban.
type Event struct {
	Kind   string        // EventFailed or EventBanned
	User   string        // as claimed; "" if a source is banned
	Source string        // address
	Reason Reason        // of EventFailed: Failed or Identity
	Left   time.Duration // of EventBanned: how long the ban is
}

func (s *service) emit(e Event) {
	s.script.Emit(e)
	if s.event != nil {
		s.event(e)
	}
}

// warn logs what a source did, once a minute: guessing must be visible, and must not fill the log.
// The filter in contrib/fail2ban reads offence.
func (s *service) warn(q *Question, offence, what, user string, more ...any) {
	if q.engine == nil {
		return
	}
	silent, ok := s.told.May(what, q.Source, q.Now)
	if !ok {
		return
	}
	// The message may be gone by now
	args := []any{"source", q.Source.Unmap(), "offence", offence, "user", cut(user), "suppressed", silent}
	q.engine.Log().Warn("auth: "+what, append(args, more...)...)
}

// cut keeps names that strangers made up short.
func cut(user string) string {
	const most = 80
	if len(user) > most {
		return user[:most] + "…"
	}
	return user
}

// figures are counted since the start.
type figures struct {
	challenges, accepted, identity, bans atomic.Uint64
	reasons                              [8]atomic.Uint64 // by place in countedReasons
	hits, misses, outdated               atomic.Uint64    // of memory in front of a store
}

// countedReasons are the outcomes of a check other than success; it is never written to.
var countedReasons = [8]Reason{Missing, Malformed, Unsupported, Stale, Replay, Failed, Banned, Unavailable}

func (f *figures) verdict(r Reason) {
	for i, known := range countedReasons {
		if known == r {
			f.reasons[i].Add(1)
		}
	}
}

// found counts how useful the cache was.
func (f *figures) found(c Certainty, right bool) {
	switch {
	case c == Unknown:
		f.misses.Add(1)
	case c == Cached && right:
		f.hits.Add(1)
	case c == Cached:
		f.outdated.Add(1)
	}
}

// Stats are figures since the start.
type Stats struct {
	Challenges uint64            // that were sent
	Accepted   uint64            // credentials that were right
	Refused    map[Reason]uint64 // and others
	Bans       uint64            // that began
	CacheHits  uint64            // users whose cached secret let them in
	CacheMiss  uint64            // users that had to be fetched
}

// Stats reads the figures one after another.
func (a *Auth) Stats() Stats {
	f := &a.figures
	s := Stats{Challenges: f.challenges.Load(), Accepted: f.accepted.Load(), Bans: f.bans.Load(), CacheHits: f.hits.Load(),
		CacheMiss: f.misses.Load() + f.outdated.Load(), Refused: map[Reason]uint64{Identity: f.identity.Load()}}
	for i, r := range countedReasons {
		s.Refused[r] = f.reasons[i].Load()
	}
	return s
}
