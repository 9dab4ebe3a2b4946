package notifier

// This file answers SUBSCRIBE requests: those that begin a subscription, and those that refresh and
// end one.

import (
	"errors"
	"fmt"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// Ask is a SUBSCRIBE outside of a dialog that is being served: Take, then Offer or Refuse, then
// Answer. Between them the lane may be lent.
type Ask struct {
	n   *Notifier
	req *engine.Request
	s   *Subscription
	aor string
	no  *Refusal
	on  func()
}

// Take reads req on its lane. An error is a MisuseError, or engine.ErrRequestOver; Answer reports
// what is wrong with the request.
func (n *Notifier) Take(req *engine.Request) (*Ask, error) {
	m := req.Message()
	switch {
	case m.Method() != message.MethodSubscribe:
		return nil, &engine.MisuseError{Text: "the request is " + string(m.MethodText()) + ", not SUBSCRIBE"}
	case req.Decided():
		return nil, &engine.MisuseError{Text: "this request has been decided already; return after the first decision"}
	case req.Over():
		return nil, engine.ErrRequestOver
	}
	a := &Ask{n: n, req: req}
	a.no = a.read()
	return a, nil
}

func (a *Ask) read() (no *Refusal) {
	if a.req.InDialog() { // Intercept takes those of our dialogs
		return Refuse(481, "")
	}
	if a.aor, no = Address(a.req); no != nil {
		return no
	}
	d, no := a.n.readDemand(a.req, nil)
	if no != nil {
		return no
	}
	a.s, no = newSubscription(a.n, a.req, &d)
	return no
}

// Refused reports whether the answer will not be a 2xx.
func (a *Ask) Refused() bool { return a.no != nil }

// AOR is the canonical address that the SUBSCRIBE is about. It and Event are there unless Refused.
func (a *Ask) AOR() string { return a.aor }

// Event is the package that is asked for.
func (a *Ask) Event() *Package { return a.s.event }

// Accepts reports whether the subscriber understands the documents of one of the package's Types.
func (a *Ask) Accepts(i int) bool { return a.s.accepts&(1<<i) != 0 }

// Fetches reports whether the SUBSCRIBE wants one NOTIFY (Expires: 0).
func (a *Ask) Fetches() bool { return a.s.granted == 0 }

// Subscription is what the ask becomes when it was answered. It is nil if it was refused by Take.
func (a *Ask) Subscription() *Subscription { return a.s }

// Refuse has the SUBSCRIBE refused, unless it is already.
func (a *Ask) Refuse(no *Refusal) {
	if a.no == nil {
		a.no = no
	}
}

// Offer makes the SUBSCRIBE a subscription to a resource, by a watcher, with what it reports.
func (a *Ask) Offer(key, watcher string, feed Feed) {
	if a.no == nil {
		a.s.key, a.s.watcher, a.s.feed = key, watcher, feed
		a.s.pack()
	}
}

// Then has f called once the SUBSCRIBE was accepted, before the first NOTIFY.
func (a *Ask) Then(f func()) { a.on = f }

// Answer answers on the request's lane, with headers added to the answer whatever its code, and
// takes the request's decision. ok reports whether it was accepted; err says why not: a *Refusal,
// engine.ErrRequestOver if the request is already over, or an *engine.MisuseError. The first NOTIFY
// follows at once.
func (a *Ask) Answer(headers []engine.HeaderEdit) (ok bool, err error) {
	if a.no == nil {
		a.no = a.n.add(a.s)
	}
	if a.no != nil {
		if err := Reply(a.req, a.no.Code, a.no.Reason, a.no.Headers, headers); err != nil {
			return false, err
		}
		return false, fmt.Errorf("%s: subscribe: %w", a.n.o.Name, a.no)
	}
	s := a.s
	if err := Reply(a.req, 200, "", s.accepted(), headers); err != nil {
		s.drop()
		return false, err
	}
	if a.on != nil {
		a.on()
	}
	s.keep(false)
	s.kick()
	return true, nil
}

// Intercept serves the later SUBSCRIBEs of the notifier's dialogs, which come to its Contact, and
// reports whether req was one. Go programs call it first in Route; scripts don't see the request.
func (n *Notifier) Intercept(req *engine.Request) (taken bool, err error) {
	if req.Method() != message.MethodSubscribe || !req.InDialog() || !n.forUs(req) {
		return false, nil
	}
	m := req.Message()
	dialog := dialogKey(m.CallID(), m.ToTag(), m.FromTag())
	s := n.find(dialog)
	adopted := s == nil && n.o.Elsewhere != nil && n.o.Elsewhere(req.Lane(), dialog)
	if adopted {
		s = n.find(dialog)
	}
	no := Refuse(481, "")
	if s != nil && s.lane == req.Lane() && s.ending == "" && !s.gone {
		no = s.subscribeAgain(req)
	}
	if no != nil {
		err = Reply(req, no.Code, no.Reason, no.Headers, nil)
		if adopted && s != nil && !s.gone { // it is here all the same: the other process hears so
			s.putOff(s.lane.Now(), 0)
			s.keep(false)
			s.kick()
		}
	}
	if errors.Is(err, engine.ErrRequestOver) {
		err = nil
	}
	return true, err
}

// forUs reports whether the Request-URI is a Contact of this notifier, or of an earlier one in its
// place.
func (n *Notifier) forUs(req *engine.Request) bool {
	m := req.Message()
	uri, err := message.ParseURI(m.RequestURI())
	return err == nil && uri.IsSIP() && string(uri.User) == n.o.User && m.Find(message.HeaderRoute, 0) < 0 &&
		req.Engine().IsLocal(string(uri.Host), uri.Port)
}

// subscribeAgain refreshes the subscription, or ends it.
func (s *Subscription) subscribeAgain(req *engine.Request) *Refusal {
	cseq, err := req.Message().CSeq()
	if err != nil {
		return Refuse(400, "Bad CSeq")
	}
	if cseq.Number <= s.remoteCSeq { // RFC 3261 §12.2.2
		return Refuse(500, "Out Of Order")
	}
	s.remoteCSeq = cseq.Number
	d, no := s.notifier.readDemand(req, &s.way)
	if no != nil {
		return no
	}
	// Another subscription, which shares no dialog here (RFC 6665 §4.5.2)
	if d.eventID != s.eventID || d.event.Event != s.event.Event {
		return Refuse(481, "")
	}
	s.moved(req, d.way)
	s.contact = req.OwnContact(s.notifier.o.User)
	code := 200
	if s.knows(d.suppress) { // RFC 5839 §6.3: nothing new for the subscriber
		code = 204
		s.extend(s.lane.Now(), d.expires)
		s.until.Store(s.lane.Wall().Add(d.expires).UnixMilli())
	} else {
		s.last(d.expires)
	}
	if err := Reply(req, code, "", s.accepted(), nil); err != nil {
		return nil // it is over: the NOTIFY says so
	}
	if code == 204 && d.expires == 0 { // nor is the end told
		s.drop()
		return nil
	}
	s.keep(false)
	s.kick()
	return nil
}

// knows reports whether the state is the one with that entity tag, of which the subscriber was
// told.
func (s *Subscription) knows(tag string) bool {
	if tag == "" || s.flying || s.full || s.busy {
		return false
	}
	t, ok := s.feed.(Tagged)
	return ok && (tag == "*" || tag == t.Tag())
}
