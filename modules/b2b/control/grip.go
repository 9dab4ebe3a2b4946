package control

// A grip is what a hub knows of a leg that has a master, or waits for one. All of it belongs to the
// holder of the token of the leg's lane.

import (
	"cmp"
	"slices"
	"time"

	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
)

// OnLost is what becomes of a leg that has no master for too long.
type OnLost string

// The values of OnLost.
const (
	HangUp OnLost = "hang_up"
	Return OnLost = "return" // to the script
)

// Why a leg came back to its script.
const (
	WhyGivenBack = "given back" // by its master
	WhyEnded     = "ended"      // it has ended
	WhyNobody    = "nobody"     // no session took it in time
	WhyLost      = "lost"       // its master was gone for too long
	WhyTaken     = "taken"      // somebody has picked it up: it is not the script's
	WhyDemoted   = "demoted"    // its master may only read from now on
)

// Handover is how a script hands a leg over.
type Handover struct {
	App      string        // to sessions that serve this
	Deadline time.Duration // how long it may be without a master whose connection stands
	OnLost   OnLost        // and what happens then
}

// grip is one leg's.
type grip struct {
	hub    *Hub
	leg    *dialog.Leg
	id     string
	master *Session // nil: it waits for one
	o      Handover
	back   func(why string) // to its script; nil: no script waits for it
	alone  bool             // it goes on by itself: nobody has to end it
	busy   int              // orders that have not come back
	why    string           // what its script is told when it has ended
	timer  lane.Timer
	waits  bool // the timer runs
}

// HandOver gives a leg to a session that serves an app: from then on that is its master. back is
// called once, on the lane: with why the leg is the script's again, or has ended.
func (h *Hub) HandOver(l *dialog.Leg, o Handover, back func(why string)) {
	g := h.grip(l)
	g.o, g.back = o, back
	if s := h.pick(o.App); s != nil {
		g.give(s)
	} else {
		g.wait()
	}
}

func (h *Hub) grip(l *dialog.Leg) *grip {
	p := h.place(l)
	g := p.grips[l]
	if g == nil {
		g = &grip{hub: h, leg: l, id: h.o.ID(l)}
		p.grips[l] = g
	}
	return g
}

// Holds reports whether a leg has a master, or waits for one.
func (h *Hub) Holds(l *dialog.Leg) bool { return h.place(l).grips[l] != nil }

// Leave has a leg go on when its master is gone: it ends by itself.
func (h *Hub) Leave(l *dialog.Leg) {
	if g := h.place(l).grips[l]; g != nil {
		g.alone = true
		g.stop()
	}
}

// Free reports whether nobody here would end a leg.
func (h *Hub) Free(l *dialog.Leg) bool {
	g := h.place(l).grips[l]
	return g == nil || g.alone
}

// Taken ends what the hub has to do with a leg: somebody has picked it up.
func (h *Hub) Taken(l *dialog.Leg) {
	g := h.place(l).grips[l]
	if g == nil {
		return
	}
	s, about := g.master, map[string]any{"leg": h.info(l), "why": WhyTaken}
	g.release(WhyTaken)
	if s != nil {
		s.push(eventText("left", about))
	}
}

// wait begins the time that the leg may be without a master.
func (g *grip) wait() {
	if !g.waits && g.back != nil && !g.alone {
		g.waits = true
		g.leg.Lane().After(g.o.Deadline, &g.timer, g)
	}
}

func (g *grip) stop() {
	g.waits = false
	g.leg.Lane().StopTimer(&g.timer)
}

// take makes a session the master of a leg that it has made.
func (g *grip) take(s *Session) {
	if g.master != nil {
		g.master.legs.Add(-1)
	}
	g.master = s
	s.legs.Add(1)
	g.hub.place(g.leg).watch(s)
}

// give makes a session the master of a leg, and tells it.
func (g *grip) give(s *Session) {
	g.take(s)
	g.why = ""
	about := map[string]any{"leg": g.hub.info(g.leg)}
	if g.back != nil {
		about["app"], about["deadline"], about["on_lost"] = g.o.App, seconds(g.o.Deadline), g.o.OnLost
	}
	s.push(eventText("handed_over", about))
	if g.stop(); s.lost.Load() { // meanwhile: whoever lost it may have been here before us
		g.wait()
	}
}

// Expire is called when the leg was without a master for too long.
func (g *grip) Expire(*lane.Timer) {
	g.waits = false
	why := WhyNobody
	if g.master != nil || g.why != "" {
		why = WhyLost
	}
	g.takeApart()
	if g.o.OnLost == HangUp {
		g.why = why
		g.leg.HangUp("")
		return
	}
	if s := g.master; s != nil { // it may come back
		s.push(eventText("left", map[string]any{"leg": g.hub.info(g.leg), "why": why}))
	}
	g.release(why)
}

// takeApart ends what a lost master has begun with the leg, and the leg that it has joined it with.
func (g *grip) takeApart() {
	peer := g.leg.Peer()
	g.leg.CallOff()
	g.leg.Part()
	if peer == nil {
		return
	}
	if p := g.hub.place(peer).grips[peer]; p == nil || p.back == nil {
		peer.HangUp("")
	}
}

// release gives the leg up: to its script, if that waits for it.
func (g *grip) release(why string) {
	g.drop()
	if back := g.back; back != nil {
		g.back = nil
		back(why)
	}
}

// drop forgets the leg.
func (g *grip) drop() {
	g.stop()
	delete(g.hub.place(g.leg).grips, g.leg)
	if s := g.master; s != nil {
		g.master = nil
		s.legs.Add(-1)
	}
}

// ended is told of the leg's end.
func (g *grip) ended(why string) {
	if g.master != nil {
		g.master.noteEnd(g.id, why)
	}
	g.release(cmp.Or(g.why, WhyEnded))
}

// settle brings the legs of a lane in order after the connection of their master was lost or came
// back, or the session has ended. It looks at what is, not at what was: what was lost may be back.
func (h *Hub) settle(p *place, s *Session) {
	gone := s.gone.Load()
	if gone {
		p.watching = slices.DeleteFunc(p.watching, func(o *Session) bool { return o == s })
	}
	for _, g := range p.sorted() {
		if g.master == s {
			g.settle(s)
		}
	}
}

// settle is that for one of them.
func (g *grip) settle(s *Session) {
	switch gone := s.gone.Load(); {
	case gone:
		g.abandon(s)
	case s.demoted.Load():
		g.demote(s)
	case s.lost.Load():
		g.wait()
	default:
		g.stop()
	}
}

// Busy reports whether an order about a leg has not come back: the leg stays on its lane.
func (h *Hub) Busy(l *dialog.Leg) bool {
	g := h.place(l).grips[l]
	return g != nil && g.busy > 0
}

// Leaves is told that a leg goes to another lane. What it returns is called there when it has come.
func (h *Hub) Leaves(l *dialog.Leg) (arrives func(at *lane.Lane)) {
	p, told := h.place(l), h.shots.Load()
	g := p.grips[l]
	delete(p.grips, l)
	var when lane.Time
	if g != nil && g.waits {
		when = g.timer.When()
		l.Lane().StopTimer(&g.timer)
	}
	return func(at *lane.Lane) {
		if g != nil {
			h.places[at.ID()].grips[l] = g
		}
		if when != 0 {
			at.After(when.Sub(at.Now()), &g.timer, g)
		}
		// Behind those that come with it: a session may have gone on both lanes meanwhile
		if again := h.shots.Load() != told; again || g != nil {
			at.Return(lane.Func(func(at *lane.Lane) { h.arrived(l, g, at, again) }))
		}
	}
}

// arrived brings a leg in order that has come to a lane. again: sessions were told which legs there
// are, and may have missed it.
func (h *Hub) arrived(l *dialog.Leg, g *grip, at *lane.Lane, again bool) {
	if h.o.Agent.Find(at, l.ID()) != l {
		return
	}
	p := &h.places[at.ID()]
	switch {
	case g == nil || p.grips[l] != g:
	case g.master != nil:
		p.watch(g.master)
		g.settle(g.master)
	case !g.alone:
		if s := h.pick(g.o.App); s != nil {
			g.give(s)
		}
	}
	if again {
		h.Began(l)
	}
}

// abandon brings a leg in order whose master, a session, is over.
func (g *grip) abandon(s *Session) {
	g.leg.CallOff() // nobody would have who answers
	switch {
	case g.alone && g.back == nil:
		g.drop()
	case g.alone: // its script waits for the end
		s.legs.Add(-1)
		g.master = nil
	case g.back != nil: // it may be another's in what is left of the time
		s.legs.Add(-1)
		g.master, g.why = nil, WhyLost
		if next := g.hub.pick(g.o.App); next != nil && next != s {
			g.give(next)
		} else {
			g.wait()
		}
	default:
		g.leg.HangUp("")
	}
}

// demote takes a leg from a session whose client may no longer give orders, as if that were over;
// the client hears of what becomes of it.
func (g *grip) demote(s *Session) {
	goes := g.alone || g.back != nil
	if g.abandon(s); goes {
		s.push(eventText("left", map[string]any{"leg": g.hub.info(g.leg), "why": WhyDemoted}))
	}
}

// offer gives a session the legs that wait for one of its apps.
func (p *place) offer(s *Session) {
	if len(s.apps) == 0 || len(p.grips) == 0 {
		return
	}
	for _, g := range p.sorted() {
		if g.master == nil && !g.alone && s.takes(g.o.App) {
			g.give(s)
		}
	}
}

// sorted are the grips of a lane by their ids.
func (p *place) sorted() []*grip {
	list := make([]*grip, 0, len(p.grips))
	for _, g := range p.grips {
		list = append(list, g)
	}
	slices.SortFunc(list, func(a, b *grip) int { return cmp.Compare(a.id, b.id) })
	return list
}
