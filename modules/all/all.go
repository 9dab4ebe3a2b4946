// Package all is the list of the modules of this binary.
package all

import (
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/spec"
	"github.com/sipscript/sipscript/modules/acc"
	"github.com/sipscript/sipscript/modules/acl"
	auth "github.com/sipscript/sipscript/modules/auth/plugin"
	"github.com/sipscript/sipscript/modules/b2b"
	"github.com/sipscript/sipscript/modules/clients/outside"
	"github.com/sipscript/sipscript/modules/dialog"
	"github.com/sipscript/sipscript/modules/dialplan"
	"github.com/sipscript/sipscript/modules/dispatch"
	"github.com/sipscript/sipscript/modules/dns"
	"github.com/sipscript/sipscript/modules/enum"
	"github.com/sipscript/sipscript/modules/geo"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/http"
	"github.com/sipscript/sipscript/modules/jwt"
	"github.com/sipscript/sipscript/modules/kemi"
	"github.com/sipscript/sipscript/modules/lcr"
	"github.com/sipscript/sipscript/modules/limit"
	"github.com/sipscript/sipscript/modules/messages"
	"github.com/sipscript/sipscript/modules/nat"
	"github.com/sipscript/sipscript/modules/presence"
	"github.com/sipscript/sipscript/modules/redis"
	registrar "github.com/sipscript/sipscript/modules/registrar/plugin"
	"github.com/sipscript/sipscript/modules/rtpengine"
	"github.com/sipscript/sipscript/modules/sdp"
	"github.com/sipscript/sipscript/modules/sql"
	"github.com/sipscript/sipscript/modules/stir"
	"github.com/sipscript/sipscript/modules/topology"
	"github.com/sipscript/sipscript/modules/turn"
	"github.com/sipscript/sipscript/modules/uac"
)

// Plugins are the modules, in the order in which they are made and attached, and see requests.
func Plugins() []host.Plugin {
	return []host.Plugin{
		acl.Plugin(),
		limit.Plugin(),
		geo.Plugin(),
		auth.Plugin(),
		b2b.Plugin(),
		registrar.Plugin(),
		uac.Plugin(),
		dispatch.Plugin(),
		http.Plugin(),
		dns.Plugin(),
		jwt.Plugin(),
		stir.Plugin(),
		redis.Plugin(),
		sql.Plugin(),
		sdp.Plugin(),
		nat.Plugin(),
		messages.Plugin(),
		dialplan.Plugin(),
		rtpengine.Plugin(),
		topology.Plugin(),
		dialog.Plugin(),
		acc.Plugin(),
		lcr.Plugin(),
		enum.Plugin(),
		turn.Plugin(),
		presence.Plugin(),
		kemi.Plugin(),
	}
}

// Offline makes modules that touch nothing outside the process, as a spec and a check need them.
func Offline() ([]luabind.Opener, error) { return host.Offline(Plugins()) }

// ForSpec makes modules for a spec, whose clients ask out and nothing else.
func ForSpec(out spec.Outside) ([]luabind.Opener, error) { return ForReplay(out, nil) }

// ForReplay is ForSpec for requests that were served before: vouch reports whether the credentials
// of one were right, whose secrets are not known any more.
func ForReplay(out spec.Outside, vouch func(callID []byte, cseq uint32) bool) ([]luabind.Opener, error) {
	storage := out.Storage()
	set, err := host.Open(Plugins(), host.Environment{Vouch: vouch, Clients: outside.Pool(out), Data: storage.Data, Now: storage.Now, Dictionaries: spec.Dictionaries, Quiet: !out.Probes(),
		Exchange: out.Media, Redis: host.URL(storage.Redis), Common: out.Common, Record: out.Record})
	if err != nil {
		return nil, err
	}
	return set.Openers(), nil
}

// Libraries are all that scripts and specs can use: Lua's own library, sip, the modules, and
// sip.test.
func Libraries() ([]luabind.Library, error) {
	modules, err := Offline()
	if err != nil {
		return nil, err
	}
	list, err := luabind.Declared(modules...)
	if err != nil {
		return nil, err
	}
	test, err := spec.Library()
	return append(list, test), err
}
