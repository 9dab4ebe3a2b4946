package auth

// This file reads what scripts set while they load: configure and users.

import (
	"errors"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/source"
)

// settings are the options of configure: the policy, and where its users are.
type settings struct {
	Policy
	Store luabind.FuncOrValue `lua:"users,reloadable" default:"none" doc:"as for auth.users"`
}

func (m *module) configure(c *luabind.Call, s settings) {
	first, err := m.said.Say(c.VM(), s.Policy)
	if first {
		s.Policy.Users = m.auth.given.Users // auth.users may have been called before
		err = m.use(s.Policy)
	}
	switch {
	case errors.Is(err, luabind.ErrDiffers):
		c.Raise("what it is given %v", err)
	case err != nil:
		c.Raise("%v", err)
	}
	if s.Store.Given() {
		m.setUsers(c, &s.Store)
	}
}

func (m *module) use(p Policy) error {
	a, err := m.auth.With(p)
	if err == nil {
		m.auth = a
	}
	return err
}

// Places of users other than stores.
const (
	fromTable    = "a table"
	fromFunction = "a function"
)

// setUsers records which store of users one VM's file names. All must name the same; it is opened
// for the first.
func (m *module) setUsers(c *luabind.Call, u *luabind.FuncOrValue) {
	where := fromFunction
	var spec source.Spec
	if u.Func != nil {
		m.functions[c.VM()] = u.Func
	} else {
		var err error
		if spec, err = m.storeOf(u.Value); err != nil {
			c.Raise("users: %v", err)
		}
		if where = fromTable; spec.URL != "" {
			where = nameOf(&spec)
		}
	}
	first, err := m.where.Say(c.VM(), where)
	switch {
	case errors.Is(err, luabind.ErrSaid):
		c.Raise("users are given already")
	case first:
		err = m.open(where, spec)
	}
	if err != nil {
		c.Raise("users: %v", err)
	}
}

// storeOf reads what is not a function: a table of users, or the name of a store.
func (m *module) storeOf(value any) (source.Spec, error) {
	spec, err := source.SpecOf(value, m.auth.clients.IsDatabase)
	if errors.Is(err, source.ErrSpec) {
		return spec, errSource
	}
	return spec, err
}

func (m *module) open(where string, spec source.Spec) error {
	p := m.auth.given
	switch where {
	case fromFunction:
		p.Users = Table{} // the function is called, but users exist
	case fromTable:
		t, err := tableOf(spec.Entries)
		if err != nil {
			return err
		}
		p.Users = t
	default:
		users, release, err := m.auth.sources.acquire(spec, m.auth.clients, m.host.Log())
		if err != nil {
			return err
		}
		p.Users, m.release = users, release
	}
	return m.use(p)
}
