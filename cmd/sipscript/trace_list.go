package main

// sipscript trace list: the calls that a running server remembers.

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/ops/trace"
)

func traceListCommand() host.Command {
	var flags []host.Flag
	for _, f := range filterFlags() {
		text := f.(*cli.StringFlag)
		flags = append(flags, host.Flag{Name: text.Name, Usage: text.Usage})
	}
	flags = append(flags, host.Flag{Name: "state", Usage: "calls that came as far as `STATE`: trying, ringing, answered, failed or ended"},
		host.Flag{Name: "limit", Kind: host.Int, Usage: "how many at most", DefaultText: "100"})
	return host.Command{Name: "list", Usage: "show the last calls and requests, the newest first", Remote: true, Flags: append(flags, host.ShowFlags()...), Run: showTraces}
}

func showTraces(c *host.Invocation) error {
	if err := noArgs(c); err != nil {
		return err
	}
	q := url.Values{}
	for _, name := range append([]string{"state"}, filterNames[:]...) {
		if text := c.Flags.Text(name); text != "" {
			q.Set(strings.ReplaceAll(name, "-", "_"), text)
		}
	}
	if n := c.Flags.Int("limit"); n != 0 {
		q.Set("limit", strconv.Itoa(n))
	}
	return host.Show(c, "/api/v1/trace/calls?"+q.Encode(), func(a *[]trace.Summary) host.View {
		rows := [][]string{{"BEGAN", "METHOD", "FROM", "TO", "STATE", "CODE", "NAME", "CALL-ID"}}
		for _, s := range *a {
			code := ""
			if s.Code > 0 {
				code = strconv.Itoa(s.Code)
			}
			began, _, _ := strings.Cut(s.Began, ".")
			rows = append(rows, []string{began, s.Method, s.From, s.To, s.State, code, s.Name, s.ID})
		}
		return host.View{Table: host.Table(rows...)}
	})
}
