package dispatch

// This file is the module as the command sees it, and what a running server reports about it.

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/dispatch/gateways"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/ops/openapi"
)

// Plugin is the module "dispatch".
func Plugin() host.Plugin {
	return host.Plugin{Name: "dispatch", Schema: Schema, Commands: []host.Command{command()}, New: func(env *host.Environment) (luabind.Opener, error) {
		return New(Options{Log: env.Log, Clients: env.Clients, Keep: env.Data, Quiet: env.Quiet}), nil
	}}
}

// API is what a running server tells of gateways, and how they are marked.
func (d *Dispatch) API() []openapi.Operation {
	return []openapi.Operation{
		{Method: "GET", Path: "/gateways", Summary: "list gateways and how they fare, of one set or of all", Answer: gatewaysAnswer{}, Fails: []int{404}, Serve: d.answerList,
			Query: []openapi.Param{{Name: "set", Doc: "the name of a set"}}},
		{Method: "POST", Path: "/mark", Summary: "mark a gateway: up, down, draining or disabled", Body: marking{}, Answer: marking{}, Fails: []int{400, 404}, Serve: d.answerMark},
	}
}

type gatewaysAnswer struct {
	Gateways []*gateways.Status `json:"gateways"`
}

func (d *Dispatch) answerList(w http.ResponseWriter, r *http.Request) {
	name, list := r.URL.Query().Get("set"), []*gateways.Status{}
	found := name == ""
	for _, s := range d.Sets() {
		if name == "" || s.Name() == name {
			found = true
			list = append(list, s.List()...)
		}
	}
	if !found {
		host.Refuse(w, http.StatusNotFound, fmt.Errorf("there is no set %q", name))
		return
	}
	host.Answer(w, http.StatusOK, gatewaysAnswer{list})
}

// marking is what POST /mark takes.
type marking struct {
	Set     string  `json:"set"`
	URI     string  `json:"uri"`
	State   string  `json:"state"`
	Seconds float64 `json:"seconds,omitempty"`
}

// longestMark bounds the seconds of a mark.
const longestMark = 10 * 365 * 24 * time.Hour

func (d *Dispatch) answerMark(w http.ResponseWriter, r *http.Request) {
	var m marking
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&m); err != nil {
		host.Refuse(w, http.StatusBadRequest, fmt.Errorf(`expected {"set":, "uri":, "state":, "seconds":}: %w`, err))
		return
	}
	mark, ok := gateways.ParseMark(m.State)
	if !ok || !(m.Seconds >= 0 && m.Seconds <= longestMark.Seconds()) {
		host.Refuse(w, http.StatusBadRequest, errors.New("expected a state (up, down, draining, disabled), and a number of seconds or none"))
		return
	}
	for _, s := range d.Sets() {
		if s.Name() != m.Set {
			continue
		}
		if err := s.Mark(m.URI, mark, time.Duration(m.Seconds*float64(time.Second))); err != nil {
			host.Refuse(w, http.StatusNotFound, err)
			return
		}
		host.Answer(w, http.StatusOK, m)
		return
	}
	host.Refuse(w, http.StatusNotFound, fmt.Errorf("there is no set %q", m.Set))
}
