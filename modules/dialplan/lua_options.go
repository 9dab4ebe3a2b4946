package dialplan

// What scripts set while they load: the plans.

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/source"
)

// settings are the options of configure.
type settings struct {
	Plans luabind.Tree `lua:"plans,required,reloadable" doc:"by name: lists of rules, or where they come from"`
}

// mostPlans bounds the plans of a script.
const mostPlans = 1000

func (g *generation) configure(c *luabind.Call, s settings) error {
	plans, ok := s.Plans.Value.(map[string]any)
	if !ok {
		return errors.New("option plans must be a table of plans by name")
	}
	if len(plans) > mostPlans {
		return fmt.Errorf("plans: at most %d", mostPlans)
	}
	names := slices.Sorted(maps.Keys(plans))
	if _, err := g.said.Say(c.VM(), names); err != nil {
		return fmt.Errorf("the plans: %w", err)
	}
	for _, name := range names {
		p := g.plans[name]
		if p == nil {
			p = &plan{funcs: map[any][]*luabind.Func{}}
			g.plans[name] = p
		}
		if err := p.configure(c, g.module, name, plans[name]); err != nil {
			return fmt.Errorf("plans.%s: %w", name, err)
		}
	}
	return nil
}

// configure reads one plan as one VM's file has it. The first opens the list.
func (p *plan) configure(c *luabind.Call, m *Module, name string, value any) error {
	dpid, value, err := p.dpidOf(c, name, value)
	if err != nil {
		return err
	}
	option := luabind.FuncOrValue{}
	if f, ok := value.(*luabind.Func); ok {
		option.Func = f
	} else if option.Value, err = p.withoutFuncs(c.VM(), value); err != nil {
		return err
	}
	spec, first, err := p.said.Say(c, option, m.o.Clients.IsDatabase)
	if err != nil || !first {
		return err
	}
	key := spec.Key()
	if spec.Layout != "" {
		if dpid < 0 {
			return fmt.Errorf("dpid is missing: which of the plans of the table %s it is", spec.Name())
		}
		key += strconv.Itoa(dpid)
	}
	p.list, p.release, err = m.lists.Acquire(key, func() (*source.List[*Plan], error) {
		if spec.Layout != "" {
			return source.Open(p.said.Context(c), spec, options(m, name, layouts(dpid), (*builder).addRow))
		}
		return source.Open(p.said.Context(c), spec, options(m, name, nil, (*builder).add))
	})
	return err
}

// options are those of a list whose entries add takes.
func options[T any](m *Module, name string, layouts map[string]string, add func(*builder, *T) error) source.Options[T, *Plan] {
	return source.Options[T, *Plan]{
		Name: "dialplan." + name, Clients: m.o.Clients, Keep: m.o.Data, Log: m.o.Log,
		Query:   ownQuery(name),
		Layouts: layouts,
		Fold: func() (func(*T) error, func() (*Plan, error)) {
			b := newBuilder()
			return func(entry *T) error { return add(b, entry) }, b.plan
		},
	}
}

// columns are those of our own table. As their names match, replace and add are words of SQL.
const columns = `pattern AS "match", replacement AS "replace", prefix, strip, addition AS "add", attrs, priority`

// ownQuery asks for the rules of a plan.
func ownQuery(name string) string {
	return `SELECT ` + columns + ` FROM dialplan_rules WHERE plan = '` + quoted(name) + `' ORDER BY priority, id`
}

// quoted is a name within a text of SQL.
func quoted(name string) string {
	var b []byte
	for i := range len(name) {
		if name[i] == '\'' {
			b = append(b, '\'')
		}
		if name[i] != '\\' { // which some databases read as an escape
			b = append(b, name[i])
		}
	}
	return string(b)
}

// dpidOf takes the dpid out of a source; without one, a name that is a number is it. -1: none.
func (p *plan) dpidOf(c *luabind.Call, name string, value any) (dpid int, rest any, err error) {
	dpid, err = strconv.Atoi(name)
	if err != nil || dpid < 0 {
		dpid = -1
	}
	t, ok := value.(map[string]any)
	if said, given := t["dpid"]; ok && given && t["url"] != nil {
		n, ok := said.(float64)
		if !ok || n < 0 || n > 1<<31 || n != float64(int(n)) {
			return 0, nil, errors.New("dpid must be a whole number")
		}
		t = maps.Clone(t)
		delete(t, "dpid")
		dpid, value = int(n), t
	}
	if _, err := p.dpid.Say(c.VM(), dpid); err != nil {
		return 0, nil, err
	}
	return dpid, value, nil
}

// withoutFuncs keeps the functions of a list's rules for their VM, and puts numbers in their place,
// which are the same in every VM.
func (p *plan) withoutFuncs(vm, value any) (any, error) {
	switch v := value.(type) {
	case []any:
		for i, entry := range v {
			rule, ok := entry.(map[string]any)
			if !ok {
				continue
			}
			for key, x := range rule {
				f, ok := x.(*luabind.Func)
				if !ok {
					continue
				}
				if key != "replace" {
					return nil, fmt.Errorf("entry %d: %s must not be a function", i+1, key)
				}
				rule[key] = Function(len(p.funcs[vm]))
				p.funcs[vm] = append(p.funcs[vm], f)
			}
		}
	case map[string]any:
		for key, x := range v {
			if _, ok := x.(*luabind.Func); ok {
				return nil, fmt.Errorf("%s must not be a function: rules are a list", key)
			}
		}
	}
	return value, nil
}
