package main

// The log: text or JSON lines on standard error.

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

func newLog(w io.Writer, level slog.Leveler, json bool) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if json {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// lineTeller tells what is said whatever the level of the log: as lines of text, or in the form
// of a log that is JSON. Lines that begin with "listening" or "ready" are text always: programs
// wait for them.
func lineTeller(w io.Writer, json bool) func(text string) {
	if !json {
		return func(text string) { fmt.Fprintln(w, text) }
	}
	log := newLog(w, slog.LevelInfo, true)
	return func(text string) { log.Info(text) }
}

// readLevel reads one of the four levels.
func readLevel(text string) (level slog.Level, err error) {
	for _, l := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if strings.EqualFold(text, l.String()) {
			return l, nil
		}
	}
	return level, fmt.Errorf("%.20q is not a level: expected debug, info, warn or error", text)
}

func levelName(l slog.Level) string { return strings.ToLower(l.String()) }
