// Package storetest is the conformance test of registrar.Store: what every store must do, run on
// each.
package storetest

// This file is the test itself: one function for each promise of the interface.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/modules/registrar"
)

// Opener makes an empty store, and closes it when the test ends.
type Opener func(t *testing.T) registrar.Store

// Run runs the test on stores that open makes.
func Run(t *testing.T, open Opener) {
	for name, f := range map[string]func(*bench){
		"update and lookup": testUpdate, "errors change nothing": testErrors, "fields": testFields, "expired": testExpired,
		"sweep": testSweep, "flows": testFlows, "atomic": testAtomic, "addresses": testAddresses, "context": testContext, "relaxed": testRelaxed,
		"clock set back": testClockBack, "clock set forward": testClockForward, "clock set forth and back": testClockThereAndBack,
	} {
		t.Run(name, func(t *testing.T) {
			// The current time: a store may have its own idea of what has expired.
			f(&bench{T: t, store: open(t), now: time.Now().Truncate(time.Millisecond)})
		})
	}
}

// bench is one store under test.
type bench struct {
	*testing.T
	store registrar.Store
	now   time.Time
}

// Record is a record as a softphone's registration makes it.
func Record(contact string, now time.Time, lasts time.Duration) registrar.Record {
	return registrar.Record{Contact: contact, Q: 1, CallID: "843817637684230@998sdasdh09", CSeq: 1, Expires: now.Add(lasts), Updated: now}
}

func (b *bench) make(contact string, lasts time.Duration) *registrar.Binding {
	r := Record(contact, b.now, lasts)
	return registrar.NewBinding(&r)
}

func (b *bench) set(aor string, list ...*registrar.Binding) {
	b.Helper()
	err := b.store.Update(b.Context(), aor, registrar.Commit, func([]*registrar.Binding) ([]*registrar.Binding, error) { return list, nil })
	if err != nil {
		b.Fatal(err)
	}
}

// old is what the store passes to an update.
func (b *bench) old(aor string) (list []*registrar.Binding) {
	b.Helper()
	stop := errors.New("only looking")
	err := b.store.Update(b.Context(), aor, registrar.Commit, func(old []*registrar.Binding) ([]*registrar.Binding, error) {
		list = old
		return nil, stop
	})
	if !errors.Is(err, stop) {
		b.Fatalf("error %v, want that of change", err)
	}
	return list
}

func (b *bench) has(aor string, contacts ...string) {
	b.Helper()
	list, err := b.store.Lookup(b.Context(), aor, b.now)
	if err != nil {
		b.Fatal(err)
	}
	if got := contactsOf(list); fmt.Sprint(got) != fmt.Sprint(contacts) {
		b.Errorf("lookup(%s) = %q, want %q", aor, got, contacts)
	}
}

func (b *bench) counts(want int) {
	b.Helper()
	if n, err := b.store.Count(b.Context()); n != want || err != nil {
		b.Errorf("%d bindings (%v), want %d", n, err, want)
	}
}

func contactsOf(list []*registrar.Binding) []string {
	out := make([]string, 0, len(list))
	for _, x := range list {
		out = append(out, x.Contact())
	}
	return out
}

func testUpdate(b *bench) {
	b.has("sip:bob@h")
	b.counts(0)
	one, two, three := b.make("sip:1@h", time.Hour), b.make("sip:2@h", time.Minute), b.make("sip:3@h", time.Hour)
	b.set("sip:bob@h", two, one)
	b.set("sip:alice@h", three)
	b.has("sip:bob@h", "sip:2@h", "sip:1@h") // in the order they were given
	b.has("sip:alice@h", "sip:3@h")
	b.counts(3)
	if got := contactsOf(b.old("sip:bob@h")); fmt.Sprint(got) != "[sip:2@h sip:1@h]" {
		b.Errorf("an update finds %q", got)
	}
	b.set("sip:bob@h", three)
	b.has("sip:bob@h", "sip:3@h")
	b.counts(2)
	b.set("sip:bob@h")
	b.set("sip:bob@h")
	b.has("sip:bob@h")
	b.has("sip:alice@h", "sip:3@h")
	b.counts(1)
}

func testErrors(b *bench) {
	b.set("sip:bob@h", b.make("sip:1@h", time.Hour))
	want := errors.New("refused")
	for _, list := range [][]*registrar.Binding{nil, {b.make("sip:2@h", time.Hour)}} {
		err := b.store.Update(b.Context(), "sip:bob@h", registrar.Commit, func([]*registrar.Binding) ([]*registrar.Binding, error) { return list, want })
		if !errors.Is(err, want) {
			b.Errorf("error %v, want that of change", err)
		}
	}
	b.has("sip:bob@h", "sip:1@h")
	b.counts(1)
}

func testFields(b *bench) {
	full := registrar.Record{Contact: "sip:bob@192.0.2.4:5060;transport=udp", Params: `;q=0.755;+sip.instance="<urn:uuid:0>";note="a, \"ü\""`, Q: 0.755,
		CallID: "a@b", CSeq: 1<<32 - 1, UserAgent: "Phone/1.0 (é)", Path: []string{"<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"},
		Received: "udp:[2001:db8::1]:1024", Socket: "udp:198.51.100.1:5060", Expires: b.now.Add(time.Hour), Updated: b.now}
	bare := Record("sip:x@h", b.now, time.Minute)
	bare.Q = 0
	flow := Record("sip:y@h", b.now, time.Minute)
	flow.Params, flow.Received, flow.Flow = `;reg-id=1;+sip.instance="<urn:uuid:0>"`, "tcp:192.0.2.7:1024", 1<<40
	flow.FlowOnly = true
	b.set("sip:bob@h", registrar.NewBinding(&full), registrar.NewBinding(&bare), registrar.NewBinding(&flow))
	list, err := b.store.Lookup(b.Context(), "sip:bob@h", b.now)
	if err != nil || len(list) != 3 {
		b.Fatal(list, err)
	}
	for _, got := range [][]*registrar.Binding{list, b.old("sip:bob@h")} {
		if !got[2].Target().FlowOnly {
			b.Error("a flow has become a connection like others")
		}
		for i, want := range []registrar.Record{full, bare, flow} {
			if r := got[i].Record(); fmt.Sprintf("%+v", shown(r)) != fmt.Sprintf("%+v", shown(want)) {
				b.Errorf("stored as\n%+v, want\n%+v", shown(r), shown(want))
			}
		}
	}
}

// shown is a record that prints the same whatever the time zone.
func shown(r registrar.Record) registrar.Record {
	r.Expires, r.Updated = r.Expires.UTC(), r.Updated.UTC()
	return r
}

func testExpired(b *bench) {
	b.set("sip:bob@h", b.make("sip:1@h", 10*time.Second), b.make("sip:2@h", time.Hour))
	b.now = b.now.Add(9999 * time.Millisecond)
	b.has("sip:bob@h", "sip:1@h", "sip:2@h")
	b.now = b.now.Add(time.Millisecond)
	b.has("sip:bob@h", "sip:2@h")
	b.now = b.now.Add(time.Hour)
	b.has("sip:bob@h")
}

func (b *bench) sweep(after time.Duration) (gone map[string]int) {
	b.Helper()
	gone = map[string]int{}
	err := b.store.Sweep(b.Context(), b.now.Add(after), func(aor string, x *registrar.Binding) { gone[aor+" "+x.Contact()]++ })
	if err != nil {
		b.Fatal(err)
	}
	return gone
}

func testSweep(b *bench) {
	b.set("sip:bob@h", b.make("sip:1@h", 10*time.Second), b.make("sip:2@h", time.Hour))
	b.set("sip:alice@h", b.make("sip:3@h", 10*time.Second))
	b.set("sip:carol@h", b.make("sip:4@h", 10*time.Second))
	b.set("sip:carol@h", b.make("sip:4@h", time.Hour)) // refreshed
	b.set("sip:dave@h", b.make("sip:5@h", 10*time.Second))
	b.set("sip:dave@h") // removed
	if gone := b.sweep(9 * time.Second); len(gone) != 0 {
		b.Errorf("too early: %v", gone)
	}
	// A store may take a while to notice, a few seconds at most.
	if gone := b.sweep(20 * time.Second); fmt.Sprint(gone) != "map[sip:alice@h sip:3@h:1 sip:bob@h sip:1@h:1]" {
		b.Errorf("swept %v", gone)
	}
	if gone := b.sweep(40 * time.Second); len(gone) != 0 {
		b.Errorf("swept twice: %v", gone)
	}
	b.counts(2)
	b.has("sip:bob@h", "sip:2@h")
	b.has("sip:carol@h", "sip:4@h")
}

// testFlows: an instance registers one contact over several flows, each a binding with its own
// expiry.
func testFlows(b *bench) {
	flow := func(id int, lasts time.Duration) *registrar.Binding {
		r := Record("sip:bob@192.0.2.4", b.now, lasts)
		r.Params = fmt.Sprintf(`;+sip.instance="<urn:uuid:0>";reg-id=%d`, id)
		return registrar.NewBinding(&r)
	}
	one, two, three := flow(1, 10*time.Second), flow(2, time.Hour), flow(3, time.Hour)
	b.set("sip:bob@h", one, two, three)
	b.counts(3)
	b.set("sip:bob@h", one, two)
	b.counts(2)
	if gone := b.sweep(20 * time.Second); fmt.Sprint(gone) != "map[sip:bob@h sip:bob@192.0.2.4:1]" {
		b.Errorf("swept %v", gone)
	}
	b.counts(1)
}

// testAtomic: updates of one address exclude each other, and each sees the result of the earlier
// ones.
func testAtomic(b *bench) {
	const workers, each = 8, 20
	var done sync.WaitGroup
	for w := range workers {
		done.Go(func() {
			for i := range each {
				mine := b.make(fmt.Sprintf("sip:%d-%d@h", w, i), time.Hour)
				err := b.store.Update(b.Context(), "sip:bob@h", registrar.Commit, func(old []*registrar.Binding) ([]*registrar.Binding, error) {
					return append(old[:len(old):len(old)], mine), nil
				})
				if err != nil {
					b.Error(err)
				}
				if list, err := b.store.Lookup(b.Context(), "sip:bob@h", b.now); err != nil || len(list) == 0 {
					b.Errorf("%d bindings, %v", len(list), err)
				}
			}
		})
	}
	done.Wait()
	if n := len(b.old("sip:bob@h")); n != workers*each {
		b.Errorf("%d bindings, want %d: updates were lost", n, workers*each)
	}
	b.counts(workers * each)
}

// testAddresses: every address is distinct, whatever characters it contains.
func testAddresses(b *bench) {
	all := []string{"sip:bob@h", "sip:Bob@h", "sip:bob@h:5070", "sip:%00@h", "sip:a'b\"c`@h", "sip:{a}*?[x]@h", "sip:ü@h", "sip:h"}
	for i, aor := range all {
		b.set(aor, b.make(fmt.Sprintf("sip:%d@x", i), time.Hour))
	}
	for i, aor := range all {
		b.has(aor, fmt.Sprintf("sip:%d@x", i))
	}
	b.counts(len(all))
}

// testContext: what is over is not begun, and the store works on.
func testContext(b *bench) {
	ctx, cancel := context.WithCancel(b.Context())
	cancel()
	called := false
	err := b.store.Update(ctx, "sip:bob@h", registrar.Commit, func([]*registrar.Binding) ([]*registrar.Binding, error) {
		called = true
		return nil, nil
	})
	if _, waits := b.store.Waits(); waits && !called && err == nil {
		b.Error("an update without a context's life was answered nil and not made")
	}
	b.set("sip:bob@h", b.make("sip:1@h", time.Hour))
	b.has("sip:bob@h", "sip:1@h")
}

// testRelaxed: relaxed changes are seen at once, and mix with others.
func testRelaxed(b *bench) {
	for i := range 50 {
		d := registrar.Relaxed
		if i%3 == 0 {
			d = registrar.Commit
		}
		before := 0
		err := b.store.Update(b.Context(), "sip:bob@h", d, func(old []*registrar.Binding) ([]*registrar.Binding, error) {
			before = len(old) // at the last call
			return append(old[:len(old):len(old)], b.make(fmt.Sprintf("sip:%d@h", i), time.Hour)), nil
		})
		if err != nil || before != i {
			b.Fatalf("%d bindings before change %d, %v", before, i, err)
		}
		if list, _ := b.store.Lookup(b.Context(), "sip:bob@h", b.now); len(list) != i+1 {
			b.Errorf("%d bindings after change %d", len(list), i)
		}
	}
}
