package registrar

// This file is what scripts see beside functions: the binding as an object, events and metrics.

import (
	"context"
	"strings"

	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/luabind"
)

// bindingType describes bindings to scripts; it is never changed.
var bindingType = &luabind.ObjectType{
	Name: "binding",
	Doc:  "One contact of a registered user. relay and fork take it as a target.",
	Fields: []luabind.Field{
		{Name: "uri", Type: luabind.URIType, Doc: "the contact"},
		{Name: "q", Type: luabind.Number, Doc: "preference, 0 to 1; 1 where the client named none"},
		{Name: "path", Type: luabind.List, Doc: "Path values, topmost first (RFC 3327); nil without"},
		{Name: "flow", Type: luabind.Number, Doc: "names the connection it came on; nil without"},
		{Name: "received", Type: luabind.String, Doc: `"udp:192.0.2.7:1024" for a client behind a NAT, "tcp:192.0.2.7:49152" for one on a connection; nil without`},
		{Name: "user_agent", Type: luabind.String, Doc: "of the last REGISTER; nil without"},
		{Name: "instance", Type: luabind.String, Doc: `"urn:uuid:…" (RFC 5626 §4.1); nil without`},
		{Name: "reg_id", Type: luabind.Integer, Doc: "RFC 5626 §4.2; nil without"},
		{Name: "params", Type: luabind.Table, Doc: "the contact's header parameters, by name in lower case; true for those without a value. Capabilities are among them (RFC 3840)"},
		{Name: "expires", Type: luabind.Seconds, Doc: "seconds left"},
	},
}

// ObjectType makes a binding an object of scripts.
func (b *Binding) ObjectType() *luabind.ObjectType { return bindingType }

// Field is a field of the object.
func (b *Binding) Field(c *luabind.Call, name string) bool {
	switch name {
	case "uri":
		c.PushURI(b.Contact())
	case "q":
		c.PushNumber(b.Q())
	case "path":
		if b.Path() == nil {
			c.PushNil()
			break
		}
		c.PushStrings(b.Path())
	case "flow":
		if b.Flow() == transport.FlowGone {
			c.PushNil()
			break
		}
		pushNonZero(c, float64(b.Flow()))
	case "received":
		c.PushText(b.Received())
	case "user_agent":
		c.PushText(b.UserAgent())
	case "instance":
		c.PushText(b.Instance())
	case "reg_id":
		pushNonZero(c, float64(b.RegID()))
	case "params":
		c.Push(b.params())
	case "expires":
		left := int64(0)
		if l := c.Lane(); l != nil {
			left = max(0, b.expires-l.Wall().UnixMilli())
		}
		c.PushNumber(float64(left) / 1000)
	default:
		return false
	}
	return true
}

// params are the contact's header parameters by name, in lower case.
func (b *Binding) params() map[string]any {
	all := make(map[string]any)
	b.Params().Each(func(name, value []byte) bool {
		if key := strings.ToLower(string(name)); len(value) > 0 {
			all[key] = string(value)
		} else {
			all[key] = true
		}
		return true
	})
	return all
}

func pushNonZero(c *luabind.Call, n float64) {
	if n == 0 {
		c.PushNil()
		return
	}
	c.PushNumber(n)
}

// Events of the module.
func (m *module) Events() []luabind.Event {
	params := []luabind.Param{{Name: "aor", Type: luabind.String}, {Name: "binding", Type: luabind.ObjectOf, Object: bindingType}}
	return []luabind.Event{
		{Name: Bound.String(), Params: params, Doc: "A new binding."},
		{Name: Refreshed.String(), Params: params, Doc: "A binding was registered again before it ended."},
		{Name: Expired.String(), Params: params, Doc: "A binding ended. It is told within some seconds."},
		{Name: Removed.String(), Params: params, Doc: "A binding was removed, by its client or by remove."},
	}
}

// Metrics of the registrar.
func (r *Registrar) Metrics() []luabind.Metric {
	return append(r.bindingMetrics(), r.subscriptionMetrics()...)
}

func (r *Registrar) bindingMetrics() []luabind.Metric {
	f := &r.figures
	counter := func(name, help, label, value string, get func() uint64) luabind.Metric {
		m := luabind.Metric{Name: name, Help: help, Kind: luabind.Counter, Value: func() float64 { return float64(get()) }}
		if label != "" {
			m.Labels = map[string]string{label: value}
		}
		return m
	}
	const registers, helpRegisters = "registrar_registers_total", "REGISTER requests processed, by outcome"
	const changes, helpChanges = "registrar_changes_total", "changes of bindings"
	return []luabind.Metric{
		{Name: "registrar_bindings", Help: "bindings now; -1 when the store is away", Kind: luabind.Gauge,
			Value: func() float64 { return float64(r.Stats(context.Background()).Bindings) }},
		counter(registers, helpRegisters, "outcome", "accepted", f.accepted.Load),
		counter(registers, helpRegisters, "outcome", "refused", f.refused.Load),
		counter(registers, helpRegisters, "outcome", "failed", f.failed.Load),
		counter(changes, helpChanges, "change", "bound", f.bound.Load),
		counter(changes, helpChanges, "change", "refreshed", f.refreshed.Load),
		counter(changes, helpChanges, "change", "expired", f.expired.Load),
		counter(changes, helpChanges, "change", "removed", f.removed.Load),
		counter("registrar_lookups_total", "lookups", "", "", func() uint64 { return r.Stats(context.Background()).Lookups }),
	}
}
