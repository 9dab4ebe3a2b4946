package dialog

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// Session timers (RFC 4028), as a proxy has them (§8): it asks for one, keeps the parties from
// refreshing too often, and forgets a call that nobody refreshed. It sends no BYE then (§8.3): the
// party that does not get its refresh does.

// SessionTimer asks for the session timer of a call. The zero value has the defaults.
type SessionTimer struct {
	Interval  time.Duration `lua:"interval" min:"90" max:"86400" default:"1800" doc:"seconds without a refresh after which the call is over; parties may want less"`
	Min       time.Duration `lua:"min" min:"90" max:"86400" default:"90" doc:"less is refused: 422, with Min-SE"`
	Refresher string        `lua:"refresher" oneof:"uac" default:"\"uac\"" doc:"who refreshes where the callee knows no timers; a proxy may not choose otherwise (RFC 4028 §8.1)"`
}

// lowestSE is the default of Min-SE, and the least that a Min-SE may be (§5).
const lowestSE = 90

// complete fills in what is not given.
func (s SessionTimer) complete() *SessionTimer {
	if s.Interval == 0 {
		s.Interval = 1800 * time.Second
	}
	s.Min = max(s.Min, lowestSE*time.Second)
	s.Interval = max(s.Interval, s.Min)
	return &s
}

// IntervalError is the error of Track for an INVITE with too short a session interval. It has been
// answered 422.
type IntervalError struct {
	Interval time.Duration // that was asked for
}

// Error says so.
func (e *IntervalError) Error() string {
	return "dialog: the session interval of " + e.Interval.String() + " is too small; the request was answered 422"
}

// tooShort answers a request whose interval is less than the minimum, if its sender will understand
// that (§8.1).
func (s *SessionTimer) tooShort(r *engine.Request) error {
	m := r.Message()
	n, ok := secondsIn(m, message.HeaderSessionExpires)
	if !ok || n >= int64(s.Min/time.Second) || !knowsTimers(m) {
		return nil
	}
	r.End(422, "", []engine.HeaderEdit{{Name: "Min-SE", Values: []string{strconv.Itoa(int(s.Min / time.Second))}}})
	return &IntervalError{time.Duration(n) * time.Second}
}

// asked is what must be remembered of a request for its answer (§8.1).
type askedTimer struct {
	interval int64 // of the request as it was sent; 0: it asks for none
	least    int64 // its Min-SE
	callers  bool  // its sender knows timers
}

// ask has a request that is about to be sent ask for the timer.
func (s *SessionTimer) ask(b *engine.Branch) (a askedTimer) {
	m := b.Message()
	a.callers = knowsTimers(m)
	lowest, there := secondsIn(m, message.HeaderMinSE)
	if !there {
		lowest = lowestSE
	}
	n, has := secondsIn(m, message.HeaderSessionExpires)
	least := int64(s.Min / time.Second)
	if has && n < least && !a.callers && lowest < least {
		lowest = least
		_ = b.SetHeader("Min-SE", strconv.FormatInt(lowest, 10))
	}
	want := max(int64(s.Interval/time.Second), lowest)
	switch {
	case !has:
		_ = b.SetHeader("Session-Expires", strconv.FormatInt(want, 10))
		n = want
	case n > want || n < lowest:
		n = min(max(n, lowest), want)
		_, params, _ := bytes.Cut(m.Header(message.HeaderSessionExpires), []byte(";"))
		value := strconv.FormatInt(n, 10)
		if len(params) > 0 { // the refresher stays as it is
			value += ";" + string(params)
		}
		_ = b.SetHeader("Session-Expires", value)
	}
	a.interval, a.least = n, lowest
	return a
}

// answered completes a 2xx (§8.2), and returns in what time the session expires; 0: never. Less
// than the least it may be (§5) is not believed: it would end the call.
func (a *askedTimer) answered(m *message.Message) time.Duration {
	if n, ok := secondsIn(m, message.HeaderSessionExpires); ok {
		return time.Duration(max(n, a.least, lowestSE)) * time.Second
	}
	if a.interval == 0 || !a.callers {
		return 0 // neither side has timers: nobody would refresh
	}
	_ = m.Set("Session-Expires", strconv.FormatInt(a.interval, 10)+";refresher=uac")
	if !lists(m, message.HeaderRequire, "timer") {
		var tags []string
		for e := m.Elements(message.HeaderRequire); e.Next(); {
			tags = append(tags, string(e.Value))
		}
		_ = m.Set("Require", strings.Join(append(tags, "timer"), ", "))
	}
	return time.Duration(a.interval) * time.Second
}

// sessionExpires sets when the call is over without a refresh; not after its end.
func (c *Call) sessionExpires(after time.Duration) {
	if c.State() == track.Ended {
		return
	}
	at, due := int64(0), lane.Time(0)
	if after > 0 {
		at, due = c.d.wall()+int64(after), c.lane().Now().Add(after)
	}
	c.mu.Lock()
	c.sessionAt = at
	c.mu.Unlock()
	c.set(timerSession, due)
	c.d.journal.note(c)
}

// expired forgets the call: nobody has refreshed it.
func (c *Call) expired() {
	c.change(func(t *track.Call, at int64) track.Change { return t.End(track.Nobody, track.CauseSession, 0, at) })
}

// knowsTimers reports whether the sender of a message supports session timers.
func knowsTimers(m *message.Message) bool { return lists(m, message.HeaderSupported, "timer") }

func lists(m *message.Message, id message.HeaderID, tag string) bool {
	for e := m.Elements(id); e.Next(); {
		if bytes.EqualFold(bytes.TrimSpace(e.Value), []byte(tag)) {
			return true
		}
	}
	return false
}

// secondsIn is the number that Session-Expires or Min-SE begins with.
func secondsIn(m *message.Message, id message.HeaderID) (int64, bool) {
	value := m.Header(id)
	if value == nil {
		return 0, false
	}
	text, _, _ := bytes.Cut(value, []byte(";"))
	n, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 31)
	return int64(n), err == nil
}
