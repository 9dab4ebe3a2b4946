package uac

// This file is the module as the command sees it, and what a running server reports about it.

import (
	"net/http"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/host"
)

// Plugin is the module "uac".
func Plugin() host.Plugin {
	return host.Plugin{Name: "uac", New: func(*host.Environment) (luabind.Opener, error) { return New(Options{}), nil },
		Commands: []host.Command{{Name: "uac", Usage: "look at what a running server has registered with others",
			Sub: []host.Command{{Name: "registrations", Usage: "list them, as JSON", Remote: true, Run: registrationsCommand}}}}}
}

// API is GET /registrations.
func (u *UAC) API() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /registrations", func(w http.ResponseWriter, _ *http.Request) {
		list := []registrationAnswer{}
		now := u.now()
		for _, s := range u.List() {
			list = append(list, registrationAnswer{Name: s.Name, AOR: s.AOR, Contact: s.Contact, State: s.State(now),
				Expires: s.Expires(now).Seconds(), Code: s.Code, Error: s.Error})
		}
		host.Answer(w, http.StatusOK, map[string]any{"registrations": list})
	})
	return mux
}

// registrationAnswer is the state of one registration.
type registrationAnswer struct {
	Name    string  `json:"name"`
	AOR     string  `json:"aor"`
	Contact string  `json:"contact"`
	State   string  `json:"state"`
	Expires float64 `json:"expires_seconds"`
	Code    int     `json:"code,omitempty"`
	Error   string  `json:"error,omitempty"`
}

// now is the time of the engine, the zero time before it is attached.
func (u *UAC) now() time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.eng == nil {
		return time.Time{}
	}
	return u.eng.Clock().Wall()
}

func registrationsCommand(c *host.Invocation) error {
	if len(c.Args) > 0 {
		return host.Usagef("%s takes no argument: found %q", c.Command, c.Args[0])
	}
	text, err := c.Get("/api/v1/uac/registrations")
	if err != nil {
		return err
	}
	_, err = c.Stdout.Write(text)
	return err
}
