//go:build unix

package dictredis_test

// This file tests dictionaries in several servers, and a process that lags.

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/redistest"
	"github.com/sipscript/sipscript/luabind/dict"
	"github.com/sipscript/sipscript/modules/clients/dictredis"
)

func TestCluster(t *testing.T) {
	nodes := redistest.Cluster(t)
	url := "redis://" + nodes[0].Addr + "?cluster=true&addr=" + nodes[1].Addr
	count(t, url)
	a, b := newNode(t, url, dictredis.Options{}), newNode(t, url, dictredis.Options{})
	for i := range 12 { // on all servers
		name := fmt.Sprint("d", i)
		x, y := a.open(name, dict.RemoteOptions{}), b.open(name, dict.RemoteOptions{})
		x.put("k", "old")
		until(t, name, func() bool { return y.get("k") == "old" })
		until(t, name+" is remembered", func() bool {
			y.get("k")
			_, known := y.r.Peek("k")
			return known
		})
		x.put("k", "new")
		until(t, name, func() bool { return y.get("k") == "new" })
		if got := y.keys(); len(got) != 1 {
			t.Errorf("%s: %v", name, got)
		}
		x.do(dict.Op{Kind: dict.OpFlush})
	}
}

// When the replica takes over, what is remembered of the old master is asked again, and counting
// goes on.
func TestFailover(t *testing.T) {
	sentinel, master, _ := redistest.Sentinel(t)
	url := "redis://" + sentinel.Addr + "?master_set=main"
	o := dictredis.Options{Patience: 300 * time.Millisecond, Fresh: 400 * time.Millisecond}
	a, b := newNode(t, url, o).open("x", dict.RemoteOptions{}), newNode(t, url, o).open("x", dict.RemoteOptions{})
	a.put("k", "old")
	count(t, url)
	until(t, "b reads", func() bool { return b.get("k") == "old" })
	master.Kill()
	until(t, "a writes again", func() bool {
		return a.r.Do(t.Context(), &dict.Op{Kind: dict.OpPut, Key: "k", Value: "new", TTL: -1}) == nil
	})
	written := time.Now()
	var got any
	until(t, "b reads the new value", func() bool {
		op := dict.Op{Kind: dict.OpGet, Key: "k"}
		if value, known := b.r.Peek("k"); known {
			op.Value = value
		} else if b.r.Do(t.Context(), &op) != nil {
			return false
		}
		if op.Value == "old" && time.Since(written) > o.Fresh+100*time.Millisecond {
			t.Errorf("the old value %v after it was changed", time.Since(written))
		}
		got = op.Value
		return got == "new"
	})
	sum := a.incr("again", 1, 0).Number
	if got := b.incr("again", 1, 0).Number; got != sum+1 {
		t.Errorf("%v after %v", got, sum)
	}
}

// slow is a way to a server that can be held up: what the server says then comes later, and nobody
// notices that.
type slow struct {
	l    net.Listener
	to   string
	mu   sync.Mutex // held while the server's words are held back
	conn sync.Map
	n    atomic.Int64
}

func newSlow(t *testing.T, url string) *slow {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &slow{l: l, to: strings.TrimPrefix(url, "unix://")}
	var all sync.WaitGroup
	all.Go(func() { // ends with the listener
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("unix", s.to)
			if err != nil {
				_ = in.Close()
				continue
			}
			s.conn.Store(s.n.Add(1), in)
			all.Go(func() { _, _ = io.Copy(out, in); _ = out.Close() })
			all.Go(func() { s.back(in, out) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		s.conn.Range(func(_, c any) bool { _ = c.(net.Conn).Close(); return true })
		all.Wait()
	})
	return s
}

func (s *slow) back(in, out net.Conn) {
	b := make([]byte, 4096)
	for {
		n, err := out.Read(b)
		if n > 0 {
			s.mu.Lock()
			_, _ = in.Write(b[:n])
			s.mu.Unlock()
		}
		if err != nil {
			_ = in.Close()
			return
		}
	}
}

// A process that hears nothing of changes does not go on with old values for longer than promised,
// though its connection seems to be there; and it hears of them when it is connected again.
func TestProcessThatLags(t *testing.T) {
	server := redistest.Start(t)
	way := newSlow(t, server.URL)
	o := dictredis.Options{Patience: 200 * time.Millisecond, Fresh: 300 * time.Millisecond}
	a := newNode(t, server.URL, o).open("x", dict.RemoteOptions{})
	b := newNode(t, "redis://"+way.l.Addr().String(), o).open("x", dict.RemoteOptions{})
	a.put("k", "old")
	until(t, "it is remembered", func() bool {
		b.get("k")
		_, known := b.r.Peek("k")
		return known
	})
	way.mu.Lock()
	a.put("k", "new")
	changed := time.Now()
	until(t, "the end of the old value", func() bool {
		value, known := b.r.Peek("k")
		now := time.Since(changed)
		if known && value == "old" && now > o.Fresh+50*time.Millisecond {
			t.Errorf("the old value %v after it was changed", now)
		}
		return !known
	})
	if err := b.r.Do(t.Context(), &dict.Op{Kind: dict.OpGet, Key: "k"}); err == nil {
		t.Error("a value, though nothing is heard")
	}
	way.mu.Unlock()
	until(t, "the new value", func() bool {
		op := dict.Op{Kind: dict.OpGet, Key: "k"}
		return b.r.Do(t.Context(), &op) == nil && op.Value == "new"
	})
}
