package main

// What --help and `sipscript help` print: a page of each command, which fits a terminal. The man
// pages are made from the same parts.

import (
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

const (
	helpWidth = 100 // columns
	// helpNames is how wide the names of flags may be for their texts to begin beside them
	helpNames = 34
)

// flagHelp is a flag as it is shown.
type flagHelp struct{ names, text string }

// helpPages gives the command line's help the pages made here.
func helpPages(app *cli.App) {
	var top []*cli.Command
	for _, c := range app.Commands {
		if !c.Hidden {
			top = append(top, c)
		}
	}
	app.CustomAppHelpTemplate = asTemplate(helped{app.Name, app.Usage, "command [flags]", "", top, flagsHelp(app.Flags)}.text())
	var walk func(above string, list []*cli.Command)
	walk = func(above string, list []*cli.Command) {
		for _, c := range list {
			name := above + " " + c.Name
			c.CustomHelpTemplate = asTemplate(helped{name, c.Usage, usageOf(c), c.Description, c.Subcommands, flagsHelp(c.Flags)}.text())
			walk(name, c.Subcommands)
		}
	}
	walk(app.Name, app.Commands)
}

// usageOf is what follows a command's name.
func usageOf(c *cli.Command) string {
	words := c.ArgsUsage
	if len(c.Flags) > 0 {
		words = "[flags] " + words
	}
	if len(c.Subcommands) > 0 {
		words = "[command] " + words
	}
	return strings.TrimSpace(words)
}

// asTemplate keeps text from being taken for actions of a template.
func asTemplate(text string) string { return strings.ReplaceAll(text, "{{", `{{"{{"}}`) }

// helped is what the page of a command tells.
type helped struct {
	name, about, usage, description string
	commands                        []*cli.Command
	flags                           []flagHelp
}

func (h helped) text() string {
	parts := []string{"NAME\n" + wrapped(h.name+" - "+h.about, 3), "USAGE\n" + wrapped(h.name+" "+h.usage, 3)}
	if h.description != "" {
		var text strings.Builder
		for line := range strings.SplitSeq(h.description, "\n") {
			text.WriteString(wrapped(line, 3))
		}
		parts = append(parts, "DESCRIPTION\n"+text.String())
	}
	if len(h.commands) > 0 {
		list := make([]flagHelp, 0, len(h.commands))
		for _, c := range h.commands {
			list = append(list, flagHelp{c.Name, c.Usage})
		}
		parts = append(parts, "COMMANDS\n"+columns(list))
	}
	return strings.Join(append(parts, "FLAGS\n"+columns(append(h.flags, flagHelp{"-h, --help", "show this"}))), "\n")
}

// columns are names with what they mean beside them, or below where they are too wide.
func columns(list []flagHelp) string {
	width := 0
	for _, f := range list {
		if n := utf8.RuneCountInString(f.names); n <= helpNames {
			width = max(width, n)
		}
	}
	var out strings.Builder
	for _, f := range list {
		text, n := wrapped(f.text, width+5), utf8.RuneCountInString(f.names)
		if n > width {
			out.WriteString("   " + f.names + "\n" + text)
			continue
		}
		out.WriteString("   " + f.names + strings.Repeat(" ", width-n+2) + strings.TrimLeft(text, " "))
	}
	return out.String()
}

// wrapped are lines indented by so many columns that end within helpWidth.
func wrapped(text string, indent int) string {
	var out strings.Builder
	used := 0
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case used == 0:
			out.WriteString(strings.Repeat(" ", indent))
			used = indent
		case used+1+n > helpWidth:
			out.WriteString("\n" + strings.Repeat(" ", indent))
			used = indent
		default:
			out.WriteString(" ")
			used++
		}
		out.WriteString(word)
		used += n
	}
	out.WriteString("\n")
	return out.String()
}

// flagsHelp are the flags of a command, but the one for help.
func flagsHelp(flags []cli.Flag) (list []flagHelp) {
	for _, f := range flags {
		d, ok := f.(cli.DocGenerationFlag)
		if !ok || f.Names()[0] == "help" {
			continue
		}
		var names []string
		for _, n := range f.Names() {
			if len(n) == 1 {
				names = append([]string{dashed(n)}, names...)
			} else {
				names = append(names, dashed(n))
			}
		}
		value, text := placeholder(d.GetUsage())
		shown := strings.Join(names, ", ")
		if d.TakesValue() {
			if value == "" {
				value = "VALUE"
			}
			shown += " " + value
		}
		if v := d.GetDefaultText(); v != "" && v != "false" && v != "0" {
			text += " (default: " + strings.Trim(v, `"`) + ")"
		}
		list = append(list, flagHelp{shown, text})
	}
	return list
}

// placeholder is what a usage has between back quotes, and the usage without them.
func placeholder(usage string) (value, text string) {
	before, rest, ok := strings.Cut(usage, "`")
	value, after, closed := strings.Cut(rest, "`")
	if !ok || !closed {
		return "", usage
	}
	return value, before + value + after
}
