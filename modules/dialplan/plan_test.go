package dialplan_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/modules/dialplan"
)

func plan(t testing.TB, rules ...dialplan.Rule) *dialplan.Plan {
	t.Helper()
	p, err := dialplan.New(rules)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTranslate(t *testing.T) {
	attr := func(x string) map[string]any { return map[string]any{"x": x} }
	p := plan(t,
		dialplan.Rule{Match: `^00([1-9]\d*)$`, Replace: "+%1", Attrs: attr("abroad")},
		dialplan.Rule{Match: `^(\d)(\d)x$`, Replace: "%2%1%%%0"},
		dialplan.Rule{Match: `-`, Replace: ""},
		dialplan.Rule{Match: `^keep`},
		dialplan.Rule{Match: `^a(b)?c$`, Replace: "<%1>"},
		dialplan.Rule{Prefix: "0", Strip: 1, Add: "+49"},
		dialplan.Rule{Prefix: "030", Attrs: attr("berlin")},
		dialplan.Rule{Prefix: "030", Add: "second"},
		dialplan.Rule{Prefix: "*21#", Strip: 64, Add: "forward"},
		dialplan.Rule{Match: `^0309`, Replace: "first", Priority: -1},
		dialplan.Rule{Match: `.`, Replace: "last", Priority: 1},
		dialplan.Rule{Prefix: "7", Add: "never", Priority: 2},
	)
	if p.Len() != 12 {
		t.Errorf("%d rules", p.Len())
	}
	for text, want := range map[string]string{
		"0049301234": "+49301234 abroad",
		"12x":        "21%12x",
		"1-2-3":      "12-3",
		"keeper":     "keeper",
		"abc":        "<b>", "ac": "<>",
		"0401": "+49401", "0301": "0301 berlin", "0": "+49",
		"*21#0301": "forward",
		"0309":     "first", "03091": "first1",
		"7":                      "last",
		"bob":                    "lastob",
		"":                       "no match",
		"\x00":                   "last",
		strings.Repeat("1", 256): "last" + strings.Repeat("1", 255),
		strings.Repeat("1", 257): "no match",
	} {
		t.Run(text, func(t *testing.T) {
			r, ok, err := p.Translate(text, nil)
			got := "no match"
			if ok {
				got = r.Text
			}
			if x, _ := r.Attrs["x"].(string); x != "" {
				got += " " + x
			}
			if err != nil || got != want {
				t.Errorf("%q, %v, want %q", got, err, want)
			}
		})
	}
}

func TestFunctions(t *testing.T) {
	p := plan(t, dialplan.Rule{Match: `^(\d)(x)?`, Replace: dialplan.Function(3), Attrs: map[string]any{"a": 1.0}}, dialplan.Rule{Match: "^8", Replace: "next"})
	call := func(f dialplan.Function, text string, captures []string) (string, bool, error) {
		switch text {
		case "8":
			return "", false, nil
		case "9":
			return "", false, fmt.Errorf("refused")
		}
		return fmt.Sprint(int(f), text, captures), true, nil
	}
	if r, ok, err := p.Translate("1y", call); r.Text != "31y[1 ]" || !ok || err != nil || r.Attrs["a"] != 1.0 {
		t.Errorf("%+v %v %v", r, ok, err)
	}
	if r, ok, err := p.Translate("8", call); r.Text != "next" || !ok || err != nil {
		t.Errorf("%+v %v %v", r, ok, err)
	}
	if _, ok, err := p.Translate("9", call); ok || err == nil {
		t.Errorf("%v %v", ok, err)
	}
	if _, _, err := p.Translate("1", nil); err == nil {
		t.Error("a function that nobody calls")
	}
}

func TestBadRules(t *testing.T) {
	patterns := make([]dialplan.Rule, 4001)
	for i := range patterns {
		patterns[i] = dialplan.Rule{Match: fmt.Sprint("^", i)}
	}
	priorities := make([]dialplan.Rule, 1001)
	for i := range priorities {
		priorities[i] = dialplan.Rule{Prefix: "1", Priority: i}
	}
	var large []dialplan.Rule
	for range 20 {
		large = append(large, dialplan.Rule{Match: strings.Repeat(`(\d\d\d\d){1000}`, 2)})
	}
	for name, row := range map[string]struct {
		rules []dialplan.Rule
		want  string
	}{
		"both":             {[]dialplan.Rule{{Match: "1", Prefix: "1"}}, "rule 1: a rule has match or prefix, not both"},
		"strip of match":   {[]dialplan.Rule{{Match: "1", Strip: 1}}, "strip and add belong to a prefix"},
		"add of match":     {[]dialplan.Rule{{Match: "1", Add: "1"}}, "strip and add belong to a prefix"},
		"replace of none":  {[]dialplan.Rule{{Prefix: "1", Replace: "x"}}, "replace belongs to match"},
		"replace":          {[]dialplan.Rule{{Match: "1", Replace: 7.0}}, "replace must be text or a function"},
		"expression":       {[]dialplan.Rule{{}, {Match: "(1"}}, "rule 2: match: error parsing regexp: missing closing )"},
		"look-ahead":       {[]dialplan.Rule{{Match: "(?=1)"}}, "match: error parsing regexp: invalid or unsupported Perl syntax"},
		"back reference":   {[]dialplan.Rule{{Match: `(1)\1`}}, "match: error parsing regexp: invalid escape sequence"},
		"long":             {[]dialplan.Rule{{Match: strings.Repeat("1", 513)}}, "at most 512 bytes"},
		"capture":          {[]dialplan.Rule{{Match: "(1)", Replace: "%2"}}, `replace: %2 in "%2": match has 1 captures`},
		"mark":             {[]dialplan.Rule{{Match: "(1)", Replace: "%x"}}, "after % comes the number of a capture"},
		"mark at the end":  {[]dialplan.Rule{{Match: "(1)", Replace: "x%"}}, `"x%" ends in %`},
		"prefix":           {[]dialplan.Rule{{Prefix: "bob"}}, "prefix: a prefix consists of digits, *, # and +"},
		"long prefix":      {[]dialplan.Rule{{Prefix: "12345678901234567"}}, "prefix: a prefix has at most 16 digits"},
		"many":             {patterns, "at most 4000 regular expressions"},
		"many priorities":  {priorities, "at most 1000 different priorities"},
		"too much to try":  {large, "too complex"},
		"nested repeating": {[]dialplan.Rule{{Match: `((\d{100}){100}){100}`}}, "match: error parsing regexp: invalid repeat count"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := dialplan.New(row.rules); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
}

// many are rules for prefixes of 6 to 11 digits.
func many(n int) []dialplan.Rule {
	r := rand.New(rand.NewPCG(1, 2))
	list := make([]dialplan.Rule, n)
	for i := range list {
		list[i] = dialplan.Rule{Prefix: fmt.Sprint(r.IntN(90_000_000_000) + 10_000_000_000)[:6+r.IntN(6)], Strip: i % 4, Add: fmt.Sprint(i % 100)}
	}
	return list
}

// A rule for a prefix takes at most 64 bytes; it takes 25.
func TestMemory(t *testing.T) {
	rules := many(200_000)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	p := plan(t, rules...)
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := float64(after.HeapAlloc-before.HeapAlloc) / float64(len(rules))
	t.Logf("%.1f bytes each", each)
	if each > 40 {
		t.Errorf("a prefix takes %.1f bytes", each)
	}
	runtime.KeepAlive(p)
	runtime.KeepAlive(rules)
}

func BenchmarkTranslate(b *testing.B) {
	p := plan(b, many(1_000_000)...)
	const count, digits = 1 << 16, 12
	r := rand.New(rand.NewPCG(3, 4))
	var text strings.Builder
	for range count {
		fmt.Fprint(&text, r.IntN(900_000_000_000)+100_000_000_000)
	}
	all := text.String()
	small := plan(b, dialplan.Rule{Match: "^00(.*)", Replace: "+%1"}, dialplan.Rule{Prefix: "0", Strip: 1, Add: "+49"})
	b.Run("million", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			at := i % count * digits
			if _, _, err := p.Translate(all[at:at+digits], nil); err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
	b.Run("match", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if r, _, _ := small.Translate("004930123456", nil); r.Text != "+4930123456" {
				b.Fatal(r)
			}
		}
	})
}
