package http

import (
	"errors"
	"net"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/host"
)

// Plugin is the module "http".
func Plugin() host.Plugin {
	return host.Plugin{
		Name: "http",
		Flags: []host.Flag{{Name: "http", Usage: "serve the script's HTTP handlers at `HOST:PORT`", Check: func(text string) error {
			if _, port, err := net.SplitHostPort(text); err != nil || port == "" {
				return errors.New("expected HOST:PORT")
			}
			return nil
		}}},
		New: func(env *host.Environment) (luabind.Opener, error) {
			pool := env.Clients
			if pool == nil {
				pool = clients.New(clients.Options{Log: env.Log})
			}
			return New(Options{Clients: pool, Listen: env.Flags.Text("http"), Unserved: env.Simulated(), Log: env.Log}), nil
		},
	}
}
