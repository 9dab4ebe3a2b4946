//go:build unix

package dictredis_test

// This file tests dictionaries in one real Redis server.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/internal/redistest"
	"github.com/sipscript/sipscript/luabind/dict"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/dictredis"
	"github.com/sipscript/sipscript/modules/clients/redis"
)

// node is what one process has.
type node struct {
	t    testing.TB
	pool *clients.Pool
	set  *dictredis.Set
}

func newNode(t testing.TB, url string, o dictredis.Options) *node {
	t.Helper()
	n := &node{t: t, pool: clients.New(clients.Options{})}
	var err error
	if n.set, err = dictredis.Open(n.pool, url, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.set.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// d is a dictionary whose operations have to work.
type d struct {
	t testing.TB
	r dict.Remote
}

func (n *node) open(name string, o dict.RemoteOptions) *d {
	n.t.Helper()
	r, err := n.set.Remote(name, o)
	if err != nil {
		n.t.Fatal(err)
	}
	return &d{n.t, r}
}

func (d *d) do(op dict.Op) dict.Op {
	d.t.Helper()
	if err := d.r.Do(d.t.Context(), &op); err != nil {
		d.t.Fatalf("%+v: %v", op, err)
	}
	return op
}

// get is a read as scripts make it.
func (d *d) get(key string) any {
	d.t.Helper()
	if v, known := d.r.Peek(key); known {
		return v
	}
	return d.do(dict.Op{Kind: dict.OpGet, Key: key}).Value
}

func (d *d) put(key string, value any) bool {
	d.t.Helper()
	return d.do(dict.Op{Kind: dict.OpPut, Key: key, Value: value, TTL: -1}).Done
}

func (d *d) incr(key string, by, init float64) dict.Op {
	d.t.Helper()
	return d.do(dict.Op{Kind: dict.OpIncr, Key: key, By: by, Init: init, TTL: -1})
}

func (d *d) keys() []string {
	d.t.Helper()
	keys := d.do(dict.Op{Kind: dict.OpKeys}).Keys
	slices.Sort(keys)
	return keys
}

var hour = time.Hour

// until waits for what another process does.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

func TestValues(t *testing.T) {
	server := redistest.Start(t)
	a, b := newNode(t, server.URL, dictredis.Options{}).open("x", dict.RemoteOptions{}), newNode(t, server.URL, dictredis.Options{}).open("x", dict.RemoteOptions{})
	for name, value := range map[string]any{
		"text": "x", "no text": "", "bytes": "\x00\xff}:\r\n", "a number": 5.0, "a fraction": 0.1, "the largest": math.MaxFloat64, "the smallest": math.SmallestNonzeroFloat64,
		"infinity": math.Inf(1), "true": true, "false": false, "a list": []any{"a", 1.5, []any{true}}, "an empty table": map[string]any{},
		"a table": map[string]any{"a": 1.0, "b": map[string]any{"c": []any{"d"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if !a.put(name, value) {
				t.Error("was not stored")
			}
			for _, d := range []*d{a, b, b} { // the second time from the copy
				if got := d.get(name); !reflect.DeepEqual(got, value) {
					t.Errorf("%#v", got)
				}
			}
			if _, known := b.r.Peek(name); !known {
				t.Error("it is not remembered")
			}
		})
	}
}

// The same operations have the same outcomes as on a dictionary in memory.
func TestLikeADictionaryInMemory(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	server := redistest.Start(t)
	node := newNode(t, server.URL, dictredis.Options{})
	remote := node.open("x", dict.RemoteOptions{})
	local := dict.New().Open("x", 0, 0, 0, false)
	now := lane.Time(1)
	for i := range 3000 {
		key := fmt.Sprint("k", random.IntN(5))
		var got, want any
		what := ""
		value := []any{"t", 2.5, true, []any{"l"}}[random.IntN(4)]
		switch n := random.IntN(8); n {
		case 0, 1, 2:
			w := dict.When(n)
			what = fmt.Sprint("put ", w, value)
			got, want = remote.do(dict.Op{Kind: dict.OpPut, Key: key, Value: value, TTL: -1, When: w}).Done, local.Put(key, value, now, -1, w)
		case 3:
			what = "remove"
			got, want = remote.do(dict.Op{Kind: dict.OpRemove, Key: key}).Done, local.Remove(key, now)
		case 4:
			what = "incr"
			by := float64(random.IntN(100))/7 - 5
			op := remote.incr(key, by, 0.1)
			n, ok := local.Incr(key, by, 0.1, now, -1)
			got, want = []any{op.Number, op.Done}, []any{n, ok}
		case 5:
			what = "keys"
			keys := local.Keys(now)
			slices.Sort(keys)
			got, want = fmt.Sprint(remote.keys()), fmt.Sprint(keys)
		case 6:
			what = "swap"
			op := remote.do(dict.Op{Kind: dict.OpGet, Key: key})
			_, held := local.Look(key, now)
			next := value
			if random.IntN(3) == 0 {
				next = nil
			}
			if random.IntN(3) == 0 { // somebody is faster
				remote.put(key, float64(i))
				local.Put(key, float64(i), now, -1, dict.Always)
			}
			op = remote.do(dict.Op{Kind: dict.OpSwap, Key: key, Value: next, Held: op.Held, TTL: -1})
			got, want = op.Done, local.Replace(key, held, next, now, -1)
			if !op.Done && op.Value != float64(i) {
				t.Fatalf("a swap that failed found %v", op.Value)
			}
		case 7:
			if random.IntN(20) == 0 {
				remote.do(dict.Op{Kind: dict.OpFlush})
				local.Flush()
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%d: %s %s: %v, want %v", i, what, key, got, want)
		}
		x, _ := local.Get(key, now)
		if got := remote.get(key); !reflect.DeepEqual(got, x) {
			t.Fatalf("%d: after %s %s: %v, want %v", i, what, key, got, x)
		}
	}
}

// count lets several goroutines of two processes add to a few keys, and updates lists.
func count(t *testing.T, url string) {
	const lanes, rounds = 4, 150
	a, b := newNode(t, url, dictredis.Options{}).open("sums", dict.RemoteOptions{}), newNode(t, url, dictredis.Options{}).open("sums", dict.RemoteOptions{})
	var all sync.WaitGroup
	for i := range 2 * lanes {
		x := []*d{a, b}[i%2]
		all.Go(func() {
			for range rounds {
				x.incr("n", 1, 0)
				x.incr("half", 0.5, 10)
			}
			for range rounds / 10 {
				op := x.do(dict.Op{Kind: dict.OpGet, Key: "list"})
				for done := false; !done; done = op.Done {
					list, _ := op.Value.([]any)
					op = x.do(dict.Op{Kind: dict.OpSwap, Key: "list", Held: op.Held, Value: append(slices.Clone(list), float64(i)), TTL: -1})
				}
			}
		})
	}
	all.Wait()
	for name, x := range map[string]*d{"a": a, "b": b} {
		until(t, name, func() bool { return x.get("n") == 2.0*lanes*rounds })
		if got := x.get("half"); got != 10+2.0*lanes*rounds/2 {
			t.Errorf("%s: %v", name, got)
		}
		if list, _ := x.get("list").([]any); len(list) != 2*lanes*(rounds/10) {
			t.Errorf("%s: %d in the list", name, len(list))
		}
	}
}

func TestCounts(t *testing.T) { count(t, redistest.Start(t).URL) }

// What one process changes the others see without asking again and again.
func TestChangesAreReported(t *testing.T) {
	server := redistest.Start(t)
	a, b := newNode(t, server.URL, dictredis.Options{}).open("x}:y", dict.RemoteOptions{}), newNode(t, server.URL, dictredis.Options{}).open("x}:y", dict.RemoteOptions{})
	other := newNode(t, server.URL, dictredis.Options{}).open("x", dict.RemoteOptions{})
	steps := map[string]func(){
		"put":    func() { a.put("k", "new") },
		"remove": func() { a.do(dict.Op{Kind: dict.OpRemove, Key: "k"}) },
		"incr":   func() { a.do(dict.Op{Kind: dict.OpRemove, Key: "k"}); a.incr("k", 1, 7) },
		"flush":  func() { a.do(dict.Op{Kind: dict.OpFlush}) },
		"by hand": func() {
			c, err := redis.Open(clients.New(clients.Options{}), server.URL, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Call(t.Context(), "FLUSHALL"); err != nil {
				t.Fatal(err)
			}
		},
	}
	for _, name := range []string{"put", "remove", "incr", "flush", "by hand"} {
		t.Run(name, func(t *testing.T) {
			a.put("k", "old")
			other.put("k", "another")
			until(t, "the old value", func() bool { return b.get("k") == "old" })
			b.get("k")
			steps[name]()
			until(t, "the new value", func() bool { return b.get("k") != "old" })
			if name != "by hand" && other.get("k") != "another" {
				t.Error("another dictionary was changed")
			}
		})
	}
}

func TestTimes(t *testing.T) {
	server := redistest.Start(t)
	a := newNode(t, server.URL, dictredis.Options{}).open("x", dict.RemoteOptions{TTL: &hour})
	b := newNode(t, server.URL, dictredis.Options{}).open("x", dict.RemoteOptions{TTL: &hour})
	a.put("default", 1.0)
	a.do(dict.Op{Kind: dict.OpPut, Key: "ever", Value: 1.0})
	a.do(dict.Op{Kind: dict.OpPut, Key: "short", Value: 1.0, TTL: 300 * time.Millisecond})
	a.incr("short", 1, 0) // keeps its time
	a.do(dict.Op{Kind: dict.OpSwap, Key: "short", Held: dict.Encode(2.0), Value: 3.0, TTL: -1})
	if op := a.do(dict.Op{Kind: dict.OpLeft, Key: "default"}); !op.Done || op.Forever || op.Left > time.Hour || op.Left < 59*time.Minute {
		t.Errorf("default: %+v", op)
	}
	if op := a.do(dict.Op{Kind: dict.OpLeft, Key: "ever"}); !op.Done || !op.Forever {
		t.Errorf("ever: %+v", op)
	}
	if op := a.do(dict.Op{Kind: dict.OpLeft, Key: "none"}); op.Done {
		t.Errorf("none: %+v", op)
	}
	if got := b.get("short"); got != 3.0 && got != nil {
		t.Errorf("short: %v", got)
	}
	until(t, "the end", func() bool { return b.get("short") == nil && a.get("short") == nil })
	if got := fmt.Sprint(a.keys()); got != "[default ever]" {
		t.Error(got)
	}
}

func TestCapacity(t *testing.T) {
	server := redistest.Start(t)
	a := newNode(t, server.URL, dictredis.Options{}).open("x", dict.RemoteOptions{Capacity: 3})
	b := newNode(t, server.URL, dictredis.Options{}).open("x", dict.RemoteOptions{Capacity: 3})
	for _, key := range []string{"a", "b", "c", "a", "d"} { // b was changed least recently
		a.put(key, key)
		b.get(key)
	}
	if got := fmt.Sprint(a.keys()); got != "[a c d]" {
		t.Error(got)
	}
	until(t, "b is gone", func() bool { return b.get("b") == nil })
}

// What Redis drops, since its memory is full, is gone for everybody.
func TestEviction(t *testing.T) {
	server := redistest.Start(t)
	admin, err := redis.Open(clients.New(clients.Options{}), server.URL, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	a := newNode(t, server.URL, dictredis.Options{}).open("x", dict.RemoteOptions{TTL: &hour})
	b := newNode(t, server.URL, dictredis.Options{}).open("x", dict.RemoteOptions{TTL: &hour})
	const n = 400
	for i := range n {
		a.put(fmt.Sprint(i), "x")
		b.get(fmt.Sprint(i))
	}
	for _, words := range [][]string{{"maxmemory-policy", "volatile-random"}, {"maxmemory", "1"}} {
		if _, err := admin.Call(t.Context(), "CONFIG", "SET", words[0], words[1]); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n / 2 { // each makes room for itself
		op := dict.Op{Kind: dict.OpPut, Key: fmt.Sprint("more", i), Value: "x", TTL: -1}
		if err := a.r.Do(t.Context(), &op); err != nil {
			break // there is nothing left to drop
		}
	}
	if _, err := admin.Call(t.Context(), "CONFIG", "SET", "maxmemory", "0"); err != nil {
		t.Fatal(err)
	}
	until(t, "Redis is used again", func() bool {
		return a.r.Do(t.Context(), &dict.Op{Kind: dict.OpGet, Key: "0"}) == nil && b.r.Do(t.Context(), &dict.Op{Kind: dict.OpGet, Key: "0"}) == nil
	})
	left := a.keys()
	if len(left) >= n {
		t.Fatalf("%d keys are left", len(left))
	}
	for i := range n {
		key := fmt.Sprint(i)
		there := slices.Contains(left, key)
		until(t, key, func() bool { return (b.get(key) != nil) == there })
	}
}

// A value that is remembered is returned only for as long as was promised, whatever has happened to
// Redis; writes and reads of others fail, at once in the end, and all works again by itself.
func TestAway(t *testing.T) {
	for name, row := range map[string]struct {
		leave, back func(*redistest.Server)
		loses       bool
	}{
		"stopped": {(*redistest.Server).Stop, (*redistest.Server).Start, false},
		"killed":  {(*redistest.Server).Kill, (*redistest.Server).Start, false},
		"frozen":  {(*redistest.Server).Freeze, (*redistest.Server).Thaw, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			node := newNode(t, server.URL, dictredis.Options{Patience: 100 * time.Millisecond, Fresh: 200 * time.Millisecond})
			short, long := node.open("short", dict.RemoteOptions{}), node.open("long", dict.RemoteOptions{Stale: time.Hour})
			for _, x := range []*d{short, long} {
				x.put("k", "v")
				x.put("n", 1.0)
				until(t, "it is remembered", func() bool {
					x.get("k")
					_, known := x.r.Peek("k")
					return known
				})
			}
			row.leave(server)
			left := time.Now()
			var err error
			until(t, "the end of what was promised", func() bool {
				if _, known := short.r.Peek("k"); known {
					return false
				}
				err = short.r.Do(t.Context(), &dict.Op{Kind: dict.OpGet, Key: "k"})
				return err != nil
			})
			if !errors.Is(err, clients.ErrAway) {
				t.Errorf("%v", err)
			}
			if took := time.Since(left); took > 5*time.Second {
				t.Errorf("an old value for %v", took)
			}
			if got := long.get("k"); got != "v" {
				t.Errorf("the value that may be old: %v", got)
			}
			for what, kind := range map[string]dict.OpKind{"incr": dict.OpIncr, "put": dict.OpPut, "remove": dict.OpRemove, "swap": dict.OpSwap, "keys": dict.OpKeys, "flush": dict.OpFlush, "left": dict.OpLeft} {
				if err := long.r.Do(t.Context(), &dict.Op{Kind: kind, Key: "n", By: 1, Value: 1.0}); !errors.Is(err, clients.ErrAway) {
					t.Errorf("%s: %v", what, err)
				}
			}
			began := time.Now()
			for range 2000 {
				_ = short.r.Do(t.Context(), &dict.Op{Kind: dict.OpIncr, Key: "n", By: 1, TTL: -1})
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("2000 calls took %v", took)
			}
			row.back(server)
			until(t, "all works again", func() bool { return short.r.Do(t.Context(), &dict.Op{Kind: dict.OpGet, Key: "k"}) == nil })
			until(t, "it is remembered again", func() bool {
				_, known := short.r.Peek("k")
				_ = short.r.Do(t.Context(), &dict.Op{Kind: dict.OpGet, Key: "k"})
				return known
			})
			if got := short.get("k"); got != "v" {
				t.Errorf("after that: %v", got)
			}
		})
	}
}

// A server that reports nothing is asked each time.
func TestServerThatReportsNothing(t *testing.T) {
	server := miniredis.RunT(t)
	url := "redis://" + server.Addr()
	a, b := newNode(t, url, dictredis.Options{}).open("x", dict.RemoteOptions{}), newNode(t, url, dictredis.Options{}).open("x", dict.RemoteOptions{})
	for i := range 20 {
		a.put("k", float64(i))
		if got := b.get("k"); got != float64(i) {
			t.Errorf("%v after %d", got, i)
		}
	}
	if op := a.incr("k", 1, 0); op.Number != 20 {
		t.Errorf("%+v", op)
	}
	a.do(dict.Op{Kind: dict.OpPut, Key: "short", Value: "x", TTL: time.Second})
	server.FastForward(2 * time.Second)
	if got := fmt.Sprint(b.get("short"), a.keys()); got != "<nil> [k]" {
		t.Error(got)
	}
	a.do(dict.Op{Kind: dict.OpFlush})
	if got := b.keys(); len(got) != 0 {
		t.Error(got)
	}
}

// Others can write what they like into Redis.
func TestValuesOfOthers(t *testing.T) {
	server := redistest.Start(t)
	c, err := redis.Open(clients.New(clients.Options{}), server.URL, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	x := newNode(t, server.URL, dictredis.Options{}).open("x", dict.RemoteOptions{})
	for name, words := range map[string][]string{"nonsense": {"SET", "sipscript:v:{shared:x}:k", "?"}, "empty": {"SET", "sipscript:v:{shared:x}:k", ""}, "a list": {"RPUSH", "sipscript:v:{shared:x}:k", "n1"}} {
		t.Run(name, func(t *testing.T) {
			if _, err := c.Call(t.Context(), "DEL", "sipscript:v:{shared:x}:k"); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Call(t.Context(), words[0], words[1:]...); err != nil {
				t.Fatal(err)
			}
			op := dict.Op{Kind: dict.OpGet, Key: "k"}
			until(t, "an error", func() bool { return x.r.Do(t.Context(), &op) != nil })
			if err := x.r.Do(t.Context(), &op); errors.Is(err, clients.ErrAway) {
				t.Errorf("the server counts as unavailable: %v", err)
			}
		})
	}
}

func TestTooManyDictionaries(t *testing.T) {
	s, err := dictredis.Open(clients.New(clients.Options{}), "redis://127.0.0.1:1", dictredis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range dict.MaxDicts {
		if _, err := s.Remote(fmt.Sprint(i), dict.RemoteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Remote("one more", dict.RemoteOptions{}); err == nil {
		t.Error("it was opened")
	}
	if _, err := s.Remote("0", dict.RemoteOptions{}); err != nil {
		t.Error(err)
	}
}

// A caller that leaves learns nothing from an old copy.
func TestCallerLeaves(t *testing.T) {
	server := redistest.Start(t)
	x := newNode(t, server.URL, dictredis.Options{}).open("x", dict.RemoteOptions{Stale: time.Hour})
	x.put("k", "v")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := x.r.Do(ctx, &dict.Op{Kind: dict.OpIncr, Key: "n"}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
