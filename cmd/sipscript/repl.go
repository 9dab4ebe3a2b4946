package main

// sipscript repl: a prompt in a running script's world.

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/spec"
	"github.com/sipscript/sipscript/modules/all"
	"github.com/sipscript/sipscript/scripts"
)

func replCommand(env environment) *cli.Command {
	return &cli.Command{
		Name: "repl", Usage: "a prompt in a running script's world, in the simulator", ArgsUsage: "[FILE]",
		Description: "FILE is the script, by default the one that `run` serves without one. Paste a SIP message to have it as req, " +
			"call functions, and see what would be sent. :help lists the commands. Nothing leaves the process.",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "domain", Aliases: []string{"d"}, Usage: "`NAME` is local (repeatable; default example.com)"},
			&cli.StringSliceFlag{Name: "set", Usage: "`KEY=VALUE` becomes sip.args.KEY (repeatable)"},
			&cli.DurationFlag{Name: "script-budget", Value: 2 * time.Second, Usage: "what is typed, and each handler, may compute for `TIME`"},
			&cli.StringFlag{Name: "script-memory", Value: "64MiB", Usage: "the script, and what is typed, may hold `SIZE`"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "seed the random numbers with `N`"},
		},
		OnUsageError: onUsageError,
		Action: func(c *cli.Context) error {
			o, err := consoleOptions(c)
			if err != nil {
				return err
			}
			console, err := spec.NewConsole(o)
			if err != nil {
				return err
			}
			defer console.Close()
			in, err := newPrompt(env, completions())
			if err != nil {
				return err
			}
			defer in.close()
			r := &repl{console: console, in: in, name: o.Script + o.Name}
			return r.run()
		},
	}
}

func consoleOptions(c *cli.Context) (spec.ConsoleOptions, error) {
	o := spec.ConsoleOptions{Modules: all.ForSpec, Script: c.Args().First(), Args: map[string]string{}, Domains: c.StringSlice("domain"),
		Budget: c.Duration("script-budget"), Seed: c.Uint64("seed")}
	if c.Args().Len() > 1 {
		return o, usagef("repl: one script at a time")
	}
	if len(o.Domains) == 0 {
		o.Domains = nil
	}
	if o.Budget <= 0 {
		return o, usagef("--script-budget: must be more than 0")
	}
	var ok bool
	if o.Memory, ok = readSize(c.String("script-memory")); !ok {
		return o, usagef("--script-memory: %q is not a size such as 64MiB", c.String("script-memory"))
	}
	for _, pair := range c.StringSlice("set") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return o, usagef("--set: %q is not KEY=VALUE", pair)
		}
		o.Args[key] = value
	}
	if o.Script == "" {
		text, err := scripts.Get("default")
		if err != nil {
			return o, err
		}
		o.Source, o.Name = string(text), "default.lua"
	}
	return o, nil
}

// repl is one session.
type repl struct {
	console *spec.Console
	in      prompt
	name    string
}

const replHelp = `A SIP request that is pasted, up to an empty line, becomes req: headers that it lacks are added.
Anything else is Lua: an expression, whose value is shown, or statements. The names are the script's
own, its locals too, those of modules, and what was assigned here before.

:send            lets the script's route handle req
:again           the last request once more
:show            the messages that went over the links since the last paste, in full
:advance SECONDS lets time pass
:reload          loads the script again
:help            this
:quit            ends the session, as does the end of the input
`

// errQuit ends a session.
var errQuit = errors.New("quit")

func (r *repl) run() error {
	r.in.printf("%s runs at %s; :help lists the commands\n", r.name, r.console.Addr())
	for {
		text, err := r.in.line("> ")
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		if text, err = r.more(text); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err := r.do(text); errors.Is(err, errQuit) {
			return nil
		} else if err != nil {
			r.in.printf("%v\n", err)
		}
	}
}

// requestLine and statusLine begin a message.
var (
	requestLine = regexp.MustCompile(`^[A-Za-z]+ \S+ SIP/2\.0\s*$`)
	statusLine  = regexp.MustCompile(`^SIP/2\.0 \d{3}`)
	lengthLine  = regexp.MustCompile(`(?im)^(?:content-length|l)\s*:\s*(\d+)\s*$`)
)

// more reads the lines that belong to the first one: a message to its end, code until it is whole
// or a line is empty.
func (r *repl) more(first string) (string, error) {
	if requestLine.MatchString(first) {
		return r.message(first)
	}
	text := first
	for !strings.HasPrefix(text, ":") && !luabind.Complete(text) {
		line, err := r.in.line("| ")
		if err != nil || strings.TrimSpace(line) == "" {
			return text, err
		}
		text += "\n" + line
	}
	return text, nil
}

// message reads a message: its headers up to an empty line, and its body, if it says that it has
// one, up to another or its length.
func (r *repl) message(first string) (string, error) {
	text := first + "\n"
	for {
		line, err := r.in.line("| ")
		if err != nil {
			return text, err
		}
		if strings.TrimSpace(line) == "" {
			break
		}
		text += line + "\n"
	}
	m := lengthLine.FindStringSubmatch(text)
	if m == nil {
		return text, nil
	}
	length, err := strconv.Atoi(m[1])
	if err != nil {
		return text, nil
	}
	text += "\n"
	for length > 0 {
		line, err := r.in.line("| ")
		if err != nil || strings.TrimSpace(line) == "" {
			return text, err
		}
		text += line + "\n"
		length -= len(strings.TrimRight(line, "\r")) + 2
	}
	return text, nil
}

// do does what a text says; its error is for the person.
func (r *repl) do(text string) (err error) {
	var l spec.Lines
	word, argument, _ := strings.Cut(strings.TrimSpace(text), " ")
	switch {
	case word == ":quit" || word == ":q":
		return errQuit
	case word == ":help" || word == ":h":
		r.in.printf("%s", replHelp)
	case word == ":send":
		l, err = r.console.Release()
	case word == ":again":
		l, err = r.console.Again()
	case word == ":reload":
		if l, err = r.console.Reload(); err == nil {
			l.Results = []string{"reloaded"}
		}
	case word == ":show":
		for _, t := range r.console.Texts() {
			r.in.printf("%s\n\n", t)
		}
	case word == ":advance":
		seconds, perr := strconv.ParseFloat(strings.TrimSpace(argument), 64)
		if perr != nil || !(seconds >= 0 && seconds <= 30*24*3600) {
			return errors.New(":advance takes a number of seconds, as in :advance 20")
		}
		l = r.console.Advance(time.Duration(seconds * float64(time.Second)))
	case strings.HasPrefix(word, ":"):
		return fmt.Errorf("there is no command %s; :help lists them", word)
	case requestLine.MatchString(strings.SplitN(text, "\n", 2)[0]):
		l, err = r.console.Send(text)
	case statusLine.MatchString(text):
		return errors.New("this is a response: a request is pasted")
	default:
		l, err = r.console.Run(text)
	}
	for _, result := range l.Results {
		r.in.printf("%s\n", result)
	}
	r.in.printf("%s%s", l.Ladder, l.Log)
	return err
}
