package resolver

// This file tests what is remembered, and how long.

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sipscript/sipscript/engine/transport"
)

func TestTimesToLive(t *testing.T) {
	negative := "soa"
	tests := []struct {
		name string
		zone string // of x.example.com
		want time.Duration
	}{
		{"as the record says", "x.example.com. 100 IN A 192.0.2.1", 100 * time.Second},
		{"the least of several", "x.example.com. 100 IN A 192.0.2.1\nx.example.com. 70 IN A 192.0.2.2", 70 * time.Second},
		{"the least of a chain", "x.example.com. 40 IN CNAME y.example.com.\ny.example.com. 100 IN A 192.0.2.1", 40 * time.Second},
		{"not below MinTTL", "x.example.com. 0 IN A 192.0.2.1", 5 * time.Second},
		{"not above MaxTTL", "x.example.com. 604800 IN A 192.0.2.1", time.Hour},
		{"the top bit means 0", "x.example.com. 2147483648 IN A 192.0.2.1", 5 * time.Second},
		{"no name: by the SOA (RFC 2308)", "", 30 * time.Second},
		{"no records: by the SOA", "x.example.com. 100 IN TXT a", 30 * time.Second},
		{negative, "", 5 * time.Second},
	}
	for _, test := range tests {
		c := newClock()
		s := serve(t, test.zone)
		if test.name == negative { // a SOA of another zone does not count
			s.on("x.example.com", dns.TypeA, func(w dns.ResponseWriter, m *dns.Msg) {
				out := new(dns.Msg).SetRcode(m, dns.RcodeNameError)
				out.Ns = []dns.RR{rr("ample.com. 600 IN SOA ns. root. 1 2 3 4 600")}
				w.WriteMsg(out)
			})
		}
		o := options(c, s.addr)
		o.Family = OnlyIPv4
		r := start(t, o)
		q := Query{Host: "x.example.com", Port: 5060}
		resolve(r, q)
		same(t, test.name, s.questions(), []string{"A x.example.com"})
		c.pass(test.want - time.Nanosecond)
		if _, now, _ := resolve(r, q); !now {
			t.Errorf("%s: forgotten before %v", test.name, test.want)
		}
		c.pass(time.Nanosecond)
		if _, now, _ := resolve(r, q); now {
			t.Errorf("%s: remembered after %v", test.name, test.want)
		}
		same(t, test.name, s.questions(), []string{"A x.example.com"})
	}
}

// A plan rests on several answers; when one is too old, that one alone is asked for again.
func TestOneAnswerExpires(t *testing.T) {
	c := newClock()
	s := serve(t, `
_sip._udp.example.com. 1000 IN SRV 1 10 5060 s1.example.com.
s1.example.com. 10 IN A 192.0.2.1
s1.example.com. 1000 IN AAAA 2001:db8::1`)
	r := start(t, options(c, s.addr))
	q := Query{Host: "example.com", Kind: transport.UDP}
	resolve(r, q)
	s.questions()
	s.load(t, "s1.example.com. 10 IN A 192.0.2.2")
	c.pass(10 * time.Second)
	peers, _, err := resolve(r, q)
	same(t, "peers", list(peers), []string{"udp 192.0.2.2:5060", "udp [2001:db8::1]:5060"})
	same(t, "asked", s.questions(), []string{"A s1.example.com"})
	if err != nil {
		t.Error(err)
	}
}

// What another query learned is used, at once.
func TestAnswersAreShared(t *testing.T) {
	s := serve(t, zone)
	r := start(t, options(newClock(), s.addr))
	resolve(r, Query{Host: "a.example.com", Port: 5060})
	peers, now, err := resolve(r, Query{Host: "A.example.com.", Port: 5070, Kind: transport.TCP})
	if !now || err != nil || len(peers) != 3 {
		t.Errorf("%v, at once %v, %v", list(peers), now, err)
	}
}

func TestFailuresAreRememberedBriefly(t *testing.T) {
	c := newClock()
	s := serve(t, zone)
	fail := func(w dns.ResponseWriter, m *dns.Msg) { w.WriteMsg(new(dns.Msg).SetRcode(m, dns.RcodeServerFailure)) }
	s.on("a.example.com", dns.TypeA, fail)
	s.on("a.example.com", dns.TypeAAAA, fail)
	r := start(t, options(c, s.addr))
	q := Query{Host: "a.example.com", Port: 5060}
	_, _, err := resolve(r, q)
	if !errors.Is(err, ErrFailed) || !strings.Contains(err.Error(), "A a.example.com: "+s.addr+": SERVFAIL") {
		t.Errorf("%v", err)
	}
	s.on("a.example.com", dns.TypeA, nil)
	if _, now, err := resolve(r, q); !now || err == nil {
		t.Error("asked again at once")
	}
	c.pass(5 * time.Second)
	if peers, _, err := resolve(r, q); err != nil || len(peers) != 2 {
		t.Errorf("%v, %v: one family is enough", list(peers), err)
	}
}

// The servers' failure is not the absence of SRV: the addresses of the domain may be a web
// server's.
func TestFailedSRVIsNotNoSRV(t *testing.T) {
	s := serve(t, zone)
	fail := func(w dns.ResponseWriter, m *dns.Msg) { w.WriteMsg(new(dns.Msg).SetRcode(m, dns.RcodeRefused)) }
	s.on("_sip._udp.a.example.com", dns.TypeSRV, fail)
	s.on("a.example.com", dns.TypeNAPTR, fail)
	r := start(t, options(newClock(), s.addr))
	for _, q := range []Query{{Host: "a.example.com", Kind: transport.UDP}, {Host: "a.example.com"}} {
		if peers, _, err := resolve(r, q); !errors.Is(err, ErrFailed) {
			t.Errorf("%v, %v", list(peers), err)
		}
	}
	// Without a NAPTR, SRV says enough.
	s.on("srv.example.com", dns.TypeNAPTR, fail)
	if peers, _, err := resolve(r, Query{Host: "srv.example.com"}); err != nil || len(peers) != 4 {
		t.Errorf("%v, %v", list(peers), err)
	}
}

func TestCacheIsBounded(t *testing.T) {
	s := serve(t, "")
	o := options(newClock(), s.addr)
	o.CacheSize = 10
	r := start(t, o)
	for i := range 50 {
		resolve(r, Query{Host: fmt.Sprintf("n%d.example.com", i), Port: 5060})
	}
	if r.plans.Len() != 10 || r.answers.Len() != 10 {
		t.Errorf("%d plans, %d answers", r.plans.Len(), r.answers.Len())
	}
}

// Many callers, one question each way.
func TestSingleFlight(t *testing.T) {
	s := serve(t, zone)
	hold := make(chan struct{})
	s.on("a.example.com", dns.TypeA, func(w dns.ResponseWriter, m *dns.Msg) {
		<-hold
		w.WriteMsg(s.reply(m, question{name: "a.example.com", qtype: dns.TypeA}))
	})
	r := start(t, options(newClock(), s.addr))
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Add(1)
		q := Query{Host: "a.example.com", Port: uint16(5060 + i%3)}
		r.Resolve(&q, func(peers []transport.Peer, err error) {
			defer wg.Done()
			if err != nil || len(peers) != 3 || peers[0].Addr.Port() != q.Port {
				t.Errorf("%v %v", list(peers), err)
			}
		})
	}
	close(hold)
	wg.Wait()
	same(t, "asked", s.questions(), []string{"A a.example.com", "AAAA a.example.com"})
}
