package presence

// sipscript presence: it asks a running server what is published and who watches.

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/presence/eventstate"
)

// Bounds of a list of publications.
const (
	usualPublications = 1000
	mostPublications  = 100_000
)

// What GET /publications answers.
type (
	publicationsAnswer struct {
		Publications []publicationAnswer `json:"publications"`
		More         bool                `json:"more" doc:"there are others that fit"`
	}
	publicationAnswer struct {
		AOR       string     `json:"aor"`
		Package   string     `json:"package"`
		Type      string     `json:"type"`
		Size      int        `json:"size" doc:"of the document, in bytes"`
		Published time.Time  `json:"published"`
		Expires   *time.Time `json:"expires,omitempty" doc:"never unless it is said"`
		By        string     `json:"by" doc:"PUBLISH, or script"`
	}
)

func (p *Presence) answerPublications(w http.ResponseWriter, r *http.Request) {
	limit, event := usualPublications, r.URL.Query().Get("package")
	if text := r.URL.Query().Get("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > mostPublications {
			host.Refuse(w, http.StatusBadRequest, fmt.Errorf("limit must be 1 to %d", mostPublications))
			return
		}
	}
	a := publicationsAnswer{Publications: []publicationAnswer{}}
	p.store.Each(func(k eventstate.Key, one *eventstate.Publication) bool {
		if event != "" && k.Package != event {
			return true
		}
		if a.More = len(a.Publications) == limit; a.More {
			return false
		}
		shown := publicationAnswer{AOR: k.AOR, Package: k.Package, Type: one.Type, Size: len(one.Body), Published: one.At.UTC(), By: cmp.Or(one.Name, "PUBLISH")}
		if !one.Expires.IsZero() {
			at := one.Expires.UTC()
			shown.Expires = &at
		}
		a.Publications = append(a.Publications, shown)
		return true
	})
	slices.SortFunc(a.Publications, func(a, b publicationAnswer) int {
		return cmp.Or(strings.Compare(a.AOR, b.AOR), strings.Compare(a.Package, b.Package), a.Published.Compare(b.Published))
	})
	host.Answer(w, http.StatusOK, a)
}

func command() host.Command {
	show := host.ShowFlags()
	listed := append([]host.Flag{{Name: "package", Usage: "only those of the event package `NAME`"}}, show...)
	return host.Command{Name: "presence", Usage: "look at the state of users of a running server, at who watches them, and change it", Remote: true, Flags: listed, Sub: []host.Command{
		{Name: "list", Usage: "show what was published, by users and by scripts", Remote: true, Flags: listed, Run: showPublications},
		{Name: "state", Usage: "show the document of a user's state; PACKAGE is presence unless it is said", Args: "URI [PACKAGE]", Remote: true, Flags: show, Run: showState},
		{Name: "watchers", Usage: "show who watches a user, by one event package or by all", Args: "URI [PACKAGE]", Remote: true, Flags: show, Run: showWatchers},
		{Name: "set", Usage: "publish for a user: JSON as presence.set takes it, or null to end what was set", Args: "URI PACKAGE JSON", Remote: true, Run: setState,
			Flags: []host.Flag{{Name: "expires", Kind: host.Duration, Usage: "for how long", DefaultText: "for ever"}}},
		{Name: "terminate", Usage: "end a subscription, by the id that watchers shows", Args: "ID", Remote: true, Run: terminate},
	}, Run: func(c *host.Invocation) error {
		return c.Alone(showPublications, "list", "state", "watchers", "set", "terminate")
	}}
}

func showPublications(c *host.Invocation) error {
	if len(c.Args) > 0 {
		return host.Usagef("%s takes no argument: found %q", c.Command, c.Args[0])
	}
	path := "/api/v1/presence/publications"
	if name := c.Flags.Text("package"); name != "" {
		path += "?package=" + url.QueryEscape(name)
	}
	return host.Show(c, path, func(a *publicationsAnswer) host.View {
		rows := [][]string{{"USER", "PACKAGE", "PUBLISHED", "EXPIRES", "BYTES", "BY"}}
		for _, p := range a.Publications {
			ends := "never"
			if p.Expires != nil {
				ends = p.Expires.Format(time.RFC3339)
			}
			rows = append(rows, []string{host.Printable(p.AOR), p.Package, p.Published.Format(time.RFC3339), ends, strconv.Itoa(p.Size), p.By})
		}
		if a.More {
			rows = append(rows, []string{"…"})
		}
		return host.View{Table: host.Table(rows...)}
	})
}

// ofUser is a path with the user and the package that a command names.
func ofUser(c *host.Invocation, path string) (string, error) {
	if len(c.Args) < 1 || len(c.Args) > 2 {
		return "", host.Usagef("%s: expected URI [PACKAGE]", c.Command)
	}
	query := url.Values{"aor": {c.Args[0]}}
	if len(c.Args) == 2 {
		query.Set("package", c.Args[1])
	}
	return path + "?" + query.Encode(), nil
}

func showState(c *host.Invocation) error {
	path, err := ofUser(c, "/api/v1/presence/state")
	if err != nil {
		return err
	}
	return host.Show(c, path, func(a *stateAnswer) host.View {
		said := "nobody has published it"
		if a.Published {
			said = "published"
		}
		return host.View{Table: fmt.Appendf(nil, "%s, %s, %s: %s\n%s\n", a.AOR, a.Package, a.Type, said, lines(a.Document))}
	})
}

// lines are those of a text that strangers wrote.
func lines(text string) string {
	all := strings.Split(strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")), "\n")
	for i := range all {
		all[i] = host.Printable(all[i])
	}
	return strings.Join(all, "\n")
}

func showWatchers(c *host.Invocation) error {
	path, err := ofUser(c, "/api/v1/presence/watchers")
	if err != nil {
		return err
	}
	return host.Show(c, path, func(a *watchersAnswer) host.View {
		rows, essence := [][]string{{"ID", "WATCHER", "PACKAGE", "STATE", "EXPIRES"}}, []byte{}
		for _, o := range a.Watchers {
			left := time.Duration(o.Expires * float64(time.Second)).Round(time.Second).String()
			rows = append(rows, []string{o.ID, host.Printable(o.Watcher), o.Package, o.State, left})
			essence = fmt.Appendln(essence, o.ID, o.State)
		}
		return host.View{Table: host.Table(rows...), Essence: essence}
	})
}

func setState(c *host.Invocation) error {
	if len(c.Args) != 3 || !json.Valid([]byte(c.Args[2])) {
		return host.Usagef(`%s: expected URI PACKAGE JSON, such as sip:bob@example.com presence '{"note":"away"}'`, c.Command)
	}
	body, err := json.Marshal(setting{AOR: c.Args[0], Package: c.Args[1], State: json.RawMessage(c.Args[2]), Expires: c.Flags.Duration("expires").Seconds()})
	if err != nil {
		return err
	}
	_, err = c.Ask(http.MethodPost, "/api/v1/presence/state", bytes.NewReader(body))
	return err
}

func terminate(c *host.Invocation) error {
	if len(c.Args) != 1 {
		return host.Usagef("%s: expected the id of one subscription", c.Command)
	}
	body, err := json.Marshal(terminated{c.Args[0]})
	if err != nil {
		return err
	}
	_, err = c.Ask(http.MethodPost, "/api/v1/presence/terminate", bytes.NewReader(body))
	return err
}
