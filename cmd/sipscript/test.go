package main

// sipscript test: specs of scripts, in the simulator.

import (
	"fmt"
	"regexp"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/spec"
	"github.com/sipscript/sipscript/modules/auth"
	"github.com/sipscript/sipscript/modules/registrar"
	"github.com/sipscript/sipscript/modules/uac"
)

func testCommand(env environment) *cli.Command {
	return &cli.Command{
		Name: "test", Usage: "run *_spec.lua in the simulator", ArgsUsage: "[PATH...]",
		Description: "PATH is a spec, or a directory with specs in it or below; default: the current one. x_spec.lua tests x.lua beside it.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "print messages and logs of tests that pass, too"},
			&cli.StringFlag{Name: "run", Usage: "only tests whose \"file: name\" matches `PATTERN` (a regular expression)"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "what is random follows from `N`"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			o := spec.Options{Modules: inMemory, Seed: c.Uint64("seed")}
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
				return fmt.Errorf("no test matches --run %q; there are %d", c.String("run"), s.Left)
			}
			return nil
		},
	}
}

// inMemory are the modules of a server under test.
func inMemory() []luabind.Opener {
	return builtins(registrar.New(registrar.Options{}), auth.New(auth.Options{}), uac.New(uac.Options{}))
}
