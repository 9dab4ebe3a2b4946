package engine_test

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transport"
)

// routerFunc is a Router in a test.
type routerFunc func(*engine.Request) error

func (f routerFunc) Route(r *engine.Request) error { return f(r) }

const proxyAddr = "10.0.0.1:5060"

// bench is one engine in a world of its own.
type bench struct {
	t   *testing.T
	w   *sim.World
	eng *engine.Engine
	log []string // the ladder

	inbox transport.Receiver // the engine's
}

func newBench(t *testing.T, seed uint64, route routerFunc) *bench {
	t.Helper()
	return newBenchWith(t, seed, route, nil)
}

// newBenchWith lets a test change the Config before the engine is made.
func newBenchWith(t *testing.T, seed uint64, route routerFunc, change func(*engine.Config, *sim.World)) *bench {
	t.Helper()
	w := sim.New(seed)
	level := slog.LevelError
	if testing.Verbose() {
		level = slog.LevelDebug
	}
	c := engine.Config{
		Clock: w, Meter: w, Network: w.Network("udp:"+proxyAddr, "tcp:"+proxyAddr), Seed: seed + 1, Lanes: 1,
		Domains: []string{"example.com"}, Router: route,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
	}
	if change != nil {
		change(&c, w)
	}
	b := &bench{t: t, w: w}
	if network := c.Network; network != nil {
		c.Network = func(r transport.Receiver) (transport.Wire, error) { b.inbox = r; return network(r) }
	}
	eng, err := engine.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := eng.Start(); err != nil {
		t.Fatal(err)
	}
	w.Drive(eng.Lanes()...)
	w.Drive(eng.Background())
	b.eng = eng
	b.ladder()
	return b
}

// ladder keeps what is sent, and shows it when the test fails.
func (b *bench) ladder() {
	t, w := b.t, b.w
	w.Trace(func(p sim.Packet) {
		line, _, _ := strings.Cut(string(p.Bytes), "\r\n")
		b.log = append(b.log, fmt.Sprintf("%10.3f  %s → %s  %s", w.Elapsed().Seconds(), p.From, p.To, line))
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("ladder:\n%s", strings.Join(b.log, "\n"))
		}
	})
}

// handset is a phone whose messages are valid, and taken by what they begin with.
type handset struct {
	*sim.Phone
	b   *bench
	got []*received
	on  func(m *message.Message, p sim.Packet)
}

type received struct {
	msg *message.Message
	p   sim.Packet
	at  time.Duration
}

func (b *bench) phone(addr string) *handset {
	ph := &handset{b: b}
	ph.Phone = b.w.Phone(b.t, addr, func(_ *sim.Phone, m *message.Message, p sim.Packet) {
		ph.Forget()
		if err := m.Validate(); err != nil {
			b.t.Errorf("%s got an invalid message: %v\n%s", addr, err, p.Bytes)
		}
		ph.got = append(ph.got, &received{m, p, b.w.Elapsed()})
		if ph.on != nil {
			ph.on(m, p)
		}
	})
	return ph
}

// reply answers a request with a tag of the phone's own.
func (ph *handset) reply(r *received, code int, headers string) {
	ph.Answer(r.p, message.AppendResponse(nil, r.msg, code, "", "tag-"+strings.ReplaceAll(ph.Addr().String(), ":", "-"), []byte(headers), nil))
}

// expect moves the world on until a message comes that starts with first, and takes it.
func (ph *handset) expect(first string) *received {
	ph.b.t.Helper()
	var found *received
	ph.b.w.RunUntil(200*time.Second, func() bool {
		for i, r := range ph.got {
			if strings.HasPrefix(startLine(r.msg), first) {
				found = r
				ph.got = append(ph.got[:i:i], ph.got[i+1:]...)
				return true
			}
		}
		return false
	})
	if found == nil {
		ph.b.t.Fatalf("%s: no %q; has %v", ph.Addr(), first, ph.lines())
	}
	return found
}

func (ph *handset) lines() (lines []string) {
	for _, r := range ph.got {
		lines = append(lines, startLine(r.msg))
	}
	return lines
}

func startLine(m *message.Message) string {
	if m.IsRequest() {
		return string(m.MethodText()) + " " + string(m.RequestURI())
	}
	return fmt.Sprint(m.Status())
}

// call is what a caller writes.
type call struct {
	ph         *handset
	id, uri    string
	branch     int
	extra      string
	from       string // "": alice, with tag a1
	toTag      string
	cseq       int
	maxForward string
}

func (ph *handset) call(id, uri string) *call {
	return &call{ph: ph, id: id, uri: uri, maxForward: "70"}
}

// request is the text of a request; branch numbers tell transactions apart.
func (c *call) request(method string) string {
	to := "<" + c.uri + ">"
	if c.toTag != "" {
		to += ";tag=" + c.toTag
	}
	from := c.from
	if from == "" {
		from = "<sip:alice@example.com>;tag=a1"
	}
	return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK-%s-%d\r\nMax-Forwards: %s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:alice@%s>\r\n%sContent-Length: 0\r\n\r\n",
		method, c.uri, c.ph.Addr(), c.id, c.branch, c.maxForward, from, to, c.id, c.cseq+1, method, c.ph.Addr(), c.extra)
}

// callersRoutes is the route set of the caller by a response (§12.1.2).
func callersRoutes(m *message.Message) string {
	rr := elements(m, message.HeaderRecordRoute)
	slices.Reverse(rr)
	return "Route: " + strings.Join(rr, ", ") + "\r\n"
}

func (c *call) send(method string) { c.ph.Send(proxyAddr, []byte(c.request(method))) }

// ack sends the ACK of a non-2xx.
func (c *call) ack(r *received) {
	c.ph.Send(proxyAddr, message.AppendAck(nil, parse(c.ph.b.t, c.request("INVITE")), r.msg))
}

func parse(t *testing.T, text string) *message.Message {
	m := &message.Message{}
	if err := m.Parse([]byte(text), &message.Limits{}); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return m
}

// quiet checks that nothing is left after all timers.
func (b *bench) quiet() {
	b.t.Helper()
	b.w.Run(300 * time.Second)
	s := b.eng.Stats()
	if s.InProgress != 0 || s.ServerTransactions != 0 || s.ClientTransactions != 0 {
		b.t.Errorf("left behind: %d in progress, %d server and %d client transactions", s.InProgress, s.ServerTransactions, s.ClientTransactions)
	}
	b.w.Do(func() {
		for _, l := range b.eng.Lanes() {
			if n := l.Timers(); n != 0 {
				b.t.Errorf("%d timers left", n)
			}
		}
	})
}

func to(uris ...string) (ts []*engine.Target) {
	for _, u := range uris {
		ts = append(ts, &engine.Target{URI: u})
	}
	return ts
}
