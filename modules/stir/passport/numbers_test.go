package passport

import (
	"testing"
)

// A list of anything is one of somebody, or none.
func FuzzNumbers(f *testing.F) {
	for _, s := range []string{"\x30\x08\xa0\x06\x16\x04709J", "\x30\x07\xa2\x05\x16\x03123", "\x30\x0a\xa1\x08\x30\x06\x16\x011\x02\x01\x02", "\x30\x80", "\x30\x84\xff\xff\xff\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := readNumbers(b)
		if err != nil {
			return
		}
		if len(n.Codes)+len(n.Ranges) == 0 {
			t.Error("a list of nobody")
		}
		for _, r := range n.Ranges {
			if r.Count < 1 || !r.has(r.First) && r.Count > 1 && dialled(r.First) && !containsSign(r.First) {
				t.Errorf("%+v", r)
			}
		}
	})
}

func containsSign(s string) bool {
	for i := range len(s) {
		if s[i] == '*' || s[i] == '#' {
			return true
		}
	}
	return false
}
