package rtpengine

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/modules/rtpengine/ng"
	"github.com/sipscript/sipscript/modules/sdp/body"
)

// CauseMedia is the cause of a branch without a daemon for its media.
const CauseMedia = "media"

// session is what rtpengine does for one request: it follows it. That of an INVITE that begins a
// call makes the call at a daemon and ends it if the INVITE fails; those of later requests change
// the call that is there.
type session struct {
	m      *Relay
	note   carried
	manage *Manage // nil: in a dialog
	callID string
	from   string // the tags of the request
	to     string
	byBye  bool

	legs  []*leg
	began bool // a daemon may know of the call
}

// leg is one branch.
type leg struct {
	branch  *engine.Branch
	engine  *ng.Engine
	via     string // tells the branches of one offer apart; "" in a dialog
	callee  shown
	off     bool // this branch is none of ours
	offered bool // its request had a description
	said    said // the last that was answered
}

// said is a description that was replaced: the same again, in a 183 and in the 200, needs no
// command.
type said struct{ tag, was, is string }

// Sending makes the offer of a branch.
func (s *session) Sending(r *engine.Request, b *engine.Branch) error {
	l := &leg{branch: b, callee: s.note.callee}
	if s.manage != nil {
		if err := s.aim(b, l); err != nil {
			return s.failed(r, err)
		}
	}
	s.legs = append(s.legs, l)
	if l.off {
		return nil
	}
	found, err := body.Of(b.Message())
	if err != nil || found == nil {
		return s.carry(b, l)
	}
	to := &l.callee
	if s.manage == nil && !r.ByCaller() {
		to = &s.note.caller
	}
	d := to.params(to.kind, false)
	d["command"], d["call-id"], d["from-tag"] = "offer", s.callID, s.from
	if s.to != "" {
		d["to-tag"] = s.to
	}
	if l.via != "" {
		d["via-branch"] = l.via
	}
	d["sdp"] = s.described(l, found.Session.Bytes())
	s.began = true
	answer, err := s.do(r, l, d)
	if err != nil {
		if err = s.failed(r, err); err != nil {
			return err
		}
		l.off = true
		return s.carry(b, l)
	}
	l.offered = true
	if err := replace(branch{b}, found, answer); err != nil {
		return s.failed(r, err)
	}
	return s.carry(b, l)
}

// aim says what a branch's callee is shown.
func (s *session) aim(b *engine.Branch, l *leg) error {
	l.via = strconv.Itoa(len(s.legs) + 1)
	if f := s.manage.CalleeOf; f != nil {
		side, on, err := f(b)
		if err != nil {
			return err
		}
		l.callee.Side, l.off = side, !on
	}
	l.callee.kind = kindOf(b)
	return nil
}

// carry has the dialog of the branch bring back what its later requests need.
func (s *session) carry(b *engine.Branch, l *leg) error {
	if s.manage == nil {
		return nil
	}
	if l.off {
		return b.Carry(noteName, "")
	}
	note := s.noteOf(l)
	if err := b.Carry(noteName, note.text()); err != nil {
		return errNote
	}
	return nil
}

// noteOf is what later requests of a branch's dialog need.
func (s *session) noteOf(l *leg) carried {
	note := s.note
	note.callee = l.callee
	note.engine = 0
	if l.engine != nil {
		note.engine = l.engine.ID
	}
	return note
}

// failed is the failure of a branch for want of media, or nil if it goes on unchanged.
func (s *session) failed(r *engine.Request, err error) error {
	if s.note.pass {
		s.m.log.Warn("media goes on without rtpengine", "call_id", s.callID, "error", err)
		return nil
	}
	return &engine.BranchError{Code: 503, Cause: CauseMedia, Err: err}
}

// do has the call's daemon carry out a command; one that is not there is replaced by the next.
func (s *session) do(r *engine.Request, l *leg, d ng.Dict) (ng.Dict, error) {
	list := s.engines(l)
	if len(list) == 0 {
		return nil, fmt.Errorf("%w in set %q", ng.ErrDown, s.note.set)
	}
	answer, err := engine.Await(r, func(ctx context.Context) (ng.Dict, error) {
		return s.m.try(ctx, list, d, func(e *ng.Engine) { l.engine = e })
	})
	return answer, err
}

// engines are those to try for a leg: the one it has, then others of the set.
func (s *session) engines(l *leg) []*ng.Engine {
	list := s.m.pool.Choose(s.note.set, s.callID)
	own := l.engine
	if own == nil && s.note.engine != 0 {
		own = s.m.pool.ByID(s.note.engine)
	}
	if own == nil && len(s.legs) > 1 { // the branches of a call are one call at one daemon
		own = s.legs[0].engine
	}
	if own == nil || !own.Up() {
		return list
	}
	out := []*ng.Engine{own}
	for _, e := range list {
		if e != own {
			out = append(out, e)
		}
	}
	return out
}

// Responding makes the answer, or, where the request had no offer, the callee's offer.
func (s *session) Responding(r *engine.Request, res *engine.Response) {
	l := s.legOf(res.Branch())
	code := res.Code()
	switch {
	case l == nil || l.off:
		return
	case code >= 300:
		if s.manage != nil && s.began && len(s.legs) > 1 {
			s.m.later(l.engine, ng.Dict{"command": "delete", "call-id": s.callID, "from-tag": s.from, "via-branch": l.via, "delete-delay": 0})
		}
		return
	}
	found, err := body.Of(res.Message())
	if err != nil || found == nil {
		return
	}
	tag, text := string(res.Message().ToTag()), string(found.Session.Bytes())
	if l.said.tag == tag && l.said.was == text {
		s.settle(r, res, found, ng.Dict{"sdp": l.said.is}, nil)
		return
	}
	d, late := s.answer(r, l, tag)
	d["sdp"] = s.described(l, found.Session.Bytes())
	s.began = true
	answer, err := s.do(r, l, d)
	if s.settle(r, res, found, answer, err) {
		l.said = said{tag, text, answer.Text("sdp")}
		if late {
			s.m.owes(r, s.callID, tag)
		}
	}
}

// answer is the command for a description in a response with this To tag; late: it is an offer.
func (s *session) answer(r *engine.Request, l *leg, tag string) (d ng.Dict, late bool) {
	to := &s.note.caller // who sent the request is shown it
	if s.manage == nil && !r.ByCaller() {
		to = &s.note.callee
	}
	d = to.params(to.kind, l.offered)
	d["call-id"] = s.callID
	if l.via != "" {
		d["via-branch"] = l.via
	}
	if l.offered {
		d["command"], d["from-tag"], d["to-tag"] = "answer", s.from, tag
		return d, false
	}
	d["command"], d["from-tag"] = "offer", tag
	if s.to != "" {
		d["to-tag"] = s.from
	}
	return d, true
}

// settle puts the daemon's description into a response, or keeps the response from going on.
func (s *session) settle(r *engine.Request, res *engine.Response, found *body.Found, answer ng.Dict, err error) bool {
	if err == nil {
		err = replace(response{res}, found, answer)
	}
	if err == nil {
		return true
	}
	if s.failed(r, err) != nil {
		s.m.log.Warn("a call has no media and was ended", "call_id", s.callID, "error", err)
		code := 503
		if s.manage == nil { // whoever asked for other media in a call has to end it too
			code = 481
		}
		res.Refuse(code, CauseMedia)
	}
	return false
}

func (s *session) legOf(b *engine.Branch) *leg {
	for _, l := range s.legs {
		if l.branch == b {
			return l
		}
	}
	return nil
}

// Ended ends the media of a call whose INVITE failed, or whose BYE was answered.
func (s *session) Ended(r *engine.Request) {
	code := r.Answered()
	switch {
	case s.manage != nil && (code < 200 || code >= 300):
		if !s.began {
			return
		}
	case s.byBye && code != 401 && code != 407:
	default:
		return
	}
	s.end()
}

// end ends the media of the call.
func (s *session) end() {
	told := map[*ng.Engine]bool{}
	tell := func(e *ng.Engine) {
		if e != nil && !told[e] {
			told[e] = true
			s.m.later(e, ng.Dict{"command": "delete", "call-id": s.callID, "from-tag": s.from, "delete-delay": 0})
		}
	}
	for _, l := range s.legs {
		tell(l.engine)
	}
	if len(told) == 0 {
		tell(s.m.pool.ByID(s.note.engine))
	}
	if len(told) == 0 {
		for _, e := range s.m.pool.Choose(s.note.set, s.callID) {
			tell(e)
			break
		}
	}
}

// acknowledged makes the answer that an ACK or PRACK brings to an offer of the callee's.
func (s *session) acknowledged(r *engine.Request) error {
	found, err := body.Of(r.Message())
	if err != nil || found == nil {
		return nil
	}
	to := &s.note.callee
	if !r.ByCaller() {
		to = &s.note.caller
	}
	d := to.params(to.kind, true)
	d["command"], d["call-id"], d["from-tag"], d["to-tag"] = "answer", s.callID, s.to, s.from
	l := &leg{}
	d["sdp"] = s.described(l, found.Session.Bytes())
	answer, err := s.do(r, l, d)
	if err == nil {
		err = replace(request{r}, found, answer)
	}
	return err
}

// replace puts the daemon's description where the other was.
func replace(m body.Message, f *body.Found, answer ng.Dict) error {
	text := answer.Text("sdp")
	if text == "" {
		return errors.New("rtpengine answered without a description")
	}
	if err := f.Session.Reset([]byte(text)); err != nil {
		return fmt.Errorf("rtpengine's description: %w", err)
	}
	return f.Write(m)
}

// What has a body that can be replaced.
type (
	branch   struct{ *engine.Branch }
	request  struct{ *engine.Request }
	response struct{ *engine.Response }
)
