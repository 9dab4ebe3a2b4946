package registrar

// This file tests the store in memory: expiry without anybody looking, and use from many
// goroutines.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// filed counts the records that the buckets hold.
func (m *Memory) filed() (records, filed int) {
	for i := range m.shards {
		s := &m.shards[i]
		records += len(s.records)
		for _, r := range s.buckets {
			for ; r != nil; r = r.next {
				filed++
			}
		}
	}
	return
}

func (m *Memory) put(t testing.TB, aor string, ends ...time.Duration) {
	t.Helper()
	err := m.Update(context.Background(), aor, Commit, func([]*Binding) ([]*Binding, error) {
		var list []*Binding
		for i, d := range ends {
			list = append(list, NewBinding(&Record{Contact: fmt.Sprint("sip:", i), Expires: start.Add(d)}))
		}
		return list, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSweep(t *testing.T) {
	m, ctx := NewMemory(), context.Background()
	m.put(t, "short", 10*time.Second)
	m.put(t, "mixed", 10*time.Second, time.Hour)
	m.put(t, "long", time.Hour)
	m.put(t, "cut", time.Hour)
	m.put(t, "cut", 10*time.Second) // filed again, as it ends earlier than it did
	m.put(t, "kept", 10*time.Second)
	m.put(t, "kept", time.Hour) // not filed again, found to be alive by the sweep
	m.put(t, "gone", 10*time.Second)
	m.put(t, "gone")
	for _, step := range []struct {
		at    time.Duration
		gone  int
		count int
	}{{0, 0, 6}, {9 * time.Second, 0, 6}, {20 * time.Second, 3, 3}, {21 * time.Second, 0, 3}, {59 * time.Minute, 0, 3}, {2 * time.Hour, 3, 0}} {
		t.Run(fmt.Sprint(step.at), func(t *testing.T) {
			gone := 0
			if err := m.Sweep(ctx, start.Add(step.at), func(string, *Binding) { gone++ }); err != nil {
				t.Fatal(err)
			}
			count, _ := m.Count(ctx)
			records, filed := m.filed()
			if gone != step.gone || count != step.count || records != filed {
				t.Errorf("at %v: %d gone, %d left in %d records, %d of them filed; want %d, %d", step.at, gone, count, records, filed, step.gone, step.count)
			}
		})
	}
	// What ends before the sweep's present is not lost sight of.
	m.put(t, "late", time.Minute)
	if err := m.Sweep(ctx, start.Add(2*time.Hour+5*time.Second), func(string, *Binding) {}); err != nil {
		t.Fatal(err)
	}
	if records, filed := m.filed(); records != 0 || filed != 0 {
		t.Errorf("%d records, %d filed", records, filed)
	}
}

func TestLookupHidesExpired(t *testing.T) {
	m := NewMemory()
	m.put(t, "a", 10*time.Second, time.Hour, 20*time.Second)
	for at, want := range map[time.Duration]int{0: 3, 9999 * time.Millisecond: 3, 10 * time.Second: 2, 20 * time.Second: 1, time.Hour: 0} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			if got, _ := m.Lookup(context.Background(), "a", start.Add(at)); len(got) != want {
				t.Errorf("at %v: %d, want %d", at, len(got), want)
			}
		})
	}
}

func TestLookupAllocatesNothing(t *testing.T) {
	b := newBench(t, Policy{})
	b.send(t, reg{contacts: list("<sip:bob@192.0.2.4>")})
	u := mustURI(t, bob)
	if n := testing.AllocsPerRun(1000, func() {
		if list, _ := b.Lookup(context.Background(), &u, b.now); list[0].Contact() == "" {
			t.Fail()
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestConcurrent: updates of one address exclude each other, and lookups see whole lists, while
// time passes.
func TestConcurrent(t *testing.T) {
	r, ctx := luabindtest.Must(New(Options{Policy: policyOf(func(p *Policy) { p.MaxContacts = 10000 })})), t.Context()
	from := udpFrom("192.0.2.4:5060")
	const workers, each = 8, 100
	var done sync.WaitGroup
	for w := range workers {
		done.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(w)))
			stop := r.Watch("sip:bob@example.com", func() {})
			defer stop()
			for i := range each {
				g := reg{callID: fmt.Sprint("call", w), cseq: i + 1, contacts: list(fmt.Sprintf("<sip:bob@h%d-%d>", w, i))}
				if i%2 == 1 { // every other one adds its contact and removes the one before
					g.contacts = append(g.contacts, fmt.Sprintf("<sip:bob@h%d-%d>;expires=0", w, i-1))
				}
				if res := r.Process(ctx, g.message(t), from, home, start); res.Code != 200 {
					t.Error(res.Code, res.Err)
				}
				g.to, g.contacts = fmt.Sprintf("<sip:u%d@example.com>", rnd.IntN(20)), list("<sip:x@y>;expires=60")
				g.callID = fmt.Sprint("other", w, i)
				r.Process(ctx, g.message(t), from, home, start.Add(time.Duration(i)*time.Second))
				if err := r.Sweep(ctx, start.Add(time.Duration(i)*time.Second)); err != nil {
					t.Error(err)
				}
				u := mustURI(t, bob)
				if list, err := r.Lookup(ctx, &u, start); err != nil || len(list) == 0 {
					t.Error(len(list), err)
				}
			}
		})
	}
	done.Wait()
	u := mustURI(t, bob)
	list, err := r.Lookup(ctx, &u, start)
	if err != nil || len(list) != workers*each/2 {
		t.Errorf("%d bindings, want %d: updates were lost (%v)", len(list), workers*each/2, err)
	}
	if n := len(r.waiters.byAOR); n != 0 || r.waiters.any.Load() != 0 {
		t.Errorf("%d waiters are left", n)
	}
}

func TestWatch(t *testing.T) {
	b := newBench(t, Policy{})
	woken := 0
	stop := b.Watch("sip:bob@example.com", func() { woken++ })
	b.send(t, reg{to: "<sip:alice@example.com>", contacts: list("<sip:a@h>")})
	b.send(t, reg{headers: list("Expires: 0"), contacts: list("<sip:1@h>")})
	if woken != 0 {
		t.Error("woken by nothing")
	}
	b.send(t, reg{cseq: 2, contacts: list("<sip:1@h>")})
	b.send(t, reg{cseq: 3, contacts: list("<sip:1@h>;expires=0")})
	stop()
	stop()
	b.send(t, reg{cseq: 4, contacts: list("<sip:1@h>")})
	if woken != 1 {
		t.Errorf("woken %d times, want once", woken)
	}
}

func TestRemove(t *testing.T) {
	b := newBench(t, Policy{})
	b.send(t, reg{contacts: list("<sip:bob@H1>", "<sip:bob@h2>", "<sip:bob@h3>")})
	u, h1 := mustURI(t, "sip:bob@EXAMPLE.com"), mustURI(t, "sip:%62ob@h1")
	if n, err := b.Remove(t.Context(), &u, &h1, b.now); n != 1 || err != nil {
		t.Error(n, err)
	}
	b.has(t, bob, "sip:bob@h2", "sip:bob@h3")
	if n, err := b.Remove(t.Context(), &u, nil, b.now); n != 2 || err != nil {
		t.Error(n, err)
	}
	b.has(t, bob)
	if n, err := b.Count(t.Context()); n != 0 || err != nil {
		t.Error(n, err)
	}
}

// There are millions of bindings: one has 64 bytes beside its text, and its address-of-record 48.
func TestBindingIsSmall(t *testing.T) {
	if n, m := unsafe.Sizeof(Binding{}), unsafe.Sizeof(record{}); n > 64 || m > 48 {
		t.Errorf("%d and %d bytes", n, m)
	}
}
