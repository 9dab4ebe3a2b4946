package registrar

// This file is the binding as scripts see it.

import (
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/luabind"
)

// bindingType describes bindings to scripts; it is never changed.
var bindingType = &luabind.ObjectType{
	Name: "binding",
	Doc:  "One contact of a registered user. relay and fork accept it as a target.",
	Fields: []luabind.Field{
		luabind.FieldFrom("uri", luabind.ReturnsURI("the contact"), (*Binding).Contact),
		luabind.FieldFrom("q", luabind.ReturnsNumber("preference, 0 to 1; 1 if the client gave none"), (*Binding).Q),
		luabind.FieldFrom("path", luabind.ListOrNil(luabind.ReturnsStrings("Path values, topmost first (RFC 3327); nil if there are none")), (*Binding).Path),
		luabind.FieldFrom("flow", luabind.OrNil(luabind.ReturnsNumber("identifies the connection it came on; nil if there is none")), func(b *Binding) float64 {
			if b.Flow() == transport.FlowGone {
				return 0
			}
			return float64(b.Flow())
		}),
		luabind.FieldFrom("received", luabind.OrNil(luabind.ReturnsText(`"udp:192.0.2.7:1024" for a client behind a NAT, "tcp:192.0.2.7:49152" for one on a connection; otherwise nil`)),
			(*Binding).Received),
		luabind.FieldFrom("user_agent", luabind.OrNil(luabind.ReturnsText("of the last REGISTER; nil if it had none")), (*Binding).UserAgent),
		luabind.FieldFrom("instance", luabind.OrNil(luabind.ReturnsText(`"urn:uuid:…" (RFC 5626 §4.1); nil if there is none`)), (*Binding).Instance),
		luabind.FieldFrom("reg_id", luabind.OrNil(luabind.ReturnsInt("RFC 5626 §4.2; nil if there is none")), func(b *Binding) int { return int(b.RegID()) }),
		luabind.FieldFrom("params", luabind.ReturnsValue(luabind.Table,
			"the contact's header parameters, by name in lower case; true for those without a value. Capabilities are among them (RFC 3840)"),
			func(b *Binding) any { return b.params() }),
		luabind.FieldOf("expires", luabind.ReturnsSeconds("left"), func(c *luabind.Call, b *Binding) time.Duration {
			return time.Duration(max(0, b.expires-c.Now().UnixMilli())) * time.Millisecond
		}),
	},
}

// ObjectType makes a binding an object of scripts.
func (b *Binding) ObjectType() *luabind.ObjectType { return bindingType }

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
