package auth

import "github.com/sipscript/sipscript/internal/sharded"

// This file remembers which counts of which nonces have been used (RFC 7616 §3.4, nc).

// maxNonces bounds how many nonces in use are remembered. If it is not enough, those that fall out
// are not forgotten but refused.
const maxNonces = 1 << 17

// windowSize is how far a count may lag behind the highest one: parallel requests over UDP overtake
// each other.
const windowSize = 64

// replays is the memory of nonces that were used with the right password.
type replays struct {
	table *sharded.Table[nonceKey, *uses]
}

// uses are the used counts of one nonce.
type uses struct {
	highest uint32
	seen    uint64 // bit i: highest-i was used
	cnonce  string // -sess: the first one
}

// newReplays begins a memory. capacity 0 is maxNonces.
func newReplays(capacity int) *replays {
	if capacity == 0 {
		capacity = maxNonces
	}
	return &replays{table: sharded.New(capacity, func(s *sharded.Shard[nonceKey, *uses], key nonceKey, _ *uses) {
		// No nonce as old as one that fell out is accepted unless it is remembered
		s.Evicted = max(s.Evicted, key.issued())
	})}
}

// unclaimed is the answer for a nonce that is not known here, and may be known to another process.
const unclaimed Reason = "unclaimed"

// use records the use of a count: "", Replay if it was used before, Stale if that can no longer be
// decided. A nonce that is used for the first time must be claimed: no other process takes it.
func (r *replays) use(key nonceKey, nc uint32, cnonce []byte, claimed bool) Reason {
	s := r.table.Lock(key)
	defer s.Unlock()
	u, ok := s.Entries.Get(key)
	if !ok {
		if key.issued() <= s.Evicted {
			return Stale
		}
		if !claimed {
			return unclaimed
		}
		s.Entries.Add(key, &uses{highest: nc, seen: 1, cnonce: string(cnonce)})
		return ""
	}
	switch behind := u.highest - nc; {
	case nc > u.highest:
		u.seen = u.seen<<(nc-u.highest) | 1 // a shift of 64 or more leaves 0
		u.highest = nc
	case behind >= windowSize || u.seen&(1<<behind) != 0:
		return Replay
	default:
		u.seen |= 1 << behind
	}
	return ""
}

// session is the first cnonce that was used with a nonce of a -sess variant, "" if there was none.
func (r *replays) session(key nonceKey) string {
	s := r.table.Lock(key)
	defer s.Unlock()
	if u, ok := s.Entries.Peek(key); ok {
		return u.cnonce
	}
	return ""
}
