package main

// What modules add to the command: flags, commands, and the modules themselves. No module is named
// here: package modules/all has the list.

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/modules/all"
	"github.com/sipscript/sipscript/modules/host"
)

// moduleFlags are the flags that modules add to `sipscript run`.
func moduleFlags() []host.Flag { return host.Flags(all.Plugins()) }

// cliFlags are flags as package cli has them.
func cliFlags(flags []host.Flag) []cli.Flag {
	list := make([]cli.Flag, 0, len(flags))
	for _, f := range flags {
		list = append(list, cliFlag(f))
	}
	return list
}

func cliFlag(f host.Flag) cli.Flag {
	// A default that can't be read is left out, which TestDefaultsOfModuleFlags finds.
	switch f.Kind {
	case host.List:
		return &cli.StringSliceFlag{Name: f.Name, Usage: f.Usage, DefaultText: f.DefaultText}
	case host.Bool:
		return &cli.BoolFlag{Name: f.Name, Usage: f.Usage, DefaultText: f.DefaultText, Value: f.Default == "true"}
	case host.Int:
		var n int
		_, _ = fmt.Sscan(f.Default, &n)
		return &cli.IntFlag{Name: f.Name, Usage: f.Usage, DefaultText: f.DefaultText, Value: n}
	case host.Duration:
		d, _ := time.ParseDuration(f.Default)
		return &cli.DurationFlag{Name: f.Name, Usage: f.Usage, DefaultText: f.DefaultText, Value: d}
	}
	return &cli.StringFlag{Name: f.Name, Usage: f.Usage, DefaultText: f.DefaultText, Value: f.Default}
}

// readValues reads and checks the values of flags.
func readValues(c *cli.Context, flags []host.Flag) (host.Values, error) {
	of := map[string]any{}
	for _, f := range flags {
		var texts []string
		switch f.Kind {
		case host.List:
			list := c.StringSlice(f.Name)
			if len(list) == 0 && f.Default != "" {
				list = strings.Split(f.Default, ",")
			}
			of[f.Name], texts = list, list
		case host.Bool:
			of[f.Name] = c.Bool(f.Name)
		case host.Int:
			of[f.Name], texts = c.Int(f.Name), []string{fmt.Sprint(c.Int(f.Name))}
		case host.Duration:
			of[f.Name], texts = c.Duration(f.Name), []string{c.Duration(f.Name).String()}
		default:
			of[f.Name], texts = c.String(f.Name), []string{c.String(f.Name)}
		}
		if f.Check == nil || !c.IsSet(f.Name) {
			continue
		}
		for _, text := range texts {
			if err := f.Check(text); err != nil {
				return host.Values{}, usagef("--%s %s: %v", f.Name, text, err)
			}
		}
	}
	return host.NewValues(of), nil
}

// moduleCommands are the commands of modules.
func moduleCommands(env environment, list []host.Command) []*cli.Command {
	out := make([]*cli.Command, 0, len(list))
	for _, c := range list {
		out = append(out, moduleCommand(env, "", c))
	}
	return out
}

func moduleCommand(env environment, above string, m host.Command) *cli.Command {
	name := above + m.Name
	c := &cli.Command{Name: m.Name, Usage: m.Usage, Description: m.Description, ArgsUsage: m.Args, Flags: cliFlags(m.Flags), OnUsageError: onUsageError}
	if m.Remote {
		c.Flags = append(c.Flags, clientFlags()...)
	}
	var subs []string
	for _, sub := range m.Sub {
		c.Subcommands = append(c.Subcommands, moduleCommand(env, name+" ", sub))
		subs = append(subs, sub.Name)
	}
	c.Action = func(c *cli.Context) error {
		if m.Run != nil {
			return invoke(c, env, name, &m)
		}
		if c.Args().Present() {
			return usagef("%s: unknown command %q; the %s", name, c.Args().First(), listed(subs))
		}
		return cli.ShowSubcommandHelp(c)
	}
	return c
}

// listed is "command is a" or "commands are a, b and c".
func listed(names []string) string {
	if len(names) == 1 {
		return "command is " + names[0]
	}
	last := len(names) - 1
	return "commands are " + strings.Join(names[:last], ", ") + " and " + names[last]
}

func invoke(c *cli.Context, env environment, name string, m *host.Command) error {
	values, err := readValues(c, m.Flags)
	if err != nil {
		return err
	}
	i := &host.Invocation{Context: c.Context, Command: name, Args: c.Args().Slice(), Flags: values, Lookup: env.lookup,
		Stdin: env.stdin, Stdout: env.stdout, Stderr: env.stderr}
	if m.Remote {
		client, err := newClient(c, env)
		if err != nil {
			return err
		}
		i.Ask = client.Asker(c.Context)
	}
	err = m.Run(i)
	var usage *host.UsageError
	if errors.As(err, &usage) {
		return usagef("%s", usage.Text)
	}
	return err
}
