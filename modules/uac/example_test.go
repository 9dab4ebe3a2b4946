package uac_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/modules/uac"
)

// nobody is a router that serves nobody.
type nobody struct{}

func (nobody) Route(req *engine.Request) error {
	_, err := req.Reply(404, "", nil)
	return err
}

// An address is kept registered with a trunk, here one on a virtual network.
func ExampleUAC_Keep() {
	w := sim.New(1)
	eng, err := engine.New(engine.Config{Clock: w, Meter: w, Network: w.Network("udp:10.0.0.1:5060"), Lanes: 1, Router: nobody{},
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
	var trunk *sim.Host
	trunk = w.Host("10.0.0.9:5060", func(p sim.Packet) {
		line, _, _ := strings.Cut(string(p.Bytes), "\r\n")
		fmt.Println("the trunk gets", line)
		var m message.Message
		if m.Parse(p.Bytes, nil) == nil {
			contact := fmt.Sprintf("Contact: %s\r\n", m.Header(message.HeaderContact))
			trunk.Answer(p, message.AppendResponse(nil, &m, 200, "", "t", []byte(contact), nil))
		}
	})

	u := uac.New(uac.Options{Event: func(e uac.Event) { fmt.Println(e.Kind, e.Name) }})
	line := uac.Account{Name: "trunk", Registrar: "sip:10.0.0.9", User: "4930", Password: "s3cret"}
	if err := u.Keep(eng, []uac.Account{line}, uac.DefaultPolicy()); err != nil {
		fmt.Println(err)
		return
	}
	w.Run(5 * time.Second)

	ended, cancel := context.WithCancel(context.Background())
	cancel()
	fmt.Println(eng.Shutdown(ended))
	// Output:
	// the trunk gets REGISTER sip:10.0.0.9 SIP/2.0
	// uac.registered trunk
	// <nil>
}
