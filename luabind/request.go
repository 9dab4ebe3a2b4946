package luabind

import (
	"encoding/hex"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	lua "github.com/yuin/gopher-lua"
)

// reqObj is the Go side of req. One is made for each request. It lives in the VM whose route saw the request,
// where the request's callbacks run too.
type reqObj struct {
	ud     lua.LUserData
	vm     *vm
	req    *engine.Request // nil while active is 0: what a script keeps of a request must not keep its transaction
	active int             // handlers of the request that have begun and not ended; at 0 its objects may not be used

	ruri       *uriObj
	from, to   *addrObj
	source     *lua.LTable
	receivedOn *lua.LTable
	id         lua.LValue
	quota      *quota // nil until it starts a timer or a task
}

func (v *vm) newRequest(req *engine.Request) *reqObj {
	o := &reqObj{vm: v, req: req}
	o.ud = lua.LUserData{Value: o, Metatable: v.kinds.request}
	return o
}

// check raises when no handler of the request runs any more.
func (o *reqObj) check(l *lua.LState) {
	if o.active == 0 {
		raise(l, "this request is over: its objects live until its handlers end; keep tostring(x) of what you need later")
	}
}

func reqArg(l *lua.LState) *reqObj {
	if ud, ok := l.Get(1).(*lua.LUserData); ok {
		if o, ok := ud.Value.(*reqObj); ok {
			o.check(l)
			return o
		}
	}
	raise(l, "the request is expected before the ':', not %s: write req:name(...), not req.name(...)", describe(l.Get(1)))
	return nil
}

// reqField is a field or a method of req.
type reqField struct {
	method *lua.LFunction
	get    func(o *reqObj, l *lua.LState) lua.LValue
}

// requestIndex reads a field of req.
func (v *vm) requestIndex(l *lua.LState) int {
	ud, ok := l.Get(1).(*lua.LUserData)
	if !ok {
		reqArg(l)
	}
	o, ok := ud.Value.(*reqObj)
	if !ok {
		reqArg(l)
	}
	name, _ := l.Get(2).(lua.LString)
	f, ok := v.kinds.requestFields[string(name)]
	if !ok {
		raise(l, "request has no field '%s'%s", l.Get(2).String(), suggestOrList(string(name), sortedKeys(v.kinds.requestFields)))
	}
	if f.method != nil {
		l.Push(f.method)
		return 1
	}
	o.check(l)
	l.Push(f.get(o, l))
	return 1
}

// requestNewIndex assigns req.ruri; nothing else of a request is assignable.
func (v *vm) requestNewIndex(l *lua.LState) int {
	o := reqArg(l)
	name, _ := l.Get(2).(lua.LString)
	switch name {
	case "ruri":
		text, ok := uriTextOf(l.Get(3))
		if !ok {
			raise(l, "req.ruri must be a uri or a string, not %s", describe(l.Get(3)))
		}
		o.ruriObj().replace(l, text)
		return 0
	case "body":
		raise(l, "req.body is read-only: req:set_body(body, content_type) replaces it")
	case "from", "to":
		raise(l, "req.%s is read-only, since From and To belong to the dialog: uac.mask changes and restores them", name)
	}
	if _, known := v.kinds.requestFields[string(name)]; known {
		raise(l, "req.%s is read-only", name)
	}
	raise(l, "request has no field '%s'%s; req.vars is the place for values of your own", l.Get(2).String(),
		suggest(string(name), sortedKeys(v.kinds.requestFields)))
	return 0
}

func (o *reqObj) ruriObj() *uriObj {
	if o.ruri == nil {
		o.ruri = o.vm.wrapURI(&uriObj{kind: uriRequest, life: o})
	}
	return o.ruri
}

// requestGetters are the fields that are read from the request each time, or once.
func (v *vm) requestGetters() map[string]func(o *reqObj, l *lua.LState) lua.LValue {
	return map[string]func(o *reqObj, l *lua.LState) lua.LValue{
		"method":       func(o *reqObj, _ *lua.LState) lua.LValue { return v.methodName(o.req.Message()) },
		"ruri":         func(o *reqObj, _ *lua.LState) lua.LValue { return &o.ruriObj().ud },
		"from":         func(o *reqObj, l *lua.LState) lua.LValue { return o.party(l, &o.from, message.HeaderFrom, "req.from") },
		"to":           func(o *reqObj, l *lua.LState) lua.LValue { return o.party(l, &o.to, message.HeaderTo, "req.to") },
		"call_id":      func(o *reqObj, _ *lua.LState) lua.LValue { return textValue(o.req.Message().CallID()) },
		"cseq":         func(o *reqObj, l *lua.LState) lua.LValue { return cseqTable(l, o.req.Message()) },
		"max_forwards": func(o *reqObj, _ *lua.LState) lua.LValue { return maxForwards(o.req.Message()) },
		"contacts": func(o *reqObj, l *lua.LState) lua.LValue {
			return v.addresses(l, o.req.Message(), message.HeaderContact, o, "a contact")
		},
		"routes": func(o *reqObj, l *lua.LState) lua.LValue {
			return v.addresses(l, o.req.Message(), message.HeaderRoute, o, "a route")
		},
		"body": func(o *reqObj, _ *lua.LState) lua.LValue { return bodyValue(o.req.Message()) },
		"content_type": func(o *reqObj, _ *lua.LState) lua.LValue {
			return textValue(o.req.Message().Header(message.HeaderContentType))
		},
		"user_agent": func(o *reqObj, _ *lua.LState) lua.LValue {
			return textValue(o.req.Message().Header(message.HeaderUserAgent))
		},
		"expires":   func(o *reqObj, _ *lua.LState) lua.LValue { return expiresValue(o.req.Message()) },
		"id":        func(o *reqObj, _ *lua.LState) lua.LValue { return o.identity() },
		"vars":      func(o *reqObj, l *lua.LState) lua.LValue { return o.vars(l) },
		"in_dialog": func(o *reqObj, _ *lua.LState) lua.LValue { return lua.LBool(o.req.InDialog()) },
		"answered": func(o *reqObj, _ *lua.LState) lua.LValue {
			if code := o.req.Answered(); code != 0 {
				return lua.LNumber(code)
			}
			return lua.LNil
		},
		"cancelled": func(o *reqObj, _ *lua.LState) lua.LValue { return lua.LBool(o.req.Cancelled()) },
		"source":    func(o *reqObj, l *lua.LState) lua.LValue { return o.sourceTable(l) },
		"received_on": func(o *reqObj, l *lua.LState) lua.LValue {
			return o.endpoint(l, &o.receivedOn, o.req.ReceivedOn(), true)
		},
		"route_params": func(o *reqObj, l *lua.LState) lua.LValue { return o.routeParams(l) },
	}
}

// methodName is the method; the known ones cost no allocation.
func (v *vm) methodName(m *message.Message) lua.LValue {
	if id := m.Method(); id != message.MethodOther && int(id) < len(v.kinds.methods) {
		return v.kinds.methods[id]
	}
	return lua.LString(m.MethodText())
}

// party is From or To, read once: an edit can't change them.
func (o *reqObj) party(l *lua.LState, slot **addrObj, id message.HeaderID, name string) lua.LValue {
	if *slot == nil {
		a, err := o.vm.newAddress(o.req.Message().Header(id), o, name)
		if err != nil {
			raise(l, "%s can't be read: %v", name, err)
		}
		*slot = a
	}
	return &(*slot).ud
}

// identity is a text that names this request among all of this and other processes.
func (o *reqObj) identity() lua.LValue {
	if o.id == nil {
		var b [8]byte
		o.vm.random.read(b[:])
		o.id = lua.LString(hex.EncodeToString(b[:]))
	}
	return o.id
}

// vars is the table that stays with the transaction.
func (o *reqObj) vars(l *lua.LState) lua.LValue {
	t, ok := o.req.Vars.(*lua.LTable)
	if !ok {
		t = l.NewTable()
		o.req.Vars = t
		o.vm.keep(t)
	}
	return t
}

func (o *reqObj) endpoint(l *lua.LState, slot **lua.LTable, e engine.Endpoint, name bool) lua.LValue {
	if *slot == nil {
		*slot = endpointTable(l, e, name)
	}
	return *slot
}

// sourceTable is req.source: where it came from, and whom the sender's certificate speaks for.
func (o *reqObj) sourceTable(l *lua.LState) lua.LValue {
	if o.source == nil {
		o.source = endpointTable(l, o.req.Source(), false)
		names := l.NewTable()
		for _, name := range o.req.Identity() {
			names.Append(lua.LString(name))
		}
		o.source.RawSetString("identity", names)
	}
	return o.source
}

func endpointTable(l *lua.LState, e engine.Endpoint, name bool) *lua.LTable {
	t := l.CreateTable(0, 4)
	t.RawSetString("ip", lua.LString(e.Addr.Addr().Unmap().WithZone("").String()))
	t.RawSetString("port", lua.LNumber(e.Addr.Port()))
	t.RawSetString("transport", lua.LString(e.Transport.String()))
	if name {
		t.RawSetString("name", lua.LString(e.Name))
	}
	return t
}

// routeParams are those of our own Record-Route, as a table with names in lower case; nil unless it was ours.
func (o *reqObj) routeParams(l *lua.LState) lua.LValue {
	p, ours := o.req.RouteParams()
	if !ours {
		return lua.LNil
	}
	return paramTable(l, p)
}
