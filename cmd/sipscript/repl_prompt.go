package main

// Reading the lines of a prompt: from a terminal, with history and completion, or from any input.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/sipscript/sipscript/modules/all"
)

// prompt reads lines and prints what comes of them.
type prompt interface {
	line(prompt string) (string, error)
	printf(format string, args ...any)
	close()
}

func newPrompt(env environment, names []string) (prompt, error) {
	in, ok := env.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		s := bufio.NewScanner(env.stdin)
		s.Buffer(nil, 1<<20)
		return &plainPrompt{in: s, out: env.stdout}, nil
	}
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, err
	}
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, env.stdout}, "")
	if width, height, err := term.GetSize(int(in.Fd())); err == nil {
		_ = t.SetSize(width, height)
	}
	t.SetBracketedPasteMode(true)
	t.AutoCompleteCallback = func(line string, pos int, key rune) (string, int, bool) {
		if key != '\t' {
			return "", 0, false
		}
		return complete(names, line, pos)
	}
	return &terminal{t: t, restore: func() {
		t.SetBracketedPasteMode(false)
		_ = term.Restore(int(in.Fd()), before)
	}}, nil
}

// terminal is a person's. It has a history: the arrow keys.
type terminal struct {
	t       *term.Terminal
	restore func()
}

func (p *terminal) line(prompt string) (string, error) {
	p.t.SetPrompt(prompt)
	line, err := p.t.ReadLine()
	if errors.Is(err, term.ErrPasteIndicator) { // the line came by pasting
		err = nil
	}
	return line, err
}

func (p *terminal) printf(format string, args ...any) { fmt.Fprintf(p.t, format, args...) }
func (p *terminal) close()                            { p.restore() }

// plainPrompt is any other input. Its lines are repeated, so that the output can be read as a
// session.
type plainPrompt struct {
	in  *bufio.Scanner
	out io.Writer
}

func (p *plainPrompt) line(prompt string) (string, error) {
	if !p.in.Scan() {
		if err := p.in.Err(); err != nil {
			return "", err
		}
		return "", io.EOF
	}
	line := strings.TrimRight(p.in.Text(), "\r")
	fmt.Fprintf(p.out, "%s\n", strings.TrimRight(prompt+line, " "))
	return line, nil
}

func (p *plainPrompt) printf(format string, args ...any) { fmt.Fprintf(p.out, format, args...) }
func (p *plainPrompt) close()                            {}

// completions are the names that can be completed: commands, functions, and the fields and methods
// of req.
func completions() []string {
	names := []string{":send", ":again", ":show", ":advance ", ":reload", ":help", ":quit"}
	libraries, err := all.Libraries()
	if err != nil {
		return names
	}
	for _, l := range libraries {
		before := ""
		if l.Name != "" {
			before = l.Name + "."
		}
		for _, f := range l.Functions {
			names = append(names, before+f.Name)
		}
		for _, t := range l.Types {
			for _, f := range t.Fields {
				names = append(names, t.Variable()+"."+f.Name)
			}
			for _, m := range t.Methods {
				names = append(names, t.Variable()+":"+m.Name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// complete completes the name before the cursor, as far as all that begin with it agree.
func complete(names []string, line string, pos int) (string, int, bool) {
	start := strings.LastIndexFunc(line[:pos], func(r rune) bool {
		return r != '_' && r != '.' && r != ':' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
	}) + 1
	word, common := line[start:pos], ""
	for _, name := range names {
		switch {
		case word == "" || !strings.HasPrefix(name, word):
		case common == "":
			common = name
		default:
			n := 0
			for n < min(len(common), len(name)) && common[n] == name[n] {
				n++
			}
			common = common[:n]
		}
	}
	if len(common) <= len(word) {
		return "", 0, false
	}
	return line[:start] + common + line[pos:], start + len(common), true
}
