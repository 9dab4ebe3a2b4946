package engine

// Where a URI leads, for those who watch each address of it.

import (
	"errors"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/resolver"
	"github.com/sipscript/sipscript/engine/transport"
)

// Place is one address that a URI leads to. Those of a lower Tier are tried first; those of one
// Tier share the load by Weight.
type Place = resolver.Place

const (
	// soonestPlaces and latestPlaces bound after what time a name is looked up again, whatever its
	// records say; failedPlaces is that after a failure.
	soonestPlaces = 5 * time.Second
	latestPlaces  = time.Hour
	failedPlaces  = 30 * time.Second
)

// Places finds the addresses that a SIP URI leads to (RFC 3263), and calls then on the lane
// Background with them; it never blocks. After the time again the answer may be another; 0: the URI
// has an address, and no other answer will come. If an error is returned then is not called.
func (e *Engine) Places(uri string, then func(list []Place, again time.Duration, err error)) error {
	hop, err := proxy.ParseNextHop(uri)
	if err != nil {
		return err
	}
	if !e.background.Post(lane.Func(func(l *lane.Lane) { e.places(l, &hop, then) })) {
		return errors.New("the server is overloaded")
	}
	return nil
}

func (e *Engine) places(l *lane.Lane, hop *proxy.NextHop, then func([]Place, time.Duration, error)) {
	if p, ok := hop.Peer(); ok {
		then([]Place{{Peer: p, Weight: 1}}, 0, nil)
		return
	}
	e.resolver.Resolve(l, hop, func(peers []transport.Peer, err error) {
		if err != nil {
			then(nil, failedPlaces, err)
			return
		}
		if e.lookups != nil {
			q := &resolver.Query{Host: hop.Host, Port: hop.Port, Kind: hop.Kind, Secure: hop.Secure}
			if list, lasts, ok := e.lookups.r.Places(q); ok {
				then(list, min(max(lasts, soonestPlaces), latestPlaces), nil)
				return
			}
		}
		list := make([]Place, len(peers)) // in the order in which the resolver would try them
		for i, p := range peers {
			list[i] = Place{Peer: p, Tier: i, Weight: 1}
		}
		then(list, failedPlaces, nil)
	})
}
