package plugin

// What a running server tells about registrations: its admin API.

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/registrar"
	"github.com/sipscript/sipscript/ops/openapi"
)

// lookTime bounds how long an answer waits for the store.
const lookTime = 5 * time.Second

// Attach remembers the engine, whose clock tells how long bindings last.
func (p *plugged) Attach(e *engine.Engine) error {
	p.engine.Store(e)
	return p.Registrar.Attach(e)
}

// now is the engine's time of day.
func (p *plugged) now() (now time.Time, attached bool) {
	e := p.engine.Load()
	if e == nil {
		return now, false
	}
	return e.Clock().Wall(), true
}

// binding is one registered contact.
type binding struct {
	AOR       string    `json:"aor,omitempty"`
	Contact   string    `json:"contact"`
	Q         float64   `json:"q"`
	Expires   float64   `json:"expires_seconds"`
	Updated   time.Time `json:"updated"`
	UserAgent string    `json:"user_agent,omitempty"`
	Received  string    `json:"received,omitempty"`
	Path      []string  `json:"path,omitempty"`
	Instance  string    `json:"instance,omitempty"`
	RegID     int       `json:"reg_id,omitempty"`
}

// API is what a running server tells of registrations, and how they are changed.
func (p *plugged) API() []openapi.Operation {
	aor := openapi.Param{Name: "aor", Doc: "a user's address, such as sip:bob@example.com"}
	whose := aor
	whose.Required = true
	return []openapi.Operation{
		{Method: "GET", Path: "/bindings", Summary: "list where one user is registered, or all users", Answer: bindingsAnswer{}, Fails: []int{400, 503}, Serve: p.bindings,
			Query: []openapi.Param{aor, {Name: "search", Doc: "only bindings with this text in their address, contact, User-Agent or source"},
				{Name: "limit", Type: "integer", Doc: "how many at most, 1000 unless it is said"}}},
		{Method: "GET", Path: "/count", Summary: "tell how many bindings there are", Answer: countAnswer{}, Fails: []int{503}, Serve: p.count},
		{Method: "POST", Path: "/bindings", Summary: "register a contact for a user", Body: addition{}, Answer: bindingsAnswer{}, Fails: []int{400, 503}, Serve: p.add},
		{Method: "DELETE", Path: "/bindings", Summary: "remove a contact of a user, or all", Answer: removal{}, Fails: []int{400, 404, 503}, Serve: p.remove,
			Query: []openapi.Param{whose, {Name: "contact", Doc: "the URI of one contact; all unless it is said"}}},
	}
}

// What the operations take and answer.
type (
	bindingsAnswer struct {
		AOR      string    `json:"aor,omitempty" doc:"whose they are, if one was asked for"`
		Bindings []binding `json:"bindings"`
		More     bool      `json:"more,omitempty" doc:"there are others that fit"`
	}
	countAnswer struct {
		Count int `json:"count"`
	}
	addition struct {
		AOR     string   `json:"aor" doc:"the user's address"`
		Contact string   `json:"contact" doc:"a URI"`
		Expires float64  `json:"expires_seconds" doc:"for how long, up to ten years"`
		Q       *float64 `json:"q,omitempty" doc:"from 0 to 1, 1 unless it is said"`
	}
	removal struct {
		AOR     string `json:"aor"`
		Removed int    `json:"removed" doc:"how many bindings"`
	}
)

// Bounds of what is listed and added.
const (
	usualList   = 1000
	longestList = 100_000
	longestLife = 10 * 366 * 24 * time.Hour
)

// whose reads the address of a user; a wrong one is answered.
func (p *plugged) whose(w http.ResponseWriter, text string) (uri message.URI, now time.Time, ok bool) {
	uri, err := message.ParseURI([]byte(text))
	if err != nil || !uri.IsSIP() {
		host.Refuse(w, http.StatusBadRequest, errors.New("expected ?aor= with a URI such as sip:bob@example.com"))
		return uri, now, false
	}
	now, attached := p.now()
	if !attached {
		host.Refuse(w, http.StatusServiceUnavailable, errors.New("the server is starting"))
	}
	return uri, now, attached
}

func (p *plugged) bindings(w http.ResponseWriter, r *http.Request) {
	text := r.URL.Query().Get("aor")
	if text == "" {
		p.all(w, r)
		return
	}
	if uri, now, ok := p.whose(w, text); ok {
		p.answerBindings(w, r, text, &uri, now)
	}
}

func (p *plugged) answerBindings(w http.ResponseWriter, r *http.Request, aor string, uri *message.URI, now time.Time) {
	ctx, cancel := context.WithTimeout(r.Context(), lookTime)
	defer cancel()
	found, err := p.Bindings(ctx, uri, now)
	if err != nil {
		host.Refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	list := []binding{}
	for _, b := range found {
		list = append(list, shown(b, now))
	}
	host.Answer(w, http.StatusOK, bindingsAnswer{AOR: aor, Bindings: list})
}

// all lists the bindings of all users.
func (p *plugged) all(w http.ResponseWriter, r *http.Request) {
	now, attached := p.now()
	if !p.listed || !attached {
		host.Refuse(w, http.StatusServiceUnavailable, errors.New("they can't be listed while they are in Redis or the server is starting: ask for one user with ?aor="))
		return
	}
	limit := usualList
	if text := r.URL.Query().Get("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > longestList {
			host.Refuse(w, http.StatusBadRequest, fmt.Errorf("limit must be 1 to %d", longestList))
			return
		}
	}
	search := strings.ToLower(r.URL.Query().Get("search"))
	answer := bindingsAnswer{Bindings: []binding{}}
	p.Each(func(aor string, b *registrar.Binding) {
		if answer.More || !b.Expires().After(now) || !fits(search, aor, b) {
			return
		}
		if answer.More = len(answer.Bindings) == limit; !answer.More {
			one := shown(b, now)
			one.AOR = aor
			answer.Bindings = append(answer.Bindings, one)
		}
	})
	slices.SortFunc(answer.Bindings, func(a, b binding) int {
		return cmp.Or(strings.Compare(a.AOR, b.AOR), strings.Compare(a.Contact, b.Contact))
	})
	host.Answer(w, http.StatusOK, answer)
}

func fits(search, aor string, b *registrar.Binding) bool {
	if search == "" {
		return true
	}
	for _, text := range []string{aor, b.Contact(), b.UserAgent(), b.Received()} {
		if strings.Contains(strings.ToLower(text), search) {
			return true
		}
	}
	return false
}

func (p *plugged) add(w http.ResponseWriter, r *http.Request) {
	var a addition
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&a); err != nil {
		host.Refuse(w, http.StatusBadRequest, fmt.Errorf(`expected {"aor":, "contact":, "expires_seconds":, "q":}: %w`, err))
		return
	}
	uri, now, ok := p.whose(w, a.AOR)
	if !ok {
		return
	}
	rec := registrar.Record{Contact: a.Contact, Q: 1}
	if a.Q != nil {
		rec.Q = *a.Q
	}
	if a.Expires > 0 && a.Expires <= longestLife.Seconds() {
		rec.Expires = now.Add(time.Duration(a.Expires * float64(time.Second)))
	}
	ctx, cancel := context.WithTimeout(r.Context(), lookTime)
	defer cancel()
	switch err := p.Add(ctx, &uri, rec, now); {
	case errors.Is(err, registrar.ErrContact):
		host.Refuse(w, http.StatusBadRequest, err)
	case err != nil:
		host.Refuse(w, http.StatusServiceUnavailable, err)
	default:
		p.answerBindings(w, r, a.AOR, &uri, now)
	}
}

func (p *plugged) remove(w http.ResponseWriter, r *http.Request) {
	aor, text := r.URL.Query().Get("aor"), r.URL.Query().Get("contact")
	uri, now, ok := p.whose(w, aor)
	if !ok {
		return
	}
	var contact *message.URI
	if text != "" {
		read, err := message.ParseURI([]byte(text))
		if err != nil {
			host.Refuse(w, http.StatusBadRequest, errors.New("expected ?contact= with a URI"))
			return
		}
		contact = &read
	}
	ctx, cancel := context.WithTimeout(r.Context(), lookTime)
	defer cancel()
	switch n, err := p.Remove(ctx, &uri, contact, now); {
	case err != nil:
		host.Refuse(w, http.StatusServiceUnavailable, err)
	case n == 0:
		host.Refuse(w, http.StatusNotFound, errors.New("there is no such binding"))
	default:
		host.Answer(w, http.StatusOK, removal{aor, n})
	}
}

func shown(b *registrar.Binding, now time.Time) binding {
	return binding{Contact: b.Contact(), Q: b.Q(), Expires: max(0, b.Expires().Sub(now).Seconds()), Updated: b.Updated().UTC(),
		UserAgent: b.UserAgent(), Received: b.Received(), Path: b.Path(), Instance: b.Instance(), RegID: b.RegID()}
}

func (p *plugged) count(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), lookTime)
	defer cancel()
	n, err := p.Count(ctx)
	if err != nil {
		host.Refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	host.Answer(w, http.StatusOK, countAnswer{n})
}
