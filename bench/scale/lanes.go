package main

// What a second lane on a second processor adds.

import (
	"fmt"

	"github.com/sipscript/sipscript/bench/loop"
	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
)

type routerFunc func(r *engine.Request) error

func (f routerFunc) Route(r *engine.Request) error { return f(r) }

func replying() (engine.Router, error) {
	return routerFunc(func(r *engine.Request) error { _, err := r.Reply(200, "", nil); return err }), nil
}

// scripted takes decisions such as scripts take before it replies.
func scripted() (engine.Router, error) {
	return luabind.NewRouter(luabind.Options{Name: "lanes.lua", Source: `
function route(req)
  if req.in_dialog then return req:relay() end
  if req:is("INVITE", "SUBSCRIBE") then req:record_route() end
  if not req.ruri.user then return req:reply(484) end
  if req.from.uri.host ~= "example.com" or req:header("User-Agent") == "scanner" then return req:reply(403) end
  req:reply(200)
end`})
}

const lanesRequests = 20000

func lanes(rounds int) error {
	fmt.Printf("\n%d requests a round, %d rounds, medians\n\n| router | calls | 1 lane, 1 processor, µs | 2 lanes, 2 processors, µs | ratio |\n|---|---|---|---|---|\n", lanesRequests, 5*rounds)
	for _, r := range []struct {
		name string
		make func() (engine.Router, error)
	}{{"Go", replying}, {"Lua", scripted}} {
		for _, own := range []bool{true, false} {
			c, err := loop.Compare(own, r.make, 5*rounds, lanesRequests)
			if err != nil {
				return err
			}
			calls := map[bool]string{true: "each reader those of one lane", false: "each reader those of all lanes"}[own]
			fmt.Printf("| %s | %s | %.2f | %.2f | %.2f |\n", r.name, calls, c.One.Seconds()*1e6, c.Two.Seconds()*1e6, c.Ratio)
		}
	}
	one, two, ratio, err := loop.Apart(replying, 5*rounds, lanesRequests)
	if err != nil {
		return err
	}
	fmt.Printf("| Go | two engines that share nothing but the process | %.2f | %.2f | %.2f |\n", one.Seconds()*1e6, two.Seconds()*1e6, ratio)
	return nil
}
