package engine_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/transport"
)

// deafWire drops what is sent, from any goroutine.
type deafWire struct{ local *transport.Local }

func (w *deafWire) Send(*transport.Peer, []byte, transport.Failed) error { return nil }
func (w *deafWire) Choose(*transport.Peer) *transport.Local              { return w.local }
func (w *deafWire) Locals() []*transport.Local                           { return []*transport.Local{w.local} }

// BenchmarkLanes is requests answered by the router, on one and on two lanes, with as many readers: what two cores do more than one. The requests
// come by TCP, whose transactions end with their answer.
func BenchmarkLanes(b *testing.B) {
	for _, lanes := range []int{1, 2} {
		b.Run(fmt.Sprint(lanes), func(b *testing.B) {
			local := &transport.Local{Kind: transport.TCP, Name: "tcp:10.0.0.1:5060", Addr: netip.MustParseAddrPort("10.0.0.1:5060"), Host: "10.0.0.1", Port: 5060, SentBy: "10.0.0.1:5060"}
			eng, err := engine.New(engine.Config{Lanes: lanes, Clock: frozen{}, Meter: &idle{}, Network: func(transport.Receiver) (transport.Wire, error) { return &deafWire{local}, nil },
				Router: routerFunc(func(r *engine.Request) error { _, err := r.Reply(200, "", nil); return err })})
			if err != nil {
				b.Fatal(err)
			}
			var readers sync.WaitGroup
			b.ResetTimer()
			for g := range lanes {
				readers.Go(func() {
					in := &transport.Inbound{Kind: transport.TCP, Source: netip.MustParseAddrPort("10.0.0.2:5060"), Local: local, Flow: transport.FlowID(g + 1)}
					var text []byte
					for n := range b.N/lanes + 1 {
						text = fmt.Appendf(text[:0], "MESSAGE sip:user@example.com SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.2:5060;branch=z9hG4bK%d-%d\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=%d\r\nTo: <sip:user@example.com>\r\nCall-ID: %d-%d@10.0.0.2\r\nCSeq: 1 MESSAGE\r\nUser-Agent: bench\r\nContent-Length: 0\r\n\r\n", g, n, n, g, n)
						in.Bytes = text
						eng.Receive(in)
					}
				})
			}
			readers.Wait()
			b.StopTimer()
			if s := eng.Stats(); s.ServerTransactions != 0 || s.Answers[200] == 0 {
				b.Fatalf("%+v", s)
			}
		})
	}
}
