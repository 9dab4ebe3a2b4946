package phone

import (
	"bytes"
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

// This file makes a phone and handles what the network brings.

// Options of a phone. URI, Addr, Kind and Proxy are required.
type Options struct {
	Name  string // in its complaints; default: the URI
	URI   string // its address of record: what it calls from and registers
	Addr  netip.AddrPort
	Kind  transport.Kind // what it sends over
	Proxy netip.AddrPort // where it sends requests without a Route
	// User and Password answer digest challenges; without a password the test sees them. User is
	// the URI's by default.
	User, Password string
	// KeepAlive is the time between the CRLFs that keep a NAT's port open (RFC 5626 §3.5.1); 0:
	// none are sent.
	KeepAlive time.Duration
	// Listens: others can connect to it over TLS; over UDP and TCP they always can, over WebSocket
	// never.
	Listens bool
	// Outbound: it registers with an instance and a reg-id (RFC 5626), as browsers' phones do.
	Outbound bool
	// Upgrade is the HTTP request by which it opens its WebSocket; nil: one for "/".
	Upgrade  *transport.Upgrade
	Instance string // its URN; default: one of its own
	// Manual: it answers nothing by itself except CANCEL, which its transaction layer answers.
	Manual bool
	// Changed is called after whatever was added to an inbox. It may be nil.
	Changed func()
	// Trouble receives what no phone should get: messages that cannot be read. nil panics.
	Trouble func(error)
}

// Phone is one user agent.
type Phone struct {
	o       Options
	uri     message.URI
	w       *sim.World
	lane    *lane.Lane
	layer   *transaction.Layer
	wire    transport.Wire
	inbox   []*Incoming
	dialogs map[dialogKey]*Dialog
	invites map[*transaction.Server]*Incoming // INVITEs without a final answer
	waiting map[string]*accepted              // 2xx without their ACK
	ignored map[string]bool                   // requests it is dead for, by branchKey
	cancels map[string]bool                   // CANCELs that came, by branchKey
	calls   int
	media   int // sessions, of which each has a port of its own
	pings   lane.Timer
	host    string // of Via and Contact, in the place of an address; "" for that

	registerID  string
	registerSeq uint32
}

// New puts a phone into a world.
func New(w *sim.World, o Options) (*Phone, error) {
	p := &Phone{o: o, w: w, dialogs: map[dialogKey]*Dialog{}, invites: map[*transaction.Server]*Incoming{}, waiting: map[string]*accepted{}, ignored: map[string]bool{}, cancels: map[string]bool{}}
	u, err := message.ParseURI([]byte(o.URI))
	if err != nil {
		return nil, fmt.Errorf("%q is not a URI: %w", o.URI, err)
	}
	if !u.IsSIP() {
		return nil, fmt.Errorf("%q is not a sip URI", o.URI)
	}
	p.uri = u
	if p.o.Name == "" {
		p.o.Name = o.URI
	}
	if p.o.User == "" {
		p.o.User = string(u.User)
	}
	if p.o.Changed == nil {
		p.o.Changed = func() {}
	}
	if p.o.Trouble == nil {
		p.o.Trouble = func(err error) { panic(err) }
	}
	p.identify()
	if p.wire, err = w.NetworkOf(p.endpoint())(p); err != nil {
		return nil, err
	}
	p.lane = lane.New(0, lane.Options{Clock: w, Meter: w, Panicked: func(_ *lane.Lane, v any, stack []byte) {
		p.trouble("panic: %v\n%s", v, stack)
	}})
	p.layer = transaction.NewLayer(p.lane, p.wire, (*user)(p), transaction.Options{Random: w.Random})
	w.Drive(p.lane)
	p.keepAlive()
	p.registerID = fmt.Sprintf("register-%s@%s", p.tag(), o.Addr.Addr())
	return p, nil
}

// Name is the phone's name.
func (p *Phone) Name() string { return p.o.Name }

// URI is the address of record.
func (p *Phone) URI() string { return p.o.URI }

// Addr is the phone's address.
func (p *Phone) Addr() netip.AddrPort { return p.o.Addr }

// Inbox are the requests that came, in their order: each once, however often it was sent.
func (p *Phone) Inbox() []*Incoming { return p.inbox }

// Close ends the phone's goroutine.
func (p *Phone) Close() { p.lane.Stop() }

// do runs f with the lane's token.
func (p *Phone) do(f func()) { p.lane.Run(lane.Func(func(*lane.Lane) { f() }), nil) }

func (p *Phone) trouble(format string, args ...any) {
	p.o.Trouble(fmt.Errorf("%s: "+format, append([]any{p.o.Name}, args...)...))
}

// tag is a new tag, from the world's seed.
func (p *Phone) tag() string { return fmt.Sprintf("%010x", p.w.Random()>>24) }

// Receive handles what the network brings.
func (p *Phone) Receive(in *transport.Inbound) {
	if len(bytes.Trim(in.Bytes, "\r\n")) == 0 { // the answer to a keep-alive
		return
	}
	m := &message.Message{}
	err := m.Parse(append([]byte(nil), in.Bytes...), &message.Limits{})
	if err == nil {
		err = m.Validate()
	}
	if err != nil {
		p.trouble("got a message that is not as it should be: %v\n%s", err, in.Bytes)
		return
	}
	from := transaction.Arrival{Msg: m, Kind: in.Kind, Source: in.Source, Local: in.Local, Flow: in.Flow}
	p.do(func() {
		if m.IsRequest() && m.Method() == message.MethodCancel {
			p.noteCancel(m)
		}
		if !m.IsRequest() || !p.ignored[branchKey(m)] {
			p.layer.Receive(&from)
		}
	})
}

// BadFrame is part of transport.Receiver.
func (p *Phone) BadFrame(in *transport.Inbound, err error) {
	p.trouble("got what is not a message: %v\n%q", err, in.Bytes)
}

// FlowClosed is part of transport.Receiver.
func (p *Phone) FlowClosed(transport.FlowID) {}

// user is the Phone as its transaction layer sees it.
type user Phone

// Request takes a new request.
func (u *user) Request(s *transaction.Server) {
	p := (*Phone)(u)
	switch {
	case s.Req.Method() == message.MethodAck:
		p.gotAck(s.Req)
	case s.Req.Method() == message.MethodCancel: // of nothing we know
		p.check(s.Reply(481, "", nil, nil))
	default:
		p.newRequest(s)
	}
}

// Cancelled takes the CANCEL of an INVITE that has no final answer.
func (u *user) Cancelled(s *transaction.Server, _ *message.Message) {
	p := (*Phone)(u)
	if r := p.invites[s]; r != nil && !p.o.Manual {
		r.byItself = true
		p.check(r.reply(487, Reply{}))
	}
}

// Stray drops a response that belongs to nothing, as phones do.
func (u *user) Stray(*transaction.Arrival) {}

func (p *Phone) check(err error) {
	if err != nil {
		p.trouble("%v", err)
	}
}

// keep copies a message that is lent.
func keep(m *message.Message) *message.Message {
	c := &message.Message{}
	m.CopyTo(c)
	c.Detach()
	return c
}

// peerOf is where a request to uri is sent: an address is taken as it is, a name is left to the
// proxy.
func (p *Phone) peerOf(uri string) (transport.Peer, error) {
	u, err := message.ParseURI([]byte(uri))
	if err != nil {
		return transport.Peer{}, fmt.Errorf("%q is not a URI: %w", uri, err)
	}
	peer := transport.Peer{Kind: transport.UDP}
	if t, ok := u.Params.Get("transport"); ok {
		if peer.Kind, ok = transport.ParseKind(t); !ok {
			return peer, fmt.Errorf("%s: unknown transport", uri)
		}
	}
	host, err := netip.ParseAddr(strings.Trim(string(u.Host), "[]"))
	if err != nil {
		return transport.Peer{Kind: p.o.Kind, Addr: p.o.Proxy}, nil
	}
	port := u.Port
	if port == 0 {
		port = peer.Kind.DefaultPort()
	}
	peer.Addr = netip.AddrPortFrom(host, port)
	return peer, nil
}
