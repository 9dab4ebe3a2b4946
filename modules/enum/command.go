package enum

// What a running server finds for a number: the admin API, the command that asks it, and figures.

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/resolver"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/ops/openapi"
)

// figures are lookups by result.
type figures struct{ found, none, invalid, failed atomic.Uint64 }

// count counts a lookup by its result.
func (f *figures) count(err error) {
	switch {
	case err == nil:
		f.found.Add(1)
	case errors.Is(err, ErrNone), errors.Is(err, resolver.ErrNotFound):
		f.none.Add(1)
	case errors.Is(err, ErrNumber):
		f.invalid.Add(1)
	default:
		f.failed.Add(1)
	}
}

// Metrics of the module. What the DNS cache saved is in the engine's dns_records_total.
func (m *Module) Metrics() []luabind.Metric {
	counter := func(result string, n *atomic.Uint64) luabind.Metric {
		return luabind.Metric{Name: "enum_lookups_total", Help: "Numbers that were looked up, by result.", Kind: luabind.Counter,
			Labels: map[string]string{"result": result}, Value: func() float64 { return float64(n.Load()) }}
	}
	f := &m.figures
	return []luabind.Metric{counter("found", &f.found), counter("none", &f.none), counter("not a number", &f.invalid), counter("failed", &f.failed)}
}

// Attach remembers the engine, which asks the DNS.
func (m *Module) Attach(e *engine.Engine) error {
	m.engine.Store(e)
	return nil
}

// API is what a running server finds.
func (m *Module) API() []openapi.Operation {
	return []openapi.Operation{{Method: "GET", Path: "/lookup", Summary: "look a number up in the DNS", Answer: found{}, Fails: []int{400, 404, 502, 503}, Serve: m.apiLookup,
		Query: []openapi.Param{{Name: "number", Doc: "the number, in E.164"}, {Name: "suffix", Doc: "the domain below which numbers are"}, {Name: "service", Doc: "the enumservice"}}}}
}

// found is the answer of a lookup.
type found struct {
	Number string   `json:"number"`
	URIs   []string `json:"uris"`
}

func (m *Module) apiLookup(w http.ResponseWriter, r *http.Request) {
	e := m.engine.Load()
	if e == nil {
		host.Refuse(w, http.StatusServiceUnavailable, errNoEngine)
		return
	}
	q := r.URL.Query()
	o := Options{Suffix: q.Get("suffix"), Service: q.Get("service")}
	if err := o.check(); err != nil {
		host.Refuse(w, http.StatusBadRequest, err)
		return
	}
	uris, err := m.lookup(r.Context(), e, q.Get("number"), o)
	switch {
	case errors.Is(err, ErrNumber):
		host.Refuse(w, http.StatusBadRequest, err)
	case errors.Is(err, ErrNone):
		host.Refuse(w, http.StatusNotFound, err)
	case err != nil:
		host.Refuse(w, http.StatusBadGateway, err)
	default:
		host.Answer(w, http.StatusOK, found{q.Get("number"), uris})
	}
}

func command() host.Command {
	flags := append([]host.Flag{{Name: "suffix", Usage: "the `DOMAIN` below which numbers are", DefaultText: "e164.arpa"},
		{Name: "service", Usage: "the `ENUMSERVICE`", DefaultText: "sip"}}, host.ShowFlags()...)
	return host.Command{Name: "enum", Usage: "look numbers up in the DNS as a running server does", Sub: []host.Command{
		{Name: "lookup", Usage: "show the URIs of a number, the most preferred first", Args: "NUMBER", Remote: true, Flags: flags, Run: func(c *host.Invocation) error {
			if len(c.Args) != 1 {
				return host.Usagef("%s: expected one number", c.Command)
			}
			q := url.Values{"number": {c.Args[0]}, "suffix": {c.Flags.Text("suffix")}, "service": {c.Flags.Text("service")}}
			return host.Show(c, "/api/v1/enum/lookup?"+q.Encode(), func(a *found) host.View {
				return host.View{Table: []byte(strings.Join(a.URIs, "\n") + "\n")}
			})
		}}}}
}
