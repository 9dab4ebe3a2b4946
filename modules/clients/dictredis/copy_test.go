package dictredis

// This file tests what is remembered, in every order of answers and reports.

import (
	"fmt"
	"testing"
	"time"
)

func TestCopy(t *testing.T) {
	const fresh = int64(time.Second)
	one, two := &session{run: "1"}, &session{run: "2"}
	for name, row := range map[string]struct {
		do   func(c *copy, s *session)
		want string // current and last, with an age of 10 s, at 500 ms
	}{
		"nothing":     {func(*copy, *session) {}, "- -"},
		"an answer":   {func(c *copy, s *session) { answer(c, s, s, "v", -1) }, "v v"},
		"no such key": {func(c *copy, s *session) { answer(c, s, s, nil, -1) }, "nil nil"},
		"a report afterwards": {func(c *copy, s *session) {
			answer(c, s, s, "v", -1)
			c.changed("k", 1)
		}, "- v"},
		"a report meanwhile": {func(c *copy, s *session) {
			q := c.begin("k", s, 1)
			c.changed("k", 1)
			c.end(&q, outcome{answered: true, value: "v", left: -1, in: s}, 1)
		}, "- v"},
		"a report before, and another question under way": {func(c *copy, s *session) {
			q := c.begin("k", s, 1)
			c.changed("k", 1)
			answer(c, s, s, "v", -1)
			c.end(&q, outcome{in: s}, 1)
		}, "v v"},
		"a write of ours, answered first": {func(c *copy, s *session) {
			q := c.begin("k", s, 1)
			w := c.begin("k", s, 1)
			c.end(&w, outcome{answered: true, wrote: true, value: "new", left: -1, in: s}, 1)
			c.end(&q, outcome{answered: true, value: "old", left: -1, in: s}, 1)
		}, "- old"},
		"a write whose end is not known": {func(c *copy, s *session) {
			answer(c, s, s, "v", -1)
			w := c.begin("k", s, 1)
			c.end(&w, outcome{wrote: true, in: s}, 1)
		}, "- v"},
		"another server answers":         {func(c *copy, s *session) { answer(c, s, two, "v", -1) }, "- v"},
		"the connection was lost":        {func(c *copy, s *session) { answer(c, s, nil, "v", -1) }, "- v"},
		"changes are not reported":       {func(c *copy, _ *session) { answer(c, nil, nil, "v", -1) }, "- v"},
		"it has ended":                   {func(c *copy, s *session) { answer(c, s, s, "v", 100*time.Millisecond) }, "- nil"},
		"it has not ended":               {func(c *copy, s *session) { answer(c, s, s, "v", 600*time.Millisecond) }, "v v"},
		"all is forgotten":               {func(c *copy, s *session) { answer(c, s, s, "v", -1); c.forget() }, "- -"},
		"the session is over":            {func(c *copy, s *session) { answer(c, s, s, "v", -1); s.over.Store(true) }, "- v"},
		"nothing was heard for too long": {func(c *copy, s *session) { answer(c, s, s, "v", -1); s.confirmed.Store(-fresh) }, "- v"},
		"all is forgotten during an answer": {func(c *copy, s *session) {
			q := c.begin("k", s, 1)
			c.forget()
			c.end(&q, outcome{answered: true, value: "v", left: -1, in: s}, 1)
		}, "- v"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Set{opts: Options{Fresh: time.Duration(fresh)}}
			c := newCopy(s, 10, 1<<20)
			one.over.Store(false)
			one.confirmed.Store(1)
			row.do(c, one)
			now := int64(500 * time.Millisecond)
			got := text(c.current("k", one, now)) + " " + text(c.last("k", now, 10*time.Second))
			if got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
			if len(c.shards[0].looks) != 0 {
				t.Error("a question is still noted")
			}
		})
	}
}

func answer(c *copy, in, now *session, value any, left time.Duration) {
	q := c.begin("k", in, 1)
	c.end(&q, outcome{answered: true, value: value, left: left, in: now}, 1)
}

func text(value any, known bool) string {
	switch {
	case !known:
		return "-"
	case value == nil:
		return "nil"
	}
	return fmt.Sprint(value)
}

// An old value is used for no longer than it may be old.
func TestCopyAge(t *testing.T) {
	s := &Set{opts: Options{Fresh: time.Second}}
	c := newCopy(s, 10, 1<<20)
	x := &session{}
	answer(c, x, x, "v", -1)
	at := int64(5 * time.Second)
	x.confirmed.Store(at)
	for name, row := range map[string]struct {
		changed int64
		now     int64
		want    string
	}{
		"soon":                  {0, at + int64(time.Second), "v"},
		"late":                  {0, at + int64(3*time.Second), "-"},
		"soon after a change":   {at, at + int64(time.Second), "v"},
		"late after an earlier": {at - int64(2*time.Second), at + int64(time.Second), "-"},
	} {
		t.Run(name, func(t *testing.T) {
			e, _ := c.shards[0].entries.Peek("k")
			e.since = row.changed
			if got := text(c.last("k", row.now, 2*time.Second)); got != row.want {
				t.Error(got)
			}
		})
	}
}

// What is remembered is bounded by its number and by its size, and counted exactly.
func TestCopyIsBounded(t *testing.T) {
	s := &Set{opts: Options{Fresh: time.Second}}
	c, x := newCopy(s, 100, 10_000), &session{}
	for i := range 1000 {
		q := c.begin(fmt.Sprint(i%150), x, 1)
		c.end(&q, outcome{answered: true, value: "0123456789", left: -1, in: x}, 1)
	}
	if n := c.shards[0].entries.Len(); n > 100 || n > 10_000/entryBytes || n < 10 {
		t.Errorf("%d entries", n)
	}
	if got := s.bytes.Load(); got > 10_000 || got != c.shards[0].bytes {
		t.Errorf("%d bytes, and %d", got, c.shards[0].bytes)
	}
	c.forget()
	if got := s.bytes.Load(); got != 0 {
		t.Errorf("%d bytes of nothing", got)
	}
}
