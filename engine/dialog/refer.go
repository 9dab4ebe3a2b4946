package dialog

// REFER from a party (RFC 3515): who is asked to call somebody is the party that it talks to, and
// this server does it.

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
)

// Referral is a REFER that waits for what its owner says: Refuse, Accept or Pass, once. It belongs
// to the lane of its leg.
type Referral struct {
	Leg *Leg   // whose party sent it
	To  string // the URI in Refer-To, without headers
	By  string // the value of Referred-By; "" for none
	// Talk: it names by Replaces a dialog of this server's (RFC 3891), a transfer after a talk.
	Talk bool
	// Elsewhere: it names by Replaces a dialog that is none of ours. Accept refuses it.
	Elsewhere bool

	talk *Leg      // the leg of that dialog, on this lane
	far  described // or what another lane says of it

	in      *engine.Incoming
	id      uint32
	sub     bool   // the sender wants to be told
	headers string // of the URI in Refer-To
	named   dialogID
	said    bool // its owner has decided
	opened  bool // the sender has a subscription: it is owed a last NOTIFY
	over    bool // it was refused, or has got that
}

// referred takes a REFER of the party.
func (l *Leg) referred(in *engine.Incoming, m *message.Message) {
	f := l.agent.o.Refer
	if b := l.bridge; b != nil && b.o.Refer != nil {
		f = b.o.Refer
	}
	if f == nil {
		_ = in.Answer(603, "", l.tag, nil)
		return
	}
	r, ok := l.referral(in, m)
	switch {
	case !ok: // RFC 3515 §2.4.2: exactly one
		_ = in.Answer(400, "", l.tag, nil)
	case l.s.phase != up || l.Peer() == nil || l.rare != nil && l.rare.refer != nil:
		_ = in.Answer(603, "", l.tag, nil)
	default:
		l.more().refer = r
		l.agent.describe(l, r.named, func(k described) {
			if r.over { // its sender has left meanwhile
				return
			}
			r.far = k
			if k.far.callID != "" {
				r.Talk, r.Elsewhere = true, false
			}
			f(r)
		})
	}
}

func (l *Leg) referral(in *engine.Incoming, m *message.Message) (*Referral, bool) {
	i := m.FindName("Refer-To", 0)
	if i < 0 || m.FindName("Refer-To", i+1) >= 0 {
		return nil, false
	}
	a, err := message.ParseAddress([]byte(unfolded(string(m.Value(i)))))
	if err != nil || a.Star {
		return nil, false
	}
	to, headers, _ := strings.Cut(string(a.URI), "?")
	cs, err := m.CSeq()
	if err != nil || to == "" {
		return nil, false
	}
	r := &Referral{Leg: l, To: to, By: unfolded(string(m.HeaderName("Referred-By"))), in: in, id: cs.Number, headers: headers}
	// RFC 4488 §4
	r.sub = !strings.EqualFold(strings.TrimSpace(string(m.HeaderName("Refer-Sub"))), "false")
	if d, ok := replacesIn(headers); ok {
		r.named = d
		r.talk = l.agent.named(l.lane, l, d)
		r.Talk = r.talk != nil
		r.Elsewhere = !r.Talk
	}
	return r, true
}

// named is the leg on a lane, but for another, whose dialog is meant.
func (a *Agent) named(home *lane.Lane, on *Leg, d dialogID) *Leg {
	l := a.tables[home.ID()][d.to]
	if l == nil || l == on || l.callID != d.callID || l.remoteTag != d.from || l.s.phase != up {
		return nil
	}
	return l
}

// Refuse refuses it, 300 to 699.
func (r *Referral) Refuse(code int) {
	if r.said {
		return
	}
	r.said = true
	r.refuse(max(code, 300))
}

func (r *Referral) refuse(code int) {
	r.over, r.opened = true, false
	if x := r.Leg.rare; x != nil && x.refer == r {
		x.refer = nil
	}
	_ = r.in.Answer(code, "", r.Leg.tag, nil)
}

// accept answers 202: a NOTIFY may follow. quiet: there is no subscription (RFC 4488).
func (r *Referral) accept(code int, quiet bool) {
	var headers []engine.HeaderEdit
	if quiet {
		headers = []engine.HeaderEdit{{Name: "Refer-Sub", Values: []string{"false"}}}
	}
	headers = append(headers, engine.HeaderEdit{Name: "Contact", Values: []string{r.Leg.ownContact}})
	r.opened = r.in.Answer(code, "", r.Leg.tag, &engine.ReplyOptions{Headers: headers}) == nil && !quiet
}

// Accept does what is asked: the party that the sender talks to goes to the first of the targets
// that answers, or to whom the sender has talked to before (Talk). The sender is told (202,
// NOTIFY), and then ended; if nobody answers, the two are joined again.
func (r *Referral) Accept(targets []*engine.Target, o DialOptions, b BridgeOptions) error {
	l, peer := r.Leg, r.Leg.Peer()
	if r.said {
		return ErrState
	}
	if peer == nil || l.s.phase != up || peer.s.phase != up || peer.hunt != nil || r.Elsewhere {
		r.Refuse(603)
		return ErrState
	}
	for _, t := range targets {
		if err := t.Check(); err != nil {
			r.Refuse(603)
			return err
		}
	}
	r.said = true
	r.accept(202, !r.sub)
	r.notify(100, "Trying", nil)
	if r.talk != nil && len(targets) == 0 {
		r.toTalk(b)
		return nil
	}
	if r.Talk && len(targets) == 0 {
		r.bringTalk(o, b)
		return nil
	}
	return r.dial(peer, targets, o, b)
}

// dial has the peer of who has sent the REFER go to the first of the targets that answers.
func (r *Referral) dial(peer *Leg, targets []*engine.Target, o DialOptions, b BridgeOptions) error {
	l := r.Leg
	x := &moving{agent: l.agent, leg: peer, o: b, keep: true, done: func(far *Leg, res *engine.Response) {
		if far != nil {
			r.finish(200, "OK", true)
			return
		}
		r.finish(res.Code(), res.Reason(), l.Peer() == nil) // whom it talked to may have left
	}}
	return x.dial(targets, o)
}

// bringTalk is toTalk for a talk that is on another lane: its legs come to this one. If they may
// not, the party of that talk is called, and takes it over by Replaces.
func (r *Referral) bringTalk(o DialOptions, b BridgeOptions) {
	a, here := r.Leg.agent, r.Leg.lane
	came := func(talk *Leg, err error) {
		peer := r.Leg.Peer()
		if err == nil && a.named(here, r.Leg, r.named) != talk { // it has gone on already
			err = ErrBusy
		}
		switch {
		case r.over: // its sender has left meanwhile
		case peer == nil || errors.Is(err, ErrState): // whom it talked to, or was to
			r.finish(481, "", false)
		case err == nil:
			r.talk = talk
			r.toTalk(b)
		default:
			o.Replaces = r.far.far.String()
			if r.dial(peer, []*engine.Target{r.far.to}, o, b) != nil {
				r.finish(500, "", false)
			}
		}
	}
	back := func(talk *Leg, err error) { here.Return(lane.Func(func(*lane.Lane) { came(talk, err) })) }
	a.laneOf(r.named).Return(lane.Func(func(home *lane.Lane) {
		talk := a.named(home, r.Leg, r.named)
		if talk == nil { // it is over, or on its way to yet another lane
			back(nil, ErrBusy)
			return
		}
		a.BringSoon(talk, here, func(err error) { back(talk, err) })
	}))
}

// laneOf is where a dialog of this server is.
func (a *Agent) laneOf(d dialogID) *lane.Lane {
	return a.eng.LaneOfOwn(engine.Dialog{CallID: d.callID, Local: d.to, Remote: d.from})
}

// Done says that what is asked for has been done in another way: the sender is told so, and ended.
func (r *Referral) Done() error {
	if r.said || r.over || r.Leg.s.phase != up {
		return ErrState
	}
	r.said = true
	r.accept(202, !r.sub)
	r.finish(200, "OK", true)
	return nil
}

// Referring reports whether the party has sent a REFER that is not done with: its leg ends with
// that, or goes on.
func (l *Leg) Referring() bool { return l.rare != nil && l.rare.refer != nil }

// toTalk joins whom the sender talks to with whom it has talked to before.
func (r *Referral) toTalk(b BridgeOptions) {
	to := r.talk.Peer()
	if to == nil || r.Leg.agent.move(r.Leg.Peer(), to, b, r.Leg) != nil {
		r.finish(481, "", false)
		return
	}
	r.finish(200, "OK", true)
}

// finish tells the last: a BYE comes after that NOTIFY.
func (r *Referral) finish(code int, reason string, leave bool) {
	l := r.Leg
	if r.over {
		return
	}
	then := func() {
		if leave {
			l.hangUp(480, WhyHangUp, "")
		}
	}
	if !r.opened {
		r.close()
		then()
		return
	}
	r.notify(code, reason, then)
}

// close notes that nothing is left to be told.
func (r *Referral) close() {
	r.over, r.opened = true, false
	if x := r.Leg.rare; x != nil && x.refer == r {
		x.refer = nil
	}
}

// notify tells how far it is (§2.4.5); then, not nil, is called when the last was answered.
func (r *Referral) notify(code int, reason string, then func()) {
	if !r.opened {
		return
	}
	if reason == "" {
		reason = proxy.NewResponse(code, "", nil).Reason()
	}
	n := notice{state: "active;expires=300", body: fmt.Appendf(nil, "SIP/2.0 %d %s\r\n", code, reason), kind: fragType}
	if then != nil {
		n.state = "terminated;reason=noresource"
		r.close()
	}
	r.Leg.notify(r.id, n, func(*engine.Response, error) {
		if then != nil {
			then()
		}
	})
}
