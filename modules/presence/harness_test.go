package presence_test

// This file is the world of the tests: a server with the module, and phones on virtual time.

import (
	"fmt"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/presence"
	"github.com/sipscript/sipscript/modules/registrar"
)

// script serves everything; X-User in a request is who has authenticated, without
// X-Trusted.
const script = `
local presence, registrar = require "presence", require "registrar"
presence.configure { %s }
function route(req)
  if req.method == "REGISTER" then return registrar.save(req) end
  if req.method == "PUBLISH" then return presence.publish(req, { trusted = req:header("X-Trusted") ~= nil, headers = { ["X-Node"] = "one" } }) end
  if req.method == "SUBSCRIBE" then return presence.subscribe(req, { trusted = req:header("X-Trusted") ~= nil }) end
  if req.in_dialog then return req:relay() end
  req:record_route()
  req:relay(registrar.lookup(req.ruri))
end`

type world struct {
	*luabindtest.World
	module *presence.Presence
	phones int
}

// vouching is a router that believes X-User.
type vouching struct{ *luabind.Router }

// Route is the engine's router.
func (v vouching) Route(req *engine.Request) error {
	if user := string(req.Message().HeaderName("X-User")); user != "" && len(req.Message().HeaderName("X-Trusted")) == 0 {
		req.SetUser(user)
		if len(req.Message().HeaderName("X-Any")) == 0 {
			req.SetIdentified()
		}
	}
	return v.Router.Route(req)
}

func newWorld(t testing.TB, options string) *world {
	t.Helper()
	users := luabindtest.Must(registrar.New(registrar.Options{}))
	w := &world{module: luabindtest.Must(presence.New(presence.Options{Registrar: users}))}
	w.World = luabindtest.New(t, fmt.Sprintf(script, options), luabindtest.Modules(users, w.module),
		luabindtest.Wrap(func(r *luabind.Router) engine.Router { return vouching{r} }))
	return w
}

// phone is a user's phone, who is authenticated. It answers NOTIFYs with 200, and leaves the rest
// to the test.
func (w *world) phone(user string) *sim.Phone {
	w.phones++
	p := w.Peer(fmt.Sprintf("10.0.1.%d:5060", w.phones), nil)
	p.User, p.Always, p.Answers = user, "X-User: "+user, notifies
	return p
}

func notifies(m *message.Message) int {
	if m.Method() == message.MethodNotify {
		return 200
	}
	return 0
}

// pidf is a document with one tuple.
func pidf(id, basic string) string {
	return `<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:x@h"><tuple id="` + id + `"><status><basic>` + basic + `</basic></status></tuple></presence>`
}

// everybody lets everybody watch.
const everybody = `authorize = function() return true end, interval = 0,`
