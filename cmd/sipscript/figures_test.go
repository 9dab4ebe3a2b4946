package main

// What a scrape of a running server gives.

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	dto "github.com/prometheus/client_model/go"

	"github.com/sipscript/sipscript/modules/all"
	"github.com/sipscript/sipscript/modules/host"
)

// scrape is what a Prometheus server would get from the admin port.
func scrape(t *testing.T, s *server) map[string]*dto.MetricFamily {
	t.Helper()
	res, err := http.Get("http://" + s.admin.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s %v", res.Status, err)
	}
	return families
}

// fileOf writes a file of a test.
func fileOf(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Servers that differ in what may not be told, a password, are one figure: one that appears twice
// would spoil the scrape. It happens when a script with a new password is loaded while the old one
// still has calls.
func TestFiguresAppearOnce(t *testing.T) {
	script := fileOf(t, "x.lua", `local redis = require "redis"
redis.open("redis://:before@127.0.0.1:1/0")
redis.open("redis://:after@127.0.0.1:1/0")
function route(req) end`)
	s, _ := served(t, script)
	if _, err := s.figures.Gather(); err != nil {
		t.Error(err)
	}
	families := scrape(t, s)
	for name, want := range map[string]int{"sipscript_client_up": 1, "sipscript_client_seconds": 1, "sipscript_client_calls_total": 4} {
		t.Run(name, func(t *testing.T) {
			if got := len(families[name].GetMetric()); got != want {
				t.Errorf("%d, want %d: %v", got, want, families[name])
			}
		})
	}
}

// A name that begins with that of a module is of that module: sipscript_messages_… are not of
// messages in general.
func TestFiguresOfModules(t *testing.T) {
	s, _ := served(t)
	of := map[string]bool{"sipscript_dns_records_total": true} // the resolver counts for the module
	for _, m := range s.router.Metrics() {
		of["sipscript_"+m.Name] = true
	}
	for name := range scrape(t, s) {
		rest, ours := strings.CutPrefix(name, "sipscript_")
		if ours && !of[name] && slices.ContainsFunc(all.Plugins(), func(p host.Plugin) bool { return strings.HasPrefix(rest, p.Name+"_") }) {
			t.Errorf("%s is not of the module by whose name it begins", name)
		}
	}
}
