package main

// Man pages: sipscript(1), and one of each command, made from the declarations of flags.

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// manPages are the pages by their file names.
func manPages() map[string][]byte {
	app := newApp(environment{})
	pages := map[string][]byte{}
	var names []string
	for _, c := range app.Commands {
		if !c.Hidden {
			names = append(names, c.Name)
			pages["sipscript-"+c.Name+".1"] = commandPage(c)
		}
	}
	pages["sipscript.1"] = mainPage(app, names)
	return pages
}

func mainPage(app *cli.App, names []string) []byte {
	var out strings.Builder
	head(&out, "sipscript", app.Usage)
	out.WriteString(".SH SYNOPSIS\n.B sipscript\n.I command\n.RI [ flags ]\n.SH DESCRIPTION\n")
	out.WriteString(roff("sipscript is a proxy, registrar or redirect server for SIP, as a Lua script directs.") + "\n.SH COMMANDS\n")
	for _, c := range app.Commands {
		if !c.Hidden {
			fmt.Fprintf(&out, ".TP\n.BR sipscript\\-%s (1)\n%s\n", roff(c.Name), roff(c.Usage))
		}
	}
	out.WriteString(".SH ENVIRONMENT\n")
	for _, v := range [][2]string{
		{"SIPSCRIPT_…", "Each flag of sipscript run has a variable, such as SIPSCRIPT_LOG_LEVEL for --log-level. A flag wins over the variable, and that over the file of --config."},
		{"SIPSCRIPT_ADMIN", "Where the server is that commands ask."},
		{"SIPSCRIPT_ADMIN_TOKEN", "The token that they show."},
		{"SIPSCRIPT_ADMIN_CA", "The authority that vouches for the server."},
	} {
		fmt.Fprintf(&out, ".TP\n.B %s\n%s\n", roff(v[0]), roff(v[1]))
	}
	out.WriteString(".SH SIGNALS\n")
	for _, v := range [][2]string{
		{"SIGHUP", "Load the script again."},
		{"SIGINT, SIGTERM", "Refuse new calls, let transactions finish, and stop. A second one stops at once."},
	} {
		fmt.Fprintf(&out, ".TP\n.B %s\n%s\n", roff(v[0]), roff(v[1]))
	}
	out.WriteString(".SH EXIT STATUS\n.TP\n.B 0\n" + roff("The command did what it should.") + "\n.TP\n.B 1\n" + roff("It failed, and said why.") +
		"\n.TP\n.B 2\n" + roff("Flags, variables or the file of --config make no sense.") + "\n.SH SEE ALSO\n")
	for i, name := range names {
		end := " ,"
		if i == len(names)-1 {
			end = ""
		}
		fmt.Fprintf(&out, ".BR sipscript\\-%s (1)%s\n", roff(name), end)
	}
	return []byte(out.String())
}

func commandPage(c *cli.Command) []byte {
	var out strings.Builder
	head(&out, "sipscript-"+c.Name, c.Usage)
	out.WriteString(".SH SYNOPSIS\n")
	commandPart(&out, "sipscript "+c.Name, c)
	for _, sub := range c.Subcommands {
		subPage(&out, "sipscript "+c.Name+" "+sub.Name, sub)
	}
	out.WriteString(".SH SEE ALSO\n.BR sipscript (1)\n")
	return []byte(out.String())
}

func subPage(out *strings.Builder, name string, c *cli.Command) {
	fmt.Fprintf(out, ".SH %s\n", strings.ToUpper(roff(strings.TrimPrefix(name, "sipscript "))))
	out.WriteString(roff(sentence(c.Usage)) + "\n.PP\n")
	commandPart(out, name, c)
	for _, sub := range c.Subcommands {
		subPage(out, name+" "+sub.Name, sub)
	}
}

// commandPart is the synopsis of a command, what it says, and its flags.
func commandPart(out *strings.Builder, name string, c *cli.Command) {
	fmt.Fprintf(out, ".B %s\n", roff(name))
	if u := usageOf(c); u != "" {
		fmt.Fprintf(out, "%s\n", roff(u))
	}
	sub := strings.Count(name, " ") > 1
	if c.Description != "" {
		if !sub {
			out.WriteString(".SH DESCRIPTION\n")
		} else {
			out.WriteString(".PP\n")
		}
		out.WriteString(strings.ReplaceAll(roff(c.Description), "\n", "\n.br\n") + "\n")
	}
	flags := flagsHelp(c.Flags)
	if len(flags) > 0 && !sub {
		out.WriteString(".SH OPTIONS\n")
	}
	for _, f := range flags {
		fmt.Fprintf(out, ".TP\n.B %s\n%s\n", roff(f.names), roff(sentence(f.text)))
	}
}

func head(out *strings.Builder, name, about string) {
	out.WriteString(".\\\" Made from the declarations of flags: make docs\n")
	fmt.Fprintf(out, ".TH %s 1 \"\" sipscript \"sipscript\"\n.SH NAME\n%s \\- %s\n", strings.ToUpper(roff(name)), roff(name), roff(about))
}

// sentence begins with a capital and ends with a full stop.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:] + strings.TrimPrefix(".", text[len(text)-1:])
}

// roff is text in which nothing is a command: a dash of a flag stays one that can be copied, and a
// line does not begin with a control character.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...", "→", "\\(->", "“", "\\(lq", "”", "\\(rq").Replace(text)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}
