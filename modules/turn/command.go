package turn

// This file is what a running server tells of its allocations: its part of the admin API, and
// sipscript turn.

import (
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/turn/relay"
	"github.com/sipscript/sipscript/ops/openapi"
)

// Bounds of a list of allocations.
const (
	usualAllocations = 100
	mostAllocations  = 10000
)

// allocation is one of a list.
type allocation struct {
	User        string  `json:"user"`
	Client      string  `json:"client"`
	Transport   string  `json:"transport"` // udp, tcp or tls
	Relayed     string  `json:"relayed"`
	Seconds     float64 `json:"seconds"` // that are left
	Permissions int     `json:"permissions"`
	Channels    int     `json:"channels"`
}

// allocationsAnswer is GET /allocations.
type allocationsAnswer struct {
	Listening   []string     `json:"listening"`
	Total       int          `json:"total"`
	Users       int          `json:"users"`
	Connections int          `json:"connections"`
	FromClients traffic      `json:"from_clients"`
	ToClients   traffic      `json:"to_clients"`
	Refused     uint64       `json:"refused"` // allocations, permissions and channels
	Dropped     uint64       `json:"dropped"` // packets
	Allocations []allocation `json:"allocations"`
	More        bool         `json:"more"` // there are others that fit
}

// traffic is what was relayed in one direction since the start.
type traffic struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

var errLimit = errors.New("limit is a number from 1 to " + strconv.Itoa(mostAllocations))

// API is what a running server tells of its allocations.
func (t *Turn) API() []openapi.Operation {
	return []openapi.Operation{{Method: "GET", Path: "/allocations", Summary: "list allocations, all or those of one user", Answer: allocationsAnswer{}, Fails: []int{400},
		Query: []openapi.Param{{Name: "user", Doc: "only those of this user"}, {Name: "limit", Type: "integer", Doc: "how many at most, 100 unless it is said"}}, Serve: func(w http.ResponseWriter, r *http.Request) {
			q := r.URL.Query()
			limit := usualAllocations
			if text := q.Get("limit"); text != "" {
				var err error
				if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > mostAllocations {
					host.Refuse(w, http.StatusBadRequest, errLimit)
					return
				}
			}
			host.Answer(w, http.StatusOK, t.answer(q.Get("user"), limit))
		}}}
}

func (t *Turn) answer(user string, limit int) allocationsAnswer {
	a := allocationsAnswer{Listening: append([]string{}, t.Listening()...), Allocations: []allocation{}}
	s := t.Server()
	if s == nil {
		return a
	}
	f := s.Stats()
	a.Total, a.Users, a.Connections = f.Allocations, f.Users, f.Streams
	a.FromClients, a.ToClients = traffic(f.FromClients), traffic(f.ToClients)
	a.Refused, a.Dropped = sum(f.Refused), sum(f.Dropped)
	var list []relay.Status
	list, a.More = s.Allocations(user, limit)
	for _, x := range list {
		a.Allocations = append(a.Allocations, allocation{x.User, x.Client.String(), x.Transport, x.Relayed.String(), math.Round(x.Left.Seconds()), x.Permissions, x.Channels})
	}
	return a
}

func sum(all map[string]uint64) (n uint64) {
	for _, v := range all {
		n += v
	}
	return n
}

func command() host.Command {
	flags := append(host.ShowFlags(), host.Flag{Name: "limit", Kind: host.Int, Usage: "how many allocations are listed at most, 100 if nothing is said"})
	list := host.Command{Name: "list", Usage: "show allocations, all or those of one user", Args: "[USER]", Remote: true, Flags: flags, Run: list}
	return host.Command{Name: "turn", Usage: "look at what the TURN server of a running server relays", Remote: true, Flags: flags, Sub: []host.Command{list},
		Run: func(c *host.Invocation) error { return c.Alone(list.Run, "list") }}
}

func list(c *host.Invocation) error {
	if len(c.Args) > 1 {
		return host.Usagef("%s: one user at a time: found %q after %q", c.Command, c.Args[1], c.Args[0])
	}
	q := url.Values{}
	if len(c.Args) == 1 {
		q.Set("user", c.Args[0])
	}
	if n := c.Flags.Int("limit"); n != 0 {
		q.Set("limit", strconv.Itoa(n))
	}
	path := "/api/v1/turn/allocations"
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return host.Show(c, path, func(a *allocationsAnswer) host.View {
		full := [][]string{{"USER", "CLIENT", "RELAYED", "PERMISSIONS", "CHANNELS", "ENDS IN"}}
		rows := [][]string{full[0][:5]}
		for _, x := range a.Allocations {
			row := []string{x.User, x.Transport + ":" + x.Client, x.Relayed, strconv.Itoa(x.Permissions), strconv.Itoa(x.Channels)}
			rows = append(rows, row)
			left := time.Duration(x.Seconds) * time.Second
			full = append(full, append(row[:5:5], left.String()))
		}
		if a.More {
			full = append(full, []string{"…"})
		}
		// Times alone are not a change, nor is traffic
		return host.View{Table: append(host.Table(full...), tail(a)...), Essence: host.Table(rows...)}
	})
}

// tail is the line of figures below the list.
func tail(a *allocationsAnswer) string {
	n := func(v uint64) string { return strconv.FormatUint(v, 10) }
	return strconv.Itoa(a.Total) + " allocations of " + strconv.Itoa(a.Users) + " users; packets " + n(a.FromClients.Packets) + " from clients, " +
		n(a.ToClients.Packets) + " to clients, " + n(a.Dropped) + " dropped; " + n(a.Refused) + " requests refused\n"
}
