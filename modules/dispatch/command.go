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
	"text/tabwriter"
	"time"

	"github.com/sipscript/sipscript/modules/dispatch/gateways"
	"github.com/sipscript/sipscript/modules/host"
)

// watchEvery is how often --watch asks.
const watchEvery = time.Second

func command() host.Command {
	asJSON := host.Flag{Name: "json", Kind: host.Bool, Usage: "print JSON"}
	return host.Command{Name: "dispatch", Usage: "look at the gateways of a running server, and mark them", Sub: []host.Command{
		{Name: "list", Usage: "show how gateways fare, of one set or of all", Args: "[SET]", Remote: true,
			Flags: []host.Flag{asJSON, {Name: "watch", Kind: host.Bool, Usage: "show it again when it changes, until interrupted"}},
			Run:   func(c *host.Invocation) error { return list(c, pause) }},
		{Name: "mark", Usage: "mark a gateway: up, down, draining (no new calls) or disabled, for some seconds or until it is marked again", Args: "SET URI STATE [SECONDS]",
			Remote: true, Flags: []host.Flag{asJSON}, Run: mark},
	}}
}

// pause waits, unless the command ends.
func pause(c *host.Invocation) bool {
	timer := time.NewTimer(watchEvery)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.Context.Done():
		return false
	}
}

// list prints the gateways; again says whether to ask once more.
func list(c *host.Invocation, again func(*host.Invocation) bool) error {
	path := "/api/v1/dispatch/gateways"
	switch len(c.Args) {
	case 0:
	case 1:
		path += "?set=" + url.QueryEscape(c.Args[0])
	default:
		return host.Usagef("%s: one set at a time: found %q after %q", c.Command, c.Args[1], c.Args[0])
	}
	var before []byte
	for {
		text, err := c.Get(path)
		if err != nil {
			return err
		}
		shown := text
		var answer struct{ Gateways []gateways.Status }
		if err := json.Unmarshal(text, &answer); err != nil {
			return fmt.Errorf("the server's answer can't be read: %w", err)
		}
		if !c.Flags.Bool("json") {
			shown = tableOf(answer.Gateways)
		}
		// Times alone are not a change
		if mark := essence(answer.Gateways); !bytes.Equal(mark, before) {
			if before != nil && !c.Flags.Bool("json") {
				fmt.Fprintln(c.Stdout)
			}
			before = mark
			if _, err := c.Stdout.Write(shown); err != nil {
				return err
			}
		}
		if !c.Flags.Bool("watch") || !again(c) {
			return nil
		}
	}
}

// essence is what changes when something happened.
func essence(all []gateways.Status) []byte {
	var b bytes.Buffer
	b.WriteByte('.')
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
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SET\tGATEWAY\tSTATE\tFOR\tCALLS\tSENT\tFAILED\tWHY")
	for _, g := range all {
		calls := strconv.Itoa(g.Calls)
		if g.MaxCalls > 0 {
			calls += "/" + strconv.Itoa(g.MaxCalls)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n", g.Set, g.URI, g.State, time.Duration(g.Since*float64(time.Second)).Round(time.Second), calls, g.Sent, g.Failed, g.Why)
		for _, a := range g.Addresses {
			if len(g.Addresses) > 1 || a.Why != "" && a.Why != g.Why {
				state := "up"
				if !a.Up {
					state = "down"
				}
				fmt.Fprintf(w, "\t  %s\t%s\t%s\t\t\t\t%s\n", a.Address, state, time.Duration(a.Since*float64(time.Second)).Round(time.Second), a.Why)
			}
		}
	}
	_ = w.Flush()
	return b.Bytes()
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
