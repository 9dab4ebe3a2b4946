package luabind_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// What the tests of the contract (contract_*_test.go) have in common: one caller, and phones that
// ring. Each test there is named after the sentence of the scripting contract that it holds.

// callee is a phone that answers each INVITE with its codes, a CANCEL as RFC 3261 §9.2 has it, and
// everything else with 200.
type callee struct {
	*luabindtest.Peer
	invite *message.Message
	at     sim.Packet
	final  bool

	ignoreCancel bool   // answers a CANCEL 200 and rings on
	seen         func() // is called for each INVITE
}

// newPhone makes one. A code above 199 ends its part; headers go with each of its responses to an
// INVITE.
func newPhone(w *luabindtest.World, addr, headers string, codes ...int) *callee {
	p := &callee{}
	p.Peer = w.Peer(addr, func(_ *luabindtest.Peer, m *message.Message, in sim.Packet) {
		switch {
		case !m.IsRequest() || m.Method() == message.MethodAck:
		case m.Method() == message.MethodInvite:
			p.invite, p.at, p.final = m, in, false
			if p.seen != nil {
				p.seen()
				p.seen = nil
			}
			for _, code := range codes {
				p.answer(code, headers)
			}
		case m.Method() == message.MethodCancel:
			p.Reply(m, in, 200, "")
			if p.invite != nil && !p.final && !p.ignoreCancel {
				p.answer(487, "")
			}
		default:
			p.Reply(m, in, 200, headers)
		}
	})
	return p
}

// watch has f called when the first INVITE comes.
func (p *callee) watch(f func()) { p.seen = f }

// answer sends a response to the last INVITE.
func (p *callee) answer(code int, headers string) {
	p.final = p.final || code >= 200
	if code >= 180 && code < 300 {
		headers += "Contact: <sip:phone@" + p.Addr().String() + ">\r\n"
	}
	p.Reply(p.invite, p.at, code, headers)
}

// caller is who calls.
type caller struct {
	*luabindtest.Peer
	w    *luabindtest.World
	text string
}

// call sends an INVITE to bob.
func call(w *luabindtest.World, headers ...string) *caller {
	c := &caller{w: w, Peer: w.Peer(luabindtest.Caller, nil)}
	c.text = string(w.Request("INVITE", "sip:bob@example.com", strings.Join(headers, "")+"Contact: <sip:alice@10.0.0.2>\r\n", ""))
	c.Send(luabindtest.Addr, []byte(c.text))
	return c
}

func (c *caller) cancel() {
	c.Send(luabindtest.Addr, []byte(strings.ReplaceAll(c.text, "INVITE", "CANCEL")))
}

// codes are the different responses to the INVITE, in order, without 100.
func (c *caller) codes() string {
	var list []string
	for _, m := range c.Got {
		cs, err := m.CSeq()
		if m.IsRequest() || err != nil || cs.Method != message.MethodInvite || m.Status() == 100 {
			continue
		}
		code := fmt.Sprint(m.Status())
		if len(list) == 0 || list[len(list)-1] != code {
			list = append(list, code)
		}
	}
	return strings.Join(list, " ")
}

// last is the last response to the INVITE.
func (c *caller) last() *message.Message {
	for i := len(c.Got) - 1; i >= 0; i-- {
		if cs, err := c.Got[i].CSeq(); err == nil && !c.Got[i].IsRequest() && cs.Method == message.MethodInvite {
			return c.Got[i]
		}
	}
	return nil
}

// scene is a world with a route function, for one INVITE.
func scene(t *testing.T, body string, options ...luabindtest.Option) *luabindtest.World {
	t.Helper()
	return luabindtest.New(t, "function route(req)\n"+body+"\nend", options...)
}

// logs fails unless the log has each of the texts.
func logs(t *testing.T, w *luabindtest.World, texts ...string) {
	t.Helper()
	log := strings.ReplaceAll(w.Log(), `\"`, `"`)
	for _, s := range texts {
		if !strings.Contains(log, s) {
			t.Errorf("the log lacks %q:\n%s", s, log)
		}
	}
}

const second = time.Second
