package luabind_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
)

// The run of a file has a budget of its own: what takes longer than many script budgets loads, and
// what never ends is refused.
func TestLoadBudget(t *testing.T) {
	const long = "for i = 1, 8e6 do end\n"
	for _, c := range []struct {
		name, file string
		budget     time.Duration
		refused    string
	}{
		{"long, with a budget", long, 10 * time.Minute, ""},
		{"long, with ten script budgets", long, 0, "(load budget 20ms)"},
		{"endless", "while true do end\n", 50 * time.Millisecond, "(load budget 50ms)"},
		{"endless in a pcall", "while true do pcall(function() while true do end end) end\n", 50 * time.Millisecond, "(load budget 50ms)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := luabind.NewRouter(luabind.Options{Source: c.file + "function route(req) req:reply(200) end", Name: "route.lua",
				Budget: 2 * time.Millisecond, LoadBudget: c.budget})
			if err != nil {
				t.Fatal(err)
			}
			e, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Lanes: 1, Router: r})
			if err == nil {
				_ = e.Shutdown(t.Context())
			}
			switch {
			case c.refused == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused) || !strings.Contains(err.Error(), "route.lua:1")):
				t.Errorf("%v, want %s", err, c.refused)
			}
		})
	}
}

// A start that is to stop does not wait for the script's file, nor does a reload.
func TestLoadIsInterrupted(t *testing.T) {
	began := make(chan struct{}, 10)
	env := func(string) string { began <- struct{}{}; return "" }
	const file = "sip.env('x') while true do pcall(function() while true do end end) end\nfunction route(req) end"
	t.Run("start", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-began; cancel() }()
		r, err := luabind.NewRouter(luabind.Options{Source: file, Name: "route.lua", LoadBudget: 10 * time.Minute, Loading: ctx, Env: env})
		if err != nil {
			t.Fatal(err)
		}
		e, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Lanes: 1, Router: r})
		if err == nil {
			err = e.Start()
			_ = e.Shutdown(t.Context())
		}
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "the load was stopped") {
			t.Error(err)
		}
	})
	t.Run("reload", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "route.lua")
		write := func(text string) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("function route(req) req:reply(200) end")
		r, err := luabind.NewRouter(luabind.Options{Script: path, LoadBudget: 10 * time.Minute, Env: env})
		if err != nil {
			t.Fatal(err)
		}
		e, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Lanes: 1, Router: r})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Start(); err != nil {
			t.Fatal(err)
		}
		over, cancelled := context.WithCancel(t.Context())
		cancelled()
		defer e.Shutdown(over)
		write(file)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-began; cancel() }()
		if err := r.Reload(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
