package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/ops/admin"
)

// A profile is what go tool pprof reads: compressed, with the names of what was sampled.
func TestProfile(t *testing.T) {
	s, _ := served(t)
	ask := (&admin.Client{Addr: s.admin.Addr().String()}).Asker(t.Context())
	run := func(file string, flags map[string]any) error {
		c := profileCommand()
		return c.Run(&host.Invocation{Context: t.Context(), Command: "profile", Args: []string{file}, Flags: host.NewValues(flags), Ask: ask})
	}
	for kind, sample := range map[string]string{"cpu": "nanoseconds", "heap": "inuse_space", "goroutines": "goroutine"} {
		t.Run(kind, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), kind)
			flags := map[string]any{"kind": kind}
			if kind == "cpu" {
				flags["seconds"] = 1
			}
			if err := run(file, flags); err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			z, err := gzip.NewReader(f)
			if err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(z); err != nil || !bytes.Contains(text, []byte(sample)) {
				t.Errorf("%d bytes without %q: %v", len(text), sample, err)
			}
			if err := run(file, flags); err == nil || !strings.Contains(err.Error(), "not written over") {
				t.Errorf("over a file that is there: %v", err)
			}
		})
	}
	for name, flags := range map[string]map[string]any{
		"no such kind":    {"kind": "disk"},
		"too long":        {"kind": "cpu", "seconds": mostProfiled + 1},
		"negative":        {"kind": "cpu", "seconds": -1},
		"seconds of heap": {"kind": "heap", "seconds": 3},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "profile")
			var usage *host.UsageError
			if err := run(file, flags); !errors.As(err, &usage) {
				t.Errorf("error %v", err)
			}
			if _, err := os.Stat(file); err == nil {
				t.Error("a file was written")
			}
		})
	}
	for _, body := range []string{`{"kind":"disk"}`, `{"seconds":51}`, `{"second":1}`, `x`} {
		if _, err := ask(http.MethodPost, profilePath, strings.NewReader(body)); err == nil {
			t.Errorf("%s was accepted", body)
		}
	}
}

// There is one profile of the processor at a time, and it ends when nobody waits for it.
func TestProfileOfNobody(t *testing.T) {
	s, _ := served(t)
	url := "http://" + s.admin.Addr().String() + profilePath
	ctx, leave := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		for { // until it is the one that is made
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(`{"seconds":50}`))
			if err != nil {
				first <- err
				return
			}
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				first <- err
				return
			}
			res.Body.Close()
		}
	}()
	state := func() int {
		res, err := http.Post(url, "application/json", strings.NewReader(`{"seconds":1}`))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	until := func(want int) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); state() != want; {
			if time.Now().After(deadline) {
				t.Fatalf("a profile was never answered %d", want)
			}
		}
	}
	until(http.StatusConflict)
	leave()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first one: %v", err)
	}
	until(http.StatusOK)
}
