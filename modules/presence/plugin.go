package presence

// This file is the module as the command sees it, and what a running server reports about it.

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/clients/redis"
	"github.com/sipscript/sipscript/modules/dialog"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/internal/calls"
	"github.com/sipscript/sipscript/ops/openapi"
)

// Plugin is the module "presence".
func Plugin() host.Plugin {
	return host.Plugin{Name: "presence", Commands: []host.Command{command()}, Schema: Schema, New: func(env *host.Environment) (luabind.Opener, error) {
		o := Options{Log: env.Log, Clients: env.Clients, Keep: env.Data, Now: env.Now, Calls: host.Find[calls.Source](env), Dialogs: host.Find[*dialog.Dialogs](env)}
		if env.Made != nil {
			o.Registrar = env.Made("registrar")
		}
		// The Redis of a spec takes no commands on a connection that subscribes
		if env.Redis != "" && !env.Simulated() {
			c, err := redis.Open(env.Clients, string(env.Redis), 0)
			if err != nil {
				return nil, env.Redis.Explain("redis", err)
			}
			o.Redis, o.Keep = c, "" // Redis keeps what there is
		}
		return New(o)
	}}
}

// API is what a running server tells of users' state and of who watches it.
func (p *Presence) API() []openapi.Operation {
	aor := openapi.Param{Name: "aor", Doc: "a user's address, such as sip:bob@example.com"}
	return []openapi.Operation{
		{Method: "GET", Path: "/state", Summary: "show the document of a user's state", Answer: stateAnswer{}, Fails: []int{400, 503}, Serve: p.answerState,
			Query: []openapi.Param{aor, {Name: "package", Doc: "presence unless it is said"}}},
		{Method: "POST", Path: "/state", Summary: "set a user's state", Body: setting{}, Answer: setAnswer{}, Fails: []int{400, 503}, Serve: p.answerSet},
		{Method: "GET", Path: "/publications", Summary: "list what was published, by users and by scripts", Answer: publicationsAnswer{}, Fails: []int{400}, Serve: p.answerPublications,
			Query: []openapi.Param{{Name: "package", Doc: "only those of an event package"}, {Name: "limit", Type: "integer", Doc: "how many at most, 1000 unless it is said"}}},
		{Method: "GET", Path: "/watchers", Summary: "list who watches a user", Answer: watchersAnswer{}, Fails: []int{400, 503}, Serve: p.answerWatchers,
			Query: []openapi.Param{aor, {Name: "package", Doc: "all unless it is said"}}},
		{Method: "POST", Path: "/terminate", Summary: "end a subscription", Body: terminated{}, Answer: terminated{}, Fails: []int{400, 404}, Serve: p.answerTerminate},
	}
}

// What the operations answer.
type (
	stateAnswer struct {
		AOR       string `json:"aor"`
		Package   string `json:"package"`
		Published bool   `json:"published" doc:"somebody said it; else it is what holds where nobody did"`
		Type      string `json:"type"`
		Document  string `json:"document"`
	}
	setAnswer struct {
		AOR     string `json:"aor"`
		Package string `json:"package"`
	}
	watchersAnswer struct {
		AOR      string         `json:"aor"`
		Watchers []shownWatcher `json:"watchers"`
	}
	terminated struct {
		ID string `json:"id" doc:"of a subscription, as watchers have it"`
	}
)

// address reads a user's address; a wrong one is answered.
func (p *Presence) address(w http.ResponseWriter, text string) (aor string, ok bool) {
	uri, err := message.ParseURI([]byte(text))
	if err != nil || !uri.IsSIP() {
		host.Refuse(w, http.StatusBadRequest, errors.New("expected aor, a URI such as sip:bob@example.com"))
		return "", false
	}
	e := p.engine.Load()
	if e == nil {
		host.Refuse(w, http.StatusServiceUnavailable, errors.New("the server is starting"))
		return "", false
	}
	return string(e.AppendAddress(nil, &uri)), true
}

func (p *Presence) answerState(w http.ResponseWriter, r *http.Request) {
	aor, ok := p.address(w, r.URL.Query().Get("aor"))
	if !ok {
		return
	}
	event := r.URL.Query().Get("package")
	if event == "" {
		event = PackagePresence
	}
	body, ok, err := p.Get(r.Context(), aor, event, p.now())
	if err != nil {
		host.Refuse(w, http.StatusBadRequest, err)
		return
	}
	host.Answer(w, http.StatusOK, stateAnswer{aor, event, ok, published(event), string(body)})
}

// setting is what POST /state takes.
type setting struct {
	AOR     string  `json:"aor"`
	Package string  `json:"package"`
	State   any     `json:"state"`
	Expires float64 `json:"expires,omitempty"`
}

func (p *Presence) answerSet(w http.ResponseWriter, r *http.Request) {
	var s setting
	if !decode(w, r, &s, `{"aor":, "package":, "state":, "expires":}`) {
		return
	}
	aor, ok := p.address(w, s.AOR)
	if !ok {
		return
	}
	if !(s.Expires >= 0 && s.Expires <= 31536000) {
		host.Refuse(w, http.StatusBadRequest, errors.New("expires: expected seconds"))
		return
	}
	if err := p.Set(r.Context(), aor, s.Package, s.State, time.Duration(s.Expires*float64(time.Second)), p.now()); err != nil {
		host.Refuse(w, http.StatusBadRequest, err)
		return
	}
	host.Answer(w, http.StatusOK, setAnswer{aor, s.Package})
}

func decode(w http.ResponseWriter, r *http.Request, into any, want string) bool {
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(into); err != nil {
		host.Refuse(w, http.StatusBadRequest, fmt.Errorf("expected %s: %w", want, err))
		return false
	}
	return true
}

// shownWatcher is one of GET /watchers.
type shownWatcher struct {
	ID      string  `json:"id"`
	Watcher string  `json:"watcher"`
	Package string  `json:"package"`
	State   string  `json:"state"`
	Expires float64 `json:"expires_seconds"`
}

func (p *Presence) answerWatchers(w http.ResponseWriter, r *http.Request) {
	aor, ok := p.address(w, r.URL.Query().Get("aor"))
	if !ok {
		return
	}
	list := []shownWatcher{}
	for _, o := range p.Watchers(aor, r.URL.Query().Get("package")) {
		list = append(list, shownWatcher{o.id, o.watcher, o.key.Package, o.State(), max(0, o.until.Sub(p.now()).Seconds())})
	}
	host.Answer(w, http.StatusOK, watchersAnswer{aor, list})
}

func (p *Presence) answerTerminate(w http.ResponseWriter, r *http.Request) {
	var t terminated
	if !decode(w, r, &t, `{"id":}`) {
		return
	}
	if !p.Terminate(t.ID, "deactivated", 0) {
		host.Refuse(w, http.StatusNotFound, fmt.Errorf("there is no subscription %.80q", t.ID))
		return
	}
	host.Answer(w, http.StatusOK, t)
}
