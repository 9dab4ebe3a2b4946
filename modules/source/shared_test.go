package source_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sipscript/sipscript/modules/source"
)

// A list is read once for all who have it at a time, and again after the last of them.
func TestShared(t *testing.T) {
	spec, _ := file(t, "x.txt", "sip:a\n")
	var s source.Shared[[]gateway]
	opened := 0
	open := func() (*source.List[[]gateway], error) {
		opened++
		return source.Open(t.Context(), spec, source.Options[gateway, []gateway]{Name: "test", Build: all})
	}
	acquire := func(key string, want int) (*source.List[[]gateway], func() error) {
		t.Helper()
		l, release, err := s.Acquire(key, open)
		if err != nil || len(l.Get()) != 1 || opened != want {
			t.Fatalf("%v, opened %d times, want %d", err, opened, want)
		}
		return l, release
	}
	release := func(list ...func() error) {
		t.Helper()
		for _, f := range list {
			if err := f(); err != nil {
				t.Error(err)
			}
		}
	}
	first, r1 := acquire(spec.Key(), 1)
	second, r2 := acquire(spec.Key(), 1)
	if first != second {
		t.Error("one list is there twice")
	}
	_, own := acquire("", 2)
	if n := len(s.Metrics()); n != len(first.Metrics()) {
		t.Errorf("%d metrics of two lists with one name", n)
	}
	release(r1, r1, own)
	_, r3 := acquire(spec.Key(), 2)
	release(r2, r3)
	_, r4 := acquire(spec.Key(), 3)
	release(r4)
	bad := errors.New("away")
	for _, key := range []string{"", "x"} {
		t.Run(key, func(t *testing.T) {
			if _, _, err := s.Acquire(key, func() (*source.List[[]gateway], error) { return nil, bad }); !errors.Is(err, bad) {
				t.Error(err)
			}
		})
	}
}

func TestKeyOfASpec(t *testing.T) {
	no := false
	one := source.Spec{URL: "sqlite:x", Query: "q"}
	for name, other := range map[string]source.Spec{
		"url": {URL: "sqlite:y", Query: "q"}, "query": {URL: "sqlite:x", Query: "r"}, "layout": {URL: "sqlite:x", Layout: "q"},
		"every": {URL: "sqlite:x", Query: "q", Every: time.Second}, "domain": {URL: "sqlite:x", Query: "q", Domain: &no},
	} {
		t.Run(name, func(t *testing.T) {
			if one.Key() == other.Key() {
				t.Error("the same key")
			}
		})
	}
	if table := (source.Spec{Entries: []any{}}); table.Key() != "" {
		t.Error("a key")
	}
}
