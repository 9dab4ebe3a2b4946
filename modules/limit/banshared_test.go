package limit

// This file tests that nodes share bans.

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/internal/redistest"
	"github.com/sipscript/sipscript/modules/clients"
	client "github.com/sipscript/sipscript/modules/clients/redis"
)

// sharing is a Limit that shares its bans.
func sharing(t *testing.T, url string, shared bool) *Limit {
	t.Helper()
	c, err := client.Open(clients.New(clients.Options{}), url, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	l := New(Options{Redis: c})
	if err := l.Use(Policy{Shared: shared, Flood: &Flood{Requests: 1, Per: time.Hour, Ban: time.Hour}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(); _ = c.Close() })
	return l
}

// heard waits until a source is heard, or not.
func heard(t *testing.T, l *Limit, source string, want bool) {
	t.Helper()
	at := netip.AddrPortFrom(netip.MustParseAddr(source), 5060)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		got := gate{l}.Admit(transport.UDP, at, []byte("SIP/2.0 200 OK\r\n\r\n")) == transport.Pass
		if got == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s is heard: %v", source, got)
		}
	}
}

func TestNodesShareBans(t *testing.T) {
	server := redistest.Start(t)
	a, b, alone := sharing(t, server.URL, true), sharing(t, server.URL, true), sharing(t, server.URL, false)
	flood := func(l *Limit, source string) {
		for range 2 {
			gate{l}.Admit(transport.UDP, netip.AddrPortFrom(netip.MustParseAddr(source), 5060), []byte("OPTIONS sip:x SIP/2.0\r\n\r\n"))
		}
	}
	flood(a, "192.0.2.1")
	flood(a, "2001:db8::1")
	heard(t, b, "192.0.2.1", false)
	heard(t, b, "2001:db8::2", false) // of the same /64
	if list := b.Bans(); len(list) != 2 || list[0].Why != WhyFlood || list[0].Left < 59*time.Minute || list[0].Left > time.Hour {
		t.Errorf("%+v", list)
	}
	heard(t, alone, "192.0.2.1", true)
	if !b.Unban(netip.MustParseAddr("192.0.2.1")) {
		t.Error("it was not banned")
	}
	heard(t, a, "192.0.2.1", true)
	heard(t, sharing(t, server.URL, true), "2001:db8::3", false) // a node that comes later
	// Who has a binding at a node is heard there: somebody may forge the address
	gate{b}.Known(transport.UDP, netip.MustParseAddrPort("192.0.2.9:5060"), message.MethodRegister)
	flood(a, "192.0.2.9")
	flood(a, "192.0.2.10")
	heard(t, b, "192.0.2.10", false)
	heard(t, b, "192.0.2.9", true)
	heard(t, a, "192.0.2.9", false)
}
