// Package agent has user agents for a simulated world: UAC and UAS cores (RFC 3261 §8, §13, §15) on
// the engine's own transaction layer, so that they retransmit, acknowledge and cancel like real
// ones, whatever the links lose.
package agent

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// Agent is one user agent. Its callbacks and methods run with its lane's token; start with Do.
type Agent struct {
	Addr string         // host:port, also its Contact
	Kind transport.Kind // the transport it sends by
	// Its Contact has a name in place of the host, [NameOf], which others must resolve
	Named bool
	Claim string // host:port that its Contact has in place of its own; "" for none

	// OnRequest gets every new request except ACK and CANCEL. nil answers 501.
	OnRequest func(s *transaction.Server)
	// OnCancel gets the CANCEL of an INVITE without a final response; the CANCEL was answered. nil
	// answers the INVITE 487.
	OnCancel func(s *transaction.Server)
	// OnAck gets the ACK of a 2xx.
	OnAck func(m *message.Message)

	// OnDialog gets the dialog of an INVITE answered here, when its ACK came. It may be nil.
	OnDialog func(d *Dialog)
	// Strays counts final responses to INVITEs that belonged to nothing, Unknown the CANCELs. (A
	// final response to another request may arrive after the request has timed out, RFC 4320.)
	Strays, Unknown int

	w     *sim.World
	lane  *lane.Lane
	layer *transaction.Layer
	wire  transport.Wire
	acked map[string]*answer // 2xx sent and not yet acknowledged, by Call-ID, CSeq number and tag
	count int
}

// New puts an agent at host:port in a world; kind is the transport it uses.
func New(w *sim.World, kind transport.Kind, addr string) *Agent {
	a := &Agent{Addr: addr, Kind: kind, w: w, acked: map[string]*answer{}}
	a.lane = lane.New(0, lane.Options{Clock: w, Meter: w, Panicked: func(_ *lane.Lane, v any, stack []byte) {
		panic(fmt.Sprintf("agent %s: %v\n%s", addr, v, stack))
	}})
	wire, err := w.Network("udp:"+addr, "tcp:"+addr)(a)
	if err != nil {
		panic(err)
	}
	a.wire = wire
	a.layer = transaction.NewLayer(a.lane, wire, a, transaction.Options{Random: w.Random})
	w.Drive(a.lane)
	return a
}

// contact is the header line that tells others where to send requests of a dialog.
func (a *Agent) contact() string {
	at := a.Addr
	if host, port, ok := strings.Cut(a.Addr, ":"); ok && a.Named {
		at = NameOf(host) + ":" + port
	}
	if a.Claim != "" {
		at = a.Claim
	}
	return "Contact: <sip:" + at + transportParam(a.Kind) + ">\r\n"
}

// NameOf is a name of an IPv4 address, which every agent can resolve.
func NameOf(host string) string { return strings.ReplaceAll(host, ".", "-") + ".example" }

// AddrOf is the address a name resolves to, or the address itself. It panics for other hosts.
func AddrOf(host string) netip.Addr {
	if name, ok := strings.CutSuffix(host, ".example"); ok {
		host = strings.ReplaceAll(name, "-", ".")
	}
	return netip.MustParseAddr(host)
}

// Close ends the agent's goroutine.
func (a *Agent) Close() { a.lane.Stop() }

// Do runs f on the agent's lane, as an event of the world.
func (a *Agent) Do(f func()) {
	a.w.Do(func() { a.lane.Run(lane.Func(func(*lane.Lane) { f() }), nil) })
}

// After runs f d from now. Call it with the lane's token.
func (a *Agent) After(d time.Duration, f func()) {
	a.lane.After(d, &lane.Timer{}, expirer(f))
}

type expirer func()

func (f expirer) Expire(*lane.Timer) { f() }

// Left is how many transactions and timers the agent has. Call it with the lane's token.
func (a *Agent) Left() (transactions, timers int) {
	s, c := a.layer.Counts()
	return s + c, a.lane.Timers()
}

// Receive handles what the network brings.
func (a *Agent) Receive(in *transport.Inbound) {
	m := &message.Message{}
	if err := m.Parse(append([]byte(nil), in.Bytes...), &message.Limits{}); err == nil {
		err = m.Validate()
		if err != nil {
			panic(fmt.Sprintf("agent %s got an invalid message: %v\n%s", a.Addr, err, in.Bytes))
		}
	} else {
		panic(fmt.Sprintf("agent %s got what can't be read: %v\n%s", a.Addr, err, in.Bytes))
	}
	from := transaction.Arrival{Msg: m, Kind: in.Kind, Source: in.Source, Local: in.Local, Flow: in.Flow}
	a.lane.Run(lane.Func(func(*lane.Lane) { a.layer.Receive(&from) }), nil)
}

// BadFrame is part of transport.Receiver.
func (a *Agent) BadFrame(_ *transport.Inbound, err error) { panic(err) }

// FlowClosed is part of transport.Receiver.
func (a *Agent) FlowClosed(transport.FlowID) {}

// Request takes a new request from the transaction layer.
func (a *Agent) Request(s *transaction.Server) {
	switch {
	case s.Req.Method() == message.MethodAck:
		a.gotAck(s.Req)
	case s.Req.Method() == message.MethodCancel:
		a.Unknown++
		_ = s.Reply(481, "", nil, nil)
	case a.OnRequest != nil:
		a.OnRequest(s)
	default:
		_ = s.Reply(501, "", nil, nil)
	}
}

// Cancelled takes the CANCEL of an INVITE.
func (a *Agent) Cancelled(s *transaction.Server, _ *message.Message) {
	if a.OnCancel != nil {
		a.OnCancel(s)
		return
	}
	_ = s.Reply(487, "", nil, nil)
}

// Stray drops a response that belongs to nothing; a real UA ignores it too.
func (a *Agent) Stray(m *transaction.Arrival) {
	if cs, err := m.Msg.CSeq(); err == nil && cs.Method == message.MethodInvite && m.Msg.Status() >= 200 {
		a.Strays++
	}
}

// Leave takes the agent off the network: what it sends and what is sent to it is lost, and its
// streams break.
func (a *Agent) Leave() { a.wire.(*sim.Wire).Remove() }

func transportParam(k transport.Kind) string {
	if k == transport.UDP {
		return ""
	}
	return ";transport=" + k.String()
}
