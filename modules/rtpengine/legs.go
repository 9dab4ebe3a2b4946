package rtpengine

// Media of calls of this server's own (package engine/dialog): each pair of legs is a call at a
// daemon, whose parties are named by the legs.

import (
	"context"
	"errors"
	"fmt"

	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/modules/rtpengine/ng"
)

// LegMedia says how the media of a leg pass.
type LegMedia struct {
	Set  string `lua:"set" doc:"of daemons"`
	Side        // what the leg's party is shown
}

// Leg is what relays the media of a leg's party, for the options of engine/dialog.
func (p *RTPEngine) Leg(o LegMedia) dialog.Media { return &legMedia{p, o} }

// legMedia is a LegMedia of these daemons.
type legMedia struct {
	p *RTPEngine
	o LegMedia
}

// Far has the same daemons, and shows what is found out.
func (m *legMedia) Far() dialog.Media { return &legMedia{m.p, LegMedia{Set: m.o.Set}} }

// Between names the call of two legs.
func (m *legMedia) Between(x, y *dialog.Leg) dialog.Relay {
	r := &legs{m: m, x: x, tags: [2]string{x.ID(), y.ID()}}
	r.callID = m.p.callID(&carried{id: r.tags[0] + r.tags[1]}, []byte(x.CallID()))
	return r
}

// legs are two legs with a call at a daemon. They belong to their lane.
type legs struct {
	m      *legMedia
	x      *dialog.Leg
	tags   [2]string // x's and the other's, as the daemon knows them
	callID string
	engine *ng.Engine // that has the call; nil: none yet
	busy   bool
	over   bool
}

// mostLegsAsk bounds the descriptions of legs that wait for daemons.
const mostLegsAsk = 4096

// Show has the daemon make of a description what the other party is told.
func (r *legs) Show(s dialog.Shown, then func(text []byte, err error)) {
	d := r.command(s)
	p, list := r.m.p, r.engines()
	var used *ng.Engine
	var answer ng.Dict
	err := fmt.Errorf("%w in set %q", ng.ErrDown, r.m.o.Set)
	work := func() {
		if p.legsAsk.Add(1) > mostLegsAsk {
			err = errShown
		} else if len(list) > 0 {
			answer, err = p.try(context.Background(), list, d, func(e *ng.Engine) { used = e })
		}
		p.legsAsk.Add(-1)
	}
	after := func() {
		r.busy = false
		if used != nil {
			r.engine = used
		}
		if r.over {
			r.delete()
		}
		text := answer.Text("sdp")
		switch {
		case err == nil && text != "":
			then([]byte(text), nil)
		case p.goesOn.Load():
			p.log.Warn("media goes on without rtpengine", "call_id", r.callID, "error", err)
			then(s.Text, nil)
		default:
			p.log.Warn("a call has no media", "call_id", r.callID, "error", err)
			then(nil, errors.Join(ErrNoMedia, err))
		}
	}
	if e := p.eng.Load(); e != nil && !p.pool.Simulated() {
		r.busy = true
		e.Aside(r.x.Lane(), work, after)
		return
	}
	work()
	after()
}

// command is the one that shows a description.
func (r *legs) command(s dialog.Shown) ng.Dict {
	from, to := 0, 1
	if s.From != r.x {
		from, to = 1, 0
	}
	side := Side{}
	if m, ok := s.To.Media().(*legMedia); ok {
		side = m.o.Side
	}
	d := side.params(legKind(s.To), s.Answer)
	d["call-id"], d["command"], d["from-tag"], d["to-tag"] = r.callID, "offer", r.tags[from], r.tags[to]
	if s.Answer { // the one who offered is from-tag
		d["command"], d["from-tag"], d["to-tag"] = "answer", r.tags[to], r.tags[from]
	}
	other := Side{}
	if m, ok := s.From.Media().(*legMedia); ok {
		other = m.o.Side
	}
	d["sdp"] = toDaemon(s.Text, side.Codec.transcodes() || other.Codec.transcodes())
	return d
}

// legKind is what a leg's party speaks: what it said, or how it is reached.
func legKind(l *dialog.Leg) kind {
	if text := l.RemoteSDP(); text != nil {
		return speaks(text, 0)
	}
	if t := l.Target(); t != nil {
		return kindAt(t.Received, t.URI)
	}
	_, at := l.Invite()
	return speaks(nil, at.Transport)
}

// engines are those to try: the one that has the call, then others of the set.
func (r *legs) engines() []*ng.Engine {
	list := r.m.p.pool.Choose(r.m.o.Set, r.callID)
	if r.engine == nil || !r.engine.Up() {
		return list
	}
	out := []*ng.Engine{r.engine}
	for _, e := range list {
		if e != r.engine {
			out = append(out, e)
		}
	}
	return out
}

// End ends the call at the daemon, once what is under way is done.
func (r *legs) End() {
	r.over = true
	if !r.busy {
		r.delete()
	}
}

func (r *legs) delete() {
	r.m.p.later(r.engine, ng.Dict{"command": "delete", "call-id": r.callID, "from-tag": r.tags[0], "delete-delay": 0})
}
