package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
)

// desk is a router: it relays what is for bob to where he is, along the path of the dialog.
type desk struct{}

func (desk) Route(req *engine.Request) error {
	if req.InDialog() {
		_, err := req.Relay(nil, nil) // along our Record-Route; 481 for all else
		return err
	}
	uri, err := message.ParseURI(req.Message().RequestURI())
	if err != nil || string(uri.User) != "bob" {
		_, err := req.Reply(404, "", nil)
		return err
	}
	if err := req.RecordRoute(); err != nil {
		return err
	}
	res, err := req.Fork([]*engine.Target{{URI: "sip:bob@10.0.0.3", Timeout: 20 * time.Second}}, nil) // lends the lane
	if err != nil || req.Answered() != 0 {
		return err
	}
	_, err = req.ReplyWith(res, nil)
	return err
}

// An engine on sockets: it serves until its context ends, then drains.
func ExampleEngine_Run() {
	eng, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0", "tcp:127.0.0.1:0"}, Domains: []string{"example.com"}, Router: desk{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range eng.Locals() {
		fmt.Println("listening", l.Kind, l.Addr.Addr())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	fmt.Println(eng.Run(ctx))
	// Output:
	// listening udp 127.0.0.1
	// listening tcp 127.0.0.1
	// <nil>
}

// The same engine on a virtual network and clock: seconds take no time.
func ExampleRequest_Fork() {
	w := sim.New(1)
	eng, err := engine.New(engine.Config{Clock: w, Meter: w, Network: w.Network("udp:10.0.0.1:5060"), Lanes: 1, Router: desk{},
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := eng.Start(); err != nil {
		fmt.Println(err)
		return
	}
	defer eng.Shutdown(ended())
	w.Drive(eng.Lanes()...)
	w.Drive(eng.Background())

	var bob *sim.Host // his phone takes two seconds to answer
	bob = w.Host("10.0.0.3:5060", func(p sim.Packet) {
		var m message.Message
		if err := m.Parse(p.Bytes, nil); err == nil {
			answer := message.AppendResponse(nil, &m, 202, "", "b", nil, nil)
			w.After(2*time.Second, func() { bob.Answer(p, answer) })
		}
	})
	alice := w.Host("10.0.0.2:5060", func(p sim.Packet) {
		line, _, _ := strings.Cut(string(p.Bytes), "\r\n")
		fmt.Printf("%.0f s: %s\n", w.Elapsed().Seconds(), line)
	})
	for _, to := range []string{"carol", "bob"} {
		alice.Send("10.0.0.1:5060", fmt.Appendf(nil, "MESSAGE sip:%s@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK%[1]s\r\nMax-Forwards: 70\r\n"+
			"From: <sip:alice@example.com>;tag=1\r\nTo: <sip:%[1]s@example.com>\r\nCall-ID: %[1]s\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n", to))
		w.Run(3 * time.Second)
	}
	w.Run(time.Minute)
	// Output:
	// 0 s: SIP/2.0 404 Not Found
	// 5 s: SIP/2.0 202 Accepted
}

// ended is a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
