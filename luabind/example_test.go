package luabind_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind"
)

// A script is a router of an engine. Here both are on a virtual network; sockets need a Listen
// instead of Clock, Meter and Network.
func ExampleNewRouter() {
	router, err := luabind.NewRouter(luabind.Options{Name: "route.lua", Source: `
function route(req)
  req:reply(200, "Hello " .. req.from.uri.user)
end`})
	if err != nil {
		fmt.Println(err) // a mistake in the script, with file and line
		return
	}
	w := sim.New(1)
	eng, err := engine.New(engine.Config{Clock: w, Meter: w, Network: w.Network("udp:10.0.0.1:5060"), Lanes: 1, Router: router,
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := eng.Start(); err != nil {
		fmt.Println(err)
		return
	}
	w.Drive(eng.Lanes()...)
	w.Drive(eng.Background())
	alice := w.Host("10.0.0.2:5060", func(p sim.Packet) {
		line, _, _ := strings.Cut(string(p.Bytes), "\r\n")
		fmt.Println(line)
	})
	alice.Send("10.0.0.1:5060", []byte("OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"+
		"From: <sip:alice@example.com>;tag=1\r\nTo: <sip:example.com>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"))
	w.Run(time.Second)

	ended, cancel := context.WithCancel(context.Background())
	cancel()
	fmt.Println(eng.Shutdown(ended))
	// Output:
	// SIP/2.0 200 Hello alice
	// <nil>
}

// A script with a mistake is refused, and the error says where it is.
func ExampleNewRouter_mistake() {
	_, err := luabind.NewRouter(luabind.Options{Name: "route.lua", Source: "function route(req)\n  req:reply(200\nend"})
	fmt.Println(err)
	// Output: route.lua:3: syntax error near 'end'
}
