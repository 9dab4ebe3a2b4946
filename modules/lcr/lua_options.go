package lcr

// What scripts set while they load: rates and carriers.

import (
	"errors"
	"fmt"
	"strconv"
	_ "time/tzdata" // hours mean the same on a machine without time zones

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/source"
)

// settings are the options of configure.
type settings struct {
	Rates    luabind.FuncOrValue `lua:"rates,required,reloadable" doc:"a list of rates, or where it comes from"`
	Timezone string              `lua:"timezone,reloadable" default:"the process's" doc:"of hours, days, and times without a zone: \"Europe/Berlin\""`
	Carriers any                 `lua:"carriers,reloadable" doc:"{set = a set of dispatch, NAME = {strip =, add =, targets = URIs of its gateways in place of the set's}}"`
}

func (g *generation) configure(c *luabind.Call, s settings) error {
	alike := s
	alike.Rates = luabind.FuncOrValue{} // which said compares
	first, err := g.agreed.Say(c.VM(), alike)
	switch {
	case errors.Is(err, luabind.ErrDiffers):
		return fmt.Errorf("what it is given %w", err)
	case err != nil:
		return err
	case first:
		if err := g.useCarriers(s.Carriers); err != nil {
			return err
		}
	}
	zone, err := zoneOf(s.Timezone)
	if err != nil {
		return fmt.Errorf("timezone: %w", err)
	}
	spec, first, err := g.said.Say(c, s.Rates, g.module.o.Clients.IsDatabase)
	if err != nil || !first {
		if err != nil {
			err = fmt.Errorf("rates: %w", err)
		}
		return err
	}
	key := spec.Key()
	if key != "" {
		key += "\x00" + s.Timezone
	}
	m := g.module
	g.list, g.release, err = m.lists.Acquire(key, func() (*source.List[*Table], error) {
		if spec.Layout == "opensips" {
			return source.Open(g.said.Context(c), spec, options(m, func() (func(*drRule) error, func() (*Table, error)) {
				b := newBuilder(zone)
				return b.addRule, b.table
			}))
		}
		return source.Open(g.said.Context(c), spec, options(m, func() (func(*Rate) error, func() (*Table, error)) {
			b := newBuilder(zone)
			return b.add, b.table
		}))
	})
	return err
}

// options are those of the list of rates.
func options[T any](m *Module, fold func() (func(*T) error, func() (*Table, error))) source.Options[T, *Table] {
	return source.Options[T, *Table]{Name: "lcr.rates", Clients: m.o.Clients, Keep: m.o.Data, Log: m.o.Log, Query: query, Layouts: layouts, Fold: fold}
}

func (g *generation) useCarriers(value any) (err error) {
	if g.set, g.carriers, err = carriersOf(value); err != nil {
		return err
	}
	if g.set != "" && g.module.o.Gateways == nil {
		return errors.New("carriers.set: there are no sets here; give each carrier targets")
	}
	g.own = map[string][]destination{}
	for name, c := range g.carriers {
		for _, uri := range c.Targets {
			d, err := destinationOf(&engine.Target{}, uri)
			if err != nil {
				return err
			}
			g.own[name] = append(g.own[name], d)
		}
	}
	return nil
}

// textOf is a number as the text it was written as, or nearly so.
func textOf(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprintf("%T", value)
}
