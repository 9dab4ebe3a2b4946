package transaction

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// This file is the bench the layer is tested on: a clock that stands until it is moved, a wire that
// records, a user and an owner that record.

// manual is a clock that stands until it is set.
type manual struct{ now atomic.Int64 }

func (m *manual) Now() lane.Time  { return lane.Time(m.now.Load()) }
func (m *manual) Wall() time.Time { return time.Unix(0, m.now.Load()) }

// sent is one message that left.
type sent struct {
	at   time.Duration // since the rig began
	to   transport.Peer
	text string
	f    transport.Failed
}

// first is its start line.
func (s sent) first() string { return s.text[:strings.Index(s.text, "\r\n")] }

// fakeWire records what is sent and fails when told to.
type fakeWire struct {
	rig    *rig
	locals []*transport.Local
	sent   []sent
	fail   error
	// quiet keeps nothing, for benchmarks.
	quiet bool
	last  []byte
	flow  transport.FlowID // by which streams leave, 0: none is told
}

func (w *fakeWire) Send(to *transport.Peer, b []byte, f transport.Failed) error {
	if w.fail != nil {
		return w.fail
	}
	if w.quiet {
		w.last = append(w.last[:0], b...)
		return nil
	}
	if to.Kind.Reliable() && w.flow != 0 {
		to.Flow = w.flow
	}
	w.sent = append(w.sent, sent{time.Duration(w.rig.clock.Now()) - epoch, *to, string(b), f})
	return nil
}

func (w *fakeWire) Choose(to *transport.Peer) *transport.Local {
	if to.Local != nil {
		return to.Local
	}
	for _, l := range w.locals {
		if l.Kind == to.Kind {
			return l
		}
	}
	return nil
}

func (w *fakeWire) Locals() []*transport.Local { return w.locals }

// recorder is a User that records.
type recorder struct {
	requests  []*Server
	cancelled []*Server
	strays    []string
	onRequest func(*Server)
}

func (u *recorder) Request(s *Server) {
	if s.Method() == message.MethodAck { // the layer's again when this returns
		kept := *s
		kept.Req = nil
		s = &kept
	}
	u.requests = append(u.requests, s)
	if u.onRequest != nil {
		u.onRequest(s)
	}
}
func (u *recorder) Cancelled(s *Server, _ *message.Message) { u.cancelled = append(u.cancelled, s) }
func (u *recorder) Stray(a *Arrival)                        { u.strays = append(u.strays, render(a.Msg)) }

// ownerLog is an Owner that records.
type ownerLog struct {
	responses  []string
	codes      []int
	errs       []error
	onResponse func(c *Client, code int)
}

func (o *ownerLog) Response(c *Client, res *message.Message) {
	o.responses = append(o.responses, render(res))
	o.codes = append(o.codes, res.Status())
	if o.onResponse != nil {
		o.onResponse(c, res.Status())
	}
}
func (o *ownerLog) Failed(_ *Client, err error) { o.errs = append(o.errs, err) }

func render(m *message.Message) string { return string(m.AppendTo(nil)) }

const epoch = time.Hour

// rig is one layer on the bench.
type rig struct {
	t      testing.TB
	clock  *manual
	lane   *lane.Lane
	worker worker
	wire   *fakeWire
	user   *recorder
	layer  *Layer
	events [EventCount]int
	random uint64
	// posting leaves work to the lane's own goroutine: for tests whose work waits, which would hold
	// up the test's.
	posting bool
}

func newRig(t testing.TB, o Options) *rig {
	r := &rig{t: t, clock: &manual{}, user: &recorder{}, random: 1}
	r.clock.now.Store(int64(epoch))
	r.worker.idle = sync.NewCond(&r.worker.mu)
	r.lane = lane.New(0, lane.Options{Clock: r.clock, Meter: &r.worker, Panicked: func(_ *lane.Lane, v any, stack []byte) {
		t.Errorf("panic: %v\n%s", v, stack)
	}})
	t.Cleanup(r.lane.Stop)
	r.wire = &fakeWire{rig: r}
	for i, kind := range []transport.Kind{transport.UDP, transport.TCP, transport.TLS, transport.WS} {
		r.wire.locals = append(r.wire.locals, &transport.Local{
			Index: i, Kind: kind, Host: "192.0.2.1", Port: 5060, SentBy: "192.0.2.1:5060",
			Addr: netip.MustParseAddrPort("192.0.2.1:5060"),
		})
	}
	if o.Random == nil {
		o.Random = func() uint64 { r.random = r.random*6364136223846793005 + 1442695040888963407; return r.random }
	}
	o.Counter = func(e Event, n int) { r.events[e] += n }
	r.layer = NewLayer(r.lane, r.wire, r.user, o)
	return r
}

// worker is a lane.Meter: it counts what the lane's own goroutines have to do.
type worker struct {
	mu   sync.Mutex // guards busy
	idle *sync.Cond
	busy int
}

func (w *worker) Add(delta int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy += delta; w.busy == 0 {
		w.idle.Broadcast()
	}
}

// rest waits until none of them has anything left to do, and the lane has been let go of.
func (w *worker) rest() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.busy > 0 {
		w.idle.Wait()
	}
}

// do runs f with the lane's token and returns when it is done, and what was due after it.
func (r *rig) do(f func()) { r.bring(f, r.posting) }

// bring brings f to the lane and waits for it. Where the lane's own goroutine does it, the wheel
// turns after that, and only then is it known when it next wants to turn.
func (r *rig) bring(f func(), post bool) {
	done := make(chan struct{})
	w := lane.Func(func(*lane.Lane) { defer close(done); f() })
	if post {
		r.lane.Post(w)
	} else {
		r.lane.Run(w, nil)
	}
	<-done
	r.worker.rest()
}

// advance moves the clock, stopping wherever a timer is due.
func (r *rig) advance(d time.Duration) {
	end := r.clock.Now().Add(d)
	for {
		due := r.lane.NextDue()
		if due == 0 || due > end {
			break
		}
		r.clock.now.Store(int64(max(due, r.clock.Now())))
		r.do(func() {}) // the lane looks at its wheel after each piece of work
	}
	r.clock.now.Store(int64(end))
	r.do(func() {})
}

// settle waits until what was posted to the lane is done.
func (r *rig) settle() { r.bring(func() {}, true) }

// receive brings a message in from a peer; kind UDP unless told otherwise.
func (r *rig) receive(text string, from ...any) {
	r.t.Helper()
	a := Arrival{Kind: transport.UDP, Source: netip.MustParseAddrPort("198.51.100.7:5062")}
	for _, f := range from {
		switch f := f.(type) {
		case transport.Kind:
			a.Kind = f
			if f != transport.UDP {
				a.Flow = 77
			}
		case netip.AddrPort:
			a.Source = f
		case netip.Addr:
			a.LocalIP = f
		}
	}
	a.Local = r.wire.locals[slices.IndexFunc(r.wire.locals, func(l *transport.Local) bool { return l.Kind == a.Kind })]
	a.Msg = new(message.Message)
	buf := []byte(text)
	if err := a.Msg.Parse(buf, &message.Limits{}); err != nil {
		r.t.Fatalf("parse: %v\n%s", err, text)
	}
	r.do(func() { r.layer.Receive(&a) })
	for i := range buf { // the buffer is the transport's again
		buf[i] = '#'
	}
}

// take is what was sent since the last call.
func (r *rig) take() []sent {
	s := r.wire.sent
	r.wire.sent = nil
	return s
}

// took checks the start lines sent since the last call.
func (r *rig) took(want ...string) []sent {
	r.t.Helper()
	got := r.take()
	var lines []string
	for _, s := range got {
		lines = append(lines, s.first())
	}
	if !slices.Equal(lines, want) {
		r.t.Fatalf("sent %q, want %q", lines, want)
	}
	return got
}

// empty checks that nothing is left: no transaction, no timer.
func (r *rig) empty() {
	r.t.Helper()
	r.do(func() {
		s, c := r.layer.Counts()
		if s != 0 || c != 0 || r.lane.Timers() != 0 {
			r.t.Errorf("left: %d servers, %d clients, %d timers", s, c, r.lane.Timers())
		}
	})
}

// req describes a request; zero fields have usual values.
type req struct {
	method, uri, via, branch, from, to, callID, extra, body string
	cseq                                                    int
}

func (q req) String() string {
	or := func(s, def string) string {
		if s == "" {
			return def
		}
		return s
	}
	q.method = or(q.method, "INVITE")
	cseqMethod := q.method
	if q.cseq == 0 {
		q.cseq = 1
	}
	via := or(q.via, "SIP/2.0/UDP 198.51.100.7:5062;branch="+or(q.branch, "z9hG4bKpeer1")+";rport")
	return fmt.Sprintf("%s %s SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n%sContent-Length: %d\r\n\r\n%s",
		q.method, or(q.uri, "sip:bob@example.com"), via, or(q.from, "Alice <sip:alice@example.com>;tag=a1"),
		or(q.to, "<sip:bob@example.com>"), or(q.callID, "call-1"), q.cseq, cseqMethod, q.extra, len(q.body), q.body)
}

// respond makes a response to a request that was sent, as the far end would.
func respond(request string, code int, tag string) string {
	var m message.Message
	if err := m.Parse([]byte(request), &message.Limits{}); err != nil {
		panic(err)
	}
	return string(message.AppendResponse(nil, &m, code, "", tag, nil, nil))
}

func parse(t testing.TB, text string) *message.Message {
	t.Helper()
	m := new(message.Message)
	if err := m.Parse([]byte(text), &message.Limits{}); err != nil {
		t.Fatalf("parse: %v\n%s", err, text)
	}
	return m
}

// peerOf is where test clients send to.
func peerOf(kind transport.Kind) *transport.Peer {
	return &transport.Peer{Kind: kind, Addr: netip.MustParseAddrPort("203.0.113.9:5070")}
}

// send starts a client transaction.
func (r *rig) send(q req, kind transport.Kind, o Owner) (c *Client) {
	r.t.Helper()
	r.do(func() {
		var err error
		if c, err = r.layer.Send(parse(r.t, q.String()), peerOf(kind), "", o); err != nil {
			r.t.Fatal(err)
		}
	})
	return c
}

func mustParse(text string) *message.Message {
	m := new(message.Message)
	if err := m.Parse([]byte(text), &message.Limits{}); err != nil {
		panic(err)
	}
	return m
}

func mustAddr(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }

const (
	headerTo  = message.HeaderTo
	methodAck = message.MethodAck
)
