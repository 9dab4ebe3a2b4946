package resolver

// This file tests how servers are asked: failover, truncation, servers that are gone, silent or
// old.

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/sipscript/sipscript/engine/transport"
)

// deadServer is an address at which nobody listens until the test ends: whose socket is connected
// hears nobody else, who is told that.
func deadServer(t *testing.T) string {
	c, err := net.Dial("udp", "127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.LocalAddr().String()
}

func TestServerGone(t *testing.T) {
	dead := deadServer(t)
	s := serve(t, zone)
	o := options(newClock(), dead, s.addr)
	o.Family = OnlyIPv4
	var to []string
	o.Exchange = func(ctx context.Context, network, server string, m *dns.Msg) (*dns.Msg, error) {
		to = append(to, server)
		return exchange(ctx, network, server, m)
	}
	r := start(t, o)
	for range 2 {
		if peers, _, err := resolve(r, Query{Host: "a.example.com", Port: 5060}); err != nil || len(peers) != 2 {
			t.Errorf("%v %v", list(peers), err)
		}
		if peers, _, err := resolve(r, Query{Host: "s1.example.com", Port: 5060}); err != nil || len(peers) != 1 {
			t.Errorf("%v %v", list(peers), err)
		}
	}
	same(t, "servers", to, []string{dead, s.addr, s.addr}) // the one that answered stays the first

	r = start(t, options(newClock(), dead))
	_, _, err := resolve(r, Query{Host: "a.example.com", Port: 5060})
	if !errors.Is(err, ErrFailed) || !strings.Contains(err.Error(), "A a.example.com: "+dead+": connection refused") {
		t.Errorf("%v", err)
	}
}

func TestServersRefuse(t *testing.T) {
	good := serve(t, zone)
	for name, f := range map[string]dns.HandlerFunc{
		"SERVFAIL": func(w dns.ResponseWriter, m *dns.Msg) { w.WriteMsg(new(dns.Msg).SetRcode(m, dns.RcodeServerFailure)) },
		"REFUSED":  func(w dns.ResponseWriter, m *dns.Msg) { w.WriteMsg(new(dns.Msg).SetRcode(m, dns.RcodeRefused)) },
		"referral": func(w dns.ResponseWriter, m *dns.Msg) {
			out := new(dns.Msg).SetReply(m)
			out.Ns = []dns.RR{rr("com. 600 IN NS a.gtld-servers.net.")}
			w.WriteMsg(out)
		},
		"no question": func(w dns.ResponseWriter, m *dns.Msg) {
			out := new(dns.Msg).SetRcode(m, dns.RcodeServerFailure)
			out.Question = nil
			w.WriteMsg(out)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bad := serve(t, "")
			bad.on("a.example.com", dns.TypeA, f)
			bad.on("a.example.com", dns.TypeAAAA, f)
			r := start(t, options(newClock(), bad.addr, good.addr))
			if peers, _, err := resolve(r, Query{Host: "a.example.com", Port: 5060}); err != nil || len(peers) != 3 {
				t.Errorf("%s: %v %v", name, list(peers), err)
			}
		})
	}
}

func TestRotate(t *testing.T) {
	var asked [3]atomic.Int32
	o := options(newClock(), "192.0.2.1", "192.0.2.2", "192.0.2.3")
	o.Rotate, o.Family = true, OnlyIPv4
	o.Exchange = func(_ context.Context, _, server string, m *dns.Msg) (*dns.Msg, error) {
		asked[server[8]-'1'].Add(1)
		return new(dns.Msg).SetRcode(m, dns.RcodeNameError), nil
	}
	r := start(t, o)
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		resolve(r, Query{Host: name + ".example.com", Port: 5060})
	}
	for i := range asked {
		if n := asked[i].Load(); n != 2 {
			t.Errorf("server %d was asked %d times of 6", i, n)
		}
	}
}

func TestTruncated(t *testing.T) {
	s := serve(t, zone)
	var tcp atomic.Int32
	s.on("a.example.com", dns.TypeA, func(w dns.ResponseWriter, m *dns.Msg) {
		out := s.reply(m, question{name: "a.example.com", qtype: dns.TypeA})
		if w.RemoteAddr().Network() == "udp" {
			out.Truncated, out.Answer = true, out.Answer[:1]
		} else {
			tcp.Add(1)
		}
		w.WriteMsg(out)
	})
	r := start(t, options(newClock(), s.addr))
	peers, _, err := resolve(r, Query{Host: "a.example.com", Port: 5060})
	if err != nil || len(peers) != 3 || tcp.Load() != 1 {
		t.Errorf("%v %v, %d over TCP", list(peers), err, tcp.Load())
	}
}

// A server from before EDNS0 is asked again without (RFC 6891 §7).
func TestNoEDNS(t *testing.T) {
	s := serve(t, zone)
	old := func(w dns.ResponseWriter, m *dns.Msg) {
		if m.IsEdns0() != nil {
			w.WriteMsg(new(dns.Msg).SetRcode(m, dns.RcodeFormatError))
			return
		}
		w.WriteMsg(s.reply(m, question{name: "s1.example.com", qtype: m.Question[0].Qtype}))
	}
	s.on("s1.example.com", dns.TypeA, old)
	s.on("s1.example.com", dns.TypeAAAA, old)
	r := start(t, options(newClock(), s.addr))
	if peers, _, err := resolve(r, Query{Host: "s1.example.com", Port: 5060}); err != nil || len(peers) != 2 {
		t.Errorf("%v %v", list(peers), err)
	}
}

// In the tests below time is synctest's: it goes on when all goroutines wait.

// answerA answers A questions with 192.0.2.1.
func answerA(m *dns.Msg) *dns.Msg {
	out := new(dns.Msg).SetReply(m)
	if m.Question[0].Qtype == dns.TypeA {
		out.Answer = []dns.RR{rr(m.Question[0].Name + " 60 IN A 192.0.2.1")}
	}
	return out
}

func virtual(f func(ctx context.Context, server string, m *dns.Msg) (*dns.Msg, error), servers ...string) Options {
	return Options{Servers: servers, HostsFile: "-", Exchange: func(ctx context.Context, _, server string, m *dns.Msg) (*dns.Msg, error) {
		return f(ctx, server, m)
	}}
}

func silent(ctx context.Context) (*dns.Msg, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestSilentServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, virtual(func(ctx context.Context, server string, m *dns.Msg) (*dns.Msg, error) {
			if server == "192.0.2.53:53" {
				return silent(ctx)
			}
			return answerA(m), nil
		}, "192.0.2.53", "192.0.2.54:5353"))
		began := time.Now()
		peers, _, err := resolve(r, Query{Host: "example.com", Port: 5060})
		if took := time.Since(began); took != 2*time.Second || err != nil || len(peers) != 1 {
			t.Errorf("%v %v after %v, want the second server after 2 s", list(peers), err, took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		asked := map[string]int{}
		o := virtual(func(ctx context.Context, server string, m *dns.Msg) (*dns.Msg, error) {
			asked[server]++
			return silent(ctx)
		}, "192.0.2.53", "192.0.2.54")
		o.Family = OnlyIPv4
		r := start(t, o)
		began := time.Now()
		_, _, err := resolve(r, Query{Host: "example.com", Port: 5060})
		if took := time.Since(began); took != 8*time.Second || !errors.Is(err, ErrFailed) || !strings.Contains(err.Error(), "timed out") {
			t.Errorf("%v after %v, want a failure after 2 attempts at 2 servers", err, took)
		}
		if asked["192.0.2.53:53"] != 2 || asked["192.0.2.54:53"] != 2 {
			t.Errorf("asked %v", asked)
		}
	})
}

// The budget bounds the whole: NAPTR, SRV and addresses, each of which could use up their attempts.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, virtual(func(ctx context.Context, _ string, m *dns.Msg) (*dns.Msg, error) { return silent(ctx) }, "192.0.2.53", "192.0.2.54"))
		began := time.Now()
		_, _, err := resolve(r, Query{Host: "example.com"})
		if took := time.Since(began); took != 10*time.Second || !errors.Is(err, ErrFailed) {
			t.Errorf("%v after %v, want 10 s", err, took)
		}
	})
}

// A server that leaves AAAA unanswered holds nobody up, and the addresses it gives later are used
// (RFC 8305 §3).
func TestResolutionDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, virtual(func(ctx context.Context, _ string, m *dns.Msg) (*dns.Msg, error) {
			if m.Question[0].Qtype == dns.TypeA {
				return answerA(m), nil
			}
			time.Sleep(time.Second)
			out := new(dns.Msg).SetReply(m)
			out.Answer = []dns.RR{rr("example.com. 60 IN AAAA 2001:db8::1")}
			return out, nil
		}, "192.0.2.53"))
		began := time.Now()
		q := Query{Host: "example.com", Kind: transport.UDP, Port: 5060}
		peers, _, err := resolve(r, q)
		if took := time.Since(began); took != 50*time.Millisecond || err != nil || len(peers) != 1 {
			t.Errorf("%v %v after %v, want A after 50 ms", list(peers), err, took)
		}
		time.Sleep(5 * time.Second)
		peers, now, err := resolve(r, q)
		if !now || err != nil || len(peers) != 2 {
			t.Errorf("%v %v, at once %v", list(peers), err, now)
		}
	})
}
