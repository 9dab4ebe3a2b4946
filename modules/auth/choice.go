package auth

// This file remembers clients that cannot choose between algorithms: some that know only MD5 give
// up if SHA-256 is also offered, although RFC 8760 §2.4 tells them to skip it.

import (
	"hash/maphash"
	"time"

	"github.com/sipscript/sipscript/internal/sharded"
)

const (
	maxChoices = 1 << 14
	// giveUp is how long a client may take to answer a challenge before its next request, of
	// another Call-ID, shows that it does not. A client that starts sends several at once.
	giveUp = 2 * time.Second
	// pendingLife is how long an unanswered challenge is remembered, plainLife for how long a
	// client is offered MD5 alone: it may have been updated, or its user has another one.
	pendingLife = 24 * time.Hour
	plainLife   = 7 * 24 * time.Hour
)

// choices are the clients, by source and user, that were offered a choice and have not taken it. A
// client that falls out of the table starts again.
type choices struct {
	table *sharded.Table[suspect, choice]
	seed  maphash.Seed
}

// choice is what is known about one client.
type choice struct {
	since time.Time
	call  uint64 // hash of the Call-ID of the request that was challenged
	plain bool   // it is offered MD5 alone
}

func newChoices() *choices {
	return &choices{table: sharded.New[suspect, choice](maxChoices, nil), seed: maphash.MakeSeed()}
}

// offer reports whether a client whose request has no credentials is offered MD5 alone; fresh:
// since now. cant: it answered in a way that shows that it cannot choose.
func (c *choices) offer(who suspect, callID []byte, cant bool, now time.Time) (plain, fresh bool) {
	call := maphash.Bytes(c.seed, callID)
	s := c.table.Lock(who)
	defer s.Unlock()
	old, ok := s.Entries.Get(who)
	age := now.Sub(old.since)
	switch {
	case ok && old.plain && age < plainLife:
		return true, false
	case cant, ok && !old.plain && age < pendingLife && (old.call == call || age >= giveUp):
		s.Entries.Add(who, choice{since: now, plain: true})
		return true, true
	case !ok || old.plain || age >= pendingLife:
		s.Entries.Add(who, choice{since: now, call: call})
	}
	return false, false
}

// chosen notes that a client has answered a challenge with that algorithm.
func (c *choices) chosen(who suspect, a Algorithm) {
	s := c.table.Lock(who)
	defer s.Unlock()
	if old, ok := s.Entries.Peek(who); ok && (!old.plain || a.Base() != MD5) {
		s.Entries.Remove(who)
	}
}
