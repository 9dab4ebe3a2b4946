package uac

// What a running server tells of registrations.

import "github.com/sipscript/sipscript/luabind"

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
