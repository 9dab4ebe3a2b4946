package b2b

// How many legs there may be, and for how long.

import (
	"cmp"
	"errors"
	"time"

	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/luabind"
	dialogs "github.com/sipscript/sipscript/modules/dialog"
)

// usualWarning is how long before its end a leg is warned of.
const usualWarning = 10 * time.Second

// keeps is what the options had a leg have. It belongs to the leg's lane; vars are never changed.
type keeps struct {
	x      *leg
	held   *dialogs.Holder // nil for no limits
	most   time.Duration   // from the answer; 0: no end
	warn   time.Duration
	warned bool
	timer  lane.Timer
	vars   map[string]any
}

var errNoLimits = errors.New("option limits needs the module dialog")

// hold checks and counts limits. The error is a *dialogs.FullError if one is full.
func (m *B2B) hold(o *counted) (*dialogs.Holder, error) {
	if len(o.Limits) == 0 {
		return nil, nil
	}
	if m.calls != nil {
		if d := m.calls(); d != nil {
			return d.Hold(o.Limits)
		}
	}
	return nil, errNoLimits
}

// keep has a leg have what the options say. The leg's lane is held.
func (x *leg) keep(o *counted) {
	if o.MaxDuration > 0 || len(o.Vars) > 0 {
		x.kept().most, x.keeps.warn, x.keeps.vars = o.MaxDuration, cmp.Or(o.Warn, usualWarning), o.Vars
	}
}

// hold has the leg give keys back when it ends: at once, if it has.
func (x *leg) hold(h *dialogs.Holder) {
	switch {
	case h == nil:
	case x.state.Load() == ended:
		h.Release()
	default:
		x.kept().held = h
	}
}

func (x *leg) kept() *keeps {
	if x.keeps == nil {
		x.keeps = &keeps{x: x}
	}
	return x.keeps
}

// answered begins the time that the leg may last.
func (k *keeps) answered() {
	if k == nil || k.most == 0 {
		return
	}
	wait := k.most
	if k.warned = k.most <= k.warn; !k.warned {
		wait -= k.warn
	}
	k.x.lane().After(wait, &k.timer, k)
}

// Expire warns of the end, or ends the leg.
func (k *keeps) Expire(*lane.Timer) {
	x := k.x
	if k.warned {
		x.l.EndFor(dialog.WhyDuration, "")
		return
	}
	k.warned = true
	x.lane().After(k.warn, &k.timer, k)
	x.m.script.Emit(event{kind: eventExpiring, leg: x, left: k.warn})
	x.m.control.Expiring(x.l, k.warn)
}

// ended gives back what the leg holds.
func (k *keeps) ended() {
	if k != nil {
		k.x.lane().StopTimer(&k.timer)
		k.held.Release()
	}
}

// took is what incoming returns.
type took struct {
	leg      *leg
	why, key string
}

var returnsTook = luabind.ReturnsOf(func(c *luabind.Call, t took) int {
	if t.leg != nil {
		return c.PushObject(t.leg)
	}
	n := c.PushNil() + c.PushString(t.why)
	if t.key != "" {
		n += c.PushString(t.key)
	}
	return n
}, luabind.Result{Type: luabind.ObjectOf, Object: legType, OrNil: true, Doc: "nil if there is none"},
	luabind.Result{Name: "why", Type: luabind.String, OrNil: true, Doc: `"limit": answer the request; "replaced": it has taken the place of a leg; otherwise why it was refused`},
	luabind.Result{Name: "key", Type: luabind.String, OrNil: true, Doc: "of limits, that is full"})
