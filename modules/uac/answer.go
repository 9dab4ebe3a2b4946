package uac

// This file reads a registrar's answer (§10.2.4, §10.2.8), and says when to ask again.

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
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
			return 0, &refusal{code: code, text: fmt.Sprintf("%d, but the registrar does not list our contact %s", code, contact)}
		}
		return granted, nil
	}
	no := &refusal{code: code, text: fmt.Sprintf("%d %s", code, m.ReasonPhrase()), later: secondsOf(m.Header(message.HeaderRetryAfter))}
	if code == 423 {
		no.least = secondsOf(m.Header(message.HeaderMinExpires))
	}
	return 0, no
}

// grantedTo is the expiration of our contact in a 200: its parameter, the Expires header, or what
// was requested. It is 0 if the contact is not listed: the 200 lists what is registered (§10.3 step
// 8), and we are not.
func grantedTo(m *message.Message, contact string, asked time.Duration) time.Duration {
	if asked <= 0 {
		return 0
	}
	own, err := message.ParseURI([]byte(contact))
	if err != nil {
		return 0
	}
	seen := seenFrom(m)
	granted := time.Duration(0)
	list := m.Elements(message.HeaderContact)
	for list.Next() {
		a, bad := message.ParseAddress(list.Value)
		if bad != nil || a.Star {
			continue
		}
		u, bad := message.ParseURI(a.URI)
		if bad != nil || !u.Equal(&own) && !rewritten(&u, &own, seen) {
			continue
		}
		granted = asked
		if v, ok := a.Params.Get("expires"); ok {
			granted = expiresOf(v)
		} else if v := m.Header(message.HeaderExpires); v != nil {
			granted = expiresOf(v)
		}
		if u.Equal(&own) {
			break
		}
	}
	return min(granted, longestExpires)
}

// rewritten reports whether u is our contact as a registrar may write it: with or without
// parameters of its own, and at the address the registrar saw the REGISTER come from, if there is a
// NAT in between.
func rewritten(u, own *message.URI, seen netip.AddrPort) bool {
	if string(u.User) != string(own.User) {
		return false
	}
	if message.EqualHost(u.Host, own.Host) && portOf(u.Port) == portOf(own.Port) {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(string(u.Host), "[]"))
	return err == nil && seen.IsValid() && addr == seen.Addr() && portOf(u.Port) == seen.Port()
}

func portOf(written uint16) uint16 {
	if written == 0 {
		return 5060
	}
	return written
}

// seenFrom is where the registrar saw the REGISTER come from, as it wrote into our Via (§18.2.1,
// RFC 3581).
func seenFrom(m *message.Message) netip.AddrPort {
	via, err := m.TopVia()
	if err != nil {
		return netip.AddrPort{}
	}
	received, _ := via.Params.Get("received")
	rport, _ := via.Params.Get("rport")
	if received == nil {
		received = via.Host
	}
	addr, err := netip.ParseAddr(strings.Trim(string(received), "[]"))
	if err != nil {
		return netip.AddrPort{}
	}
	port := portOf(via.Port)
	if n, err := strconv.ParseUint(string(rport), 10, 16); err == nil {
		port = uint16(n)
	}
	return netip.AddrPortFrom(addr, port)
}

// expiresOf reads an expiration: a malformed one is an hour (§10.2.1.1), one beyond 32 bits the
// longest possible (§20.19).
func expiresOf(v []byte) time.Duration {
	d, rest := readSeconds(v)
	if len(v) == 0 || rest != "" {
		return time.Hour
	}
	return d
}

// secondsOf reads a number of seconds with whatever follows it: "30 (busy);duration=10".
func secondsOf(v []byte) time.Duration {
	d, _ := readSeconds(v)
	return d
}

// readSeconds reads digits, however many, and returns what follows them.
func readSeconds(v []byte) (d time.Duration, rest string) {
	n, i := uint64(0), 0
	for ; i < len(v) && '0' <= v[i] && v[i] <= '9'; i++ {
		n = min(n*10+uint64(v[i]-'0'), math.MaxUint32)
	}
	return time.Duration(n) * time.Second, string(v[i:])
}

// refreshAfter is when to refresh: after 60 to 80 % of the granted time, so that there is time for
// a second attempt and accounts do not refresh together.
func refreshAfter(granted time.Duration) time.Duration {
	return max(time.Second, granted*6/10+rand.N(granted*2/10+1))
}

// after is how long to wait after a failure that follows tries others: doubled each time, and at
// least half of that, as in RFC 5626 §4.5. What will not change by itself is not tried again before
// the longest wait: registrars ban clients that insist.
func (p Policy) after(tries int, no *refusal) time.Duration {
	d := p.Retry
	for range min(tries, 16) {
		d = min(d*2, p.MaxRetry)
	}
	switch no.code {
	case 401, 403, 404, 407:
		d = p.MaxRetry
	}
	d = d/2 + rand.N(d/2+1)
	return max(d, min(no.later, p.MaxRetry))
}
