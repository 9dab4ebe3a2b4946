//go:build unix

package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const scrape = `# HELP go_gc_duration_seconds A summary.
go_gc_duration_seconds{quantile="1"} 0.000334
go_gc_duration_seconds_sum 0.002
go_gc_duration_seconds_count 12
# TYPE sipscript_gc_pause_seconds histogram
sipscript_gc_pause_seconds_bucket{le="1e-06"} 0
sipscript_gc_pause_seconds_bucket{le="2e-05"} 20
sipscript_gc_pause_seconds_bucket{le="0.0001"} 23
sipscript_gc_pause_seconds_bucket{le="0.0002"} 24
sipscript_gc_pause_seconds_bucket{le="+Inf"} 24
sipscript_gc_pause_seconds_sum 0.001
sipscript_gc_pause_seconds_count 24
`

func TestPauses(t *testing.T) {
	p, err := parsePauses(strings.NewReader(scrape))
	if err != nil || p.cycles != 12 {
		t.Fatalf("%+v, %v", p, err)
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %g, want %g", what, got, want)
		}
	}
	near("median", p.at(.5), 20)
	near("p99", p.at(.99), 200)
	near("most", p.at(1), 200)
	later, err := parsePauses(strings.NewReader(strings.NewReplacer("count 12", "count 15", "} 23", "} 30", "} 24", "} 31").Replace(scrape)))
	if err != nil {
		t.Fatal(err)
	}
	d := later.since(p) // seven more of up to 100 µs
	near("cycles", d.cycles, 3)
	near("p99 of those", d.at(.99), 100)
	near("most of none", p.since(p).at(1), 0)
	for _, bad := range []string{"", "go_gc_duration_seconds_count 12\n", strings.Replace(scrape, "+Inf", "more", 1), strings.Replace(scrape, "} 23", "} x", 1)} {
		if p, err := parsePauses(strings.NewReader(bad)); err == nil {
			t.Errorf("no error, and %+v", p)
		}
	}
}

// The admin port is what the server says: nobody else can have it.
func TestAdminOf(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"said", "listening udp 127.0.0.1:5060\nadmin http://127.0.0.1:4321\nready\n", "http://127.0.0.1:4321"},
		{"not said", "ready\n", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log")
			if err := os.WriteFile(path, []byte(row.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if got, err := adminOf(path); got != row.want || (err == nil) != (row.want != "") {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}
