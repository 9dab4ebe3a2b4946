package acl

// sipscript acl: the lists of a running server.

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/clients/redis"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/trust"
)

// Plugin is the module "acl".
func Plugin() host.Plugin {
	return host.Plugin{Name: "acl", Commands: []host.Command{command()}, Schema: Schema, New: func(env *host.Environment) (luabind.Opener, error) {
		o := Options{Clients: env.Clients, Data: env.Data, Log: env.Log, Places: func() trust.Places { return host.Find[trust.Places](env) }}
		// The Redis of a simulation takes no commands on a connection that subscribes
		if env.Redis != "" && !env.Simulated() {
			c, err := redis.Open(env.Clients, string(env.Redis), 0)
			if err != nil {
				return nil, env.Redis.Explain("redis", err)
			}
			o.Redis = c
		}
		a, err := New(o)
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
	show := host.ShowFlags()
	return host.Command{Name: "acl", Usage: "show and change the lists of senders of a running server", Remote: true, Flags: show, Sub: []host.Command{
		{Name: "block", Usage: "add an address, a network or a host name to a list; a drop list counts at once", Args: "ADDRESS", Remote: true,
			Flags: []host.Flag{list, ttl, note}, Run: func(c *host.Invocation) error { return sendChange(c, "block") }},
		{Name: "allow", Usage: "take an address out of a list, with an exception where a wider entry has it", Args: "ADDRESS", Remote: true,
			Flags: []host.Flag{list, ttl, note}, Run: func(c *host.Invocation) error { return sendChange(c, "allow") }},
		{Name: "list", Usage: "show the lists, or the entries of one", Args: "[LIST]", Remote: true, Flags: append([]host.Flag{limit}, show...), Run: showLists},
		{Name: "check", Usage: "show which lists have an address, and whether it is dropped", Args: "ADDRESS", Remote: true, Flags: show, Run: showMatches},
	}, Run: func(c *host.Invocation) error { return c.Alone(showLists, "block", "allow", "list", "check") }}
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
		return host.Show(c, "/api/v1/acl/lists", func(a *struct{ Lists []listJSON }) host.View {
			rows := [][]string{{"LIST", "DROP", "ENTRIES", "ADDED", "DROPPED"}}
			for _, l := range a.Lists {
				rows = append(rows, []string{l.List, yes(l.Drop), strconv.Itoa(l.Entries), strconv.Itoa(l.Added), strconv.FormatUint(l.Dropped, 10)})
			}
			return host.View{Table: host.Table(rows...)}
		})
	case 1:
		q := url.Values{"list": {c.Args[0]}}
		if n := c.Flags.Int("limit"); n > 0 {
			q.Set("limit", strconv.Itoa(n))
		}
		return host.Show(c, "/api/v1/acl/entries?"+q.Encode(), func(a *struct {
			Entries []entryJSON
			More    bool
		}) host.View {
			rows := [][]string{{"ENTRY", "PORT", "TRANSPORT", "ENDS", "ADDED", "NOTE"}}
			for i := range a.Entries {
				rows = append(rows, a.Entries[i].row())
			}
			if a.More {
				rows = append(rows, []string{"…"})
			}
			return host.View{Table: host.Table(rows...)}
		})
	}
	return host.Usagef("%s: one list at a time: found %q after %q", c.Command, c.Args[1], c.Args[0])
}

func showMatches(c *host.Invocation) error {
	if len(c.Args) != 1 {
		return host.Usagef("%s: expected one address", c.Command)
	}
	return host.Show(c, "/api/v1/acl/check?ip="+url.QueryEscape(c.Args[0]), func(a *struct {
		Dropped bool
		Matches []matchJSON
	}) host.View {
		rows := [][]string{{"LIST", "DROP", "ENTRY", "PORT", "TRANSPORT", "ENDS", "ADDED", "NOTE"}}
		for i := range a.Matches {
			m := &a.Matches[i]
			rows = append(rows, append([]string{m.List, yes(m.Drop)}, m.Entry.row()...))
		}
		verdict := "not dropped\n"
		if a.Dropped {
			verdict = "dropped\n"
		}
		return host.View{Table: append(host.Table(rows...), verdict...)}
	})
}

// row is an entry for people.
func (e *entryJSON) row() []string {
	port, ends := "any", "never"
	if e.Port != 0 {
		port = strconv.Itoa(e.Port)
	}
	if e.Expires != nil {
		ends = e.Expires.Format(time.RFC3339)
	}
	return []string{e.Address, port, cmp.Or(e.Transport, "any"), ends, yes(e.Added), e.Note}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}
