package main

// What a call costs with more bindings, and with more transactions in progress.

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sipscript/sipscript/bench/loop"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/registrar"
)

// point is one point of a curve.
type point struct {
	name  string
	users int
	calls *loop.Calls
	took  []time.Duration // each a call
}

// newPoint makes an engine with the route of the comparison and so many users, each registered at
// the callee.
func newPoint(users int) (*point, error) {
	store := registrar.NewMemory()
	for i := range users {
		b := registrar.NewBinding(&registrar.Record{Contact: "sip:" + user(i) + "@" + loop.Contact, CallID: user(i), CSeq: 1, Q: 1, Expires: time.Unix(1<<32, 0)})
		if err := store.Update(context.Background(), "sip:"+user(i)+"@example.com", registrar.Relaxed, func([]*registrar.Binding) ([]*registrar.Binding, error) {
			return []*registrar.Binding{b}, nil
		}); err != nil {
			return nil, err
		}
	}
	bindings, err := registrar.New(registrar.Options{Store: store})
	if err != nil {
		return nil, err
	}
	router, err := luabind.NewRouter(luabind.Options{Script: "bench/route.lua", Modules: []luabind.Opener{bindings}})
	if err != nil {
		return nil, err
	}
	calls, err := loop.NewCalls(router)
	return &point{users: users, calls: calls}, err
}

func user(i int) string { return fmt.Sprintf("user%07d", i) }

// measure makes calls of users all over, after some to warm up. Time passes, so that what the calls
// leave behind comes to its end.
func (p *point) measure(warm, n int) error {
	for i := range warm + n {
		if i == warm {
			p.calls.Spent = 0
		}
		if err := p.calls.Call(user(i * 7919 % p.users)); err != nil {
			return err
		}
		p.calls.Pass(5 * time.Second)
	}
	p.took = append(p.took, p.calls.Spent/time.Duration(n))
	return nil
}

func (p *point) median() float64 {
	s := slices.Sorted(slices.Values(p.took))
	return s[len(s)/2].Seconds() * 1e6
}

func curve(title string, rounds int, points []*point) error {
	for range rounds {
		for _, p := range points {
			if err := p.measure(200, 2000); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	fmt.Printf("\n2000 calls a round, %d rounds, medians; the engine's time alone, one lane, %s\n\n| %s | µs/call | × the first |\n|---|---|---|\n", rounds, "bench/route.lua", title)
	for _, p := range points {
		fmt.Printf("| %s | %.1f | %.2f |\n", p.name, p.median(), p.median()/points[0].median())
	}
	return nil
}

func bindings(rounds int) error {
	var points []*point
	for _, n := range []int{1000, 10_000, 100_000, 1_000_000} {
		p, err := newPoint(n)
		if err != nil {
			return err
		}
		p.name = fmt.Sprint(n)
		points = append(points, p)
	}
	return curve("bindings", rounds, points)
}

func transactions(rounds int) error {
	var points []*point
	for _, n := range []int{10, 100, 1000, 10_000, 50_000} {
		p, err := newPoint(1000)
		if err != nil {
			return err
		}
		p.name = fmt.Sprint(n)
		for i := range n / 2 {
			if _, err := p.calls.Ring(user(i % p.users)); err != nil {
				return err
			}
		}
		points = append(points, p)
	}
	return curve("transactions in progress", rounds, points)
}
