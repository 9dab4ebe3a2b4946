package dispatch

// This file is the module as the command sees it.

import (
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/host"
)

// Plugin is the module "dispatch".
func Plugin() host.Plugin {
	return host.Plugin{Name: "dispatch", New: func(env *host.Environment) (luabind.Opener, error) {
		return New(Options{Log: env.Log, Clients: env.Clients, Keep: env.Data, Quiet: env.Quiet}), nil
	}}
}
