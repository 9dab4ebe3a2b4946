package docs

// This file keeps prose and comments within 100 columns.

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
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

// tabWidth is how many columns a tab counts for.
const tabWidth = 4

// preformatted is the text of a comment that is not prose: code, a table, or an instruction to a
// tool.
var preformatted = regexp.MustCompile(`^//(?:\t|  +[^ \-*\d]|go:|nolint|line |export )`)

// wideComments are the numbers of the lines of a Go file with a comment beyond the columns, except
// where the code before the comment is.
func wideComments(source string) (wide []int, err error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "x.go", source, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	width := func(s string) int {
		return utf8.RuneCountInString(strings.ReplaceAll(s, "\t", strings.Repeat(" ", tabWidth)))
	}
	lines := strings.Split(source, "\n")
	for _, group := range file.Comments {
		for _, c := range group.List {
			at := fset.Position(c.Pos())
			line := lines[at.Line-1]
			code := strings.TrimSpace(line[:at.Column-1])
			switch {
			case width(line) <= columns, strings.HasPrefix(c.Text, "/*"), preformatted.MatchString(c.Text):
			case code == "" && unbroken.MatchString(strings.TrimPrefix(c.Text, "//")):
			case code != "" && (width(line[:at.Column-1]) > columns || strings.HasPrefix(code, "}")):
			default:
				wide = append(wide, at.Line)
			}
		}
	}
	return wide, nil
}

func TestCommentsKeepWithin100Columns(t *testing.T) {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		wide, err := wideComments(string(source))
		for _, n := range wide {
			t.Errorf("%s:%d: a comment has more than %d columns", strings.TrimPrefix(path, root+"/"), n, columns)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Wide comments are found: the test above could not fail otherwise.
func TestWideCommentsAreFound(t *testing.T) {
	words := strings.Repeat("word ", 21)
	source := "package x\n\n// " + words + "\nvar (\n\ta = 1 // " + words + "\n\tb = 2 // short\n)\n\n//\tcode " + words +
		"\n//   - an item " + words + "\n\n//nolint:all // " + words + "\nvar c = \"// " + words + "\"\n"
	wide, err := wideComments(source)
	if got := fmt.Sprint(wide); err != nil || got != "[3 5 10]" {
		t.Errorf("lines %s: %v, want [3 5 10]", got, err)
	}
}
