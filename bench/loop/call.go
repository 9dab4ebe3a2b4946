package loop

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// Clock is moved by who makes calls.
type Clock struct{ now atomic.Int64 }

func (c *Clock) Now() lane.Time  { return lane.Time(c.now.Load()) + lane.Time(time.Hour) }
func (c *Clock) Wall() time.Time { return time.Unix(0, c.now.Load()) }

// keeping is a wire that keeps what was sent last.
type keeping struct {
	at   []*transport.Local
	sent [8][]byte // in storage that serves again, so that the wire itself allocates nothing
	n    int
}

func (w *keeping) Send(_ *transport.Peer, b []byte, _ transport.Failed) error {
	if w.n < len(w.sent) {
		w.sent[w.n] = append(w.sent[w.n][:0], b...)
		w.n++
	}
	return nil
}
func (w *keeping) Choose(*transport.Peer) *transport.Local { return w.at[0] }
func (w *keeping) Locals() []*transport.Local              { return w.at }

// Calls makes whole calls through one lane, without sockets: it is caller and callee. It belongs to
// one goroutine.
type Calls struct {
	Engine *engine.Engine
	Clock  *Clock
	Spent  time.Duration // in the engine, what making the messages takes left out
	// Count has Allocated tell the bytes that the engine took from the heap; it takes much longer
	// than the call.
	Count     bool
	Allocated uint64

	wire   *keeping
	inbox  transport.Receiver // the engine's
	serial int
}

// NewCalls makes the loop for a router that relays the calls. Timer C never fires.
func NewCalls(router engine.Router) (*Calls, error) {
	c := &Calls{Clock: &Clock{}, wire: &keeping{at: []*transport.Local{Local(transport.UDP)}}}
	var err error
	c.Engine, err = engine.New(engine.Config{Lanes: 1, Clock: c.Clock, Meter: &Idle{}, Router: router, Domains: []string{"example.com"}, TimerC: 1e6 * time.Hour, UDPLimit: -1,
		Network: func(r transport.Receiver) (transport.Wire, error) { c.inbox = r; return c.wire, nil }})
	return c, err
}

var caller, callee = netip.MustParseAddrPort("10.0.0.2:5060"), netip.MustParseAddrPort("10.0.0.3:5060")

// Contact is where the users of the loop are to be registered.
const Contact = "10.0.0.3:5060"

const sdp = "v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"

var errNotForwarded = errors.New("loop: a message was not sent on")

// receive hands the engine a message and returns what it sent that begins so.
func (c *Calls) receive(from netip.AddrPort, b []byte, begins string) ([]byte, error) {
	c.wire.n = 0
	in := &transport.Inbound{Bytes: b, Kind: transport.UDP, Source: from, Local: c.wire.at[0]}
	c.cost(func() { c.inbox.Receive(in) })
	for _, s := range c.wire.sent[:c.wire.n] {
		if bytes.HasPrefix(s, []byte(begins)) {
			return bytes.Clone(s), nil
		}
	}
	return nil, fmt.Errorf("%w: no %q after %.60q", errNotForwarded, begins, b)
}

func (c *Calls) request(method, uri, more, body string) []byte {
	to := ";tag=callee"
	if method == "INVITE" {
		to = ""
	}
	return fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK-%d-%[1]s\r\n%[4]sFrom: \"Alice\" <sip:alice@example.com>;tag=a%[3]d\r\nTo: <sip:user@example.com>%[5]s\r\nCall-ID: %[3]d@10.0.0.2\r\nCSeq: 1 %[1]s\r\nContact: <sip:alice@10.0.0.2:5060>\r\nMax-Forwards: 70\r\nUser-Agent: bench\r\nAllow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE\r\nSupported: replaces, timer\r\nContent-Length: %[6]d\r\n\r\n%[7]s",
		method, uri, c.serial, more, to, len(body), body)
}

func answer(request []byte, code int) ([]byte, error) {
	var m message.Message
	if err := m.Parse(request, &message.Limits{}); err != nil {
		return nil, err
	}
	return message.AppendResponse(nil, &m, code, "", "callee", []byte("Contact: <sip:bob@"+Contact+">\r\n"), nil), nil
}

// Ring begins a call of a user that rings and is left so: two transactions in progress. It returns
// the INVITE as it was sent on.
func (c *Calls) Ring(user string) (invite []byte, err error) {
	c.serial++
	if invite, err = c.receive(caller, c.request("INVITE", "sip:"+user+"@example.com", "", sdp), "INVITE"); err != nil {
		return nil, err
	}
	ringing, err := answer(invite, 180)
	if err == nil {
		_, err = c.receive(callee, ringing, "SIP/2.0 180")
	}
	return invite, err
}

// Call is INVITE, 180, 200, ACK, BYE, 200 with Record-Route.
func (c *Calls) Call(user string) error {
	invite, err := c.Ring(user)
	if err != nil {
		return err
	}
	ok, err := answer(invite, 200)
	if err != nil {
		return err
	}
	won, err := c.receive(callee, ok, "SIP/2.0 200")
	if err != nil {
		return err
	}
	_, after, _ := bytes.Cut(won, []byte("Record-Route: "))
	route, _, _ := bytes.Cut(after, []byte("\r\n"))
	routes := "Route: " + string(route) + "\r\n"
	if _, err = c.receive(caller, c.request("ACK", "sip:bob@"+Contact, routes, ""), "ACK"); err != nil {
		return err
	}
	bye, err := c.receive(caller, c.request("BYE", "sip:bob@"+Contact, routes, ""), "BYE")
	if err != nil {
		return err
	}
	if ok, err = answer(bye, 200); err == nil {
		_, err = c.receive(callee, ok, "SIP/2.0 200")
	}
	return err
}

// Pass lets time pass: what ends then is part of what calls cost.
func (c *Calls) Pass(d time.Duration) {
	c.Clock.now.Add(int64(d))
	c.cost(func() { c.Engine.Lanes()[0].Turn(nil) })
}

// cost calls f and adds up what it took.
func (c *Calls) cost(f func()) {
	var before, after runtime.MemStats
	if c.Count {
		runtime.ReadMemStats(&before)
	}
	began := time.Now()
	f()
	c.Spent += time.Since(began)
	if c.Count {
		runtime.ReadMemStats(&after)
		c.Allocated += after.TotalAlloc - before.TotalAlloc
	}
}
