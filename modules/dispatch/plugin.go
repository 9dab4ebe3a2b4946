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
)

// Plugin is the module "dispatch".
func Plugin() host.Plugin {
	return host.Plugin{Name: "dispatch", Schema: Schema, Commands: []host.Command{command()}, New: func(env *host.Environment) (luabind.Opener, error) {
		return New(Options{Log: env.Log, Clients: env.Clients, Keep: env.Data, Quiet: env.Quiet}), nil
	}}
}

// API is GET /gateways?set=NAME, and POST /mark.
func (d *Dispatch) API() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /gateways", d.answerList)
	mux.HandleFunc("POST /mark", d.answerMark)
	return mux
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
	host.Answer(w, http.StatusOK, map[string]any{"gateways": list})
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
