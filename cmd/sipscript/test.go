package main

// sipscript test: specs of scripts, in the simulator.

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/spec"
	"github.com/sipscript/sipscript/modules/all"
)

// optionalFile is a flag that may be given alone or with a file: --cover, --cover=FILE.
type optionalFile struct {
	given bool
	file  string
}

// IsBoolFlag lets the flag stand without a value.
func (*optionalFile) IsBoolFlag() bool { return true }

// String is the file.
func (f *optionalFile) String() string { return f.file }

// Set is called with "true" where the flag stands alone.
func (f *optionalFile) Set(value string) error {
	f.given, f.file = value != "false", ""
	if value != "true" && f.given {
		f.file = value
	}
	return nil
}

func testCommand(env environment) *cli.Command {
	return &cli.Command{
		Name: "test", Usage: "run *_spec.lua in the simulator", ArgsUsage: "[PATH...]",
		Description: "PATH is a spec, or a directory that is searched for specs; it defaults to the current directory. x_spec.lua tests the x.lua next to it.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "also print the messages and logs of tests that pass"},
			&cli.StringFlag{Name: "run", Usage: "run only tests whose \"file: name\" matches `PATTERN` (a regular expression)"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "seed the random numbers with `N`"},
			&cli.IntFlag{Name: "lanes", Value: 1, Usage: "run servers with `N` lanes, up to 16, as on machines with several processors; with more than one, a run is not repeated exactly by its seed"},
			&cli.GenericFlag{Name: "cover", Value: &optionalFile{}, Usage: "print which lines and decisions of the scripts did not run, or with --cover=FILE write that to a file"},
			&cli.StringFlag{Name: "lcov", Usage: "write the coverage to `FILE`, for genhtml and editors"},
			&cli.StringFlag{Name: "junit", Usage: "write the results to `FILE` as JUnit's XML"},
			&cli.BoolFlag{Name: "json", Usage: "print the results as JSON, on one line for each run"},
			&cli.BoolFlag{Name: "watch", Usage: "run specs again when they, their scripts or what these require change"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			r, err := newTestRun(c, env)
			if err != nil {
				return err
			}
			files, err := spec.Find(r.paths)
			if err != nil {
				return err
			}
			if c.Bool("watch") {
				ctx, stop := signal.NotifyContext(c.Context, os.Interrupt, syscall.SIGTERM)
				defer stop()
				return r.watch(ctx, files)
			}
			s, err := r.run(files)
			switch {
			case err != nil:
				return err
			case s.Failed > 0:
				return errSilent
			case s.Passed == 0:
				return fmt.Errorf("none of the %[2]d tests matches --run %[1]q", c.String("run"), s.Left)
			}
			return nil
		},
	}
}

// testRun is what the flags of sipscript test ask for.
type testRun struct {
	env           environment
	paths         []string
	options       spec.Options
	verbose, json bool
	cover         *optionalFile
	lcov, junit   string
}

func newTestRun(c *cli.Context, env environment) (*testRun, error) {
	r := &testRun{env: env, paths: c.Args().Slice(), options: spec.Options{Modules: all.ForSpec, Seed: c.Uint64("seed")}, verbose: c.Bool("verbose"),
		json: c.Bool("json"), lcov: c.String("lcov"), junit: c.String("junit")}
	if r.options.Lanes = c.Int("lanes"); r.options.Lanes < 1 || r.options.Lanes > 16 {
		return nil, usagef("--lanes: expected 1 to 16, not %d", r.options.Lanes)
	}
	r.cover, _ = c.Generic("cover").(*optionalFile)
	if pattern := c.String("run"); pattern != "" {
		var err error
		if r.options.Run, err = regexp.Compile(pattern); err != nil {
			return nil, usagef("--run: %v", err)
		}
	}
	return r, nil
}

// run runs specs once and writes the files that were asked for.
func (r *testRun) run(files []string) (spec.Summary, error) {
	o, out := r.options, r.env.stdout
	if r.cover.given || r.lcov != "" {
		o.Cover = &luabind.Coverage{}
	}
	if r.json {
		out = io.Discard
	}
	s := spec.Run(out, files, o, spec.Show{Verbose: r.verbose, Coverage: r.cover.given && r.cover.file == ""})
	if r.json {
		if err := spec.WriteJSON(r.env.stdout, s, r.verbose); err != nil {
			return s, err
		}
	}
	for _, f := range []struct {
		path  string
		write func(io.Writer) error
	}{
		{r.cover.file, func(w io.Writer) error { return spec.WriteCoverage(w, s.Coverage) }},
		{r.lcov, func(w io.Writer) error { return spec.WriteLCOV(w, s.Coverage) }},
		{r.junit, func(w io.Writer) error { return spec.WriteJUnit(w, s) }},
	} {
		if f.path == "" {
			continue
		}
		if err := writeFile(f.path, f.write); err != nil {
			return s, err
		}
	}
	return s, nil
}

// writeFile makes a file.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
