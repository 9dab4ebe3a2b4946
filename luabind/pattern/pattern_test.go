package pattern

import (
	"fmt"
	"strings"
	"testing"
)

func TestCaptures(t *testing.T) {
	var m Matcher
	from, to, err := m.Find("key = value", "^(%w+)()%s*=%s*(%w+)$", 0)
	if err != nil || from != 0 || to != 11 || m.Captures() != 3 {
		t.Fatal(from, to, err, m.Captures())
	}
	for i, want := range []struct {
		start, end int
		position   bool
	}{{0, 3, false}, {3, 3, true}, {6, 11, false}} {
		t.Run(fmt.Sprint(want.start), func(t *testing.T) {
			start, end, position, err := m.Capture(i)
			if err != nil || start != want.start || end != want.end || position != want.position {
				t.Errorf("capture %d: %d to %d, %v, %v", i, start, end, position, err)
			}
		})
	}
}

func TestBadPatterns(t *testing.T) {
	for _, p := range []string{"[a", "(a", "%", "a)", "%b", "%f", "%1", "[%"} {
		t.Run(p, func(t *testing.T) {
			var m Matcher
			_, _, err := m.Find("aaaa", p, 0)
			for i := 0; err == nil && i < m.Captures(); i++ {
				_, _, _, err = m.Capture(i)
			}
			if err == nil {
				t.Error("is not a pattern, and matched")
			}
		})
	}
}

// A match that would take for ever ends with an error, and lets others run meanwhile.
func TestLongMatchesEnd(t *testing.T) {
	breaths := 0
	m := Matcher{Breathe: func() { breaths++ }}
	_, _, err := m.Find(strings.Repeat("a", 3000), strings.Repeat("a-", 20)+"b", 0)
	if err == nil || !strings.Contains(err.Error(), "too long") || breaths < 10 {
		t.Errorf("%v after %d breaths", err, breaths)
	}
}
