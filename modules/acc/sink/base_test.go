package sink

// This file is what the tests share.

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/modules/acc/cdr"
	"github.com/sipscript/sipscript/modules/internal/spool"
)

var began = time.Date(2026, 11, 30, 12, 0, 0, 123e6, time.UTC)

// recordOf is the n-th record of a test.
func recordOf(n int) *cdr.Record {
	var random [10]byte
	binary.BigEndian.PutUint32(random[6:], uint32(n))
	at := began.Add(time.Duration(n) * time.Second)
	return &cdr.Record{ID: cdr.NewID(at, random).String(), Type: cdr.Call, CallID: fmt.Sprintf("call-%d@10.0.0.2", n), FromURI: "sip:alice@example.com", FromTag: "a1",
		ToURI: "sip:+49301234@example.com", ToTag: "b1", RequestURI: "sip:+49301234@example.com", Source: "udp:10.0.0.2:5060", Target: "sip:bob@10.0.0.3",
		UserAgent: "=1+1", Began: cdr.Time{Time: at}, Answered: cdr.Time{Time: at.Add(2 * time.Second)}, Ended: cdr.Time{Time: at.Add(12500 * time.Millisecond)}, Duration: 10.5,
		Code: 200, Cause: "answered", EndedBy: "caller", Legs: []cdr.Branch{{Target: "sip:bob@10.0.0.3", Began: cdr.Time{Time: at}, Code: 200}},
		Fields: map[string]any{"customer": "7", "rate": 0.5}}
}

// failed is the n-th record, of a call that was not answered.
func failed(n int) *cdr.Record {
	r := recordOf(n)
	r.Code, r.Reason, r.Cause, r.Answered, r.Duration, r.ToTag = 486, "Busy \"Here\",\nnow", "busy", cdr.Time{}, 0, ""
	return r
}

func spooled(t testing.TB, list ...*cdr.Record) (out []spool.Record) {
	t.Helper()
	for i, r := range list {
		data, err := r.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, spool.Record{Seq: uint64(i + 1), Data: data})
	}
	return out
}

func write(t *testing.T, s Sink, list ...*cdr.Record) {
	t.Helper()
	if err := s.Write(t.Context(), spooled(t, list...)); err != nil {
		t.Fatal(err)
	}
}

// fake is a destination in memory.
type fake struct {
	mu   sync.Mutex
	fail func(list []spool.Record) error // guarded by mu, as got
	got  []string
}

func (f *fake) Write(_ context.Context, list []spool.Record) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		if err := f.fail(list); err != nil {
			return err
		}
	}
	for _, r := range list {
		f.got = append(f.got, string(r.Data))
	}
	return nil
}

func (f *fake) Close() error { return nil }

func (f *fake) set(fail func(list []spool.Record) error) {
	f.mu.Lock()
	f.fail = fail
	f.mu.Unlock()
}

func (f *fake) failing() func(list []spool.Record) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fail
}

// bench is a spool in memory and a worker of its own.
type bench struct {
	t      *testing.T
	s      *spool.Spool
	r      *spool.Reader
	f      *fake
	w      *Worker
	dead   []string
	told   []string
	cannot error // guarded by f.mu: dead letters can't be kept
}

func (b *bench) keepsNothing(err error) {
	b.f.mu.Lock()
	defer b.f.mu.Unlock()
	b.cannot = err
}

func newBench(t *testing.T, fail func(list []spool.Record) error) *bench {
	s, _, err := spool.Open(spool.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Reader("fake")
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, s: s, r: r, f: &fake{fail: fail}}
}

// start starts the worker. What was put before reaches it at once, and not one by one.
func (b *bench) start() {
	if b.w != nil {
		return
	}
	b.w = NewWorker(Options{Name: "fake", Reader: b.r, Sink: b.f, Gather: 100 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
		Dead: func(r spool.Record, _ error) error {
			b.f.mu.Lock()
			defer b.f.mu.Unlock()
			if b.cannot == nil {
				b.dead = append(b.dead, string(r.Data))
			}
			return b.cannot
		},
		Trouble: func(_ string, err error) {
			b.f.mu.Lock()
			defer b.f.mu.Unlock()
			b.told = append(b.told, fmt.Sprint(err))
		}})
}

func (b *bench) put(from, to int) {
	b.t.Helper()
	for n := from; n < to; n++ {
		if err := b.s.Append(spool.Key{}, fmt.Appendf(nil, "%d", n)); err != nil {
			b.t.Fatal(err)
		}
	}
	b.start()
}

func (b *bench) close() {
	b.t.Helper()
	b.start()
	if err := b.w.Close(false); err != nil {
		b.t.Error(err)
	}
	_ = b.s.Close() // what is left in memory is lost
}
