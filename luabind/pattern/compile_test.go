package pattern

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestCompiledAsPlain: a compiled pattern finds what the matcher finds by the text, with the same
// captures and errors.
func TestCompiledAsPlain(t *testing.T) {
	const seed = 18
	r := rand.New(rand.NewPCG(seed, 0))
	pieces := []string{"a", "b", ".", "%a", "%d", "%s", "%%", "[ab]", "[^a]", "[a-c%d]", "[]]", "(", ")", "()", "%b()", "%f[%w]", "%1", "%2", "$", "^",
		"*", "+", "-", "?", "a-", ".-", "%w+", "[^,]*", "%", "[", "%b(", "%f", "@"}
	alphabet := "aab()1, c@]^$%"
	compiledOnes := 0
	for n := range 40_000 {
		var pat, src strings.Builder
		for range 1 + r.IntN(6) {
			pat.WriteString(pieces[r.IntN(len(pieces))])
		}
		for range r.IntN(12) {
			src.WriteByte(alphabet[r.IntN(len(alphabet))])
		}
		init := r.IntN(src.Len() + 1)
		var a, b Matcher
		if a.program(pat.String()) != nil {
			compiledOnes++
		}
		from, to, err := a.Find(src.String(), pat.String(), init)
		from2, to2, err2 := b.findPlain(src.String(), pat.String(), init)
		same := from == from2 && to == to2 && (err == nil) == (err2 == nil) && (err == nil || err.Error() == err2.Error())
		if same && err == nil && from != NoMatch {
			same = a.Captures() == b.Captures()
			for i := 0; same && i < a.Captures(); i++ {
				s, e, p, err := a.Capture(i)
				s2, e2, p2, err2 := b.Capture(i)
				same = s == s2 && e == e2 && p == p2 && err == err2
			}
		}
		if !same {
			t.Fatalf("seed %d, %d: %q in %q from %d: compiled %d %d %v, plain %d %d %v", seed, n, pat.String(), src.String(), init, from, to, err, from2, to2, err2)
		}
	}
	if compiledOnes < 10_000 {
		t.Errorf("only %d of the patterns were compiled", compiledOnes)
	}
}
