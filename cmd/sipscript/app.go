package main

// The commands and how a command line finds its way to one.

import (
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/modules/all"
	"github.com/sipscript/sipscript/modules/host"
)

// execute runs one command line and returns the exit code.
func execute(args []string, env environment) int {
	app := newApp(env)
	err := app.Run(flagsFirst(app.Commands, args))
	if err != nil && !errors.Is(err, errSilent) {
		fmt.Fprintf(env.stderr, "sipscript: %v\n", err)
	}
	return exitCode(err)
}

func newApp(env environment) *cli.App {
	app := &cli.App{
		Name:      "sipscript",
		Usage:     "a SIP proxy directed by a Lua script",
		Writer:    env.stdout,
		ErrWriter: env.stderr,
		Commands: append([]*cli.Command{
			runCommand(env),
			initCommand(env),
			reloadCommand(env),
			replayCommand(env),
			traceCommand(env),
			explainCommand(env),
			testCommand(env),
			replCommand(env),
			versionCommand(),
			checkCommand(env),
			stubsCommand(env),
			schemaCommand(env),
			tokenCommand(env),
			docsCommand(),
			completionCommand(env),
		}, append(dialectCommands(env), moduleCommands(env, append(serverCommands(), host.Commands(all.Plugins())...))...)...),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("unknown command %q; %s`sipscript help` lists the commands", c.Args().First(), meant(c.Args().First(), commandNames(c.App.Commands), ""))
			}
			if c.Bool("version") {
				printVersion(c.App.Writer)
				return nil
			}
			return cli.ShowAppHelp(c)
		},
		Before: func(c *cli.Context) error {
			// run tells it in the form of its log.
			if env.environ != nil && c.Args().First() != "run" {
				tellUnknown(lineTeller(env.stderr, false), env.environ())
			}
			return nil
		},
		// A value such as KEY=a,b is one value: a flag that takes several is repeated.
		DisableSliceFlagSeparator: true,
		HideVersion:               true,
		Flags:                     []cli.Flag{&cli.BoolFlag{Name: "version", Aliases: []string{"v"}, Usage: "print the version"}},
		OnUsageError:              onUsageError,
		// Execute prints the error and chooses the code
		ExitErrHandler: func(*cli.Context, error) {},
	}
	helpPages(app)
	return app
}

// onUsageError keeps cli from printing the whole help above the one line that says what is wrong.
func onUsageError(c *cli.Context, err error, _ bool) error {
	if c.Command != nil && c.Command.Name != "" && c.Command.Name != "sipscript" {
		name := c.Command.HelpName // "sipscript user add"
		return usagef("%s: %s; see `%s --help`", strings.TrimPrefix(name, "sipscript "), flagMistake(c.Command.Flags, err), name)
	}
	return usagef("%s; see `sipscript --help`", flagMistake(nil, err))
}
