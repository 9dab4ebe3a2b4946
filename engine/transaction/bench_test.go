package transaction

import (
	"runtime"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// What a transaction costs: time and allocations per call, memory kept per finished call.

// relay is a proxy reduced to its transactions: each new INVITE goes out on one branch, each
// response goes back.
type relay struct {
	r      *rig
	server *Server
	client *Client
	to     *transport.Peer
}

func (p *relay) Request(s *Server) {
	p.server = s
	p.client, _ = p.r.layer.Send(s.Req, p.to, "", p)
}
func (p *relay) Response(_ *Client, res *message.Message) {
	res.RemoveElement(message.HeaderVia, 0)
	p.server.Respond(res)
}
func (p *relay) Cancelled(*Server, *message.Message) {}
func (p *relay) Stray(*Arrival)                      {}
func (p *relay) Failed(*Client, error)               {}

// round is the storage of one INVITE – 180 – 200 through a relay, used again for each.
type round struct {
	rig    *rig
	relay  *relay
	in     Arrival
	text   []byte
	branch int // where in text the digits of the branch are
	resBuf []byte
	toPeer message.Message
	n      int
	work   func(*lane.Lane)
	lim    message.Limits
}

func newRound(t testing.TB) *round {
	r := newRig(t, Options{Max: 1 << 30})
	r.wire.quiet = true
	d := &round{rig: r, relay: &relay{r: r, to: peerOf(transport.UDP)}}
	r.layer.user = d.relay
	r.layer.options.Counter = nil
	body := make([]byte, 400)
	for i := range body {
		body[i] = 'x'
	}
	d.text = []byte(req{branch: "z9hG4bK0000000000", extra: "Contact: <sip:alice@198.51.100.7:5062>\r\nUser-Agent: bench\r\nAllow: INVITE, ACK, BYE\r\n", body: string(body)}.String())
	for i := range d.text {
		if string(d.text[i:i+7]) == cookie {
			d.branch = i + 7
			break
		}
	}
	d.in = Arrival{Msg: new(message.Message), Kind: transport.UDP, Source: mustAddr("198.51.100.7:5062"), Local: r.wire.locals[0]}
	d.work = func(*lane.Lane) { r.layer.Receive(&d.in) }
	return d
}

func (d *round) bring(text []byte) {
	if err := d.in.Msg.Parse(text, &d.lim); err != nil {
		panic(err)
	}
	d.rig.lane.Run(lane.Func(d.work), nil)
}

// answer brings the response of the callee to what was sent last.
func (d *round) answer(code int, invite []byte) {
	if err := d.toPeer.Parse(invite, &d.lim); err != nil {
		panic(err)
	}
	d.resBuf = message.AppendResponse(d.resBuf[:0], &d.toPeer, code, "", "b1", nil, nil)
	d.bring(d.resBuf)
}

// call is one INVITE answered with code.
func (d *round) call(code int) {
	d.n++
	for i, n := d.branch+9, d.n; i >= d.branch; i, n = i-1, n/10 {
		d.text[i] = byte('0' + n%10)
	}
	d.bring(d.text)
	invite := append([]byte(nil), d.rig.wire.last...)
	d.answer(180, invite)
	d.answer(code, invite)
}

// BenchmarkInviteTransaction is one server and one client transaction: INVITE in and out, 180 and
// 200 in and out, with parsing, and the end of both by their timers.
func BenchmarkInviteTransaction(b *testing.B) {
	d := newRound(b)
	b.ReportAllocs()
	for b.Loop() {
		d.call(200)
		if d.n%1000 == 0 { // a thousand calls each 10 s
			d.rig.clock.now.Add(int64(10 * time.Second))
		}
	}
}

// TestInviteAllocations holds the allocations of one INVITE through a relay to a ceiling.
func TestInviteAllocations(t *testing.T) {
	d := newRound(t)
	for range 200 {
		d.call(200)
	}
	d.rig.clock.now.Add(int64(time.Minute))
	const bench = 1 // the INVITE copied in call
	got := testing.AllocsPerRun(1000, func() { d.call(200) }) - bench
	t.Logf("%v allocations for a server and a client transaction", got)
	if ceiling := 8.0; got > ceiling {
		t.Errorf("%v allocations, ceiling %v", got, ceiling)
	}
}

// TestRetained holds what finished calls keep while Timers L and M run to a ceiling.
func TestRetained(t *testing.T) {
	d := newRound(t)
	d.call(200)
	const calls = 20000
	before := heap()
	for range calls {
		d.call(200)
	}
	per := float64(heap()-before) / calls
	servers, clients := d.rig.layer.Counts()
	if servers != calls+1 || clients != calls+1 {
		t.Fatal(servers, clients)
	}
	t.Logf("%.0f bytes kept for each finished call", per)
	if ceiling := 800.0; per > ceiling {
		t.Errorf("%.0f bytes kept for each finished call, ceiling %v", per, ceiling)
	}
	d.rig.clock.now.Add(int64(time.Minute))
	d.rig.do(func() {})
	d.rig.empty()
	if left := float64(heap()-before) / calls; left > 200 {
		t.Errorf("%.0f bytes left of each call that is over", left)
	}
	runtime.KeepAlive(d)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
