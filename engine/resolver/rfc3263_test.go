package resolver

// This file tests which questions are asked, and what their answers come to (RFC 3263 §4.1, §4.2).

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine/transport"
)

const zone = `
example.com.            600 IN NAPTR 50 50 "s" "SIPS+D2T" "" _sips._tcp.example.com.
example.com.            600 IN NAPTR 90 50 "s" "SIP+D2T"  "" _sip._tcp.example.com.
example.com.            600 IN NAPTR 100 50 "S" "sip+d2u" "" _sip._udp.example.com.
example.com.            600 IN NAPTR 10 10 "s" "SIP+D2S"  "" _sip._sctp.example.com.
example.com.            600 IN NAPTR 10 10 "u" "E2U+sip"  "!^.*$!sip:x@y!" .
_sips._tcp.example.com. 600 IN SRV 1 0 5061 s1.example.com.
_sip._tcp.example.com.  600 IN SRV 2 0 5062 s2.example.com.
_sip._tcp.example.com.  600 IN SRV 1 0 5060 s1.example.com.
_sip._udp.example.com.  600 IN SRV 1 0 5060 s1.example.com.
s1.example.com.         600 IN A 192.0.2.1
s1.example.com.         600 IN AAAA 2001:db8::1
s2.example.com.         600 IN A 192.0.2.2
s2.example.com.         600 IN A 192.0.2.22
a.example.com.          600 IN A 192.0.2.3
a.example.com.          600 IN A 192.0.2.4
a.example.com.          600 IN AAAA 2001:db8::3
six.example.com.        600 IN AAAA 2001:db8::6
srv.example.com.        600 IN TXT "no NAPTR here"
_sip._udp.srv.example.com.  600 IN SRV 1 0 5070 s1.example.com.
_sips._tcp.srv.example.com. 600 IN SRV 1 0 5071 s2.example.com.
off.example.com.        600 IN A 192.0.2.9
_sip._udp.off.example.com. 600 IN SRV 0 0 0 .
_sip._tcp.off.example.com. 600 IN SRV 0 0 0 .
half.example.com.       600 IN A 192.0.2.9
_sip._udp.half.example.com. 600 IN SRV 0 0 0 .
_sip._tcp.half.example.com. 600 IN SRV 0 0 5060 s2.example.com.
gone.example.com.       600 IN A 192.0.2.9
_sip._udp.gone.example.com. 600 IN SRV 0 0 5060 nowhere.example.com.
udponly.example.com.    600 IN NAPTR 50 50 "s" "SIP+D2U" "" _sip._udp.example.com.
udponly.example.com.    600 IN A 192.0.2.7
flag-a.example.com.     600 IN NAPTR 50 50 "a" "SIP+D2T" "" s2.example.com.
bare.example.com.       600 IN NAPTR 50 50 "s" "SIP+D2T" "" _sip._tcp.bare.example.com.
bare.example.com.       600 IN A 192.0.2.8
alias.example.com.      600 IN CNAME alias2.example.com.
alias2.example.com.     600 IN CNAME six.example.com.
ws.example.com.         600 IN A 192.0.2.12
_sips._wss.wss.example.com. 600 IN SRV 0 0 8443 s2.example.com.
`

// Trap 14: A before SRV, _sip._tls for _sips._tcp, no NAPTR.
func TestTrap14Locate(t *testing.T) {
	const (
		udp = 1 << transport.UDP
		tcp = 1 << transport.TCP
		tls = 1 << transport.TLS
		ws  = 1 << transport.WS
		wss = 1 << transport.WSS
		all = udp | tcp | tls
	)
	tests := []struct {
		uri   string
		kinds int
		want  string // peers, or the error
		asked string // "-" for nothing
	}{
		// A numeric host: no lookup (§4.1).
		{"sip:192.0.2.5", all, "udp 192.0.2.5:5060", "-"},
		{"sip:[2001:db8::5]", all, "udp [2001:db8::5]:5060", "-"},
		{"sip:192.0.2.5:5080;transport=tcp", all, "tcp 192.0.2.5:5080", "-"},
		{"sips:192.0.2.5", all, "tls 192.0.2.5:5061", "-"},
		{"sips:192.0.2.5;transport=tcp", all, "tls 192.0.2.5:5061", "-"},
		{"sip:192.0.2.5", tcp | tls, "tcp 192.0.2.5:5060", "-"},
		{"sips:192.0.2.5", udp | tcp, "there is no listener for this transport", "-"},
		{"sips:192.0.2.5;transport=udp", all, "sips over UDP", "-"},
		{"sip:192.0.2.5;transport=ws", all, "there is no listener for this transport", "-"},
		// A port: addresses only, of a transport that is the default or written (§4.1, §4.2).
		{"sip:a.example.com:5070", all, "udp 192.0.2.3:5070|udp [2001:db8::3]:5070|udp 192.0.2.4:5070", "A a|AAAA a"},
		{"sip:a.example.com:5070;transport=tcp", all, "tcp 192.0.2.3:5070|tcp [2001:db8::3]:5070|tcp 192.0.2.4:5070", "A a|AAAA a"},
		{"sips:s2.example.com:5070", all, "tls 192.0.2.2:5070/s2.example.com|tls 192.0.2.22:5070/s2.example.com", "A s2|AAAA s2"},
		{"sip:six.example.com:5070", all, "udp [2001:db8::6]:5070", "A six|AAAA six"},
		{"sip:nowhere.example.com:5070", all, "not found (A nowhere.example.com: NXDOMAIN; AAAA nowhere.example.com: NXDOMAIN)", "A nowhere|AAAA nowhere"},
		// A transport: its SRV, else addresses with its default port (§4.2).
		{"sip:example.com;transport=udp", all, "udp 192.0.2.1:5060|udp [2001:db8::1]:5060", "SRV _sip._udp|A s1|AAAA s1"},
		{"sip:example.com;transport=tcp", all, "tcp 192.0.2.1:5060|tcp [2001:db8::1]:5060|tcp 192.0.2.2:5062|tcp 192.0.2.22:5062", "SRV _sip._tcp|A s1|AAAA s1|A s2|AAAA s2"},
		{"sip:example.com;transport=tls", all, "tls 192.0.2.1:5061/example.com|tls [2001:db8::1]:5061/example.com", "SRV _sips._tcp|A s1|AAAA s1"},
		{"sips:Example.COM.;transport=tcp", all, "tls 192.0.2.1:5061/example.com|tls [2001:db8::1]:5061/example.com", "SRV _sips._tcp|A s1|AAAA s1"},
		{"sip:s2.example.com;transport=tls", all, "tls 192.0.2.2:5061/s2.example.com|tls 192.0.2.22:5061/s2.example.com", "SRV _sips._tcp.s2|A s2|AAAA s2"},
		{"sip:ws.example.com;transport=ws", ws | wss, "ws 192.0.2.12:80", "SRV _sip._ws.ws|A ws|AAAA ws"},
		{"sips:ws.example.com;transport=ws", ws | wss, "wss 192.0.2.12:443/ws.example.com", "SRV _sips._wss.ws|A ws|AAAA ws"},
		{"sip:wss.example.com;transport=wss", wss, "wss 192.0.2.2:8443/wss.example.com|wss 192.0.2.22:8443/wss.example.com", "SRV _sips._wss.wss|A s2|AAAA s2"},
		{"sip:example.com;transport=wss", all, "there is no listener for this transport", "-"},
		// Neither: NAPTR, of the transports the engine has (§4.1).
		{"sip:example.com", all, "tls 192.0.2.1:5061/example.com|tls [2001:db8::1]:5061/example.com|" +
			"tcp 192.0.2.1:5060|tcp [2001:db8::1]:5060|tcp 192.0.2.2:5062|tcp 192.0.2.22:5062|udp 192.0.2.1:5060|udp [2001:db8::1]:5060",
			"NAPTR |SRV _sips._tcp|SRV _sip._tcp|SRV _sip._udp|A s1|AAAA s1|A s2|AAAA s2"},
		{"sip:example.com", udp, "udp 192.0.2.1:5060|udp [2001:db8::1]:5060", "NAPTR |SRV _sip._udp|A s1|AAAA s1"},
		{"sips:example.com", all, "tls 192.0.2.1:5061/example.com|tls [2001:db8::1]:5061/example.com", "NAPTR |SRV _sips._tcp|A s1|AAAA s1"},
		{"sip:flag-a.example.com", all, "tcp 192.0.2.2:5060|tcp 192.0.2.22:5060", "NAPTR flag-a|A s2|AAAA s2"},
		{"sip:bare.example.com", all, "tcp 192.0.2.8:5060", "NAPTR bare|SRV _sip._tcp.bare|A bare|AAAA bare"},
		// NAPTR of nothing the engine has is not a NAPTR.
		{"sip:udponly.example.com", tcp, "tcp 192.0.2.7:5060", "NAPTR udponly|SRV _sip._tcp.udponly|A udponly|AAAA udponly"},
		// No NAPTR: SRV of each transport (§4.1).
		{"sip:srv.example.com", all, "udp 192.0.2.1:5070|udp [2001:db8::1]:5070|tls 192.0.2.2:5071/srv.example.com|tls 192.0.2.22:5071/srv.example.com",
			"NAPTR srv|SRV _sip._udp.srv|SRV _sip._tcp.srv|SRV _sips._tcp.srv|A s1|AAAA s1|A s2|AAAA s2"},
		{"sips:srv.example.com", all, "tls 192.0.2.2:5071/srv.example.com|tls 192.0.2.22:5071/srv.example.com", "NAPTR srv|SRV _sips._tcp.srv|A s2|AAAA s2"},
		// Neither NAPTR nor SRV: addresses, UDP for sip and TLS for sips (§4.1, §4.2).
		{"sip:s2.example.com", all, "udp 192.0.2.2:5060|udp 192.0.2.22:5060", "NAPTR s2|SRV _sip._udp.s2|SRV _sip._tcp.s2|SRV _sips._tcp.s2|A s2|AAAA s2"},
		{"sips:s2.example.com", all, "tls 192.0.2.2:5061/s2.example.com|tls 192.0.2.22:5061/s2.example.com", "NAPTR s2|SRV _sips._tcp.s2|A s2|AAAA s2"},
		{"sip:alias.example.com", udp, "udp [2001:db8::6]:5060", "NAPTR alias|SRV _sip._udp.alias|A alias|AAAA alias"},
		{"sips:s2.example.com", udp | tcp, "there is no listener for this transport", "-"},
		// A target of "." says no (RFC 2782), and keeps addresses out.
		{"sip:off.example.com", udp | tcp, `service not available (NAPTR off.example.com: no records; SRV _sip._udp.off.example.com: target "."; SRV _sip._tcp.off.example.com: target ".")`, "NAPTR off|SRV _sip._udp.off|SRV _sip._tcp.off"},
		{"sip:off.example.com;transport=udp", all, "service not available", "SRV _sip._udp.off"},
		{"sip:half.example.com", udp | tcp, "tcp 192.0.2.2:5060|tcp 192.0.2.22:5060", "NAPTR half|SRV _sip._udp.half|SRV _sip._tcp.half|A s2|AAAA s2"},
		// SRV records lead elsewhere only.
		{"sip:gone.example.com;transport=udp", all, "not found", "SRV _sip._udp.gone|A nowhere|AAAA nowhere"},
		// What is not a name is not asked for.
		{"sip:foo.invalid", udp, "not found", "-"},
		{"sip:1.2.3", all, "not a name", "-"},
		{"sip:a..b", all, "not a name", "-"},
		{"sip:a b", all, "not a name", "-"},
		{"sip:" + strings.Repeat("a", 64) + ".example.com", all, "not a name", "-"},
		{"sip:" + strings.Repeat("a.", 130) + "com", all, "not a name", "-"},
		{"sip:", all, "not a name", "-"},
	}
	s := serve(t, zone)
	for _, test := range tests {
		o := options(newClock(), s.addr)
		o.Kinds = nil
		for k := transport.UDP; k <= transport.WSS; k++ {
			if test.kinds&(1<<k) != 0 {
				o.Kinds = append(o.Kinds, k)
			}
		}
		r := start(t, o)
		s.questions()
		q := query(t, test.uri)
		peers, now, err := resolve(r, q)
		asked := s.questions()
		if got := strings.Join(list(peers), "|"); err != nil && (!strings.Contains(err.Error(), test.want) || test.want == "") || err == nil && got != test.want {
			t.Errorf("%s:\n got %s, %v\nwant %s", test.uri, got, err, test.want)
		}
		same(t, test.uri+": asked", asked, expand(test.asked))
		if now && len(asked) > 0 {
			t.Errorf("%s: asked, and answered at once", test.uri)
		}
		// Once more: at once, the same, and nothing asked.
		again, ok, err2 := r.Cached(&q)
		if !ok || strings.Join(list(again), "|") != strings.Join(list(peers), "|") || (err == nil) != (err2 == nil) {
			t.Errorf("%s: cached: %v %v %v", test.uri, list(again), ok, err2)
		}
		same(t, test.uri+": asked again", s.questions(), nil)
	}
}

// expand writes "A s1|SRV _sip._udp" out, in order of the alphabet.
func expand(s string) []string {
	if s == "-" {
		return nil
	}
	var out []string
	for _, q := range strings.Split(s, "|") {
		if q = strings.TrimSuffix(q, " "); strings.Contains(q, " ") {
			q += ".example.com"
		} else {
			q += " example.com"
		}
		out = append(out, q)
	}
	slices.Sort(out)
	return out
}

func TestFamily(t *testing.T) {
	s := serve(t, zone)
	for _, test := range []struct {
		family Family
		want   string
		asked  string
	}{
		{PreferIPv4, "udp 192.0.2.3:5060|udp [2001:db8::3]:5060|udp 192.0.2.4:5060", "A a|AAAA a"},
		{PreferIPv6, "udp [2001:db8::3]:5060|udp 192.0.2.3:5060|udp 192.0.2.4:5060", "A a|AAAA a"},
		{OnlyIPv4, "udp 192.0.2.3:5060|udp 192.0.2.4:5060", "A a"},
		{OnlyIPv6, "udp [2001:db8::3]:5060", "AAAA a"},
	} {
		t.Run(test.want, func(t *testing.T) {
			o := options(newClock(), s.addr)
			o.Family = test.family
			r := start(t, o)
			s.questions()
			peers, _, err := resolve(r, Query{Host: "a.example.com", Port: 5060})
			if got := strings.Join(list(peers), "|"); got != test.want || err != nil {
				t.Errorf("%d: got %s, %v", test.family, got, err)
			}
			same(t, "asked", s.questions(), expand(test.asked))
		})
	}
}

func TestErrorsSayWhat(t *testing.T) {
	s := serve(t, zone)
	r := start(t, options(newClock(), s.addr))
	for uri, want := range map[string]error{
		"sip:nowhere.example.com":          ErrNotFound,
		"sip:off.example.com":              ErrUnavailable,
		"sips:a.example.com;transport=udp": ErrTransport,
		"sip:a.example.com;transport=ws":   ErrTransport,
	} {
		t.Run(uri, func(t *testing.T) {
			_, _, err := resolve(r, query(t, uri))
			var e *Error
			if !errors.Is(err, want) || !errors.As(err, &e) || e.Query != uri {
				t.Errorf("%s: %v, want %v", uri, err, want)
			}
		})
	}
}

// What was found for other transports than there are now is found once more.
func TestTransportsChange(t *testing.T) {
	s := serve(t, `
		b.example.com. 600 IN SRV 1 1 5070 h.example.com.
		_sip._udp.b.example.com. 600 IN SRV 1 1 5070 h.example.com.
		_sips._tcp.b.example.com. 600 IN SRV 1 1 5071 h.example.com.
		h.example.com. 600 IN A 192.0.2.1`)
	o := options(newClock(), s.addr)
	o.Kinds = []transport.Kind{transport.UDP}
	r := start(t, o)
	for _, row := range []struct {
		kinds []transport.Kind
		want  string
	}{
		{nil, "udp 192.0.2.1:5070"},
		{[]transport.Kind{transport.TLS}, "tls 192.0.2.1:5071/b.example.com"},
		{[]transport.Kind{transport.UDP, transport.TLS}, "udp 192.0.2.1:5070|tls 192.0.2.1:5071/b.example.com"},
	} {
		t.Run(row.want, func(t *testing.T) {
			if row.kinds != nil {
				if err := r.SetKinds(row.kinds); err != nil {
					t.Fatal(err)
				}
			}
			if peers, _, err := resolve(r, query(t, "sip:b.example.com")); err != nil || strings.Join(list(peers), "|") != row.want {
				t.Errorf("%v %v", list(peers), err)
			}
		})
	}
	if r.SetKinds([]transport.Kind{99}) == nil {
		t.Error("there is no such transport")
	}
}
