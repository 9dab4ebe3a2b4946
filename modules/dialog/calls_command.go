package dialog

// sipscript calls: the tracked calls of a running server.

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sipscript/sipscript/modules/host"
)

const callsPath = "/api/v1/dialog/calls"

func callsCommand() host.Command {
	show := append([]host.Flag{{Name: "from", Usage: "only calls of the caller `URI`"}, {Name: "to", Usage: "only calls to `URI`"},
		{Name: "key", Usage: "only calls that hold the `KEY` of a limit"}, {Name: "limit", Kind: host.Int, Usage: "how many at most", DefaultText: "1000"}}, host.ShowFlags()...)
	return host.Command{Name: "calls", Usage: "show the tracked calls of a running server, and end them", Remote: true, Flags: show, Sub: []host.Command{
		{Name: "list", Usage: "show the calls that have not ended, the oldest first", Remote: true, Flags: show, Run: showCalls},
		{Name: "show", Usage: "show one call, as JSON", Args: "ID", Remote: true, Run: func(c *host.Invocation) error {
			if len(c.Args) != 1 {
				return host.Usagef("%s: expected the id of one call", c.Command)
			}
			text, err := c.Get(callsPath + "/" + url.PathEscape(c.Args[0]))
			if err != nil {
				return err
			}
			_, err = c.Stdout.Write(text)
			return err
		}},
		{Name: "hang-up", Usage: "end calls", Args: "ID…", Remote: true, Run: hangUpCalls},
	}, Run: func(c *host.Invocation) error { return c.Alone(showCalls, "list", "show", "hang-up") }}
}

func showCalls(c *host.Invocation) error {
	if len(c.Args) > 0 {
		return host.Usagef("%s takes no argument: found %q", c.Command, c.Args[0])
	}
	q := url.Values{}
	for _, name := range []string{"from", "to", "key"} {
		if text := c.Flags.Text(name); text != "" {
			q.Set(name, text)
		}
	}
	if n := c.Flags.Int("limit"); n != 0 {
		q.Set("limit", strconv.Itoa(n))
	}
	path := callsPath
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return host.Show(c, path, func(a *callsAnswer) host.View { return viewCalls(a, time.Now()) })
}

func viewCalls(a *callsAnswer, now time.Time) host.View {
	rows := [][]string{{"ID", "STATE", "FOR", "CALLER", "CALLED", "CALL-ID"}}
	var essence bytes.Buffer
	for _, one := range a.Calls {
		since := one.Answered
		if since == 0 {
			since = one.Started
		}
		lasts := now.Sub(time.UnixMilli(int64(since * 1000))).Round(time.Second).String()
		rows = append(rows, []string{one.ID, one.State, lasts, host.Printable(one.Caller), host.Printable(one.Callee), host.Printable(one.CallID)})
		fmt.Fprintln(&essence, one.ID, one.State)
	}
	table := host.Table(rows...)
	if len(a.Calls) != a.Count {
		table = fmt.Appendf(table, "%d of %d calls\n", len(a.Calls), a.Count)
		fmt.Fprintln(&essence, a.Count)
	}
	return host.View{Table: table, Essence: append(essence.Bytes(), '\n')}
}

func hangUpCalls(c *host.Invocation) error {
	if len(c.Args) == 0 {
		return host.Usagef("%s: expected the id of a call", c.Command)
	}
	for _, id := range c.Args {
		if _, err := c.Ask(http.MethodPost, callsPath+"/"+url.PathEscape(id)+"/hang_up", nil); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
	}
	return nil
}
