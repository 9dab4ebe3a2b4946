package dialog_test

import (
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/engine/transport"
)

// switchboard is a router whose calls are its own: it calls bob for whoever calls.
type switchboard struct{ agent *dialog.Agent }

func (s *switchboard) Route(r *engine.Request) error {
	if r.InDialog() { // of none of the agent's legs
		_, err := r.Reply(481, "", nil)
		return err
	}
	caller, err := s.agent.Accept(r, dialog.AcceptOptions{})
	if err != nil {
		return err
	}
	targets := []*engine.Target{{URI: "sip:bob@10.0.0.3:5060"}}
	return s.agent.Dial(nil, caller, targets, dialog.DialOptions{Timeout: 20 * time.Second}, func(callee *dialog.Leg, res *engine.Response) {
		if callee == nil {
			_ = caller.Pass(res)
			return
		}
		over := func() { caller.HangUp(""); callee.HangUp("") }
		if err := s.agent.Bridge(caller, callee, dialog.BridgeOptions{}, func(*dialog.Leg, string) { over() }); err != nil {
			over()
		}
	})
}

// A call whose two sides know nothing of each other, on a virtual network and clock.
func ExampleAgent() {
	w := sim.New(1)
	s := &switchboard{dialog.New(dialog.Options{Told: func(e dialog.Event) { fmt.Println(e.Kind, e.Leg.To()) }})}
	eng, err := engine.New(engine.Config{Clock: w, Meter: w, Network: w.Network("udp:10.0.0.1:5060"), Lanes: 1, Router: s, Parts: []engine.Part{s.agent},
		Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = eng.Start()
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	w.Drive(eng.Lanes()...)
	w.Drive(eng.Background())
	at := func(name, addr string) *phone.Phone {
		p, err := phone.New(w, phone.Options{Name: name, URI: "sip:" + name + "@example.com", Addr: netip.MustParseAddrPort(addr), Proxy: netip.MustParseAddrPort("10.0.0.1:5060"), Kind: transport.UDP})
		if err != nil {
			panic(err)
		}
		return p
	}
	alice, bob := at("alice", "10.0.0.2:5060"), at("bob", "10.0.0.3:5060")
	call := alice.Invite("sip:desk@example.com", phone.Spec{Media: phone.Media{Own: true}})
	w.Run(time.Second)
	invite := bob.Inbox()[0]
	fmt.Println("the same call:", string(invite.Msg.CallID()) == call.CallID())
	_ = invite.Reply(200, phone.Reply{Media: phone.Media{Own: true}})
	w.Run(time.Second)
	call.Dialog().Send(phone.Spec{Method: "BYE"})
	w.Run(time.Second)
	fmt.Println("legs:", s.agent.Calls())
	// Output:
	// the same call: false
	// answered sip:bob@10.0.0.3:5060
	// bridged sip:desk@example.com
	// answered sip:desk@example.com
	// ended sip:bob@10.0.0.3:5060
	// ended sip:desk@example.com
	// legs: 0
}
