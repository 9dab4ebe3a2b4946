//go:build unix

package prefix_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/internal/memread"
	"github.com/sipscript/sipscript/modules/internal/breathe"
	"github.com/sipscript/sipscript/modules/internal/prefix"
)

func keys(t testing.TB, texts ...string) []prefix.Key {
	t.Helper()
	list := make([]prefix.Key, len(texts))
	for i, text := range texts {
		k, err := prefix.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		list[i] = k
	}
	return list
}

// build makes a table of keys.
func build(keys []prefix.Key) (*prefix.Table, []int32) {
	var list breathe.List[prefix.Key]
	for _, k := range keys {
		list.Append(k)
	}
	return prefix.Build(&list)
}

func TestKeys(t *testing.T) {
	for _, text := range []string{"", "0", "49", "+49", "*21#", "123456789012345", "+123456789012345", "9999999999999999"} {
		t.Run(text, func(t *testing.T) {
			k, err := prefix.Parse(text)
			if err != nil || k.String() != text || k.Len() != len(text) {
				t.Errorf("%v, %q of %d", err, k, k.Len())
			}
		})
	}
	for text, want := range map[string]string{"+1234567890123456": "at most 16 digits", "4 9": "consists of digits", "bob": "consists of digits", "４９": "consists of digits", "4\x00": "consists of digits"} {
		t.Run(text, func(t *testing.T) {
			if _, err := prefix.Parse(text); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
	for text, want := range map[string]string{"49 30": "49", "bob": "", "12345678901234567890": "1234567890123456"} {
		t.Run(text, func(t *testing.T) {
			if got := prefix.Of(text).String(); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

func TestFind(t *testing.T) {
	list := keys(t, "49", "4930", "493", "", "49", "5", "+49", "49301234567")
	table, order := build(list)
	if table.Len() != 7 {
		t.Errorf("%d prefixes", table.Len())
	}
	for number, want := range map[string]string{
		"493012": "4930 493 49 ", "4931": "493 49 ", "4929": "49 ", "49": "49 ", "4": "", "": "", "9999999999999999": "", "+4930": "+49 ",
		"49301234567": "49301234567 4930 493 49 ", "493012345678": "49301234567 4930 493 49 ", "5": "5 ", "50": "5 ", "x": "",
	} {
		t.Run(number, func(t *testing.T) {
			var got strings.Builder
			for i := table.Find(prefix.Of(number)); i >= 0; i = table.Up(i) {
				if k := table.Key(i); k != 0 {
					fmt.Fprint(&got, k, " ")
				}
			}
			if got.String() != want {
				t.Errorf("%q, want %q", got.String(), want)
			}
		})
	}
	i := table.Find(prefix.Of("49"))
	from, to := table.Entries(i)
	if got := order[from:to]; !slices.Equal(got, []int32{0, 4}) {
		t.Errorf("entries of 49: %v", got)
	}
}

func TestNothing(t *testing.T) {
	table, order := build(nil)
	if table.Len() != 0 || len(order) != 0 || table.Find(prefix.Of("49")) != -1 {
		t.Error("an empty table has something")
	}
	table, _ = build(keys(t, "5"))
	for _, number := range []string{"", "4", "6"} {
		t.Run(number, func(t *testing.T) {
			if i := table.Find(prefix.Of(number)); i != -1 {
				t.Errorf("found %v", table.Key(i))
			}
		})
	}
}

// Tables of all sizes find what a search through all keys finds.
func TestAgainstASearchThroughAll(t *testing.T) {
	const seed = 7
	r := rand.New(rand.NewPCG(seed, seed))
	number := func(most int) string {
		b := make([]byte, r.IntN(most+1))
		for i := range b {
			b[i] = "0123*+"[r.IntN(6)]
		}
		return string(b)
	}
	for _, n := range []int{1, 2, 15, 16, 17, 255, 256, 257, 5000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			texts := make([]string, n)
			for i := range texts {
				texts[i] = number(7)
			}
			table, order := build(keys(t, texts...))
			if len(order) != n {
				t.Fatalf("%d entries", len(order))
			}
			for range 2000 {
				asked, want := number(12), -1
				for i, text := range texts {
					if strings.HasPrefix(asked, text) && (want < 0 || len(text) > len(texts[want])) {
						want = i
					}
				}
				i := table.Find(prefix.Of(asked))
				switch {
				case i < 0 && want < 0:
				case i < 0 || want < 0 || table.Key(i).String() != texts[want]:
					t.Fatalf("seed %d: %q: found %d, want %d", seed, asked, i, want)
				default:
					if from, _ := table.Entries(i); int(order[from]) != want {
						t.Fatalf("seed %d: %q: its first entry is %d, want %d", seed, asked, order[from], want)
					}
				}
			}
		})
	}
}

// Tables find what a map of all prefixes finds, whatever the prefixes look like: many of them
// behind a few first symbols, so that slots are divided, or longer than what a slot looks at.
func TestAgainstAMap(t *testing.T) {
	const seed = 8
	for name, c := range map[string]struct {
		n, shortest, longest int
		first, symbols       string
	}{
		"spread":              {60_000, 3, 9, "", "0123456789"},
		"behind one digit":    {60_000, 2, 9, "1", "0123456789"},
		"behind a plus":       {60_000, 2, 12, "+49", "0123456789"},
		"all lengths":         {20_000, 0, 16, "", "01"},
		"long":                {20_000, 10, 16, "+123456", "0123*#+"},
		"all as long as can":  {5_000, 16, 16, "49301234567", "0123456789"},
		"deep in one place":   {5_000, 8, 16, "00000000", "01"},
		"far below one":       {20_000, 14, 16, "00000000", "0123456789"},
		"one within the next": {16, 0, 16, "1111111111111111", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, seed))
			number := func(shortest, longest int) string {
				b := []byte(c.first[:min(len(c.first), r.IntN(2*len(c.first)+1)+len(c.first)/2)])
				for want := shortest + r.IntN(longest-shortest+1); len(b) < want; {
					b = append(b, c.symbols[r.IntN(len(c.symbols))])
				}
				return string(b[:min(len(b), longest)])
			}
			texts, known := make([]string, c.n), make(map[string]bool, c.n)
			for i := range texts {
				texts[i] = number(c.shortest, c.longest)
				if i == c.n/2 { // one that is far before those at its end
					texts[i] = (c.first + c.symbols[len(c.symbols)/2:])[:min(len(c.first)+1, 16)]
				}
				known[texts[i]] = true
			}
			table, _ := build(keys(t, texts...))
			for i := range 20_000 {
				asked := number(0, 16)
				if i%2 == 0 {
					asked = (texts[r.IntN(len(texts))] + number(0, 6))
					asked = asked[:min(len(asked), 16)]
				}
				want := len(asked)
				for want >= 0 && !known[asked[:want]] {
					want--
				}
				got := -1
				if i := table.Find(prefix.Of(asked)); i >= 0 {
					got = table.Key(i).Len()
					if !strings.HasPrefix(asked, table.Key(i).String()) {
						t.Fatalf("seed %d: %q: found %v", seed, asked, table.Key(i))
					}
				}
				if got != want {
					t.Fatalf("seed %d: %q: found a prefix of %d, want one of %d", seed, asked, got, want)
				}
			}
		})
	}
}

// FuzzFind asks for numbers among prefixes, both read from one text.
func FuzzFind(f *testing.F) {
	f.Add("49,4930,,+49,1234567890123456", "493012345")
	f.Add("1,11,111,1111,11111", "1111")
	f.Fuzz(func(t *testing.T, list, number string) {
		var all []prefix.Key
		want := prefix.Key(0)
		found, asked := false, prefix.Of(number)
		for text := range strings.SplitSeq(list, ",") {
			k, err := prefix.Parse(text)
			if err != nil {
				continue
			}
			all = append(all, k)
			if k.Begins(asked) && (!found || k.Len() > want.Len()) {
				want, found = k, true
			}
		}
		table, _ := build(all)
		if i := table.Find(asked); i >= 0 != found || found && table.Key(i) != want {
			t.Fatalf("%v among %v: %d, want %v %v", asked, all, i, want, found)
		}
	})
}

// million are prefixes of 6 to 11 digits.
func million() []prefix.Key {
	r := rand.New(rand.NewPCG(1, 2))
	list := make([]prefix.Key, 1_000_000)
	for i := range list {
		list[i] = prefix.Of(fmt.Sprint(r.IntN(90_000_000_000) + 10_000_000_000)[:6+r.IntN(6)])
	}
	return list
}

// A prefix takes 26 bytes.
func TestMemory(t *testing.T) {
	list := million()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	table, _ := build(list)
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := float64(after.HeapAlloc-before.HeapAlloc) / float64(table.Len())
	t.Logf("%d prefixes, %.1f bytes each", table.Len(), each)
	if each > 30 {
		t.Errorf("a prefix takes %.1f bytes", each)
	}
	runtime.KeepAlive(list)
}

func TestFindAllocatesNothing(t *testing.T) {
	table, _ := build(keys(t, "49", "4930"))
	if n := testing.AllocsPerRun(100, func() { table.Find(prefix.Of("+4930123456789")) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Each number is another one of 65,536, read from one text: what is measured is the table.
func BenchmarkFind(b *testing.B) {
	table, _ := build(million())
	const count, digits = 1 << 16, 12
	r := rand.New(rand.NewPCG(3, 4))
	var text strings.Builder
	for range count {
		fmt.Fprint(&text, r.IntN(900_000_000_000)+100_000_000_000)
	}
	all := text.String()
	b.ReportAllocs()
	memread.Run(b, func(i int) {
		at := i % count * digits
		table.Find(prefix.Of(all[at : at+digits]))
	})
}

func BenchmarkBuild(b *testing.B) {
	list := million()
	b.ReportAllocs()
	for b.Loop() {
		build(list)
	}
}

func ExampleBuild() {
	var list breathe.List[prefix.Key]
	for _, text := range []string{"49", "4930", "33"} {
		k, err := prefix.Parse(text)
		if err != nil {
			fmt.Println(err)
			return
		}
		list.Append(k)
	}
	table, _ := prefix.Build(&list)
	fmt.Println(table.Key(table.Find(prefix.Of("4930123456"))))
	// Output: 4930
}
