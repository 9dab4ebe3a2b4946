package presence

// This file is the module as the command sees it, and what a running server reports about it.

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/clients/redis"
	"github.com/sipscript/sipscript/modules/dialog"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/internal/calls"
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

// API is GET /state?aor=URI&package=NAME, POST /state, GET /watchers?aor=URI, POST /terminate.
func (p *Presence) API() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /state", p.answerState)
	mux.HandleFunc("POST /state", p.answerSet)
	mux.HandleFunc("GET /watchers", p.answerWatchers)
	mux.HandleFunc("POST /terminate", p.answerTerminate)
	return mux
}

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
	host.Answer(w, http.StatusOK, map[string]any{"aor": aor, "package": event, "published": ok, "type": published(event), "document": string(body)})
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
	host.Answer(w, http.StatusOK, map[string]any{"aor": aor, "package": s.Package})
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
	host.Answer(w, http.StatusOK, map[string]any{"aor": aor, "watchers": list})
}

func (p *Presence) answerTerminate(w http.ResponseWriter, r *http.Request) {
	var t struct {
		ID string `json:"id"`
	}
	if !decode(w, r, &t, `{"id":}`) {
		return
	}
	if !p.Terminate(t.ID, "deactivated", 0) {
		host.Refuse(w, http.StatusNotFound, fmt.Errorf("there is no subscription %.80q", t.ID))
		return
	}
	host.Answer(w, http.StatusOK, t)
}

// command asks a running server.
func command() host.Command {
	return host.Command{Name: "presence", Usage: "look at the state of users of a running server, and at who watches them, as JSON", Sub: []host.Command{
		{Name: "state", Usage: "show the document of a user's state; PACKAGE is presence unless it is said", Args: "URI [PACKAGE]", Remote: true,
			Run: func(c *host.Invocation) error { return show(c, "/api/v1/presence/state") }},
		{Name: "watchers", Usage: "show who watches a user, by one event package or by all", Args: "URI [PACKAGE]", Remote: true,
			Run: func(c *host.Invocation) error { return show(c, "/api/v1/presence/watchers") }},
	}}
}

func show(c *host.Invocation, path string) error {
	if len(c.Args) < 1 || len(c.Args) > 2 {
		return host.Usagef("%s: expected URI [PACKAGE]", c.Command)
	}
	query := url.Values{"aor": {c.Args[0]}}
	if len(c.Args) == 2 {
		query.Set("package", c.Args[1])
	}
	text, err := c.Get(path + "?" + query.Encode())
	if err != nil {
		return err
	}
	_, err = c.Stdout.Write(text)
	return err
}
