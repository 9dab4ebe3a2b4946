package regevent

// This file answers SUBSCRIBE requests: those that begin a subscription, and those that refresh and
// end one.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// Subscribe answers the SUBSCRIBE req, with headers added to the answer whatever its code, and
// takes the request's decision. ok reports whether it was accepted; err says why not: a refusal,
// engine.ErrRequestOver if the request is already over, or an *engine.MisuseError. If the
// registrations have to be waited for, the lane is lent.
func (n *Notifier) Subscribe(req *engine.Request, headers []engine.HeaderEdit) (ok bool, err error) {
	a, err := n.Take(req)
	if err != nil {
		return false, err
	}
	if n.from.Waits() {
		if _, err := engine.Await(req, func(ctx context.Context) (struct{}, error) { a.Look(ctx); return struct{}{}, nil }); err != nil {
			return false, err
		}
	} else {
		a.Look(context.Background())
	}
	return a.Answer(headers)
}

// Ask is a SUBSCRIBE that is being served, for callers that lend the lane by other means than
// engine.Await: Take, then Look, then Answer.
type Ask struct {
	n   *Notifier
	req *engine.Request
	s   *subscription
	now time.Time
	no  *refusal
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
	a := &Ask{n: n, req: req, now: req.Engine().Clock().Wall()}
	a.no = a.read()
	return a, nil
}

func (a *Ask) read() *refusal {
	m, p := a.req.Message(), a.n.policy.Load()
	if a.req.InDialog() { // Intercept takes those of our dialogs
		return refuse(481, "")
	}
	aor, no := aorOf(a.req)
	if no != nil {
		return no
	}
	d, no := readDemand(a.req, nil, p)
	if no != nil {
		return no
	}
	a.s, no = newSubscription(a.n, a.req, aor, &d, m)
	return no
}

// Look checks whether the registrations can be read. It may block, and run on any goroutine.
func (a *Ask) Look(ctx context.Context) {
	if a.no != nil {
		return
	}
	if _, err := a.n.from.Contacts(ctx, a.s.view.aor, a.now); err != nil {
		a.no = unavailable("", err)
	}
}

// Answer answers on the request's lane, as Subscribe says. The first NOTIFY follows at once.
func (a *Ask) Answer(headers []engine.HeaderEdit) (ok bool, err error) {
	if a.no == nil {
		a.no = a.n.add(a.s)
	}
	if a.no != nil {
		if err := send(a.req, a.no.code, a.no.reason, a.no.headers, headers); err != nil {
			return false, err
		}
		return false, fmt.Errorf("registrar: subscribe: %w", a.no)
	}
	s := a.s
	if err := send(a.req, 200, "", s.accepted(), headers); err != nil {
		s.drop()
		return false, err
	}
	s.kick()
	return true, nil
}

// Intercept serves the later SUBSCRIBEs of the notifier's dialogs, which come to its Contact, and
// reports whether req was one. Go programs call it first in Route; scripts don't see the request.
func (n *Notifier) Intercept(req *engine.Request) (taken bool, err error) {
	if req.Method() != message.MethodSubscribe || !req.InDialog() || !forUs(req) {
		return false, nil
	}
	m := req.Message()
	s := n.find(dialog{string(m.CallID()), string(m.ToTag()), string(m.FromTag())})
	no := refuse(481, "")
	if s != nil && s.lane == req.Lane() && s.ending == "" {
		no = s.subscribeAgain(req)
	}
	if no != nil {
		err = send(req, no.code, no.reason, no.headers, nil)
	}
	if errors.Is(err, engine.ErrRequestOver) {
		err = nil
	}
	return true, err
}

// forUs reports whether the Request-URI is a Contact of this notifier, or of an earlier one in its
// place.
func forUs(req *engine.Request) bool {
	m := req.Message()
	uri, err := message.ParseURI(m.RequestURI())
	return err == nil && uri.IsSIP() && string(uri.User) == contactUser && m.Find(message.HeaderRoute, 0) < 0 &&
		req.Engine().IsLocal(string(uri.Host), uri.Port)
}

// subscribeAgain refreshes the subscription, or ends it.
func (s *subscription) subscribeAgain(req *engine.Request) *refusal {
	cseq, err := req.Message().CSeq()
	if err != nil {
		return refuse(400, "Bad CSeq")
	}
	if cseq.Number <= s.remoteCSeq { // RFC 3261 §12.2.2
		return refuse(500, "Out Of Order")
	}
	s.remoteCSeq = cseq.Number
	d, no := readDemand(req, s.target, s.notifier.policy.Load())
	if no != nil {
		return no
	}
	// Another subscription, which shares no dialog here (RFC 6665 §4.5.2)
	if d.eventID != s.eventID {
		return refuse(481, "")
	}
	s.moved(req, d.target)
	s.target, s.contact = d.target, ownContact(req)
	s.last(d.expires)
	if err := send(req, 200, "", s.accepted(), nil); err != nil {
		return nil // it is over: the NOTIFY says so
	}
	s.kick()
	return nil
}
