package main

// Flags after arguments: `sipscript acl block 192.0.2.7 --ttl 1h`.

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst puts the flags of a command before its arguments, as package cli wants them. What
// follows "--" is arguments.
func flagsFirst(commands []*cli.Command, args []string) []string {
	at := 1
	var c *cli.Command
	for at < len(args) {
		next := named(commands, args[at])
		if next == nil {
			break
		}
		c, commands = next, next.Subcommands
		at++
	}
	if c == nil || len(commands) > 0 {
		return args
	}
	var flags, rest []string
	for i := at; i < len(args); i++ {
		text := args[i]
		if text == "--" {
			rest = append(rest, args[i+1:]...)
			break
		}
		if len(text) < 2 || text[0] != '-' {
			rest = append(rest, text)
			continue
		}
		if i+1 < len(args) && mayTake(c, strings.TrimLeft(text, "-"), args[i+1]) {
			i++
			flags = append(flags, text+"="+args[i])
			continue
		}
		flags = append(flags, text)
		if takesValue(c, strings.TrimLeft(text, "-")) && i+1 < len(args) {
			i++
			flags = append(flags, args[i])
		}
	}
	out := append(append([]string{}, args[:at]...), flags...)
	if len(rest) > 0 {
		out = append(append(out, "--"), rest...)
	}
	return out
}

func named(list []*cli.Command, name string) *cli.Command {
	for _, c := range list {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// mayTake reports whether a flag whose value is optional takes what follows it.
func mayTake(c *cli.Command, name, text string) bool {
	for _, f := range c.Flags {
		if g, ok := f.(*cli.GenericFlag); ok && g.Name == name {
			v, ok := g.Value.(interface{ MayBe(text string) bool })
			return ok && v.MayBe(text)
		}
	}
	return false
}

// takesValue reports whether what follows a flag is its value.
func takesValue(c *cli.Command, name string) bool {
	for _, f := range c.Flags {
		for _, n := range f.Names() {
			if n == name {
				return !isSwitch(f)
			}
		}
	}
	return false
}

// isSwitch reports whether a flag may stand alone: a boolean, or one whose value is optional.
func isSwitch(f cli.Flag) bool {
	switch f := f.(type) {
	case *cli.BoolFlag:
		return true
	case *cli.GenericFlag:
		b, ok := f.Value.(interface{ IsBoolFlag() bool })
		return ok && b.IsBoolFlag()
	}
	return false
}
