package lcr

// The rates of a running server: the admin API, and the command that asks it.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/source"
	"github.com/sipscript/sipscript/ops/openapi"
)

// API is what a running server tells of its rates.
func (m *Module) API() []openapi.Operation {
	return []openapi.Operation{
		{Method: "GET", Path: "/rates", Summary: "tell how many rates there are, of whom, and how old they are", Answer: ratesJSON{}, Fails: []int{404}, Serve: m.apiRates},
		{Method: "GET", Path: "/routes", Summary: "list the carriers for a number, the cheapest first, and their gateways", Answer: routesJSON{}, Fails: []int{400, 404}, Serve: m.apiRoutes,
			Query: []openapi.Param{{Name: "number", Required: true, Doc: "the number, in E.164"}, {Name: "account", Doc: "whose rates go before those for all"},
				{Name: "at", Doc: "at another time, in RFC 3339"}, {Name: "max_cost", Doc: "leave out what costs more"}, {Name: "min_quality", Type: "number", Doc: "leave out what has less"}}},
		{Method: "POST", Path: "/reload", Summary: "read the rates again", Answer: countJSON{}, Fails: []int{404, 409}, Serve: m.apiReload},
	}
}

// routesJSON are the carriers for a number.
type routesJSON struct {
	Number string      `json:"number"`
	Routes []offerJSON `json:"routes"`
}

// countJSON is how many rates were read.
type countJSON struct {
	Rates int `json:"rates"`
}

var errNotConfigured = errors.New("the script has no rates: it does not call lcr.configure")

// configuredNow is the generation that serves, if it has rates; else that is answered.
func (m *Module) configuredNow(w http.ResponseWriter) *generation {
	if g := m.serving.Load(); g != nil && g.list != nil {
		return g
	}
	host.Refuse(w, http.StatusNotFound, errNotConfigured)
	return nil
}

// ratesJSON are the rates as they are shown.
type ratesJSON struct {
	Rates    int      `json:"rates"`
	Carriers []string `json:"carriers"`
	source.State
}

func (m *Module) apiRates(w http.ResponseWriter, _ *http.Request) {
	if g := m.configuredNow(w); g != nil {
		t := g.list.Get()
		host.Answer(w, http.StatusOK, ratesJSON{t.Len(), slices.Sorted(slices.Values(t.Carriers())), g.list.State()})
	}
}

// offerJSON is an offer of a carrier, and its gateways.
type offerJSON struct {
	Carrier string         `json:"carrier"`
	Prefix  string         `json:"prefix"`
	Cost    string         `json:"cost"`
	Quality float64        `json:"quality,omitempty"`
	Attrs   map[string]any `json:"attrs,omitempty"`
	URIs    []string       `json:"uris"` // none: the carrier has no gateway that is up
}

func (m *Module) apiRoutes(w http.ResponseWriter, r *http.Request) {
	g := m.configuredNow(w)
	if g == nil {
		return
	}
	table := g.list.Get()
	number, q, err := queryOf(r.URL.Query(), table.zone)
	if err != nil {
		host.Refuse(w, http.StatusBadRequest, err)
		return
	}
	list, up := []offerJSON{}, g.upNow(rand.Uint64)
	for _, offer := range table.Offers(number, q) {
		one := offerJSON{offer.Carrier, offer.Prefix, offer.Cost.String(), offer.Quality, offer.Attrs, []string{}}
		for _, route := range g.appendRoutes(nil, number, offer, up) {
			one.URIs = append(one.URIs, route.target.URI)
		}
		list = append(list, one)
	}
	if len(list) == 0 {
		host.Refuse(w, http.StatusNotFound, errNoRoute)
		return
	}
	host.Answer(w, http.StatusOK, routesJSON{number, list})
}

// queryOf reads what is asked.
func queryOf(v url.Values, zone *time.Location) (number string, q Query, err error) {
	if number, err = numberOf(v.Get("number")); err != nil {
		return "", q, err
	}
	q = Query{At: time.Now(), Account: v.Get("account")}
	if text := v.Get("at"); text != "" {
		if q.At, _, err = timeOf(text, zone); err != nil {
			return "", q, fmt.Errorf("at %w", err)
		}
	}
	if text := v.Get("max_cost"); text != "" {
		most, err := ParseCost(text)
		if err != nil {
			return "", q, fmt.Errorf("max_cost %w", err)
		}
		q.MaxCost = &most
	}
	if text := v.Get("min_quality"); text != "" {
		if q.MinQuality, err = strconv.ParseFloat(text, 64); err != nil {
			return "", q, errors.New("min_quality is not a number")
		}
	}
	return number, q, nil
}

func (m *Module) apiReload(w http.ResponseWriter, r *http.Request) {
	g := m.configuredNow(w)
	if g == nil {
		return
	}
	err := source.ErrFunction
	if !g.said.IsFunction() {
		err = g.list.Reload(context.WithoutCancel(r.Context()))
	}
	if err != nil {
		host.Refuse(w, http.StatusConflict, err)
		return
	}
	host.Answer(w, http.StatusOK, countJSON{g.list.Get().Len()})
}

func command() host.Command {
	show := host.Command{Name: "list", Usage: "show how many rates there are, of whom, and how old they are", Remote: true, Flags: host.ShowFlags(), Run: showRates}
	asked := []host.Flag{{Name: "account", Usage: "whose rates go before those for `ALL`"}, {Name: "at", Usage: "at another `TIME`, such as 2026-01-31T12:00:00Z", DefaultText: "now"},
		{Name: "max-cost", Usage: "leave out what costs more than `COST`"}, {Name: "min-quality", Usage: "leave out what has less than `QUALITY`"}}
	return host.Command{Name: "lcr", Usage: "look at the rates of a running server, and read them again", Remote: true, Flags: show.Flags, Sub: []host.Command{
		show,
		{Name: "lookup", Usage: "show the carriers for a number, the cheapest first, and their gateways", Args: "NUMBER", Remote: true,
			Flags: append(asked, host.ShowFlags()...), Run: showRoutes},
		{Name: "reload", Usage: "read the rates again", Remote: true, Run: func(c *host.Invocation) error {
			if len(c.Args) > 0 {
				return host.Usagef("%s takes no argument: found %q", c.Command, c.Args[0])
			}
			_, err := c.Ask(http.MethodPost, "/api/v1/lcr/reload", nil)
			return err
		}},
	}, Run: func(c *host.Invocation) error { return c.Alone(showRates, "list", "lookup", "reload") }}
}

func showRates(c *host.Invocation) error {
	if len(c.Args) > 0 {
		return host.Usagef("%s takes no argument: found %q", c.Command, c.Args[0])
	}
	return host.Show(c, "/api/v1/lcr/rates", func(a *ratesJSON) host.View {
		row := append([]string{strconv.Itoa(a.Rates), strings.Join(a.Carriers, " ")}, a.Row()...)
		return host.View{Table: host.Table(append([]string{"RATES", "CARRIERS"}, source.StateColumns()...), row)}
	})
}

func showRoutes(c *host.Invocation) error {
	if len(c.Args) != 1 {
		return host.Usagef("%s: expected one number", c.Command)
	}
	q := url.Values{"number": {c.Args[0]}}
	for _, name := range []string{"account", "at", "max-cost", "min-quality"} {
		if text := c.Flags.Text(name); text != "" {
			q.Set(strings.ReplaceAll(name, "-", "_"), text)
		}
	}
	return host.Show(c, "/api/v1/lcr/routes?"+q.Encode(), func(a *struct{ Routes []offerJSON }) host.View {
		rows := [][]string{{"CARRIER", "PREFIX", "COST", "QUALITY", "GATEWAYS"}}
		for _, o := range a.Routes {
			gateways := strings.Join(o.URIs, " ")
			if gateways == "" {
				gateways = "none is up"
			}
			for _, key := range slices.Sorted(maps.Keys(o.Attrs)) {
				gateways += fmt.Sprintf("  %s=%v", key, o.Attrs[key])
			}
			rows = append(rows, []string{o.Carrier, o.Prefix, o.Cost, strconv.FormatFloat(o.Quality, 'g', -1, 64), gateways})
		}
		return host.View{Table: host.Table(rows...)}
	})
}
