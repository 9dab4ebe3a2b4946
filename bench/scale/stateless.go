package main

// What the engine takes for a call it relays with transactions, and for one it forwards without.

import (
	"fmt"

	"github.com/sipscript/sipscript/bench/loop"
	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
)

// passing sends calls to the callee of the loop: those within a dialog where their Route says, like
// a load balancer.
func passing(decide func(*engine.Request, *engine.Target) error) (engine.Router, error) {
	target := &engine.Target{URI: "sip:bob@" + loop.Contact}
	return routerFunc(func(r *engine.Request) error {
		if r.InDialog() {
			return decide(r, nil)
		}
		if err := r.RecordRoute(); err != nil {
			return err
		}
		return decide(r, target)
	}), nil
}

func saying(verb string) (engine.Router, error) {
	return luabind.NewRouter(luabind.Options{Name: verb + ".lua", Source: `
function route(req)
  if req.in_dialog then return req:` + verb + `() end
  req:record_route()
  req:` + verb + `("sip:bob@` + loop.Contact + `")
end`})
}

func stateless(rounds int) error {
	type way struct {
		name string
		make func() (engine.Router, error)
		point
	}
	ways := []*way{
		{name: "Go, relayed", make: func() (engine.Router, error) {
			return passing(func(r *engine.Request, t *engine.Target) error {
				var targets []*engine.Target
				if t != nil {
					targets = append(targets, t)
				}
				_, err := r.Relay(targets, nil)
				return err
			})
		}},
		{name: "Go, forwarded", make: func() (engine.Router, error) {
			return passing(func(r *engine.Request, t *engine.Target) error { _, err := r.Forward(t); return err })
		}},
		{name: "Lua, relayed", make: func() (engine.Router, error) { return saying("relay") }},
		{name: "Lua, forwarded", make: func() (engine.Router, error) { return saying("forward") }},
	}
	for _, w := range ways {
		router, err := w.make()
		if err != nil {
			return err
		}
		if w.calls, err = loop.NewCalls(router); err != nil {
			return err
		}
		w.users = 1
	}
	for range rounds {
		for _, w := range ways {
			if err := w.measure(200, 2000); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
		}
	}
	fmt.Printf("\n2000 calls a round, %d rounds, medians; the engine's time alone, one lane\n\n| router | µs/call | × relayed |\n|---|---|---|\n", rounds)
	for i, w := range ways {
		fmt.Printf("| %s | %.1f | %.2f |\n", w.name, w.median(), w.median()/ways[i&^1].median())
	}
	return nil
}
