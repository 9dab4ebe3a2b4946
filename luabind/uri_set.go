package luabind

import (
	"net/netip"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	lua "github.com/yuin/gopher-lua"
)

// uriSet raises an error if a part of a uri cannot be assigned.
func uriSet(c *Call, self any, name string) bool {
	o := self.(*uriObj)
	if o.kind == uriFixed {
		o.readOnly(c.l)
	}
	switch name {
	case "user", "host", "scheme", "port", "params", "headers":
		return false
	case "aor":
		raise(c.l, "aor is computed: assign user and host")
	}
	raise(c.l, "a uri has no field '%s'%s", c.l.Get(2).String(), suggestOrList(name, c.vm.kinds.uriNames))
	return true
}

func setUser(c *Call, u *message.URI, value lua.LValue) {
	if value == lua.LNil {
		u.User, u.Password, u.HasPassword = nil, nil, false
		return
	}
	u.User = []byte(escapeUser(u, plainText(c.l, "user", value)))
}

func plainText(l *lua.LState, name string, v lua.LValue) string {
	switch v := v.(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return v.String()
	}
	raise(l, "%s must be a string, not %s", name, describe(v))
	return ""
}

// escapeUser escapes a user part; a telephone number stays as it is written, and is refused later
// if it is not one.
func escapeUser(u *message.URI, text string) string {
	if !u.IsSIP() {
		return text
	}
	return escape(text, userChars)
}

func hostText(l *lua.LState, text string) string {
	host := strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	if a, err := netip.ParseAddr(host); err == nil && a.Zone() == "" {
		return host
	}
	if host == "" || host != text {
		raise(l, "%q is not a host", text)
	}
	for i := 0; i < len(host); i++ {
		c := host[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_') {
			raise(l, "%q is not a host", text)
		}
	}
	return host
}

func portNumber(l *lua.LState, v lua.LValue) uint16 {
	if v == lua.LNil {
		return 0
	}
	n, ok := v.(lua.LNumber)
	if !ok || n < 1 || n > 65535 || n != lua.LNumber(uint16(n)) {
		raise(l, "port must be a number from 1 to 65535 or nil, not %s", describe(v))
	}
	return uint16(n)
}

// paramsText is ";name=value" text of a table or of text written like that.
func paramsText(l *lua.LState, v lua.LValue) message.Params {
	switch v := v.(type) {
	case *lua.LNilType:
		return nil
	case lua.LString:
		text := string(v)
		if text != "" && text[0] != ';' {
			text = ";" + text
		}
		return message.Params(text)
	case *lua.LTable:
		m := map[string]lua.LValue{}
		v.ForEach(func(k, x lua.LValue) {
			name, ok := k.(lua.LString)
			if !ok {
				raise(l, "the name of a parameter must be a string, not %s", describe(k))
			}
			m[string(name)] = x
		})
		var p []byte
		for _, name := range sortedKeys(m) {
			p = appendParam(l, p, name, m[name])
		}
		return p
	case *lua.LUserData:
		if o, ok := v.Value.(*paramsObj); ok && !o.headers {
			return append(message.Params(nil), o.params(l)...)
		}
	}
	raise(l, "params must be a table or a string, not %s", describe(v))
	return nil
}

// appendParam appends ";name=value"; false and nil append nothing, true and "" a name without a
// value.
func appendParam(l *lua.LState, dst []byte, name string, v lua.LValue) []byte {
	if v == lua.LNil || v == lua.LFalse {
		return dst
	}
	if name == "" {
		raise(l, "a parameter needs a name")
	}
	dst = append(append(dst, ';'), escape(name, paramChars)...)
	if v == lua.LTrue || v == lua.LString("") {
		return dst
	}
	return append(append(dst, '='), escape(plainText(l, "the parameter "+name, v), paramChars)...)
}

// headersText is "name=value&name=value" of a table or of text written like that.
func headersText(l *lua.LState, v lua.LValue) []byte {
	switch v := v.(type) {
	case *lua.LNilType:
		return nil
	case lua.LString:
		return []byte(strings.TrimPrefix(string(v), "?"))
	case *lua.LTable:
		m := map[string]lua.LValue{}
		v.ForEach(func(k, x lua.LValue) { m[k.String()] = x })
		var h []byte
		for _, name := range sortedKeys(m) {
			if len(h) > 0 {
				h = append(h, '&')
			}
			h = append(h, escape(name, headerChars)...)
			h = append(append(h, '='), escape(plainText(l, "the header "+name, m[name]), headerChars)...)
		}
		return h
	}
	raise(l, "headers must be a table or a string, not %s", describe(v))
	return nil
}
