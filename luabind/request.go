package luabind

import (
	"encoding/hex"
	"slices"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
	lua "github.com/yuin/gopher-lua"
)

// reqObj is the Go side of req. One is made for each request. It lives in the VM whose route saw
// the request, where the request's callbacks run too.
type reqObj struct {
	ud lua.LUserData
	vm *vm
	// Nil while active is 0: what a script keeps of a request must not keep its transaction
	req *engine.Request
	// Handlers of the request that have begun and not ended; at 0 its objects may not be used
	active int

	ruri       *uriObj
	from, to   *addrObj
	source     *lua.LTable
	receivedOn *lua.LTable
	id         lua.LValue
	quota      *quota // nil until it starts a timer or a task
	told       int    // steps told to the engine's observer
	kept       any    // of Call.Running
}

func (v *vm) newRequest(req *engine.Request) *reqObj {
	o := &reqObj{vm: v, req: req}
	o.ud = lua.LUserData{Value: o, Metatable: v.kinds.request}
	return o
}

// check raises an error if no handler of the request runs any more.
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

func (o *reqObj) ruriObj() *uriObj {
	if o.ruri == nil {
		o.ruri = o.vm.wrapURI(&uriObj{kind: uriRequest, life: o})
	}
	return o.ruri
}

// requestType declares req.
var requestType = &ObjectType{
	Name: "request",
	Doc: "The request that route was called for. Fields are read from the message on access; absent ones are nil. " +
		"It lives until its handlers end.",
	Example: `sip.log.info("%s from %s", req.method, req.source.ip)`,
	Fields: []Field{
		reqField("method", String, "as in the request", func(c *Call, o *reqObj) lua.LValue { return c.vm.methodName(o.req.Message()) }),
		settable(reqField("ruri", URIType, "the Request-URI; assigning it, or a part of it, edits the request",
			func(_ *Call, o *reqObj) lua.LValue { return &o.ruriObj().ud }), assignRURI),
		reqField("from", ObjectOf, "From", func(c *Call, o *reqObj) lua.LValue { return o.party(c.l, &o.from, message.HeaderFrom, "req.from") }).of(addressType),
		reqField("to", ObjectOf, "To", func(c *Call, o *reqObj) lua.LValue { return o.party(c.l, &o.to, message.HeaderTo, "req.to") }).of(addressType),
		reqField("call_id", String, "Call-ID", func(_ *Call, o *reqObj) lua.LValue { return textValue(o.req.Message().CallID()) }),
		reqField("cseq", Table, "CSeq", func(c *Call, o *reqObj) lua.LValue { return cseqTable(c.l, o.req.Message()) }).of(cseqShape),
		reqField("max_forwards", Integer, "Max-Forwards", func(_ *Call, o *reqObj) lua.LValue { return maxForwards(o.req.Message()) }).orNil(),
		reqField("contacts", List, "the Contacts, without malformed ones", func(c *Call, o *reqObj) lua.LValue {
			return c.vm.addresses(c.l, o.req.Message(), message.HeaderContact, o, "a contact")
		}).of(addressType),
		reqField("routes", List, "the Route entries after this server's own", func(c *Call, o *reqObj) lua.LValue {
			return c.vm.addresses(c.l, o.req.Message(), message.HeaderRoute, o, "a route")
		}).of(addressType),
		reqField("body", String, "the body; set_body replaces it", func(_ *Call, o *reqObj) lua.LValue { return bodyValue(o.req.Message()) }).orNil(),
		reqField("parts", List, "the parts of a multipart body; nil for any other body, and for one that can't be read",
			func(c *Call, o *reqObj) lua.LValue { return partsValue(c.l, o.req.Message()) }).of(partShape).orNil(),
		reqField("content_type", String, "Content-Type", func(_ *Call, o *reqObj) lua.LValue {
			return textValue(o.req.Message().Header(message.HeaderContentType))
		}).orNil(),
		reqField("user_agent", String, "User-Agent", func(_ *Call, o *reqObj) lua.LValue {
			return textValue(o.req.Message().Header(message.HeaderUserAgent))
		}).orNil(),
		reqField("expires", Seconds, "Expires", func(_ *Call, o *reqObj) lua.LValue { return expiresValue(o.req.Message()) }).orNil(),
		reqField("id", String, "identifies this request, also among those of other processes", func(_ *Call, o *reqObj) lua.LValue { return o.identity() }),
		reqField("vars", Table, "values of your own, kept with the transaction", func(c *Call, o *reqObj) lua.LValue { return o.vars() }),
		reqField("in_dialog", Boolean, "whether it has a To tag (the ACK of a non-2xx has one too)", func(_ *Call, o *reqObj) lua.LValue { return lua.LBool(o.req.InDialog()) }),
		reqField("answered", Integer, "the code of the final response that was sent", func(_ *Call, o *reqObj) lua.LValue {
			if code := o.req.Answered(); code != 0 {
				return lua.LNumber(code)
			}
			return lua.LNil
		}).orNil().with(Ends),
		reqField("cancelled", Boolean, "whether the caller cancelled",
			func(_ *Call, o *reqObj) lua.LValue { return lua.LBool(o.req.Cancelled()) }).with(Ends),
		reqField("source", Table, "where it came from", func(c *Call, o *reqObj) lua.LValue { return o.sourceTable(c.l) }).of(sourceShape).with(Vets),
		reqField("received_on", Table, "the listener it arrived on", func(c *Call, o *reqObj) lua.LValue {
			return o.endpoint(c.l, &o.receivedOn, o.req.ReceivedOn(), true)
		}).of(listenerShape),
		reqField("route_params", Table, "the parameters of this server's own Record-Route, {} if it had none; nil unless the request followed one with a valid signature",
			func(c *Call, o *reqObj) lua.LValue { return o.routeParams(c.l) }).orNil().with(Vets),
	},
	Methods: append(requestMethods(), headerMethods()...),
	kind: &kind{
		variable: "req",
		set:      requestSet,
		text: func(l *lua.LState, self any) string { // method, Request-URI and Call-ID
			o := self.(*reqObj)
			o.check(l)
			m := o.req.Message()
			return string(m.MethodText()) + " " + string(m.RequestURI()) + " " + string(m.CallID())
		},
	},
}

// reqField declares a field of req, which can be read while its handlers run.
func reqField(name string, t Type, doc string, get func(*Call, *reqObj) lua.LValue) Field {
	return liveField(name, t, doc, get)
}

func assignRURI(c *Call, o *reqObj) {
	text, ok := uriTextOf(c.l.Get(3))
	if !ok {
		raise(c.l, "req.ruri must be a uri or a string, not %s", describe(c.l.Get(3)))
	}
	o.ruriObj().replace(c.l, text)
}

// requestSet raises the error for a field that cannot be assigned.
func requestSet(c *Call, self any, name string) bool {
	self.(*reqObj).check(c.l)
	switch name {
	case "ruri":
		return false
	case "body":
		raise(c.l, "req.body is read-only: req:set_body(body, content_type) replaces it")
	case "from", "to":
		raise(c.l, "req.%s is read-only, since From and To belong to the dialog: uac.mask changes and restores them", name)
	}
	names := c.vm.kinds.requestNames
	if slices.Contains(names, name) {
		raise(c.l, "req.%s is read-only", name)
	}
	raise(c.l, "request has no field '%s'%s; req.vars is the place for values of your own", c.l.Get(2).String(), suggest(name, names))
	return true
}

// reqSelf is the request that a method was called on, while its handlers run.
func reqSelf() Arg[*reqObj] {
	return Arg[*reqObj]{width: 1, read: func(c *Call, _ int) *reqObj { return reqArg(c.l) }}
}

// The tables that fields of messages hold.
var (
	cseqShape = &ObjectType{Name: "cseq", Doc: "A sequence number and its method.", Fields: []Field{
		{Name: "number", Type: Integer}, {Name: "method", Type: String}}}
	endpointFields = []Field{
		{Name: "ip", Type: String, Doc: "the address, without brackets"},
		{Name: "port", Type: Integer},
		{Name: "transport", Type: String, Doc: "udp, tcp, tls, ws or wss"},
	}
	endpointShape = &ObjectType{Name: "endpoint", Doc: "An address with its transport.", Fields: endpointFields}
	sourceShape   = &ObjectType{Name: "source", Doc: "Where a request came from.", Fields: append(endpointFields[:3:3],
		Field{Name: "identity", Type: List, Doc: "the domains that the sender's certificate is valid for"},
		Field{Name: "http", Type: ObjectOf, Object: upgradeShape, OrNil: true, Doc: "over ws and wss: the request that opened the connection"})}
	upgradeShape = &ObjectType{Name: "upgrade", Doc: "The HTTP request that opened a WebSocket. All of it is what the client says.", Fields: []Field{
		{Name: "path", Type: String, Doc: "without the query"},
		{Name: "query", Type: Table, Doc: "the parameters after \"?\", the first of each name"},
		{Name: "headers", Type: Table, Doc: "by name in lower case; at most 4 KiB in all"},
		{Name: "origin", Type: String, OrNil: true, Doc: "of the web page, which only browsers say truly"},
	}}
	listenerShape = &ObjectType{Name: "listener", Doc: "Where a request was received.", Fields: append(endpointFields[:3:3],
		Field{Name: "name", Type: String, Doc: "of the listener, for from_socket"})}
)

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

// identity is a text that identifies this request, also among those of other processes.
func (o *reqObj) identity() lua.LValue {
	if o.id == nil {
		var b [8]byte
		o.vm.random.read(b[:])
		o.id = lua.LString(hex.EncodeToString(b[:]))
	}
	return o.id
}

// vars is the table that stays with the transaction.
func (o *reqObj) vars() lua.LValue {
	t, ok := o.req.Vars.(*lua.LTable)
	if !ok {
		t = newTable(0, 0)
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

// sourceTable is req.source: where it came from, and the domains the sender's certificate is valid
// for.
func (o *reqObj) sourceTable(l *lua.LState) lua.LValue {
	if o.source == nil {
		o.source = endpointTable(l, o.req.Source(), false)
		names := l.NewTable()
		for _, name := range o.req.Identity() {
			names.Append(lua.LString(name))
		}
		o.source.RawSetString("identity", names)
		if a := o.req.Upgrade(); a != nil {
			o.source.RawSetString("http", upgradeTable(l, a))
		}
	}
	return o.source
}

// upgradeTable is req.source.http.
func upgradeTable(l *lua.LState, a *transport.Upgrade) *lua.LTable {
	t := l.CreateTable(0, 4)
	t.RawSetString("path", lua.LString(a.Path))
	t.RawSetString("query", textTable(l, a.Query))
	t.RawSetString("headers", textTable(l, a.Headers))
	if a.Origin != "" {
		t.RawSetString("origin", lua.LString(a.Origin))
	}
	return t
}

func textTable(l *lua.LState, texts map[string]string) *lua.LTable {
	t := l.CreateTable(0, len(texts))
	for name, text := range texts {
		t.RawSetString(name, lua.LString(text))
	}
	return t
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

// routeParams are those of our own Record-Route, as a table with names in lower case; nil unless it
// was ours.
func (o *reqObj) routeParams(l *lua.LState) lua.LValue {
	p, ours := o.req.RouteParams()
	if !ours {
		return lua.LNil
	}
	return paramTable(l, p)
}
