//go:build unix

package acc

import (
	"log/slog"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/sipscript/sipscript/modules/acc/cdr"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/drivers"
)

// cpu is the processor time of the process.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkCall is what a record costs that is begun, answered and ended, with all that follows:
// the spool, its syncs, and the destination. Calls come 2,000 a second; "cpu-µs/call" is the
// processor time of the whole process, "%cpu" that share of one processor, and "×datagram" how
// often a datagram could be sent and received for it, on this machine at that moment.
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
			const rate, step = 2000, 10 * time.Millisecond
			now := time.Now()
			before, began := cpu(b), now
			for n := range b.N {
				if n%(rate/100) == 0 {
					time.Sleep(time.Until(began.Add(time.Duration(n/(rate/100)) * step)))
				}
				one(a, uint16(n), cdr.Time{Time: now})
			}
			if err := a.Close(); err != nil {
				b.Error(err)
			}
			each := (cpu(b) - before) / time.Duration(b.N)
			b.ReportMetric(float64(each.Nanoseconds())/1000, "cpu-µs/call")
			b.ReportMetric(100*each.Seconds()*rate, "%cpu")
			b.ReportMetric(float64(each)/float64(datagram(b)), "×datagram")
			b.ReportMetric(0, "ns/op")
			for _, f := range a.Destinations() {
				b.Errorf("%+v", f)
			}
		})
	}
}

// datagram is the processor time to send one to oneself, and receive it.
func datagram(b *testing.B) time.Duration {
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	const n = 10_000
	text, before := make([]byte, 700), cpu(b)
	for range n {
		if _, err := c.WriteTo(text, c.LocalAddr()); err != nil {
			b.Fatal(err)
		}
		if _, _, err := c.ReadFromUDPAddrPort(text); err != nil {
			b.Fatal(err)
		}
	}
	return (cpu(b) - before) / n
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
