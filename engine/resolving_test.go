package engine_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
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

// The caller's CANCEL ends a branch that is still looking for its way: nothing is sent, and 487 doesn't wait for the resolver.
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
	o := &engine.Options{Order: engine.Serial, Defaults: engine.Target{ReplyTimeout: 2 * time.Second}}
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

// An ACK has no transaction, and goes on all the same when its next hop is a name that must be looked up first; more ACKs come meanwhile.
func TestAckWhileResolving(t *testing.T) {
	b := newBenchWith(t, 1, func(r *engine.Request) error {
		_ = r.RecordRoute("")
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
		c.extra = "Route: " + string(inv.msg.Header(message.HeaderRecordRoute)) + "\r\n"
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
