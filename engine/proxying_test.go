package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transport"
)

func relayTo(ts []*engine.Target, o *engine.ForkOptions) routerFunc {
	return func(r *engine.Request) error { _, err := r.Relay(ts, o); return err }
}

// trio is a caller and two callees on one engine.
func trio(t *testing.T, route routerFunc) (b *bench, c *call, bob, carol *handset) {
	b = newBench(t, 1, route)
	alice := b.phone("10.0.0.2:5060")
	return b, alice.call("c1", "sip:bob@example.com"), b.phone("10.0.0.3:5060"), b.phone("10.0.0.4:5060")
}

var bobAndCarol = to("sip:b@10.0.0.3:5060", "sip:c@10.0.0.4:5060")

func TestSerialOrderAndFailover(t *testing.T) {
	b, c, bob, carol := trio(t, relayTo(bobAndCarol, &engine.ForkOptions{Order: engine.Serial}))
	c.send("INVITE")
	bob.reply(bob.expect("INVITE"), 486, "")
	bob.expect("ACK")
	carol.reply(carol.expect("INVITE"), 404, "")
	c.ack(c.ph.expect("486")) // of equal rank the first stays
	b.quiet()
}

func TestSixHundredStopsTheSerialOrder(t *testing.T) {
	b, c, bob, carol := trio(t, relayTo(bobAndCarol, &engine.ForkOptions{Order: engine.Serial}))
	c.send("INVITE")
	bob.reply(bob.expect("INVITE"), 603, "")
	c.ack(c.ph.expect("603"))
	b.quiet()
	if len(carol.got) != 0 {
		t.Errorf("carol got %v", carol.lines())
	}
}

func TestSixHundredCancelsTheRest(t *testing.T) {
	b, c, bob, carol := trio(t, relayTo(bobAndCarol, nil))
	c.send("INVITE")
	ic := carol.expect("INVITE")
	carol.reply(ic, 180, "")
	bob.reply(bob.expect("INVITE"), 600, "")
	carol.reply(carol.expect("CANCEL"), 200, "")
	carol.reply(ic, 487, "")
	c.ack(c.ph.expect("600"))
	b.quiet()
}

func TestFailoverDecides(t *testing.T) {
	b, c, bob, carol := trio(t, relayTo(bobAndCarol, &engine.ForkOptions{Order: engine.Serial, Failover: func(r *engine.Response) bool { return r.Code() != 486 }}))
	c.send("INVITE")
	bob.reply(bob.expect("INVITE"), 486, "")
	c.ack(c.ph.expect("486"))
	b.quiet()
	if len(carol.got) != 0 {
		t.Errorf("carol got %v", carol.lines())
	}
}

func TestOrderByQ(t *testing.T) {
	ts := []*engine.Target{{URI: "sip:b@10.0.0.3:5060", Q: 0.1}, {URI: "sip:c@10.0.0.4:5060", Q: 0.9}}
	b, c, bob, carol := trio(t, relayTo(ts, &engine.ForkOptions{Order: engine.ByQ}))
	c.send("INVITE")
	ic := carol.expect("INVITE")
	b.w.Run(time.Second)
	if len(bob.got) != 0 {
		t.Error("the lower q was tried first")
	}
	carol.reply(ic, 480, "")
	bob.reply(bob.expect("INVITE"), 200, "Contact: <sip:b@10.0.0.3>\r\n")
	c.ph.expect("200")
	b.quiet()
}

func TestDelayInParallel(t *testing.T) {
	ts := []*engine.Target{{URI: "sip:b@10.0.0.3:5060"}, {URI: "sip:c@10.0.0.4:5060", Delay: 5 * time.Second}}
	b, c, bob, carol := trio(t, relayTo(ts, nil))
	c.send("INVITE")
	ib := bob.expect("INVITE")
	bob.reply(ib, 180, "")
	if ic := carol.expect("INVITE"); ic.at-ib.at < 5*time.Second {
		t.Errorf("after %v", ic.at-ib.at)
	}
	bob.reply(ib, 200, "Contact: <sip:b@10.0.0.3>\r\n")
	c.ph.expect("200")
	b.quiet()
}

// §16.7 step 7: the caller sees the challenges of all branches.
func TestChallengesAreAggregated(t *testing.T) {
	b, c, bob, carol := trio(t, relayTo(bobAndCarol, nil))
	c.send("INVITE")
	bob.reply(bob.expect("INVITE"), 401, "WWW-Authenticate: Digest realm=\"b\", nonce=\"1\"\r\n")
	carol.reply(carol.expect("INVITE"), 407, "Proxy-Authenticate: Digest realm=\"c\", nonce=\"2\"\r\n")
	r := c.ph.expect("40")
	if r.msg.Header(message.HeaderWWWAuthenticate) == nil || r.msg.Header(message.HeaderProxyAuthenticate) == nil {
		t.Error("a challenge is missing")
	}
	c.ack(r)
	b.quiet()
}

// §16.7 step 6.
func Test503IsNotPassedOn(t *testing.T) {
	b, c, bob, _ := trio(t, relayTo(to("sip:b@10.0.0.3:5060"), nil))
	c.send("INVITE")
	bob.reply(bob.expect("INVITE"), 503, "Retry-After: 3600\r\n")
	c.ack(c.ph.expect("500"))
	b.quiet()
}

func TestRedirectIsFollowedWhenAsked(t *testing.T) {
	b, c, bob, carol := trio(t, relayTo(to("sip:b@10.0.0.3:5060"), &engine.ForkOptions{FollowRedirects: true}))
	c.send("INVITE")
	bob.reply(bob.expect("INVITE"), 302, "Contact: <sip:c@10.0.0.4:5060>;q=0.5, <mailto:x@y>, <sip:b2@10.0.0.3:5060>\r\n")
	ib := bob.expect("INVITE sip:b2@10.0.0.3:5060")
	bob.reply(ib, 486, "")
	carol.reply(carol.expect("INVITE"), 200, "Contact: <sip:c@10.0.0.4>\r\n")
	c.ph.expect("200")
	b.quiet()
}

func TestTimerCEndsARingingBranch(t *testing.T) {
	b, c, bob, _ := trio(t, relayTo(to("sip:b@10.0.0.3:5060"), nil))
	c.send("INVITE")
	ib := bob.expect("INVITE")
	bob.reply(ib, 180, "")
	b.w.Run(100 * time.Second)
	bob.reply(ib, 180, "") // resets timer C (§16.7 step 2)
	r := bob.expect("CANCEL")
	if r.at < 280*time.Second {
		t.Errorf("cancelled after %v", r.at)
	}
	c.ack(c.ph.expect("408"))
	b.quiet()
}

func TestReplyTimeoutCountsFromNothing(t *testing.T) {
	o := &engine.ForkOptions{Order: engine.Serial, Defaults: engine.Target{ReplyTimeout: 3 * time.Second}}
	b, c, _, carol := trio(t, relayTo(to("sip:gone@10.0.0.99:5060", "sip:c@10.0.0.4:5060"), o))
	c.send("INVITE")
	ic := carol.expect("INVITE")
	if ic.at > 4*time.Second {
		t.Errorf("after %v", ic.at)
	}
	carol.reply(ic, 200, "Contact: <sip:c@10.0.0.4>\r\n")
	c.ph.expect("200")
	b.quiet()
}

func TestCallbacksSeeAndEdit(t *testing.T) {
	var seen []int
	o := &engine.ForkOptions{
		OnBranch: func(br *engine.Branch) error {
			return br.SetHeader("X-To", br.Target().URI)
		},
		OnResponse: func(r *engine.Response) {
			seen = append(seen, r.Code())
			if r.Code() == 183 {
				if err := r.Drop(); err != nil {
					t.Error(err)
				}
			}
			_ = r.SetHeader("X-Seen", "yes")
		},
	}
	b, c, bob, carol := trio(t, relayTo(bobAndCarol, o))
	c.send("INVITE")
	ib, ic := bob.expect("INVITE"), carol.expect("INVITE")
	if string(ib.msg.HeaderName("X-To")) != "sip:b@10.0.0.3:5060" || string(ic.msg.HeaderName("X-To")) != "sip:c@10.0.0.4:5060" {
		t.Error("branch edits are not the branch's own")
	}
	carol.reply(ic, 100, "")
	carol.reply(ic, 183, "")
	carol.reply(ic, 486, "")
	carol.expect("ACK")
	bob.reply(ib, 200, "Contact: <sip:b@10.0.0.3>\r\n")
	first := c.ph.expect("200")
	// A retransmission leaves with the same edits, unseen
	bob.reply(ib, 200, "Contact: <sip:b@10.0.0.3>\r\n")
	second := c.ph.expect("200")
	if string(first.p.Bytes) != string(second.p.Bytes) || first.msg.HeaderName("X-Seen") == nil {
		t.Error("the retransmission left otherwise than the first")
	}
	b.quiet()
	if !slices.Equal(seen, []int{183, 486, 200}) {
		t.Errorf("seen %v", seen)
	}
	if slices.Contains(c.ph.lines(), "183") {
		t.Error("a dropped 183 went on")
	}
}

func TestOnFailureMayTryElsewhere(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		_, err := r.Relay(to("sip:b@10.0.0.3:5060"), &engine.ForkOptions{OnFailure: func(res *engine.Response) {
			if res.Code() == 486 {
				if _, err := r.Relay(to("sip:c@10.0.0.4:5060"), nil); err != nil {
					t.Error(err)
				}
			}
		}})
		return err
	})
	alice, bob, carol := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060"), b.phone("10.0.0.4:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	bob.reply(bob.expect("INVITE"), 486, "")
	carol.reply(carol.expect("INVITE"), 200, "Contact: <sip:c@10.0.0.4>\r\n")
	alice.expect("200")
	b.quiet()
	if slices.Contains(alice.lines(), "486") {
		t.Error("the 486 went on")
	}
}

// Waiting in on_failure for another fork must not keep its responses from coming.
func TestForkInsideOnFailure(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		_, err := r.Relay(to("sip:b@10.0.0.3:5060"), &engine.ForkOptions{OnFailure: func(*engine.Response) {
			res, err := r.Fork(to("sip:c@10.0.0.4:5060"), &engine.ForkOptions{OnResponse: func(*engine.Response) { _ = r.Sleep(time.Second) }})
			if err != nil || res.Code() != 404 {
				t.Errorf("%v %v", res, err)
			}
			_, _ = r.Reply(410, "", nil)
		}})
		return err
	})
	alice, bob, carol := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060"), b.phone("10.0.0.4:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	bob.reply(bob.expect("INVITE"), 486, "")
	ic := carol.expect("INVITE")
	carol.reply(ic, 180, "")
	carol.reply(ic, 404, "")
	c.ack(alice.expect("410"))
	b.quiet()
}

func TestSecondDecisionIsMisuse(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		if ok, err := r.Reply(404, "", nil); !ok || err != nil {
			t.Errorf("first: %v %v", ok, err)
		}
		if _, err := r.Relay(bobAndCarol, nil); err == nil {
			t.Error("a second decision was taken")
		}
		return nil
	})
	alice := b.phone("10.0.0.2:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	c.ack(alice.expect("404"))
	b.quiet()
}

func TestEngineHeadersAndLineBreaksAreRefused(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		for _, name := range []string{"Via", "v", "From", "t", "Call-ID", "CSeq", "Route", "Record-Route", "Max-Forwards", "l"} {
			if err := r.SetHeader(name, "x"); err == nil {
				t.Errorf("%s was set", name)
			}
		}
		if err := r.SetHeader("X-A", "b\r\nX-B: c"); err == nil { // trap 33
			t.Error("a line break went into a header")
		}
		if err := r.SetRURI("sip:a@b\r\nX: y"); err == nil {
			t.Error("a line break went into the Request-URI")
		}
		_, err := r.Relay([]*engine.Target{{URI: "sip:b@10.0.0.3", Headers: []engine.HeaderEdit{{Name: "X", Values: []string{"a\nb"}}}}}, nil)
		if err == nil {
			t.Error("a line break went into a branch")
		}
		_, err = r.Reply(486, "", nil)
		return err
	})
	alice := b.phone("10.0.0.2:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	c.ack(alice.expect("486"))
	b.quiet()
}

// A script's target replaces the Route its caller preloaded (trap 32).
func TestTrap32TargetReplacesPreloadedRoute(t *testing.T) {
	b, c, bob, carol := trio(t, relayTo(to("sip:b@10.0.0.3:5060"), nil))
	c.extra = "Route: <sip:10.0.0.4:5060;lr>\r\n"
	c.send("INVITE")
	ib := bob.expect("INVITE")
	if ib.msg.Find(message.HeaderRoute, 0) >= 0 {
		t.Error("the caller's Route is still there")
	}
	bob.reply(ib, 486, "")
	c.ack(c.ph.expect("486"))
	b.quiet()
	if len(carol.got) != 0 {
		t.Error("the caller's Route chose the next hop")
	}
}

func TestPathAndNextHop(t *testing.T) {
	ts := []*engine.Target{{URI: "sip:b@10.9.9.9:5060", Path: []string{"<sip:10.0.0.3:5060;lr>", "<sip:edge@10.9.9.8;lr>"}}}
	b, c, bob, _ := trio(t, relayTo(ts, nil))
	c.send("INVITE")
	ib := bob.expect("INVITE sip:b@10.9.9.9:5060")
	if got := ib.msg.Elements(message.HeaderRoute); !got.Next() || string(got.Value) != "<sip:10.0.0.3:5060;lr>" || !got.Next() || string(got.Value) != "<sip:edge@10.9.9.8;lr>" {
		t.Errorf("Route set:\n%s", ib.p.Bytes)
	}
	bob.reply(ib, 486, "")
	c.ack(c.ph.expect("486"))
	b.quiet()

	b, c, _, carol := trio(t, relayTo([]*engine.Target{{URI: "sip:b@elsewhere.invalid", NextHop: "sip:10.0.0.4:5060"}}, nil))
	c.send("INVITE")
	ic := carol.expect("INVITE sip:b@elsewhere.invalid")
	carol.reply(ic, 486, "")
	c.ack(c.ph.expect("486"))
	b.quiet()
}

// §16.6 step 6: a next hop without lr is a strict router.
func TestStrictRouterAhead(t *testing.T) {
	b, c, bob, _ := trio(t, relayTo([]*engine.Target{{URI: "sip:b@10.9.9.9:5060", Path: []string{"<sip:10.0.0.3:5060>", "<sip:10.9.9.8;lr>"}}}, nil))
	c.send("INVITE")
	ib := bob.expect("INVITE sip:10.0.0.3:5060")
	var routes []string
	for e := ib.msg.Elements(message.HeaderRoute); e.Next(); {
		routes = append(routes, string(e.Value))
	}
	if !slices.Equal(routes, []string{"<sip:10.9.9.8;lr>", "<sip:b@10.9.9.9:5060>"}) {
		t.Errorf("Route %q", routes)
	}
	bob.reply(ib, 486, "")
	c.ack(c.ph.expect("486"))
	b.quiet()
}

// UDP caller, TCP callee: two Record-Route entries (RFC 5658), and the requests of the dialog find
// their way from both sides.
func TestDoubleRecordRoute(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		if r.InDialog() {
			if p, ours := r.RouteParams(); !ours || string(p) != ";leg=1" {
				t.Errorf("route params %q %v", p, ours)
			}
			_, err := r.Relay(nil, nil)
			return err
		}
		_ = r.RecordRoute(engine.RouteParam{Name: "leg", Value: "1"})
		_, err := r.Relay(to("sip:b@10.0.0.3:5060;transport=tcp"), nil)
		return err
	})
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	ib := bob.expect("INVITE")
	if ib.p.Kind != transport.TCP {
		t.Fatalf("came over %s", ib.p.Kind)
	}
	var rr []string
	for e := ib.msg.Elements(message.HeaderRecordRoute); e.Next(); {
		rr = append(rr, string(e.Value))
	}
	if len(rr) != 2 || !strings.Contains(rr[0], "transport=tcp") || strings.Contains(rr[1], "transport") {
		t.Fatalf("Record-Route %q", rr)
	}
	bob.reply(ib, 200, "Contact: <sip:b@10.0.0.3:5060;transport=tcp>\r\n")
	ok := alice.expect("200")
	c.extra, c.toTag, c.uri, c.branch = callersRoutes(ok.msg), string(ok.msg.ToTag()), "sip:b@10.0.0.3:5060;transport=tcp", 1
	c.send("ACK")
	if ack := bob.expect("ACK"); ack.p.Kind != transport.TCP || ack.msg.Find(message.HeaderRoute, 0) >= 0 {
		t.Error("the ACK lost its way")
	}
	// And a BYE from the callee, over TCP.
	bye := strings.NewReplacer("INVITE", "BYE").Replace(c.request("INVITE"))
	bye = strings.Replace(bye, callersRoutes(ok.msg), "Route: "+rr[0]+", "+rr[1]+"\r\n", 1)
	bye = strings.Replace(bye, "tag="+c.toTag, "tag=a1", 1)
	bye = strings.Replace(bye, "SIP/2.0/UDP 10.0.0.2", "SIP/2.0/TCP 10.0.0.3", 1)
	bye = strings.Replace(bye, c.uri, "sip:alice@10.0.0.2:5060", 1)
	b.w.Do(func() {
		if err := bob.Stream(transport.TCP, proxyAddr, []byte(bye)); err != nil {
			t.Error(err)
		}
	})
	alice.reply(alice.expect("BYE"), 200, "")
	bob.expect("200")
	b.quiet()
}

// A strict router upstream puts our entry into the Request-URI (§16.4).
func TestStrictRouterBehind(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		if r.InDialog() {
			_, err := r.Relay(nil, nil)
			return err
		}
		_ = r.RecordRoute()
		_, err := r.Relay(to("sip:b@10.0.0.3:5060"), nil)
		return err
	})
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	ib := bob.expect("INVITE")
	bob.reply(ib, 200, "Contact: <sip:b@10.0.0.3:5060>\r\n")
	ok := alice.expect("200")
	rr := string(ok.msg.Header(message.HeaderRecordRoute))
	c.toTag, c.branch, c.cseq = string(ok.msg.ToTag()), 1, 1
	c.extra = "Route: <sip:b@10.0.0.3:5060>\r\n"
	c.uri = strings.Trim(rr, "<>")
	c.send("BYE")
	bob.reply(bob.expect("BYE sip:b@10.0.0.3:5060"), 200, "")
	alice.expect("200")
	b.quiet()
}

// Stateless: no transaction, the same branch for retransmission, CANCEL and ACK, responses come
// back by it, strays are dropped.
func TestStatelessForward(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		_, err := r.Forward(&engine.Target{NextHop: "sip:10.0.0.3:5060"})
		return err
	})
	alice, bob, mallory := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060"), b.phone("10.0.0.66:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	one := bob.expect("INVITE")
	c.send("INVITE")
	two := bob.expect("INVITE")
	c.send("CANCEL")
	three := bob.expect("CANCEL")
	v1, _ := one.msg.TopVia()
	v2, _ := two.msg.TopVia()
	v3, _ := three.msg.TopVia()
	if string(v1.Branch()) != string(v2.Branch()) || string(v1.Branch()) != string(v3.Branch()) {
		t.Errorf("branches %s %s %s", v1.Branch(), v2.Branch(), v3.Branch())
	}
	bob.reply(three, 200, "")
	alice.expect("200")
	bob.reply(one, 487, "")
	r := alice.expect("487")
	c.ack(r)
	bob.expect("ACK")
	forged := strings.Replace(string(message.AppendResponse(nil, one.msg, 200, "", "x", nil, nil)), string(v1.Branch()), "z9hG4bK-0000000000000000", 1)
	mallory.Send(proxyAddr, []byte(forged))
	b.quiet()
	if len(alice.got) != 0 {
		t.Errorf("a stray reached the caller: %v", alice.lines())
	}
}

// §9.2: an unmatched CANCEL is answered 481 unless the script forwards it.
func TestUnmatchedCancel(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error { _, err := r.Relay(bobAndCarol, nil); return err })
	alice := b.phone("10.0.0.2:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("CANCEL")
	alice.expect("481")
	b.quiet()
}

// §9.2: the CANCEL of a request other than INVITE has no effect, and is answered 200: it has found
// its request.
func TestCancelOfOtherRequests(t *testing.T) {
	for _, method := range []string{"MESSAGE", "REGISTER", "UPDATE"} {
		b, c, bob, _ := trio(t, relayTo(to("sip:b@10.0.0.3:5060"), nil))
		c.send(method)
		req := bob.expect(method)
		c.send("CANCEL")
		if ok := c.ph.expect("2"); string(ok.msg.Header(message.HeaderCSeq)) != "1 CANCEL" {
			t.Errorf("%s: CSeq %s", method, ok.msg.Header(message.HeaderCSeq))
		}
		bob.reply(req, 202, "")
		if ok := c.ph.expect("2"); ok.msg.Status() != 202 {
			t.Errorf("%s: %d", method, ok.msg.Status())
		}
		b.quiet()
		if len(c.ph.got) > 0 || len(bob.got) > 0 {
			t.Errorf("%s: caller %v, callee %v", method, c.ph.lines(), bob.lines())
		}
	}
}

// RFC 4320: no 408 to a non-INVITE; the caller's own timer tells it.
func TestNonInviteGetsNo408(t *testing.T) {
	b := newBench(t, 1, relayTo(to("sip:gone@10.0.0.99:5060"), nil))
	alice := b.phone("10.0.0.2:5060")
	alice.call("c1", "sip:bob@example.com").send("MESSAGE")
	b.quiet()
	for _, l := range alice.lines() {
		if l != "100" {
			t.Errorf("got %s", l)
		}
	}
}

// A merged request is a second transaction, not a loop (trap 29).
func TestTrap29MergedRequestsBothGoOn(t *testing.T) {
	b, c, bob, _ := trio(t, relayTo(to("sip:b@10.0.0.3:5060"), nil))
	c.send("INVITE")
	one := bob.expect("INVITE")
	c.branch = 7
	c.send("INVITE")
	two := bob.expect("INVITE")
	bob.reply(one, 486, "")
	bob.reply(two, 486, "")
	c.ph.expect("486")
	c.ph.expect("486")
	b.w.Run(40 * time.Second)
	if slices.Contains(c.ph.lines(), "482") {
		t.Error("482 to a merged request")
	}
	b.quiet()
}

// The caller's CANCEL while the script waits for something else: 487 at once, and nothing is sent
// any more.
func TestCancelWhileTheScriptSleeps(t *testing.T) {
	var slept error
	b := newBench(t, 1, func(r *engine.Request) error {
		slept = r.Sleep(time.Minute)
		_, err := r.Relay(bobAndCarol, nil)
		return err
	})
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	alice.expect("100")
	c.send("CANCEL")
	r := alice.expect("487")
	if r.at > 2*time.Second {
		t.Errorf("487 after %v", r.at)
	}
	c.ack(r)
	b.quiet()
	if slept != engine.ErrRequestOver || len(bob.got) != 0 {
		t.Errorf("slept: %v; bob got %v", slept, bob.lines())
	}
}

func TestRedirectAndReply(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		_, err := r.Redirect([]*engine.Target{{URI: "sip:b@10.0.0.3;x=1", Q: 0.5}, {URI: "sip:c@10.0.0.4"}}, 0, 60)
		return err
	})
	alice := b.phone("10.0.0.2:5060")
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	r := alice.expect("302")
	var got []string
	for e := r.msg.Elements(message.HeaderContact); e.Next(); {
		got = append(got, string(e.Value))
	}
	if !slices.Equal(got, []string{"<sip:b@10.0.0.3;x=1>;q=0.5;expires=60", "<sip:c@10.0.0.4>;expires=60"}) {
		t.Errorf("contacts %q", got)
	}
	c.ack(r)
	b.quiet()
}

// A bad message that can be answered is answered 400 with a reason; a bad response and an ACK are
// not (trap 9).
func TestTrap09BadMessages(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error { t.Error("routed"); return nil })
	alice := b.phone("10.0.0.2:5060")
	bad := strings.Replace(alice.call("c1", "sip:bob@example.com").request("INVITE"), "CSeq: 1 INVITE", "CSeq: 1 BYE", 1)
	alice.Send(proxyAddr, []byte(bad))
	r := alice.expect("400")
	if !strings.Contains(string(r.msg.ReasonPhrase()), "CSeq") {
		t.Errorf("reason %q", r.msg.ReasonPhrase())
	}
	alice.Send(proxyAddr, []byte(strings.Replace(alice.call("c2", "sip:bob@example.com").request("ACK"), "CSeq: 1 ACK", "CSeq: 1 BYE", 1)))
	alice.Send(proxyAddr, []byte("SIP/2.0 200 OK\r\nVia: junk\r\n\r\n"))
	alice.Send(proxyAddr, []byte("hello\r\n\r\n"))
	b.quiet()
	if len(alice.got) != 0 {
		t.Errorf("got %v", alice.lines())
	}
}

// A request in several lanes' world: the same Call-ID is always on the same lane.
func TestLanesKeepCallsApart(t *testing.T) {
	w := sim.New(3)
	eng, err := engine.New(engine.Config{Clock: w, Meter: w, Network: w.Network("udp:" + proxyAddr), Seed: 3, Lanes: 4, Router: relayTo(to("sip:b@10.0.0.3:5060"), nil)})
	if err != nil {
		t.Fatal(err)
	}
	_ = eng.Start()
	w.Drive(eng.Lanes()...)
	b := &bench{t: t, w: w, eng: eng}
	b.ladder()
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	bob.on = func(m *message.Message, p sim.Packet) {
		if m.Method() == message.MethodInvite {
			bob.reply(&received{msg: m, p: p}, 486, "")
		}
	}
	for i := range 40 {
		c := alice.call(fmt.Sprint("id", i), "sip:bob@example.com")
		c.send("INVITE")
		c.ack(alice.expect("486"))
	}
	b.quiet()
	busy := 0
	for _, l := range eng.Lanes() {
		if l.Stats().Works.Load() > 20 {
			busy++
		}
	}
	if busy < 3 {
		t.Errorf("%d of 4 lanes did the work", busy)
	}
}

// Any response, a 100 too, ends reply_timeout.
func TestReplyTimeoutEndsWithTheFirstResponse(t *testing.T) {
	o := &engine.ForkOptions{Defaults: engine.Target{ReplyTimeout: 3 * time.Second}}
	b, c, bob, _ := trio(t, relayTo(to("sip:b@10.0.0.3:5060"), o))
	c.send("INVITE")
	ib := bob.expect("INVITE")
	bob.reply(ib, 100, "")
	b.w.Run(20 * time.Second)
	if slices.Contains(bob.lines(), "CANCEL sip:b@10.0.0.3:5060") {
		t.Error("cancelled although it had answered 100")
	}
	bob.reply(ib, 200, "Contact: <sip:b@10.0.0.3>\r\n")
	c.ph.expect("200")
	b.quiet()
}

// A target's connection is used while it stands, from whatever address; when it is gone the
// Request-URI's address is tried.
func TestFlowAndWhatFollowsIt(t *testing.T) {
	var flow transport.FlowID
	b := newBench(t, 1, func(r *engine.Request) error {
		if r.Method() == message.MethodRegister {
			flow = r.Flow()
			_, err := r.Reply(200, "", nil)
			return err
		}
		_, err := r.Relay([]*engine.Target{{URI: "sip:b@10.0.0.3:5060;transport=tcp", Flow: flow, Received: "tcp:10.0.0.3:9"}}, nil)
		return err
	})
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	reg := strings.Replace(bob.call("r", "sip:example.com").request("REGISTER"), "SIP/2.0/UDP", "SIP/2.0/TCP", 1)
	b.w.Do(func() { _ = bob.Stream(transport.TCP, proxyAddr, []byte(reg)) })
	onFlow := bob.expect("200").p.Flow
	c := alice.call("c1", "sip:bob@example.com")
	c.send("INVITE")
	ib := bob.expect("INVITE")
	if ib.p.Flow != onFlow {
		t.Errorf("came on flow %d, registered on %d", ib.p.Flow, onFlow)
	}
	bob.reply(ib, 486, "")
	c.ack(alice.expect("486"))
	b.w.Break(onFlow)
	d := alice.call("c2", "sip:bob@example.com")
	d.send("INVITE")
	ib = bob.expect("INVITE")
	if ib.p.Flow == onFlow || ib.p.Kind != transport.TCP {
		t.Errorf("came on flow %d by %s", ib.p.Flow, ib.p.Kind)
	}
	bob.reply(ib, 486, "")
	d.ack(alice.expect("486"))
	b.quiet()
}

// The response to a request that came on a connection and was forwarded statelessly goes back on
// that connection.
func TestStatelessForwardRemembersTheConnection(t *testing.T) {
	b := newBench(t, 1, func(r *engine.Request) error {
		_, err := r.Forward(&engine.Target{NextHop: "sip:10.0.0.3:5060"})
		return err
	})
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	text := strings.NewReplacer("SIP/2.0/UDP 10.0.0.2:5060;rport", "SIP/2.0/TCP 192.168.0.9:7777").Replace(alice.call("c1", "sip:bob@example.com").request("OPTIONS"))
	b.w.Do(func() { _ = alice.Stream(transport.TCP, proxyAddr, []byte(text)) })
	o := bob.expect("OPTIONS")
	bob.reply(o, 200, "")
	if r := alice.expect("200"); r.p.Kind != transport.TCP {
		t.Errorf("came over %s", r.p.Kind)
	}
	via, err := o.msg.TopVia()
	if err != nil {
		t.Fatal(err)
	}
	forged := strings.Replace(string(message.AppendResponse(nil, o.msg, 200, "", "x", nil, nil)), string(via.Branch()), string(via.Branch())+"0", 1)
	bob.Send(proxyAddr, []byte(forged))
	b.quiet()
	if len(alice.got) != 0 {
		t.Errorf("a response with another connection in its branch came through: %v", alice.lines())
	}
}
