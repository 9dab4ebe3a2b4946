package proxy

import (
	"slices"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// The target set is a set (§16.5): a target is in it once, however often it was found.

// distinct is targets without repetitions. It is targets itself if there are none.
func distinct(targets []*Target) []*Target {
	for i := 1; i < len(targets); i++ {
		if !slices.ContainsFunc(targets[:i], targets[i].same) {
			continue
		}
		once := slices.Clone(targets[:i])
		for _, t := range targets[i+1:] {
			if !slices.ContainsFunc(once, t.same) {
				once = append(once, t)
			}
		}
		return once
	}
	return targets
}

// same reports whether two targets would bring the same request to the same place: equal URIs
// (§19.1.4), the same way there, nothing different on it.
func (t *Target) same(u *Target) bool {
	return t.NextHop == u.NextHop && t.host() == u.host() && samePeer(t.peer(), u.peer()) && t.Flow == u.Flow && t.Received == u.Received && t.FromSocket == u.FromSocket && t.FromHome == u.FromHome &&
		slices.Equal(t.Path, u.Path) && sameCredentials(t.Credentials, u.Credentials) &&
		slices.EqualFunc(t.Headers, u.Headers, func(a, b HeaderEdit) bool { return a.Name == b.Name && slices.Equal(a.Values, b.Values) }) &&
		sameURI(view(t.URI), view(u.URI))
}

func samePeer(a, b *transport.Peer) bool { return a == b || a != nil && b != nil && *a == *b }

func sameCredentials(a, b *Credentials) bool { return a == b || a != nil && b != nil && *a == *b }

// sameURI is equality by the definition of the scheme.
func sameURI(a, b []byte) bool {
	if string(a) == string(b) {
		return true
	}
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	u, err := message.ParseURI(a)
	if err != nil {
		return false
	}
	v, err := message.ParseURI(b)
	return err == nil && u.Equal(&v)
}
