package engine_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transport"
)

// What happens to a request while the name of its next hop is being looked up.

// resolver answers from a table, some time later.
type resolver struct {
	w     *sim.World
	delay time.Duration
	hosts map[string]string // "udp:10.0.0.3:5060 …"
}

func names(w *sim.World, delay time.Duration, hosts map[string]string) *resolver {
	return &resolver{w, delay, hosts}
}

func (r *resolver) Resolve(l *lane.Lane, hop *proxy.NextHop, done func([]transport.Peer, error)) {
	var peers []transport.Peer
	for _, text := range strings.Fields(r.hosts[hop.Host]) {
		kind, addr, _ := strings.Cut(text, ":")
		k, _ := transport.ParseKind([]byte(kind))
		peers = append(peers, transport.Peer{Kind: k, Addr: netip.MustParseAddrPort(addr)})
	}
	var err error
	if peers == nil {
		err = fmt.Errorf("no such host: %s", hop.Host)
	}
	if r.delay == 0 {
		done(peers, err)
		return
	}
	r.w.After(r.delay, func() { l.Run(lane.Func(func(*lane.Lane) { done(peers, err) }), nil) })
}

func slowNames(delay time.Duration) func(*engine.Config, *sim.World) {
	return func(c *engine.Config, w *sim.World) {
		c.Resolver = names(w, delay, map[string]string{"bob.example": "udp:10.0.0.3:5060", "carol.example": "udp:10.0.0.4:5060"})
	}
}

// The caller's CANCEL ends a branch that is still looking for its way: nothing is sent, and 487
// doesn't wait for the resolver.
func TestCancelWhileResolving(t *testing.T) {
	b := newBenchWith(t, 1, relayTo(to("sip:b@bob.example"), nil), slowNames(8*time.Second))
	bob := b.phone("10.0.0.3:5060")
	c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
	c.send("INVITE")
	c.ph.expect("100")
	c.send("CANCEL")
	r := c.ph.expect("487")
	if r.at > 2*time.Second {
		t.Errorf("487 after %v", r.at)
	}
	c.ack(r)
	b.quiet()
	if len(bob.got) != 0 {
		t.Errorf("bob got %v", bob.lines())
	}
}

// A target's times run while its name is looked up.
func TestTimeoutWhileResolving(t *testing.T) {
	o := &engine.ForkOptions{Order: engine.Serial, Defaults: engine.Target{ReplyTimeout: 2 * time.Second}}
	b := newBenchWith(t, 1, relayTo(to("sip:b@bob.example", "sip:c@10.0.0.4:5060"), o), slowNames(20*time.Second))
	bob, carol := b.phone("10.0.0.3:5060"), b.phone("10.0.0.4:5060")
	c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
	c.send("INVITE")
	ic := carol.expect("INVITE")
	if ic.at > 3*time.Second {
		t.Errorf("carol was tried after %v", ic.at)
	}
	carol.reply(ic, 486, "")
	c.ack(c.ph.expect("486"))
	b.quiet()
	if len(bob.got) != 0 {
		t.Errorf("bob got %v", bob.lines())
	}
}

// An answer on another branch ends one that is still looking for its way.
func TestSuccessWhileAnotherBranchResolves(t *testing.T) {
	b := newBenchWith(t, 1, relayTo(to("sip:b@bob.example", "sip:c@10.0.0.4:5060"), nil), slowNames(5*time.Second))
	bob, carol := b.phone("10.0.0.3:5060"), b.phone("10.0.0.4:5060")
	c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
	c.send("INVITE")
	carol.reply(carol.expect("INVITE"), 200, "Contact: <sip:c@10.0.0.4>\r\n")
	c.ph.expect("200")
	b.w.Run(time.Second)
	if n := b.eng.Stats().InProgress; n != 0 {
		t.Errorf("%d in progress", n)
	}
	b.quiet()
	if len(bob.got) != 0 {
		t.Errorf("bob got %v", bob.lines())
	}
}

func TestNameThatDoesNotResolve(t *testing.T) {
	b := newBenchWith(t, 1, relayTo(to("sip:b@nowhere.example"), nil), slowNames(time.Second))
	c := b.phone("10.0.0.2:5060").call("c1", "sip:bob@example.com")
	c.send("INVITE")
	c.ack(c.ph.expect("500"))
	b.quiet()
}

// An ACK has no transaction, and goes on all the same when its next hop is a name that must be
// looked up first; more ACKs come meanwhile.
func TestAckWhileResolving(t *testing.T) {
	b := newBenchWith(t, 1, func(r *engine.Request) error {
		_ = r.RecordRoute()
		var targets []*engine.Target
		if !r.InDialog() {
			targets = to("sip:bob@10.0.0.3:5060")
		}
		_, err := r.Relay(targets, nil)
		return err
	}, slowNames(time.Second))
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	var calls []*call
	for _, id := range []string{"c1", "c2"} {
		c := alice.call(id, "sip:bob@example.com")
		c.send("INVITE")
		inv := bob.expect("INVITE")
		bob.reply(inv, 200, "Contact: <sip:bob@bob.example>\r\n")
		ok := alice.expect("200")
		c.extra = callersRoutes(ok.msg)
		c.toTag, c.branch, c.uri = string(ok.msg.ToTag()), 1, "sip:bob@bob.example"
		calls = append(calls, c)
	}
	for _, c := range calls {
		c.send("ACK")
	}
	for _, c := range calls {
		if got := string(bob.expect("ACK").msg.CallID()); !strings.HasPrefix(got, c.id) {
			t.Errorf("the ACK of %s came where that of %s was due", got, c.id)
		}
	}
	b.quiet()
}

// sooner answers each question earlier than the one before it.
type sooner struct {
	*resolver
	asked time.Duration
}

func (r *sooner) Resolve(l *lane.Lane, hop *proxy.NextHop, done func([]transport.Peer, error)) {
	next := *r.resolver
	next.delay = max(0, 300*time.Millisecond-r.asked)
	r.asked += 150 * time.Millisecond
	next.Resolve(l, hop, done)
}

// A CANCEL that is forwarded does not overtake its INVITE, whose next hop is still being looked up:
// its callee would answer 481, and ring on.
func TestForwardedCancelWaitsForItsInvite(t *testing.T) {
	b := newBenchWith(t, 1, func(r *engine.Request) error {
		_, err := r.Forward(&engine.Target{URI: "sip:bob@bob.example"})
		return err
	}, func(c *engine.Config, w *sim.World) {
		c.Resolver = &sooner{resolver: names(w, 0, map[string]string{"bob.example": "udp:10.0.0.3:5060"})}
	})
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c := alice.call("c1", "sip:bob@example.com")
	for _, method := range []string{"INVITE", "INVITE", "CANCEL"} {
		c.send(method)
	}
	for _, method := range []string{"INVITE", "INVITE", "CANCEL"} {
		if r := bob.expect(""); r.msg.Method().String() != method {
			t.Errorf("%s came where %s was due", r.msg.Method(), method)
		}
	}
	b.quiet()
}

// A request whose router waited is relayed where it would have been forwarded: its client may have
// been told to wait and sends nothing again, so we do. Copies have the branch that a forwarded one
// has.
func TestForwardAfterAWait(t *testing.T) {
	wait := 300 * time.Millisecond
	b := newBench(t, 1, func(r *engine.Request) error {
		if err := r.Sleep(wait); err != nil {
			return nil
		}
		_, err := r.Forward(&engine.Target{URI: "sip:bob@10.0.0.3:5060"})
		return err
	})
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	alice.expect("100")
	first := bob.expect("INVITE")
	again := bob.expect("INVITE") // which nobody else would send
	one, _ := first.msg.TopVia()
	two, _ := again.msg.TopVia()
	if string(one.Branch()) != string(two.Branch()) || !strings.HasPrefix(string(one.Branch()), "z9hG4bK-") {
		t.Errorf("branches %s and %s", one.Branch(), two.Branch())
	}
	bob.reply(again, 180, "")
	alice.expect("180")
	c.send("CANCEL")
	alice.expect("200")
	cancel := bob.expect("CANCEL")
	bob.reply(cancel, 200, "")
	bob.reply(first, 487, "")
	bob.expect("ACK")
	c.ack(alice.expect("487"))
	b.quiet()
}
