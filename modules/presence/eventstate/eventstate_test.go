package eventstate

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	bob   = Key{"presence", "sip:bob@example.com"}
	start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

func newStore(l Limits) *Store {
	n := 0
	return New(l, func() string { n++; return fmt.Sprint("t", n) })
}

// at is a moment some seconds after the start.
func at(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

func texts(s *Store, now time.Time) string {
	var list []string
	for _, p := range s.Get(bob, now) {
		list = append(list, string(p.Body))
	}
	return strings.Join(list, " ")
}

// The table of RFC 3903 §4.1: what a PUBLISH does, by what it carries.
func TestPublish(t *testing.T) {
	// Each row begins with one publication, "old", with the tag t1, that lasts 100 s.
	for _, x := range []struct {
		name    string
		r       Request
		at      int
		err     error
		changed bool
		want    string // what is published after it
		tag     string
	}{
		{name: "initial", r: Request{Body: []byte("new"), Expires: time.Minute}, at: 1, changed: true, want: "new old", tag: "t2"},
		{name: "initial without a body", r: Request{Expires: time.Minute}, at: 1, err: ErrNoBody, want: "old"},
		{name: "initial with Expires: 0", r: Request{Body: []byte("new")}, at: 1, want: "old"},
		{name: "refresh", r: Request{IfMatch: "t1", Expires: time.Minute}, at: 1, want: "old", tag: "t2"},
		{name: "modify", r: Request{IfMatch: "t1", Body: []byte("new"), Expires: time.Minute}, at: 1, changed: true, want: "new", tag: "t2"},
		{name: "remove", r: Request{IfMatch: "t1"}, at: 1, changed: true},
		{name: "remove with a body", r: Request{IfMatch: "t1", Body: []byte("x")}, at: 1, changed: true},
		{name: "an unknown tag", r: Request{IfMatch: "t9", Body: []byte("x"), Expires: time.Minute}, at: 1, err: ErrNoMatch, want: "old"},
		{name: "a tag that is over", r: Request{IfMatch: "t1", Expires: time.Minute}, at: 100, err: ErrNoMatch},
		{name: "one too many", r: Request{Body: []byte("x"), Expires: time.Minute}, at: 2, err: ErrFull, want: "second old"},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := newStore(Limits{PerKey: 2, All: 10})
			if _, _, err := s.Publish(bob, &Request{Body: []byte("old"), Expires: 100 * time.Second}, start); err != nil {
				t.Fatal(err)
			}
			if x.at == 2 {
				if _, _, err := s.Publish(bob, &Request{Body: []byte("second"), Expires: 100 * time.Second}, at(1)); err != nil {
					t.Fatal(err)
				}
			}
			p, changed, err := s.Publish(bob, &x.r, at(x.at))
			if !errors.Is(err, x.err) || changed != x.changed || texts(s, at(x.at)) != x.want || (p == nil) != (x.tag == "") || p != nil && p.Tag != x.tag {
				t.Errorf("%v, changed %v, %+v; published %q", err, changed, p, texts(s, at(x.at)))
			}
			if x.name == "refresh" {
				if _, _, err := s.Publish(bob, &x.r, at(2)); !errors.Is(err, ErrNoMatch) {
					t.Errorf("the tag that a refresh replaced: %v", err)
				}
			}
		})
	}
}

// What ends by itself is gone at once for readers, and reported once.
func TestExpire(t *testing.T) {
	s := newStore(Limits{PerKey: 9, All: 9})
	first, _, _ := s.Publish(bob, &Request{Body: []byte("a"), Expires: 10 * time.Second}, start)
	_, _, _ = s.Publish(bob, &Request{Body: []byte("b"), Expires: 20 * time.Second}, start)
	if texts(s, at(10)) != "b" {
		t.Errorf("at its end: %q", texts(s, at(10)))
	}
	if _, _, err := s.Publish(bob, &Request{IfMatch: first.Tag, Expires: 30 * time.Second}, at(5)); err != nil {
		t.Fatal(err)
	}
	for seconds, want := range []int{10: 0, 20: 1, 34: 0, 35: 1, 40: 0} {
		if got := len(s.Expire(at(seconds))); got != want {
			t.Errorf("after %d s %d ended", seconds, got)
		}
	}
	if s.Len() != 0 || len(s.keys) != 0 {
		t.Errorf("%d left", s.Len())
	}
}

// A script's publication lasts until it is set again, and is not a publisher's.
func TestSet(t *testing.T) {
	s := newStore(Limits{PerKey: 1, All: 9})
	set := func(text string, now time.Time) {
		t.Helper()
		if changed, err := s.Set(bob, "script", &Publication{Body: []byte(text)}, now); !changed || err != nil {
			t.Error(changed, err)
		}
	}
	set("one", start)
	set("two", at(1))
	p, _, err := s.Publish(bob, &Request{Body: []byte("phone"), Expires: time.Minute}, at(2))
	if err != nil || texts(s, at(3)) != "phone two" {
		t.Errorf("%v %q", err, texts(s, at(3)))
	}
	tag := s.Get(bob, at(3))[1].Tag
	if _, _, err := s.Publish(bob, &Request{IfMatch: tag}, at(3)); !errors.Is(err, ErrNoMatch) {
		t.Errorf("a PUBLISH by the script's tag: %v", err)
	}
	set("three", at(4))
	if texts(s, at(4)) != "three phone" {
		t.Errorf("%q", texts(s, at(4)))
	}
	if changed, _ := s.Set(bob, "script", nil, at(5)); !changed || texts(s, at(5)) != "phone" {
		t.Errorf("%q", texts(s, at(5)))
	}
	if changed, _ := s.Set(bob, "script", nil, at(5)); changed || p.Tag == "" {
		t.Error("it ended twice")
	}
}

// A change that can't be written is refused, and leaves what was.
func TestKeep(t *testing.T) {
	s := newStore(Limits{PerKey: 9, All: 9})
	var log []string
	var fault error
	s.Keep(func(_ Key, p *Publication, old string) error { log = append(log, "put "+p.Tag+" "+old); return fault },
		func(_ Key, p *Publication) error { log = append(log, "drop "+p.Tag); return fault })
	p, _, _ := s.Publish(bob, &Request{Body: []byte("a"), Expires: 10 * time.Second}, start)
	p, _, _ = s.Publish(bob, &Request{IfMatch: p.Tag, Expires: 10 * time.Second}, start)
	fault = errors.New("disk full")
	if _, _, err := s.Publish(bob, &Request{IfMatch: p.Tag, Body: []byte("b"), Expires: time.Second}, start); !errors.Is(err, fault) || texts(s, start) != "a" {
		t.Errorf("%v %q", err, texts(s, start))
	}
	s.Expire(at(10))
	if got := strings.Join(log, ", "); got != "put t1 , put t2 t1, put t3 t2" {
		t.Error(got)
	}
	s.Restore(bob, &Publication{Body: []byte("kept"), Expires: at(20)}, at(10))
	s.Restore(bob, &Publication{Body: []byte("over"), Expires: at(10)}, at(10))
	if texts(s, at(10)) != "kept" {
		t.Errorf("restored %q", texts(s, at(10)))
	}
}

// However often publications are refreshed, the timetable stays in proportion to them.
func TestTimetableIsBounded(t *testing.T) {
	s := newStore(Limits{PerKey: 9, All: 9})
	p, _, _ := s.Publish(bob, &Request{Body: []byte("a"), Expires: time.Hour}, start)
	rnd := rand.New(rand.NewPCG(1, 1))
	for i := range 2000 {
		p, _, _ = s.Publish(bob, &Request{IfMatch: p.Tag, Expires: time.Duration(3000+rnd.IntN(600)) * time.Second}, at(i/10))
		s.Expire(at(i / 10))
	}
	if len(s.due) > 65 {
		t.Errorf("%d appointments of one publication", len(s.due))
	}
}

// While a change is on its way to the disk, readers go on with what was.
func TestReadersDontWait(t *testing.T) {
	s := newStore(Limits{PerKey: 9, All: 9})
	writing, written := make(chan string), make(chan struct{})
	s.Keep(func(Key, *Publication, string) error { writing <- "put"; <-written; return nil },
		func(Key, *Publication) error { writing <- "drop"; <-written; return nil })
	p := &Publication{Body: []byte("a")}
	for _, x := range []struct {
		name, is, during, after string
		do                      func() error
	}{
		{"publish", "put", "", "b", func() error {
			_, _, err := s.Publish(bob, &Request{Body: []byte("b"), Expires: time.Minute}, start)
			return err
		}},
		{"set", "put", "b", "a b", func() error { _, err := s.Set(bob, "x", p, at(1)); return err }},
		{"unset", "drop", "b", "b", func() error { _, err := s.Set(bob, "x", nil, at(1)); return err }},
	} {
		t.Run(x.name, func(t *testing.T) {
			done, read := make(chan error), make(chan string)
			go func() { done <- x.do() }()
			if is := <-writing; is != x.is {
				t.Error(is)
			}
			go func() { s.Expire(at(1)); read <- texts(s, at(1)) }()
			select {
			case got := <-read:
				if got != x.during {
					t.Errorf("meanwhile %q", got)
				}
				written <- struct{}{}
			case <-time.After(2 * time.Second):
				t.Error("a reader waits for the disk")
				written <- struct{}{}
				<-read
			}
			if err := <-done; err != nil || texts(s, at(1)) != x.after {
				t.Errorf("%v, %q", err, texts(s, at(1)))
			}
		})
	}
}

// While a change of one key is being written, those of others are made; another of its own waits.
// What is being written counts against the limits.
func TestKeysDontWait(t *testing.T) {
	tag := 0
	var mu sync.Mutex
	s := New(Limits{PerKey: 9, All: 2}, func() string { mu.Lock(); defer mu.Unlock(); tag++; return fmt.Sprint("t", tag) })
	if _, _, err := s.Publish(bob, &Request{Body: []byte("old"), Expires: time.Minute}, start); err != nil {
		t.Fatal(err)
	}
	other := Key{Package: "presence"}
	for i := 0; other.AOR == "" || maphash.String(s.seed, other.AOR)%stripes == maphash.String(s.seed, bob.AOR)%stripes; i++ {
		other.AOR = fmt.Sprint("sip:", i, "@example.com")
	}
	writing, written := make(chan bool), make(chan bool)
	s.Keep(func(k Key, _ *Publication, _ string) error {
		if k == bob {
			writing <- true
			<-written
		}
		return nil
	}, nil)
	outcome := make(chan error, 2)
	go func() {
		_, _, err := s.Publish(bob, &Request{Body: []byte("new"), Expires: time.Minute}, start)
		outcome <- err
	}()
	<-writing
	go func() {
		_, _, err := s.Publish(bob, &Request{IfMatch: "t1", Expires: 0}, start)
		outcome <- err
	}()
	if _, _, err := s.Publish(other, &Request{Body: []byte("x"), Expires: time.Minute}, start); !errors.Is(err, ErrFull) {
		t.Error("the third of two that may be:", err)
	}
	s.SetLimits(Limits{PerKey: 9, All: 3})
	if _, _, err := s.Publish(other, &Request{Body: []byte("x"), Expires: time.Minute}, start); err != nil {
		t.Error("one of another key:", err)
	}
	select {
	case err := <-outcome:
		t.Error("the second of the same key did not wait:", err)
	default:
	}
	written <- true
	for range 2 {
		if err := <-outcome; err != nil {
			t.Error(err)
		}
	}
	if s.coming != 0 || texts(s, start) != "new" {
		t.Errorf("%d are coming, %q is published", s.coming, texts(s, start))
	}
}
