package auth

// This file is the secrets that nonces are made with: they are replaced now and then, and each is
// accepted for as long as a nonce made with it may live.

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// rotation is how long a secret of our own is used; longer if nonces live longer.
	rotation = time.Hour
	// clockSkew is by how much the clocks of a cluster may differ: so much before and after its
	// time a secret is accepted.
	clockSkew = 2 * time.Minute
	// ownSecret marks the number of a secret that only this process knows.
	ownSecret = 1 << 31
)

// secret is one secret. It never changes.
type secret struct {
	number uint32
	// Milliseconds since 1970 in which it is current; until 0: no other one is known
	from, until int64
	keyed       *keyed
}

// wasCurrent reports whether nonces of that time were made with it. So one that leaks after its
// time is good for nothing new.
func (s *secret) wasCurrent(at int64) bool {
	const skew = int64(clockSkew / time.Millisecond)
	return at >= s.from-skew && (s.until == 0 || at < s.until+skew)
}

// ownRing are the secrets of this process.
type ownRing struct {
	mu   sync.Mutex                // held to change list
	list atomic.Pointer[[]*secret] // oldest first
}

func (r *ownRing) all() []*secret {
	if p := r.list.Load(); p != nil {
		return *p
	}
	return nil
}

// current is the secret for now. It is made again when the last one is old.
func (r *ownRing) current(now int64, life time.Duration) *secret {
	period := max(rotation, life).Milliseconds()
	fits := func(s *secret) bool { return s.from <= now && now < s.from+period }
	if all := r.all(); len(all) > 0 && fits(all[len(all)-1]) {
		return all[len(all)-1]
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all()
	for _, s := range slices.Backward(all) { // not only the last: the clock may have been put back
		if fits(s) {
			return s
		}
	}
	var key [32]byte
	rand.Read(key[:])
	fresh := &secret{number: ownSecret | 1, from: now, keyed: newKeyed(key)}
	var kept []*secret
	if n := len(all); n > 0 {
		fresh.number = ownSecret | (all[n-1].number + 1)
	}
	for _, s := range all {
		if s.from > now || now-s.from > period+maxLifetime.Milliseconds() {
			continue
		}
		if s.until == 0 {
			s = &secret{s.number, s.from, now, s.keyed}
		}
		kept = append(kept, s)
	}
	kept = append(kept, fresh)
	r.list.Store(&kept)
	return fresh
}

func (r *ownRing) find(number uint32) *secret { return findSecret(r.all(), number) }

func findSecret(list []*secret, number uint32) *secret {
	for _, s := range slices.Backward(list) {
		if s.number == number {
			return s
		}
	}
	return nil
}

// Cluster is what processes share so that each accepts the challenges of the others. It is safe for
// concurrent use.
type Cluster interface {
	// Secrets are those that are known, and the same pointer as long as they are the same. current
	// reports whether the others are known to have them, too: while it is false, challenges are
	// made for this process alone. It does not block.
	Secrets() (list *ClusterSecrets, current bool)
	// Claim takes a nonce for this process for that time, unless it belongs to another process, or
	// the secret it was made with is no longer the cluster's: false. An error means that this
	// cannot be decided at present. It may block until ctx ends.
	Claim(ctx context.Context, secret uint32, nonce [12]byte, life time.Duration) (bool, error)
}

// ClusterSecrets are the secrets of a cluster, oldest first. They are not changed once they are in
// use.
type ClusterSecrets []ClusterSecret

// ClusterSecret is one of them.
type ClusterSecret struct {
	Number uint32   // below 1<<31
	From   int64    // milliseconds since 1970; it is current until the next one is
	Key    [32]byte // what nonces are made from; never logged
}

// sharedRing are the cluster's secrets as they are used: mixed with the key of --secret, so that
// reading them is not enough to make nonces.
type sharedRing struct {
	root    [32]byte
	cluster Cluster // nil for none
	mixed   atomic.Pointer[mixedSecrets]
}

type mixedSecrets struct {
	of   *ClusterSecrets
	list []*secret
}

func (r *sharedRing) mix(of *ClusterSecrets) []*secret {
	if m := r.mixed.Load(); m != nil && m.of == of {
		return m.list
	}
	m := &mixedSecrets{of: of}
	for i, s := range *of {
		mac := hmac.New(sha256.New, r.root[:])
		mac.Write(s.Key[:])
		one := &secret{number: s.Number, from: s.From, keyed: newKeyed([32]byte(mac.Sum(nil)))}
		if i+1 < len(*of) {
			one.until = (*of)[i+1].From
		}
		m.list = append(m.list, one)
	}
	r.mixed.Store(m)
	return m.list
}

// current is the cluster's secret for now, or nil if there is none.
func (r *sharedRing) current(now int64) *secret {
	if r.cluster == nil {
		return nil
	}
	of, ok := r.cluster.Secrets()
	if of == nil || !ok {
		return nil
	}
	for _, s := range slices.Backward(r.mix(of)) {
		if s.from <= now && s.wasCurrent(now) {
			return s
		}
	}
	return nil
}

func (r *sharedRing) find(number uint32) *secret {
	if r.cluster == nil {
		return nil
	}
	of, _ := r.cluster.Secrets()
	if of == nil {
		return nil
	}
	return findSecret(r.mix(of), number)
}
