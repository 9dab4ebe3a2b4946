package uac

// This file leads later requests along the route that a registrar gave (RFC 3608), with the
// account's credentials.

import (
	"fmt"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// maxRoutes bounds how many entries of a Service-Route are taken: every request carries them.
const maxRoutes = 8

// serviceRoute is the Service-Route of a 200 to REGISTER, topmost first (RFC 3608 §6.1). One that
// is not a route is left out as a whole.
func serviceRoute(m *message.Message) (routes []string) {
	all := m.Elements(message.HeaderServiceRoute)
	for all.Next() {
		a, err := message.ParseAddress(all.Value)
		if err != nil || a.Star || len(routes) == maxRoutes {
			return nil
		}
		u, err := message.ParseURI(a.URI)
		if err != nil || !u.IsSIP() {
			return nil
		}
		routes = append(routes, "<"+string(a.URI)+">")
	}
	return routes
}

// Target leads to uri, or for "" to the unchanged Request-URI, by way of an account: along its
// registrar's Service-Route, by its proxy and from its listener, with its credentials. Errors:
// there is no such account, or it is not registered at now.
func (u *UAC) Target(name, uri string, now time.Time) (*engine.Target, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	r := u.known[name]
	if r == nil {
		return nil, fmt.Errorf("uac: there is no account %q", name)
	}
	s, a := r.status.Load(), &r.given
	if s.State(now) != Registered {
		return nil, fmt.Errorf("uac: %s is not registered", name)
	}
	return &engine.Target{URI: uri, Path: s.routes, NextHop: a.Proxy, FromSocket: a.Socket, Credentials: &engine.Credentials{User: a.User, Password: a.Password}}, nil
}
