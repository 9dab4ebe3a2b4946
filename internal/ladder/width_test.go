package ladder

import "testing"

func TestWidth(t *testing.T) {
	for s, want := range map[string]int{"": 0, "abc": 3, "é": 1, "e\u0301": 1, "日本": 4, "한국": 4, "ｆｕ": 4, "👍": 2, "a\u200db": 2} {
		t.Run(s, func(t *testing.T) {
			if got := Width(s); got != want {
				t.Errorf("%q: %d, want %d", s, got, want)
			}
		})
	}
}
