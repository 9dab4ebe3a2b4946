//go:build unix

package rtpengine_test

import (
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/internal/rtpenginetest"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/rtpengine"
)

// world is a server whose script manages media, between alice and the phones at 10.0.0.x.
type world struct {
	*luabindtest.World
	t     *testing.T
	alice *party
}

// managed relays to the targets, "10.0.0.3:5060" and so on, with manage's options.
const managed = `
rtpengine = require "rtpengine"
rtpengine.configure({ engines = { %s }, timeout = 5, %s })
function route(req)
  if req.in_dialog then return req:relay() end
  req:record_route()
  rtpengine.manage(req, { %s })
  req:relay({ %s }, { %s })
end`

func newWorld(t *testing.T, script string) *world {
	w := &world{t: t, World: luabindtest.New(t, script, luabindtest.Modules(closing(t)))}
	w.alice = w.party("10.0.0.2:5060")
	return w
}

func closing(t testing.TB) *rtpengine.RTPEngine {
	p := rtpengine.New(rtpengine.Options{Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// script fills in managed.
func script(engines []string, configure, manage string, targets []string, relay string) string {
	quoted := func(list []string, format string) string {
		var out []string
		for _, s := range list {
			out = append(out, fmt.Sprintf(format, s))
		}
		return strings.Join(out, ", ")
	}
	return fmt.Sprintf(managed, quoted(engines, "%q"), configure, manage, quoted(targets, `"sip:bob@%s"`), relay)
}

// party is a phone that writes its requests by hand.
type party struct {
	w     *world
	peer  *luabindtest.Peer
	addr  string
	got   []*got
	route string // of its requests within the call
	uri   string // of the other party
	from  string
	to    string
	cseq  int
}

type got struct {
	m  *message.Message
	in sim.Packet
}

func (w *world) party(addr string) *party {
	p := &party{w: w, addr: addr}
	p.peer = w.Peer(addr, func(_ *luabindtest.Peer, m *message.Message, in sim.Packet) { p.got = append(p.got, &got{m, in}) })
	return p
}

// description is one with a port of the party's.
func description(addr string, port int) string {
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 0 8\r\n", addr, addr, port)
}

// expect takes the next message that starts with first.
func (p *party) expect(first string) *got {
	p.w.t.Helper()
	for range 400 {
		for i, g := range p.got {
			if strings.HasPrefix(start(g.m), first) {
				p.got = slices.Delete(p.got, i, i+1)
				return g
			}
		}
		p.w.Run(100 * time.Millisecond)
	}
	var have []string
	for _, g := range p.got {
		have = append(have, start(g.m))
	}
	p.w.t.Fatalf("%s: no %q; has %v\n%s", p.addr, first, have, p.w.Log())
	return nil
}

func start(m *message.Message) string {
	if m.IsRequest() {
		return string(m.MethodText())
	}
	cs, _ := m.CSeq()
	return fmt.Sprintf("%d %s", m.Status(), cs.Text)
}

func (p *party) send(method, more, sdp string) {
	if method != "ACK" {
		p.cseq++
	}
	if p.uri == "" {
		p.uri, p.from, p.to = "sip:bob@example.com", "<sip:alice@example.com>;tag=a1", "<sip:bob@example.com>"
	}
	if sdp != "" {
		more += "Content-Type: application/sdp\r\n"
	}
	text := fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%[11]s%[4]d\r\nMax-Forwards: 70\r\nFrom: %[6]s\r\nTo: %[7]s\r\n"+
		"Call-ID: c1\r\nCSeq: %[4]d %[1]s\r\nContact: <sip:x@%[3]s>\r\n%[8]s%[9]sContent-Length: %[5]d\r\n\r\n%[10]s",
		method, p.uri, p.addr, p.cseq, len(sdp), p.from, p.to, p.route, more, sdp, strings.Replace(method, "CANCEL", "INVITE", 1))
	p.peer.Send(luabindtest.Addr, []byte(text))
}

// answer answers a request.
func (p *party) answer(g *got, code int, more, sdp string) {
	more += "Contact: <sip:x@" + p.addr + ">\r\n"
	b := message.AppendResponse(nil, g.m, code, "", "tag"+strings.ReplaceAll(p.addr, ":", ""), []byte(more), []byte(sdp))
	p.peer.Answer(g.in, b)
}

// within has the two parties know each other by the INVITE and its 2xx.
func within(caller *party, ok *got, callee *party, inv *got) {
	rr := elements(ok.m)
	slices.Reverse(rr)
	caller.route, caller.uri, caller.to = "Route: "+strings.Join(rr, ", ")+"\r\n", "sip:x@"+callee.addr, string(ok.m.Header(message.HeaderTo))
	callee.route, callee.uri = "Route: "+strings.Join(elements(inv.m), ", ")+"\r\n", "sip:x@"+caller.addr
	callee.from, callee.to, callee.cseq = caller.to, caller.from, 100
}

func elements(m *message.Message) (list []string) {
	for e := m.Elements(message.HeaderRecordRoute); e.Next(); {
		list = append(list, string(e.Value))
	}
	return list
}

// relayed checks that a description leads to the daemon, and returns its port.
func (p *party) relayed(g *got) (port int) {
	p.w.t.Helper()
	text := string(g.m.Body())
	_, line, _ := strings.Cut(text, "\nm=audio ")
	_, _ = fmt.Sscan(line, &port)
	if !strings.Contains(text, "c=IN IP4 127.0.0.1\r\n") || port == 0 {
		p.w.t.Fatalf("%s: %s was not relayed: %q\n%s", p.addr, start(g.m), text, p.w.Log())
	}
	return port
}

// media sends a packet from each socket to the other side's port at the daemon, until both have
// arrived.
func media(t *testing.T, a, b net.PacketConn, aTo, bTo int) {
	t.Helper()
	to := func(port int) net.Addr { return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port} }
	packet := func(n byte) []byte {
		return append([]byte{0x80, 0, 0, n, 0, 0, 0, n, 1, 2, 3, n}, make([]byte, 160)...)
	}
	receives := func(c net.PacketConn) bool {
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		n, _, err := c.ReadFrom(make([]byte, 2000))
		return err == nil && n == 172
	}
	var gotA, gotB bool
	for n := byte(0); n < 200 && !(gotA && gotB); n++ {
		_, _ = a.WriteTo(packet(n), to(aTo))
		_, _ = b.WriteTo(packet(n), to(bTo))
		gotA = receives(a) || gotA
		gotB = receives(b) || gotB
	}
	if !gotA || !gotB {
		t.Errorf("media arrived at the caller: %t, at the callee: %t", gotA, gotB)
	}
}

func socket(t *testing.T) (net.PacketConn, int) {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, c.LocalAddr().(*net.UDPAddr).Port
}

// gone waits until the daemon no longer knows the call.
func (w *world) gone() {
	w.t.Helper()
	for range 200 {
		w.Run(time.Second)
		if got, err := w.Eval(`local q, err = require("rtpengine").query("c1") return q == nil and err or "known"`); err == nil && strings.Contains(fmt.Sprint(got), "Unknown call") {
			return
		}
	}
	w.t.Errorf("the daemon still knows the call\n%s", w.Log())
}

// A call whose media goes both ways through the daemon: ringing with early media, answer, re-INVITE
// from the callee, UPDATE from the caller, BYE.
func TestCall(t *testing.T) {
	d := rtpenginetest.Start(t)
	w := newWorld(t, script([]string{d.UDP}, "", "", []string{"10.0.0.3:5060"}, ""))
	alice, bob := w.alice, w.party("10.0.0.3:5060")
	a, aPort := socket(t)
	b, bPort := socket(t)
	alice.send("INVITE", "", description("127.0.0.1", aPort))
	inv := bob.expect("INVITE")
	toAlice := bob.relayed(inv)
	bob.answer(inv, 183, "Content-Type: application/sdp\r\n", description("127.0.0.1", bPort))
	toBob := alice.relayed(alice.expect("183"))
	media(t, a, b, toBob, toAlice)
	bob.answer(inv, 200, "Content-Type: application/sdp\r\n", description("127.0.0.1", bPort))
	ok := alice.expect("200")
	if port := alice.relayed(ok); port != toBob {
		t.Errorf("port %d in the 200, %d in the 183", port, toBob)
	}
	within(alice, ok, bob, inv)
	alice.send("ACK", "", "")
	bob.expect("ACK")

	b2, bPort2 := socket(t)
	bob.send("INVITE", "", description("127.0.0.1", bPort2))
	again := alice.expect("INVITE")
	toBob = alice.relayed(again)
	alice.answer(again, 200, "Content-Type: application/sdp\r\n", description("127.0.0.1", aPort))
	toAlice = bob.relayed(bob.expect("200"))
	media(t, a, b2, toBob, toAlice)

	a2, aPort2 := socket(t)
	alice.send("UPDATE", "", description("127.0.0.1", aPort2))
	update := bob.expect("UPDATE")
	toAlice = bob.relayed(update)
	bob.answer(update, 200, "Content-Type: application/sdp\r\n", description("127.0.0.1", bPort2))
	toBob = alice.relayed(alice.expect("200 UPDATE"))
	media(t, a2, b2, toBob, toAlice)

	bob.send("BYE", "", "")
	alice.answer(alice.expect("BYE"), 200, "", "")
	bob.expect("200 BYE")
	w.gone()
}
