package sim

import (
	"net/netip"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// TB is what a Phone says of a test; *testing.T is one.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Phone is a Host that reads the messages it gets and keeps them until they are taken. It knows no
// transactions: what the test writes is sent as it is, and what comes again is there again. Package
// sim/phone has user agents that do.
type Phone struct {
	*Host
	Writer
	Server string             // where its own requests go
	Got    []*message.Message // not taken yet, the oldest first
	In     []Packet           // how each of them came
	// Answers are the codes that it answers requests other than ACKs with by itself, 0 for silence;
	// nil: what the test doesn't answer is not answered.
	Answers  func(m *message.Message) int
	Lines    string             // header lines of those answers
	Answered []*message.Message // what it answered by itself

	t TB
}

// Phone puts a phone at an address such as "10.0.0.9:5060". on, which may be nil, is called for
// each message. One that can't be parsed fails the test; answers to keep-alives are skipped.
func (w *World) Phone(t TB, addr string, on func(p *Phone, m *message.Message, in Packet)) *Phone {
	p := &Phone{t: t, Writer: Writer{User: "alice", Kind: transport.UDP, Own: netip.MustParseAddrPort(addr)}}
	p.Host = w.Host(addr, func(in Packet) {
		if b := in.Bytes; len(b) == 0 || b[0] < ' ' { // STUN, CRLF: the answer to a keep-alive
			return
		}
		m := &message.Message{}
		if err := m.Parse(in.Bytes, nil); err != nil {
			t.Errorf("%s got what can't be parsed: %v\n%s", addr, err, in.Bytes)
			return
		}
		p.Got, p.In = append(p.Got, m), append(p.In, in)
		if p.Answers != nil && m.IsRequest() && m.Method() != message.MethodAck {
			if code := p.Answers(m); code > 0 {
				p.Answered = append(p.Answered, m)
				p.Reply(m, in, code, p.Lines)
			}
		}
		if on != nil {
			on(p, m, in)
		}
	})
	return p
}

// patience is how much virtual time Next lets pass.
const patience = 40 * time.Second

// Next moves the world on until there is a message, and takes it. The test fails where none comes.
func (p *Phone) Next() (*message.Message, Packet) {
	p.t.Helper()
	if !p.w.RunUntil(patience, func() bool { return len(p.Got) > 0 }) {
		p.t.Fatalf("%s got nothing", p.Addr())
	}
	m, in := p.Got[0], p.In[0]
	p.Got, p.In = p.Got[1:], p.In[1:]
	return m, in
}

// Forget takes all messages that came.
func (p *Phone) Forget() { p.Got, p.In = nil, nil }

// Requests are those it has got with a method, not taken yet.
func (p *Phone) Requests(method string) (list []*message.Message) {
	for _, m := range p.Got {
		if m.IsRequest() && string(m.MethodText()) == method {
			list = append(list, m)
		}
	}
	return list
}

// Reply answers a request with a tag of the phone's own and further header lines
// ("Name: value\r\n").
func (p *Phone) Reply(m *message.Message, in Packet, code int, headers string) {
	p.Answer(in, message.AppendResponse(nil, m, code, "", "tag-"+strings.ReplaceAll(p.Addr().String(), ":", "-"), []byte(headers), nil))
}
