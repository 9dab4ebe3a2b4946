package regevent

// This file sends NOTIFYs, and acts on their answers (RFC 6665 §4.2.2).

import (
	"context"
	"strconv"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// report sends a NOTIFY, if there is something to report.
func (s *subscription) report() {
	if !s.proved {
		if s.ending == "deactivated" { // nobody there has asked for anything yet
			s.drop()
			return
		}
		s.prove()
		return
	}
	why := s.heard()
	var body []byte
	if s.ending != "deactivated" { // at a shutdown nothing is waited for
		contacts, err := s.look()
		if s.gone {
			return
		}
		if err != nil && s.ending == "" {
			s.putOff(retryLater)
			return
		}
		if err == nil {
			var tell bool
			if body, tell = s.document(contacts, why); !tell {
				return
			}
		}
	}
	state := s.state()
	if len(body) > maxBody { // more than can be reported
		s.ending, body = "probation", nil
		state = "terminated;reason=probation;retry-after=600"
	}
	s.notify(state, body)
}

// look reads the registrations. The lane is lent if that may block.
func (s *subscription) look() (contacts []Contact, err error) {
	now := s.lane.Wall()
	read := func() {
		ctx, cancel := context.WithTimeout(context.Background(), lookTime)
		defer cancel()
		contacts, err = s.notifier.from.Contacts(ctx, s.view.aor, now)
	}
	if s.notifier.from.Waits() {
		s.lane.Await(read)
	} else {
		read()
	}
	return contacts, err
}

// document is the body of the next NOTIFY: all contacts after a SUBSCRIBE and at the end, otherwise
// what has changed.
func (s *subscription) document(contacts []Contact, why map[string]Event) (body []byte, tell bool) {
	now := s.lane.Wall()
	d, tell := s.view.next(contacts, why, s.full || s.ending != "", now)
	if !tell {
		return nil, false
	}
	d.version = s.view.version
	s.view.version++
	return d.append(nil, now), true
}

// state is the value of Subscription-State.
func (s *subscription) state() string {
	if s.ending != "" {
		return "terminated;reason=" + s.ending
	}
	return "active;expires=" + s.secondsLeft()
}

func (s *subscription) secondsLeft() string {
	return strconv.FormatInt(max(1, int64((s.ends.Sub(s.lane.Now())+time.Second-1)/time.Second)), 10)
}

func (s *subscription) notify(state string, body []byte) {
	s.full, s.final = false, s.ending != ""
	s.send(state, body, 0, s.answered)
}

// send sends a NOTIFY; timeout 0 is as long as any request has.
func (s *subscription) send(state string, body []byte, timeout time.Duration, then func(*engine.Response, error)) {
	s.cseq++
	s.flying = true
	s.next = s.lane.Now().Add(s.notifier.policy.Load().Interval)
	event := "reg"
	if s.eventID != "" {
		event += ";id=" + s.eventID
	}
	spec := engine.SendSpec{Method: "NOTIFY", URI: s.target.URI, Target: s.target, From: s.from, To: s.to, CallID: s.dialog.callID, CSeq: s.cseq, Body: body, Timeout: timeout,
		Headers: []engine.HeaderEdit{header("Contact", s.contact), header("Event", event), header("Subscription-State", state)}}
	if len(body) > 0 {
		spec.ContentType = ContentType
	}
	s.notifier.notified.Add(1)
	if err := s.engine.SendAsync(&spec, then); err != nil { // the lane is overloaded
		s.notifier.proven(s)
		s.failed(true, retryLater)
		s.kick()
	}
}

// answered takes the outcome of a NOTIFY, on the subscription's lane.
func (s *subscription) answered(res *engine.Response, err error) {
	switch {
	case err != nil: // no answer, or nobody there: "SHOULD remove the subscription"
		s.failed(false, 0)
	case res.Code() < 300:
		s.flying, s.tries = false, 0
	default:
		wait, later := retryAfter(res.Message())
		s.failed(later && !fatal(res.Code()), wait)
	}
	if s.final && !s.flying {
		s.drop()
		return
	}
	if !s.gone {
		s.kick()
	}
}

// failed ends the subscription, or reports everything once more after a while.
func (s *subscription) failed(later bool, wait time.Duration) {
	s.flying = false
	s.notifier.failed.Add(1)
	if s.tries++; s.final || !later || s.tries > maxTries {
		s.drop()
		return
	}
	s.putOff(wait)
}

// fatal reports whether a code ends the dialog or its subscription (RFC 5057 §5.1), whatever its
// Retry-After.
func fatal(code int) bool {
	switch code {
	case 404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 502, 604:
		return true
	}
	return false
}

// retryAfter reads Retry-After (RFC 3261 §20.33): seconds, then comments and parameters.
func retryAfter(m *message.Message) (wait time.Duration, ok bool) {
	v := m.Header(message.HeaderRetryAfter)
	end := 0
	for end < len(v) && v[end] >= '0' && v[end] <= '9' {
		end++
	}
	n, err := strconv.ParseUint(string(v[:end]), 10, 31)
	return time.Duration(max(n, 1)) * time.Second, err == nil
}
