package luabind

import (
	"github.com/sipscript/sipscript/engine/message"
	lua "github.com/yuin/gopher-lua"
)

// addrObj is a header element with a URI: From, To, one Contact, one Route, or the result of
// sip.address. It is read-only and holds a copy of the text.
type addrObj struct {
	ud    lua.LUserData
	life  *reqObj // the request whose handlers it lives with; nil for ever
	raw   []byte
	a     message.Address
	field string // "req.from", for error messages
	uri   *uriObj
}

// newAddress makes an address of a copy of element.
func (v *vm) newAddress(element []byte, life *reqObj, field string) (*addrObj, error) {
	o := &addrObj{life: life, raw: append([]byte(nil), element...), field: field}
	a, err := message.ParseAddress(o.raw)
	if err != nil {
		return nil, err
	}
	o.a = a
	o.ud = lua.LUserData{Value: o, Metatable: v.kinds.address}
	return o, nil
}

func (o *addrObj) text() string { return string(o.raw) }

// dead reports whether the handlers of the address's request have ended.
func (o *addrObj) dead() bool { return o.life != nil && o.life.active == 0 }

func (o *addrObj) parsed(l *lua.LState) *message.Address {
	if o.life != nil {
		o.life.check(l)
	}
	return &o.a
}

// addressType declares addresses.
var addressType = &ObjectType{
	Name:    "address",
	Doc:     "A header element with a URI: From, To, one Contact, one Route, or the result of sip.address. It is read-only; tostring gives its text.",
	Example: `sip.log.info("%s calls %s", req.from.uri.user, req.to.uri.user)`,
	Fields: []Field{
		addrField("display", String, "the name without its quotes", func(_ *Call, o *addrObj, a *message.Address) lua.LValue {
			if s := a.DisplayName(); s != "" {
				return lua.LString(s)
			}
			return lua.LNil
		}).orNil(),
		addrField("uri", URIType, "read-only; nil for Contact: *", func(c *Call, o *addrObj, _ *message.Address) lua.LValue { return c.vm.addrURI(o) }).orNil(),
		addrField("tag", String, "the parameter tag", func(_ *Call, o *addrObj, a *message.Address) lua.LValue { return textOrNil(a.Tag()) }).orNil(),
		addrField("params", Table, "the parameters after the URI", func(c *Call, o *addrObj, _ *message.Address) lua.LValue {
			return c.vm.newParams(&paramsObj{addr: o})
		}).of(paramsType),
	},
	kind: &kind{
		set: func(c *Call, self any, _ string) bool {
			o := self.(*addrObj)
			if o.field == "req.from" || o.field == "req.to" {
				raise(c.l, "%s is read-only, since From and To belong to the dialog: uac.mask changes and restores them", o.field)
			}
			raise(c.l, "%s is read-only", o.name())
			return true
		},
		text: func(l *lua.LState, self any) string {
			o := self.(*addrObj)
			o.parsed(l)
			return string(o.raw)
		},
		joins: true,
	},
}

func addrField(name string, t Type, doc string, get func(*Call, *addrObj, *message.Address) lua.LValue) Field {
	return luaField(name, t, doc, func(c *Call, o *addrObj) lua.LValue { return get(c, o, o.parsed(c.l)) })
}

func (o *addrObj) name() string {
	if o.field == "" {
		return "an address"
	}
	return o.field
}

// addrURI is the address's uri, nil for "Contact: *".
func (v *vm) addrURI(o *addrObj) lua.LValue {
	if o.a.Star {
		return lua.LNil
	}
	if o.uri == nil {
		o.uri = v.wrapURI(&uriObj{kind: uriFixed, life: o.life, text: o.a.URI, of: o})
	}
	return &o.uri.ud
}
