// Package all is the list of the modules of this binary.
package all

import (
	"github.com/sipscript/sipscript/luabind"
	auth "github.com/sipscript/sipscript/modules/auth/plugin"
	"github.com/sipscript/sipscript/modules/host"
	registrar "github.com/sipscript/sipscript/modules/registrar/plugin"
	"github.com/sipscript/sipscript/modules/uac"
)

// Plugins are the modules, in the order in which they are made and attached, and see requests.
func Plugins() []host.Plugin {
	return []host.Plugin{
		auth.Plugin(),
		registrar.Plugin(),
		uac.Plugin(),
	}
}

// Offline makes modules that touch nothing outside the process, as a spec and a check need them.
func Offline() ([]luabind.Opener, error) { return host.Offline(Plugins()) }
