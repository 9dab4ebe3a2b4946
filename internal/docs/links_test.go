package docs

// This file checks that links lead somewhere, and that the index of decisions is complete.

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	link = regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)\)`)
	// A path of a file as prose writes it, in backticks.
	quotedPath = regexp.MustCompile("`((?:[a-z0-9_]+/)+[A-Za-z0-9_.-]+\\.(?:md|go|lua|sh|yml|cfg))`")
)

// prose is a Markdown text without its fenced blocks, whose lines stay empty.
func prose(text string) string {
	var out strings.Builder
	fenced := false
	for line := range strings.Lines(text) {
		fence := strings.HasPrefix(strings.TrimSpace(line), "```")
		if fence {
			fenced = !fenced
		}
		if fence || fenced {
			line = "\n"
		}
		out.WriteString(line)
	}
	return out.String()
}

// anchors are the names that the headings of a Markdown text can be linked by, as GitHub makes
// them.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for line := range strings.Lines(prose(text)) {
		heading, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if !ok || !strings.HasPrefix(line, "#") {
			continue
		}
		found[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(heading))] = true
	}
	return found
}

// brokenLinks lists the links and paths in the text of a file that lead nowhere.
func brokenLinks(path, text string) (broken []string) {
	for _, m := range link.FindAllStringSubmatch(prose(text), -1) {
		target, fragment, _ := strings.Cut(m[1], "#")
		if strings.Contains(target, ":") { // on the web
			continue
		}
		file := path
		if target != "" {
			file = filepath.Join(filepath.Dir(path), target)
		}
		content := text
		if target != "" {
			if _, err := os.Stat(file); err != nil {
				broken = append(broken, m[1])
				continue
			}
			if fragment != "" {
				b, _ := os.ReadFile(file)
				content = string(b)
			}
		}
		if fragment != "" && !anchors(content)[fragment] {
			broken = append(broken, m[1])
		}
	}
	for _, m := range quotedPath.FindAllStringSubmatch(prose(text), -1) {
		_, fromRoot := os.Stat(filepath.Join(root, m[1]))
		_, fromHere := os.Stat(filepath.Join(filepath.Dir(path), m[1]))
		if fromRoot != nil && fromHere != nil {
			broken = append(broken, m[1])
		}
	}
	return broken
}

// foreign are paths of other projects, and of what a user of this one makes.
var foreign = map[string]bool{"tfm/repro/sanityTests.cxx": true}

func TestLinksLeadSomewhere(t *testing.T) {
	found := 0
	for _, path := range readmes(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found += len(link.FindAllString(string(text), -1))
		for _, target := range brokenLinks(path, string(text)) {
			if !foreign[target] {
				t.Errorf("%s: nothing at %s", strings.TrimPrefix(path, root+"/"), target)
			}
		}
	}
	if found < 20 {
		t.Errorf("%d links found", found)
	}
}

// Broken links are found: the test above could not fail otherwise.
func TestBrokenLinksAreFound(t *testing.T) {
	path := filepath.Join(root, "README.md")
	text := "# A heading, with `code`\n[a](docs/README.md) [b](#a-heading-with-code) [c](https://example.com/x)\n" +
		"[d](no.md) [e](#nothing) [f](docs/README.md#nothing) `engine/none.go` `engine/engine.go`\n" +
		"```\n[g](no.md)\n```\n"
	want := "[no.md #nothing docs/README.md#nothing engine/none.go]"
	if got := fmt.Sprint(brokenLinks(path, text)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestEveryDecisionIsInTheIndex(t *testing.T) {
	dir := filepath.Join(root, "docs", "decisions")
	index, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil || len(files) < 100 {
		t.Fatalf("%d decisions: %v", len(files), err)
	}
	for _, path := range files {
		name := filepath.Base(path)
		if n := strings.Count(string(index), "("+name+")"); n != 1 && name != "README.md" {
			t.Errorf("%s is in the index %d times, want once", name, n)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if name != "README.md" && !strings.Contains(string(text), "\n## Decision\n") {
			t.Errorf("%s does not say what was decided", name)
		}
	}
}
