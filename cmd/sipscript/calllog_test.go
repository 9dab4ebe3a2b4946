package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/transport"
)

func aCall() *engine.CallReport {
	return &engine.CallReport{CallID: "c1", From: "sip:alice@example.com", To: "sip:bob@example.com", URI: "sip:bob@example.com", Target: "sip:bob@10.0.0.3",
		Kind: transport.UDP, Source: netip.MustParseAddrPort("10.0.0.2:5060"), Place: "route.lua:23", Code: 200, Tried: 1, Ringing: time.Second, Answered: 1234567890, Open: true}
}

func TestCallLog(t *testing.T) {
	var out bytes.Buffer
	c := newCallLog(&out, slog.LevelInfo, false)
	r := aCall()
	c.Settled(r) // its end will be told
	r.Lasted, r.EndedBy = time.Minute, engine.EndedByCallee
	c.Ended(r)
	failed := &engine.CallReport{CallID: "c2\nlevel=ERROR", Code: 408, Cause: engine.CauseTimeout}
	c.Settled(failed)
	c.close()
	quiet := newCallLog(&out, slog.LevelWarn, false)
	quiet.Settled(failed)
	quiet.close()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%q", lines)
	}
	if want := `msg=call call_id=c1 from=sip:alice@example.com to=sip:bob@example.com uri=sip:bob@example.com target=sip:bob@10.0.0.3 source=10.0.0.2:5060 transport=udp status=200 branches=1 ringing=1 setup=1.235 duration=60 ended_by=callee at=route.lua:23`; !strings.HasSuffix(lines[0], want) {
		t.Errorf("%s, want %s", lines[0], want)
	}
	if !strings.Contains(lines[1], `call_id="c2\nlevel=ERROR"`) || !strings.Contains(lines[1], "status=408 reason=timeout") {
		t.Error(lines[1])
	}
}

// A line is what slog's handlers make of it, whatever is in it.
func TestCallLineIsAsSlogWritesIt(t *testing.T) {
	const seed = 1
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	word := func() string {
		text := ""
		for range r.IntN(12) {
			if r.IntN(9) == 0 {
				text += []string{" ", "=", "[2001:db8::1]", ";ob"}[r.IntN(4)]
			}
			odd := "=\"\\ <>&'\x7f\x00\nü☎\xff"
			if r.IntN(40) == 0 {
				i := r.IntN(len(odd))
				text += odd[i : i+1]
				continue
			}
			text += string(rune('!' + r.IntN('~'-'!')))
		}
		return text
	}
	long := func() time.Duration {
		return []time.Duration{0, 1, 499_999, 500_000, time.Millisecond, 10 * time.Millisecond, time.Second, 1100 * time.Millisecond, time.Duration(r.Int64N(1e15)), -time.Second}[r.IntN(10)]
	}
	zones := []*time.Location{time.UTC, time.FixedZone("east", 19800), time.FixedZone("west", -12600)}
	quick := 0
	for i := range 20_000 {
		line := &callLine{engine.CallReport{CallID: word(), From: word(), To: word(), URI: word(), Target: word(), User: word(), Place: word(), EndedBy: word(), Cause: word(),
			Code: r.IntN(700), Tried: r.IntN(3), Ringing: long(), Answered: long(), Lasted: long(), Kind: transport.Kind(r.IntN(int(transport.WSS) + 1))},
			time.Unix(r.Int64N(4e9), r.Int64N(1e9)).In(zones[r.IntN(len(zones))])}
		switch r.IntN(4) {
		case 0:
			line.Source = netip.MustParseAddrPort("[2001:db8::1]:5060")
		case 1:
			line.Source = netip.MustParseAddrPort("[fe80::1%eth0]:5060")
		case 2:
			line.Source = netip.MustParseAddrPort("192.0.2.1:5060")
		}
		if i%7 == 0 { // whole nanoseconds differ from milliseconds
			line.at = line.at.Truncate(time.Millisecond)
		}
		for _, json := range []bool{false, true} {
			c := newCallLog(io.Discard, slog.LevelInfo, json)
			lost := r.IntN(2) * r.IntN(5000)
			c.lost.Store(int64(lost))
			c.writeSlowly(line, lost)
			want := c.text.String()
			c.text.Reset()
			c.write(line)
			if got := c.text.String(); got != want {
				t.Fatalf("%d: %s, want %s", i, got, want)
			}
			if q := (quickLine{json: json}); q.write(line, lost) {
				quick++
			}
			c.close()
		}
	}
	if quick < 1000 || quick > 39_000 {
		t.Errorf("%d of 40,000 were written quickly: the test says little", quick)
	}
}

// Nothing is allocated for an ordinary line.
func TestCallLineAllocatesNothing(t *testing.T) {
	for _, json := range []bool{false, true} {
		c := newCallLog(io.Discard, slog.LevelInfo, json)
		defer c.close()
		line := &callLine{*aCall(), time.Now()}
		if n := testing.AllocsPerRun(100, func() { c.write(line); c.send() }); n > 0 {
			t.Errorf("json %v: %v allocations", json, n)
		}
	}
}

// gate is a writer that waits, and tells when it does first.
type gate struct {
	open, waits chan struct{}
	first       *sync.Once
}

func (g gate) Write(p []byte) (int, error) {
	g.first.Do(func() { close(g.waits) })
	<-g.open
	return len(p), nil
}

// A log that does not take lines costs lines, not calls.
func TestCallLogNeverWaits(t *testing.T) {
	g := gate{make(chan struct{}), make(chan struct{}), &sync.Once{}}
	c := newCallLog(g, slog.LevelInfo, false)
	r := aCall()
	c.Ended(r)
	<-g.waits // its line says how many were lost before it
	for range 2 * mostCallLines {
		c.Ended(r)
	}
	if n := c.lost.Load(); n < mostCallLines-1 {
		t.Errorf("%d lost", n)
	}
	close(g.open)
	c.close()
}

// counter counts what is written.
type counter struct {
	mu    sync.Mutex
	text  bytes.Buffer
	times int
}

func (c *counter) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.times++
	return c.text.Write(p)
}

// Lines that come together are written together, each with the time of its call.
func TestCallLogGathers(t *testing.T) {
	const n = 1000
	var out counter
	c := newCallLog(&out, slog.LevelInfo, false)
	began := time.Now()
	for range n {
		c.Ended(aCall())
	}
	last := time.Now()
	c.close()
	if got := strings.Count(out.text.String(), "msg=call "); got != n {
		t.Errorf("%d lines", got)
	}
	most := 2 + out.text.Len()/mostCallText + int(time.Since(began)/gatherCalls)
	if out.times > most {
		t.Errorf("%d lines took %d writes, want at most %d", n, out.times, most)
	}
	for line := range strings.Lines(out.text.String()) {
		stamp, _, _ := strings.Cut(strings.TrimPrefix(line, "time="), " ")
		if at, err := time.Parse(time.RFC3339, stamp); err != nil || at.Before(began.Truncate(time.Millisecond)) || at.After(last) {
			t.Fatalf("%s, reported from %v to %v: %v", line, began, last, err)
		}
	}
}

// Lines don't wait for the end of the server.
func TestCallLogIsWrittenInTime(t *testing.T) {
	g := gate{make(chan struct{}), make(chan struct{}), &sync.Once{}}
	close(g.open)
	c := newCallLog(g, slog.LevelInfo, false)
	defer c.close()
	c.Ended(aCall())
	select {
	case <-g.waits:
	case <-time.After(time.Minute):
		t.Error("no line was written")
	}
}

func BenchmarkCallLine(b *testing.B) {
	for _, json := range []bool{false, true} {
		b.Run(fmt.Sprint("json=", json), func(b *testing.B) {
			c := newCallLog(io.Discard, slog.LevelInfo, json)
			defer c.close()
			line := &callLine{*aCall(), time.Now()}
			b.ReportAllocs()
			for b.Loop() {
				c.write(line)
				c.send()
			}
		})
	}
}
