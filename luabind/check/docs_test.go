package check_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tableRow is a row of the tables of docs/check.md: a rule, an example, and what to do.
var tableRow = regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| `([^|]+?)` \\| ([^|]+) \\|$")

// Each row of docs/check.md has an example in which its finding is found, and each rule a row.
func TestDocumentedFindingsAreFound(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "check.md"))
	if err != nil {
		t.Fatal(err)
	}
	c, documented := checker(t), map[string]bool{}
	for _, row := range tableRow.FindAllStringSubmatch(string(text), -1) {
		rule, example := row[1], row[2]
		documented[rule] = true
		t.Run(rule, func(t *testing.T) {
			var found []string
			for _, script := range []string{example, example + end, routed(example), handler(example)} {
				var rules []string
				for _, f := range c.Source("x.lua", script, nil) {
					rules = append(rules, f.Rule)
				}
				if slices.Equal(rules, []string{rule}) {
					return
				}
				found = append(found, strings.Join(rules, " "))
			}
			t.Errorf("%q is found as %q, not alone as %s", example, found, rule)
		})
	}
	for _, m := range append(slices.Clone(mistakes), decisions...) {
		if !documented[m.rule] {
			t.Errorf("docs/check.md has no row for %s", m.rule)
		}
		documented[m.rule+" tested"] = true
	}
	for rule := range documented {
		if !strings.HasSuffix(rule, " tested") && !documented[rule+" tested"] {
			t.Errorf("no test has a mistake of the rule %s", rule)
		}
	}
}
