package engine_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
)

// What requests in progress are answered at the end is sent when EndRequests returns, though the
// lane has more to do: the sockets are closed next.
func TestEndRequestsSendsItsAnswers(t *testing.T) {
	caller, callee := newLine(t, "127.0.0.1"), newLine(t, "127.0.0.1")
	eng := onSockets(t, 0, engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Domains: []string{"example.com"}, Lanes: 1, MaxDelay: -1,
		Router: relayTo(to("sip:b@"+callee.LocalAddr().String()), nil)})
	if _, err := caller.WriteToUDPAddrPort(fmt.Appendf(nil, "INVITE sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"+
		"From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\nCall-ID: end\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n", caller.LocalAddr()), eng.Locals()[0].Addr); err != nil {
		t.Fatal(err)
	}
	callee.read("INVITE")

	l := eng.Lanes()[0]
	begun, end, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	defer close(end)
	l.Post(lane.Func(func(*lane.Lane) {
		close(begun)
		for l.Depth() < 2 {
			runtime.Gosched()
		}
	}))
	<-begun
	go func() { eng.EndRequests(); close(ended) }()
	for l.Depth() == 0 {
		runtime.Gosched()
	}
	l.Post(lane.Func(func(*lane.Lane) { <-end }))
	<-ended
	caller.read("503") // while the lane is held
}
