package docs

// This file keeps prose within 100 columns.

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

const columns = 100

// unbroken is a line that cannot be shorter: one word, or a link, after a list's mark.
var unbroken = regexp.MustCompile(`^\s*(?:[-*>#]+ )?(?:\S+|\[[^\]]*\]\(\S+\)\S*)$`)

// wideLines are the numbers of the lines of prose in a Markdown text that are too wide. Tables and
// blocks of code may be.
func wideLines(text string) (wide []int) {
	for i, line := range strings.Split(prose(text), "\n") {
		code := strings.HasPrefix(line, "    ") && !strings.HasPrefix(strings.TrimSpace(line), "- ")
		if utf8.RuneCountInString(line) > columns && !strings.HasPrefix(line, "|") && !code && !unbroken.MatchString(line) {
			wide = append(wide, i+1)
		}
	}
	return wide
}

func TestProseKeepsWithin100Columns(t *testing.T) {
	for _, path := range readmes(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range wideLines(string(text)) {
			t.Errorf("%s:%d: more than %d columns", strings.TrimPrefix(path, root+"/"), n, columns)
		}
	}
}

// Wide lines are found: the test above could not fail otherwise.
func TestWideLinesAreFound(t *testing.T) {
	words := strings.Repeat("word ", 25)
	text := words + "\n| " + words + "|\n```\n" + words + "\n```\n    " + words + "\n- https://" + strings.Repeat("x", columns) + "\n- " + words + "\n"
	if got := wideLines(text); len(got) != 2 || got[0] != 1 || got[1] != 8 {
		t.Errorf("lines %v, want 1 and 8", got)
	}
}
