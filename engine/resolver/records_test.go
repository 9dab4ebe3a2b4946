package resolver

// This file tests lookups of records as they are.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func texts(list []dns.RR) string {
	var all []string
	for _, rr := range list {
		all = append(all, strings.Join(strings.Fields(rr.String())[3:], " "))
	}
	return strings.Join(all, "; ")
}

func TestRecords(t *testing.T) {
	s := serve(t, `
t.example.com. 100 IN TXT "one" "two"
t.example.com. 100 IN TXT "three"
alias.example.com. 100 IN CNAME t.example.com.
4.3.2.1.e164.arpa. 100 IN NAPTR 10 20 "u" "E2U+sip" "!^.*$!sip:bob@example.com!" .
_sip._udp.example.com. 100 IN SRV 1 2 5060 .
1.2.0.192.in-addr.arpa. 100 IN PTR host.example.com.
`)
	c := newClock()
	r := start(t, options(c, s.addr))
	for _, row := range []struct {
		name  string
		qtype uint16
		want  string
		err   error
	}{
		{"T.Example.COM.", dns.TypeTXT, `TXT "one" "two"; TXT "three"`, nil},
		{"alias.example.com", dns.TypeTXT, `TXT "one" "two"; TXT "three"`, nil},
		{"4.3.2.1.e164.arpa", dns.TypeNAPTR, `NAPTR 10 20 "u" "E2U+sip" "!^.*$!sip:bob@example.com!" .`, nil}, // no use for RFC 3263
		{"_sip._udp.example.com", dns.TypeSRV, "SRV 1 2 5060 .", nil},
		{"1.2.0.192.in-addr.arpa", dns.TypePTR, "PTR host.example.com.", nil},
		{"t.example.com", dns.TypeMX, "", ErrNotFound},
		{"none.example.com", dns.TypeTXT, "", ErrNotFound},
		{"a..b", dns.TypeTXT, "", ErrNotFound},
		{strings.Repeat("x", 300), dns.TypeTXT, "", ErrNotFound},
	} {
		t.Run(dns.TypeToString[row.qtype]+" "+row.name, func(t *testing.T) {
			got, err := r.Records(t.Context(), row.name, row.qtype)
			if texts(got) != row.want || !errors.Is(err, row.err) {
				t.Errorf("%s, %v; want %s, %v", texts(got), err, row.want, row.err)
			}
		})
	}
	s.questions()
	// Many ask at once, and one question is on the wire; then none while the answer lives.
	s.load(t, "m.example.com. 100 IN TXT x")
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if got, err := r.Records(context.Background(), "m.example.com", dns.TypeTXT); err != nil || len(got) != 1 {
				t.Error(got, err)
			}
		})
	}
	all.Wait()
	same(t, "asked", s.questions(), []string{"TXT m.example.com"})
	c.pass(100*time.Second - 1)
	_, _ = r.Records(t.Context(), "m.example.com", dns.TypeTXT)
	same(t, "asked while it lives", s.questions(), nil)
	c.pass(1)
	_, _ = r.Records(t.Context(), "m.example.com", dns.TypeTXT)
	same(t, "asked again", s.questions(), []string{"TXT m.example.com"})
	// The same name and type for RFC 3263 is another question.
	s.load(t, "n.example.com. 100 IN NAPTR 1 1 \"s\" \"SIP+D2U\" \"\" _sip._udp.example.com.")
	if got, err := r.Records(t.Context(), "n.example.com", dns.TypeNAPTR); err != nil || len(got) != 1 {
		t.Error(got, err)
	}
}

func TestRecordsAreBounded(t *testing.T) {
	m := new(dns.Msg)
	for i := range maxRecords + 50 {
		m.Answer = append(m.Answer, rr(fmt.Sprintf("t.example.com. 100 IN TXT \"%d\"", i)))
	}
	state := reading{name: "t.example.com", ttl: 1<<31 - 1, raw: true}
	if done := state.read(m, dns.TypeTXT); !done || len(state.answer.records) != maxRecords || state.answer.err != nil {
		t.Errorf("%d records, %v", len(state.answer.records), state.answer.err)
	}
}

func TestRecordsEnd(t *testing.T) {
	silent := serve(t, "")
	held := make(chan struct{})
	silent.on("s.example.com", dns.TypeTXT, func(dns.ResponseWriter, *dns.Msg) { <-held })
	t.Cleanup(func() { close(held) })
	r := start(t, options(newClock(), silent.addr))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Records(ctx, "s.example.com", dns.TypeTXT); !errors.Is(err, ErrFailed) {
		t.Error(err)
	}
	r.Close()
	if _, err := r.Records(t.Context(), "t.example.com", dns.TypeTXT); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}
