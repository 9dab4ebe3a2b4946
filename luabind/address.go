package luabind

import (
	"github.com/sipscript/sipscript/engine/message"
	lua "github.com/yuin/gopher-lua"
)

// addrObj is a header element with a uri: From, To, one Contact, one Route, what sip.address reads. It is read-only and holds a copy of the text.
type addrObj struct {
	ud    lua.LUserData
	life  *reqObj // whose handlers it lives with; nil for ever
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

// dead tells whether the handlers of the address's request have ended.
func (o *addrObj) dead() bool { return o.life != nil && o.life.active == 0 }

func (o *addrObj) parsed(l *lua.LState) *message.Address {
	if o.life != nil {
		o.life.check(l)
	}
	return &o.a
}

func addrArg(l *lua.LState) *addrObj {
	if ud, ok := l.Get(1).(*lua.LUserData); ok {
		if o, ok := ud.Value.(*addrObj); ok {
			return o
		}
	}
	raise(l, "an address is expected here, not %s", describe(l.Get(1)))
	return nil
}

var addrFieldNames = []string{"display", "uri", "params", "tag"}

func (v *vm) addrIndex(l *lua.LState) int {
	o := addrArg(l)
	a := o.parsed(l)
	name, _ := l.Get(2).(lua.LString)
	switch name {
	case "uri":
		l.Push(v.addrURI(o))
	case "display":
		if s := a.DisplayName(); s != "" {
			l.Push(lua.LString(s))
		} else {
			l.Push(lua.LNil)
		}
	case "tag":
		if tag := a.Tag(); tag != nil {
			l.Push(lua.LString(tag))
		} else {
			l.Push(lua.LNil)
		}
	case "params":
		l.Push(v.newParams(&paramsObj{addr: o}))
	default:
		raise(l, "%s has no field '%s'%s", o.name(), l.Get(2).String(), suggestOrList(string(name), addrFieldNames))
	}
	return 1
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
		o.uri = v.wrapURI(&uriObj{kind: uriFixed, life: o.life, text: o.a.URI, field: o.name() + ".uri"})
	}
	return &o.uri.ud
}

func addrNewIndex(l *lua.LState) int {
	o := addrArg(l)
	if o.field == "req.from" || o.field == "req.to" {
		raise(l, "%s is read-only, since From and To belong to the dialog: uac.mask changes and restores them", o.field)
	}
	raise(l, "%s is read-only", o.name())
	return 0
}

func addrString(l *lua.LState) int {
	o := addrArg(l)
	o.parsed(l)
	l.Push(lua.LString(o.raw))
	return 1
}
