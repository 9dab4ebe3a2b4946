package auth

// This file is users whom a function of the script finds.

import (
	"context"
	"fmt"

	"github.com/sipscript/sipscript/luabind"
)

// byFunction stands for them: the function is called instead.
type byFunction struct{ Table }

// waits waits with the lane lent, and looks users up with the script's function if there is one.
func (m *module) waits(c *luabind.Call) waits {
	w := waits{lend: func(f func(context.Context)) { c.Await(f) }}
	if m.users.IsFunction() {
		w.ask = func(q Query) (*Secret, error) { return ask(c, m.users.Func(c), q) }
	}
	return w
}

// ask calls the script's function.
func ask(c *luabind.Call, f *luabind.Func, q Query) (*Secret, error) {
	if f == nil {
		return nil, fmt.Errorf("users: this lane's script supplied no function")
	}
	out, err := f.Call(q.User, q.Realm)
	if err != nil {
		c.Raise("users: %v", err)
	}
	s, err := secretFound(out)
	c.Misuse(err)
	return s, err
}
