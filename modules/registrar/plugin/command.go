package plugin

// sipscript registrations: where users of a running server are registered.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/modules/host"
)

const bindingsPath = "/api/v1/registrar/bindings"

func registrationsCommand() host.Command {
	show := append([]host.Flag{{Name: "search", Usage: "only those with `TEXT` in their address, contact, User-Agent or source"},
		{Name: "limit", Kind: host.Int, Usage: "how many at most", DefaultText: "1000"}}, host.ShowFlags()...)
	return host.Command{Name: "registrations", Usage: "show and change where users of a running server are registered", Args: "[URI]", Remote: true, Flags: show, Sub: []host.Command{
		{Name: "list", Usage: "show where one user is registered, or all", Args: "[URI]", Remote: true, Flags: show, Run: showBindings},
		{Name: "add", Usage: "register a contact that does not register by itself, such as a gateway", Args: "URI CONTACT", Remote: true, Run: addBinding,
			Flags: []host.Flag{{Name: "expires", Kind: host.Duration, Usage: "for how long", Default: "1h"}, {Name: "q", Usage: "its preference, `0` to 1", DefaultText: "1"}}},
		{Name: "remove", Usage: "remove a contact of a user, or all", Args: "URI [CONTACT]", Remote: true, Run: removeBindings},
		{Name: "count", Usage: "show how many there are, of one user or all", Args: "[URI]", Remote: true, Flags: host.ShowFlags(), Run: func(c *host.Invocation) error {
			switch len(c.Args) {
			case 0:
			case 1:
				path := bindingsPath + "?" + url.Values{"aor": c.Args}.Encode()
				return host.Show(c, path, func(a *bindingsAnswer) host.View { return host.View{Table: fmt.Appendln(nil, len(a.Bindings))} })
			default:
				return host.Usagef("%s: one URI at a time: found %q after %q", c.Command, c.Args[1], c.Args[0])
			}
			return host.Show(c, "/api/v1/registrar/count", func(a *countAnswer) host.View { return host.View{Table: fmt.Appendln(nil, a.Count)} })
		}},
	}, Run: func(c *host.Invocation) error {
		if len(c.Args) == 1 && strings.Contains(c.Args[0], ":") { // a URI
			return showBindings(c)
		}
		return c.Alone(showBindings, "list", "add", "remove", "count")
	}}
}

func showBindings(c *host.Invocation) error {
	if len(c.Args) > 1 {
		return host.Usagef("%s: one URI at a time: found %q after %q", c.Command, c.Args[1], c.Args[0])
	}
	q := url.Values{}
	if len(c.Args) == 1 {
		q.Set("aor", c.Args[0])
	}
	if text := c.Flags.Text("search"); text != "" {
		q.Set("search", text)
	}
	if n := c.Flags.Int("limit"); n != 0 {
		q.Set("limit", strconv.Itoa(n))
	}
	path := bindingsPath
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return host.Show(c, path, viewBindings)
}

func viewBindings(a *bindingsAnswer) host.View {
	rows := [][]string{{"USER", "CONTACT", "EXPIRES", "Q", "SOURCE", "USER-AGENT"}}
	var essence bytes.Buffer
	for _, b := range a.Bindings {
		aor := b.AOR
		if aor == "" {
			aor = a.AOR
		}
		left := time.Duration(b.Expires * float64(time.Second)).Round(time.Second).String()
		rows = append(rows, []string{host.Printable(aor), host.Printable(b.Contact), left, strconv.FormatFloat(b.Q, 'g', 3, 64), b.Received, host.Printable(b.UserAgent)})
		fmt.Fprintln(&essence, aor, b.Contact, b.Q, b.Received)
	}
	if a.More {
		rows = append(rows, []string{"…"})
	}
	if len(a.Bindings) == 0 {
		return host.View{Table: []byte("nobody is registered\n")}
	}
	return host.View{Table: host.Table(rows...), Essence: essence.Bytes()}
}

func addBinding(c *host.Invocation) error {
	if len(c.Args) != 2 {
		return host.Usagef("%s: expected URI CONTACT", c.Command)
	}
	a := addition{AOR: c.Args[0], Contact: c.Args[1], Expires: c.Flags.Duration("expires").Seconds()}
	if text := c.Flags.Text("q"); text != "" {
		q, err := strconv.ParseFloat(text, 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return host.Usagef("%s: --q %s: expected a number from 0 to 1", c.Command, text)
		}
		a.Q = &q
	}
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if _, err := c.Ask(http.MethodPost, bindingsPath, bytes.NewReader(body)); err != nil {
		return err
	}
	fmt.Fprintf(c.Stdout, "%s is registered at %s\n", a.AOR, a.Contact)
	return nil
}

func removeBindings(c *host.Invocation) error {
	q := url.Values{}
	switch len(c.Args) {
	case 2:
		if c.Args[1] == "" {
			return host.Usagef("%s: CONTACT is empty: leave it out to remove all", c.Command)
		}
		q.Set("contact", c.Args[1])
		fallthrough
	case 1:
		q.Set("aor", c.Args[0])
	default:
		return host.Usagef("%s: expected URI [CONTACT]", c.Command)
	}
	text, err := c.Ask(http.MethodDelete, bindingsPath+"?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	var a removal
	if err := json.Unmarshal(text, &a); err != nil {
		return err
	}
	fmt.Fprintf(c.Stdout, "removed: %d\n", a.Removed)
	return nil
}
