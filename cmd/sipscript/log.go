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
