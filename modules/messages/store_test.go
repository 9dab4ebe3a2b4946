package messages_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/internal/redistest"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/drivers"
	"github.com/sipscript/sipscript/modules/messages"
)

func pool() *clients.Pool { return clients.New(clients.Options{Drivers: drivers.All()}) }

// stores are all kinds; open opens one again, with what it kept.
var stores = map[string]func(t *testing.T) (open func() messages.Store, keeps bool){
	"memory": func(*testing.T) (func() messages.Store, bool) {
		return func() messages.Store { return messages.NewMemory(0) }, false
	},
	"file": func(t *testing.T) (func() messages.Store, bool) {
		dir := t.TempDir()
		return func() messages.Store {
			s, err := messages.OpenFile(pool(), dir)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}, true
	},
	"redis": func(t *testing.T) (func() messages.Store, bool) {
		server := redistest.Start(t)
		n := 0
		return func() messages.Store {
			n++
			s, err := messages.OpenRedis(pool(), server.URL, fmt.Sprint("node", n))
			if err != nil {
				t.Fatal(err)
			}
			return s
		}, true
	},
}

// All stores do the same.
func TestStores(t *testing.T) {
	for name, kind := range stores {
		t.Run(name, func(t *testing.T) {
			ctx, now := t.Context(), time.Now().Truncate(time.Millisecond)
			open, keeps := kind(t)
			s := open()
			put := func(aor, body string, life time.Duration) *messages.Message {
				m := &messages.Message{AOR: aor, From: "<sip:a@x>;tag=1", To: "<sip:b@x>", CallID: "c\"\\é", CSeq: 7, Body: []byte(body), ContentType: "text/plain",
					Headers: []engine.HeaderEdit{{Name: "Subject", Values: []string{"a", "b"}}}, Arrived: now, Expires: now.Add(life)}
				if err := s.Put(ctx, m, 3); err != nil {
					t.Fatal(err)
				}
				return m
			}
			bodies := func(aor string, limit int) (list []string) {
				all, err := s.Pending(ctx, aor, limit)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range all {
					list = append(list, string(m.Body))
				}
				return list
			}
			for i := range 3 {
				put("sip:b@x", string([]byte{byte('0' + i), 0, 0xff}), time.Duration(i+1)*time.Minute)
			}
			carol := put("sip:carol@x", "c", time.Minute)
			if err := s.Put(ctx, &messages.Message{AOR: "sip:b@x", Expires: now}, 3); !errors.Is(err, messages.ErrFull) {
				t.Errorf("a fourth: %v", err)
			}
			if keeps { // as after kill -9: nothing was closed
				s = open()
			}
			all, err := s.Pending(ctx, "sip:b@x", 10)
			if err != nil || len(all) != 3 {
				t.Fatal(all, err)
			}
			m := all[1]
			if string(m.Body) != "1\x00\xff" || m.CallID != "c\"\\é" || m.CSeq != 7 || m.AOR != "sip:b@x" || len(m.Headers) != 1 || len(m.Headers[0].Values) != 2 || !m.Expires.Equal(now.Add(2*time.Minute)) || !m.Arrived.Equal(now) {
				t.Errorf("%+v", m)
			}
			if got := bodies("sip:b@x", 2); len(got) != 2 || got[0] != "0\x00\xff" {
				t.Errorf("the first two: %q", got)
			}
			if err := errors.Join(s.Remove(ctx, m), s.Remove(ctx, m)); err != nil {
				t.Error(err)
			}
			if got := bodies("sip:b@x", 10); len(got) != 2 || got[1] != "2\x00\xff" {
				t.Errorf("without the second: %q", got)
			}
			if !s.May("sip:b@x") || name != "redis" && s.May("sip:nobody@x") {
				t.Error("it does not know who has messages")
			}
			if n, err := s.Count(ctx); n != 3 || err != nil {
				t.Error(n, err)
			}
			var users []string
			if err := s.Users(ctx, func(aor string) bool { users = append(users, aor); return true }); err != nil {
				t.Error(err)
			}
			if slices.Sort(users); !slices.Equal(users, []string{"sip:b@x", "sip:carol@x"}) {
				t.Error(users)
			}
			if err := s.Remove(ctx, carol); err != nil {
				t.Error(err)
			}
			for at, want := range map[time.Duration]int{59 * time.Second: 0, 61 * time.Second: 1, 200 * time.Second: 2} {
				for range 2 { // a look changes nothing
					over, err := s.Overdue(ctx, now.Add(at), 10)
					if err != nil || len(over) != want {
						t.Errorf("after %v: %d, %v", at, len(over), err)
					}
				}
			}
			for _, m := range orFatal(s.Pending(ctx, "sip:b@x", 10))(t) {
				if err := s.Remove(ctx, m); err != nil {
					t.Error(err)
				}
			}
			if name != "redis" && s.May("sip:b@x") {
				t.Error("it takes somebody without messages for one with")
			}
			if over, err := s.Overdue(ctx, now.Add(time.Hour), 10); len(over) != 0 || err != nil {
				t.Error(over, err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func orFatal[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// Of the processes that share a Redis, one delivers to a user at a time.
func TestClaims(t *testing.T) {
	open, _ := stores["redis"](t)
	one, two := open(), open()
	ctx := context.Background()
	claim := func(s messages.Store, d time.Duration) bool {
		return orFatal(s.Claim(ctx, "sip:b@x", d))(t)
	}
	first := claim(one, time.Minute)
	if !first || !claim(one, time.Minute) || claim(two, time.Minute) {
		t.Error("both have it, or nobody")
	}
	if err := two.Release(ctx, "sip:b@x"); err != nil || claim(two, time.Minute) {
		t.Error("two took it from one", err)
	}
	if err := one.Release(ctx, "sip:b@x"); err != nil || !claim(two, time.Minute) {
		t.Error("it was not given back", err)
	}
	if err := errors.Join(one.Close(), two.Close()); err != nil {
		t.Error(err)
	}
}

// A message is kept by one server and delivered by another, in every store that waits too.
func TestDeliveryFromStores(t *testing.T) {
	for name, kind := range stores {
		t.Run(name, func(t *testing.T) {
			open, keeps := kind(t)
			if !keeps {
				return // TestDelivery
			}
			first := start(t, open(), keeping)
			for i := range 3 {
				if code := first.message("sip:bob@example.com", fmt.Sprint(i)); code != 202 {
					t.Fatal(code, first.Log())
				}
			}
			second := start(t, open(), keeping)
			bob := second.phone("bob", "10.0.0.9")
			register(bob)
			second.Run(5 * time.Second)
			if got := bodies(bob); got != "0,1,2" || second.pending() != 0 || first.pending() != 0 {
				t.Errorf("got %s, %d are left\n%s", got, second.pending(), second.Log())
			}
		})
	}
}
