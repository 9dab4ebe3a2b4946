package acl

// sipscript acl: the lists of a running server.

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/trust"
)

// Plugin is the module "acl".
func Plugin() host.Plugin {
	return host.Plugin{Name: "acl", Commands: []host.Command{command()}, Schema: Schema, New: func(env *host.Environment) (luabind.Opener, error) {
		a, err := New(Options{Clients: env.Clients, Data: env.Data, Log: env.Log, Places: func() trust.Places { return host.Find[trust.Places](env) }})
		if err != nil {
			return nil, err
		}
		host.Offer[trust.Lists](env, a)
		return a, nil
	}}
}

func command() host.Command {
	list := host.Flag{Name: "list", Usage: "the `NAME` of the list", DefaultText: "the first that is dropped"}
	ttl := host.Flag{Name: "ttl", Kind: host.Duration, Usage: "for how long, such as 1h", DefaultText: "for ever"}
	note := host.Flag{Name: "note", Usage: "why, for others"}
	limit := host.Flag{Name: "limit", Kind: host.Int, Usage: "how many entries at most", Default: "1000"}
	return host.Command{Name: "acl", Usage: "show and change the lists of senders of a running server", Sub: []host.Command{
		{Name: "block", Usage: "add an address, a network or a host name to a list; a drop list counts at once", Args: "ADDRESS", Remote: true,
			Flags: []host.Flag{list, ttl, note}, Run: func(c *host.Invocation) error { return sendChange(c, "block") }},
		{Name: "allow", Usage: "take an address out of a list, with an exception where a wider entry has it", Args: "ADDRESS", Remote: true,
			Flags: []host.Flag{list, ttl, note}, Run: func(c *host.Invocation) error { return sendChange(c, "allow") }},
		{Name: "list", Usage: "show the lists, or the entries of one, as JSON", Args: "[LIST]", Remote: true, Flags: []host.Flag{limit}, Run: showLists},
		{Name: "check", Usage: "show which lists have an address, and whether it is dropped, as JSON", Args: "ADDRESS", Remote: true, Run: func(c *host.Invocation) error {
			if len(c.Args) != 1 {
				return host.Usagef("%s: expected one address", c.Command)
			}
			return show(c, "/api/v1/acl/check?ip="+url.QueryEscape(c.Args[0]))
		}},
	}}
}

func sendChange(c *host.Invocation, what string) error {
	if len(c.Args) != 1 {
		return host.Usagef("%s: expected one address, network or host name", c.Command)
	}
	body, err := json.Marshal(change{List: c.Flags.Text("list"), Address: c.Args[0], TTL: c.Flags.Duration("ttl").Seconds(), Note: c.Flags.Text("note")})
	if err != nil {
		return err
	}
	_, err = c.Ask(http.MethodPost, "/api/v1/acl/"+what, bytes.NewReader(body))
	return err
}

func showLists(c *host.Invocation) error {
	switch len(c.Args) {
	case 0:
		return show(c, "/api/v1/acl/lists")
	case 1:
		q := url.Values{"list": {c.Args[0]}}
		if n := c.Flags.Int("limit"); n > 0 {
			q.Set("limit", strconv.Itoa(n))
		}
		return show(c, "/api/v1/acl/entries?"+q.Encode())
	}
	return host.Usagef("%s: one list at a time: found %q after %q", c.Command, c.Args[1], c.Args[0])
}

func show(c *host.Invocation, path string) error {
	text, err := c.Get(path)
	if err != nil {
		return err
	}
	_, err = c.Stdout.Write(text)
	return err
}
