// Package ownleg finds legs of calls of this server's own (module b2b) among the arguments of the
// functions of other modules, which take req | leg and need nothing of b2b itself.
package ownleg

import (
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/luabind"
)

// object is a leg as scripts have it.
type object interface{ EngineLeg() *dialog.Leg }

// At is the leg that argument n is, nil if it is something else. It raises on another lane than the
// leg's: what ("the record") is why the leg is wanted.
func At(c *luabind.Call, n int, what string) *dialog.Leg {
	o, _ := c.AnyObject(n)
	x, ok := o.(object)
	if !ok {
		return nil
	}
	l := x.EngineLeg()
	if l.Lane() != c.Lane() {
		c.Raise("%s of a leg can be had only in the handler of its call, not on another lane", what)
	}
	return l
}
