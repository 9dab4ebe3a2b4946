package redis

import (
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/host"
)

// Plugin is the module "redis".
func Plugin() host.Plugin {
	return host.Plugin{Name: "redis", New: func(env *host.Environment) (luabind.Opener, error) {
		pool := env.Clients
		if pool == nil {
			pool = clients.New(clients.Options{Log: env.Log})
		}
		r := New(pool)
		if env.Dictionaries != "" {
			if err := r.share(string(env.Dictionaries), env.Log); err != nil {
				return nil, env.Dictionaries.Explain("redis", err)
			}
		}
		return r, nil
	}}
}
