package control

// The orders of the hub itself.

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sipscript/sipscript/engine/lane"
)

type none struct{}

func ownOrders() []Order {
	return []Order{
		OrderOf(Order{Name: "hello", Doc: "Begins a session, or resumes one: the first order of a connection.", Asks: true, Where: Apart,
			Result: "session, its token; resumed; seen, the last seq before what comes now; keep"},
			greeting{Watch: "own"}, nil, func(*Turn, *greeting) {}),
		OrderOf(Order{Name: "bye", Doc: "Ends the session, and the connection.", Asks: true, Where: Apart, Result: "true"}, none{}, nil,
			func(t *Turn, _ *none) { t.bye() }),
		OrderOf(Order{Name: "list", Long: true, Doc: "Tells which legs there are.", Asks: true, Where: Apart, Result: "legs, a list; left_out, how many more there are"},
			none{}, nil, func(t *Turn, _ *none) { t.list() }),
		OrderOf(Order{Name: "leg", Doc: "Tells the state of a leg.", Asks: true, Where: OnAnyLeg, Result: "the leg, with local_sdp and remote_sdp"},
			none{}, nil, func(t *Turn, _ *none) { t.state() }),
		OrderOf(Order{Name: "claim", Doc: "Makes the session the master of a leg that has none, and no script.", Where: OnAnyLeg, Result: "the leg"},
			none{}, nil, func(t *Turn, _ *none) { t.claim() }),
		OrderOf(Order{Name: "give_back", Doc: "Gives a leg up: to the script that handed it over, if one did.", Where: OnLeg, Result: "true"},
			none{}, nil, func(t *Turn, _ *none) { t.giveBack() }),
	}
}

// bye ends the session. The answer goes before the connection does.
func (t *Turn) bye() {
	c, s := t.conn, t.session
	if !t.finish() {
		return
	}
	c.say(map[string]any{"ref": t.message.ref, "result": true})
	s.leave(c)
	s.over()
	c.end(ReasonBye)
}

// list asks each lane, and answers with what they say.
func (t *Turn) list() {
	if !t.session.listing.CompareAndSwap(false, true) { // lanes look at all legs for it
		t.Refuse(Full, "one list at a time")
		return
	}
	type one struct {
		id   string
		text json.RawMessage
	}
	var mu sync.Mutex // held to append alone: lanes do not wait for one another's legs
	var all []one
	var left, out atomic.Int64
	left.Store(int64(len(t.hub.places)))
	room := newBudget(int64(t.hub.most.listed), mostList)
	t.hub.eachLane(func(l *lane.Lane, _ *place) {
		var here []one
		for leg := range t.hub.o.Agent.All(l) {
			if room.spent() {
				out.Add(1)
			} else if text := t.hub.listed(leg); room.take(len(text)) {
				here = append(here, one{t.hub.o.ID(leg), text})
			} else {
				out.Add(1)
			}
		}
		mu.Lock()
		all = append(all, here...)
		mu.Unlock()
		if left.Add(-1) > 0 {
			return
		}
		slices.SortFunc(all, func(a, b one) int { return strings.Compare(a.id, b.id) })
		legs := make([]json.RawMessage, len(all))
		for i := range all {
			legs[i] = all[i].text
		}
		t.session.listing.Store(false)
		t.Done(map[string]any{"legs": legs, "left_out": out.Load()})
	})
}

// described is a leg with what it has said and heard.
type described struct {
	Info
	LocalSDP  string `json:"local_sdp,omitempty"`
	RemoteSDP string `json:"remote_sdp,omitempty"`
}

func (t *Turn) state() {
	t.Done(described{t.hub.info(t.Leg), string(t.Leg.LocalSDP()), string(t.Leg.RemoteSDP())})
}

func (t *Turn) claim() {
	g := t.grip
	switch {
	case g != nil && g.master != nil && g.master != t.session:
		t.Refuse(NotMaster, "")
		return
	case g == nil && t.hub.o.Owned(t.Leg),
		g != nil && g.master == nil && !g.alone: // it waits for an app
		t.Refuse(Owned, "")
		return
	case t.session.legs.Load() >= t.hub.most.legs:
		t.Refuse(Full, "")
		return
	case g == nil:
		g = t.hub.grip(t.Leg)
		g.alone = true
		g.take(t.session)
	case g.master == nil:
		g.give(t.session)
	}
	t.Done(t.hub.info(t.Leg))
}

func (t *Turn) giveBack() {
	g := t.grip
	if g.busy > 0 || t.Leg.Peer() != nil && g.back != nil {
		t.Refuse(Busy, "")
		return
	}
	s, l := t.session, t.Leg
	if g.back == nil && !g.alone { // nobody would end it
		t.Refuse(Busy, "no script waits for the leg: hang_up ends it")
		return
	}
	t.Done(true)
	about := map[string]any{"leg": t.hub.info(l), "why": WhyGivenBack}
	g.release(WhyGivenBack)
	s.push(eventText("left", about))
}
