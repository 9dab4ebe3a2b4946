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
	lost    atomic.Int64  // since the last line
	hurry   chan struct{} // closed when nobody waits any longer
	patient atomic.Bool   // the server stops: what is reported waits for room
	over    chan struct{} // closed when no line is taken any more
	writing sync.WaitGroup
}

func newCallLog(log *slog.Logger) *callLog {
	c := &callLog{log: log, lines: make(chan engine.CallReport, mostCallLines), hurry: make(chan struct{}), over: make(chan struct{})}
	c.writing.Go(c.run) // ends with close
	return c
}

// run writes until close.
func (c *callLog) run() {
	for {
		select {
		case r := <-c.lines:
			c.write(&r)
		case <-c.over:
			for {
				select {
				case r := <-c.lines:
					c.write(&r)
				default:
					return
				}
			}
		}
	}
}

// mostPatience is how long the end of a server waits for a slow log.
const mostPatience = 5 * time.Second

// wait has reports wait for room from now on: at the end of the server those of all calls in
// progress come at once.
func (c *callLog) wait() {
	if !c.patient.Swap(true) {
		time.AfterFunc(mostPatience, func() { close(c.hurry) })
	}
}

// close writes what waits. What is reported after it is left out.
func (c *callLog) close() {
	close(c.over)
	c.writing.Wait()
	if n := c.lost.Swap(0); n > 0 {
		c.log.Warn("lines of calls were left out: there were too many", "suppressed", int(n))
	}
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
	if c.patient.Load() {
		select {
		case c.lines <- *r:
			return
		case <-c.hurry:
		case <-c.over:
		}
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
