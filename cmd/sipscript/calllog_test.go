package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
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
