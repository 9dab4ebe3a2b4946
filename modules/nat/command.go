package nat

// This file is what a running server tells of its keep-alives: its part of the admin API, and
// sipscript nat.

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/ops/openapi"
)

// Status is a client that is kept alive.
type Status struct {
	AOR     string `json:"aor"`     // whose client it is
	Contact string `json:"contact"` // its URI, as it registered it
	At      string `json:"at"`      // where it was seen: "udp:192.0.2.1:5060"
	State   string `json:"state"`   // answers, silent or unknown
	Missed  int    `json:"missed"`  // keep-alives in a row that it did not answer
}

// States of a client.
const (
	answers = "answers" // the last keep-alive that should have been answered was
	silent  = "silent"  // it answered once, and does not any more
	unknown = "unknown" // it never answered, as clients do that get CRLF or STUN
)

// Bounds of a list of clients.
const (
	usualClients = 100
	mostClients  = 10000
)

// clientsAnswer is GET /clients.
type clientsAnswer struct {
	Kept     int      `json:"kept"`
	Pings    uint64   `json:"pings"`
	Answered uint64   `json:"answered"`
	Lost     uint64   `json:"lost"`
	Clients  []Status `json:"clients"`
	More     bool     `json:"more"` // there are others that fit
}

// Clients are those that are kept alive, in order: of one address of record, and in one state; ""
// is any. There are at most so many; more reports whether others fit.
func (n *NAT) Clients(aor, state string, most int) (list []Status, more bool) {
	k := n.keeper.Load()
	if k == nil {
		return nil, false
	}
	list = k.clients(aor, state, most)
	slices.SortFunc(list, func(a, b Status) int {
		return cmp.Or(strings.Compare(a.AOR, b.AOR), strings.Compare(a.Contact, b.Contact))
	})
	if len(list) > most {
		return list[:most], true
	}
	return list, false
}

// clients are those that fit, and one more than most if there are others.
func (k *keeper) clients(aor, state string, most int) (list []Status) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.byID {
		s := Status{c.aor, c.binding.Contact(), c.peer.Kind.String() + ":" + c.peer.Addr.String(), unknown, c.missed}
		switch {
		case c.known && c.missed == 0:
			s.State = answers
		case c.known:
			s.State = silent
		}
		if aor != "" && aor != s.AOR || state != "" && state != s.State {
			continue
		}
		if list = append(list, s); len(list) > most {
			break
		}
	}
	return list
}

var (
	errState = errors.New("state is answers, silent or unknown")
	errLimit = errors.New("limit is a number from 1 to " + strconv.Itoa(mostClients))
)

// API is what a running server tells of them.
func (n *NAT) API() []openapi.Operation {
	return []openapi.Operation{{Method: "GET", Path: "/clients", Summary: "list clients behind NATs that are kept reachable", Answer: clientsAnswer{}, Fails: []int{400},
		Query: []openapi.Param{{Name: "aor", Doc: "only those of this address of record"}, {Name: "state", Doc: "only those in this state"},
			{Name: "limit", Type: "integer", Doc: "how many at most, 100 unless it is said"}},
		Serve: n.answerClients}}
}

func (n *NAT) answerClients(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit := usualClients
	if text := q.Get("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > mostClients {
			host.Refuse(w, http.StatusBadRequest, errLimit)
			return
		}
	}
	if s := q.Get("state"); !slices.Contains([]string{"", answers, silent, unknown}, s) {
		host.Refuse(w, http.StatusBadRequest, errState)
		return
	}
	s := n.Stats()
	list, more := n.Clients(q.Get("aor"), q.Get("state"), limit)
	host.Answer(w, http.StatusOK, clientsAnswer{s.Kept, s.Pings, s.Answered, s.Lost, append([]Status{}, list...), more})
}

func command() host.Command {
	flags := append(host.ShowFlags(), host.Flag{Name: "state", Usage: "only clients of this state: answers, silent or unknown"},
		host.Flag{Name: "limit", Kind: host.Int, Usage: "how many clients are listed at most, 100 if nothing is said"})
	list := host.Command{Name: "list", Usage: "show clients that are kept alive, all or those of one address of record", Args: "[AOR]", Remote: true, Flags: flags, Run: list}
	return host.Command{Name: "nat", Usage: "look at the clients behind NATs that a running server keeps reachable", Remote: true, Flags: flags, Sub: []host.Command{list},
		Run: func(c *host.Invocation) error { return c.Alone(list.Run, "list") }}
}

func list(c *host.Invocation) error {
	if len(c.Args) > 1 {
		return host.Usagef("%s: one address of record at a time: found %q after %q", c.Command, c.Args[1], c.Args[0])
	}
	q := url.Values{}
	if len(c.Args) == 1 {
		q.Set("aor", c.Args[0])
	}
	if s := c.Flags.Text("state"); s != "" {
		q.Set("state", s)
	}
	if n := c.Flags.Int("limit"); n != 0 {
		q.Set("limit", strconv.Itoa(n))
	}
	path := "/api/v1/nat/clients"
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return host.Show(c, path, func(a *clientsAnswer) host.View {
		rows := [][]string{{"AOR", "CONTACT", "AT", "STATE", "MISSED"}}
		for _, s := range a.Clients {
			rows = append(rows, []string{s.AOR, s.Contact, s.At, s.State, strconv.Itoa(s.Missed)})
		}
		if a.More {
			rows = append(rows, []string{"…"})
		}
		table := host.Table(rows...)
		return host.View{Table: append(table, tail(a)...), Essence: table}
	})
}

// tail is the line of figures below the list.
func tail(a *clientsAnswer) string {
	n := func(v uint64) string { return strconv.FormatUint(v, 10) }
	return strconv.Itoa(a.Kept) + " kept alive; " + n(a.Pings) + " keep-alives, " + n(a.Answered) + " answered; " + n(a.Lost) + " lost\n"
}
