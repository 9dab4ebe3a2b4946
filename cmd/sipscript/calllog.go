package main

// One line for each call.

import (
	"context"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
)

// mostCallLines bounds the lines that wait to be written; those beyond are left out, and counted.
const mostCallLines = 4096

// callLog writes a line for each call, on a goroutine of its own: a slow log must not delay calls.
// It is an engine.Reporter.
type callLog struct {
	log     *slog.Logger
	lines   chan engine.CallReport
	lost    atomic.Int64 // since the last line
	writing sync.WaitGroup
}

func newCallLog(log *slog.Logger) *callLog {
	c := &callLog{log: log, lines: make(chan engine.CallReport, mostCallLines)}
	c.writing.Go(func() { // ends with close
		for r := range c.lines {
			c.write(&r)
		}
	})
	return c
}

// close writes what waits. Nothing is reported after it.
func (c *callLog) close() {
	close(c.lines)
	c.writing.Wait()
}

// Settled notes a call that has failed, or whose end we would not see.
func (c *callLog) Settled(r *engine.CallReport) {
	if !r.Open {
		c.put(r)
	}
}

// Ended notes a call that was answered.
func (c *callLog) Ended(r *engine.CallReport) { c.put(r) }

func (c *callLog) put(r *engine.CallReport) {
	if !c.log.Enabled(context.Background(), slog.LevelInfo) {
		return
	}
	select {
	case c.lines <- *r:
	default:
		c.lost.Add(1)
	}
}

func (c *callLog) write(r *engine.CallReport) {
	args := []any{
		"call_id", r.CallID, "from", r.From, "to", r.To, "uri", r.URI, "target", r.Target, "user", r.User, "source", r.Source.String(),
		"transport", r.Kind.String(), "status", r.Code, "reason", r.Cause, "branches", r.Tried, "ringing", seconds(r.Ringing), "setup", seconds(r.Answered),
		"duration", seconds(r.Lasted), "ended_by", r.EndedBy, "at", r.Place, "suppressed", int(c.lost.Swap(0)),
	}
	said := args[:0] // what there is nothing to say about is left out
	for i := 0; i < len(args); i += 2 {
		if v := args[i+1]; v != "" && v != 0 && v != 0.0 {
			said = append(said, args[i], v)
		}
	}
	c.log.Info("call", said...)
}

// seconds are those of a duration, to the millisecond.
func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }

// reporters are several in one.
type reporters []engine.Reporter

// Settled tells all of them.
func (l reporters) Settled(r *engine.CallReport) {
	for _, one := range l {
		one.Settled(r)
	}
}

// Ended tells all of them.
func (l reporters) Ended(r *engine.CallReport) {
	for _, one := range l {
		one.Ended(r)
	}
}
