package auth

// This file is where users come from: the interface, and the table.

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Query asks for the secret of a user.
type Query struct {
	User, Realm string        // as the client claims it, and in which realm
	Now         time.Time     // the time that TTL counts back from
	TTL         time.Duration // how old an answer from memory may be
}

// Certainty is how much an answer of Find is worth.
type Certainty uint8

const (
	Unknown Certainty = iota // only a Fetch can decide
	// It was so a while ago: enough to let somebody in, not to turn somebody away
	Cached
	Certain
)

// Users finds the secrets of users.
type Users interface {
	// Find answers from memory. It is called on a lane and must not block. A nil secret means that
	// the user does not exist.
	Find(q Query) (*Secret, Certainty)
	// Fetch answers in any case, and may block until ctx ends. It is called off the lane. A nil
	// secret means that the user does not exist; an error, that this cannot be decided at present.
	Fetch(ctx context.Context, q Query) (*Secret, error)
}

// Reloader is a Users that can be read again, or forgets all it remembers.
type Reloader interface {
	Reload(ctx context.Context) error
}

// Forgetter is a Users with a memory that can be cleared.
type Forgetter interface {
	Forget(user string)
}

// Table is users by name, the same in all realms. It is not changed once it is in use.
type Table map[string]*Secret

// Find looks the user up.
func (t Table) Find(q Query) (*Secret, Certainty) { return t[q.User], Certain }

// warn tells of users whose phones will be refused.
func (t Table) warn(log *slog.Logger, offered Algorithms) {
	for _, a := range offered {
		if users := t.without(a); users != nil {
			log.Warn("auth: users have no hash for an offered algorithm, and are refused if their phone chooses it: add one, or offer only what all users have (algorithms)",
				"algorithm", a, "users", strings.Join(users[:min(len(users), 10)], ", "), "count", len(users))
		}
	}
}

// without lists the users who cannot answer a challenge for the algorithm, in order.
func (t Table) without(a Algorithm) (users []string) {
	for name, s := range t {
		if !s.known && s.ha1[a.kind()] == "" {
			users = append(users, name)
		}
	}
	slices.Sort(users)
	return users
}

// Fetch looks the user up.
func (t Table) Fetch(_ context.Context, q Query) (*Secret, error) { return t[q.User], nil }
