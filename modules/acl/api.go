package acl

// The admin API: lists are shown and changed while the server runs.

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/trust"
	"github.com/sipscript/sipscript/ops/openapi"
)

// entryJSON is an entry as it is shown.
type entryJSON struct {
	Address   string         `json:"address"`
	Port      int            `json:"port,omitempty"`
	Transport string         `json:"transport,omitempty"`
	Expires   *time.Time     `json:"expires,omitempty"`
	Note      string         `json:"note,omitempty"`
	Attrs     map[string]any `json:"attrs,omitempty"`
	Added     bool           `json:"added,omitempty"` // it does not come from the list's source
}

func entryOf(i *item, added bool) entryJSON {
	e := &i.entry
	j := entryJSON{Address: e.Address, Port: e.Port, Transport: e.Transport, Note: e.Note, Attrs: e.Attrs, Added: added}
	if !e.Expires.IsZero() {
		at := e.Expires.UTC()
		j.Expires = &at
	}
	return j
}

// API is what a running server tells of its lists, and how they are changed.
func (a *ACL) API() []openapi.Operation {
	return []openapi.Operation{
		{Method: "GET", Path: "/lists", Summary: "list the lists", Answer: listsJSON{}, Serve: a.apiLists},
		{Method: "GET", Path: "/entries", Summary: "list the entries of a list", Answer: entriesJSON{}, Fails: []int{400, 404}, Serve: a.apiEntries,
			Query: []openapi.Param{{Name: "list", Doc: "its name; the first that is dropped unless it is said"}, {Name: "limit", Type: "integer", Doc: "how many at most, 1000 unless it is said"}}},
		{Method: "GET", Path: "/check", Summary: "tell which lists have an address, and whether it is dropped", Answer: checkJSON{}, Fails: []int{400}, Serve: a.apiCheck,
			Query: []openapi.Param{{Name: "ip", Required: true, Doc: "an address, or an address and a port"}, {Name: "transport", Doc: "udp, tcp, tls, ws or wss"}}},
		{Method: "POST", Path: "/block", Summary: "add an address to a list", Body: change{}, Answer: changedJSON{}, Fails: []int{400, 404},
			Serve: func(w http.ResponseWriter, r *http.Request) { a.apiChange(w, r, a.block) }},
		{Method: "POST", Path: "/allow", Summary: "take an address out of a list, with an exception where a wider entry has it", Body: change{}, Answer: changedJSON{}, Fails: []int{400, 404},
			Serve: func(w http.ResponseWriter, r *http.Request) { a.apiChange(w, r, a.allow) }},
	}
}

// What the operations answer.
type (
	listsJSON struct {
		Lists []listJSON `json:"lists"`
	}
	entriesJSON struct {
		List    string      `json:"list"`
		Entries []entryJSON `json:"entries"`
		More    bool        `json:"more" doc:"there are others"`
	}
	checkJSON struct {
		IP      string      `json:"ip"`
		Dropped bool        `json:"dropped"`
		Matches []matchJSON `json:"matches"`
	}
	changedJSON struct {
		List    string `json:"list"`
		Address string `json:"address"`
	}
)

// listJSON is a list as it is shown.
type listJSON struct {
	List    string     `json:"list"`
	Drop    bool       `json:"drop"`
	Entries int        `json:"entries"` // of its source
	Added   int        `json:"added"`
	Dropped uint64     `json:"dropped"` // messages and connections
	Loaded  *time.Time `json:"loaded,omitempty"`
	Stale   *time.Time `json:"stale_since,omitempty"`
}

func (a *ACL) apiLists(w http.ResponseWriter, _ *http.Request) {
	v := a.serving.Load()
	all := []listJSON{}
	for _, l := range v.sorted() {
		one := listJSON{List: l.name, Drop: l.dropped, Added: l.dynamic.len(), Dropped: l.drops.Load()}
		if l.source != nil {
			s := l.source.Stats()
			loaded := s.Loaded.UTC()
			one.Entries, one.Loaded = s.Entries, &loaded
			if !s.Stale.IsZero() {
				stale := s.Stale.UTC()
				one.Stale = &stale
			}
		}
		all = append(all, one)
	}
	host.Answer(w, http.StatusOK, listsJSON{all})
}

// listOf is the list that a request names, or the first that is dropped.
func (a *ACL) listOf(name string) (*list, error) {
	v := a.serving.Load()
	if name == "" {
		if len(v.drop) == 0 {
			return nil, errors.New("no list is dropped: name one")
		}
		return v.drop[0], nil
	}
	if l := v.lists[name]; l != nil {
		return l, nil
	}
	return nil, fmt.Errorf("%q: %w", name, ErrNoList)
}

func (a *ACL) apiEntries(w http.ResponseWriter, r *http.Request) {
	l, err := a.listOf(r.URL.Query().Get("list"))
	if err != nil {
		host.Refuse(w, http.StatusNotFound, err)
		return
	}
	limit := 1000
	if text := r.URL.Query().Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > 1_000_000 {
			host.Refuse(w, http.StatusBadRequest, errors.New("limit must be 1 to 1000000"))
			return
		}
	}
	entries, more := []entryJSON{}, false
	a.items(l, func(i *item, added bool) bool {
		if more = len(entries) == limit; !more {
			entries = append(entries, entryOf(i, added))
		}
		return !more
	})
	host.Answer(w, http.StatusOK, entriesJSON{l.name, entries, more})
}

// matchJSON is a list that has an address.
type matchJSON struct {
	List  string    `json:"list"`
	Drop  bool      `json:"drop"`
	Entry entryJSON `json:"entry"`
}

// apiCheck tells which lists have an address.
func (a *ACL) apiCheck(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s := trust.Sender{}
	if ip, err := netip.ParseAddr(q.Get("ip")); err == nil {
		s.Addr = netip.AddrPortFrom(ip, 0)
	} else if s.Addr, err = netip.ParseAddrPort(q.Get("ip")); err != nil {
		host.Refuse(w, http.StatusBadRequest, errors.New("expected ?ip= with an address"))
		return
	}
	if kind, ok := transport.ParseKind([]byte(q.Get("transport"))); ok {
		s.Kind = kind
	}
	matches, dropped := []matchJSON{}, false
	for _, l := range a.serving.Load().sorted() {
		query := a.query(&s)
		if f, ok := l.find(&query); ok {
			matches = append(matches, matchJSON{l.name, l.dropped, entryOf(f.item(), f.rule != nil && f.rule.dynamic && f.rule.of == nil)})
			dropped = dropped || l.dropped
		}
	}
	host.Answer(w, http.StatusOK, checkJSON{q.Get("ip"), dropped, matches})
}

// change is the body of /block and /allow.
type change struct {
	List    string  `json:"list,omitempty" doc:"the first that is dropped unless it is said"`
	Address string  `json:"address"`
	TTL     float64 `json:"ttl_seconds,omitempty" doc:"0: for ever"`
	Note    string  `json:"note,omitempty"`
}

func (a *ACL) apiChange(w http.ResponseWriter, r *http.Request, do func(l *list, c *change) error) {
	var c change
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		host.Refuse(w, http.StatusBadRequest, fmt.Errorf("the body: %w", err))
		return
	}
	l, err := a.listOf(c.List)
	if err != nil {
		host.Refuse(w, http.StatusNotFound, err)
		return
	}
	if c.TTL < 0 || c.TTL > 10*366*86400 {
		host.Refuse(w, http.StatusBadRequest, errors.New("ttl_seconds must be 0 to ten years"))
		return
	}
	if err := do(l, &c); err != nil {
		host.Refuse(w, http.StatusBadRequest, err)
		return
	}
	host.Answer(w, http.StatusOK, changedJSON{l.name, c.Address})
}

func (a *ACL) block(l *list, c *change) error {
	e := Entry{Address: c.Address, Note: c.Note}
	if strings.HasPrefix(c.Address, "!") {
		return errors.New("an exception is made by allow")
	}
	if c.TTL > 0 {
		e.Expires = a.now().Add(time.Duration(c.TTL * float64(time.Second)))
	}
	if _, err := a.remove(l, Entry{Address: "!" + c.Address}); err != nil {
		return err
	}
	return a.add(l, e)
}

func (a *ACL) allow(l *list, c *change) error {
	return a.allowIn(l, c.Address, time.Duration(c.TTL*float64(time.Second)), c.Note)
}
