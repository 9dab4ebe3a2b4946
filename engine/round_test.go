package engine_test

import (
	"net/netip"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/transport"
)

// rounds counts how often a reader's round has ended.
type rounds struct{ ended int }

func (r *rounds) Next(lane.Time) {}
func (r *rounds) End()           { r.ended++ }

// A reader that leaves messages to the lanes' own goroutines first sends what is left of those it
// brought itself: a 200 must not overtake its 180.
func TestMessagesLeftToALaneOvertakeNothing(t *testing.T) {
	local := &transport.Local{Kind: transport.UDP, Name: "udp:10.0.0.1:5060", Addr: netip.MustParseAddrPort("10.0.0.1:5060"), Host: "10.0.0.1", Port: 5060, SentBy: "10.0.0.1:5060"}
	var inbox transport.Receiver
	eng, err := engine.New(engine.Config{Lanes: 2, Clock: frozen{}, Network: func(r transport.Receiver) (transport.Wire, error) {
		inbox = r
		return &quietWire{loopWire{local: local}}, nil
	}, Router: routerFunc(func(r *engine.Request) error { _, err := r.Drop(); return err })})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = eng.Shutdown(done(t)) })
	r := &rounds{}
	k := lane.NewCarrier(func(*lane.Carrier) {})
	k.Round = r
	in := &transport.Inbound{Kind: transport.UDP, Source: netip.MustParseAddrPort("10.0.0.2:5060"), Local: local, Carrier: k,
		Bytes: []byte("OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n")}
	for i, more := range []bool{true, false, true} {
		before := r.ended
		in.More = more
		inbox.Receive(in)
		if more && r.ended == before {
			t.Errorf("message %d is left to the lane while the round goes on", i)
		}
	}
}
