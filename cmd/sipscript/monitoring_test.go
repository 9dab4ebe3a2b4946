package main

// The dashboard and the alerts of contrib, against what a server exports.

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"go.yaml.in/yaml/v3"

	"github.com/sipscript/sipscript/engine"
)

// exported are the names of figures with the names of their labels, of a server that has done
// something of everything.
func exported(t *testing.T) map[string][]string {
	t.Helper()
	script := fileOf(t, "all.lua", fmt.Sprintf(`local acc, acl, dispatch, redis = require "acc", require "acl", require "dispatch", require "redis"
acc.configure{ to = { "json:%s" } }
acl.configure{ lists = { blocked = {} }, drop = { "blocked" } }
dispatch.configure{ sets = { pstn = { "sip:127.0.0.1:1" } } }
redis.open("redis://127.0.0.1:1/0")
function route(req) req:reply(404) end`, filepath.Join(t.TempDir(), "cdr.jsonl")))
	cert, key := pair(t, time.Now().Add(time.Hour))
	s, _ := served(t, "-l", "tls:127.0.0.1:0", "--tls-cert", cert, "--tls-key", key, "--data", t.TempDir(), "--hep", "udp:127.0.0.1:9", script)
	s.callFigures.Settled(&engine.CallReport{Code: 408, Cause: engine.CauseTimeout, Ringing: time.Second})
	s.callFigures.Settled(&engine.CallReport{Code: 200, Ringing: time.Second, Answered: time.Second})
	c, err := net.Dial("udp", s.engine.Locals()[0].Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	request := "OPTIONS sip:x@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKa;rport\r\nFrom: <sip:a@example.com>;tag=a\r\nTo: <sip:x@example.com>\r\n" +
		"Call-ID: a\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
	if _, err := c.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 2000)); err != nil {
		t.Fatal(err)
	}
	names := map[string][]string{"up": {"job", "instance"}} // of Prometheus itself
	for name, f := range scrape(t, s) {
		var labels []string
		for _, m := range f.Metric {
			for _, l := range m.Label {
				labels = append(labels, l.GetName())
			}
		}
		labels = append(labels, "instance", "job") // which Prometheus adds
		if f.GetType() == dto.MetricType_HISTOGRAM {
			names[name+"_bucket"], names[name+"_sum"], names[name+"_count"] = append(labels, "le"), labels, labels
			continue
		}
		names[name] = labels
	}
	return names
}

var (
	quoted   = regexp.MustCompile(`"[^"]*"`)
	selector = regexp.MustCompile(`\b([a-z_]+)\b(?:\{([^}]*)\})?`)
	grouping = regexp.MustCompile(`\b(?:by|without|on|ignoring)\s*\(([^)]*)\)`)
	matcher  = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
	legend   = regexp.MustCompile(`\{\{\s*(?:\$labels\.)?([a-z_]+)\s*\}\}`)
)

// unknown are the names of figures and labels in an expression, and labels in the texts with it,
// that nobody exports.
func unknown(names map[string][]string, expr string, texts ...string) (bad []string) {
	bare := quoted.ReplaceAllString(expr, "")
	var labels []string
	found := false
	for _, m := range selector.FindAllStringSubmatch(grouping.ReplaceAllString(bare, ""), -1) {
		name := m[1]
		if !strings.HasPrefix(name, "sipscript_") && !strings.HasPrefix(name, "process_") && !strings.HasPrefix(name, "go_") && name != "up" {
			continue
		}
		found = true
		of, ok := names[name]
		if !ok {
			bad = append(bad, name)
		}
		labels = append(labels, of...)
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			if ok && !slices.Contains(of, l[1]) {
				bad = append(bad, name+"{"+l[1]+"}")
			}
		}
	}
	if !found {
		return []string{"no figure at all"}
	}
	kept, grouped := labels, grouping.FindAllStringSubmatch(bare, -1)
	for _, m := range grouped {
		kept = nil
		for _, l := range strings.Split(m[1], ",") {
			if kept = append(kept, strings.TrimSpace(l)); !slices.Contains(labels, strings.TrimSpace(l)) {
				bad = append(bad, "by "+l)
			}
		}
	}
	if len(grouped) == 0 && regexp.MustCompile(`\b(sum|min|max|count)\(`).MatchString(expr) {
		kept = nil // it adds up everything
	}
	for _, text := range texts {
		for _, l := range legend.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(kept, l[1]) {
				bad = append(bad, "told "+l[1])
			}
		}
	}
	return bad
}

// expression is one that contrib has, with the texts that tell its labels.
type expression struct {
	name, expr string
	texts      []string
}

func dashboard(t *testing.T) (list []expression) {
	t.Helper()
	type query struct{ Title, Expr, LegendFormat, TextFormat string }
	var d struct {
		Panels []struct {
			Title   string
			Targets []query
		}
		Annotations struct{ List []query }
	}
	text, err := os.ReadFile("../../contrib/grafana/sipscript.json")
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			list = append(list, expression{p.Title, q.Expr, []string{q.LegendFormat}})
		}
	}
	for _, q := range d.Annotations.List {
		list = append(list, expression{"annotation", q.Expr, []string{q.TextFormat}})
	}
	return list
}

func alerts(t *testing.T) (list []expression) {
	t.Helper()
	var f struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations map[string]string
			}
		}
	}
	text, err := os.ReadFile("../../contrib/prometheus/alerts.yml")
	if err == nil {
		err = yaml.Unmarshal(text, &f)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range f.Groups {
		for _, r := range g.Rules {
			list = append(list, expression{r.Alert, r.Expr, []string{r.Annotations["summary"], r.Annotations["description"]}})
		}
	}
	return list
}

// Every name and label that dashboard and alerts use is one that a running server exports.
func TestMonitoringKnowsTheFigures(t *testing.T) {
	names := exported(t)
	list := append(dashboard(t), alerts(t)...)
	if len(list) < 60 {
		t.Fatalf("only %d expressions were found", len(list))
	}
	for _, e := range list {
		if bad := unknown(names, e.expr, e.texts...); bad != nil {
			t.Errorf("%s: %s: nobody exports %s", e.name, e.expr, strings.Join(bad, ", "))
		}
	}
	for name, row := range map[string]struct{ expr, legend, want string }{
		"a figure":             {`rate(sipscript_calls_all{class="2xx"}[5m])`, "", "sipscript_calls_all"},
		"a label":              {`sum(rate(sipscript_calls_total{klass="2xx"}[5m]))`, "", "sipscript_calls_total{klass}"},
		"a label of a group":   {`sum by (klass) (sipscript_calls_total)`, "", "by klass"},
		"a label of a legend":  {`sum by (class) (sipscript_calls_total)`, "{{cause}}", "told cause"},
		"a label that is gone": {`sum(sipscript_calls_total)`, "{{class}}", "told class"},
		"a histogram":          {`sipscript_call_setup_seconds`, "", "sipscript_call_setup_seconds"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(unknown(names, row.expr, row.legend), " "); got != row.want {
				t.Errorf("%q, want %q", got, row.want)
			}
		})
	}
}

// Prometheus' own tool reads the rules and the expressions of the dashboard, and finds that each
// alert is raised when it should be.
func TestMonitoringWithPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("there is no promtool (Debian's prometheus): rules were not checked")
	}
	type rule struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	var rules []rule
	for i, e := range dashboard(t) {
		rules = append(rules, rule{fmt.Sprintf("panel:%d", i), strings.ReplaceAll(e.expr, "$instance", "a")})
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"alerts":    {"check", "rules", "../../contrib/prometheus/alerts.yml"},
		"cases":     {"test", "rules", "../../contrib/prometheus/alerts_test.yml"},
		"dashboard": {"check", "rules", fileOf(t, "dashboard.yml", string(text))},
	} {
		t.Run(name, func(t *testing.T) {
			if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
