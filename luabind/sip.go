package luabind

import (
	"net"
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	lua "github.com/yuin/gopher-lua"
)

// The sip table: what every script has without a require.

func (v *vm) openSIP() {
	members := map[string]lua.LValue{}
	for _, group := range []map[string]lua.LGFunction{v.sipText(), v.sipTime(), v.sipLog(), v.sipCodecs(), v.sipEngine()} {
		for name, f := range group {
			members[name] = v.main.NewFunction(f)
		}
	}
	members["shared"] = v.main.NewFunction(v.sipShared)
	members["json.null"] = v.null()
	members["json.empty_list"] = v.emptyList()
	members["args"] = v.argsTable()
	t := v.namespace("sip", members)
	v.modules["sip"] = t
	v.main.SetGlobal("sip", t)
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

func (v *vm) sipText() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{"uri": v.sipURI, "address": v.sipAddress, "env": v.sipEnv}
}

// failText is nil, err.
func failText(l *lua.LState, text string) int {
	l.Push(lua.LNil)
	l.Push(lua.LString(text))
	return 2
}

// sipURI is sip.uri(text | uri) -> a copy | nil, err.
func (v *vm) sipURI(l *lua.LState) int {
	var text string
	switch x := l.Get(1).(type) {
	case lua.LString:
		text = string(x)
	case *lua.LUserData:
		switch o := x.Value.(type) {
		case *uriObj:
			text = string(o.bytes(l))
		case *addrObj:
			text = string(o.parsed(l).URI)
		default:
			raise(l, "sip.uri: argument 1 must be a string or a uri, not %s", describe(x))
		}
	default:
		raise(l, "sip.uri: argument 1 must be a string or a uri, not %s", describe(x))
	}
	u, err := v.newURI(text)
	if err != nil {
		return failText(l, err.Error())
	}
	l.Push(u)
	return 1
}

// addressText writes {display=, uri=, params=} as a header has it, quoted where it must be.
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

// sipAddress is sip.address(text | {display=, uri=, params=}) -> {display, uri, params} | nil, err.
func (v *vm) sipAddress(l *lua.LState) int {
	if t, ok := l.Get(1).(*lua.LTable); ok {
		l.Replace(1, lua.LString(v.addressText(l, t)))
	}
	text, ok := textOf(l.Get(1))
	if !ok {
		raise(l, "sip.address: argument 1 must be a string or a table {display=, uri=, params=}, not %s", describe(l.Get(1)))
	}
	a, err := v.newAddress([]byte(text), nil, "")
	if err != nil {
		return failText(l, err.Error())
	}
	l.Push(&a.ud)
	return 1
}

// sipEnv is sip.env(name): nil for one that is not set or empty.
func (v *vm) sipEnv(l *lua.LState) int {
	name := plainText(l, "sip.env: the name", l.Get(1))
	if s := v.gen.router.opts.Env(name); s != "" {
		l.Push(lua.LString(s))
	} else {
		l.Push(lua.LNil)
	}
	return 1
}

func (v *vm) sipEngine() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{"is_local": v.sipIsLocal, "domains.add": v.domainsAdd, "domains.remove": v.domainsRemove,
		"domains.list": v.domainsList, "send": v.sipSend, "supported": v.sipSupported}
}

// engineOf is the engine, which a test of a module may lack.
func (v *vm) engineOf(l *lua.LState, what string) *engine.Engine {
	e := v.gen.router.engine()
	if e == nil {
		raise(l, "%s is not possible without an engine", what)
	}
	return e
}

// sipIsLocal is sip.is_local(host | uri).
func (v *vm) sipIsLocal(l *lua.LState) int {
	e := v.engineOf(l, "sip.is_local")
	var host string
	var port uint16
	switch x := l.Get(1).(type) {
	case lua.LString:
		host, port = hostPort(string(x))
	case *lua.LUserData:
		var u *message.URI
		switch o := x.Value.(type) {
		case *uriObj:
			u = o.parsed(l)
		case *addrObj:
			parsed, err := message.ParseURI(o.parsed(l).URI)
			if err != nil { // "Contact: *"
				l.Push(lua.LFalse)
				return 1
			}
			u = &parsed
		default:
			raise(l, "sip.is_local: argument 1 must be a host or a uri, not %s", describe(x))
		}
		host, port = hostAndPort(u)
	default:
		raise(l, "sip.is_local: argument 1 must be a host or a uri, not %s", describe(x))
	}
	l.Push(lua.LBool(host != "" && e.IsLocal(host, port)))
	return 1
}

// hostAndPort are those of a uri. A sips uri without a port means 5061 (§19.1.2).
func hostAndPort(u *message.URI) (string, uint16) {
	if u.Port == 0 && len(u.Scheme) == len("sips") {
		return string(u.Host), 5061
	}
	return string(u.Host), u.Port
}

// hostPort reads "host", "host:port", "[v6]:port" or the text of a uri. What can't be read gives no host: the text may have come off the wire.
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

func (v *vm) domainsAdd(l *lua.LState) int {
	name := plainText(l, "sip.domains.add: the name", l.Get(1))
	if err := v.engineOf(l, "sip.domains").Domains().Add(name); err != nil {
		return failText(l, err.Error())
	}
	l.Push(lua.LTrue)
	return 1
}

func (v *vm) domainsRemove(l *lua.LState) int {
	name := plainText(l, "sip.domains.remove: the name", l.Get(1))
	v.engineOf(l, "sip.domains").Domains().Remove(name)
	l.Push(lua.LTrue)
	return 1
}

func (v *vm) domainsList(l *lua.LState) int {
	t := l.NewTable()
	for _, name := range v.engineOf(l, "sip.domains").Domains().List() {
		t.Append(lua.LString(name))
	}
	l.Push(t)
	return 1
}
