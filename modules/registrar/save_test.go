package registrar

// This file tests the rules of RFC 3261 §10.3, each by the requests of a small story.

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// step is one REGISTER and what must come of it.
type step struct {
	after    time.Duration // time that passes before it
	send     reg
	code     int
	contacts []string // Contact values of the answer, in order; checked with code 200
	bound    []string // what lookup returns afterwards
	codeOnly bool     // nothing but the code is looked at
}

const bob = "sip:bob@example.com"

func TestRules(t *testing.T) {
	const pc, phone = "sip:bob@192.0.2.4", "sip:bob@192.0.2.5;transport=tcp"
	never := list("Expires: 0")
	for name, steps := range map[string][]step{
		"a new binding gets the default expiration": {
			{send: reg{contacts: list("<" + pc + ">")}, code: 200, contacts: list("<" + pc + ">;expires=3600"), bound: list(pc)},
		},
		"expires: the parameter goes before the header, the header before the default": {
			{send: reg{contacts: list("<"+pc+">;expires=600", "<"+phone+">"), headers: list("Expires: 1200")}, code: 200,
				contacts: list("<"+pc+">;expires=600", "<"+phone+">;expires=1200"), bound: list(pc, phone)},
		},
		"too long is shortened": {
			{send: reg{contacts: list("<" + pc + ">;expires=99999999999999")}, code: 200, contacts: list("<" + pc + ">;expires=7200"), bound: list(pc)},
		},
		"too brief is 423 and changes nothing at all": {
			{send: reg{contacts: list("<"+phone+">", "<"+pc+">;expires=59")}, code: 423},
			{send: reg{contacts: list("<" + pc + ">;expires=60")}, code: 200, contacts: list("<" + pc + ">;expires=60"), bound: list(pc)},
		},
		"malformed expirations stand for an hour": {
			{send: reg{contacts: list("<" + pc + ">;expires=soon"), headers: list("Expires: 600")}, code: 200,
				contacts: list("<" + pc + ">;expires=3600"), bound: list(pc)},
			{send: reg{cseq: 2, contacts: list("<" + pc + ">"), headers: list("Expires: Thu, 01 Dec 1994 16:00:00 GMT")}, code: 200,
				contacts: list("<" + pc + ">;expires=3600"), bound: list(pc)},
		},
		"a query shows all bindings and changes nothing": {
			{send: reg{contacts: list("<" + pc + ">;q=0.5;expires=600")}, code: 200, contacts: list("<" + pc + ">;q=0.5;expires=600"), bound: list(pc)},
			{after: 100 * time.Second, send: reg{callID: "other"}, code: 200, contacts: list("<" + pc + ">;q=0.5;expires=500"), bound: list(pc)},
		},
		"a query where nothing is bound has no Contact": {{send: reg{}, code: 200}},
		"a refresh replaces": {
			{send: reg{contacts: list("<" + pc + ">;expires=600")}, code: 200, contacts: list("<" + pc + ">;expires=600"), bound: list(pc)},
			{after: 599 * time.Second, send: reg{cseq: 2, contacts: list("<" + pc + ">;expires=900")}, code: 200,
				contacts: list("<" + pc + ">;expires=900"), bound: list(pc)},
		},
		"two URIs equal a third one and not each other: it is registered once, and removed": {
			{send: reg{callID: "x", contacts: list("<"+pc+">", "<"+pc+";line=1>")}, code: 200, contacts: list("<" + pc + ";line=1>;expires=3600"), bound: list(pc + ";line=1")},
			{send: reg{callID: "y", contacts: list("<" + pc + ";line=2>")}, code: 200, codeOnly: true, bound: list(pc+";line=1", pc+";line=2")},
			{send: reg{callID: "z", contacts: list("<" + pc + ">")}, code: 200, contacts: list("<" + pc + ">;expires=3600"), bound: list(pc)},
			{send: reg{callID: "z", cseq: 2, contacts: list("<" + pc + ">;expires=0")}, code: 200},
		},
		"the same Call-ID needs a higher CSeq: the whole request fails": {
			{send: reg{cseq: 7, contacts: list("<" + pc + ">")}, code: 200, contacts: list("<" + pc + ">;expires=3600"), bound: list(pc)},
			{send: reg{cseq: 7, contacts: list("<"+phone+">", "<"+pc+">")}, code: 500, bound: list(pc)},
			{send: reg{cseq: 6, contacts: list("<" + pc + ">;expires=0")}, code: 500, bound: list(pc)},
			{send: reg{cseq: 6, contacts: list("*"), headers: never}, code: 500, bound: list(pc)},
			{send: reg{cseq: 8, contacts: list("<" + pc + ">;expires=0")}, code: 200},
		},
		"another Call-ID may do as it likes": {
			{send: reg{cseq: 7, contacts: list("<"+pc+">", "<"+phone+">")}, code: 200,
				contacts: list("<"+pc+">;expires=3600", "<"+phone+">;expires=3600"), bound: list(pc, phone)},
			{send: reg{callID: "rebooted", cseq: 1, contacts: list("<" + pc + ">;expires=0")}, code: 200,
				contacts: list("<" + phone + ">;expires=3600"), bound: list(phone)},
			{send: reg{callID: "rebooted", cseq: 1, contacts: list("*"), headers: never}, code: 200},
		},
		"* removes all": {
			{send: reg{contacts: list("<"+pc+">", "<"+phone+">")}, code: 200,
				contacts: list("<"+pc+">;expires=3600", "<"+phone+">;expires=3600"), bound: list(pc, phone)},
			{send: reg{cseq: 2, contacts: list("*"), headers: never}, code: 200},
		},
		"* takes Expires 0 and no other contact": {
			{send: reg{contacts: list("<" + pc + ">")}, code: 200, contacts: list("<" + pc + ">;expires=3600"), bound: list(pc)},
			{send: reg{cseq: 2, contacts: list("*")}, code: 400, bound: list(pc)},
			{send: reg{cseq: 2, contacts: list("*"), headers: list("Expires: 1")}, code: 400, bound: list(pc)},
			{send: reg{cseq: 2, contacts: list("*"), headers: list("Expires: never")}, code: 400, bound: list(pc)},
			{send: reg{cseq: 2, contacts: list("*", "<"+pc+">"), headers: never}, code: 400, bound: list(pc)},
			{send: reg{cseq: 2, contacts: list("<"+pc+">", "*"), headers: never}, code: 400, bound: list(pc)},
		},
		"contacts compare as URIs do (§19.1.4)": {
			{send: reg{contacts: list("<sip:bob@PC.example.net>")}, code: 200, contacts: list("<sip:bob@PC.example.net>;expires=3600"), bound: list("sip:bob@PC.example.net")},
			{send: reg{cseq: 2, contacts: list("<SIP:%62ob@pc.EXAMPLE.net>;expires=600")}, code: 200,
				contacts: list("<SIP:%62ob@pc.EXAMPLE.net>;expires=600"), bound: list("SIP:%62ob@pc.EXAMPLE.net")},
			{send: reg{cseq: 3, contacts: list("<sip:bob@pc.example.net:5060>;expires=600")}, code: 200, // a port is not the absence of one
				contacts: list("<SIP:%62ob@pc.EXAMPLE.net>;expires=600", "<sip:bob@pc.example.net:5060>;expires=600"),
				bound:    list("SIP:%62ob@pc.EXAMPLE.net", "sip:bob@pc.example.net:5060")},
			// The user part is case-sensitive
			{send: reg{cseq: 4, contacts: list("<sip:BOB@pc.example.net>;expires=0")}, code: 200,
				contacts: list("<SIP:%62ob@pc.EXAMPLE.net>;expires=600", "<sip:bob@pc.example.net:5060>;expires=600"),
				bound:    list("SIP:%62ob@pc.EXAMPLE.net", "sip:bob@pc.example.net:5060")},
		},
		"several contacts in one field, quoted commas and all": {
			{send: reg{contacts: list(`"Bob, at work" <` + pc + `>;q=0.1;note="a, \"b;c\"" , "x" <` + phone + `>`)}, code: 200,
				contacts: list("<"+phone+">;expires=3600", "<"+pc+`>;q=0.1;note="a, \"b;c\"";expires=3600`), bound: list(phone, pc)},
		},
		"the bare form keeps parameters for the header (§20.10)": {
			{send: reg{contacts: list(pc + ";expires=600;q=1")}, code: 200, contacts: list("<" + pc + ">;q=1;expires=600"), bound: list(pc)},
		},
		"the highest q first, none counts as 1": {
			{send: reg{contacts: list("<sip:a@h>;q=0.3", "<sip:b@h>;q=0.75", "<sip:c@h>")}, code: 200,
				contacts: list("<sip:c@h>;expires=3600", "<sip:b@h>;q=0.75;expires=3600", "<sip:a@h>;q=0.3;expires=3600"),
				bound:    list("sip:c@h", "sip:b@h", "sip:a@h")},
		},
		"among equals the most recent first": {
			{send: reg{contacts: list("<sip:a@h>")}, code: 200, contacts: list("<sip:a@h>;expires=3600"), bound: list("sip:a@h")},
			{after: time.Second, send: reg{cseq: 2, contacts: list("<sip:b@h>")}, code: 200,
				contacts: list("<sip:b@h>;expires=3600", "<sip:a@h>;expires=3599"), bound: list("sip:b@h", "sip:a@h")},
			{after: time.Second, send: reg{cseq: 3, contacts: list("<sip:a@h>")}, code: 200,
				contacts: list("<sip:a@h>;expires=3600", "<sip:b@h>;expires=3599"), bound: list("sip:a@h", "sip:b@h")},
		},
		"what ended is not there": {
			{send: reg{contacts: list("<"+pc+">;expires=60", "<"+phone+">")}, code: 200,
				contacts: list("<"+pc+">;expires=60", "<"+phone+">;expires=3600"), bound: list(pc, phone)},
			{after: 60 * time.Second, send: reg{callID: "q"}, code: 200, contacts: list("<" + phone + ">;expires=3540"), bound: list(phone)},
			// Its CSeq is forgotten with it.
			{send: reg{cseq: 1, contacts: list("<" + pc + ">;expires=60")}, code: 200,
				contacts: list("<"+pc+">;expires=60", "<"+phone+">;expires=3540"), bound: list(pc, phone)},
		},
		"a contact named twice: the last word counts": {
			{send: reg{contacts: list("<"+pc+">;expires=0", "<"+pc+">;expires=600")}, code: 200, contacts: list("<" + pc + ">;expires=600"), bound: list(pc)},
			{send: reg{cseq: 2, contacts: list("<"+pc+">;expires=600", "<"+pc+">;expires=0")}, code: 200},
		},
		"bad contacts are 400, and nothing is changed": {
			{send: reg{contacts: list("<"+pc+">", "<bob>")}, code: 400},
			{send: reg{contacts: list("<sip:bob@>")}, code: 400},
			{send: reg{contacts: list("<sip:bob@h")}, code: 400},
			{send: reg{contacts: list("<sip:bob@h>;q=1.1")}, code: 400},
			{send: reg{contacts: list("<sip:bob@h>;q=high")}, code: 400},
			{send: reg{contacts: list("<sip:" + strings.Repeat("b", 1100) + "@h>")}, code: 400},
			{send: reg{callID: strings.Repeat("i", 300), contacts: list("<" + pc + ">")}, code: 400},
		},
		"foreign domains are 404": {
			{send: reg{ruri: "sip:elsewhere.net", contacts: list("<" + pc + ">")}, code: 404},
			{send: reg{to: "<sip:bob@elsewhere.net>", contacts: list("<" + pc + ">")}, code: 404},
		},
		"who is not a SIP URI can't be registered": {
			{send: reg{to: "<tel:+15551234>", contacts: list("<" + pc + ">")}, code: 400},
			{send: reg{to: "isbn:2983792873", contacts: list("<" + pc + ">")}, code: 400},
			{send: reg{to: "<mailto:bob@example.com>"}, code: 400},
		},
		"an unknown extension that is required is 420": {
			{send: reg{contacts: list("<" + pc + ">"), headers: list("Require: path, 100rel, gruu, outbound")}, code: 420},
			{send: reg{contacts: list("<" + pc + ">"), headers: list("Require: path")}, code: 200, contacts: list("<" + pc + ">;expires=3600"), bound: list(pc)},
			{send: reg{cseq: 2, contacts: list("<" + pc + ">"), headers: list("Require: PATH, Outbound,", "Require:")}, code: 200, contacts: list("<" + pc + ">;expires=3600"), bound: list(pc)},
		},
		"one more than max_contacts is 403, refreshing and removing go on": {
			{send: reg{contacts: list("<sip:1@h>, <sip:2@h>, <sip:3@h>, <sip:4@h>, <sip:5@h>, <sip:6@h>, <sip:7@h>, <sip:8@h>, <sip:9@h>, <sip:10@h>, <sip:11@h>")}, code: 403, codeOnly: true},
			{send: reg{contacts: list("<sip:1@h>, <sip:2@h>, <sip:3@h>, <sip:4@h>, <sip:5@h>, <sip:6@h>, <sip:7@h>, <sip:8@h>, <sip:9@h>, <sip:10@h>")}, code: 200, codeOnly: true},
			{send: reg{cseq: 2, contacts: list("<sip:11@h>")}, code: 403, codeOnly: true},
			{send: reg{cseq: 2, contacts: list("<sip:11@h>", "<sip:1@h>;expires=0")}, code: 200, codeOnly: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, Policy{})
			for i, s := range steps {
				b.now = b.now.Add(s.after)
				res := b.send(t, s.send)
				if res.Code != s.code {
					t.Fatalf("step %d: %d %s (%v), want %d", i+1, res.Code, res.Reason, res.Err, s.code)
				}
				if (res.Err == nil) != (res.Code == 200) {
					t.Errorf("step %d: code %d with error %v", i+1, res.Code, res.Err)
				}
				if s.codeOnly {
					continue
				}
				if res.Code == 200 {
					if got := res.header("Contact"); strings.Join(got, "\n") != strings.Join(s.contacts, "\n") {
						t.Errorf("step %d: Contact %q, want %q", i+1, got, s.contacts)
					}
				}
				b.has(t, bob, s.bound...)
			}
		})
	}
}

func TestHeadersOfAnswers(t *testing.T) {
	b := newBench(t, policyOf(func(p *Policy) { p.MinExpires = 90*time.Second + 1 }))
	res := b.send(t, reg{contacts: list("<sip:bob@h>;expires=90")})
	if got := res.header("Min-Expires"); res.Code != 423 || len(got) != 1 || got[0] != "91" {
		t.Errorf("%d, Min-Expires %q", res.Code, got)
	}
	res = b.send(t, reg{headers: list("Require: foo", "Require: bar, path")})
	if got := res.header("Unsupported"); res.Code != 420 || strings.Join(got, ",") != "foo,bar" {
		t.Errorf("%d, Unsupported %q", res.Code, got)
	}
	res = b.send(t, reg{contacts: list("<sip:bob@h>")})
	if got := res.header("Date"); res.Code != 200 || len(got) != 1 || got[0] != "Sun, 01 Mar 2026 12:00:00 GMT" {
		t.Errorf("%d, Date %q", res.Code, got)
	}
	b.send(t, reg{cseq: 5, contacts: list("<sip:bob@h>")})
	if res = b.send(t, reg{cseq: 5, contacts: list("<sip:bob@h>")}); !errors.Is(res.Err, ErrOutOfOrder) {
		t.Errorf("error %v", res.Err)
	}
}

// TestHourIsNeverTooBrief: 423 MUST NOT be the answer to an hour or more, whatever the minimum
// (§10.3 step 7).
func TestHourIsNeverTooBrief(t *testing.T) {
	b := newBench(t, policyOf(func(p *Policy) { p.MinExpires, p.MaxExpires = 2*time.Hour, 4*time.Hour }))
	if res := b.send(t, reg{contacts: list("<sip:bob@h>;expires=3600")}); res.Code != 200 {
		t.Errorf("3600: %d", res.Code)
	}
	if res := b.send(t, reg{cseq: 2, contacts: list("<sip:bob@h>;expires=3599")}); res.Code != 423 {
		t.Errorf("3599: %d", res.Code)
	}
}

// TestCanonicalAOR: what is registered is found by any spelling of the address.
func TestCanonicalAOR(t *testing.T) {
	b := newBench(t, Policy{})
	if res := b.send(t, reg{to: `"B" <sips:%62ob:secret@EXAMPLE.com;user=phone?x=y>;tag=1`, contacts: list("<sip:bob@h>")}); res.Code != 200 {
		t.Fatalf("%d %v", res.Code, res.Err)
	}
	for _, uri := range list("sip:bob@example.com", "sips:bob@Example.Com", "sip:bo%62@example.com:5060;transport=tcp") {
		b.has(t, uri, "sip:bob@h")
	}
	for _, uri := range list("sip:Bob@example.com", "sip:bob@example.org", "sip:bob@example.com:5070", "sip:example.com") {
		b.has(t, uri)
	}
}

func TestEvents(t *testing.T) {
	b := newBench(t, Policy{})
	b.send(t, reg{contacts: list("<sip:1@h>;expires=60", "<sip:2@h>")})
	b.now = b.now.Add(time.Minute)
	b.send(t, reg{cseq: 2, contacts: list("<sip:2@h>;expires=60", "<sip:3@h>")})
	b.send(t, reg{cseq: 2, contacts: list("<sip:4@h>", "<sip:3@h>")}) // fails: nothing happened
	b.send(t, reg{cseq: 3, contacts: list("<sip:5@h>", "<sip:5@h>;expires=0", "<sip:3@h>;expires=60", "<sip:3@h>;expires=0")})
	b.now = b.now.Add(2 * time.Minute)
	if err := b.Sweep(t.Context(), b.now); err != nil {
		t.Fatal(err)
	}
	want := "bound sip:1@h, bound sip:2@h, expired sip:1@h, refreshed sip:2@h, bound sip:3@h, removed sip:3@h, expired sip:2@h"
	if got := strings.Join(b.events, ", "); got != want {
		t.Errorf("events\n%s\nwant\n%s", got, want)
	}
	s := b.Stats(t.Context())
	if s.Bindings != 0 || s.Bound != 3 || s.Refreshed != 1 || s.Expired != 2 || s.Removed != 1 || s.Accepted != 3 || s.Failed != 1 {
		t.Errorf("%+v", s)
	}
}

func TestPolicies(t *testing.T) {
	for _, change := range []func(p *Policy){
		func(p *Policy) { p.MaxContacts = 0 }, func(p *Policy) { p.MinExpires = -1 }, func(p *Policy) { p.FlowTimer = 0 },
		func(p *Policy) { p.MinExpires, p.MaxExpires = 2*time.Minute, time.Minute },
		func(p *Policy) { p.DefaultExpires = 30 * time.Second }, func(p *Policy) { p.MaxExpires, p.DefaultExpires = time.Minute, time.Hour },
		func(p *Policy) { p.Domains = "none" }, func(p *Policy) { p.AtLimit = "" }, func(p *Policy) { p.Durability = "never" },
		func(p *Policy) { p.Subscriptions.MaxPerUser = -1 },
	} {
		if p := policyOf(change); p.Check() == nil {
			t.Errorf("%+v was taken", p)
		}
	}
	for _, change := range []func(p *Policy){
		func(*Policy) {}, func(p *Policy) { p.MaxExpires = 30 * time.Second }, func(p *Policy) { p.MinExpires = 3 * time.Hour },
		func(p *Policy) { p.DefaultExpires = time.Minute }, func(p *Policy) { *p = Policy{} },
	} {
		p := policyOf(change)
		if err := p.Check(); err != nil {
			t.Errorf("%+v: %v", p, err)
			continue
		}
		if q := luabindtest.Must(New(Options{Policy: p})).Policy(); q.MinExpires > q.DefaultExpires || q.DefaultExpires > q.MaxExpires {
			t.Errorf("%+v became %+v", p, q)
		}
	}
}

// A policy that is wrong is told of, and nothing is made.
func TestNewRefusesAWrongPolicy(t *testing.T) {
	for name, change := range map[string]func(*Policy){
		"its own":              func(p *Policy) { p.MinExpires, p.MaxExpires = 2*time.Hour, time.Hour },
		"of the subscriptions": func(p *Policy) { p.Subscriptions.MaxExpires = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			if r, err := New(Options{Policy: policyOf(change)}); err == nil || r != nil {
				t.Errorf("%v, %v", r, err)
			}
		})
	}
}
