package main

// sipscript test: specs of scripts, in the simulator.

import (
	"fmt"
	"regexp"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/luabind/spec"
	"github.com/sipscript/sipscript/modules/all"
)

func testCommand(env environment) *cli.Command {
	return &cli.Command{
		Name: "test", Usage: "run *_spec.lua in the simulator", ArgsUsage: "[PATH...]",
		Description: "PATH is a spec, or a directory that is searched for specs; it defaults to the current directory. x_spec.lua tests the x.lua next to it.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "also print the messages and logs of tests that pass"},
			&cli.StringFlag{Name: "run", Usage: "run only tests whose \"file: name\" matches `PATTERN` (a regular expression)"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "seed the random numbers with `N`"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			o := spec.Options{Modules: all.ForSpec, Seed: c.Uint64("seed")}
			if pattern := c.String("run"); pattern != "" {
				var err error
				if o.Run, err = regexp.Compile(pattern); err != nil {
					return usagef("--run: %v", err)
				}
			}
			files, err := spec.Find(c.Args().Slice())
			if err != nil {
				return err
			}
			s := spec.Run(env.stdout, files, o, c.Bool("verbose"))
			switch {
			case s.Failed > 0:
				return errSilent
			case s.Passed == 0:
				return fmt.Errorf("none of the %[2]d tests matches --run %[1]q", c.String("run"), s.Left)
			}
			return nil
		},
	}
}
