package dialplan

// The plans of a running server: the admin API, and the command that asks it.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/source"
	"github.com/sipscript/sipscript/ops/openapi"
)

// Activate makes the plans those that the admin API shows.
func (g *generation) Activate() error {
	g.module.serving.Store(g)
	return nil
}

// API is what a running server tells of its plans.
func (m *Module) API() []openapi.Operation {
	plan := openapi.Param{Name: "plan", Doc: "the name of a plan"}
	return []openapi.Operation{
		{Method: "GET", Path: "/plans", Summary: "list the plans", Answer: plansJSON{}, Serve: m.apiPlans},
		{Method: "GET", Path: "/translate", Summary: "tell what a plan makes of a text", Answer: translation{}, Fails: []int{400, 404, 409}, Serve: m.apiTranslate,
			Query: []openapi.Param{plan, {Name: "text", Doc: "the text"}}},
		{Method: "POST", Path: "/reload", Summary: "read the list of a plan again, or all", Answer: reloadedJSON{}, Fails: []int{404, 409}, Serve: m.apiReload, Query: []openapi.Param{plan}},
	}
}

// plansJSON are the plans.
type plansJSON struct {
	Plans []planJSON `json:"plans"`
}

// reloadedJSON are the names of plans that were read again.
type reloadedJSON struct {
	Reloaded []string `json:"reloaded"`
}

// planJSON is a plan as it is shown.
type planJSON struct {
	Plan  string `json:"plan"`
	Rules int    `json:"rules"`
	source.State
}

// plans are those of the script that serves, one or all by name.
func (m *Module) plans(name string) (map[string]*plan, error) {
	all := map[string]*plan{}
	if g := m.serving.Load(); g != nil {
		all = g.plans
	}
	if name == "" {
		return all, nil
	}
	if p := all[name]; p != nil {
		return map[string]*plan{name: p}, nil
	}
	return nil, fmt.Errorf("there is no plan %.60q", name)
}

func (m *Module) apiPlans(w http.ResponseWriter, _ *http.Request) {
	plans, _ := m.plans("")
	list := []planJSON{}
	for _, name := range slices.Sorted(maps.Keys(plans)) {
		l := plans[name].list
		list = append(list, planJSON{name, l.Get().Len(), l.State()})
	}
	host.Answer(w, http.StatusOK, plansJSON{list})
}

// translation is what a text becomes.
type translation struct {
	Text  string         `json:"text"`
	Attrs map[string]any `json:"attrs,omitempty"`
}

var (
	errNoMatch  = errors.New("no match")
	errFunction = errors.New("the rule that fits has a function, which only scripts can call")
)

func (m *Module) apiTranslate(w http.ResponseWriter, r *http.Request) {
	name, text := r.URL.Query().Get("plan"), r.URL.Query().Get("text")
	plans, err := m.plans(name)
	switch {
	case name == "" || text == "":
		host.Refuse(w, http.StatusBadRequest, errors.New("expected ?plan= and &text="))
		return
	case err != nil:
		host.Refuse(w, http.StatusNotFound, err)
		return
	}
	result, ok, err := plans[name].list.Get().Translate(text, func(Function, string, []string) (string, bool, error) { return "", false, errFunction })
	switch {
	case err != nil:
		host.Refuse(w, http.StatusConflict, err)
	case !ok:
		host.Refuse(w, http.StatusNotFound, errNoMatch)
	default:
		host.Answer(w, http.StatusOK, translation(result))
	}
}

func (m *Module) apiReload(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("plan")
	plans, err := m.plans(name)
	if err != nil {
		host.Refuse(w, http.StatusNotFound, err)
		return
	}
	var errs []error
	read := []string{}
	for _, name := range slices.Sorted(maps.Keys(plans)) {
		p := plans[name]
		if p.said.IsFunction() {
			errs = append(errs, fmt.Errorf("%s: %w", name, source.ErrFunction))
		} else if err := p.list.Reload(context.WithoutCancel(r.Context())); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		} else {
			read = append(read, name)
		}
	}
	if err := errors.Join(errs...); err != nil {
		host.Refuse(w, http.StatusConflict, err)
		return
	}
	host.Answer(w, http.StatusOK, reloadedJSON{read})
}

func command() host.Command {
	show := host.Command{Name: "list", Usage: "show the plans, and how old they are", Remote: true, Flags: host.ShowFlags(), Run: showPlans}
	return host.Command{Name: "dialplan", Usage: "look at the plans of a running server, and read them again", Remote: true, Flags: show.Flags, Sub: []host.Command{
		show,
		{Name: "lookup", Usage: "show what a plan makes of a text", Args: "PLAN TEXT", Remote: true, Flags: host.ShowFlags(), Run: lookup},
		{Name: "reload", Usage: "read the list of a plan again, or all", Args: "[PLAN]", Remote: true, Run: reload},
	}, Run: func(c *host.Invocation) error { return c.Alone(showPlans, "list", "lookup", "reload") }}
}

func showPlans(c *host.Invocation) error {
	if len(c.Args) > 0 {
		return host.Usagef("%s takes no argument: found %q", c.Command, c.Args[0])
	}
	return host.Show(c, "/api/v1/dialplan/plans", func(a *struct{ Plans []planJSON }) host.View {
		rows := [][]string{append([]string{"PLAN", "RULES"}, source.StateColumns()...)}
		for i := range a.Plans {
			p := &a.Plans[i]
			rows = append(rows, append([]string{p.Plan, fmt.Sprint(p.Rules)}, p.Row()...))
		}
		return host.View{Table: host.Table(rows...)}
	})
}

func lookup(c *host.Invocation) error {
	if len(c.Args) != 2 {
		return host.Usagef("%s: expected PLAN TEXT", c.Command)
	}
	q := url.Values{"plan": {c.Args[0]}, "text": {c.Args[1]}}
	return host.Show(c, "/api/v1/dialplan/translate?"+q.Encode(), func(a *translation) host.View {
		text := a.Text + "\n"
		for _, key := range slices.Sorted(maps.Keys(a.Attrs)) {
			text += fmt.Sprintf("  %s = %v\n", key, a.Attrs[key])
		}
		return host.View{Table: []byte(text)}
	})
}

func reload(c *host.Invocation) error {
	path := "/api/v1/dialplan/reload"
	switch len(c.Args) {
	case 0:
	case 1:
		if c.Args[0] == "" {
			return host.Usagef("%s: PLAN is empty: leave it out to read all", c.Command)
		}
		path += "?" + url.Values{"plan": {c.Args[0]}}.Encode()
	default:
		return host.Usagef("%s: one plan at a time: found %q after %q", c.Command, c.Args[1], c.Args[0])
	}
	_, err := c.Ask(http.MethodPost, path, nil)
	return err
}
