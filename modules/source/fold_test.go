package source_test

// This file tests lists that are too long to be held as entries.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/modules/source"
)

// hops folds a list to the next hops, in one text.
func hops(readings *int, held map[*gateway]bool) source.Options[gateway, string] {
	return source.Options[gateway, string]{Name: "test", Max: 4, Default: gateway{Weight: 7}, Fold: func() (func(*gateway) error, func() (string, error)) {
		*readings++
		var all []string
		return func(g *gateway) error {
				held[g] = true
				if g.Weight == 13 {
					return errors.New("13 is refused")
				}
				all = append(all, fmt.Sprint(g.NextHop, " ", g.Weight))
				return nil
			}, func() (string, error) {
				if len(all) == 3 {
					return "", errors.New("three are refused")
				}
				return strings.Join(all, ", "), nil
			}
	}}
}

func TestFold(t *testing.T) {
	csvFile, path := file(t, "x.csv", "next_hop,weight,up\nsip:a,5,yes\nsip:b,,\n")
	textFile, _ := file(t, "x.txt", "sip:a\nsip:b\n")
	for name, row := range map[string]struct {
		spec source.Spec
		want string
	}{
		"csv":      {csvFile, "sip:a 5, sip:b 7"},
		"lines":    {textFile, "sip:a 7, sip:b 7"},
		"list":     {source.Spec{Entries: []any{"sip:a", "sip:b"}}, "sip:a 7, sip:b 7"},
		"nothing":  {source.Spec{Entries: map[string]any{}}, ""},
		"function": {source.Spec{Func: func(context.Context) (any, error) { return []any{"sip:c"}, nil }}, "sip:c 7"},
	} {
		t.Run(name, func(t *testing.T) {
			readings, held := 0, map[*gateway]bool{}
			l, err := source.Open(t.Context(), row.spec, hops(&readings, held))
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			entries := strings.Count(row.want, "sip:")
			if got := l.Get(); got != row.want || l.Stats().Entries != entries || readings != 1 {
				t.Errorf("%q of %d entries in %d readings, want %q", got, l.Stats().Entries, readings, row.want)
			}
			if entries > 0 && len(held) != 1 {
				t.Errorf("%d entries are held", len(held))
			}
		})
	}
	for name, row := range map[string]struct{ text, want string }{
		"add":   {"next_hop,weight\nsip:a,1\n\nsip:b,13\n", "x.csv:4: 13 is refused"},
		"field": {"next_hop,weight\nsip:a,1\nsip:b,0\n", "x.csv:3: weight: must be at least 1"},
		"empty": {"next_hop,weight\nsip:a,1\n\"\",2\n", "x.csv:3: next_hop is empty"},
		"check": {"next_hop\nbad\n", "x.csv:2: bad is not a next hop"},
		"done":  {"next_hop\na\nb\nc\n", "three are refused"},
		"max":   {"next_hop\na\nb\nc\nd\ne\n", "x.csv:6: too many entries: more than 4"},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, path, row.text)
			readings := 0
			if _, err := source.Open(t.Context(), csvFile, hops(&readings, map[*gateway]bool{})); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
}

// A million rates that are not held as entries.
func BenchmarkFold(b *testing.B) {
	type rate struct {
		Prefix  string  `lua:"prefix,required"`
		Carrier string  `lua:"carrier"`
		Cost    string  `lua:"cost"`
		Days    string  `lua:"days"`
		Hours   string  `lua:"hours"`
		Quality float64 `lua:"quality"`
	}
	var text strings.Builder
	text.WriteString("prefix,carrier,cost,days,hours,quality\n")
	for i := range 1_000_000 {
		fmt.Fprintf(&text, "%d,carrier%d,0.%04d,mon-fri,08:00-18:00,%d\n", 1_000_000+i, i%7, i%10000, i%100)
	}
	path := filepath.Join(b.TempDir(), "rates.csv")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		l, err := source.Open(b.Context(), source.Spec{URL: "file:" + path}, source.Options[rate, int]{Name: "rates",
			Fold: func() (func(*rate) error, func() (int, error)) {
				return func(*rate) error { n++; return nil }, func() (int, error) { return n, nil }
			}})
		if err != nil || l.Get() != 1_000_000 {
			b.Fatal(err)
		}
		_ = l.Close()
	}
}
