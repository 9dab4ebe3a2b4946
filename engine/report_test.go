package engine_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
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

const parties = "sip:alice@example.com→sip:bob@10.0.0.1"

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
		{"cancelled", true, func(b *bench, alice, bob *handset, c *call) {
			in := bob.expect("INVITE")
			bob.reply(in, 180, "")
			alice.expect("180")
			c.send("CANCEL")
			bob.reply(bob.expect("CANCEL"), 200, "")
			bob.reply(in, 487, "")
			c.ack(alice.expect("487"))
		}, []string{"settled c1 " + parties + ` at sip:bob@10.0.0.3:5060 487 "" tried 1 ringing 0s answered 0s open false`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := &reporter{}
			b := newBenchWith(t, 1, func(r *engine.Request) error {
				if row.record && !r.InDialog() {
					if err := r.RecordRoute(); err != nil {
						return err
					}
				}
				if r.InDialog() {
					_, err := r.Relay(nil, nil)
					return err
				}
				_, err := r.Relay(to("sip:bob@10.0.0.3:5060"), nil)
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

// talk answers after 5 s, of which it rings 3, and ends the call after 10.
func talk(b *bench, alice, bob *handset, c *call, byCaller bool) {
	in := bob.expect("INVITE")
	b.w.Run(2 * time.Second)
	bob.reply(in, 180, "")
	alice.expect("180")
	b.w.Run(3 * time.Second)
	bob.reply(in, 200, "Contact: <sip:bob@10.0.0.3:5060>\r\n")
	ok := alice.expect("200")
	c.toTag, c.extra, c.uri = string(ok.msg.ToTag()), callersRoutes(ok.msg), "sip:bob@10.0.0.3:5060"
	c.branch++
	c.send("ACK")
	bob.expect("ACK")
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
