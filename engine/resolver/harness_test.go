package resolver

// This file is a DNS server on loopback for the tests, a clock that they move, and a resolver on
// both.

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sipscript/sipscript/engine/transport"
)

// dnsServer answers over UDP and TCP on one port. A name it doesn't have gets NXDOMAIN with the SOA
// of example.com.
type dnsServer struct {
	addr string

	mu      sync.Mutex
	records map[question][]dns.RR
	names   map[string]bool
	asked   []string // "udp A example.com"
	special map[question]dns.HandlerFunc
}

func serve(t testing.TB, zone string) *dnsServer {
	t.Helper()
	s := &dnsServer{special: map[question]dns.HandlerFunc{}}
	s.load(t, zone)
	var udp net.PacketConn
	var tcp net.Listener
	for range 20 { // the port of one may be taken for the other
		var err error
		if udp, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if tcp, err = net.Listen("tcp", udp.LocalAddr().String()); err == nil {
			break
		}
		udp.Close()
	}
	if tcp == nil {
		t.Fatal("no port for both UDP and TCP")
	}
	s.addr = udp.LocalAddr().String()
	for _, d := range []*dns.Server{{PacketConn: udp, Handler: s}, {Listener: tcp, Handler: s}} {
		started, over := make(chan struct{}), make(chan struct{})
		d.NotifyStartedFunc = func() { close(started) }
		go func() { // ends with Shutdown
			defer close(over)
			d.ActivateAndServe()
		}()
		<-started
		t.Cleanup(func() {
			d.Shutdown()
			<-over
		})
	}
	return s
}

// load replaces the zone: one record per line, as in a master file.
func (s *dnsServer) load(t testing.TB, zone string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records, s.names = map[question][]dns.RR{}, map[string]bool{}
	for line := range strings.Lines(zone) {
		rr, err := dns.NewRR(strings.TrimSpace(line))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if rr == nil {
			continue
		}
		h := rr.Header()
		q := question{name: strings.ToLower(strings.TrimSuffix(h.Name, ".")), qtype: h.Rrtype}
		s.records[q] = append(s.records[q], rr)
		s.names[q.name] = true
	}
}

// on gives a question a handler of its own.
func (s *dnsServer) on(name string, qtype uint16, f dns.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.special[question{name: name, qtype: qtype}] = f
}

// questions returns what was asked since the last call, in order of the alphabet.
func (s *dnsServer) questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	slices.Sort(asked)
	return asked
}

func (s *dnsServer) ServeDNS(w dns.ResponseWriter, m *dns.Msg) {
	q := question{name: strings.ToLower(strings.TrimSuffix(m.Question[0].Name, ".")), qtype: m.Question[0].Qtype}
	s.mu.Lock()
	s.asked = append(s.asked, q.String())
	f := s.special[q]
	s.mu.Unlock()
	if f != nil {
		f(w, m)
		return
	}
	w.WriteMsg(s.reply(m, q))
}

// reply follows aliases as a recursive server does.
func (s *dnsServer) reply(m *dns.Msg, q question) *dns.Msg {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := new(dns.Msg).SetReply(m)
	out.RecursionAvailable = true
	name := q.name
	for range 20 {
		alias := s.records[question{name: name, qtype: dns.TypeCNAME}]
		if len(alias) == 0 {
			break
		}
		out.Answer = append(out.Answer, alias...)
		name = strings.TrimSuffix(alias[0].(*dns.CNAME).Target, ".")
	}
	found := s.records[question{name: name, qtype: q.qtype}]
	out.Answer = append(out.Answer, found...)
	if len(found) == 0 {
		out.Ns = []dns.RR{rr("example.com. 600 IN SOA ns.example.com. root.example.com. 1 2 3 4 30")}
		if !s.names[name] {
			out.Rcode = dns.RcodeNameError
		}
	}
	return out
}

func rr(s string) dns.RR {
	r, err := dns.NewRR(s)
	if err != nil {
		panic(err)
	}
	return r
}

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1_700_000_000, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// options are those of most tests: nothing of the machine, and waits so long that only an error
// waits them out.
func options(c *clock, servers ...string) Options {
	return Options{
		Servers: servers, HostsFile: "-", Now: c.Now, ResolutionDelay: time.Minute, Timeout: time.Minute, Budget: 3 * time.Minute,
		Kinds: []transport.Kind{transport.UDP, transport.TCP, transport.TLS},
	}
}

func start(t testing.TB, o Options) *Resolver {
	t.Helper()
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// resolve waits for a resolution. now reports whether it was answered at once, which is to say that
// everything was known.
func resolve(r *Resolver, q Query) (peers []transport.Peer, now bool, err error) {
	_, now, _ = r.Cached(&q)
	done := make(chan struct{})
	r.Resolve(&q, func(p []transport.Peer, e error) {
		peers, err = p, e
		close(done)
	})
	select {
	case <-done:
	default:
		if now {
			panic("known, and not told at once")
		}
		<-done
	}
	return peers, now, err
}

// list writes peers as "udp 192.0.2.1:5060", with the name of TLS peers behind a slash.
func list(peers []transport.Peer) []string {
	var out []string
	for _, p := range peers {
		s := fmt.Sprintf("%s %s", p.Kind, p.Addr)
		if p.ServerName != "" {
			s += "/" + p.ServerName
		}
		out = append(out, s)
	}
	return out
}

// query reads "sips:host:port;transport=tcp".
func query(t testing.TB, uri string) (q Query) {
	t.Helper()
	rest, name, ok := strings.Cut(uri, ";transport=")
	if ok {
		if q.Kind, ok = transport.ParseKind([]byte(name)); !ok {
			t.Fatalf("%s: unknown transport", uri)
		}
	}
	scheme, host, _ := strings.Cut(rest, ":")
	q.Secure = scheme == "sips"
	q.Host = host
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		q.Host = host[:i]
		if _, err := fmt.Sscan(host[i+1:], &q.Port); err != nil {
			t.Fatal(uri)
		}
	}
	return q
}

func same(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}
