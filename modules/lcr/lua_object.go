package lcr

// A route as scripts see it.

import (
	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
)

// Route is one way for a call: a gateway of a carrier, and what the carrier asks.
type Route struct {
	Offer
	target engine.Target
}

// Target is where the call goes.
func (r *Route) Target() *engine.Target { return &r.target }

// ObjectType makes a route an object of scripts.
func (*Route) ObjectType() *luabind.ObjectType { return routeType }

// routeType describes routes to scripts; it is never changed.
var routeType = &luabind.ObjectType{
	Name: "route",
	Doc:  "A gateway of a carrier. relay and fork accept it as a target; a list is tried in its order, until somebody has been reached.",
	Fields: []luabind.Field{
		routeField("carrier", luabind.ReturnsText("the carrier's name"), func(r *Route) string { return r.Carrier }),
		routeField("prefix", luabind.ReturnsText("the prefix of the rate, without +"), func(r *Route) string { return r.Prefix }),
		routeField("cost", luabind.ReturnsNumber("of the rate"), func(r *Route) float64 { return r.Cost.Float() }),
		routeField("quality", luabind.ReturnsNumber("of the rate; 0 if it has none"), func(r *Route) float64 { return r.Quality }),
		routeField("attrs", luabind.ReturnsValue(luabind.Table, "of the rate, a copy; {} if it has none"), func(r *Route) any {
			if r.Attrs == nil {
				return map[string]any{}
			}
			return r.Attrs
		}),
		routeField("uri", luabind.ReturnsURI("the Request-URI: the number as the carrier wants it, at the gateway"), func(r *Route) string { return r.target.URI }),
	},
}

func routeField[R any](name string, r luabind.Returns[R], get func(*Route) R) luabind.Field {
	return luabind.FieldOf(name, r, func(_ *luabind.Call, route *Route) R { return get(route) })
}
