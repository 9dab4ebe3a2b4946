package main

// This file tests what modules add to the command line.

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/modules/all"
	"github.com/sipscript/sipscript/modules/host"
)

func declared() []host.Flag {
	return []host.Flag{
		{Name: "x-text", Default: "a", Check: func(v string) error {
			if v != "a" && v != "b" {
				return errors.New("expected a or b")
			}
			return nil
		}},
		{Name: "x-list", Kind: host.List, Default: "p,q"},
		{Name: "x-bool", Kind: host.Bool},
		{Name: "x-int", Kind: host.Int, Default: "7"},
		{Name: "x-time", Kind: host.Duration, Default: "5s"},
	}
}

// values reads a command line with the flags above.
func values(args ...string) (v host.Values, err error) {
	app := &cli.App{Flags: cliFlags(declared()), Writer: &bytes.Buffer{}, ErrWriter: &bytes.Buffer{}, OnUsageError: onUsageError, DisableSliceFlagSeparator: true,
		ExitErrHandler: func(*cli.Context, error) {}, Action: func(c *cli.Context) (err error) {
			v, err = readValues(c, declared())
			return err
		}}
	err = app.Run(append([]string{"sipscript"}, args...))
	return v, err
}

func TestModuleFlags(t *testing.T) {
	for name, row := range map[string]struct {
		args []string
		want string
		fail string
	}{
		"defaults":   {nil, "a p,q false 7 5s", ""},
		"given":      {[]string{"--x-text", "b", "--x-list", "r,s", "--x-list", "t", "--x-bool", "--x-int", "-1", "--x-time", "2m"}, "b r,s,t true -1 2m0s", ""},
		"refused":    {[]string{"--x-text", "c"}, "", "--x-text c: expected a or b"},
		"no integer": {[]string{"--x-int", "y"}, "", "x-int"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := values(row.args...)
			if row.fail != "" {
				if err == nil || exitCode(err) != exitUsage || !strings.Contains(err.Error(), row.fail) {
					t.Errorf("%v, want %q", err, row.fail)
				}
				return
			}
			got := strings.Join([]string{v.Text("x-text"), strings.Join(v.List("x-list"), ","), map[bool]string{true: "true", false: "false"}[v.Bool("x-bool")]}, " ")
			if got += " " + strconv.Itoa(v.Int("x-int")) + " " + v.Duration("x-time").String(); err != nil || got != row.want {
				t.Errorf("%v: %s, want %s", err, got, row.want)
			}
		})
	}
}

// The defaults that modules declare can be read, and their flags are keys of --config and
// variables.
func TestDefaultsOfModuleFlags(t *testing.T) {
	known := map[string]bool{}
	for _, k := range keys() {
		if known[k] {
			t.Errorf("%s is a flag twice", k)
		}
		known[k] = true
	}
	for _, f := range host.Flags(all.Plugins()) {
		if !known[f.Name] {
			t.Errorf("%s is not a key", f.Name)
		}
		switch f.Kind {
		case host.Duration:
			if _, err := time.ParseDuration(f.Default); f.Default != "" && err != nil {
				t.Errorf("%s: %v", f.Name, err)
			}
		case host.Int:
			if strings.Trim(f.Default, "-0123456789") != "" {
				t.Errorf("%s: %s", f.Name, f.Default)
			}
		}
	}
}

// A module's command gets what it declared, and asks the server where it is one that does.
func TestModuleCommands(t *testing.T) {
	var out bytes.Buffer
	env := environment{lookup: func(string) (string, bool) { return "", false }, stdin: strings.NewReader(""), stdout: &out, stderr: &out}
	run := func(args ...string) (string, int) {
		out.Reset()
		app := newApp(env)
		app.Commands = append(app.Commands, moduleCommands(env, []host.Command{{Name: "x", Usage: "try", Sub: []host.Command{
			{Name: "say", Args: "WORD", Flags: []host.Flag{{Name: "loud", Kind: host.Bool}}, Run: func(c *host.Invocation) error {
				if len(c.Args) != 1 {
					return host.Usagef("%s wants a word", c.Command)
				}
				word := c.Args[0]
				if c.Flags.Bool("loud") {
					word = strings.ToUpper(word)
				}
				_, err := c.Stdout.Write([]byte(word))
				return err
			}},
			{Name: "ask", Remote: true, Run: func(c *host.Invocation) error { _, err := c.Get("/api/v1/x/y"); return err }},
		}}})...)
		err := app.Run(append([]string{"sipscript"}, args...))
		if err != nil && !errors.Is(err, errSilent) {
			out.WriteString(err.Error())
		}
		return out.String(), exitCode(err)
	}
	for name, row := range map[string]struct {
		args string
		code int
		out  string
	}{
		"run":           {"x say --loud hi", 0, "HI"},
		"usage":         {"x say", 2, "x say wants a word"},
		"unknown":       {"x shout", 2, `x: unknown command "shout"; the commands are say and ask`},
		"unknown flag":  {"x say --quiet hi", 2, "x say: there is no flag --quiet"},
		"no server":     {"x ask", 2, "name the server with --admin"},
		"nobody there":  {"x ask --admin 127.0.0.1:1", 1, "no answer from a server at 127.0.0.1:1"},
		"the real list": {"uac shout", 2, `uac: unknown command "shout"; the command is registrations`},
	} {
		t.Run(name, func(t *testing.T) {
			if out, code := run(strings.Fields(row.args)...); code != row.code || !strings.Contains(out, row.out) {
				t.Errorf("exit %d: %s", code, out)
			}
		})
	}
}
