package dialog

// REFERs of ours (RFC 3515): of the owner of a leg, and those of the peer that are passed.

import (
	"slices"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
)

const (
	mostRefers  = 4 // of ours that one leg has under way
	referTime   = 180 * time.Second
	longestWait = time.Hour // for the next NOTIFY
)

// sentRefer is a REFER of ours, until its last NOTIFY. It belongs to the lane.
type sentRefer struct {
	leg      *Leg
	id       uint32        // its CSeq number
	answered bool          // by a final response, or a NOTIFY in its place
	code     int           // that the last NOTIFY told
	lasts    time.Duration // of ours: until it is given up
	passes   *Referral     // the peer's, which it is; nil: ours
	done     func(*engine.Response)
	timer    lane.Timer
}

// ReferOptions of Refer. All may be zero.
type ReferOptions struct {
	Timeout time.Duration       // until the last NOTIFY, default 180 s
	Headers []engine.HeaderEdit // in the REFER
	// Replaces is the dialog of another leg that the party takes over (RFC 3891): see Party. "":
	// none.
	Replaces string
}

// Party is how a party of another leg is told of this leg's: whom it calls, and the dialog of this
// leg that it takes over then, for ReferOptions. dialog is "" unless the leg is answered.
func (l *Leg) Party() (uri, dialog string) {
	if l.s.phase != up {
		return "", ""
	}
	return uriIn(l.remoteName), l.dialog().String()
}

// Refer asks the party to call somebody by itself. done is called once, on the lane: with nil
// if the party has told that it has succeeded, or with why not: its refusal of the REFER, or what
// the last NOTIFY told; 408 if that did not come in time, 487 with the cause "cancelled" if the leg
// has ended. The leg goes on.
func (l *Leg) Refer(uri string, o ReferOptions, done func(*engine.Response)) error {
	switch {
	case l.s.phase != up:
		return ErrState
	case o.Replaces == l.dialog().String() || l.rare != nil && len(l.rare.refers) >= mostRefers:
		return ErrBusy
	}
	headers := ""
	if o.Replaces != "" {
		headers = "?Replaces=" + escaped(o.Replaces)
	}
	x := &sentRefer{leg: l, done: done, lasts: o.Timeout}
	if x.lasts <= 0 {
		x.lasts = referTime
	}
	s := l.within("REFER")
	s.Headers = append(s.Headers, o.Headers...)
	s.Headers = append(s.Headers, engine.HeaderEdit{Name: "Refer-To", Values: []string{"<" + uri + headers + ">"}})
	return x.send(s)
}

// send sends the REFER.
func (x *sentRefer) send(s *engine.SendSpec) error {
	l := x.leg
	if err := proxy.CheckEdits(s.Headers); err != nil {
		return err
	}
	x.id = s.CSeq
	s.NameContact, s.ContactUser = true, l.contact
	// Its subscription has the number that is answered (RFC 3515 §2.4.6)
	s.NextCSeq = func() uint32 {
		x.id = l.next()
		return x.id
	}
	l.more().refers = append(l.more().refers, x)
	if x.passes == nil {
		l.lane.After(x.lasts, &x.timer, x)
	}
	err := l.send(s, x.response)
	if err != nil {
		x.drop()
	}
	return err
}

// drop forgets it.
func (x *sentRefer) drop() {
	l := x.leg
	l.lane.StopTimer(&x.timer)
	l.rare.refers = slices.DeleteFunc(l.rare.refers, func(o *sentRefer) bool { return o == x })
}

// known reports whether it has not come to an end.
func (x *sentRefer) known() bool { return slices.Contains(x.leg.rare.refers, x) }

// response takes its answer.
func (x *sentRefer) response(res *engine.Response, err error) {
	if !x.known() {
		return
	}
	if err != nil {
		res = failure(err)
	}
	switch good := res.Code()/100 == 2; {
	case !good && x.passes != nil && !x.answered:
		x.drop()
		x.passes.refuse(passedCode(res.Code()))
	case !good:
		x.end(res)
	default:
		x.accepted(res)
	}
}

// accepted is a 2xx, or a NOTIFY that has overtaken it: nil.
func (x *sentRefer) accepted(res *engine.Response) {
	if x.answered {
		return
	}
	x.answered = true
	code, quiet := 202, false
	if res != nil {
		code = res.Code()
		quiet = strings.EqualFold(strings.TrimSpace(string(res.Message().HeaderName("Refer-Sub"))), "false")
	}
	if r := x.passes; r != nil {
		r.accept(code, quiet)
		x.leg.lane.After(referTime, &x.timer, x)
	}
	if quiet { // RFC 4488 §4: there will be no NOTIFY
		x.drop()
		if r := x.passes; r != nil {
			r.close()
			return
		}
		x.done(nil)
	}
}

// heard takes a NOTIFY.
func (x *sentRefer) heard(in *engine.Incoming, n notice) {
	x.accepted(nil)
	over, lasts := n.ends()
	if code := n.status(); code != 0 {
		x.code = code
	}
	if x.passes != nil {
		x.pass(in, n, over, lasts)
		return
	}
	_ = in.Answer(200, "", x.leg.tag, nil)
	if over || x.code >= 200 {
		x.end(nil)
	}
}

// pass sends a NOTIFY on to who sent the REFER, and its answer back.
func (x *sentRefer) pass(in *engine.Incoming, n notice, over bool, lasts time.Duration) {
	r, l := x.passes, x.leg
	if !r.opened { // who sent it has left
		x.drop()
		_ = in.Answer(481, "", l.tag, nil)
		return
	}
	if over {
		x.drop()
		r.close()
	} else if lasts > 0 {
		l.lane.After(min(lasts+referTime/2, longestWait), &x.timer, x)
	}
	r.Leg.notify(r.id, n, func(res *engine.Response, err error) {
		code := 408
		if err == nil {
			code = res.Code()
		}
		if code == 481 || code == 489 { // it wants no more of them (RFC 6665 §4.2.2)
			r.close()
		}
		_ = in.Answer(passedCode2xx(code), "", l.tag, nil)
	})
}

// passedCode2xx is passedCode of a code that may be a success.
func passedCode2xx(code int) int {
	if code/100 == 2 {
		return 200
	}
	return passedCode(code)
}

// end tells who waits what it came to: res, or what the NOTIFYs have told.
func (x *sentRefer) end(res *engine.Response) {
	x.drop()
	if r := x.passes; r != nil {
		switch {
		case r.opened:
			r.finish(res.Code(), res.Reason(), false)
		case !r.over:
			r.refuse(passedCode(res.Code()))
		}
		return
	}
	if res == nil && x.code/100 != 2 {
		code := x.code
		if code < 300 { // the last one told nothing final
			code = 500
		}
		res = proxy.NewResponse(code, "", nil)
	}
	x.done(res)
}

// Expire gives it up: nothing is heard of it.
func (x *sentRefer) Expire(*lane.Timer) { x.end(proxy.NewResponse(408, engine.CauseTimeout, nil)) }

// Pass passes a REFER to the peer of who sent it, and the peer's answer and NOTIFYs back. A dialog
// of this server that it names by Replaces is named as the other party of that call knows it (RFC
// 3891): whoever follows the REFER can call that party.
func (r *Referral) Pass() error {
	if r.said {
		return ErrState
	}
	peer := r.Leg.Peer()
	if peer == nil || r.Leg.s.phase != up || peer.s.phase != up || peer.rare != nil && len(peer.rare.refers) >= mostRefers {
		r.Refuse(603)
		return ErrState
	}
	r.said = true
	to, headers := r.To, r.headers
	if k := r.far; k.far.callID != "" {
		headers = withReplaces(headers, k.far)
		// Our Contact is nothing to call
		if contact := k.contact; to == contact || contact == "" && to == r.Leg.contactAs(k.user) {
			to = k.uri
		}
	}
	return r.pass(peer, to, headers)
}

// pass sends it.
func (r *Referral) pass(peer *Leg, to, headers string) error {
	if headers != "" {
		to += "?" + headers
	}
	s := peer.within("REFER")
	m := r.in.Message()
	add := func(name, value string) {
		if value != "" {
			s.Headers = append(s.Headers, engine.HeaderEdit{Name: name, Values: []string{value}})
		}
	}
	add("Refer-To", "<"+to+">")
	add("Referred-By", r.By)
	add("Refer-Sub", unfolded(string(m.HeaderName("Refer-Sub"))))
	if body := m.Body(); len(body) > 0 { // RFC 3892 §2.2, for example
		s.Body, s.ContentType = clone(body), string(m.Header(message.HeaderContentType))
	}
	x := &sentRefer{leg: peer, passes: r}
	if err := x.send(s); err != nil {
		r.refuse(500)
		return err
	}
	return nil
}

// described is what a lane knows of a leg, for legs of others.
type described struct {
	contact string   // the URI of our Contact in its dialog; "" while that is not known
	user    string   // and the user part of it
	far     dialogID // the dialog of its peer, as the party of that knows it
	uri     string   // of that party
	to      *engine.Target
}

// contactAs is the URI of our Contact in a dialog with another user part, on the listener of this
// one.
func (l *Leg) contactAs(user string) string {
	scheme, host, _ := strings.Cut(uriIn(l.ownContact), ":")
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if user != "" {
		user += "@"
	}
	return scheme + ":" + user + host
}

// describe tells what is known of the leg whose dialog is meant; nothing if there is none, or it is
// the one that asks.
func (a *Agent) describe(on *Leg, d dialogID, then func(described)) {
	here := on.lane
	known := func(home *lane.Lane) (k described) {
		l := a.named(home, on, d)
		if l == nil {
			return k
		}
		if p := l.Peer(); p != nil && p.s.phase == up {
			k = described{uriIn(l.ownContact), l.contact, p.dialog(), uriIn(p.remoteName), p.way()}
		}
		return k
	}
	if d.callID == "" {
		then(described{})
		return
	}
	home := a.laneOf(d)
	if home == here {
		then(known(here))
		return
	}
	if !home.Post(lane.Func(func(*lane.Lane) {
		k := known(home)
		here.Return(lane.Func(func(*lane.Lane) { then(k) }))
	})) {
		then(described{})
	}
}
