//go:build unix

package b2b_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/internal/rtpenginetest"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/b2b"
	"github.com/sipscript/sipscript/modules/rtpengine"
)

// daemons is what stands for them, or nil.
type daemons func(uri string, command map[string]any) (map[string]any, error)

// mediaWorld has the module rtpengine beside b2b.
func mediaWorld(t *testing.T, uri string, fake daemons, script string) *world {
	t.Helper()
	return mediaWorldOn(t, uri, fake, script, 1)
}

// mediaWorldOn has some lanes.
func mediaWorldOn(t *testing.T, uri string, fake daemons, script string, lanes int) *world {
	t.Helper()
	p := rtpengine.New(rtpengine.Options{Log: slog.New(slog.DiscardHandler), Exchange: fake})
	t.Cleanup(func() { _ = p.Close() })
	m := b2b.NewWith(b2b.Options{Media: func() *rtpengine.RTPEngine { return p }})
	text := fmt.Sprintf("local b2b, rtpengine = require 'b2b', require 'rtpengine'\nlocal bob, carol = 'sip:bob@10.0.2.1:5060', 'sip:carol@10.0.3.1:5060'\n"+
		"rtpengine.configure{ engines = { %q }, timeout = 5 }\n%s", uri, script)
	w := luabindtest.New(t, text, luabindtest.Modules(m, p), luabindtest.Lanes(lanes))
	w.Ladder()
	return &world{World: w, m: m, alice: w.Phone("alice", "10.0.1.1"), bob: w.Phone("bob", "10.0.2.1"), carol: w.Phone("carol", "10.0.3.1")}
}

var ports = regexp.MustCompile(`m=audio (\d+) `)

// mediaPort is where a message says that media may go.
func mediaPort(t *testing.T, m *message.Message) int {
	t.Helper()
	found := ports.FindSubmatch(m.Body())
	if found == nil {
		t.Fatalf("no media in %q", m.Body())
	}
	n, _ := strconv.Atoi(string(found[1]))
	return n
}

// sound is a socket for media, and its description.
func sound(t *testing.T) (net.PacketConn, phone.Media) {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, phone.Media{Own: true, Address: "127.0.0.1", Port: c.LocalAddr().(*net.UDPAddr).Port}
}

// talk sends media both ways until it has arrived.
func talk(t *testing.T, a, b net.PacketConn, aTo, bTo int) {
	t.Helper()
	var heard [2]bool
	for n := byte(0); n < 200 && heard != [2]bool{true, true}; n++ {
		packet := append([]byte{0x80, 0, 0, n, 0, 0, 0, n, 1, 2, 3, n}, make([]byte, 160)...)
		_, _ = a.WriteTo(packet, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: aTo})
		_, _ = b.WriteTo(packet, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: bTo})
		for i, c := range []net.PacketConn{a, b} {
			_ = c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
			if size, _, err := c.ReadFrom(make([]byte, 2000)); err == nil && size == len(packet) {
				heard[i] = true
			}
		}
	}
	if heard != [2]bool{true, true} {
		t.Errorf("media arrived at the caller and at who is called: %v", heard)
	}
}

// Media of two legs pass a real daemon, before the answer and after it, when a party goes on at
// another port, and the daemon forgets the call at its end.
func TestMediaOfLegs(t *testing.T) {
	d := rtpenginetest.Start(t)
	w := mediaWorld(t, d.UDP, nil, `function route(req)
  local a = b2b.incoming(req, { media = "rtpengine" })
  local b, res = a:dial(bob)
  if not b then return a:reject(res) end
  sip.spawn(function()
    sip.sleep(2)
    local q = assert(rtpengine.query(a))
    sip.log.warn("the daemon knows %d tags", (function() local n = 0 for _ in pairs(q.tags) do n = n + 1 end return n end)())
  end)
  local _, why = a:bridge(b)
  b:hang_up()
  sip.sleep(2)
  local q, err = rtpengine.query(a)
  sip.log.warn("after %s: %s", why, err)
end`)
	a, aSays := sound(t)
	b, bSays := sound(t)
	o := w.alice.Invite("sip:someone@example.com", phone.Spec{Media: aSays})
	in := w.Came(w.bob, "INVITE")
	if err := in.Reply(183, phone.Reply{Media: bSays}); err != nil {
		t.Fatal(err)
	}
	bTo, aTo := mediaPort(t, in.Msg), mediaPort(t, w.Answered(o, 183))
	talk(t, a, b, aTo, bTo)
	if err := in.Reply(200, phone.Reply{Media: bSays}); err != nil {
		t.Fatal(err)
	}
	if again := mediaPort(t, w.Answered(o, 200)); again != aTo {
		t.Errorf("port %d in the 200, %d in the 183", again, aTo)
	}
	w.Run(3 * time.Second)

	a2, aSays := sound(t)
	re := o.Dialog().Send(phone.Spec{Method: "INVITE", Media: aSays})
	again := w.Came(w.bob, "INVITE")
	if err := again.Reply(200, phone.Reply{Media: bSays}); err != nil {
		t.Fatal(err)
	}
	talk(t, a2, b, mediaPort(t, w.Answered(re, 200)), mediaPort(t, again.Msg))

	o.Dialog().Send(phone.Spec{Method: "BYE"})
	w.Reply(w.Came(w.bob, "BYE"), 200)
	w.over()
	for _, want := range []string{"the daemon knows 2 tags", "after bye: rtpengine: Unknown call"} {
		if !strings.Contains(w.Log(), want) {
			t.Errorf("the log has no %q:\n%s", want, w.Log())
		}
	}
}

// What daemons are asked, and what a script gets when they can't.
func TestMediaOption(t *testing.T) {
	const body = `function route(req)
  local a = b2b.incoming(req, { media = %s })
  local b, res = a:dial(bob, { media = %s })
  if not b then
    sip.log.warn("dial: %%s %%s", res.code, res.cause)
    return a:reject(res)
  end
  local over, why = a:bridge(b)
  sip.log.warn("bridge: %%s %%s", over, why)
end`
	for _, c := range []struct {
		name, incoming, dial string
		fails                string // the command that does
		log                  string
		code                 int
		asked                []string
	}{
		{"off", `"pass"`, `"pass"`, "", "", 200, nil},
		{"by the caller's leg", `"rtpengine"`, `nil`, "", "", 200, []string{"offer RTP/AVP", "answer <nil>"}},
		{"by the far leg", `nil`, `"rtpengine"`, "", "", 200, []string{"offer RTP/AVP", "answer <nil>"}},
		{"options of a side", `{ codec = { strip = "opus" } }`, `{ transport = "RTP/SAVP", ice = "remove" }`, "", "", 200, []string{"offer RTP/SAVP", "answer <nil>"}},
		{"a set that is empty", `{ set = "none" }`, `nil`, "", "dial: 503 media", 503, nil},
		{"no offer", `"rtpengine"`, `nil`, "offer", "dial: 503 media", 503, []string{"offer RTP/AVP"}},
		{"no answer", `"rtpengine"`, `nil`, "answer", "bridge: nil media", 480, []string{"offer RTP/AVP", "answer <nil>"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var asked []string
			w := mediaWorld(t, "udp:192.0.2.9:2223", func(_ string, command map[string]any) (map[string]any, error) {
				name := fmt.Sprint(command["command"])
				if name != "offer" && name != "answer" {
					return map[string]any{"result": "ok"}, nil
				}
				asked = append(asked, fmt.Sprint(name, " ", command["transport-protocol"]))
				if name == c.fails {
					return nil, errors.New("no more ports")
				}
				return map[string]any{"result": "ok", "sdp": command["sdp"]}, nil
			}, fmt.Sprintf(body, c.incoming, c.dial))
			o := w.calls()
			if c.fails != "offer" && c.code != 503 {
				w.answer(w.Came(w.bob, "INVITE"))
			}
			w.Answered(o, c.code)
			switch {
			case c.code == 200:
				o.Dialog().Send(phone.Spec{Method: "BYE"})
				w.Reply(w.Came(w.bob, "BYE"), 200)
			case c.fails == "answer":
				w.Reply(w.Came(w.bob, "BYE"), 200)
			}
			w.over()
			if fmt.Sprint(asked) != fmt.Sprint(c.asked) {
				t.Errorf("asked %v, not %v", asked, c.asked)
			}
			if !strings.Contains(w.Log(), c.log) {
				t.Errorf("the log has no %q:\n%s", c.log, w.Log())
			}
		})
	}
}

// The option is read strictly.
func TestMediaOptionIsChecked(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"another text", `"rtp"`, `option media must be "pass", "rtpengine" or a table`},
		{"a value that is none", `{ ice = "no" }`, "ice = no, which must be one of remove, force, optional"},
		{"an unknown option", `{ icy = "remove" }`, `unknown option "icy"`},
		{"no list", `{ codec = { strip = 7 } }`, "codec.strip = 7, which must be a list of strings"},
		{"an unknown option within", `{ codec = { drop = "x" } }`, `unknown option "codec.drop"`},
		{"no truth value", `{ record = "yes" }`, "record = yes, which must be true or false"},
		{"a number", `7`, "option media must be"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := mediaWorld(t, "udp:192.0.2.9:2223", func(string, map[string]any) (map[string]any, error) { return nil, nil }, "function route(req) b2b.incoming(req, { media = "+c.text+" }) end")
			w.Answered(w.calls(), 500)
			w.over()
			if !strings.Contains(strings.ReplaceAll(w.Log(), `\"`, `"`), c.want) {
				t.Errorf("the log has no %q:\n%s", c.want, w.Log())
			}
		})
	}
}

// A leg whose media pass rtpengine comes to another lane, and so do those that it talks to.
func TestRelayedLegsOfTwoLanes(t *testing.T) {
	asked := map[string]int{}
	var mu sync.Mutex
	w := mediaWorldOn(t, "udp:10.0.9.9:2223", func(_ string, d map[string]any) (map[string]any, error) {
		mu.Lock()
		defer mu.Unlock()
		command, _ := d["command"].(string)
		asked[command]++
		answer := map[string]any{"result": "ok"}
		if text, ok := d["sdp"].(string); ok {
			answer["sdp"] = strings.Replace(text, "c=IN IP4 10.0.", "c=IN IP4 10.9.", 1)
		}
		return answer, nil
	}, strings.Replace(meets(`  sip.log.warn("joined %s", a:join(b))`), "max_duration = 900", `media = "rtpengine"`, 1), 4)
	alice, carol := w.meet()
	w.Answered(carol, 200)
	w.settle()
	w.logged("joined true")
	for _, p := range []*phone.Phone{w.alice, w.carol} {
		var last string
		for _, i := range p.Inbox() {
			if i.Method() == "INVITE" {
				last = string(i.Msg.Body())
			}
		}
		if p == w.carol {
			last += string(carol.Final().Body())
		}
		if !strings.Contains(last, "c=IN IP4 10.9.") {
			t.Errorf("%s was told %q", p.Name(), last)
		}
	}
	x := alice.Dialog().Send(phone.Spec{Method: "INVITE", Media: own})
	w.settle()
	w.Answered(x, 200)
	w.Answered(carol.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	w.settle()
	w.over()
	if asked["offer"] < 3 || asked["answer"] < 3 {
		t.Errorf("the daemon was asked for %v", asked)
	}
}
