package dns_test

import (
	"net"
	"reflect"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	module "github.com/sipscript/sipscript/modules/dns"
)

const zone = `
host.example.com. 60 IN A 192.0.2.1
host.example.com. 60 IN A 192.0.2.2
host.example.com. 60 IN AAAA 2001:db8::1
t.example.com. 60 IN TXT "v=1; " "x"
q.example.com. 60 IN TXT "say \"a\\b\""
8.4.e164.arpa. 60 IN NAPTR 10 20 "u" "E2U+sip" "!^(.*)$!sip:\\1@example.com!" .
_sip._udp.example.com. 60 IN SRV 1 2 5060 host.example.com.
9.4.e164.arpa. 60 IN NAPTR 10 20 "u" "E2U+sip" "!^.*$!sip:bob@example.com!" .
1.2.0.192.in-addr.arpa. 60 IN PTR host.example.com.
alias.example.com. 60 IN CNAME host.example.com.
example.com. 60 IN MX 10 mail.example.com.
`

// server answers from the zone, on a port of its own.
func server(t *testing.T) string {
	t.Helper()
	records := map[string][]dns.RR{}
	parser := dns.NewZoneParser(strings.NewReader(zone), "", "")
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		key := rr.Header().Name + dns.TypeToString[rr.Header().Rrtype]
		records[key] = append(records[key], rr)
	}
	if err := parser.Err(); err != nil {
		t.Fatal(err)
	}
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{PacketConn: c, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, m *dns.Msg) {
		q := m.Question[0]
		out := new(dns.Msg).SetReply(m)
		if q.Name == "broken.example.com." {
			out.Rcode = dns.RcodeServerFailure
		} else if out.Answer = records[strings.ToLower(q.Name)+dns.TypeToString[q.Qtype]]; out.Answer == nil {
			out.Rcode = dns.RcodeNameError
		}
		_ = w.WriteMsg(out)
	})}
	started := make(chan struct{})
	s.NotifyStartedFunc = func() { close(started) }
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.ActivateAndServe() }()
	<-started
	t.Cleanup(func() { _ = s.Shutdown(); <-ended })
	return c.LocalAddr().String()
}

func TestLookup(t *testing.T) {
	at := server(t)
	w := luabindtest.New(t, `dns = require "dns" function route(req) end`, luabindtest.Modules(module.New()),
		luabindtest.Engine(func(c *engine.Config) { c.Resolver = nil; c.DNS.Servers = []string{at} }))
	for source, want := range map[string][]any{
		`local l = dns.lookup("host.example.com", "A") table.sort(l) return l`:                         {[]any{"192.0.2.1", "192.0.2.2"}},
		`return dns.lookup("host.example.com", "AAAA")`:                                                {[]any{"2001:db8::1"}},
		`return dns.lookup("t.example.com", "TXT")`:                                                    {[]any{"v=1; x"}},
		`return dns.lookup("q.example.com", "TXT")`:                                                    {[]any{`say "a\b"`}},
		`return dns.lookup("8.4.e164.arpa", "NAPTR")[1].regexp`:                                        {`!^(.*)$!sip:\1@example.com!`},
		`return dns.lookup("_sip._udp.example.com", "SRV")`:                                            {[]any{map[string]any{"priority": 1.0, "weight": 2.0, "port": 5060.0, "target": "host.example.com"}}},
		`return dns.lookup("9.4.e164.arpa", "NAPTR")[1].regexp`:                                        {"!^.*$!sip:bob@example.com!"},
		`return dns.lookup("9.4.e164.arpa", "NAPTR")[1].replacement`:                                   {"."},
		`return dns.lookup("1.2.0.192.in-addr.arpa", "PTR")`:                                           {[]any{"host.example.com"}},
		`return dns.lookup("192.0.2.1", "PTR")`:                                                        {[]any{"host.example.com"}},
		`return dns.lookup("alias.example.com", "CNAME")`:                                              {[]any{"host.example.com"}},
		`return dns.lookup("example.com", "MX")[1].target`:                                             {"mail.example.com"},
		`return #dns.lookup("none.example.com", "A")`:                                                  {0.0},
		`return #dns.lookup("not a name", "A")`:                                                        {0.0},
		`local l, err = dns.lookup("broken.example.com", "A") return l, err:find("DNS failed") ~= nil`: {nil, true},
	} {
		t.Run(source, func(t *testing.T) {
			got, err := w.Eval(source)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s\ngot  %#v, %v\nwant %#v", source, got, err, want)
			}
		})
	}
	if _, err := w.Eval(`dns.lookup("x", "ANY")`); err == nil || !strings.Contains(err.Error(), `must be one of "A"`) {
		t.Error(err)
	}
}
