package b2b_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

// What the scripting contract says of calls of our own and no other file holds; all of its
// sentences are in docs/conformance.md, with their tests.

// What comes within a leg's dialog, its ACK and its CANCEL are the leg's: route sees INVITEs alone.
func TestRouteSeesNothingOfLegs(t *testing.T) {
	w := newWorld(t, "function route(req)\n  sip.log.warn('routed %s', req.method)\n  local a = b2b.incoming(req)\n  local b = a:dial(bob)\n  if b then a:bridge(b) end\nend")
	first := w.calls()
	w.Reply(w.Came(w.bob, "INVITE"), 180)
	w.Answered(first, 180)
	if err := first.Cancel(nil); err != nil {
		t.Fatal(err)
	}
	w.Answered(first, 487)
	w.Reply(w.Came(w.bob, "CANCEL"), 200)
	o := w.calls()
	in := w.Came(w.bob, "INVITE")
	w.answer(in)
	w.Answered(o, 200)
	w.Came(w.bob, "ACK")
	w.Answered(o.Dialog().Send(phone.Spec{Method: "OPTIONS"}), 200)
	info := o.Dialog().Send(phone.Spec{Method: "INFO"})
	w.Reply(w.Came(w.bob, "INFO"), 200)
	w.Answered(info, 200)
	re := in.Dialog().Send(phone.Spec{Method: "INVITE", Media: own})
	w.answer(w.Came(w.alice, "INVITE"))
	w.Answered(re, 200)
	w.Answered(in.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	w.Reply(w.Came(w.alice, "BYE"), 200)
	w.over()
	if n := strings.Count(w.Log(), "routed INVITE"); n != 2 || strings.Count(w.Log(), "routed ") != n {
		t.Errorf("route saw:\n%s", w.Log())
	}
}

// What others get of the caller's INVITE is what the options of dial say, and one hop less.
func TestOptionsOfDial(t *testing.T) {
	const offer = `"v=0\r\no=- 1 1 IN IP4 10.0.9.9\r\ns=-\r\nc=IN IP4 10.0.9.9\r\nt=0 0\r\nm=audio 4444 RTP/AVP 8\r\n"`
	for _, c := range []struct {
		name, options string
		has, hasNot   []string // in bob's INVITE
	}{
		{"none", "", []string{"From: <sip:alice@example.com>;tag=", "Max-Forwards: 69\r\n"}, []string{"X-Account", "Subject", "m=audio 4444"}},
		{"copy", "{ copy = { 'x-account' } }", []string{"x-account: 7\r\n"}, []string{"Subject"}},
		{"headers", "{ headers = { ['X-Job'] = { '1', '2' } } }", []string{"X-Job: 1", "2\r\n"}, []string{"X-Account"}},
		{"from and display", `{ from = "sip:desk@example.com", display = "The Desk" }`, []string{"From: \"The Desk\" <sip:desk@example.com>;tag="}, []string{"alice@example.com"}},
		{"sdp", "{ sdp = " + offer + " }", []string{"m=audio 4444 RTP/AVP 8"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, route+"a:dial(bob"+strings.TrimRight(", "+c.options, ", ")+") end")
			o := w.alice.Invite("sip:someone@example.com", phone.Spec{Media: own, Headers: []proxy.HeaderEdit{{Name: "X-Account", Values: []string{"7"}}, {Name: "Subject", Values: []string{"hello"}}}})
			in := w.Came(w.bob, "INVITE")
			text := string(in.Msg.Original())
			for _, part := range c.has {
				if !strings.Contains(text, part) {
					t.Errorf("it has no %q:\n%s", part, text)
				}
			}
			for _, part := range append(c.hasNot, o.CallID()) {
				if strings.Contains(text, part) {
					t.Errorf("it has %q:\n%s", part, text)
				}
			}
			w.Reply(in, 486)
			w.Answered(o, 480)
			w.over()
		})
	}
}

// One target after the other, each for its time; the caller hears that the first rings.
func TestSerialDial(t *testing.T) {
	w := newWorld(t, route+"local b = a:dial({ bob, carol }, { order = 'serial', timeout = 5 }) sip.log.warn('%s', b.to) a:join(b) end")
	o := w.calls()
	w.Reply(w.Came(w.bob, "INVITE"), 180)
	w.Answered(o, 180)
	if n := w.count(w.carol, "INVITE"); n != 0 {
		t.Errorf("carol has %d INVITEs", n)
	}
	w.Reply(w.Came(w.bob, "CANCEL"), 200)
	in := w.Came(w.carol, "INVITE")
	w.answer(in)
	w.Answered(o, 200)
	in.Dialog().Send(phone.Spec{Method: "BYE"})
	w.Reply(w.Came(w.alice, "BYE"), 200)
	w.over()
	w.logged(carolURI)
}

// The fields of a leg.
func TestFieldsOfALeg(t *testing.T) {
	w := newWorld(t, `function route(req)
  local a = b2b.incoming(req, { vars = { n = 3 } })
  sip.log.warn("%s %s %s %s", b2b.leg(a.id) == a, a.state, a.peer, a.vars.n)
  sip.log.warn("remote %s", a.remote_sdp:match("m=audio %d+"))
  local b = a:dial(bob)
  a:join(b)
  sip.log.warn("%s %s %s", a.peer == b, b.peer == a, a.call_id ~= b.call_id)
  sip.log.warn("told %s", a.local_sdp == nil or a.local_sdp:match("c=IN IP4 [%d.]+"))
  sip.sleep(5)
  sip.log.warn("over %s %s %s", a.state, a.why, b.why)
end`)
	o := w.calls()
	in := w.Came(w.bob, "INVITE")
	w.answer(in)
	w.Answered(o, 200)
	w.Answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	w.Reply(w.Came(w.bob, "BYE"), 200)
	w.over()
	w.logged("true ringing nil 3", "remote m=audio ", "true true true", "told c=IN IP4 10.0.2.1", "over ended bye hang up")
}

// Scripts hear of what becomes of legs, in order.
func TestEventsOfLegs(t *testing.T) {
	w := newWorld(t, `
for _, name in ipairs { "ringing", "answered", "bridged", "moved", "ended" } do
  sip.on("b2b." .. name, function(leg, other) sip.log.warn("%s:%s", name, leg.to.user) end)
end
`+route+`local b = a:dial(bob) a:join(b) sip.sleep(1) a:transfer(carol) end`)
	o := w.calls()
	in := w.Came(w.bob, "INVITE")
	w.Reply(in, 180)
	w.answer(in)
	w.Answered(o, 200)
	w.settle()
	w.Answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	w.settle()
	w.over()
	var heard []string
	for line := range strings.Lines(w.Log()) {
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \"\n=", r) }) {
			if name, _, ok := strings.Cut(word, ":"); ok && slices.Contains([]string{"ringing", "answered", "bridged", "moved", "ended"}, name) {
				heard = append(heard, word)
			}
		}
	}
	want := []string{"ringing:bob", "ringing:someone", "answered:bob", "bridged:someone", "answered:someone", "answered:carol", "ended:bob", "bridged:someone", "moved:someone", "ended:carol", "ended:someone"}
	if !slices.Equal(heard, want) {
		t.Errorf("heard %q\nwant %q", heard, want)
	}
}

// What is offered to a script waits 5 s for somebody who answers; then it is answered with no
// media, and ended.
func TestLateOfferWaitsForABridge(t *testing.T) {
	w := newWorld(t, "sip.after(1, function() local a = b2b.originate({ target = bob }) sip.sleep(9) sip.log.warn('%s %s', a.state, a.why) end)\nfunction route(req) end")
	in := w.Came(w.bob, "INVITE")
	if len(in.Msg.Body()) > 0 {
		t.Error("the INVITE makes an offer")
	}
	w.answer(in)
	at := w.Sim.Elapsed()
	ack := w.Came(w.bob, "ACK")
	if wait := w.Sim.Elapsed() - at; wait < 4900*time.Millisecond || wait > 5200*time.Millisecond {
		t.Errorf("acknowledged after %v", wait)
	}
	if !bytes.Contains(ack.Msg.Body(), []byte("m=audio 0 ")) {
		t.Errorf("the ACK has %q", ack.Msg.Body())
	}
	w.Reply(w.Came(w.bob, "BYE"), 200)
	w.over()
	w.logged("ended ")
}

// Media lines are never fewer than before: a party that had two is told of the second as rejected
// when whom it talks to now has one.
func TestMediaLinesStay(t *testing.T) {
	const audio = "v=0\r\no=- 1 1 IN IP4 10.0.1.1\r\ns=-\r\nc=IN IP4 10.0.1.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
	const video = "m=video 5000 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"
	w := newWorld(t, route+"local b = a:dial(bob) a:bridge(b) b = a:dial(carol, { sdp = '"+strings.ReplaceAll(audio, "\r\n", `\r\n`)+"' }) a:bridge(b) end")
	says := func(r *phone.Incoming, sdp string) {
		if err := r.Reply(200, phone.Reply{Body: []byte(sdp), ContentType: "application/sdp"}); err != nil {
			t.Fatal(err)
		}
	}
	o := w.alice.Invite("sip:someone@example.com", phone.Spec{Body: []byte(audio + video)})
	in := w.Came(w.bob, "INVITE")
	says(in, audio+video)
	w.Answered(o, 200)
	w.Answered(in.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	says(w.Came(w.carol, "INVITE"), audio)
	told := 0
	for range 20 {
		w.Run(100 * time.Millisecond)
		for _, p := range []*phone.Phone{w.alice, w.carol} {
			for _, i := range p.Inbox() {
				lines := bytes.Count(i.Msg.Body(), []byte("m="))
				if p == w.alice && lines > 0 {
					if told++; lines != 2 || !bytes.Contains(i.Msg.Body(), []byte("m=video 0 ")) {
						t.Errorf("alice is told:\n%s", i.Msg.Body())
					}
				}
				switch {
				case i.Method() != "INVITE" || i.Answered() != 0:
				case p == w.carol && lines < 2:
					says(i, audio)
				case lines == 0:
					says(i, audio+video)
				default:
					says(i, audio+"m=video 0 RTP/AVP 96\r\n")
				}
			}
		}
	}
	if told == 0 {
		t.Error("alice was told nothing")
	}
	w.m.EndCalls()
	w.settle()
	w.over()
}

// Parties that agree on no media are joined no longer, and neither has ended.
func TestBridgeWithoutMedia(t *testing.T) {
	w := newWorld(t, route+`local b = a:dial(bob) a:bridge(b) local c = a:dial(carol)
  local x, why = a:bridge(c) sip.log.warn("%s %s %s %s", x, why, a.state, c.state) end`)
	o := w.calls()
	in := w.Came(w.bob, "INVITE")
	w.answer(in)
	w.Answered(o, 200)
	w.Answered(in.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	w.answer(w.Came(w.carol, "INVITE"))
	w.Reply(w.Came(w.alice, "INVITE"), 488)
	w.settle()
	w.over()
	w.logged("nil media answered answered")
}

// A refusal that is passed keeps its code and reason, Retry-After and Warning; a challenge and a
// redirection are not the caller's.
func TestRejectPasses(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to int
	}{{"busy", 486, 486}, {"a challenge", 401, 503}, {"of a proxy", 407, 503}, {"a redirection", 302, 480}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, route+"local b, res = a:dial(bob) a:reject(res) end")
			o := w.calls()
			w.Reply(w.Came(w.bob, "INVITE"), c.from, proxy.HeaderEdit{Name: "Retry-After", Values: []string{"7"}}, proxy.HeaderEdit{Name: "Warning", Values: []string{`399 x "why"`}},
				proxy.HeaderEdit{Name: "WWW-Authenticate", Values: []string{`Digest realm="theirs", nonce="1"`}}, proxy.HeaderEdit{Name: "Contact", Values: []string{"<sip:x@10.0.9.9>"}})
			res := w.Answered(o, c.to)
			passed := c.from == c.to
			if got := string(res.HeaderName("Retry-After")) == "7" && string(res.HeaderName("Warning")) == `399 x "why"`; got != passed {
				t.Errorf("Retry-After and Warning are passed: %v", got)
			}
			if res.HeaderName("WWW-Authenticate") != nil || res.Header(message.HeaderContact) != nil && !passed {
				t.Error("it has what is not the caller's")
			}
			w.over()
		})
	}
}

// A bridge that waits keeps its generation of the script, and a metric tells.
func TestBridgeKeepsItsGeneration(t *testing.T) {
	w := newWorld(t, route+"local b = a:dial(bob) a:bridge(b) end")
	generations := func() float64 {
		for _, m := range w.Router.Metrics() {
			if m.Name == "script_generations" {
				return m.Value()
			}
		}
		return -1
	}
	o := w.calls()
	w.answer(w.Came(w.bob, "INVITE"))
	w.Answered(o, 200)
	if err := w.Router.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := generations(); n != 2 {
		t.Errorf("%v generations while it waits", n)
	}
	w.Answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	w.Reply(w.Came(w.bob, "BYE"), 200)
	w.over()
}

// The headers of the caller's INVITE are there until it was answered, in any case and as lists.
func TestHeadersOfALeg(t *testing.T) {
	w := newWorld(t, route+`
  local one, all = a:header("SUBJECT"), a:headers("diversion")
  local b = a:dial(bob)
  sip.log.warn("%s, %s; %s %d; %s %d; %s", one, table.concat(all, " | "), a:header("Subject"), #a:headers("Diversion"), b:header("Subject"), #b:headers("From"), a:header("X-None"))
  a:join(b)
  sip.sleep(1)
  sip.log.warn("then %s %d", a:header("Subject"), #a:headers("Diversion"))
end`)
	o := w.alice.Invite("sip:someone@example.com", phone.Spec{Media: own, Headers: []proxy.HeaderEdit{
		{Name: "Subject", Values: []string{"sales"}}, {Name: "Diversion", Values: []string{"<sip:a@example.com>, <sip:b@example.com>;reason=busy", "<sip:c@example.com>"}}}})
	w.answer(w.Came(w.bob, "INVITE"))
	w.Answered(o, 200)
	w.Run(2 * time.Second)
	want := "sales, <sip:a@example.com> | <sip:b@example.com>;reason=busy | <sip:c@example.com>; sales 3; nil 0; nil"
	if !strings.Contains(w.Log(), want) || !strings.Contains(w.Log(), "then nil 0") {
		t.Errorf("want %q, and nothing then", want)
	}
}
