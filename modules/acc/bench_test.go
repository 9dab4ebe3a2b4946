//go:build unix

package acc

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/cputime"
	"github.com/sipscript/sipscript/modules/acc/cdr"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/drivers"
)

// BenchmarkCall is what a record costs that is begun, answered and ended, with all that follows:
// the spool, its syncs, and the destination. Calls come 2,000 a second; "cpu-µs/call" is the
// processor time of the whole process less that of the same loop which records nothing, just before
// ("loop-µs/call": it sleeps, and is woken). "%cpu" is that share of one processor, and "×datagram"
// how often a datagram could be sent and received for it, on this machine at that moment.
func BenchmarkCall(b *testing.B) {
	for _, row := range []struct{ name, scheme string }{{"json", "json:"}, {"csv", "csv:"}, {"sqlite", "sqlite:"}} {
		b.Run(row.name, func(b *testing.B) {
			dir := b.TempDir()
			a := New(Options{Log: slog.New(slog.DiscardHandler), Data: dir, Clients: clients.New(clients.Options{Drivers: drivers.All()})})
			p := DefaultPolicy()
			p.To = []string{row.scheme + filepath.Join(dir, "cdr")}
			if err := a.Use(p, nil); err != nil {
				b.Fatal(err)
			}
			const rate = 2000
			loop := paced(b.N, rate, func(int, time.Time) {})
			before := cputime.Used()
			paced(b.N, rate, func(n int, now time.Time) { one(a, uint16(n), cdr.Time{Time: now}) })
			if err := a.Close(); err != nil {
				b.Error(err)
			}
			each := (cputime.Used() - before - loop) / time.Duration(b.N)
			b.ReportMetric(float64(loop.Nanoseconds())/1000/float64(b.N), "loop-µs/call")
			b.ReportMetric(float64(each.Nanoseconds())/1000, "cpu-µs/call")
			b.ReportMetric(100*each.Seconds()*rate, "%cpu")
			b.ReportMetric(float64(each)/float64(cputime.Datagram(b)), "×datagram")
			b.ReportMetric(0, "ns/op")
			for _, f := range a.Destinations() {
				b.Errorf("%+v", f)
			}
		})
	}
}

// paced calls f n times, so often a second, and returns the processor time of that.
func paced(n, rate int, f func(n int, began time.Time)) time.Duration {
	const step = 10 * time.Millisecond
	before, began := cputime.Used(), time.Now()
	for i := range n {
		if i%(rate/100) == 0 {
			time.Sleep(time.Until(began.Add(time.Duration(i/(rate/100)) * step)))
		}
		f(i, began)
	}
	return cputime.Used() - before
}

// one is a usual call.
func one(a *Accounts, n uint16, now cdr.Time) {
	var random [10]byte
	random[8], random[9] = byte(n>>8), byte(n)
	c := &call{id: cdr.NewID(now.Time, random)}
	c.r = cdr.Record{ID: c.id.String(), Type: cdr.Call, CallID: "4f1c2a9b8e7d6c5b@192.0.2.10", FromURI: "sip:+4930123456@example.com", FromTag: "8c1f9a2b", ToURI: "sip:+33140200500@example.com",
		RequestURI: "sip:+33140200500@example.com", User: "alice@example.com", Source: "udp:192.0.2.10:5060", UserAgent: "Desk phone 1.2.3", Began: now,
		Fields: map[string]any{"customer": "4711", "plan": "flat"}}
	c.r.Legs = []cdr.Branch{{Target: "sip:+33140200500@gw1.example.net", Began: now}, {Target: "sip:+33140200500@gw2.example.net", Began: now}}
	a.calls.add(c)
	a.noted(c)
	c.failed(0, 503, "Service Unavailable", "", nil, now)
	c.rang(1, now)
	c.answered(1, "a8b7c6d5", "Gateway 4.5", 200, now)
	a.noted(c)
	a.end(c, cdr.Time{Time: now.Add(3 * time.Minute)}, byCaller, causeBye, 0, "")
}
