package dispatch

// sipscript dispatch: it asks a running server about gateways, and marks them.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/modules/dispatch/gateways"
	"github.com/sipscript/sipscript/modules/host"
)

func command() host.Command {
	show := host.Command{Name: "list", Usage: "show how gateways fare, of one set or of all", Args: "[SET]", Remote: true, Flags: host.ShowFlags(), Run: list}
	return host.Command{Name: "dispatch", Usage: "look at the gateways of a running server, and mark them", Remote: true, Flags: show.Flags, Sub: []host.Command{
		show,
		{Name: "mark", Usage: "mark a gateway: up, down, draining (no new calls) or disabled, for some seconds or until it is marked again", Args: "SET URI STATE [SECONDS]",
			Remote: true, Flags: []host.Flag{{Name: "json", Kind: host.Bool, Usage: "print JSON"}}, Run: mark},
	}, Run: func(c *host.Invocation) error { return c.Alone(list, "list", "mark") }}
}

func list(c *host.Invocation) error {
	path := "/api/v1/dispatch/gateways"
	switch len(c.Args) {
	case 0:
	case 1:
		path += "?set=" + url.QueryEscape(c.Args[0])
	default:
		return host.Usagef("%s: one set at a time: found %q after %q", c.Command, c.Args[1], c.Args[0])
	}
	return host.Show(c, path, func(a *struct{ Gateways []gateways.Status }) host.View {
		// Times alone are not a change
		return host.View{Table: tableOf(a.Gateways), Essence: essence(a.Gateways)}
	})
}

// essence is what changes when something happened.
func essence(all []gateways.Status) []byte {
	var b bytes.Buffer
	for _, g := range all {
		fmt.Fprintln(&b, g.Set, g.URI, g.State, g.Calls, g.Weight, g.Priority)
		for _, a := range g.Addresses {
			fmt.Fprintln(&b, a.Address, a.Up)
		}
	}
	return b.Bytes()
}

// tableOf is for people.
func tableOf(all []gateways.Status) []byte {
	rows := [][]string{{"SET", "GATEWAY", "STATE", "FOR", "CALLS", "SENT", "FAILED", "WHY"}}
	for _, g := range all {
		calls := strconv.Itoa(g.Calls)
		if g.MaxCalls > 0 {
			calls += "/" + strconv.Itoa(g.MaxCalls)
		}
		rows = append(rows, []string{g.Set, g.URI, g.State, lasted(g.Since), calls, strconv.FormatUint(g.Sent, 10), strconv.FormatUint(g.Failed, 10), g.Why})
		for _, a := range g.Addresses {
			if len(g.Addresses) > 1 || a.Why != "" && a.Why != g.Why {
				state := "up"
				if !a.Up {
					state = "down"
				}
				rows = append(rows, []string{"", "  " + a.Address, state, lasted(a.Since), "", "", "", a.Why})
			}
		}
	}
	return host.Table(rows...)
}

func lasted(n float64) string {
	return time.Duration(n * float64(time.Second)).Round(time.Second).String()
}

func mark(c *host.Invocation) error {
	if len(c.Args) < 3 || len(c.Args) > 4 {
		return host.Usagef("%s: expected SET URI STATE [SECONDS]", c.Command)
	}
	m := marking{Set: c.Args[0], URI: c.Args[1], State: c.Args[2]}
	if _, ok := gateways.ParseMark(m.State); !ok {
		return host.Usagef("%s: %q is not a state; they are up, down, draining and disabled", c.Command, m.State)
	}
	if len(c.Args) == 4 {
		n, err := strconv.ParseFloat(c.Args[3], 64)
		if err != nil || !(n > 0 && n <= longestMark.Seconds()) {
			return host.Usagef("%s: %q is not a number of seconds", c.Command, c.Args[3])
		}
		m.Seconds = n
	}
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	text, err := c.Ask(http.MethodPost, "/api/v1/dispatch/mark", io.Reader(strings.NewReader(string(body))))
	if err != nil {
		return err
	}
	if c.Flags.Bool("json") {
		_, err = c.Stdout.Write(text)
		return err
	}
	fmt.Fprintf(c.Stdout, "%s of %s is marked %s\n", m.URI, m.Set, m.State)
	return nil
}
