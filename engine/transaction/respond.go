package transaction

import (
	"fmt"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// This file holds what the user does with a server transaction: responding, replying, releasing.

// outgoing is a response the user wants sent.
type outgoing struct {
	code  int
	tag   []byte // To tag, if the ACK is matched by it
	bytes []byte // in the layer's scratch
}

// Respond sends res, written out with its edits, as the transaction's state allows: ErrState after
// a final response, except a 2xx after a 2xx (INVITE, RFC 6026). res is neither changed nor kept.
// For a request other than INVITE, RFC 4320 §4 applies: a provisional other than 100 is
// ErrProvisional; a 100 before its time over UDP is left to the transaction, which sends it when it
// is due; a 408 ends the transaction silently. The transport's error is returned, and changes the
// state only as the RFC specifies.
func (s *Server) Respond(res *message.Message) error {
	if res.IsRequest() {
		return ErrUnreadable
	}
	if err := s.allowed(res.Status()); err != nil {
		return err
	}
	l := s.terms.layer
	l.out = s.From.respell(res.AppendFrom(l.out[:0], l.options.Origin))
	var tag []byte
	if s.old {
		tag = res.ToTag()
	}
	return s.answer(&outgoing{code: res.Status(), tag: tag, bytes: l.out})
}

// Reply makes a response from the request (message.AppendResponse, our To tag) and sends it as
// Respond does. headers are whole lines. reason "" means the code's default. Errors: Respond's, and
// ErrReleased.
func (s *Server) Reply(code int, reason string, headers []byte, body []byte) error {
	if err := s.allowed(code); err != nil {
		return err
	}
	if s.method == message.MethodAck { // never answered
		return nil
	}
	if s.Req == nil {
		return ErrReleased
	}
	l := s.terms.layer
	var tag []byte
	if s.old {
		if tag = s.Req.ToTag(); tag == nil {
			tag = []byte(s.ToTag())
		}
	}
	l.out = s.From.respell(message.AppendResponse(l.out[:0], s.Req, code, reason, s.ToTag(), l.lines(headers), body))
	return s.answer(&outgoing{code: code, tag: tag, bytes: l.out})
}

// allowed returns why a response with this code cannot be sent now, before it is written.
func (s *Server) allowed(code int) error {
	switch {
	case s.Stateless:
		return nil
	case s.machine().step(s.state, eventOf(code)).next == start:
		return ErrState
	case s.method != message.MethodInvite && 100 < code && code < 200:
		return ErrProvisional // RFC 4320 §4.1
	}
	return nil
}

// answer sends a response.
func (s *Server) answer(res *outgoing) error {
	if s.Stateless {
		return s.answerStateless(res)
	}
	if s.early(res.code) {
		return nil
	}
	if err := s.feed(eventOf(res.code), res); err != nil {
		return fmt.Errorf("transaction: respond: %w", err)
	}
	return nil
}

// early reports whether a 100 to a request other than INVITE is too early: over an unreliable
// transport it must wait until Timer E of the client has reached T2 (RFC 4320 §4.1), which is when
// timerTrying runs out.
func (s *Server) early(code int) bool {
	return code == 100 && s.method != message.MethodInvite && s.state == Trying && s.From.Kind == transport.UDP
}

// answerStateless sends a response for which nothing is kept. An ACK has none (§17).
func (s *Server) answerStateless(res *outgoing) error {
	if s.method == message.MethodAck {
		return nil
	}
	if s.answered != 0 {
		return ErrState
	}
	if res.code >= 200 {
		s.answered = int16(res.code)
	}
	if err := s.sendTo(res.bytes, nil); err != nil {
		s.terms.layer.count(EventTransportError)
		return fmt.Errorf("transaction: respond: %w", err)
	}
	return nil
}

// note remembers a final response, and releases what no further response is made from.
func (s *Server) note(res *outgoing) {
	if res.code < 200 {
		return
	}
	if s.answered == 0 {
		s.answered = int16(res.code)
	}
	if s.old {
		s.seldom().answerTag = s.terms.layer.tags.Sum(res.tag)
	}
	s.Req = nil
}

// eventOf is the event of a response the user sends.
func eventOf(code int) event {
	switch {
	case code < 200:
		return ev1xx
	case code < 300:
		return ev2xx
	case code == 408:
		return ev408
	}
	return ev3xx
}

// ToTag is the tag of responses made by this element for the request, made at first use. "" when
// the request was let go before.
func (s *Server) ToTag() string {
	if s.tag == "" && s.Req != nil {
		var tag [16]byte
		s.tag = string(s.terms.layer.appendTag(tag[:0], s.Req))
	}
	return s.tag
}

// Release releases the request: the user no longer needs it. The transaction does so by itself when
// no further response can be made from it. The 100 that may still be due is made now.
func (s *Server) Release() {
	if s.Req == nil {
		return
	}
	if !s.Stateless && s.answered == 0 && s.clock.end != 0 && s.clock.endOf == timerTrying {
		l := s.terms.layer
		l.out = s.From.respell(message.AppendResponse(l.out[:0], s.Req, 100, "", "", l.lines(nil), nil))
		s.last = l.stored.keep(s.last, l.out)
	}
	s.Req = nil
}
