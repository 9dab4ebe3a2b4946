package luabindtest

// Phones that make and take calls by themselves (package sim/phone), and what tests wait for at
// them.

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/engine/transport"
)

// patience is how long, in virtual time, a test waits for something: longer than any transaction,
// and any ringing.
const patience = 300 * time.Second

// Phone makes a phone of "sip:NAME@example.com" at an address, port 5060, whose proxy is the
// server. change is applied to its options.
func (w *World) Phone(name, addr string, change ...func(*phone.Options)) *phone.Phone {
	w.T.Helper()
	o := phone.Options{URI: "sip:" + name + "@example.com", Addr: netip.MustParseAddrPort(addr + ":5060"), Kind: transport.UDP, Proxy: netip.MustParseAddrPort(Addr),
		Trouble: func(err error) { w.T.Errorf("%s: %v", name, err) }}
	for _, f := range change {
		f(&o)
	}
	p, err := phone.New(w.Sim, o)
	if err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(p.Close)
	return p
}

// Came waits for a request that nobody has looked at yet.
func (w *World) Came(p *phone.Phone, method string) *phone.Incoming {
	w.T.Helper()
	var found *phone.Incoming
	if !w.Sim.RunUntil(patience, func() bool {
		for _, r := range p.Inbox() {
			if !r.Taken && r.Method() == method {
				found = r
				return true
			}
		}
		return false
	}) {
		var have []string
		for _, r := range p.Inbox() {
			have = append(have, r.Method())
		}
		w.T.Fatalf("%s: no %s; has %v\n%s", p.Name(), method, have, w.Log())
	}
	found.Taken = true
	return found
}

// Answered waits for a response that nobody has looked at yet.
func (w *World) Answered(o *phone.Outgoing, code int) *message.Message {
	w.T.Helper()
	var found *message.Message
	if !w.Sim.RunUntil(patience, func() bool {
		for _, a := range o.Answers {
			if !a.Taken && a.Msg.Status() == code {
				a.Taken, found = true, a.Msg
				return true
			}
		}
		return false
	}) {
		var have []int
		for _, a := range o.Answers {
			have = append(have, a.Msg.Status())
		}
		w.T.Fatalf("no %d to %s; has %v\n%s", code, o.Method(), have, w.Log())
	}
	return found
}

// Reply answers a request.
func (w *World) Reply(r *phone.Incoming, code int, headers ...proxy.HeaderEdit) {
	w.T.Helper()
	if err := r.Reply(code, phone.Reply{Headers: headers}); err != nil {
		w.T.Fatal(err)
	}
}

// Ladder shows the packets of the world, a line each, if the test fails.
func (w *World) Ladder() {
	var lines []string
	w.Sim.Trace(func(p sim.Packet) {
		line, _, _ := strings.Cut(string(p.Bytes), "\r\n")
		lines = append(lines, fmt.Sprintf("%10.3f  %s → %s  %s", w.Sim.Elapsed().Seconds(), p.From, p.To, line))
	})
	w.T.Cleanup(func() {
		if w.T.Failed() {
			w.T.Logf("ladder:\n%s", strings.Join(lines, "\n"))
		}
	})
}
