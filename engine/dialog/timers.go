package dialog

// Session timers (RFC 4028), each leg's own.

import (
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
)

const (
	// sessionTime is the interval that legs want.
	sessionTime = 1800 * time.Second
	// leastSession is the shortest that they take (RFC 4028 §4).
	leastSession = 90 * time.Second
	// longestSession bounds what a party says.
	longestSession = 24 * time.Hour
)

// session is the timer of a leg. It belongs to the lane.
type session struct {
	leg      *Leg
	interval time.Duration // 0: there is none, yet
	ours     bool          // it is on us to refresh
	until    lane.Time     // when the session is over
	timer    lane.Timer

	least time.Duration // that the party takes
	// What the 2xx to the party's request that is open says: the interval, and whether we refresh.
	offered     time.Duration
	offeredOurs bool
	knows       bool // the party has the extension
}

// sessionExpires is the interval in a message, and who refreshes: "uac", "uas" or "".
func sessionExpires(m *message.Message) (interval time.Duration, refresher string) {
	v := m.HeaderName("Session-Expires")
	if v == nil {
		v = m.HeaderName("x")
	}
	number, params, _ := strings.Cut(string(v), ";")
	n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 32)
	if err != nil {
		return 0, ""
	}
	for _, p := range strings.Split(params, ";") {
		name, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(name), "refresher") {
			refresher = strings.ToLower(strings.TrimSpace(value))
		}
	}
	return min(time.Duration(n)*time.Second, longestSession), refresher
}

// leastIn is the Min-SE of a message.
func leastIn(m *message.Message) time.Duration {
	number, _, _ := strings.Cut(string(m.HeaderName("Min-SE")), ";")
	n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 32)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Second, longestSession)
}

func (l *Leg) session() *session {
	x := l.more()
	if x.timer == nil {
		x.timer = &session{leg: l}
	}
	return x.timer
}

// wanted is the interval that the leg asks for; 0 for none.
func (l *Leg) wanted() time.Duration {
	switch {
	case l.rare != nil && l.rare.noTimer:
		return 0
	case l.rare == nil || l.rare.timer == nil:
		return sessionTime
	}
	x := l.rare.timer
	if x.interval > 0 {
		return max(x.interval, x.least)
	}
	return max(sessionTime, x.least)
}

// timing are the headers of a request of ours that may refresh the session (§7.1, §7.4).
func (l *Leg) timing(headers []engine.HeaderEdit) []engine.HeaderEdit {
	want := l.wanted()
	if want == 0 {
		return headers
	}
	value := strconv.Itoa(int(want / time.Second))
	if l.rare != nil && l.rare.timer != nil {
		x := l.rare.timer
		switch {
		case x.interval > 0 && x.ours: // §7.4: who refreshes stays who does
			value += ";refresher=uac"
		case x.interval > 0:
			value += ";refresher=uas"
		}
		if x.least > leastSession {
			headers = append(headers, engine.HeaderEdit{Name: "Min-SE", Values: []string{strconv.Itoa(int(x.least / time.Second))}})
		}
	}
	return append(headers, engine.HeaderEdit{Name: "Session-Expires", Values: []string{value}})
}

// heardTimer reads what a party's request that may refresh the session says of it. It returns false
// if the interval is too short, to a party that can be told so (§9).
func (l *Leg) heardTimer(m *message.Message) bool {
	interval, refresher := sessionExpires(m)
	knows := hasTag(m, "Supported", "timer") || hasTag(m, "k", "timer") || hasTag(m, "Require", "timer")
	if l.rare != nil && l.rare.noTimer || interval == 0 && !knows && (l.rare == nil || l.rare.timer == nil) {
		return true
	}
	if interval > 0 && interval < leastSession && knows {
		return false
	}
	x := l.session()
	x.knows = knows
	x.least = max(x.least, leastIn(m))
	x.offered = max(interval, leastSession)
	switch {
	case interval == 0 && x.interval > 0:
		x.offered = x.interval
	case interval == 0:
		x.offered = max(sessionTime, x.least)
	case interval > sessionTime && x.interval == 0:
		x.offered = max(sessionTime, x.least)
	}
	x.offeredOurs = refresher == "uas" || !knows // §9, table 2
	if interval == 0 && !knows {
		x.offeredOurs = true
	}
	return true
}

// tooShort are the headers of a 422 (§6).
func tooShort() []engine.HeaderEdit {
	return []engine.HeaderEdit{{Name: "Min-SE", Values: []string{strconv.Itoa(int(leastSession / time.Second))}}}
}

// timed adds to a 2xx what holds from now on (§9).
func (l *Leg) timed(headers []engine.HeaderEdit) []engine.HeaderEdit {
	if l.rare == nil || l.rare.timer == nil || l.rare.timer.offered == 0 {
		return headers
	}
	x := l.rare.timer
	value := strconv.Itoa(int(x.offered/time.Second)) + ";refresher="
	if x.offeredOurs {
		value += "uas"
	} else {
		value += "uac"
		headers = append(headers, engine.HeaderEdit{Name: "Require", Values: []string{"timer"}})
	}
	x.start(x.offered, x.offeredOurs)
	x.offered = 0
	return append(headers, engine.HeaderEdit{Name: "Session-Expires", Values: []string{value}})
}

// agreedTimer takes what a 2xx to a request of ours says (§7.2); without Session-Expires there is
// no timer any more.
func (l *Leg) agreedTimer(m *message.Message) {
	interval, refresher := sessionExpires(m)
	if interval == 0 || l.rare != nil && l.rare.noTimer {
		if l.rare != nil && l.rare.timer != nil {
			l.lane.StopTimer(&l.rare.timer.timer)
			l.rare.timer.interval = 0
		}
		return
	}
	l.session().start(max(interval, leastSession), refresher != "uas")
}

// start begins, or begins again.
func (x *session) start(interval time.Duration, ours bool) {
	x.interval, x.ours = interval, ours
	x.until = x.leg.lane.Now().Add(interval - min(32*time.Second, interval/3)) // §10
	wait := interval / 2
	if !ours {
		wait = x.until.Sub(x.leg.lane.Now())
	}
	x.leg.lane.After(wait, &x.timer, x)
}

// Expire refreshes the session, or ends it: nobody has (§10).
func (x *session) Expire(*lane.Timer) {
	l := x.leg
	left := x.until.Sub(l.lane.Now())
	switch {
	case l.s.phase != up:
		return
	case left <= 0:
		l.hangUp(480, WhyLost, `SIP;cause=408;text="Session timer expired"`)
		return
	}
	l.lane.After(left, &x.timer, x)
	l.refresh()
}

// refresh sends a request that changes nothing: an UPDATE without an offer, or an INVITE with the
// last one to a party that takes none (§7.4).
func (l *Leg) refresh() {
	if l.takesUpdate && !l.updates() {
		s := l.within("UPDATE")
		s.NameContact, s.ContactUser = true, l.contact
		s.Headers = l.timing(append(s.Headers, engine.HeaderEdit{Name: "Supported", Values: []string{"timer"}}))
		_ = l.send(s, func(res *engine.Response, err error) {
			if l.s.phase != up {
				return
			}
			switch {
			case err == nil && res.Code()/100 == 2:
				l.agreedTimer(res.Message())
			case err != nil || res.Code() == 408 || res.Code() == 481:
				l.hangUp(480, WhyLost, "")
			case res.Code() == 422:
				l.session().least = max(l.session().least, leastIn(res.Message()))
			}
		})
		return
	}
	if l.rare.ask != nil || l.said == nil { // that refreshes it, too
		return
	}
	a := &ask{leg: l, to: l.holds, done: func(*engine.Response) {}}
	l.rare.ask = a
	a.try()
}

// again422 sends the first INVITE again with a longer interval, as its refusal wants (§7.3). It
// reports false if that makes no sense.
func (l *Leg) again422(i *engine.Invitation, res *message.Message) bool {
	h, least := l.hunt, leastIn(res)
	if h == nil || l.s.opened || l.s.out != outSent || l.rare != nil && l.rare.noTimer {
		return false
	}
	x := l.session()
	if least <= x.least || least <= sessionTime {
		return false
	}
	x.least = least
	l.count(i.CSeq())
	s := l.first(h, l.target, l.said)
	out, err := l.agent.eng.Invite(l.lane, s, l.contact, l)
	if err != nil {
		return false
	}
	l.out = out
	return true
}
