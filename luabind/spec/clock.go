package spec

import (
	"fmt"
	"time"
	_ "time/tzdata" // a spec means the same on a machine without time zones

	"github.com/sipscript/sipscript/luabind"
)

// This file is t.clock: the date and time of a test.

func (w *world) clockFunction() luabind.Function {
	return luabind.Do2(luabind.Function{Name: "clock", Example: `t.clock("2026-01-01 18:00", "Europe/Berlin")`,
		Doc: "Says what date and time it is. Before the test's first phone or server, and outside tests for all later tests in the file or the group, it sets the clock. " +
			"After that it lets time pass until then, as advance does: timers fire, and registrations expire. It raises if that moment is over."},
		momentArg, luabind.TextArg("zone", "the time zone of the script and the spec").Default("", "that of before; at first UTC"), w.setClock)
}

// moment is a date and time as it is written, or a number of os.time.
type moment struct {
	text string
	unix float64 // if text is empty
}

var momentArg = luabind.ArgOf(func(c *luabind.Call, n int) moment {
	if c.Kind(n) == luabind.Number {
		return moment{unix: c.Number(n)}
	}
	return moment{text: c.String(n)}
}, luabind.Param{Name: "at", Type: luabind.String, Or: []luabind.Type{luabind.Number}, Doc: "\"2026-12-24 18:00\", with or without seconds, \"2026-12-24\", or what os.time returns"})

// in is the moment in a time zone.
func (m moment) in(zone *time.Location) (time.Time, error) {
	if m.text == "" {
		return time.UnixMicro(int64(m.unix * 1e6)).In(zone), nil
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, m.text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a date and time: write \"2026-12-24 18:00\"", m.text)
}

// setClock is t.clock(at, zone).
func (w *world) setClock(c *luabind.Call, m moment, name string) {
	now := w.sim.Wall()
	if c.AtLoad() && !w.plan.clock.IsZero() {
		now = w.plan.clock
	}
	zone := now.Location()
	if name != "" {
		var err error
		if zone, err = time.LoadLocation(name); err != nil || name == "Local" {
			c.Raise("%q is not a time zone: write \"Europe/Berlin\" or \"UTC\"", name)
		}
	}
	at, err := m.in(zone)
	raise(c, err)
	switch left := at.Sub(now); {
	case c.AtLoad():
		w.plan.clock = at
	case len(w.servers) == 0:
		w.sim.SetWall(at)
	case left < 0:
		c.Raise("%s is over: it is %s; the clock is set back only before the first t.ua or t.server", at.Format(time.DateTime), now.In(zone).Format(time.DateTime))
	case left > mostTime:
		c.Raise("%s is more than 30 days ahead: set the clock before the first t.ua or t.server", at.Format(time.DateTime))
	default:
		w.sim.SetWall(now.In(zone))
		w.advance(c, left)
	}
}
