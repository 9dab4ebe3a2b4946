//go:build unix

package redis_test

// This file tests clients with a Redis server.

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/sipscript/sipscript/internal/redistest"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/redis"
)

func open(t *testing.T, p *clients.Pool, url string) *redis.Client {
	t.Helper()
	c, err := redis.Open(p, url, 300*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestCalls(t *testing.T) {
	server := redistest.Start(t)
	c := open(t, clients.New(clients.Options{}), server.URL)
	ctx := t.Context()
	if _, err := c.Call(ctx, "SET", "k", "v"); err != nil {
		t.Fatal(err)
	}
	m, err := c.Call(ctx, "GET", "k")
	if text, _ := m.ToString(); err != nil || text != "v" {
		t.Errorf("%q %v", text, err)
	}
	if m, err = c.Call(ctx, "GET", "none"); err != nil || !m.IsNil() {
		t.Errorf("%v %v", m, err)
	}
	if _, err = c.Call(ctx, "INCR", "k"); err == nil || !redis.Refused(err) || errors.Is(err, clients.ErrAway) {
		t.Errorf("a refusal: %v", err)
	}
	answers, err := c.Pipeline(ctx, []string{"SET", "n", "1"}, []string{"INCR", "k"}, []string{"INCR", "n"})
	if err != nil || len(answers) != 3 || answers[1].Error() == nil {
		t.Fatalf("%v %v", answers, err)
	}
	if n, err := answers[2].AsInt64(); n != 2 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	if _, err := c.Pipeline(ctx, []string{}); err == nil {
		t.Error("an empty command")
	}
	script := rueidis.NewLuaScript(`return ARGV[1] .. redis.call("GET", KEYS[1])`)
	m, err = c.Script(ctx, script, []string{"k"}, []string{"a"})
	if text, _ := m.ToString(); err != nil || text != "av" {
		t.Errorf("%q %v", text, err)
	}
}

// A server that is unavailable, however it is, fails at once after the first calls, and serves when
// it is back.
func TestAway(t *testing.T) {
	server := redistest.Start(t)
	for name, row := range map[string]struct{ leave, back func() }{
		"stopped": {server.Stop, server.Start},
		"frozen":  {server.Freeze, server.Thaw},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(0, 0)
			c := open(t, clients.New(clients.Options{Now: func() time.Time { return now }}), server.URL)
			if _, err := c.Call(t.Context(), "PING"); err != nil {
				t.Fatal(err)
			}
			row.leave()
			var err error
			for range 3 {
				_, err = c.Call(t.Context(), "PING")
			}
			if !errors.Is(err, clients.ErrAway) {
				t.Errorf("%v", err)
			}
			began := time.Now()
			if _, err := c.Call(t.Context(), "PING"); !errors.Is(err, clients.ErrAway) || time.Since(began) > 100*time.Millisecond {
				t.Errorf("%v after %v", err, time.Since(began))
			}
			row.back()
			now = now.Add(time.Minute)
			if _, err := c.Call(t.Context(), "PING"); err != nil {
				now = now.Add(time.Minute) // the connection of before may break first
				if _, err = c.Call(t.Context(), "PING"); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// Opening connects to nothing; who shares a client shares its circuit.
func TestOpening(t *testing.T) {
	p := clients.New(clients.Options{})
	const url = "redis://:hidden@127.0.0.1:1/0"
	a, b := open(t, p, url), open(t, p, url)
	if _, err := a.Call(t.Context(), "PING"); !errors.Is(err, clients.ErrAway) || strings.Contains(err.Error(), "hidden") {
		t.Error(err)
	}
	if _, err := b.Call(t.Context(), "PING"); !errors.Is(err, clients.ErrAway) {
		t.Error(err)
	}
	for _, bad := range []string{"redis://:hidden@h:x", "http://:hidden@h"} {
		if _, err := redis.Open(p, bad, 0); err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestSubscribe(t *testing.T) {
	server := redistest.Start(t)
	c := open(t, clients.New(clients.Options{}), server.URL)
	ctx, cancel := context.WithCancel(t.Context())
	heard, ended := make(chan string, 10), make(chan error, 1)
	go func() {
		ended <- c.Subscribe(ctx, func(channel, message string) { heard <- channel + " " + message }, "x")
	}()
	for n := int64(0); n == 0; { // until it is subscribed
		m, err := c.Call(t.Context(), "PUBLISH", "x", "hello")
		if err != nil {
			t.Fatal(err)
		}
		n, _ = m.AsInt64()
	}
	if got := <-heard; got != "x hello" {
		t.Error(got)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
