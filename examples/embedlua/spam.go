package main

// The module "spam": in Lua, `local score, err = spam.score(user)`.

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/sipscript/sipscript/luabind"
)

// spam lives as long as the process: its counts survive reloads of the script.
type spam struct{ asked atomic.Uint64 }

func newSpam() *spam { return &spam{} }

// Name is what the script requires.
func (s *spam) Name() string { return "spam" }

// Open is called for each generation of the script. This module keeps nothing per generation, so it
// is its own Module.
func (s *spam) Open(*luabind.Host) (luabind.Module, error) { return s, nil }

// Close ends a generation.
func (s *spam) Close() error { return nil }

// Functions are what the script sees. Waiting says that score may block, as a query to a server
// would: the lane serves other calls in the meantime. Arguments are checked against the types of
// the Go function.
func (s *spam) Functions() []luabind.Function {
	return []luabind.Function{
		luabind.Waiting("score", "How likely a caller is a nuisance, from 0 to 1. nil and an error when that can't be told.", s.score,
			luabind.Param{Name: "user", Doc: "the user part of the caller's address"}),
	}
}

// Metrics are exported together with the engine's own.
func (s *spam) Metrics() []luabind.Metric {
	return []luabind.Metric{{Name: "spam_asked_total", Help: "Callers looked at.", Value: func() float64 { return float64(s.asked.Load()) }}}
}

// score stands in for a query to a database. ctx ends when the caller hangs up.
func (s *spam) score(ctx context.Context, user string) (float64, error) {
	s.asked.Add(1)
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case user == "":
		return 0, errors.New("the caller has no name")
	case strings.HasPrefix(user, "robot"):
		return 0.99, nil
	}
	return 0.01, nil
}
