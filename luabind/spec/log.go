package spec

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	drawing "github.com/sipscript/sipscript/internal/ladder"
)

// This file keeps what is logged in a test, at virtual times, for people to read.

// record is one line of the log.
type record struct {
	level slog.Level
	text  string
}

// log gathers records; lanes write to it from goroutines of their own.
type log struct {
	elapsed func() time.Duration
	mu      sync.Mutex
	records []record // guarded by mu
}

// text is what was logged at a level or above.
func (l *log) text(least slog.Level) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, r := range l.records {
		if r.level >= least {
			b.WriteString(r.text)
		}
	}
	return b.String()
}

// since is what was logged at a level or above after the first n records, and how many there are.
func (l *log) since(n int, least slog.Level) (string, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, r := range l.records[n:] {
		if r.level >= least {
			b.WriteString(r.text)
		}
	}
	return b.String(), len(l.records)
}

// logger is a logger whose lines say who wrote them.
func (l *log) logger(who string) *slog.Logger { return slog.New(&logHandler{log: l, who: who}) }

type logHandler struct {
	log   *log
	who   string
	attrs []slog.Attr
}

// Enabled: all is kept, and chosen from when it is shown.
func (h *logHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle writes a record as one line; values of several lines follow it, indented.
func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	var line, more strings.Builder
	fmt.Fprintf(&line, "%*.3f  %s: %s: %s", drawing.TimeWidth, h.log.elapsed().Seconds(), h.who, strings.ToLower(r.Level.String()), r.Message)
	write := func(a slog.Attr) bool {
		value := a.Value.String()
		if strings.Contains(value, "\n") {
			for part := range strings.Lines(value) {
				fmt.Fprintf(&more, "%*s  %s\n", drawing.TimeWidth, "", strings.TrimRight(part, "\n"))
			}
		} else if value != "" {
			fmt.Fprintf(&line, " %s=%s", a.Key, value)
		}
		return true
	}
	for _, a := range h.attrs {
		write(a)
	}
	r.Attrs(write)
	h.log.mu.Lock()
	h.log.records = append(h.log.records, record{r.Level, line.String() + "\n" + more.String()})
	h.log.mu.Unlock()
	return nil
}

// WithAttrs is part of slog.Handler.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.attrs = append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)
	return &c
}

// WithGroup is part of slog.Handler; nobody here makes groups.
func (h *logHandler) WithGroup(string) slog.Handler { return h }
