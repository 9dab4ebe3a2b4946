package auth

// This file reads what scripts set: for all requests with configure and users, and for one.

import (
	"errors"
	"fmt"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
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
		m.setUsers(c, s.Store)
	}
}

func (m *module) use(p Policy) error {
	a, err := m.auth.With(p)
	if err == nil {
		m.auth = a
	}
	return err
}

// setUsers takes where one VM's file says that users are. They are opened for the first.
func (m *module) setUsers(c *luabind.Call, where luabind.FuncOrValue) {
	spec, first, err := m.users.Say(c, where, m.auth.clients.IsDatabase)
	switch {
	case errors.Is(err, luabind.ErrSaid):
		c.Raise("users are given already")
	case errors.Is(err, source.ErrSpec), err == nil && spec.Web():
		err = errSource
	case first:
		p := m.auth.given
		if p.Users, m.release, err = m.auth.usersAt(spec, m.host.Log()); err == nil {
			err = m.use(p)
		}
	}
	if err != nil {
		c.Raise("users: %v", err)
	}
}

// wanted are the options of require and check.
type wanted struct {
	Want
	identified
}

// identified are the options of identify.
type identified struct {
	Claims luabind.FuncOrValue `lua:"identity" doc:"false: any identity may be claimed; function(user, uri): whether this one may"`
}

// asked are the options of challenge.
type asked struct {
	Want
	Stale bool `lua:"stale" doc:"only the nonce was bad: the client does not have to ask its user"`
}

// complete makes the script's identity that of the Want.
func (o *wanted) complete() error { return o.into(&o.Want) }

// into has a Want say what the option identity says.
func (o *identified) into(w *Want) error {
	switch f := o.Claims.Func; {
	case f != nil:
		w.Identity = func(user string, uri *message.URI) (bool, error) {
			out, err := f.Call(user, luabind.URIText(uri.AppendTo(nil)))
			if err != nil {
				return false, fmt.Errorf("identity: %w", err)
			}
			return len(out) > 0 && out[0] != nil && out[0] != false, nil
		}
	case o.Claims.Value == false:
		w.AnyIdentity = true
	case o.Claims.Value != nil && o.Claims.Value != true:
		return &engine.MisuseError{Text: "option identity must be false or function(user, uri)"}
	}
	return nil
}
