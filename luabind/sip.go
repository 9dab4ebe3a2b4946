package luabind

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
	lua "github.com/yuin/gopher-lua"
)

// The sip table, available to every script without a require.

func (v *vm) openSIP() {
	members := map[string]lua.LValue{}
	for _, f := range sipFunctions() {
		members[f.Name] = v.bind(f, "sip."+f.Name, false)
	}
	members["json.null"] = v.null()
	members["json.empty_list"] = v.emptyList()
	members["args"] = v.argsTable()
	t := v.namespace("sip", members)
	v.modules["sip"] = t
	v.main.SetGlobal("sip", t)
}

// sipFunctions are all functions of sip.
func sipFunctions() []Function {
	return slices.Concat(sipText(), sipEngine(), sipTime(), sipLog(), sipCodecs(), sipMetric(), []Function{sipShared(), sipTrace()})
}

// Core is what every script has without a require: the table sip, and the objects of messages.
func Core() Library {
	return Library{
		Name:      "sip",
		Doc:       "Available to every script without a require.",
		Functions: sipFunctions(),
		Fields: []Field{
			{Name: "args", Type: Table, Doc: "the values of --set KEY=VALUE, by KEY; nil for a key that was not set"},
			{Name: "json.null", Type: Any, Doc: "null in JSON, in both directions"},
			{Name: "json.empty_list", Type: Any, Doc: "[] in JSON, because {} would be an object"},
		},
		Events: coreEvents(),
		Types: []*ObjectType{requestType, responseType, branchType, uriType, addressType, paramsType, dictType, commonType, counterType, gaugeType, histogramType, taskType, timerType,
			cseqShape, endpointShape, sourceShape, upgradeShape, listenerShape, partShape, targetShape()},
	}
}

// targetShape is a target written as a table.
func targetShape() *ObjectType {
	t := &ObjectType{Name: "target", Example: `req:relay({ uri = "sip:bob@192.0.2.7", timeout = 20, headers = { Subject = "sales" } })`,
		Doc: "Where a request goes: a string, a uri, a binding, or a table with these keys, of which uri, next_hop or flow is required."}
	t.keys = targetKeys.options()
	for _, o := range t.keys {
		t.Fields = append(t.Fields, Field{Name: o.Name, Type: o.Kind, Doc: o.Doc})
	}
	return t
}

// coreEvents are those that no module brings.
func coreEvents() []Event {
	why := []Param{{Name: "why", Type: String, Doc: "start or reload"}}
	return []Event{
		{Name: "start", Doc: "This generation of the script goes into service.", Params: why},
		{Name: "stop", Doc: "Another generation replaces this one, or the process is stopping.",
			Params: []Param{{Name: "why", Type: String, Doc: "reload or shutdown"}}},
	}
}

// argsTable is sip.args: read-only, nil for what was not given.
func (v *vm) argsTable() lua.LValue {
	t := v.main.NewTable()
	for k, x := range v.gen.router.opts.Args {
		t.RawSetString(k, lua.LString(x))
	}
	t.Metatable = v.metatable(func(l *lua.LState) int { l.Push(lua.LNil); return 1 }, func(l *lua.LState) int {
		raise(l, "sip.args is read-only: it holds the values of --set KEY=VALUE")
		return 0
	})
	return t
}

func sipText() []Function {
	return []Function{
		Try1(Function{Name: "uri", Doc: "Creates a uri from a string, or a copy of a uri or of an address's uri. nil, err for a string that is not a URI.",
			Example: `local u = sip.uri("sip:bob@example.com")`},
			uriSourceArg, returnsLua(URIType, "a uri that may be changed").of(uriType), func(c *Call, text string) (lua.LValue, error) {
				u, err := c.vm.newURI(text)
				if err != nil {
					return nil, err
				}
				return u, nil
			}),
		Try1(Function{Name: "address", Doc: "Reads an address as in P-Asserted-Identity, Diversion or Refer-To, or builds one from its parts. nil, err for a string that is not an address.",
			Example: `local a = sip.address('"Bob" <sip:bob@example.com>;reason=busy')`},
			addressSourceArg, returnsLua(ObjectOf, "read-only").of(addressType), func(c *Call, text string) (lua.LValue, error) {
				a, err := c.vm.newAddress([]byte(text), nil, "")
				if err != nil {
					return nil, err
				}
				return &a.ud, nil
			}),
		Func1(Function{Name: "env", Doc: "An environment variable of the process; nil if it is not set or empty.", Example: `local key = sip.env("API_KEY")`},
			TextArg("name", ""), OrNil(ReturnsText("")), func(c *Call, name string) string { return c.vm.gen.router.opts.Env(name) }),
	}
}

// failText is nil, err.
func failText(l *lua.LState, text string) int {
	l.Push(lua.LNil)
	l.Push(lua.LString(text))
	return 2
}

// uriSourceArg is the text to create a uri from.
var uriSourceArg = ArgOf(func(c *Call, n int) string {
	switch x := c.l.Get(n).(type) {
	case lua.LString:
		return string(x)
	case *lua.LUserData:
		switch o := x.Value.(type) {
		case *uriObj:
			return string(o.bytes(c.l))
		case *addrObj:
			return string(o.parsed(c.l).URI)
		}
	}
	c.want(n, "a string or a uri")
	return ""
}, Param{Name: "text", Type: ObjectOf, Object: addressType, Or: []Type{String, URIType}, Sure: []Type{ObjectOf, URIType}})

// addressSourceArg is the text to create an address from.
var addressSourceArg = ArgOf(func(c *Call, n int) string {
	if t, ok := c.l.Get(n).(*lua.LTable); ok {
		return c.vm.addressText(c.l, t)
	}
	text, ok := textOf(c.l.Get(n))
	if !ok {
		c.want(n, "a string or a table {display=, uri=, params=}")
	}
	return text
}, Param{Name: "text", Type: String, Or: []Type{Table}, Doc: "or {display=, uri=, params=}", Options: []Option{
	{Name: "display", Kind: String, Doc: "quoted if necessary"}, {Name: "uri", Kind: URIType, Required: true}, {Name: "params", Kind: Table}}})

// addressText writes {display=, uri=, params=} as a header has it, quoted if necessary.
func (v *vm) addressText(l *lua.LState, t *lua.LTable) string {
	if err := unknownKey(t, []string{"display", "uri", "params"}, ""); err != nil {
		raise(l, "sip.address: %v", err)
	}
	uri, ok := uriTextOf(t.RawGetString("uri"))
	if !ok {
		raise(l, "sip.address: uri must be a string or a uri, not %s", describe(t.RawGetString("uri")))
	}
	text := "<" + uri + ">" + string(paramsText(l, t.RawGetString("params")))
	if lv := t.RawGetString("display"); lv != lua.LNil {
		display := plainText(l, "sip.address: display", lv)
		text = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", " ", "\n", " ", "\x00", " ").Replace(display) + `" ` + text
	}
	return text
}

func sipEngine() []Function {
	name := TextArg("name", "of the domain")
	return []Function{
		Func1(Function{Name: "is_local", Effects: Vets, Doc: "Reports whether a host is this server: its domains at any port, its listen addresses at their port.",
			Example: `if not sip.is_local(req.ruri) then return req:reply(403) end`},
			hostArg, ReturnsBool(""), func(c *Call, h hostAt) bool {
				return h.host != "" && c.vm.engineOf(c.l, "sip.is_local").IsLocal(h.host, h.port)
			}),
		Func1(Function{Name: "listens_at", Doc: "Reports whether an address is one that this server listens at, whatever the port: a message from there comes from this machine.",
			Example: `if sip.listens_at(req.source.ip) then sip.log.info("from this machine") end`},
			TextArg("ip", "an address"), ReturnsBool(""), func(c *Call, ip string) bool {
				a, err := netip.ParseAddr(ip)
				return err == nil && slices.ContainsFunc(c.vm.engineOf(c.l, "sip.listens_at").Locals(), func(l *transport.Local) bool {
					return l.Addr.Addr().Unmap() == a.Unmap()
				})
			}),
		Act1(Function{Name: "domains.add", Doc: "Adds a local domain, until the process ends.", Example: `sip.domains.add("example.net")`}, name,
			func(c *Call, name string) error { return c.vm.engineOf(c.l, "sip.domains").Domains().Add(name) }),
		Func1(Function{Name: "domains.remove", Doc: "Removes a local domain.", Example: `sip.domains.remove("example.net")`}, name,
			ReturnsBool("true"), func(c *Call, name string) bool {
				c.vm.engineOf(c.l, "sip.domains").Domains().Remove(name)
				return true
			}),
		Func0(Function{Name: "domains.list", Doc: "The local domains.", Example: `local domains = sip.domains.list()`},
			ReturnsStrings(""), func(c *Call) []string { return c.vm.engineOf(c.l, "sip.domains").Domains().List() }),
		sipSend(),
		sipSupported(),
	}
}

// engineOf is the engine, which a test of a module may lack.
func (v *vm) engineOf(l *lua.LState, what string) *engine.Engine {
	e := v.gen.router.engine()
	if e == nil {
		raise(l, "%s is not possible without an engine", what)
	}
	return e
}

// hostAt is a host at a port; host is "" for what is not one.
type hostAt struct {
	host string
	port uint16
}

var hostArg = ArgOf(func(c *Call, n int) hostAt {
	switch x := c.l.Get(n).(type) {
	case lua.LString:
		host, port := hostPort(string(x))
		return hostAt{host, port}
	case *lua.LUserData:
		switch o := x.Value.(type) {
		case *uriObj:
			host, port := hostAndPort(o.parsed(c.l))
			return hostAt{host, port}
		case *addrObj:
			u, err := message.ParseURI(o.parsed(c.l).URI)
			if err != nil { // "Contact: *"
				return hostAt{}
			}
			host, port := hostAndPort(&u)
			return hostAt{host, port}
		}
	}
	c.want(n, "a host or a uri")
	return hostAt{}
}, Param{Name: "host", Type: String, Or: []Type{URIType}, Doc: "\"host\", \"host:port\", or a uri"})

// hostAndPort are those of a uri. A sips uri without a port means 5061 (§19.1.2).
func hostAndPort(u *message.URI) (string, uint16) {
	if u.Port == 0 && len(u.Scheme) == len("sips") {
		return string(u.Host), 5061
	}
	return string(u.Host), u.Port
}

// hostPort reads "host", "host:port", "[v6]:port" or the text of a uri. For unreadable text there
// is not a host: it may have come from the network.
func hostPort(text string) (string, uint16) {
	if scheme, _, ok := strings.Cut(text, ":"); ok && (strings.EqualFold(scheme, "sip") || strings.EqualFold(scheme, "sips") || strings.EqualFold(scheme, "tel")) {
		u, err := message.ParseURI([]byte(text))
		if err != nil {
			return "", 0
		}
		return hostAndPort(&u)
	}
	if host, port, err := net.SplitHostPort(text); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil {
			return host, uint16(n)
		}
	}
	return strings.Trim(text, "[]"), 0
}
