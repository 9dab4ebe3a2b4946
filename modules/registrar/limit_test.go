package registrar

// This file tests the limits: what is refused, what is replaced, and that nobody is kept from
// refreshing and removing.

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestReplaceOldest(t *testing.T) {
	b := newBench(t, policyOf(func(p *Policy) { p.MaxContacts, p.AtLimit = 3, "replace" }))
	for i, c := range list("<sip:1@h>", "<sip:2@h>", "<sip:3@h>;q=0.1") {
		b.now = b.now.Add(time.Second)
		if res := b.send(t, reg{cseq: i + 1, contacts: list(c)}); res.Code != 200 {
			t.Fatal(res)
		}
	}
	b.now = b.now.Add(time.Second)
	b.send(t, reg{cseq: 4, contacts: list("<sip:1@h>")}) // now sip:2@h is the oldest
	b.now, b.events = b.now.Add(time.Second), nil
	if res := b.send(t, reg{cseq: 5, contacts: list("<sip:4@h>")}); res.Code != 200 || len(res.header("Contact")) != 3 {
		t.Errorf("%+v", res)
	}
	b.has(t, bob, "sip:4@h", "sip:1@h", "sip:3@h")
	if got := strings.Join(b.events, ", "); got != "bound sip:4@h, removed sip:2@h" {
		t.Errorf("events %s", got)
	}
	if res := b.send(t, reg{cseq: 6, contacts: list("<sip:5@h>", "<sip:6@h>", "<sip:7@h>", "<sip:8@h>")}); res.Code != 403 {
		t.Errorf("more contacts in one request than the limit: %d", res.Code)
	}
	b.has(t, bob, "sip:4@h", "sip:1@h", "sip:3@h")
	if res := b.send(t, reg{cseq: 7, contacts: list("<sip:5@h>", "<sip:6@h>", "<sip:7@h>")}); res.Code != 200 {
		t.Errorf("%+v", res)
	}
	b.has(t, bob, "sip:5@h", "sip:6@h", "sip:7@h")
}

// A REGISTER with thousands of contacts is refused before they are compared, which would take
// seconds.
func TestContactsAtOnce(t *testing.T) {
	for n, want := range map[int]int{100: 200, 101: 403, 2500: 403} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			b := newBench(t, Policy{})
			var fields []string
			for i := range n { // removing what is not there is no error
				if c := fmt.Sprintf("<sip:%d@h>;expires=0", i); i%300 == 0 {
					fields = append(fields, c)
				} else {
					fields[len(fields)-1] += "," + c
				}
			}
			if res := b.send(t, reg{contacts: fields}); res.Code != want {
				t.Errorf("%d contacts: %d", n, res.Code)
			}
		})
	}
	b := newBench(t, policyOf(func(p *Policy) { p.MaxContacts = 60 }))
	var all, fresh []string
	for i := range 60 {
		all, fresh = append(all, fmt.Sprintf("<sip:%d@h>", i)), append(fresh, fmt.Sprintf("<sip:%d@h>;expires=0", i), fmt.Sprintf("<sip:%d@g>", i))
	}
	if res := b.send(t, reg{contacts: all}); res.Code != 200 {
		t.Errorf("as many as may be: %d", res.Code)
	}
	if res := b.send(t, reg{cseq: 2, contacts: fresh}); res.Code != 200 || len(res.header("Contact")) != 60 {
		t.Errorf("others in their place: %d, %d contacts", res.Code, len(res.header("Contact")))
	}
}

func TestMaxBindings(t *testing.T) {
	b := newBench(t, policyOf(func(p *Policy) { p.MaxBindings = 2 }))
	alice := reg{to: "<sip:alice@example.com>", contacts: list("<sip:a@h>")}
	b.send(t, alice)
	b.send(t, reg{contacts: list("<sip:1@h>")})
	for i, c := range []struct {
		contacts []string
		code     int
	}{{list("<sip:2@h>"), 503}, {list("<sip:1@h>"), 200}, {list("<sip:1@h>;expires=0", "<sip:2@h>"), 200},
		{list("<sip:2@h>;expires=0", "<sip:1@h>", "<sip:3@h>"), 503}, {list("<sip:2@h>;expires=0"), 200}, {list("<sip:4@h>"), 200}} {
		t.Run(fmt.Sprint(c.contacts), func(t *testing.T) {
			res := b.send(t, reg{cseq: i + 2, contacts: c.contacts})
			if res.Code != c.code || (res.header("Retry-After") != nil) != (c.code == 503) {
				t.Errorf("step %d: %+v, want %d", i+1, res, c.code)
			}
		})
	}
	if n, _ := b.Count(t.Context()); n != 2 {
		t.Errorf("%d bindings", n)
	}
}
