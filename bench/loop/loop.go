// Package loop runs an engine without sockets and without a simulator: readers hand it requests as
// fast as it takes them. What it shows is what the engine costs, and what a second lane on a second
// processor adds.
package loop

import (
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/transport"
)

// Local is the listener of a loop.
func Local(kind transport.Kind) *transport.Local {
	at := netip.MustParseAddrPort("10.0.0.1:5060")
	return &transport.Local{Kind: kind, Name: kind.String() + ":" + at.String(), Addr: at, Host: at.Addr().String(), Port: at.Port(), SentBy: at.String()}
}

// Deaf is a wire that drops what is sent. It is used from any goroutine.
type Deaf struct{ at []*transport.Local }

func (w *Deaf) Send(*transport.Peer, []byte, transport.Failed) error { return nil }
func (w *Deaf) Choose(*transport.Peer) *transport.Local              { return w.at[0] }
func (w *Deaf) Locals() []*transport.Local                           { return w.at }

// Frozen is a clock that stands: no timer fires, however slow the machine is.
type Frozen struct{}

func (Frozen) Now() lane.Time  { return lane.Time(time.Hour) }
func (Frozen) Wall() time.Time { return time.Unix(0, 0) }

// Idle is a meter that counts nothing.
type Idle struct{}

func (*Idle) Add(int) {}

// Loop is an engine with its readers, one for each lane.
type Loop struct {
	Engine *engine.Engine
	inbox  transport.Receiver // the engine's
	local  *transport.Local
	lanes  int
	texts  []*Text // by reader
	calls  [][]int // by reader, the numbers of the calls it brings, again and again
}

// differentCalls is how many calls each reader brings.
const differentCalls = 4096

// New makes a loop for requests that the router answers itself. With own each reader brings the
// calls of one lane; without, those of all, as sockets do. The requests come by TCP, whose
// transactions end with their answer.
func New(lanes int, own bool, router engine.Router) (*Loop, error) {
	l := &Loop{local: Local(transport.TCP), lanes: lanes, calls: make([][]int, lanes)}
	for g := range lanes {
		l.texts = append(l.texts, NewText(fmt.Sprintf("MESSAGE sip:user@example.com SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.2:5060;branch=z9hG4bK"+Number+"-%d\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag="+Number+"\r\nTo: <sip:user@example.com>\r\nCall-ID: "+Number+"-%[1]d@10.0.0.2\r\nCSeq: 1 MESSAGE\r\nUser-Agent: bench\r\nContent-Length: 0\r\n\r\n", g)))
	}
	var err error
	l.Engine, err = engine.New(engine.Config{Lanes: lanes, Clock: Frozen{}, Meter: &Idle{}, Router: router, Domains: []string{"example.com"},
		Network: func(r transport.Receiver) (transport.Wire, error) {
			l.inbox = r
			return &Deaf{[]*transport.Local{l.local}}, nil
		}})
	if err == nil {
		l.choose(own)
	}
	return l, err
}

// choose finds out which lane takes which call, by trying, and gives each reader its calls.
func (l *Loop) choose(own bool) {
	for g := range l.calls {
		for n := 0; len(l.calls[g]) < differentCalls; n++ {
			before := l.Engine.Lanes()[g].Stats().Works.Load()
			if l.bring(g, []int{n}, 1); !own || l.Engine.Lanes()[g].Stats().Works.Load() > before {
				l.calls[g] = append(l.calls[g], n)
			}
		}
	}
}

// Run has n requests answered, on as many processors as there are lanes, and tells how long that
// took.
func (l *Loop) Run(n int) (time.Duration, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(l.lanes))
	before := l.done()
	each := n/l.lanes + 1
	var readers sync.WaitGroup
	began := time.Now()
	for g := range l.lanes {
		readers.Go(func() { l.bring(g, l.calls[g], each) })
	}
	readers.Wait()
	for l.done()-before < uint64(each*l.lanes) {
		runtime.Gosched()
	}
	spent := time.Since(began)
	if s := l.Engine.Stats(); s.ServerTransactions != 0 || s.Answers[200] != s.Routes {
		return 0, fmt.Errorf("not all requests were answered: %+v", s)
	}
	return spent, nil
}

// done is how many pieces of work the lanes have behind them.
func (l *Loop) done() (n uint64) {
	for _, x := range l.Engine.Lanes() {
		n += x.Stats().Works.Load()
	}
	return n
}

// bring hands the engine n requests of the calls.
func (l *Loop) bring(g int, calls []int, n int) {
	text := l.texts[g]
	in := &transport.Inbound{Bytes: text.Bytes, Kind: transport.TCP, Source: netip.MustParseAddrPort("10.0.0.2:5060"), Local: l.local, Flow: transport.FlowID(g + 1)}
	for i := range n {
		text.Set(calls[i%len(calls)])
		l.inbox.Receive(in)
	}
}
