package otel

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/transport"
)

// What comes later with the same Call-ID, such as the refresh of a registration, is a span of its
// own below the first.
func TestRefreshIsASpanOfItsOwn(t *testing.T) {
	c := newCollector(t)
	r, o := recorder(t)
	e := still(t, r, c.URL)
	for i := range 3 {
		text := fmt.Sprintf("REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK%d\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:a@example.com>\r\nCall-ID: a@b\r\nCSeq: %d REGISTER\r\n\r\n", i, i+1)
		o.Message(&engine.Observed{Bytes: []byte(text), At: lane.Time(1000*time.Hour + time.Duration(i)*time.Minute), Kind: transport.UDP, Peer: netip.MustParseAddrPort("10.0.0.2:5070")})
		e.look()
		e.look()
		e.flush(time.Time{})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.spans) != 3 {
		t.Fatalf("%d spans", len(c.spans))
	}
	first := c.spans[0]
	if len(first.ParentSpanId) != 0 {
		t.Errorf("the first has the parent %x", first.ParentSpanId)
	}
	seen := map[string]bool{}
	for i, s := range c.spans {
		if seen[string(s.SpanId)] || !bytes.Equal(s.TraceId, first.TraceId) {
			t.Errorf("span %d is %x of %x", i, s.SpanId, s.TraceId)
		}
		seen[string(s.SpanId)] = true
		if i > 0 && (!bytes.Equal(s.ParentSpanId, first.SpanId) || s.StartTimeUnixNano <= first.StartTimeUnixNano) {
			t.Errorf("span %d begins at %d below %x", i, s.StartTimeUnixNano, s.ParentSpanId)
		}
	}
}
