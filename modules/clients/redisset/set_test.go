package redisset_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/redistest"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/redis"
	"github.com/sipscript/sipscript/modules/clients/redisset"
)

// node is a process with a set, of which it keeps the values.
type node struct {
	t   *testing.T
	set *redisset.Set

	mu  sync.Mutex
	has map[string]string
}

func newNode(t *testing.T, url string, now func() time.Time, kept ...redisset.Entry) *node {
	t.Helper()
	c, err := redis.Open(clients.New(clients.Options{}), url, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, has: map[string]string{}}
	n.set = redisset.New(redisset.Options{Client: c, Name: "test", Now: now, Lock: &n.mu, Apply: func(list []redisset.Entry) {
		for _, e := range list {
			if n.has[e.Key] = e.Value; e.Gone {
				delete(n.has, e.Key)
			}
		}
	}, Value: func(key string) (string, bool) {
		n.mu.Lock()
		defer n.mu.Unlock()
		v, ok := n.has[key]
		return v, ok
	}})
	for _, e := range kept {
		if n.set.Have(e); !e.Gone {
			n.has[e.Key] = e.Value
		}
	}
	n.set.Start()
	t.Cleanup(func() { n.set.Close(); _ = c.Close() })
	return n
}

func (n *node) put(key, value string) int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.has[key] = value
	return n.set.Changed(redisset.Entry{Key: key, Value: value})
}

func (n *node) remove(key string) int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.has, key)
	return n.set.Changed(redisset.Entry{Key: key, Gone: true})
}

func (n *node) text() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return textOf(n.has)
}

func textOf(has map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(has)) {
		fmt.Fprintf(&b, "%s=%s ", k, has[k])
	}
	return strings.TrimSpace(b.String())
}

// agree waits until all nodes have the same.
func agree(t *testing.T, want string, nodes ...*node) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for i := 0; i < len(nodes); {
		if got := nodes[i].text(); got == want {
			i++
		} else if time.Now().After(deadline) {
			t.Fatalf("node %d has %.200q, want %.200q", i, got, want)
		} else {
			time.Sleep(time.Millisecond)
		}
	}
}

func TestNodesAgree(t *testing.T) {
	server := redistest.Start(t)
	a, b := newNode(t, server.URL, nil), newNode(t, server.URL, nil)
	a.put("x", "1")
	agree(t, "x=1", a, b)
	b.put("y", "a b  c")
	b.put("x", "2")
	agree(t, "x=2 y=a b  c", a, b)
	a.remove("x")
	agree(t, "y=a b  c", a, b)
	c := newNode(t, server.URL, nil) // it came later
	agree(t, "y=a b  c", c)
	for i := range 1000 { // more than one exchange
		a.put(fmt.Sprintf("n%d", i), "")
	}
	c.remove("n1")
	c.put("n2", "c")
	a.mu.Lock()
	want := maps.Clone(a.has)
	a.mu.Unlock()
	want["n2"] = "c"
	delete(want, "n1")
	agree(t, textOf(want), a, b, c)
}

// What changes while Redis is away is told when it is back, the later change counts, and a Redis
// that has lost its data gets them again.
func TestAway(t *testing.T) {
	for _, lost := range []bool{false, true} {
		t.Run(map[bool]string{false: "comes back", true: "comes back empty"}[lost], func(t *testing.T) {
			server := redistest.Start(t)
			a, b := newNode(t, server.URL, nil), newNode(t, server.URL, func() time.Time { return time.Now().Add(time.Second) })
			a.put("x", "1")
			a.put("z", "1")
			agree(t, "x=1 z=1", a, b)
			server.Kill()
			a.put("x", "a")
			b.put("x", "b") // later
			a.put("y", "a")
			b.remove("z")
			server.Start()
			if lost {
				empty(t, server.URL)
			}
			agree(t, "x=b y=a", a, b)
			agree(t, "x=b y=a", newNode(t, server.URL, nil))
		})
	}
}

func empty(t *testing.T, url string) {
	t.Helper()
	c, err := redis.Open(clients.New(clients.Options{}), url, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// It may still be loading
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := c.Call(t.Context(), "FLUSHALL"); err == nil {
			return
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// Two changes in one moment leave all nodes with the same.
func TestSameMoment(t *testing.T) {
	server := redistest.Start(t)
	at := time.Now()
	now := func() time.Time { return at }
	a, b := newNode(t, server.URL, now), newNode(t, server.URL, now)
	a.put("x", "a")
	b.put("x", "b")
	c := newNode(t, server.URL, nil)
	c.put("z", "c")
	deadline := time.Now().Add(20 * time.Second)
	for a.text() != b.text() || a.text() != c.text() || !strings.HasSuffix(a.text(), "z=c") {
		if time.Now().After(deadline) {
			t.Fatal(a.text(), b.text(), c.text())
		}
		time.Sleep(time.Millisecond)
	}
}

// A clock that is behind does not undo what its node has seen.
func TestClockThatIsBehind(t *testing.T) {
	server := redistest.Start(t)
	a := newNode(t, server.URL, nil)
	b := newNode(t, server.URL, func() time.Time { return time.Now().Add(-time.Hour) })
	a.put("x", "1")
	agree(t, "x=1", b)
	b.remove("x")
	agree(t, "", a, b)
}

// A process that was away finds what it kept changed, removed, or missing.
func TestKept(t *testing.T) {
	server := redistest.Start(t)
	a := newNode(t, server.URL, nil)
	day := 24 * time.Hour
	at := func(ago time.Duration) int64 { return redisset.At(time.Now().Add(-ago)) }
	before := at(day)
	gone := a.put("gone", "1")
	a.put("changed", "1")
	a.remove("gone")
	agree(t, "changed=1", a, newNode(t, server.URL, nil))
	b := newNode(t, server.URL, nil,
		redisset.Entry{Key: "gone", Value: "1", At: gone},        // removed meanwhile
		redisset.Entry{Key: "changed", Value: "old", At: before}, // changed meanwhile
		redisset.Entry{Key: "older", Value: "1", At: before},     // older than what Redis has
		redisset.Entry{Key: "ended", Value: "1", At: at(0), Gone: true, Ends: time.Now().Add(day)})
	agree(t, "changed=1 older=1", a, b)
	// Eight days later nobody knows any more that an entry was removed: who has it, and does not
	// find it, was not there
	late := func() time.Time { return time.Now().Add(8 * day) }
	c := newNode(t, server.URL, late, redisset.Entry{Key: "long ago", Value: "1", At: at(0)})
	agree(t, "changed=1 older=1", a, b, c)
}

// An entry ends by itself, in Redis too.
func TestEnds(t *testing.T) {
	server := redistest.Start(t)
	a := newNode(t, server.URL, nil)
	a.mu.Lock()
	a.has["x"] = "1"
	a.set.Changed(redisset.Entry{Key: "x", Ends: time.Now().Add(50 * time.Millisecond)})
	a.mu.Unlock()
	time.Sleep(60 * time.Millisecond) // by the clock of Redis
	a.put("y", "1")                   // which has Redis look
	b := newNode(t, server.URL, nil)
	agree(t, "y=1", b)
	names := map[string]float64{}
	for _, m := range a.set.Metrics("p") {
		names[m.Name] = m.Value()
	}
	if names["p_told_total"] < 1 || names["p_away_seconds"] != 0 || len(names) != 4 {
		t.Error(names)
	}
}

// What is too long stays here.
func TestBounds(t *testing.T) {
	server := redistest.Start(t)
	a, b := newNode(t, server.URL, nil), newNode(t, server.URL, nil)
	a.put("long", strings.Repeat("x", redisset.MostValue+1))
	a.put("short", "1")
	agree(t, "short=1", b)
}

// Other data under the keys is not a reason to stop.
func TestOtherData(t *testing.T) {
	server := redistest.Start(t)
	c, err := redis.Open(clients.New(clients.Options{}), server.URL, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	a := newNode(t, server.URL, nil)
	a.put("x", "1")
	agree(t, "x=1", newNode(t, server.URL, nil))
	for _, args := range [][]string{{"HSET", "sipscript:{test}:entries", ":bad", "x"}, {"HSET", "sipscript:{test}:entries", ":bad2", "1 x 0 y"}, {"HSET", "sipscript:{test}:entries", "odd", "1 0 0 y"}} {
		if _, err := c.Call(t.Context(), args[0], args[1:]...); err != nil {
			t.Fatal(err)
		}
	}
	b := newNode(t, server.URL, nil)
	b.put("y", "1")
	agree(t, "x=1 y=1", a, b)
}
