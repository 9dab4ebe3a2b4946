package main

// The commands that look at the server's own part of the admin API.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/modules/host"
)

// serverCommands are those of the command itself.
func serverCommands() []host.Command {
	show := host.ShowFlags()
	return []host.Command{
		statusCommand(),
		canaryCommand(),
		{Name: "lanes", Usage: "show the lanes of a running server and how busy they are", Remote: true, Flags: show, Run: showLanes},
		{Name: "generations", Usage: "show the generations of the script that a running server has", Remote: true, Flags: show, Run: showGenerations},
		{Name: "arguments", Usage: "show and change the arguments of the script of a running server (--set)", Remote: true, Flags: show, Sub: []host.Command{
			{Name: "list", Usage: "show them", Remote: true, Flags: show, Run: showArguments},
			{Name: "set", Usage: "change them until the server stops; the script is loaded again", Args: "KEY=VALUE…", Remote: true, Run: setArguments},
			{Name: "unset", Usage: "remove them until the server stops; the script is loaded again", Args: "KEY…", Remote: true, Run: unsetArguments},
		}, Run: func(c *host.Invocation) error { return c.Alone(showArguments, "list", "set", "unset") }},
		{Name: "log-level", Usage: "show the level of the log of a running server, or change it", Args: "[LEVEL]", Remote: true, Flags: show, Run: logLevel},
		listenersCommand(),
		profileCommand(),
	}
}

// noArgs refuses arguments.
func noArgs(c *host.Invocation) error {
	if len(c.Args) > 0 {
		return host.Usagef("%s takes no argument: found %q", c.Command, c.Args[0])
	}
	return nil
}

func showLanes(c *host.Invocation) error {
	if err := noArgs(c); err != nil {
		return err
	}
	return host.Show(c, "/api/v1/lanes", func(a *lanesAnswer) host.View {
		rows := [][]string{{"LANE", "QUEUE", "DELAY", "DONE", "REFUSED", "PANICS"}}
		for _, l := range a.Lanes {
			delay := time.Duration(l.Delay * float64(time.Second)).Round(time.Microsecond).String()
			rows = append(rows, []string{l.Lane, strconv.Itoa(l.Queue), delay, strconv.FormatUint(l.Done, 10), strconv.FormatUint(l.Refused, 10), strconv.FormatUint(l.Panics, 10)})
		}
		return host.View{Table: host.Table(rows...)}
	})
}

func showGenerations(c *host.Invocation) error {
	if err := noArgs(c); err != nil {
		return err
	}
	return host.Show(c, "/api/v1/generations", func(a *generationsAnswer) host.View {
		rows := [][]string{{"GENERATION", "STATE", "LOADED", "HELD"}}
		for _, g := range a.Generations {
			state := "finishing"
			switch {
			case g.Serving:
				state = "serving"
			case g.Canary:
				state = "canary"
			}
			rows = append(rows, []string{strconv.FormatUint(g.Number, 10), state, g.Loaded.Format(time.RFC3339), strconv.FormatInt(g.Held, 10)})
		}
		table := host.Table(rows...)
		if a.Refused != "" {
			table = fmt.Appendf(table, "the last reload was refused: %s\n", a.Refused)
		}
		return host.View{Table: table}
	})
}

const argumentsPath = "/api/v1/arguments"

func showArguments(c *host.Invocation) error {
	if err := noArgs(c); err != nil {
		return err
	}
	return host.Show(c, argumentsPath, func(a *argumentsAnswer) host.View {
		rows := [][]string{{"KEY", "VALUE"}}
		for _, name := range slices.Sorted(maps.Keys(a.Arguments)) {
			rows = append(rows, []string{name, a.Arguments[name]})
		}
		return host.View{Table: host.Table(rows...)}
	})
}

func setArguments(c *host.Invocation) error {
	body := argumentsBody{Set: map[string]string{}}
	for _, text := range c.Args {
		name, value, ok := strings.Cut(text, "=")
		if !ok || !isIdentifier(name) {
			return host.Usagef("%s: %q: expected KEY=VALUE, KEY a name of letters, digits and _", c.Command, text)
		}
		body.Set[name] = value
	}
	return sendArguments(c, &body)
}

func unsetArguments(c *host.Invocation) error {
	return sendArguments(c, &argumentsBody{Unset: c.Args})
}

func sendArguments(c *host.Invocation, body *argumentsBody) error {
	if len(c.Args) == 0 {
		return host.Usagef("%s: expected at least one argument", c.Command)
	}
	return send(c, http.MethodPost, argumentsPath, body)
}

// send sends a body as JSON.
func send(c *host.Invocation, method, path string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	_, err = c.Ask(method, path, bytes.NewReader(text))
	return err
}

func logLevel(c *host.Invocation) error {
	switch len(c.Args) {
	case 0:
		return host.Show(c, "/api/v1/log-level", func(a *levelAnswer) host.View { return host.View{Table: []byte(a.Level + "\n")} })
	case 1:
		if _, err := readLevel(c.Args[0]); err != nil {
			return host.Usagef("%s: %v", c.Command, err)
		}
		return send(c, http.MethodPut, "/api/v1/log-level", levelAnswer{c.Args[0]})
	}
	return host.Usagef("%s: one level: found %q after %q", c.Command, c.Args[1], c.Args[0])
}
