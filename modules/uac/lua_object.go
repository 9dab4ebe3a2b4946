package uac

// This file is what scripts and operators see besides functions: the registration as an object,
// events and metrics.

import (
	"time"

	"github.com/sipscript/sipscript/luabind"
)

// statusType describes registrations to scripts; it is never changed.
var statusType = &luabind.ObjectType{
	Name: "registration",
	Doc:  "The state of an account at its registrar.",
	Fields: []luabind.Field{
		luabind.FieldOf("name", luabind.ReturnsText("of the account"), func(_ *luabind.Call, s *Status) string { return s.Name }),
		luabind.FieldOf("state", luabind.ReturnsText("registering, registered or failed"),
			func(c *luabind.Call, s *Status) string { return s.State(c.Now()) }),
		luabind.FieldOf("expires", luabind.OrNil(luabind.ReturnsSeconds("seconds left; nil if not registered")),
			func(c *luabind.Call, s *Status) time.Duration { return max(0, s.Expires(c.Now())) }),
		luabind.FieldOf("error", luabind.OrNil(luabind.ReturnsText("of the last attempt; nil if it was accepted")),
			func(_ *luabind.Call, s *Status) string { return s.Error }),
		luabind.FieldOf("code", luabind.OrNil(luabind.ReturnsInt("of the last answer; nil for none")),
			func(_ *luabind.Call, s *Status) int { return s.Code }),
		luabind.FieldOf("aor", luabind.ReturnsURI("what is registered"), func(_ *luabind.Call, s *Status) string { return s.AOR }),
		luabind.FieldOf("contact", luabind.OrNil(luabind.ReturnsURI("where calls arrive; nil before the first attempt if the account names none")),
			func(_ *luabind.Call, s *Status) string { return s.Contact }),
	},
}

// ObjectType makes a registration an object of scripts.
func (s *Status) ObjectType() *luabind.ObjectType { return statusType }

// Events of the module.
func (m *module) Events() []luabind.Event {
	name := luabind.Param{Name: "name", Type: luabind.String}
	return []luabind.Event{
		{Name: EventRegistered, Params: []luabind.Param{name, {Name: "seconds", Type: luabind.Seconds}},
			Doc: "An account is registered, for the first time or again after a failure. A refresh does not raise it."},
		{Name: EventFailed, Params: []luabind.Param{name, {Name: "error", Type: luabind.String}, {Name: "code", Type: luabind.Integer, Optional: true}},
			Doc: "An account could not be registered or refreshed; it will be tried again. code is nil if there was no answer."},
		{Name: EventUnregistered, Params: []luabind.Param{name}, Doc: "An account that the script no longer names was unregistered."},
	}
}

func (m *module) tell(e Event) {
	switch e.Kind {
	case EventRegistered:
		m.host.Emit(e.Kind, e.Name, e.Left.Seconds())
	case EventFailed:
		var code any
		if e.Code != 0 {
			code = float64(e.Code)
		}
		m.host.Emit(e.Kind, e.Name, e.Error, code)
	default:
		m.host.Emit(e.Kind, e.Name)
	}
}

// Metrics of the registrations.
func (u *UAC) Metrics() []luabind.Metric {
	state := func(name string) luabind.Metric {
		return luabind.Metric{Name: "uac_registrations", Help: "Addresses kept registered elsewhere, by state.", Kind: luabind.Gauge,
			Labels: map[string]string{"state": name}, Value: func() float64 { return float64(u.count(name)) }}
	}
	outcome := func(name string, get func() uint64) luabind.Metric {
		return luabind.Metric{Name: "uac_registers_total", Help: "REGISTER requests sent, by outcome.", Kind: luabind.Counter,
			Labels: map[string]string{"outcome": name}, Value: func() float64 { return float64(get()) }}
	}
	f := &u.figures
	return []luabind.Metric{
		state(Registered), state(Registering), state(Failed),
		outcome("accepted", f.accepted.Load), outcome("refused", f.refused.Load), outcome("failed", f.failed.Load),
	}
}

// count is the number of registrations in a state now.
func (u *UAC) count(state string) (n int) {
	u.mu.Lock()
	e := u.eng
	u.mu.Unlock()
	if e == nil {
		return 0
	}
	now := e.Clock().Wall()
	for _, s := range u.List() {
		if s.State(now) == state {
			n++
		}
	}
	return n
}
