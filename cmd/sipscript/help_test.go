package main

// The help of commands, and the man pages that are made from the same declarations.

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// What --help prints of every command fits a terminal of 100 columns, and names all that it takes.
func TestHelpFits(t *testing.T) {
	pages := 0
	var walk func(words []string, list []*cli.Command, flags []cli.Flag)
	walk = func(words []string, list []*cli.Command, flags []cli.Flag) {
		pages++
		var out bytes.Buffer
		if code := execute(append(words[:len(words):len(words)], "--help"), environment{lookup: only("", ""), stdout: &out, stderr: &out}); code != 0 {
			t.Errorf("%q: exit %d: %s", words, code, &out)
		}
		for line := range strings.SplitSeq(out.String(), "\n") {
			if n := utf8.RuneCountInString(line); n > 100 {
				t.Errorf("%q: %d columns: %s", words, n, line)
			}
		}
		for _, f := range flags {
			if !strings.Contains(out.String(), dashed(f.Names()[0])) {
				t.Errorf("%q: --help does not tell of %s", words, f.Names()[0])
			}
		}
		for _, c := range list {
			if c.Hidden || c.Name == "help" {
				continue
			}
			if !strings.Contains(out.String(), "   "+c.Name+" ") {
				t.Errorf("%q: --help does not tell of %s", words, c.Name)
			}
			walk(append(words[:len(words):len(words)], c.Name), c.Subcommands, c.Flags)
		}
	}
	app := newApp(environment{})
	walk([]string{"sipscript"}, app.Commands, app.Flags)
	if pages < 60 {
		t.Errorf("only %d pages", pages)
	}
}

func TestHelpWraps(t *testing.T) {
	long := strings.Repeat("word ", 40)
	for name, row := range map[string]struct {
		list []flagHelp
		want string
	}{
		"beside": {[]flagHelp{{"-x", "does it"}, {"--longer", "too"}}, "   -x        does it\n   --longer  too\n"},
		"below":  {[]flagHelp{{"-x", "does it"}, {strings.Repeat("n", helpNames+1), "too"}}, "   -x  does it\n   " + strings.Repeat("n", helpNames+1) + "\n       too\n"},
		"long":   {[]flagHelp{{"-x", long}}, "   -x  " + strings.TrimSpace(long[:90]) + "\n       " + strings.TrimSpace(long[:90]) + "\n       " + strings.TrimSpace(long[:20]) + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := columns(row.list); got != row.want {
				t.Errorf("\n%s\nwant\n%s", got, row.want)
			}
		})
	}
	if got := asTemplate("a {{.x}}"); got != `a {{"{{"}}.x}}` {
		t.Error(got)
	}
}

// There are pages of commands that exist, and no others, and groff has nothing to complain of.
func TestManPages(t *testing.T) {
	pages := manPages()
	files, err := filepath.Glob("../../" + manDir + "/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if pages[filepath.Base(path)] == nil {
			t.Errorf("%s is of a command that is gone", path)
		}
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("there is no groff: man pages were not formatted")
	}
	for _, name := range []string{"sipscript.1", "sipscript-run.1", "sipscript-calls.1", "sipscript-messages.1", "sipscript-check.1"} {
		t.Run(name, func(t *testing.T) {
			c := exec.Command(groff, "-man", "-ww", "-Tutf8", "-P-c")
			c.Stdin = bytes.NewReader(pages[name])
			var complaints bytes.Buffer
			c.Stderr = &complaints
			text, err := c.Output()
			if err != nil || complaints.Len() > 0 || len(text) < 300 {
				t.Errorf("%v %s", err, &complaints)
			}
		})
	}
	if got := roff(".x -y\n'z\\"); got != "\\&.x \\-y\n\\&'z\\e" {
		t.Errorf("%q", got)
	}
}

// Commands that ask a server read variables, too.
func TestMisspeltVariablesOfCommands(t *testing.T) {
	for command, want := range map[string]bool{"status": true, "calls": true, "version": true} {
		t.Run(command, func(t *testing.T) {
			var out bytes.Buffer
			env := environment{lookup: only("", ""), environ: func() []string { return []string{"SIPSCRIPT_ADMN=127.0.0.1:1"} }, stdout: &out, stderr: &out}
			execute([]string{"sipscript", command}, env)
			if got := strings.Contains(out.String(), "no setting is called SIPSCRIPT_ADMN; did you mean SIPSCRIPT_ADMIN?"); got != want {
				t.Errorf("%s", &out)
			}
		})
	}
}
