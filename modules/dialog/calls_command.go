package dialog

// sipscript calls: the tracked calls of a running server.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/modules/host"
)

const callsPath = "/api/v1/dialog/calls"

func callsCommand() host.Command {
	show := append([]host.Flag{{Name: "from", Usage: "only calls of the caller `URI`"}, {Name: "to", Usage: "only calls to `URI`"},
		{Name: "call-id", Usage: "only calls with this `CALL-ID`"},
		{Name: "key", Usage: "only calls that hold the `KEY` of a limit"}, {Name: "limit", Kind: host.Int, Usage: "how many at most", DefaultText: "1000"}}, host.ShowFlags()...)
	return host.Command{Name: "calls", Usage: "show the tracked calls of a running server, and end them", Remote: true, Flags: show, Sub: []host.Command{
		{Name: "list", Usage: "show the calls that have not ended, the oldest first", Remote: true, Flags: show, Run: showCalls},
		{Name: "show", Usage: "show one call with its variables and its legs", Args: "ID", Remote: true, Flags: host.ShowFlags(), Run: showCall},
		{Name: "hang-up", Usage: "end calls", Args: "ID…", Remote: true, Run: func(c *host.Invocation) error { return askCalls(c, "hang_up") }},
		{Name: "hold", Usage: "put both parties of calls on hold", Args: "ID…", Remote: true, Run: func(c *host.Invocation) error { return askCalls(c, "hold") }},
		{Name: "resume", Usage: "end the hold of calls", Args: "ID…", Remote: true, Run: func(c *host.Invocation) error { return askCalls(c, "resume") }},
		{Name: "transfer", Usage: "have one party of a call call somebody else", Args: "ID URI", Remote: true, Run: transferCall,
			Flags: []host.Flag{{Name: "who", Usage: "`PARTY` that calls: caller or callee", DefaultText: "caller"}}},
	}, Run: func(c *host.Invocation) error {
		return c.Alone(showCalls, "list", "show", "hang-up", "hold", "resume", "transfer")
	}}
}

func showCall(c *host.Invocation) error {
	if len(c.Args) != 1 {
		return host.Usagef("%s: expected the id of one call", c.Command)
	}
	return host.Show(c, callsPath+"/"+url.PathEscape(c.Args[0]), viewCall)
}

func viewCall(one *callAnswer) host.View {
	rows := [][]string{{"WHAT", "VALUE"}}
	add := func(what, value string) {
		if value != "" {
			rows = append(rows, []string{what, value})
		}
	}
	at := func(seconds float64) string {
		if seconds == 0 {
			return ""
		}
		return time.UnixMilli(int64(seconds * 1000)).UTC().Format(time.RFC3339)
	}
	state := one.State
	if one.Held {
		state += ", held"
	}
	add("id", one.ID)
	add("call-id", one.CallID)
	add("node", one.Node)
	add("state", state)
	add("caller", one.Caller)
	add("called", one.Callee)
	add("started", at(one.Started))
	add("answered", at(one.Answered))
	add("keys", strings.Join(one.Keys, " "))
	for _, name := range slices.Sorted(maps.Keys(one.Vars)) {
		add("var "+name, jsonText(one.Vars[name]))
	}
	if legs, ok := one.Legs.([]any); ok {
		for i, leg := range legs {
			add("leg "+strconv.Itoa(i+1), jsonText(leg))
		}
	} else if one.Legs != nil {
		add("legs", jsonText(one.Legs))
	}
	return host.View{Table: host.Table(rows...)}
}

// jsonText is a value that came as JSON.
func jsonText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func showCalls(c *host.Invocation) error {
	if len(c.Args) > 0 {
		return host.Usagef("%s takes no argument: found %q", c.Command, c.Args[0])
	}
	q := url.Values{}
	for _, name := range []string{"from", "to", "key", "call-id"} {
		if text := c.Flags.Text(name); text != "" {
			q.Set(strings.ReplaceAll(name, "-", "_"), text)
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
	rows := [][]string{{"ID", "STATE", "FOR", "CALLER", "CALLED", "CALL-ID", "NODE"}}
	var essence bytes.Buffer
	for _, one := range a.Calls {
		since := one.Answered
		if since == 0 {
			since = one.Started
		}
		lasts := now.Sub(time.UnixMilli(int64(since * 1000))).Round(time.Second).String()
		state := one.State
		if one.Held {
			state = "held"
		}
		rows = append(rows, []string{one.ID, state, lasts, host.Printable(one.Caller), host.Printable(one.Callee), host.Printable(one.CallID), host.Printable(one.Node)})
		fmt.Fprintln(&essence, one.ID, state)
	}
	table := host.Table(rows...)
	if len(a.Calls) != a.Count {
		table = fmt.Appendf(table, "%d of %d calls\n", len(a.Calls), a.Count)
		fmt.Fprintln(&essence, a.Count)
	}
	return host.View{Table: table, Essence: append(essence.Bytes(), '\n')}
}

// askCalls asks the same of all calls that are named.
func askCalls(c *host.Invocation, what string) error {
	if len(c.Args) == 0 {
		return host.Usagef("%s: expected the id of a call", c.Command)
	}
	for _, id := range c.Args {
		if _, err := c.Ask(http.MethodPost, callsPath+"/"+url.PathEscape(id)+"/"+what, nil); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
	}
	return nil
}

func transferCall(c *host.Invocation) error {
	if len(c.Args) != 2 {
		return host.Usagef("%s: expected the id of a call, and a URI", c.Command)
	}
	body, err := json.Marshal(transferring{Target: c.Args[1], Who: c.Flags.Text("who")})
	if err != nil {
		return err
	}
	if _, err = c.Ask(http.MethodPost, callsPath+"/"+url.PathEscape(c.Args[0])+"/transfer", bytes.NewReader(body)); err != nil {
		err = fmt.Errorf("%s: %w", c.Args[0], err)
	}
	return err
}
