package engine_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transport"
)

// keeper is a Guard that writes down what it is told.
type keeper struct {
	room   bool
	inside int
	notes  []string
}

func (k *keeper) Enter(call bool) bool {
	k.notes = append(k.notes, fmt.Sprintf("enter %v", call))
	if k.room && call {
		k.inside++
	}
	return k.room
}

func (k *keeper) Outcome(o *engine.Outcome) {
	text := fmt.Sprintf("%d %s", o.Code, o.Cause)
	if o.Err != nil {
		text += " error"
	}
	if o.Early {
		text += " early"
	}
	if o.Cancelled {
		text += " cancelled"
	}
	k.notes = append(k.notes, strings.Join(strings.Fields(text), " "))
}

func (k *keeper) Exit() { k.inside--; k.notes = append(k.notes, "exit") }

func (k *keeper) told() string { return strings.Join(k.notes, ", ") }

// A guard learns what becomes of each request, once, and when the call that it let in has ended,
// whatever ended it.
func TestGuard(t *testing.T) {
	within := func(c *call, ph *handset, res *received, method string) {
		c.toTag, c.extra = string(res.msg.ToTag()), callersRoutes(res.msg)
		c.uri, c.branch, c.cseq = "sip:b@"+ph.Addr().String(), c.branch+1, c.cseq+1
		c.send(method)
	}
	answered := func(c *call, bob *handset) *received {
		bob.reply(bob.expect("INVITE"), 200, "Contact: <sip:b@10.0.0.3:5060>\r\n")
		return c.ph.expect("200")
	}
	for _, tt := range []struct {
		name, method string
		full, gone   bool
		record       bool
		reply        time.Duration
		play         func(c *call, bob *handset)
		want         string
	}{
		{name: "full", full: true, want: "enter true"},
		{name: "refused", play: func(_ *call, bob *handset) { bob.reply(bob.expect("INVITE"), 486, "") }, want: "enter true, 486, exit"},
		{name: "refused after ringing", play: func(_ *call, bob *handset) {
			inv := bob.expect("INVITE")
			bob.reply(inv, 180, "")
			bob.reply(inv, 486, "")
		}, want: "enter true, 486 early, exit"},
		{name: "after 100 alone", play: func(_ *call, bob *handset) {
			inv := bob.expect("INVITE")
			bob.reply(inv, 100, "")
			bob.reply(inv, 503, "")
		}, want: "enter true, 503, exit"},
		{name: "silent", reply: time.Second, want: "enter true, 408 timeout, exit"},
		{name: "unreachable", gone: true, want: "enter true, 503 unreachable error, exit"},
		{name: "cancelled", play: func(c *call, bob *handset) {
			inv := bob.expect("INVITE")
			bob.reply(inv, 180, "")
			c.ph.expect("180")
			c.send("CANCEL")
			bob.reply(bob.expect("CANCEL"), 200, "")
			bob.reply(inv, 487, "")
		}, want: "enter true, 487 early cancelled, exit"},
		{name: "no call", method: "MESSAGE", play: func(_ *call, bob *handset) { bob.reply(bob.expect("MESSAGE"), 200, "") }, want: "enter false, 200"},
		{name: "answered, but not record-routed", play: func(c *call, bob *handset) { answered(c, bob) }, want: "enter true, 200, exit"},
		{name: "in progress", record: true, play: func(c *call, bob *handset) { answered(c, bob) }, want: "enter true, 200"},
		{name: "hung up", record: true, play: func(c *call, bob *handset) {
			within(c, bob, answered(c, bob), "BYE")
			bob.reply(bob.expect("BYE"), 200, "")
			c.ph.expect("200")
		}, want: "enter true, 200, exit"},
		{name: "hung up in vain", record: true, play: func(c *call, bob *handset) {
			within(c, bob, answered(c, bob), "BYE")
			bob.reply(bob.expect("BYE"), 407, "")
			c.ph.expect("407")
		}, want: "enter true, 200"},
		{name: "found to be gone", record: true, play: func(c *call, bob *handset) {
			within(c, bob, answered(c, bob), "INFO")
			bob.reply(bob.expect("INFO"), 481, "")
			c.ph.expect("481")
		}, want: "enter true, 200, exit"},
		{name: "not by a stranger", record: true, play: func(c *call, bob *handset) {
			res := answered(c, bob)
			c.toTag, c.extra = string(res.msg.ToTag()), "Route: <sip:10.0.0.1;lr>\r\n"
			c.branch, c.cseq = 2, 2
			c.send("BYE")
			c.ph.expect("481")
		}, want: "enter true, 200"},
		{name: "the end never came", record: true, play: func(c *call, bob *handset) {
			answered(c, bob)
			c.ph.b.w.Run(25 * time.Hour)
		}, want: "enter true, 200, exit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := &keeper{room: !tt.full}
			target := &engine.Target{NextHop: "sip:10.0.0.3:5060", Gateway: &engine.Gateway{Guard: k}, ReplyTimeout: tt.reply}
			if tt.gone {
				target.NextHop += ";transport=tcp"
			}
			var causes []string
			b := newBenchWith(t, 1, func(r *engine.Request) error {
				if r.InDialog() && r.RouteUser() == nil {
					_, err := r.Relay(nil, nil)
					return err
				}
				if tt.record {
					if err := r.RecordRoute(); err != nil {
						return err
					}
				}
				_, err := r.Relay([]*engine.Target{target}, &engine.ForkOptions{OnFailure: func(res *engine.Response) { causes = append(causes, res.Cause()) }})
				return err
			}, func(c *engine.Config, _ *sim.World) { c.RouteLifetime = 24 * time.Hour })
			alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
			if tt.gone {
				bob.Remove()
			}
			c := alice.call("c1", "sip:b@example.com")
			method := tt.method
			if method == "" {
				method = "INVITE"
			}
			c.send(method)
			if tt.play != nil {
				tt.play(c, bob)
			}
			b.w.Run(time.Minute)
			if got := k.told(); got != tt.want {
				t.Errorf("told %q, want %q", got, tt.want)
			}
			if tt.full && (len(causes) != 1 || causes[0] != "full") {
				t.Errorf("causes %q", causes)
			}
		})
	}
}

// A call to a target that counts calls must be record-routed: otherwise its end would not be seen.
func TestCountedTargets(t *testing.T) {
	for name, relay := range map[string]func(*engine.Request, *engine.Target) error{
		"relay": func(r *engine.Request, t *engine.Target) error {
			_, err := r.Relay([]*engine.Target{t}, nil)
			return err
		},
		"fork": func(r *engine.Request, t *engine.Target) error {
			_, err := r.Fork([]*engine.Target{t}, nil)
			return err
		},
		"forward": func(r *engine.Request, t *engine.Target) error { _, err := r.Forward(t); return err },
	} {
		t.Run(name, func(t *testing.T) {
			var got error
			b := newBench(t, 1, func(r *engine.Request) error {
				got = relay(r, &engine.Target{NextHop: "sip:10.0.0.3:5060", Gateway: &engine.Gateway{Guard: &keeper{}, Counted: true}})
				_, err := r.Reply(403, "", nil)
				return err
			})
			alice := b.phone("10.0.0.2:5060")
			alice.call("c1", "sip:b@example.com").send("INVITE")
			alice.expect("403")
			if got == nil || !strings.Contains(got.Error(), "after req:record_route()") {
				t.Errorf("%v", got)
			}
		})
	}
}

// A list with a rule is tried by it; options override it.
func TestRule(t *testing.T) {
	rule := &engine.Rule{Order: engine.Serial, Failover: func(res *engine.Response) bool { return res.Code() == 503 || res.Cause() != "" && !res.Early() }}
	for _, tt := range []struct {
		name    string
		o       *engine.ForkOptions
		answers [2]int
		want    string // who got an INVITE before the answer
	}{
		{"serial", nil, [2]int{503, 486}, "bob carol"},
		{"not after another answer", nil, [2]int{486, 486}, "bob"},
		{"options without an order", &engine.ForkOptions{FollowRedirects: true}, [2]int{404, 486}, "bob"},
		{"other failures", &engine.ForkOptions{Failover: func(*engine.Response) bool { return true }}, [2]int{404, 486}, "bob carol"},
		{"all at once", &engine.ForkOptions{Ordered: true}, [2]int{486, 486}, "bob carol"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			targets := []*engine.Target{{NextHop: "sip:10.0.0.3:5060", Gateway: &engine.Gateway{Rule: rule}}, {NextHop: "sip:10.0.0.4:5060", Gateway: &engine.Gateway{Rule: rule}}}
			b := newBench(t, 1, func(r *engine.Request) error { _, err := r.Relay(targets, tt.o); return err })
			alice, bob, carol := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060"), b.phone("10.0.0.4:5060")
			var asked []string
			for i, ph := range []*handset{bob, carol} {
				name := []string{"bob", "carol"}[i]
				ph.on = func(m *message.Message, p sim.Packet) {
					if m.Method() == message.MethodInvite && m.IsRequest() {
						asked = append(asked, name)
						ph.reply(&received{msg: m, p: p}, tt.answers[i], "")
					}
				}
			}
			alice.call("c1", "sip:b@example.com").send("INVITE")
			alice.expect("4")
			if got := strings.Join(asked, " "); got != tt.want {
				t.Errorf("asked %q, want %q", got, tt.want)
			}
		})
	}
}

// Where a target leads that has an address of its name, and what its host does to the Request-URI.
func TestPeerAndHost(t *testing.T) {
	peer := &transport.Peer{Kind: transport.UDP, Addr: netip.MustParseAddrPort("10.0.0.3:5060")}
	for _, tt := range []struct{ name, uri, host, want string }{
		{"untouched", "sip:+4930100@example.com;user=phone", "", "sip:+4930100@example.com;user=phone"},
		{"host", "sip:+4930100@example.com;user=phone", "gw.example.net", "sip:+4930100@gw.example.net;user=phone"},
		{"host and port", "sip:b@example.com:5090", "192.0.2.1:5070", "sip:b@192.0.2.1:5070"},
		{"no user", "sip:example.com", "gw.example.net", "sip:gw.example.net"},
		{"an @ in the user", "sip:a%40b:pw@example.com", "gw.example.net", "sip:a%40b:pw@gw.example.net"},
		{"maddr goes", "sip:b@example.com;maddr=10.0.0.9;x=y", "gw.example.net", "sip:b@gw.example.net;x=y"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, 1, func(r *engine.Request) error {
				_, err := r.Relay([]*engine.Target{{NextHop: "sip:gw.example.net", Gateway: &engine.Gateway{Peer: peer, Host: tt.host}}}, nil)
				return err
			})
			alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
			alice.call("c1", tt.uri).send("MESSAGE")
			if got := string(bob.expect("MESSAGE").msg.RequestURI()); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
	for _, bad := range []string{"a b", "x@y", "h;p", "h:port", ""} {
		t.Run("bad "+bad, func(t *testing.T) {
			if err := (&engine.Target{NextHop: "sip:h", Gateway: &engine.Gateway{Host: bad}}).Check(); (err == nil) != (bad == "") {
				t.Errorf("%v", err)
			}
		})
	}
}
