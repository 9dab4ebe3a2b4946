package registrar

// This file builds REGISTER requests and reads answers, for the tests.

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// start is when tests begin; time passes only where a test says so.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

type localDomains []string

func (d localDomains) IsLocal(host string, _ uint16) bool {
	for _, name := range d {
		if strings.EqualFold(name, host) {
			return true
		}
	}
	return false
}

var home = localDomains{"example.com", "example.org"}

// reg is a REGISTER. Empty fields have defaults.
type reg struct {
	ruri, to, callID, via string
	cseq                  int
	contacts              []string // one Contact field each
	headers               []string // whole lines
}

func (g reg) text() string {
	or := func(s, other string) string {
		if s == "" {
			return other
		}
		return s
	}
	var b strings.Builder
	fmt.Fprintf(&b, "REGISTER %s SIP/2.0\r\n", or(g.ruri, "sip:example.com"))
	fmt.Fprintf(&b, "Via: %s\r\n", or(g.via, "SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bKnashds7"))
	fmt.Fprintf(&b, "Max-Forwards: 70\r\nTo: %s\r\nFrom: <sip:bob@example.com>;tag=456248\r\n", or(g.to, "Bob <sip:bob@example.com>"))
	fmt.Fprintf(&b, "Call-ID: %s\r\nCSeq: %d REGISTER\r\n", or(g.callID, "843817637684230@998sdasdh09"), max(g.cseq, 1))
	for _, c := range g.contacts {
		fmt.Fprintf(&b, "Contact: %s\r\n", c)
	}
	for _, h := range g.headers {
		b.WriteString(h + "\r\n")
	}
	b.WriteString("Content-Length: 0\r\n\r\n")
	return b.String()
}

func (g reg) message(t testing.TB) *message.Message {
	t.Helper()
	m := new(message.Message)
	if err := m.Parse([]byte(g.text()), &message.Limits{}); err != nil {
		t.Fatalf("parse: %v\n%s", err, g.text())
	}
	return m
}

func udpFrom(addr string) *Origin {
	return &Origin{Source: netip.MustParseAddrPort(addr), Transport: transport.UDP, Socket: "udp:198.51.100.1:5060"}
}

// bench is a registrar with a clock that tests move.
type bench struct {
	*Registrar
	now    time.Time
	events []string
}

func newBench(t testing.TB, p Policy) *bench {
	t.Helper()
	b := &bench{now: start}
	b.Registrar = luabindtest.Must(New(Options{Policy: p, Event: func(e Event) {
		b.events = append(b.events, strings.TrimPrefix(e.Kind.String(), "registrar.")+" "+e.Binding.Contact())
	}}))
	return b
}

func (b *bench) send(t testing.TB, g reg) Result {
	t.Helper()
	return b.Process(context.Background(), g.message(t), udpFrom("192.0.2.4:5060"), home, b.now)
}

func (b *bench) lookup(t testing.TB, uri string) []*Binding {
	t.Helper()
	u := mustURI(t, uri)
	list, err := b.Lookup(context.Background(), &u, b.now)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// has checks the contacts that lookup returns, in order.
func (b *bench) has(t testing.TB, uri string, contacts ...string) {
	t.Helper()
	var got []string
	for _, x := range b.lookup(t, uri) {
		got = append(got, x.Contact())
	}
	if strings.Join(got, " ") != strings.Join(contacts, " ") {
		t.Errorf("lookup(%s) = %q, want %q", uri, got, contacts)
	}
}

func (r Result) header(name string) []string {
	for _, h := range r.Headers {
		if h.Name == name {
			return h.Values
		}
	}
	return nil
}

func list(s ...string) []string { return s }

func mustURI(t testing.TB, text string) message.URI {
	t.Helper()
	u, err := message.ParseURI([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// policyOf is the default policy, changed.
func policyOf(change func(p *Policy)) Policy {
	p := DefaultPolicy()
	change(&p)
	return p
}

// yes is a pointer to true.
func yes() *bool {
	on := true
	return &on
}
