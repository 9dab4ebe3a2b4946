//go:build unix

package lcr_test

// Figures: a million rates are loaded, asked, and replaced while others work.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/cputime"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/lcr"
)

// sheet is a file of n rates.
func sheet(t testing.TB, n int) string {
	t.Helper()
	var text strings.Builder
	text.WriteString("prefix,carrier,cost,valid_from,days,hours,quality\n")
	for i, r := range many(n) {
		fmt.Fprintf(&text, "%s,%s,0.%04d,2026-01-01,mon-fri,08:00-18:00,%d\n", r.Prefix, r.Carrier, i%10000, i%100)
	}
	path := filepath.Join(t.TempDir(), "rates.csv")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// world has a script with the rates of a file.
func world(t testing.TB, path string) *luabindtest.World {
	return luabindtest.New(t, `lcr = require "lcr" lcr.configure { rates = "file:`+path+`", carriers = { carrier1 = { targets = "sip:10.0.3.1" } } } function route(req) end`,
		luabindtest.Modules(lcr.NewModule(lcr.ModuleOptions{})))
}

// A million rates are read from a file.
func BenchmarkLoad(b *testing.B) {
	path := sheet(b, 1_000_000)
	w := world(b, path)
	b.ReportAllocs()
	before := cputime.Used()
	for b.Loop() {
		if out, err := w.Eval(`return lcr.reload()`); err != nil || out[0] != true {
			b.Fatal(out, err)
		}
	}
	b.ReportMetric((cputime.Used()-before).Seconds()/float64(b.N), "cpu-s/op")
}

func BenchmarkOffers(b *testing.B) {
	tab := table(b, many(1_000_000)...)
	const count, digits = 1 << 16, 12
	var text strings.Builder
	for i, r := range many(count) {
		fmt.Fprintf(&text, "%012s", (r.Prefix + fmt.Sprint(100_000_000_000+i))[:digits])
	}
	all, at := text.String(), time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	i, before := 0, cputime.Used()
	for b.Loop() {
		from := i % count * digits
		tab.Offers(all[from:from+digits], lcr.Query{At: at})
		i++
	}
	b.ReportMetric(float64(cputime.Used()-before)/float64(b.N), "cpu-ns/op")
}

// A rate that is read leaves nothing behind but what the table has of it.
func TestLoadAllocations(t *testing.T) {
	const n = 20_000
	w := world(t, sheet(t, n))
	got := testing.AllocsPerRun(2, func() {
		if out, err := w.Eval(`return lcr.reload()`); err != nil || out[0] != true {
			t.Error(out, err)
		}
	})
	if got > n/4 {
		t.Errorf("%v allocations for %d rates", got, n)
	}
}
