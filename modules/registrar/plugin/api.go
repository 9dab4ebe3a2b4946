package plugin

// What a running server tells about registrations: its admin API, and the command that asks it.

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/registrar"
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

// API is GET /bindings?aor=URI, and GET /count.
func (p *plugged) API() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /bindings", p.bindings)
	mux.HandleFunc("GET /count", p.count)
	return mux
}

func (p *plugged) bindings(w http.ResponseWriter, r *http.Request) {
	text := r.URL.Query().Get("aor")
	uri, err := message.ParseURI([]byte(text))
	if err != nil || !uri.IsSIP() {
		host.Refuse(w, http.StatusBadRequest, errors.New("expected ?aor= with a URI such as sip:bob@example.com"))
		return
	}
	now, attached := p.now()
	if !attached {
		host.Refuse(w, http.StatusServiceUnavailable, errors.New("the server is starting"))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), lookTime)
	defer cancel()
	found, err := p.Bindings(ctx, &uri, now)
	if err != nil {
		host.Refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	list := []binding{}
	for _, b := range found {
		list = append(list, shown(b, now))
	}
	host.Answer(w, http.StatusOK, map[string]any{"aor": text, "bindings": list})
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
	host.Answer(w, http.StatusOK, map[string]any{"count": n})
}

// registrationsCommand asks a running server.
func registrationsCommand() host.Command {
	return host.Command{Name: "registrations", Usage: "show where a user of a running server is registered, or how many bindings there are, as JSON",
		Args: "[URI]", Remote: true, Run: func(c *host.Invocation) error {
			path := "/api/v1/registrar/count"
			switch len(c.Args) {
			case 0:
			case 1:
				path = "/api/v1/registrar/bindings?aor=" + url.QueryEscape(c.Args[0])
			default:
				return host.Usagef("%s: one URI at a time: found %q after %q", c.Command, c.Args[1], c.Args[0])
			}
			text, err := c.Get(path)
			if err != nil {
				return err
			}
			_, err = c.Stdout.Write(text)
			return err
		}}
}
