package enum_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/enum"
)

// zone has the records of a number each, by its last digits. The backslashes are those of a zone
// file: \\1 is \1 on the wire.
const zone = `
0.0.0.1.9.4.e164.arpa. 60 IN NAPTR 10 20 "u" "E2U+sip" "!^(.*)$!sip:\\1@example.com!" .
1.0.0.1.9.4.e164.arpa. 60 IN NAPTR 10 20 "u" "E2U+sip" "!^.*$!sip:second@example.com!" .
1.0.0.1.9.4.e164.arpa. 60 IN NAPTR 10 10 "U" "e2u+SIP" "!^.*$!sip:first@example.com!" .
1.0.0.1.9.4.e164.arpa. 60 IN NAPTR 20 5 "u" "E2U+sip" "!^.*$!sip:later@example.com!" .
1.0.0.1.9.4.e164.arpa. 60 IN NAPTR 5 5 "u" "E2U+tel" "!^.*$!tel:+1!" .
2.0.0.1.9.4.e164.arpa. 60 IN NAPTR 10 10 "u" "sip+E2U" "!^.*$!sip:old@example.com!" .
3.0.0.1.9.4.e164.arpa. 60 IN NAPTR 10 10 "u" "E2U+voice:tel+sip:x" "/^\\+49(.*)$/sip:\\1\\/x@example.com/" .
4.0.0.1.9.4.e164.arpa. 60 IN NAPTR 10 10 "u" "E2U+sip" "!^\\+49([0-9]+)(X)?$!sip:<\\2>\\1@example.com!i" .
5.0.0.1.9.4.e164.arpa. 60 IN NAPTR 10 10 "" "" "" a.example.net.
a.example.net. 60 IN NAPTR 10 10 "" "" "!^\\+(.*)$!b\\1.example.net!" .
b491005.example.net. 60 IN NAPTR 10 10 "u" "E2U+sip" "!^.*$!sip:far@example.com!" .
6.0.0.1.9.4.e164.arpa. 60 IN NAPTR 10 10 "" "" "" loop.example.net.
loop.example.net. 60 IN NAPTR 10 10 "" "" "" 6.0.0.1.9.4.e164.arpa.
7.0.0.1.9.4.e164.arpa. 60 IN NAPTR 10 10 "u" "E2U+sip" "!^\\+33!sip:x@example.com!" .
7.0.0.1.9.4.e164.arpa. 60 IN NAPTR 20 10 "u" "E2U+sip" "!^.*$!mailto:x@example.com!" .
7.0.0.1.9.4.e164.arpa. 60 IN NAPTR 30 10 "s" "E2U+sip" "!^.*$!sip:x@example.com!" .
7.0.0.1.9.4.e164.arpa. 60 IN NAPTR 40 10 "u" "E2U+sip" "!^.*$!sip:last@example.com!" .
8.0.0.1.9.4.e164.arpa. 60 IN NAPTR 10 10 "u" "E2U+email:mailto" "!^.*$!mailto:x@example.com!" .
9.0.0.1.9.4.e164.arpa. 60 IN NAPTR 10 10 "u" "E2U+sip" "!((((x{60}){4}){4})*)*!sip:x@example.com!" .
9.0.0.1.9.4.e164.arpa. 60 IN NAPTR 20 10 "u" "E2U+sip" "" .
9.0.0.1.9.4.e164.arpa. 60 IN NAPTR 30 10 "u" "E2U+sip" "!^.*$!sip:\\2@example.com!" .
9.0.0.1.9.4.e164.arpa. 60 IN NAPTR 40 10 "u" "E2U+sip" "1^.*$1sip:x@example.com1" .
9.0.0.1.9.4.e164.arpa. 60 IN NAPTR 50 10 "u" "E2U+sip" "!^.*$!sip:x@example.com" .
9.0.0.1.9.4.e164.arpa. 60 IN NAPTR 60 10 "u" "E2U+sip" "!(!sip:x@example.com!" .
9.0.0.1.9.4.e164.arpa. 60 IN NAPTR 70 10 "u" "E2U+sip" "!^.*$!sip:a\013\010b@example.com!" .
9.0.0.1.9.4.e164.arpa. 60 IN NAPTR 80 10 "u" "E2U+sip" "!^.*$!sip:x@example.com!g" .
1.1.0.1.9.4.e164.arpa. 60 IN CNAME 0.0.0.1.9.4.e164.arpa.
2.1.0.1.9.4.e164.arpa. 60 IN TXT "nothing"
1.private.example. 60 IN NAPTR 10 10 "u" "E2U+sip" "!^\\+(.*)$!sip:\\1@private.example!" .
`

// long are more hops than are followed, and an answer that needs TCP.
func long() string {
	var b strings.Builder
	b.WriteString("3.1.0.1.9.4.e164.arpa. 60 IN NAPTR 10 10 \"\" \"\" \"\" h0.example.net.\n")
	for i := range 6 {
		fmt.Fprintf(&b, "h%d.example.net. 60 IN NAPTR 10 10 \"\" \"\" \"\" h%d.example.net.\n", i, i+1)
	}
	b.WriteString("h6.example.net. 60 IN NAPTR 10 10 \"u\" \"E2U+sip\" \"!^.*$!sip:far@example.com!\" .\n")
	b.WriteString("4.1.0.1.9.4.e164.arpa. 60 IN NAPTR 10 10 \"\" \"\" \"\" h2.example.net.\n")
	for i := range 40 {
		fmt.Fprintf(&b, "5.1.0.1.9.4.e164.arpa. 60 IN NAPTR 10 %d \"u\" \"E2U+sip\" \"!^.*$!sip:user%d@a-rather-long-name.example.com!\" .\n", i, i)
	}
	return b.String()
}

// server answers from the zone over UDP and TCP, on a port of its own. It returns its address, and
// how often it was asked.
func server(t *testing.T, host string) (addr string, asked *atomic.Int32) {
	t.Helper()
	records, aliases := map[string][]dns.RR{}, map[string][]dns.RR{}
	parser := dns.NewZoneParser(strings.NewReader(zone+long()), "", "")
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		key := rr.Header().Name + dns.TypeToString[rr.Header().Rrtype]
		records[key] = append(records[key], rr)
		if rr.Header().Rrtype == dns.TypeCNAME {
			aliases[rr.Header().Name] = []dns.RR{rr}
		}
	}
	if err := parser.Err(); err != nil {
		t.Fatal(err)
	}
	asked = new(atomic.Int32)
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, m *dns.Msg) {
		asked.Add(1)
		q := m.Question[0]
		name := strings.ToLower(q.Name)
		out := new(dns.Msg).SetReply(m)
		out.Answer = records[name+dns.TypeToString[q.Qtype]]
		if alias := aliases[name]; alias != nil {
			out.Answer = append(alias[:1:1], records[alias[0].(*dns.CNAME).Target+dns.TypeToString[q.Qtype]]...)
		}
		switch {
		case strings.HasPrefix(name, "broken."):
			out.Rcode = dns.RcodeServerFailure
		case out.Answer == nil && records[name+"TXT"] == nil:
			out.Rcode = dns.RcodeNameError
		}
		if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
			size := 512
			if o := m.IsEdns0(); o != nil {
				size = int(o.UDPSize())
			}
			out.Truncate(size)
		}
		_ = w.WriteMsg(out)
	})
	var l net.Listener
	var c net.PacketConn
	for range 20 { // the port of one may be taken for the other
		var err error
		if l, err = net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
			t.Skipf("no address %s here: %v", host, err)
		}
		if c, err = net.ListenPacket("udp", l.Addr().String()); err == nil {
			break
		}
		l.Close()
	}
	if c == nil {
		t.Fatal("no port for both TCP and UDP")
	}
	for _, s := range []*dns.Server{{Listener: l, Handler: handler}, {PacketConn: c, Handler: handler}} {
		started, ended := make(chan struct{}), make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() { defer close(ended); _ = s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = s.Shutdown(); <-ended })
	}
	return l.Addr().String(), asked
}

func world(t *testing.T, host string) (*luabindtest.World, *atomic.Int32) {
	at, asked := server(t, host)
	return luabindtest.New(t, `enum = require "enum" function route(req) end`, luabindtest.Modules(enum.NewModule()),
		luabindtest.Engine(func(c *engine.Config) { c.Resolver = nil; c.DNS.Servers = []string{at} })), asked
}

func TestLookup(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			w, asked := world(t, host)
			var all []any
			for i := range 16 {
				all = append(all, fmt.Sprintf("sip:user%d@a-rather-long-name.example.com", i))
			}
			for source, want := range map[string][]any{
				`enum.lookup("+491000")`:                               {[]any{"sip:+491000@example.com"}},
				`enum.lookup("491000")`:                                {[]any{"sip:+491000@example.com"}},
				`enum.lookup("+49 (10) 0-0")`:                          {[]any{"sip:+491000@example.com"}},
				`enum.lookup("+491000;npdi;rn=+49")`:                   {[]any{"sip:+491000@example.com"}},
				`enum.lookup("491000;phone-context=x")`:                {nil, `not a number: "491000;phone-context=x"`},
				`enum.lookup("+491001")`:                               {[]any{"sip:first@example.com", "sip:second@example.com"}},
				`enum.lookup("+491001", { service = "tel" })`:          {[]any{"tel:+1"}},
				`enum.lookup("+491002")`:                               {[]any{"sip:old@example.com"}},
				`enum.lookup("+491003")`:                               {[]any{"sip:1003/x@example.com"}},
				`enum.lookup("+491004")`:                               {nil, "there is no such record: 4.0.0.1.9.4.e164.arpa. has none for sip"},
				`enum.lookup("+491005")`:                               {[]any{"sip:far@example.com"}},
				`enum.lookup("+491006")`:                               {nil, "there is no such record: 6.0.0.1.9.4.e164.arpa. leads back to itself"},
				`enum.lookup("+491007")`:                               {[]any{"sip:last@example.com"}},
				`enum.lookup("+491008")`:                               {nil, "there is no such record: 8.0.0.1.9.4.e164.arpa. has none for sip"},
				`enum.lookup("+491008", { service = "email:mailto" })`: {[]any{"mailto:x@example.com"}},
				`enum.lookup("+491009")`:                               {nil, "there is no such record: 9.0.0.1.9.4.e164.arpa. has none for sip"},
				`enum.lookup("+491011")`:                               {[]any{"sip:+491011@example.com"}},
				`enum.lookup("+491012")`:                               {nil, "there is no such record: the name does not exist, or has no NAPTR"},
				`enum.lookup("+499999")`:                               {nil, "there is no such record: the name does not exist, or has no NAPTR"},
				`enum.lookup("+491013")`:                               {nil, "there is no such record: more than 5 names lead to one another"},
				`enum.lookup("+491014")`:                               {[]any{"sip:far@example.com"}},
				`enum.lookup("+491015")`:                               {all},
				`enum.lookup("1", { suffix = "private.example." })`:    {[]any{"sip:1@private.example"}},
				`enum.lookup("bob")`:                                   {nil, `not a number: "bob"`},
				`enum.lookup("")`:                                      {nil, `not a number: ""`},
				`enum.lookup("+")`:                                     {nil, `not a number: "+"`},
				`enum.lookup(("1"):rep(21))`:                           {nil, `not a number: "111111111111111111111"`},
			} {
				t.Run(source, func(t *testing.T) {
					got, err := w.Eval("return " + source)
					if err != nil || !reflect.DeepEqual(got, want) {
						t.Errorf("%s\ngot  %#v, %v\nwant %#v", source, got, err, want)
					}
				})
			}
			before := asked.Load()
			if _, err := w.Eval(`for _ = 1, 10 do enum.lookup("+491005") enum.lookup("+499999") end`); err != nil || asked.Load() != before {
				t.Errorf("%v, asked %d times for what is known", err, asked.Load()-before)
			}
			got, err := w.Eval(`return enum.lookup("1", { suffix = "x.broken." })`)
			if err != nil || len(got) != 2 || got[0] != nil {
				t.Errorf("%v, %v", got, err)
			}
			for source, want := range map[string]string{
				`enum.lookup("1", { suffix = "a..b" })`: "option suffix must be a domain",
				`enum.lookup("1", { sufix = "a" })`:     `unknown option "sufix"`,
			} {
				t.Run(source, func(t *testing.T) {
					if _, err := w.Eval(source); err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("%v, want %q", err, want)
					}
				})
			}
		})
	}
}

// The DNS that cannot be asked is told apart from a number without records.
func TestAway(t *testing.T) {
	away := errors.New("away")
	_, err := enum.Lookup(t.Context(), func(context.Context, string, uint16) ([]dns.RR, error) { return nil, away }, "+49", enum.Options{})
	if !errors.Is(err, away) || errors.Is(err, enum.ErrNone) {
		t.Error(err)
	}
}

// Whatever a zone says, nothing breaks, and what comes out is a sip URI.
func FuzzRegexp(f *testing.F) {
	for _, text := range []string{`!^(.*)$!sip:\\1@x!`, `!(a|b)*?\\(!sip:x@y!i`, "", "!", "!!!", `!\001!sip:\\9@x!`, `!^.*$!sip:a@[::1!`, "!x{1000}{1000}!!"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		records := func(context.Context, string, uint16) ([]dns.RR, error) {
			return []dns.RR{&dns.NAPTR{Flags: "u", Service: "E2U+sip", Regexp: text, Replacement: "."}}, nil
		}
		uris, err := enum.Lookup(t.Context(), records, "+49301234567", enum.Options{})
		if err == nil && (len(uris) != 1 || !strings.HasPrefix(strings.ToLower(uris[0]), "sip") || strings.ContainsAny(uris[0], "\r\n\x00 <>")) {
			t.Errorf("%q", uris)
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	rr, err := dns.NewRR(`x. 60 IN NAPTR 10 20 "u" "E2U+sip" "!^\\+49(.*)$!sip:\\1@example.com!" .`)
	if err != nil {
		b.Fatal(err)
	}
	list := []dns.RR{rr}
	records := func(context.Context, string, uint16) ([]dns.RR, error) { return list, nil }
	b.ReportAllocs()
	for b.Loop() {
		if _, err := enum.Lookup(b.Context(), records, "+4930123456", enum.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleLookup() {
	records := func(_ context.Context, name string, _ uint16) ([]dns.RR, error) { // engine.Records
		rr, err := dns.NewRR(name + ` 60 IN NAPTR 10 20 "u" "E2U+sip" "!^\\+49(.*)$!sip:\\1@example.com!" .`)
		return []dns.RR{rr}, err
	}
	fmt.Println(enum.Lookup(context.Background(), records, "+49 30 123456", enum.Options{}))
	// Output: [sip:30123456@example.com] <nil>
}
