package registrar

// This file tests that browsers that are gone make room.

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/sipscript/sipscript/engine/transport"
)

func TestBrowsersThatAreGoneMakeRoom(t *testing.T) {
	b := newBench(t, policyOf(func(p *Policy) { p.MaxContacts = 2 }))
	open := map[transport.FlowID]bool{}
	send := func(kind transport.Kind, flow transport.FlowID, callID, contact string) int {
		open[flow] = true
		from := &Origin{Source: netip.MustParseAddrPort("198.51.100.77:31024"), Transport: kind, Flow: flow, Stands: func(id transport.FlowID) bool { return open[id] }}
		g := reg{callID: callID, contacts: list("<" + contact + ">"), via: fmt.Sprintf("SIP/2.0/%s x.invalid;branch=z9hG4bK%s", kind.Via(), callID)}
		return b.Process(context.Background(), g.message(t), from, home, b.now).Code
	}
	page := func(n int) string { return fmt.Sprintf("sip:bob@page%d.invalid;transport=ws", n) }

	if code := send(transport.TLS, 1, "a", "sip:bob@198.51.100.77:5061;transport=tls"); code != 200 {
		t.Fatal(code)
	}
	open[1] = false // the phone may be connected to, or comes back: it stays
	for n := 2; n < 9; n++ {
		if code := send(transport.WSS, transport.FlowID(n), fmt.Sprint("b", n), page(n)); code != 200 {
			t.Fatalf("page %d: %d", n, code)
		}
		open[transport.FlowID(n)] = n == 8
	}
	b.has(t, bob, "sip:bob@198.51.100.77:5061;transport=tls", page(8))
	if code := send(transport.WSS, 9, "c", page(9)); code != 403 {
		t.Errorf("beside a page that is open: %d", code)
	}
	// A page that lost its connection and comes back with the same contact refreshes its binding.
	open[8] = false
	if code := send(transport.WSS, 10, "d", page(8)); code != 200 || b.lookup(t, bob)[1].Flow() != 10 {
		t.Errorf("back again: %d", code)
	}
	for _, want := range []string{"expired " + page(2), "expired " + page(7), "refreshed " + page(8)} {
		if !slices.Contains(b.events, want) {
			t.Errorf("no %q in %q", want, b.events)
		}
	}
}
