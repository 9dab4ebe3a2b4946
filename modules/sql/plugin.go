package sql

import (
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/drivers"
	"github.com/sipscript/sipscript/modules/host"
)

// Plugin is the module "sql".
func Plugin() host.Plugin {
	return host.Plugin{Name: "sql", New: func(env *host.Environment) (luabind.Opener, error) {
		pool := env.Clients
		if pool == nil {
			pool = clients.New(clients.Options{Drivers: drivers.All(), DB: string(env.DB), Log: env.Log})
		}
		return New(pool), nil
	}}
}
