package dispatch

// This file is gateways as scripts see them.

import (
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/dispatch/gateways"
)

// object is a gateway as a target. It is made with the list, and shared.
type object struct{ t *gateways.Target }

// Target implements luabind.Targeter.
func (o *object) Target() *engine.Target { return o.t.Target() }

// ObjectType makes a gateway an object of scripts.
func (o *object) ObjectType() *luabind.ObjectType { return objectType }

// String is the gateway's next hop.
func (o *object) String() string { return o.t.Gateway.NextHop }

func field[R any](name string, r luabind.Returns[R], get func(*gateways.Target) R) luabind.Field {
	return luabind.FieldOf(name, r, func(_ *luabind.Call, o *object) R { return get(o.t) })
}

// table is a copy of a table of the list; nil for none.
func table(doc string) luabind.Returns[map[string]any] {
	return luabind.ReturnsOf(func(c *luabind.Call, m map[string]any) int {
		if m == nil {
			return c.PushNil()
		}
		return c.Push(m)
	}, luabind.Result{Type: luabind.Table, OrNil: true, Doc: doc})
}

// objectType describes gateways to scripts; it is never changed.
var objectType = &luabind.ObjectType{
	Name:    "gateway",
	Doc:     "A gateway of a set, at one of its addresses. relay, fork and forward accept it as a target, and `res.target` returns it.",
	Example: `local gateway = dispatch.select("carriers")`,
	Fields: []luabind.Field{
		field("set", luabind.ReturnsText("the name of its set"), func(t *gateways.Target) string { return t.Gateway.Set().Name() }),
		field("next_hop", luabind.ReturnsText("as in the list, with its scheme"), func(t *gateways.Target) string { return t.Gateway.NextHop }),
		field("address", luabind.OrNil(luabind.ReturnsText("where it is: \"udp:192.0.2.1:5060\"; nil while its name has not been looked up")), (*gateways.Target).Place),
		field("carrier", luabind.OrNil(luabind.ReturnsText("as in the list; nil for none")), func(t *gateways.Target) string { return t.Gateway.Carrier }),
		field("priority", luabind.ReturnsInt("as in the list"), func(t *gateways.Target) int { return t.Gateway.Priority }),
		field("weight", luabind.ReturnsInt("as in the list"), func(t *gateways.Target) int { return t.Gateway.Weight }),
		field("calls", luabind.ReturnsInt("how many calls it has now"), func(t *gateways.Target) int { return t.Gateway.Calls() }),
		field("attrs", table("as in the list; nil for none"), func(t *gateways.Target) map[string]any { return t.Gateway.Attrs }),
	},
}

// status is the state of a gateway at one moment.
type status struct{ *gateways.Status }

// ObjectType makes a state an object of scripts.
func (s *status) ObjectType() *luabind.ObjectType { return statusType }

func told[R any](name string, r luabind.Returns[R], get func(*gateways.Status) R) luabind.Field {
	return luabind.FieldOf(name, r, func(_ *luabind.Call, s *status) R { return get(s.Status) })
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

// statusType describes states to scripts; it is never changed.
var statusType = &luabind.ObjectType{
	Name:    "gateway_status",
	Doc:     "How a gateway fares at one moment.",
	Example: `local status = dispatch.list("carriers")[1]`,
	Fields: []luabind.Field{
		told("set", luabind.ReturnsText("the name of its set"), func(s *gateways.Status) string { return s.Set }),
		told("uri", luabind.ReturnsText("its next_hop"), func(s *gateways.Status) string { return s.URI }),
		told("state", luabind.ReturnsText("up, down, draining or disabled"), func(s *gateways.Status) string { return s.State }),
		told("why", luabind.OrNil(luabind.ReturnsText("what the last change was for; nil if there was none")), func(s *gateways.Status) string { return s.Why }),
		told("since", luabind.ReturnsSeconds("since the last change"), func(s *gateways.Status) time.Duration { return seconds(s.Since) }),
		told("left", luabind.OrNil(luabind.ReturnsSeconds("for which a mark still lasts; nil without a time")), func(s *gateways.Status) time.Duration { return seconds(s.Left) }),
		told("calls", luabind.ReturnsInt("those under way, and those in progress that were record-routed"), func(s *gateways.Status) int { return s.Calls }),
		told("max_calls", luabind.OrNil(luabind.ReturnsInt("nil for no limit")), func(s *gateways.Status) int { return s.MaxCalls }),
		told("sent", luabind.ReturnsInt("requests since the start"), func(s *gateways.Status) int { return int(s.Sent) }),
		told("failed", luabind.ReturnsInt("those that it failed"), func(s *gateways.Status) int { return int(s.Failed) }),
		told("priority", luabind.ReturnsInt("as in the list"), func(s *gateways.Status) int { return s.Priority }),
		told("weight", luabind.ReturnsInt("as in the list"), func(s *gateways.Status) int { return s.Weight }),
		told("carrier", luabind.OrNil(luabind.ReturnsText("as in the list; nil for none")), func(s *gateways.Status) string { return s.Carrier }),
		told("attrs", table("as in the list; nil for none"), func(s *gateways.Status) map[string]any { return s.Gateway.Attrs }),
		told("addresses", luabind.ReturnsValue(luabind.List, "{address, up, why, since} of each address; empty while its name has not been looked up"), addresses),
	},
}

func addresses(s *gateways.Status) any {
	list := make([]any, 0, len(s.Addresses))
	for _, a := range s.Addresses {
		one := map[string]any{"address": a.Address, "up": a.Up, "since": a.Since}
		if a.Why != "" {
			one["why"] = a.Why
		}
		list = append(list, one)
	}
	return list
}
