package gateways

import (
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/resolver"
)

// nameServer is a DNS server on loopback that knows these records.
func nameServer(t *testing.T, records ...string) string {
	t.Helper()
	var known []dns.RR
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		known = append(known, rr)
	}
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{PacketConn: c, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		for _, rr := range known {
			if h := rr.Header(); h.Name == q.Question[0].Name && h.Rrtype == q.Question[0].Qtype {
				m.Answer = append(m.Answer, rr)
			}
		}
		_ = w.WriteMsg(m)
	})}
	go func() { _ = s.ActivateAndServe() }() // ends with Shutdown
	t.Cleanup(func() { _ = s.Shutdown() })
	return c.LocalAddr().String()
}

// probed is a socket that answers probes; it counts them.
func probed(t *testing.T, ip string, came *atomic.Int32) (port int) {
	t.Helper()
	c, err := net.ListenPacket("udp4", ip+":0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { // ends with the socket
		defer close(ended)
		for b := make([]byte, 65535); ; {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			var m message.Message
			if m.Parse(b[:n], &message.Limits{}) == nil && m.IsRequest() && m.Method() == message.MethodOptions {
				came.Add(1)
				_, _ = c.WriteTo(message.AppendResponse(nil, &m, 200, "", "gw", nil, nil), from)
			}
		}
	}()
	t.Cleanup(func() { c.Close(); <-ended })
	return c.LocalAddr().(*net.UDPAddr).Port
}

// The names of gateways lead to their addresses by NAPTR, SRV and A records, as a real name server
// has them, and each address is probed.
func TestNamesOfNameServers(t *testing.T) {
	for _, tt := range []struct {
		name    string
		records func(one, two, three int) []string
		order   string // of the addresses; those of one preference in any order
	}{
		{"SRV", func(one, two, three int) []string {
			return []string{fmt.Sprintf("_sip._udp.gw.test. 60 IN SRV 1 1 %d a.gw.test.", one), fmt.Sprintf("_sip._udp.gw.test. 60 IN SRV 1 1 %d b.gw.test.", two),
				fmt.Sprintf("_sip._udp.gw.test. 60 IN SRV 2 1 %d c.gw.test.", three)}
		}, "127.0.0.2 127.0.0.3, 127.0.0.4"},
		{"NAPTR", func(one, two, three int) []string {
			return []string{`gw.test. 60 IN NAPTR 10 50 "s" "SIP+D2U" "" _sip._udp.other.test.`,
				fmt.Sprintf("_sip._udp.other.test. 60 IN SRV 1 1 %d c.gw.test.", three), fmt.Sprintf("_sip._udp.other.test. 60 IN SRV 3 1 %d a.gw.test.", one),
				fmt.Sprintf("_sip._udp.other.test. 60 IN SRV 3 1 %d b.gw.test.", two)}
		}, "127.0.0.4, 127.0.0.2 127.0.0.3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var came [3]atomic.Int32
			ports := []int{probed(t, "127.0.0.2", &came[0]), probed(t, "127.0.0.3", &came[1]), probed(t, "127.0.0.4", &came[2])}
			server := nameServer(t, append(tt.records(ports[0], ports[1], ports[2]), "a.gw.test. 60 IN A 127.0.0.2", "b.gw.test. 60 IN A 127.0.0.3", "c.gw.test. 60 IN A 127.0.0.4")...)
			e, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Domains: []string{"example.com"}, Router: nobody{}, Lanes: 1,
				DNS: resolver.Options{Servers: []string{server}}, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
			if err == nil {
				err = e.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = e.Shutdown(t.Context()) }) // whose context has ended then
			entry := NewEntry()
			entry.NextHop = "sip:gw.test"
			start := time.Now()
			s := New("carriers", Options{Now: func() lane.Time { return lane.Time(time.Since(start)) }})
			p := DefaultPolicy()
			p.Probe.Interval = time.Second
			s.SetPolicy(p)
			s.Swap([]Entry{entry})
			s.Start(e, false)
			t.Cleanup(s.Stop)
			for i := range came {
				for waited := time.Now(); came[i].Load() == 0; time.Sleep(10 * time.Millisecond) {
					if time.Since(waited) > 20*time.Second {
						t.Fatalf("the address %d is not probed", i+1)
					}
				}
			}
			list, err := s.Choose(&Choice{Random: seeded(t)})
			if err != nil || len(list) != 3 {
				t.Fatal(list, err)
			}
			var got []string
			for i, x := range list {
				if port := ports[x.Address.Addr().As4()[3]-2]; int(x.Address.Port()) != port {
					t.Errorf("%d: %v, want port %d", i, x.Address, port)
				}
				got = append(got, x.Address.Addr().String())
			}
			groups := strings.Split(tt.order, ", ")
			for i, at := 0, 0; i < len(groups); i++ {
				group := strings.Fields(groups[i])
				part := got[at : at+len(group)]
				slices.Sort(part)
				if !slices.Equal(part, group) {
					t.Errorf("%v, want %s", got, tt.order)
				}
				at += len(group)
			}
		})
	}
}
