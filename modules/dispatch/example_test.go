package dispatch_test

import (
	"fmt"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/dispatch"
)

// A program gives the module to the router of its script.
func Example() {
	router, err := luabind.NewRouter(luabind.Options{Name: "route.lua", Modules: []luabind.Opener{dispatch.New(dispatch.Options{})}, Source: `
local dispatch = require "dispatch"
dispatch.configure { sets = { carriers = { "sip:10.0.0.8", "sip:10.0.0.9" } } }
function route(req)
  if req.in_dialog then return req:relay() end
  req:record_route()
  req:relay(dispatch.targets("carriers"), { reply_timeout = 2 })
end`})
	fmt.Println(router != nil, err)
	// Output: true <nil>
}
