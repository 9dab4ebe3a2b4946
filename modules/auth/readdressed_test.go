package auth

// This file tests that servers with one secret prove to each other what they did to a Request-URI.

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

const (
	edgeAddr = "10.0.0.50:5060"
	wireAddr = "10.0.0.60:5060" // between the edge and the server under test
)

// edge is a server in front of the one under test: it sends all that comes to carol.
type edge struct{ forward, wait bool }

func (e edge) Route(r *engine.Request) error {
	t := &engine.Target{URI: "sip:carol@example.com", NextHop: "sip:" + wireAddr}
	if e.wait {
		if err := r.Sleep(time.Second); err != nil {
			return err
		}
	}
	if e.forward {
		_, err := r.Forward(t)
		return err
	}
	_, err := r.Relay([]*engine.Target{t}, nil)
	return err
}

// newEdge puts e into the world, with a secret.
func newEdge(t *testing.T, w *luabindtest.World, e edge, secret string) {
	t.Helper()
	eng, err := engine.New(engine.Config{Clock: w.Sim, Meter: w.Sim, Network: w.Sim.Network("udp:" + edgeAddr), Seed: 3, Lanes: 1,
		Secret: []byte(secret), Router: e})
	if err == nil {
		err = eng.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	w.Sim.Drive(eng.Lanes()...)
	w.Sim.Drive(eng.Background())
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = eng.Shutdown(ctx)
	})
}

// A server of ours that changes the Request-URI proves what the phone wrote, and so what it signed.
// Who copies the proof to another request has none.
func TestOurOwnProxyInBetween(t *testing.T) {
	replace := func(old, new string) func(string) string {
		return func(text string) string { return strings.ReplaceAll(text, old, new) }
	}
	for _, c := range []struct {
		name, secret string
		edge         edge
		asked        string              // the Request-URI, where it is not what was signed
		change       func(string) string // of what goes on with credentials
		want         int
	}{
		{name: "relayed", secret: "ours", want: 200},
		{name: "forwarded", secret: "ours", edge: edge{forward: true}, want: 200},
		{name: "relayed after a wait", secret: "ours", edge: edge{wait: true}, want: 200},
		{name: "forwarded after a wait", secret: "ours", edge: edge{forward: true, wait: true}, want: 200},
		{name: "with another secret", secret: "theirs", want: 400},
		{name: "forwarded with another secret", secret: "theirs", edge: edge{forward: true}, want: 400},
		{name: "with a branch in capitals", secret: "ours", change: upperBranches, want: 200},
		{name: "forwarded, with a branch in capitals", secret: "ours", edge: edge{forward: true}, change: upperBranches, want: 200},
		{name: "below a stranger's Via", secret: "ours", change: func(text string) string {
			return strings.Replace(text, "\r\nVia:", "\r\nVia: SIP/2.0/UDP 10.0.0.60;branch=z9hG4bKx\r\nVia:", 1)
		}, want: 200},
		{name: "that was asked for somebody else", secret: "ours", asked: "sip:eve@elsewhere.net", want: 400},
		{name: "for another user", secret: "ours", change: replace("sip:carol@example.com SIP", "sip:dave@example.com SIP"), want: 400},
		{name: "in another call", secret: "ours", change: replace("Call-ID: ", "Call-ID: x"), want: 400},
		{name: "from another party", secret: "ours", change: replace(">;tag=1\r\nTo", ">;tag=2\r\nTo"), want: 400},
		{name: "again", secret: "ours", change: replace("CSeq: 1 ", "CSeq: 2 "), want: 400},
		{name: "with a digit changed", secret: "ours", change: func(text string) string {
			i := strings.Index(text, ".") // of the branch's suffix, after the address
			i = strings.Index(text[i:], "branch=") + i
			i = strings.Index(text[i:], ".") + i + 3
			return text[:i] + string("0123456789abcdef"[(strings.IndexByte("0123456789abcdef", text[i])+1)%16]) + text[i+1:]
		}, want: 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := world(t, `auth.configure { users = { alice = "open sesame" } }`+reply, luabindtest.Engine(func(e *engine.Config) { e.Secret = []byte("ours") }))
			newEdge(t, w, c.edge, c.secret)
			var wire *sim.Host
			wire = w.Sim.Host(wireAddr, func(p sim.Packet) {
				to, text := luabindtest.Addr, string(p.Bytes)
				switch {
				case p.From.String() == luabindtest.Addr:
					to, text = edgeAddr, strings.Replace(text, "Via: SIP/2.0/UDP 10.0.0.60;branch=z9hG4bKx\r\n", "", 1)
				case c.change != nil && strings.Contains(text, "Proxy-Authorization"):
					text = c.change(text)
				}
				wire.Send(to, []byte(text))
			})
			final := 0
			caller := w.Peer(luabindtest.Caller, func(_ *luabindtest.Peer, m *message.Message, _ sim.Packet) { final = m.Status() })
			// What the server answered: the edge may not know it for its own.
			w.Sim.Trace(func(p sim.Packet) {
				if strings.HasPrefix(string(p.Bytes), "SIP/2.0 ") && p.From.String() == luabindtest.Addr {
					_, _ = fmt.Sscanf(string(p.Bytes), "SIP/2.0 %d", &final)
				}
			})
			phone := client{method: "MESSAGE", uri: "sip:bob@elsewhere.net:5062;x=y", ruri: c.asked}.filled()
			send := func(n int, lines ...string) {
				caller.Send(edgeAddr, []byte(strings.NewReplacer("192.0.2.4:5060;branch=z9hG4bK1", luabindtest.Caller+fmt.Sprint(";branch=z9hG4bK", n),
					"Call-ID: 1", fmt.Sprint("Call-ID: ", n)).Replace(phone.text(lines...))))
				w.Run(3 * time.Second)
			}
			send(1)
			var v string
			for _, m := range caller.Got {
				if h := m.Header(message.HeaderProxyAuthenticate); h != nil {
					v = string(h)
				}
			}
			if v == "" {
				t.Fatal("not challenged")
			}
			phone.nonce, phone.opaque, phone.realm, phone.algorithm = param(v, "nonce"), param(v, "opaque"), param(v, "realm"), param(v, "algorithm")
			final = 0
			send(2, "Proxy-Authorization: "+phone.credentials())
			if final != c.want {
				t.Errorf("answered %d, want %d", final, c.want)
			}
		})
	}
}

// upperBranches writes branches in capitals: they compare without case (RFC 3261 §7.3.1).
func upperBranches(text string) string {
	lines := strings.Split(text, "\r\n")
	for i, line := range lines {
		if at := strings.Index(line, "branch=z9hG4bK"); at >= 0 {
			end := at + strings.IndexAny(line[at:]+";", ";")
			lines[i] = line[:at] + "branch=z9hG4bK" + strings.ToUpper(line[at+len("branch=z9hG4bK"):end]) + line[end:]
		}
	}
	return strings.Join(lines, "\r\n")
}
