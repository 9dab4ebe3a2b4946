package kemi_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// BenchmarkStockCall is INVITE, 180, 200, ACK, BYE, 200 through Kamailio's stock script, in virtual
// time: what scripts and server compute, without the system's part.
func BenchmarkStockCall(b *testing.B) {
	w, err := loadFiles(b, "", "kamailio.cfg", map[string]string{"k.lua": stockScript(b),
		"kamailio.cfg": config("htable pike nathelper", `modparam("htable", "htable", "ipban=>size=8;autoexpire=300;")`)},
		luabindtest.Engine(func(c *engine.Config) { c.Domains = []string{"example.com"} }),
		luabindtest.Script(func(o *luabind.Options) { o.Log = slog.New(slog.DiscardHandler) }))
	if err != nil {
		b.Fatal(err)
	}
	const at = "10.0.0.1:5061"
	w.Peer(at, func(p *luabindtest.Peer, m *message.Message, in sim.Packet) {
		switch {
		case !m.IsRequest() || m.Method() == message.MethodAck:
		case m.Method() == message.MethodInvite:
			p.Reply(m, in, 180, "Contact: <sip:bob@"+at+">\r\n")
			p.Reply(m, in, 200, "Contact: <sip:bob@"+at+">\r\n")
		default:
			p.Reply(m, in, 200, "")
		}
	})
	if code := w.Code("REGISTER", "sip:alice@example.com", "Contact: <sip:alice@"+at+">\r\nExpires: 3600\r\n"); code != 200 {
		b.Fatalf("%d", code)
	}
	var final *message.Message
	caller := w.Peer("10.0.0.1:5062", func(_ *luabindtest.Peer, m *message.Message, _ sim.Packet) {
		if !m.IsRequest() && m.Status() >= 200 {
			final = m
		}
	})
	answered := func(what string) *message.Message {
		if !w.Sim.RunUntil(time.Second, func() bool { return final != nil }) || final.Status() != 200 {
			b.Fatalf("%s: %v", what, final)
		}
		m := final
		final = nil
		return m
	}
	n := 0
	call := func() {
		n++
		text := func(method, uri, to, more string) []byte {
			return fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bK-%s%d\r\nMax-Forwards: 70\r\nFrom: <sip:carol@example.com>;tag=f%d\r\n"+
				"To: %s\r\nCall-ID: call-%d\r\nCSeq: 7 %s\r\nContact: <sip:carol@10.0.0.1:5062>\r\n%sContent-Length: 0\r\n\r\n", method, uri, method, n, n, to, n, method, more)
		}
		caller.Send(luabindtest.Addr, text("INVITE", "sip:alice@example.com", "<sip:alice@example.com>", "User-Agent: bench\r\n"))
		ok := answered("INVITE")
		to := string(ok.Header(message.HeaderTo))
		route := "Route: " + string(ok.Header(message.HeaderRecordRoute)) + "\r\n"
		caller.Send(luabindtest.Addr, text("ACK", "sip:bob@"+at, to, route))
		caller.Send(luabindtest.Addr, text("BYE", "sip:bob@"+at, to, route))
		answered("BYE")
		caller.Got = caller.Got[:0]
	}
	call()
	b.ReportAllocs()
	for b.Loop() {
		call()
	}
	w.Run(time.Minute)
}
