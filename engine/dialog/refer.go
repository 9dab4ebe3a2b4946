package dialog

// REFER from a party (RFC 3515): who is asked to call somebody is the party that it talks to, and
// this server does it.

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
)

// Referral is a REFER that waits for what its owner says: Refuse or Accept, once. It belongs to the
// lane of its leg.
type Referral struct {
	Leg  *Leg   // whose party sent it
	To   string // the URI in Refer-To, without headers
	By   string // the value of Referred-By; "" for none
	Talk *Leg   // the leg whose peer it names by Replaces (RFC 3891): a transfer after a talk

	in   *engine.Incoming
	id   uint32
	sub  bool // the sender wants to be told
	said bool
}

// referred takes a REFER of the party.
func (l *Leg) referred(in *engine.Incoming, m *message.Message) {
	f := l.agent.o.Refer
	if f == nil {
		_ = in.Answer(603, "", l.tag, nil)
		return
	}
	r, ok := l.referral(in, m)
	switch {
	case !ok: // RFC 3515 §2.4.2: exactly one
		_ = in.Answer(400, "", l.tag, nil)
	case r.Talk == nil && strings.Contains(string(m.HeaderName("Refer-To")), "eplaces="):
		_ = in.Answer(603, "", l.tag, nil) // a dialog that is none of ours, or of another lane
	case l.s.phase != up || l.Peer() == nil || l.rare != nil && l.rare.refer != nil:
		_ = in.Answer(603, "", l.tag, nil)
	default:
		l.more().refer = r
		f(r)
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
	r := &Referral{Leg: l, To: to, By: unfolded(string(m.HeaderName("Referred-By"))), in: in, id: cs.Number}
	// RFC 4488 §4
	r.sub = !strings.EqualFold(strings.TrimSpace(string(m.HeaderName("Refer-Sub"))), "false")
	for _, h := range strings.Split(headers, "&") {
		name, value, _ := strings.Cut(h, "=")
		if strings.EqualFold(name, "Replaces") {
			if value, err := url.PathUnescape(value); err == nil {
				r.Talk = l.agent.named(l, value)
			}
		}
	}
	return r, true
}

// named is the leg on the lane of another whose dialog a value of Replaces names (RFC 3891 §3): our
// tag is to-tag.
func (a *Agent) named(on *Leg, replaces string) *Leg {
	parts := strings.Split(replaces, ";")
	var to, from string
	for _, p := range parts[1:] {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		switch strings.ToLower(name) {
		case "to-tag":
			to = value
		case "from-tag":
			from = value
		}
	}
	l := a.tables[on.lane.ID()][to]
	if l == nil || l == on || l.callID != strings.TrimSpace(parts[0]) || l.remoteTag != from || l.s.phase != up {
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
	r.Leg.rare.refer = nil
	_ = r.in.Answer(max(code, 300), "", r.Leg.tag, nil)
}

// Accept does what is asked: the party that the sender talks to goes to the first of the targets
// that answers, or to whom the sender has talked to before (Talk). The sender is told (202,
// NOTIFY), and then ended; if nobody answers, the two are joined again.
func (r *Referral) Accept(targets []*engine.Target, o DialOptions, b BridgeOptions) error {
	l, peer := r.Leg, r.Leg.Peer()
	if r.said {
		return ErrState
	}
	if peer == nil || l.s.phase != up || peer.s.phase != up || peer.hunt != nil {
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
	var headers []engine.HeaderEdit
	if !r.sub {
		headers = []engine.HeaderEdit{{Name: "Refer-Sub", Values: []string{"false"}}}
	}
	_ = r.in.Answer(202, "", l.tag, &engine.ReplyOptions{Headers: append(headers, engine.HeaderEdit{Name: "Contact", Values: []string{l.ownContact}})})
	r.notify(100, "Trying", nil)
	if r.Talk != nil {
		r.toTalk(b)
		return nil
	}
	x := &moving{agent: l.agent, leg: peer, o: b, keep: true, done: func(far *Leg, res *engine.Response) {
		if far != nil {
			r.over(200, "OK", true)
			return
		}
		r.over(res.Code(), res.Reason(), l.Peer() == nil) // whom it talked to may have left
	}}
	return x.dial(targets, o)
}

// toTalk joins whom the sender talks to with whom it has talked to before.
func (r *Referral) toTalk(b BridgeOptions) {
	to := r.Talk.Peer()
	if to == nil || r.Leg.agent.move(r.Leg.Peer(), to, b, r.Leg) != nil {
		r.over(481, "", false)
		return
	}
	r.over(200, "OK", true)
}

// over tells the last: a BYE comes after that NOTIFY.
func (r *Referral) over(code int, reason string, leave bool) {
	l := r.Leg
	if l.rare != nil {
		l.rare.refer = nil
	}
	then := func() {
		if leave {
			l.hangUp(480, WhyHangUp, "")
		}
	}
	if l.s.phase != up {
		return
	}
	if !r.sub {
		then()
		return
	}
	r.notify(code, reason, then)
}

// notify tells how far it is (§2.4.5); then, not nil, is called when the last was answered.
func (r *Referral) notify(code int, reason string, then func()) {
	l := r.Leg
	if !r.sub || l.s.phase != up {
		return
	}
	if reason == "" {
		reason = proxy.NewResponse(code, "", nil).Reason()
	}
	s := l.within("NOTIFY")
	s.NameContact, s.ContactUser = true, l.contact
	state := "active;expires=300"
	if then != nil {
		state = "terminated;reason=noresource"
	}
	s.Headers = append(s.Headers, engine.HeaderEdit{Name: "Event", Values: []string{"refer;id=" + strconv.FormatUint(uint64(r.id), 10)}},
		engine.HeaderEdit{Name: "Subscription-State", Values: []string{state}})
	s.Body, s.ContentType = fmt.Appendf(nil, "SIP/2.0 %d %s\r\n", code, reason), "message/sipfrag;version=2.0"
	err := l.send(s, func(*engine.Response, error) {
		if then != nil {
			then()
		}
	})
	if err != nil && then != nil {
		then()
	}
}
