package notifier

// This file sends NOTIFYs, and acts on their answers (RFC 6665 §4.2.2).

import (
	"context"
	"strconv"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// report sends a NOTIFY, if there is something to report.
func (s *Subscription) report() {
	if !s.proved {
		if s.ending == Deactivated { // nobody there has asked for anything yet
			s.drop()
			return
		}
		s.prove()
		return
	}
	s.dirty.Store(false)
	var d Document
	if s.ending != Deactivated { // at a shutdown nothing is waited for
		next, tell, err := s.look()
		switch {
		case s.gone, s.isLeft():
			return
		case err != nil && s.ending == "":
			s.putOff(s.lane.Now(), retryLater)
			return
		case err == nil:
			if d = next; d.End != "" {
				s.end(d.End, d.Retry)
			}
			if !tell && !s.full && s.ending == "" {
				return
			}
		}
	}
	if len(d.Body) > maxBody { // more than can be reported
		d.Body, s.ending, s.retry = nil, "probation", 10*time.Minute
	}
	if s.suppress != "" { // RFC 5839 §6.3: what the subscriber has
		if d.ETag == s.suppress || s.suppress == "*" {
			d.Body = nil
			if f, ok := s.feed.(Partial); ok {
				f.Unseen()
			}
		}
		s.suppress = ""
	}
	if s.told(); s.final {
		s.keep(true) // whatever becomes of the NOTIFY
	}
	s.send(s.state(d.Pending), &d, 0, s.heard)
}

// look asks the feed. The lane is lent if that may block.
func (s *Subscription) look() (d Document, tell bool, err error) {
	r := Round{Full: s.full || s.ending != "", Ending: s.ending, Now: s.lane.Wall()}
	read := func() {
		ctx, cancel := context.WithTimeout(context.Background(), lookTime)
		defer cancel()
		d, tell, err = s.feed.Next(ctx, r)
	}
	if s.feed.Waits() {
		s.lane.Await(read)
		// A SUBSCRIBE that came meanwhile is owed everything (RFC 6665 §4.2.1.2)
		if !r.Full && (s.full || s.ending != "") && !s.gone {
			r = Round{Full: true, Ending: s.ending, Now: s.lane.Wall()}
			s.lane.Await(read)
		}
		return d, tell, err
	}
	return s.feed.Next(context.Background(), r)
}

// state is the value of Subscription-State.
func (s *Subscription) state(pending bool) string {
	switch {
	case s.ending != "" && s.retry > 0:
		return "terminated;reason=" + s.ending + ";retry-after=" + strconv.FormatInt(seconds(s.retry), 10)
	case s.ending != "":
		return "terminated;reason=" + s.ending
	case pending:
		return "pending;expires=" + s.secondsLeft()
	}
	return "active;expires=" + s.secondsLeft()
}

func (s *Subscription) secondsLeft() string {
	return strconv.FormatInt(max(1, seconds(s.ends.Sub(s.lane.Now()))), 10)
}

// seconds are whole ones, rounded up.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// send sends a NOTIFY; timeout 0 is as long as any request has.
func (s *Subscription) send(state string, d *Document, timeout time.Duration, then func(*engine.Response, error)) {
	s.cseq++
	interval := s.notifier.policy.Load().Interval
	if s.event.Interval > 0 {
		interval = min(interval, s.event.Interval)
	}
	s.sends(s.lane.Now(), interval)
	event := s.event.Event
	if s.eventID != "" {
		event += ";id=" + s.eventID
	}
	// A list on its own: an append never writes into somebody else's
	headers := append(make([]engine.HeaderEdit, 0, 6), Header("Contact", s.contact), Header("Event", event), Header("Subscription-State", state))
	if d.ETag != "" {
		headers = append(headers, Header("SIP-ETag", d.ETag))
	}
	if d.List {
		headers = append(headers, Header("Require", "eventlist"))
	}
	spec := engine.SendSpec{Method: "NOTIFY", URI: s.uri, Target: s.target(), From: "<" + s.from + ">;tag=" + s.local, To: "<" + s.to + ">;tag=" + s.remote,
		CallID: s.callID(), CSeq: s.cseq, Body: d.Body, Timeout: timeout, Headers: headers}
	if len(d.Body) > 0 {
		spec.ContentType = d.Type
	}
	s.notifier.notified.Add(1)
	if err := s.engine.SendAsync(&spec, then); err != nil { // the lane is overloaded
		s.notifier.proven(s)
		s.fails(true, retryLater)
		s.kick()
	}
}

// heard takes the outcome of a NOTIFY, on the subscription's lane.
func (s *Subscription) heard(res *engine.Response, err error) {
	switch {
	case s.isLeft():
		s.gone = true
	case err != nil: // no answer, or nobody there: "SHOULD remove the subscription"
		s.fails(false, 0)
	case res.Code() < 300:
		if s.answered(); s.gone {
			s.drop()
		}
	default:
		wait, later := retryAfter(res.Message())
		s.fails(later && !fatal(res.Code()), wait)
	}
	if !s.gone {
		s.kick()
	}
}

// fails ends the subscription, or reports everything once more after a while.
func (s *Subscription) fails(later bool, wait time.Duration) {
	s.notifier.failed.Add(1)
	if s.failed(s.lane.Now(), later, wait); s.gone {
		s.drop()
	}
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
