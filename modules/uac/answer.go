package uac

// This file reads what a registrar answers (§10.2.4, §10.2.8), and says when to ask again.

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/message"
)

// refusal is why a REGISTER was not accepted.
type refusal struct {
	code  int // 0: no answer
	text  string
	least time.Duration // Min-Expires of a 423
	later time.Duration // Retry-After
}

// readAnswer is what an answer grants to a contact.
func readAnswer(m *message.Message, contact string, asked time.Duration) (time.Duration, *refusal) {
	code := m.Status()
	if code < 300 {
		granted := grantedTo(m, contact, asked)
		if granted <= 0 && asked > 0 {
			return 0, &refusal{code: code, text: "accepted, but the contact is not registered"}
		}
		return granted, nil
	}
	no := &refusal{code: code, text: fmt.Sprintf("%d %s", code, m.ReasonPhrase()), later: secondsOf(m.Header(message.HeaderRetryAfter))}
	if code == 423 {
		no.least = secondsOf(m.Header(message.HeaderMinExpires))
	}
	return 0, no
}

// grantedTo is the expiration of our contact in a 200: its parameter, the Expires header, or what was asked for. A registrar that lists no contact
// like ours, because it wrote the address it saw, has the Expires header believed, too.
func grantedTo(m *message.Message, contact string, asked time.Duration) time.Duration {
	own, err := message.ParseURI([]byte(contact))
	granted := asked
	if s, ok := m.Expires(); ok {
		granted = min(time.Duration(s)*time.Second, longestExpires)
	}
	list := m.Elements(message.HeaderContact)
	for list.Next() && err == nil {
		a, bad := message.ParseAddress(list.Value)
		if bad != nil || a.Star {
			continue
		}
		u, bad := message.ParseURI(a.URI)
		if bad != nil || !u.Equal(&own) {
			continue
		}
		if v, ok := a.Params.Get("expires"); ok {
			granted = secondsOf(v)
		}
		break
	}
	return min(granted, longestExpires)
}

// secondsOf reads a number of seconds with whatever follows it: "30 (busy);duration=10".
func secondsOf(v []byte) time.Duration {
	digits := string(v)
	if i := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		digits = digits[:i]
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

// refreshAfter is when to refresh: at 60 to 80 % of what was granted, so that there is time for a second try and all accounts don't come together.
func refreshAfter(granted time.Duration) time.Duration {
	return max(time.Second, granted*6/10+rand.N(granted*2/10+1))
}

// after is how long to wait after the failure that follows tries others: doubled each time, and at least half of it, as RFC 5626 §4.5 has it. What
// won't change by itself is not asked again before the longest wait: registrars ban those who insist.
func (r Retry) after(tries int, no *refusal) time.Duration {
	d := r.First
	for range min(tries, 16) {
		d = min(d*2, r.Most)
	}
	switch no.code {
	case 401, 403, 404, 407:
		d = r.Most
	}
	d = d/2 + rand.N(d/2+1)
	return max(d, min(no.later, r.Most))
}
