package otel

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/ring"
	"github.com/sipscript/sipscript/engine/transport"
)

// collector is a server that takes spans, and reads them by the schema that OpenTelemetry
// publishes.
type collector struct {
	*httptest.Server
	code int // that it answers

	mu    sync.Mutex
	spans []*tracepb.Span // guarded by mu
}

func newCollector(t *testing.T) *collector {
	c := &collector{code: 200}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%v %s %v", err, r.URL, r.Header)
		}
		var data tracepb.TracesData
		if err := protojson.Unmarshal(text, &data); err != nil {
			t.Errorf("%v: %s", err, text)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.spans = append(c.spans, data.ResourceSpans[0].ScopeSpans[0].Spans...)
		w.WriteHeader(c.code)
	}))
	t.Cleanup(c.Close)
	return c
}

// recorder is a ring with one lane that a test writes to.
func recorder(t *testing.T) (*ring.Ring, engine.Observer) {
	r := ring.New(ring.Options{Size: ring.MinSize})
	l := lane.New(0, lane.Options{Clock: lane.NewSystem()})
	t.Cleanup(l.Stop)
	return r, r.Observe(l)
}

func play(o engine.Observer, callID string, answer string) {
	headers := "\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1\r\nFrom: <sip:alice@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\nCall-ID: " + callID + "\r\nCSeq: 1 INVITE\r\n\r\n"
	peer := netip.MustParseAddrPort("10.0.0.2:5070")
	o.Message(&engine.Observed{Bytes: []byte("INVITE sip:bob@example.com SIP/2.0" + headers), Kind: transport.UDP, Peer: peer})
	o.Step(&engine.ObservedStep{CallID: []byte(callID), CSeq: 1, Function: "reply", Place: "route.lua:3", Decides: true})
	o.Message(&engine.Observed{Bytes: []byte("SIP/2.0 " + answer + headers), Sent: true, Kind: transport.UDP, Peer: peer})
}

func TestSpans(t *testing.T) {
	c := newCollector(t)
	r, o := recorder(t)
	e, err := New(Options{Ring: r, URL: c.URL})
	if err != nil {
		t.Fatal(err)
	}
	play(o, "a@b", "503 Service Unavailable")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.spans) != 1 || e.Sent() != 1 || e.Dropped() != 0 {
		t.Fatalf("%d spans, sent %d, dropped %d", len(c.spans), e.Sent(), e.Dropped())
	}
	s := c.spans[0]
	var events []string
	for _, x := range s.Events {
		events = append(events, x.Name)
	}
	if got := strings.Join(events, ", "); s.Name != "INVITE" || s.Kind != tracepb.Span_SPAN_KIND_SERVER || got != "received INVITE, reply, sent 503 Service Unavailable" {
		t.Errorf("%s %v %s", s.Name, s.Kind, got)
	}
	if s.Status.GetCode() != tracepb.Status_STATUS_CODE_ERROR || s.StartTimeUnixNano == 0 || s.EndTimeUnixNano < s.StartTimeUnixNano {
		t.Errorf("%v from %d to %d", s.Status, s.StartTimeUnixNano, s.EndTimeUnixNano)
	}
	attributes := map[string]string{}
	for _, a := range s.Attributes {
		attributes[a.Key] = a.Value.GetStringValue()
	}
	if attributes["sip.call_id"] != "a@b" || attributes["sip.status_code"] != "503" || attributes["network.peer.address"] != "10.0.0.2:5070" {
		t.Errorf("%v", attributes)
	}
}

// What no collector takes is counted, and the call did not wait.
func TestDropped(t *testing.T) {
	c := newCollector(t)
	c.code = 503
	r, o := recorder(t)
	e, err := New(Options{Ring: r, URL: c.URL + "/"})
	if err != nil {
		t.Fatal(err)
	}
	play(o, "a@b", "404 Not Found")
	play(o, "b@b", "404 Not Found")
	if err := e.Close(); err != nil || e.Sent() != 0 || e.Dropped() != 2 {
		t.Errorf("sent %d, dropped %d, %v", e.Sent(), e.Dropped(), err)
	}
}

// ask records a request that nobody answers.
func ask(o engine.Observer, method, callID string) {
	peer := netip.MustParseAddrPort("10.0.0.2:5070")
	o.Message(&engine.Observed{Bytes: []byte(method + " sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1\r\nFrom: <sip:alice@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\nCall-ID: " + callID + "\r\nCSeq: 1 " + method + "\r\n\r\n"),
		Kind: transport.UDP, Peer: peer})
}

// still is an exporter that does nothing by itself.
func still(t *testing.T, r *ring.Ring, url string) *Exporter {
	e, err := New(Options{Ring: r, URL: url})
	if err != nil {
		t.Fatal(err)
	}
	_ = e.Close()
	e.ctx, e.cancel = context.WithCancel(t.Context())
	return e
}

// What is never answered does not stay: not for long, and not in the way of new calls.
func TestUnanswered(t *testing.T) {
	for _, row := range []struct {
		method      string
		after, want time.Duration // not sent after that; sent after that
	}{{"OPTIONS", longestRequest - time.Second, longestRequest + time.Second}, {"INVITE", longestInvite - time.Second, longestInvite + time.Second}} {
		t.Run(row.method, func(t *testing.T) {
			c := newCollector(t)
			r, o := recorder(t)
			e := still(t, r, c.URL)
			ask(o, row.method, "a@b")
			e.look()
			now := time.Now()
			if e.flush(now.Add(row.after)); e.Sent() != 0 {
				t.Error("sent too early")
			}
			if e.flush(now.Add(row.want)); e.Sent() != 1 || len(e.open) != 0 {
				t.Errorf("%d sent, %d open", e.Sent(), len(e.open))
			}
		})
	}
	t.Run("full", func(t *testing.T) {
		c := newCollector(t)
		r, o := recorder(t)
		e := still(t, r, c.URL)
		e.mostOpen = 3
		for i := range 8 {
			ask(o, "OPTIONS", fmt.Sprint(i))
		}
		e.look()
		if len(e.open) != 3 {
			t.Errorf("%d open", len(e.open))
		}
		e.flush(time.Now())
		c.mu.Lock()
		defer c.mu.Unlock()
		var ids []string
		for _, s := range c.spans {
			ids = append(ids, s.Attributes[0].Value.GetStringValue())
		}
		if got := strings.Join(ids, " "); got != "0 1 2 3 4" || e.Dropped() != 0 || len(e.oldest) != 3 {
			t.Errorf("sent %s, %d dropped, %d in order", got, e.Dropped(), len(e.oldest))
		}
	})
}

// A collector that hangs holds up neither the end nor a flush that the end meets.
func TestCloseIsBounded(t *testing.T) {
	var asked atomic.Int32
	release := make(chan struct{})
	hung := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked.Add(1)
		<-release
	}))
	t.Cleanup(hung.Close)
	t.Cleanup(func() { close(release) })
	r, o := recorder(t)
	e, err := New(Options{Ring: r, URL: hung.URL})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1500 {
		ask(o, "OPTIONS", fmt.Sprint(i))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = e.close(ctx)
	// Each try at its own five seconds would have reached the collector
	if n := asked.Load(); n > 1 || e.Dropped() != 1500 {
		t.Errorf("%d requests, %d dropped", n, e.Dropped())
	}
}

// A trace's ids follow from the Call-ID, and are those of the W3C's Trace Context.
func TestParent(t *testing.T) {
	trace, span := IDs([]byte("a@b"))
	if got, want := Parent([]byte("a@b")), "00-"+hex.EncodeToString(trace[:])+"-"+hex.EncodeToString(span[:])+"-01"; got != want || len(got) != 55 || Parent([]byte("b@b")) == want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, bad := range []string{"", "x", "ftp://x", "127.0.0.1:4318"} {
		t.Run(bad, func(t *testing.T) {
			if _, err := New(Options{Ring: ring.New(ring.Options{}), URL: bad}); err == nil {
				t.Error("no error")
			}
		})
	}
}
