package uac

// This file is what scripts and operators see beside functions: the registration as an object, events and metrics.

import (
	"time"

	"github.com/sipscript/sipscript/luabind"
)

// statusType describes registrations to scripts; it is never changed.
var statusType = &luabind.ObjectType{
	Name: "registration",
	Doc:  "How an account stands with its registrar.",
	Fields: []luabind.Field{
		{Name: "name", Type: luabind.String, Doc: "of the account"},
		{Name: "state", Type: luabind.String, Doc: "registering, registered or failed"},
		{Name: "expires", Type: luabind.Seconds, Doc: "seconds left; nil where it is not registered"},
		{Name: "error", Type: luabind.String, Doc: "of the last attempt; nil where it was accepted"},
		{Name: "code", Type: luabind.Integer, Doc: "of the last answer; nil for none"},
		{Name: "aor", Type: luabind.URIType, Doc: "what is registered"},
		{Name: "contact", Type: luabind.URIType, Doc: "where calls come; nil before the first attempt where the account names none"},
	},
}

// ObjectType makes a registration an object of scripts.
func (s *Status) ObjectType() *luabind.ObjectType { return statusType }

// Field is a field of the object.
func (s *Status) Field(c *luabind.Call, name string) bool {
	var now time.Time
	if l := c.Lane(); l != nil {
		now = l.Wall()
	}
	switch name {
	case "name":
		c.PushString(s.Name)
	case "state":
		c.PushString(s.State(now))
	case "expires":
		if left := s.Expires(now); left > 0 {
			c.PushNumber(left.Seconds())
		} else {
			c.PushNil()
		}
	case "error":
		pushOrNil(c, s.Error)
	case "code":
		if s.Code == 0 {
			c.PushNil()
		} else {
			c.PushNumber(float64(s.Code))
		}
	case "aor":
		c.PushURI(s.AOR)
	case "contact":
		if s.Contact == "" {
			c.PushNil()
		} else {
			c.PushURI(s.Contact)
		}
	default:
		return false
	}
	return true
}

func pushOrNil(c *luabind.Call, s string) {
	if s == "" {
		c.PushNil()
		return
	}
	c.PushString(s)
}

// Events of the module.
func (m *module) Events() []luabind.Event {
	name := luabind.Param{Name: "name", Type: luabind.String}
	return []luabind.Event{
		{Name: EventRegistered, Params: []luabind.Param{name, {Name: "seconds", Type: luabind.Seconds}},
			Doc: "An account is registered, for the first time or again after a failure. A refresh is no event."},
		{Name: EventFailed, Params: []luabind.Param{name, {Name: "error", Type: luabind.String}, {Name: "code", Type: luabind.Integer, Optional: true}},
			Doc: "An account could not be registered or refreshed; it is tried again. code is nil where no answer came."},
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

// count is how many registrations are in a state now.
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
