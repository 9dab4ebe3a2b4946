package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
)

// reporter notes what it is told.
type reporter struct{ told []string }

func (p *reporter) Settled(c *engine.CallReport) {
	p.told = append(p.told, fmt.Sprintf("settled %s %s→%s at %s %d %q tried %d ringing %v answered %v open %v",
		c.CallID, c.From, c.To, c.Target, c.Code, c.Cause, c.Tried, c.Ringing.Round(time.Second), c.Answered.Round(time.Second), c.Open))
}

func (p *reporter) Ended(c *engine.CallReport) {
	p.told = append(p.told, fmt.Sprintf("ended %s by %s after %v", c.CallID, c.EndedBy, c.Lasted.Round(time.Second)))
}

const (
	parties = "sip:alice@example.com→sip:bob@10.0.0.1"
	talked  = "settled c1 " + parties + ` at sip:bob@10.0.0.3:5060 200 "" tried 1 ringing 2s answered 5s open true`
	busy    = "settled c1 " + parties + ` at sip:bob@10.0.0.3:5060 486 "" tried 1 ringing 0s answered 0s open false`
)

func TestReports(t *testing.T) {
	for _, row := range []struct {
		name   string
		record bool
		answer func(b *bench, alice, bob *handset, c *call)
		want   []string
	}{
		{"answered, and ended by the caller", true, func(b *bench, alice, bob *handset, c *call) { talk(b, alice, bob, c, true) },
			[]string{"settled c1 " + parties + ` at sip:bob@10.0.0.3:5060 200 "" tried 1 ringing 2s answered 5s open true`, "ended c1 by caller after 10s"}},
		{"answered, and ended by the callee", true, func(b *bench, alice, bob *handset, c *call) { talk(b, alice, bob, c, false) },
			[]string{"settled c1 " + parties + ` at sip:bob@10.0.0.3:5060 200 "" tried 1 ringing 2s answered 5s open true`, "ended c1 by callee after 10s"}},
		{"answered, without Record-Route", false, func(b *bench, alice, bob *handset, c *call) {
			bob.reply(bob.expect("INVITE"), 200, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
			alice.expect("200")
		}, []string{"settled c1 " + parties + ` at sip:bob@10.0.0.3:5060 200 "" tried 1 ringing 0s answered 0s open false`}},
		{"busy", true, func(b *bench, alice, bob *handset, c *call) {
			bob.reply(bob.expect("INVITE"), 486, "")
			c.ack(alice.expect("486"))
		}, []string{"settled c1 " + parties + ` at sip:bob@10.0.0.3:5060 486 "" tried 1 ringing 0s answered 0s open false`}},
		{"nobody there", true, func(b *bench, alice, bob *handset, c *call) { c.ack(alice.expect("408")) },
			[]string{"settled c1 " + parties + ` at sip:bob@10.0.0.3:5060 408 "timeout" tried 1 ringing 0s answered 0s open false`}},
		{"nobody can be reached", true, func(b *bench, alice, bob *handset, c *call) {
			in := bob.expect("INVITE")
			bob.reply(in, 503, "")
			c.ack(alice.expect("500"))
			second := alice.call("c2", "sip:nowhere@10.0.0.1")
			second.send("INVITE")
			second.ack(alice.expect("500"))
		}, []string{"settled c1 " + parties + ` at sip:bob@10.0.0.3:5060 500 "" tried 1 ringing 0s answered 0s open false`,
			"settled c2 sip:alice@example.com→sip:nowhere@10.0.0.1 at sip:x@10.0.0.9;transport=tcp 500 \"unreachable\" tried 1 ringing 0s answered 0s open false"}},
		{"cancelled", true, func(b *bench, alice, bob *handset, c *call) {
			in := bob.expect("INVITE")
			bob.reply(in, 180, "")
			alice.expect("180")
			c.send("CANCEL")
			bob.reply(bob.expect("CANCEL"), 200, "")
			bob.reply(in, 487, "")
			c.ack(alice.expect("487"))
		}, []string{"settled c1 " + parties + ` at sip:bob@10.0.0.3:5060 487 "" tried 1 ringing 0s answered 0s open false`}},
		{"ended by this server", true, func(b *bench, alice, bob *handset, c *call) {
			answer(b, alice, bob, c)
			b.w.Run(10 * time.Second)
			callOver(b, c)
		}, []string{talked, "ended c1 by server after 10s"}},
		{"whose BYE a module takes note of first", true, func(b *bench, alice, bob *handset, c *call) {
			answer(b, alice, bob, c)
			b.w.Run(10 * time.Second)
			c.branch++
			c.cseq++
			c.send("BYE")
			bye := bob.expect("BYE")
			callOver(b, c)
			bob.reply(bye, 200, "")
			alice.expect("200")
		}, []string{talked, "ended c1 by caller after 10s"}},
		{"whose end is never heard, though the table is not full", true, func(b *bench, alice, bob *handset, c *call) {
			answer(b, alice, bob, c)
			b.w.Run(25 * time.Hour)
			options := alice.call("c2", "sip:bob@10.0.0.1")
			options.send("OPTIONS")
			bob.reply(bob.expect("OPTIONS"), 200, "")
			alice.expect("200")
		}, []string{talked, "ended c1 by unknown after 25h0m0s"}},
		{"challenged here, then answered", true, func(b *bench, alice, bob *handset, c *call) {
			in := bob.expect("INVITE")
			bob.reply(in, 486, "")
			c.ack(alice.expect("486"))
			second := alice.call("c2", "sip:challenged@10.0.0.1")
			second.send("INVITE")
			second.ack(alice.expect("407"))
			second.uri, second.branch, second.cseq = "sip:bob@10.0.0.1", 1, 1
			second.send("INVITE")
			bob.reply(bob.expect("INVITE"), 486, "")
			second.ack(alice.expect("486"))
		}, []string{busy, strings.Replace(busy, "c1", "c2", 1)}},
		{"challenged by the callee", true, func(b *bench, alice, bob *handset, c *call) {
			bob.reply(bob.expect("INVITE"), 401, "WWW-Authenticate: Digest realm=\"bob\", nonce=\"1\"\r\n")
			c.ack(alice.expect("401"))
		}, []string{"settled c1 " + parties + ` at sip:bob@10.0.0.3:5060 401 "" tried 1 ringing 0s answered 0s open false`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := &reporter{}
			b := newBenchWith(t, 1, func(r *engine.Request) error {
				if strings.Contains(string(r.Message().RequestURI()), "challenged@") {
					_, err := r.Reply(407, "", nil)
					return err
				}
				if row.record && !r.InDialog() {
					if err := r.RecordRoute(); err != nil {
						return err
					}
				}
				if r.InDialog() {
					_, err := r.Relay(nil, nil)
					return err
				}
				target := "sip:bob@10.0.0.3:5060"
				if strings.Contains(string(r.Message().RequestURI()), "nowhere@") {
					target = "sip:x@10.0.0.9;transport=tcp"
				}
				_, err := r.Relay(to(target), nil)
				return err
			}, func(c *engine.Config, _ *sim.World) { c.Reporter = p })
			alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
			c := alice.call("c1", "sip:bob@10.0.0.1")
			c.send("INVITE")
			row.answer(b, alice, bob, c)
			b.quiet()
			if !slices.Equal(p.told, row.want) {
				t.Errorf("%q\nwant %q", p.told, row.want)
			}
			if n := b.eng.Stats().Calls; n != 0 {
				t.Errorf("%d calls are left", n)
			}
		})
	}
}

// answer answers after 5 s, of which it rings 3.
func answer(b *bench, alice, bob *handset, c *call) (in, ok *received) {
	in = bob.expect("INVITE")
	b.w.Run(2 * time.Second)
	bob.reply(in, 180, "")
	alice.expect("180")
	b.w.Run(3 * time.Second)
	bob.reply(in, 200, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
	ok = alice.expect("200")
	c.toTag, c.extra, c.uri = string(ok.msg.ToTag()), callersRoutes(ok.msg), "sip:bob@10.0.0.3:5060"
	c.branch++
	c.send("ACK")
	bob.expect("ACK")
	return in, ok
}

// callOver is what a module says of the call, on its lane.
func callOver(b *bench, c *call) {
	b.eng.Lanes()[0].Return(lane.Func(func(*lane.Lane) { b.eng.CallOver(c.id, "<sip:alice@example.com>;tag=a1", c.toTag) }))
	b.w.Run(time.Second)
}

// talk answers, and ends the call after 10 s.
func talk(b *bench, alice, bob *handset, c *call, byCaller bool) {
	in, ok := answer(b, alice, bob, c)
	b.w.Run(10 * time.Second)
	if byCaller {
		c.branch++
		c.cseq++
		c.send("BYE")
		bob.reply(bob.expect("BYE"), 200, "")
		alice.expect("200")
		return
	}
	bye := bob.call("c1", "sip:alice@10.0.0.2:5060")
	bye.from, bye.toTag = "<sip:bob@10.0.0.1>;tag="+string(ok.msg.ToTag()), "a1"
	bye.extra = "Route: " + string(in.msg.Header(message.HeaderRecordRoute)) + "\r\n"
	bye.send("BYE")
	alice.reply(alice.expect("BYE"), 200, "")
	bob.expect("200")
}

// lastReport keeps the last report.
type lastReport struct{ engine.CallReport }

func (k *lastReport) Settled(c *engine.CallReport) { k.CallReport = *c }
func (k *lastReport) Ended(*engine.CallReport)     {}

// Others read reports: they have no passwords, and hostile lengths are cut.
func TestReportTexts(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for _, row := range []struct{ name, uri, want string }{
		{"plain", "sip:bob@10.0.0.1", "sip:bob@10.0.0.1"},
		{"a password", "sip:bob:secret@10.0.0.1", "sip:bob@10.0.0.1"},
		{"an empty one, and a port", "sip:bob:@10.0.0.1:5060", "sip:bob@10.0.0.1:5060"},
		{"IPv6 and parameters", "sip:bob@[2001:db8::1]:5060;x=a:b", "sip:bob@[2001:db8::1]:5060;x=a:b"},
		{"no user", "sip:10.0.0.1:5060", "sip:10.0.0.1:5060"},
		{"a long user", "sip:" + long + "@10.0.0.1", "sip:" + long[:252]},
		{"a long user with a password", "sip:" + long + ":secret@10.0.0.1", "sip:" + long[:252]},
		{"a long password", "sip:bob:secret" + long + "@10.0.0.1", "sip:bob@10.0.0.1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			k := &lastReport{}
			b := newBenchWith(t, 1, func(r *engine.Request) error {
				_, err := r.Relay(to(strings.Replace(row.uri, "10.0.0.1", "10.0.0.3", 1)), nil)
				return err
			}, func(c *engine.Config, _ *sim.World) { c.Reporter = k })
			alice := b.phone("10.0.0.2:5060")
			b.phone("10.0.0.3:5060") // says nothing
			c := alice.call("c"+long, row.uri)
			c.from = "<" + row.uri + ">;tag=a1"
			text := strings.Replace(c.request("INVITE"), "z9hG4bK-c"+long, "z9hG4bK-c", 1)
			alice.Send(proxyAddr, []byte(text))
			b.w.Run(time.Minute)
			texts := []string{k.From, k.To, k.URI}
			if k.Target != "" { // that of IPv6 is not reached
				texts = append(texts, strings.Replace(k.Target, "10.0.0.3", "10.0.0.1", 1))
			}
			for _, text := range texts {
				if text != row.want {
					t.Errorf("%q, want %q", text, row.want)
				}
			}
			if k.Code == 0 || len(k.CallID) != 256 {
				t.Errorf("%d, a Call-ID of %d bytes", k.Code, len(k.CallID))
			}
		})
	}
}

// What goes on at the end of the engine is told, once.
func TestReportsAtTheEnd(t *testing.T) {
	p := &reporter{}
	b := newBenchWith(t, 1, func(r *engine.Request) error {
		_ = r.RecordRoute()
		_, err := r.Relay(to("sip:bob@10.0.0.3:5060"), nil)
		return err
	}, func(c *engine.Config, _ *sim.World) { c.Reporter = p })
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	alice.call("c1", "sip:bob@10.0.0.1").send("INVITE")
	bob.reply(bob.expect("INVITE"), 200, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
	alice.expect("200")
	b.w.Run(time.Minute)
	if n := b.eng.Stats().Calls; n != 1 {
		t.Errorf("%d calls", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = b.eng.Shutdown(ctx)
	if n := len(p.told); n != 2 || p.told[1] != "ended c1 by shutdown after 1m0s" {
		t.Errorf("%q", p.told)
	}
}

// A request that is forwarded statelessly stays so: a report is not worth a transaction.
func TestReportsLeaveForwardStateless(t *testing.T) {
	p := &reporter{}
	b := newBenchWith(t, 1, func(r *engine.Request) error {
		_, err := r.Forward(to("sip:bob@10.0.0.3:5060")[0])
		return err
	}, func(c *engine.Config, _ *sim.World) { c.Reporter = p })
	alice, bob := b.phone("10.0.0.2:5060"), b.phone("10.0.0.3:5060")
	alice.call("c1", "sip:bob@10.0.0.1").send("INVITE")
	bob.reply(bob.expect("INVITE"), 486, "")
	alice.expect("486")
	if s := b.eng.Stats(); s.ClientTransactions != 0 || len(p.told) != 0 {
		t.Errorf("%d client transactions, %q", s.ClientTransactions, p.told)
	}
}

type silent struct{}

func (silent) Settled(*engine.CallReport) {}
func (silent) Ended(*engine.CallReport)   {}

// BenchmarkCallReports is BenchmarkCall with and without a Reporter, by turns.
func BenchmarkCallReports(b *testing.B) {
	without := newCallBench(b, nil)
	with := newCallBenchWith(b, func(c *engine.Config) { c.Reporter = silent{} })
	const batch = 50
	var took [2][]float64
	for b.Loop() {
		for i, c := range []*callBench{without, with} {
			start := c.spent
			for range batch {
				c.call()
			}
			took[i] = append(took[i], float64((c.spent-start).Nanoseconds())/batch)
		}
	}
	for i := range took {
		slices.Sort(took[i])
	}
	// Other work on the machine only adds
	off, on := took[0][len(took[0])/10], took[1][len(took[1])/10]
	b.ReportMetric(off, "off-ns/call")
	b.ReportMetric(on, "on-ns/call")
	b.ReportMetric(100*(on-off)/off, "%")
	with.check(b)
}
