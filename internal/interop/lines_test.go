package interop

// What a process writes, line by line, to be waited for.

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what must come. It is not a delay: what comes is taken at
// once.
const patience = time.Minute

// lines collects the lines written to it.
type lines struct {
	mu      sync.Mutex
	all     []string      // guarded by mu
	rest    []byte        // guarded by mu: the line begun
	changed chan struct{} // guarded by mu: closed and replaced with each write
}

func newLines() *lines { return &lines{changed: make(chan struct{})} }

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, b...)
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok {
			break
		}
		l.all = append(l.all, string(line))
		l.rest = rest
	}
	close(l.changed)
	l.changed = make(chan struct{})
	return len(b), nil
}

// text is all of it.
func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "\n") + "\n" + string(l.rest)
}

// count is how many lines there are.
func (l *lines) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}

// await waits for a line, of those from number from on, that contains all of the parts.
func (l *lines) await(t *testing.T, from int, parts ...string) string {
	t.Helper()
	line, ok := l.awaitOr(nil, from, parts...)
	if !ok {
		t.Fatalf("no line with %q in:\n%s", parts, l.text())
	}
	return line
}

// awaitOr is await that gives up when done is closed, and reports it.
func (l *lines) awaitOr(done <-chan struct{}, from int, parts ...string) (string, bool) {
	deadline := time.After(patience)
	for ended := false; ; {
		l.mu.Lock()
		candidates, changed := l.all[min(from, len(l.all)):], l.changed
		i := slices.IndexFunc(candidates, func(line string) bool {
			return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(line, p) })
		})
		l.mu.Unlock()
		if i >= 0 {
			return candidates[i], true
		}
		if ended {
			return "", false
		}
		select {
		case <-changed:
		case <-done:
			ended = true // what was written before the end still counts
		case <-deadline:
			return "", false
		}
	}
}

// eventually polls until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
		time.Sleep(10 * time.Millisecond) // between two looks, not instead of one
	}
}
