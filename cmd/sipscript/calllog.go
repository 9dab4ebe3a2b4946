package main

// One line for each call.

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
)

const (
	// mostCallLines bounds the lines that wait to be written; those beyond are left out, and
	// counted.
	mostCallLines = 4096
	// gatherCalls is how long lines wait for others, to be written at once. A line by itself costs
	// more than anything else does that a server does for a call without the network: a goroutine
	// is woken for it, and then whoever reads the log.
	gatherCalls = 100 * time.Millisecond
	// mostCallText bounds the text of one write, but for the last line of it.
	mostCallText = 64 << 10
)

// callLine is a call, and when it was reported.
type callLine struct {
	engine.CallReport
	at time.Time
}

// callLog writes a line for each call, on a goroutine of its own: a slow log must not delay calls.
// It is an engine.Reporter.
type callLog struct {
	level   slog.Leveler
	json    bool
	to      io.Writer
	handler slog.Handler // writes into text
	lost    atomic.Int64 // since the last line

	mu      sync.Mutex
	room    sync.Cond // the lines were taken, or nobody waits any longer
	lines   []callLine
	timer   *time.Timer // of the next writing
	armed   bool        // a writing will come, or takes place
	patient bool        // the server stops: what is reported waits for room
	hurry   bool        // nobody waits any longer
	over    bool        // no line is taken any more

	writing sync.Mutex // guards what follows
	spare   []callLine
	text    bytes.Buffer
}

func newCallLog(to io.Writer, level slog.Leveler, json bool) *callLog {
	c := &callLog{level: level, json: json, to: to}
	c.room.L = &c.mu
	c.handler = newLog(&c.text, level, json).Handler()
	c.timer = time.AfterFunc(time.Hour, c.flush) // ends with close
	c.timer.Stop()
	return c
}

// flush writes what waits.
func (c *callLog) flush() {
	c.writing.Lock()
	defer c.writing.Unlock()
	for {
		c.mu.Lock()
		lines := c.lines
		c.lines = c.spare[:0]
		c.armed = len(lines) > 0
		c.room.Broadcast()
		c.mu.Unlock()
		if len(lines) == 0 {
			return
		}
		for i := range lines {
			c.write(&lines[i])
			if c.text.Len() >= mostCallText {
				c.send()
			}
		}
		c.send()
		clear(lines)
		c.spare = lines
		if c.later() {
			return
		}
	}
}

// later leaves what was reported meanwhile to another writing, and reports true; false: it is to be
// written at once.
func (c *callLog) later() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.patient || len(c.lines) >= mostCallLines/2 {
		return false
	}
	if c.armed = len(c.lines) > 0; c.armed {
		c.timer.Reset(gatherCalls)
	}
	return true
}

// send passes the text on. There is nobody to tell that the log takes nothing.
func (c *callLog) send() {
	_, _ = c.to.Write(c.text.Bytes())
	c.text.Reset()
}

// mostPatience is how long the end of a server waits for a slow log.
const mostPatience = 5 * time.Second

// wait has reports wait for room from now on: at the end of the server those of all calls in
// progress come at once.
func (c *callLog) wait() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.patient {
		return
	}
	c.patient = true
	time.AfterFunc(mostPatience, func() {
		c.mu.Lock()
		c.hurry = true
		c.room.Broadcast()
		c.mu.Unlock()
	})
}

// close writes what waits. What is reported after it is left out.
func (c *callLog) close() {
	c.mu.Lock()
	c.over = true
	c.room.Broadcast()
	c.mu.Unlock()
	c.timer.Stop()
	c.flush()
	if n := c.lost.Swap(0); n > 0 {
		newLog(c.to, c.level, c.json).Warn("lines of calls were left out: there were too many", "suppressed", int(n))
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
	if c.level.Level() > slog.LevelInfo {
		return
	}
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.patient && !c.hurry && !c.over && len(c.lines) == mostCallLines {
		c.room.Wait()
	}
	if c.over || len(c.lines) == mostCallLines {
		c.lost.Add(1)
		return
	}
	c.lines = append(c.lines, callLine{*r, now})
	switch {
	case !c.armed:
		c.armed = true
		c.timer.Reset(gatherCalls)
	case len(c.lines) == mostCallLines/2: // sooner, then, or after the writing that takes place
		c.timer.Reset(0)
	}
}

// write adds the line of a call to the text.
func (c *callLog) write(r *callLine) {
	lost := int(c.lost.Swap(0))
	q := quickLine{b: c.text.AvailableBuffer(), json: c.json}
	if q.write(r, lost) {
		c.text.Write(q.b)
		return
	}
	c.writeSlowly(r, lost)
}

// writeSlowly is write for any values.
func (c *callLog) writeSlowly(r *callLine, lost int) {
	args := []any{
		"call_id", r.CallID, "from", r.From, "to", r.To, "uri", r.URI, "target", r.Target, "user", r.User, "source", r.Source.String(),
		"transport", r.Kind.String(), "status", r.Code, "reason", r.Cause, "branches", r.Tried, "ringing", seconds(r.Ringing), "setup", seconds(r.Answered),
		"duration", seconds(r.Lasted), "ended_by", r.EndedBy, "at", r.Place, "suppressed", lost,
	}
	said := args[:0] // what there is nothing to say about is left out
	for i := 0; i < len(args); i += 2 {
		if v := args[i+1]; v != "" && v != 0 && v != 0.0 {
			said = append(said, args[i], v)
		}
	}
	line := slog.NewRecord(r.at, slog.LevelInfo, "call", 0)
	line.Add(said...)
	_ = c.handler.Handle(context.Background(), line) // writing to memory can't fail
}

// seconds are those of a duration, to the millisecond.
func seconds(d time.Duration) float64 { return float64(milliseconds(d)) / 1000 }

func milliseconds(d time.Duration) int64 { return int64(d.Round(time.Millisecond) / time.Millisecond) }

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
