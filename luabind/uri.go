package luabind

import (
	"bytes"
	"fmt"
	"strings"
	"unsafe"

	"github.com/sipscript/sipscript/engine/message"
	lua "github.com/yuin/gopher-lua"
)

// uri objects: views of a message's Request-URI, read-only ones of other headers, and copies of a
// script's own.

type uriKind uint8

const (
	uriCopy    uriKind = iota // the script's own: may be changed
	uriRequest                // the Request-URI of a request: a change edits the message
	uriBranch                 // that of a branch
	uriFixed                  // of a header: read-only
)

// uriObj is the Go side of a uri.
type uriObj struct {
	ud   lua.LUserData
	vm   *vm
	kind uriKind
	life *reqObj    // the request whose handlers it lives with; nil for ever
	br   *branchObj // of uriBranch
	text []byte     // of uriCopy and uriFixed
	of   *addrObj   // of uriFixed: the address

	seen []byte // the text that u was parsed from
	u    message.URI
}

func (v *vm) wrapURI(o *uriObj) *uriObj {
	o.vm = v
	o.ud = lua.LUserData{Value: o, Metatable: v.kinds.uri}
	return o
}

// newURI makes a uri of the script's own.
func (v *vm) newURI(text string) (*lua.LUserData, error) {
	o := v.wrapURI(&uriObj{text: []byte(text)})
	u, err := message.ParseURI(o.text)
	if err != nil {
		return nil, err
	}
	o.u, o.seen = u, o.text
	return &o.ud, nil
}

// name is how error messages call it.
func (o *uriObj) name() string {
	switch o.kind {
	case uriRequest:
		return "req.ruri"
	case uriBranch:
		return "branch.ruri"
	case uriFixed:
		return o.of.name() + ".uri"
	}
	return "the uri"
}

// bytes is the present text. It raises when the uri's request is over.
func (o *uriObj) bytes(l *lua.LState) []byte {
	if o.life != nil {
		o.life.check(l)
	}
	switch o.kind {
	case uriRequest:
		return o.life.req.Message().RequestURI()
	case uriBranch:
		o.br.check(l)
		return o.br.b.Message().RequestURI()
	}
	return o.text
}

// dead reports whether the handlers of the uri's request have ended, or its branch was sent.
func (o *uriObj) dead() bool { return o.life != nil && o.life.active == 0 || o.br != nil && o.br.over }

// bytesOrNil is bytes where no error can be raised.
func (o *uriObj) bytesOrNil() []byte {
	switch {
	case o.dead():
		return nil
	case o.kind == uriRequest:
		return o.life.req.Message().RequestURI()
	case o.kind == uriBranch:
		return o.br.b.Message().RequestURI()
	}
	return o.text
}

// parsed is the uri's parts, read once for each text.
func (o *uriObj) parsed(l *lua.LState) *message.URI {
	b := o.bytes(l)
	if len(b) == len(o.seen) && len(b) > 0 && unsafe.SliceData(b) == unsafe.SliceData(o.seen) {
		return &o.u
	}
	u, err := message.ParseURI(b)
	if err != nil {
		raise(l, "%s can't be read: %v", o.name(), err)
	}
	o.u, o.seen = u, b
	return &o.u
}

// replace writes a new text. It raises an error if that is not a URI, or if the uri is read-only.
func (o *uriObj) replace(l *lua.LState, text string) {
	if _, err := message.ParseURI([]byte(text)); err != nil {
		raise(l, "%q is not a uri: %v", text, err)
	}
	var err error
	switch o.kind {
	case uriRequest:
		o.life.check(l)
		err = o.life.req.SetRURI(text)
	case uriBranch:
		o.br.check(l)
		err = o.br.b.SetRURI(text)
	case uriFixed:
		o.readOnly(l)
	default:
		o.text = []byte(text)
	}
	o.seen = nil
	if err != nil {
		raise(l, "%v", err)
	}
}

func (o *uriObj) readOnly(l *lua.LState) {
	if o.of != nil && (o.of.field == "req.from" || o.of.field == "req.to") {
		raise(l, "%s is read-only, since From and To belong to the dialog: uac.mask changes and restores them, sip.uri(%s) makes a copy to work with",
			o.name(), o.name())
	}
	raise(l, "%s is read-only: sip.uri(...) makes a copy to work with", o.name())
}

// uriType declares uris.
var uriType = &ObjectType{
	Name: "uri",
	Doc: "A SIP, SIPS or tel URI. Those of a request or branch are views: assigning a part edits the message. sip.uri(u) makes a copy. tostring, .. and %s " +
		"give its text; == compares two uris (§19.1.4), never a uri and a string.",
	Example: `local u = sip.uri("sip:bob@example.com;transport=tcp")
u.host = "192.0.2.7"`,
	Fields: []Field{
		uriField("scheme", String, "in lower case", func(c *Call, _ *uriObj, u *message.URI) lua.LValue { return c.vm.scheme(u.Scheme) },
			func(c *Call, u *message.URI, value lua.LValue) { u.Scheme = []byte(plainText(c.l, "scheme", value)) }),
		uriField("user", String, "with escapes undone", func(_ *Call, _ *uriObj, u *message.URI) lua.LValue {
			if u.User == nil {
				return lua.LNil
			}
			return lua.LString(unescape(u.User))
		}, setUser).orNil(),
		uriField("host", String, "a name or an address, IPv6 without brackets", func(_ *Call, _ *uriObj, u *message.URI) lua.LValue { return textOrNil(u.Host) },
			func(c *Call, u *message.URI, value lua.LValue) {
				u.Host = []byte(hostText(c.l, plainText(c.l, "host", value)))
			}),
		uriField("port", Integer, "nil if none is given", func(_ *Call, _ *uriObj, u *message.URI) lua.LValue {
			if u.Port == 0 {
				return lua.LNil
			}
			return lua.LNumber(u.Port)
		}, func(c *Call, u *message.URI, value lua.LValue) { u.Port = portNumber(c.l, value) }).orNil(),
		uriField("params", Table, "parameters, by name in any case; one without a value reads \"\"", func(c *Call, o *uriObj, _ *message.URI) lua.LValue {
			return c.vm.newParams(&paramsObj{uri: o})
		}, func(c *Call, u *message.URI, value lua.LValue) { u.Params = paramsText(c.l, value) }).of(paramsType),
		uriField("headers", Table, "the headers after \"?\", by name in any case", func(c *Call, o *uriObj, _ *message.URI) lua.LValue {
			return c.vm.newParams(&paramsObj{uri: o, headers: true})
		}, func(c *Call, u *message.URI, value lua.LValue) { u.Headers = headersText(c.l, value) }).of(paramsType),
		uriField("aor", String, "the canonical key of the address, \"sip:bob@example.com\": the same for each spelling", func(_ *Call, _ *uriObj, u *message.URI) lua.LValue {
			return lua.LString(u.AppendAOR(nil))
		}, nil),
	},
	Methods: []Function{
		Func2(Function{Name: "equals", Doc: "Compares with a uri or a string (§19.1.4). A string that is not a URI is equal to none.", Example: `if req.ruri:equals("sip:bob@example.com") then req:reply(486) end`},
			self[*uriObj](), luaArg(Param{Name: "other", Type: URIType, Doc: "a uri or text"}), ReturnsBool("whether they are equal"), uriEquals),
	},
	kind: &kind{
		set:   uriSet,
		text:  func(l *lua.LState, self any) string { return string(self.(*uriObj).bytes(l)) },
		joins: true,
	},
}

// uriField declares a part of a uri. set changes it in a copy, which then becomes the uri's text;
// nil for a part that can't be assigned.
func uriField(name string, t Type, doc string, get func(*Call, *uriObj, *message.URI) lua.LValue, set func(*Call, *message.URI, lua.LValue)) Field {
	f := luaField(name, t, doc, func(c *Call, o *uriObj) lua.LValue { return get(c, o, o.parsed(c.l)) })
	if set == nil {
		return f
	}
	return settable(f, func(c *Call, o *uriObj) {
		u := *o.parsed(c.l)
		set(c, &u, c.l.Get(3))
		o.replace(c.l, string(u.AppendTo(nil)))
	})
}

func uriArg(l *lua.LState, n int) *uriObj {
	if ud, ok := l.Get(n).(*lua.LUserData); ok {
		if o, ok := ud.Value.(*uriObj); ok {
			return o
		}
	}
	raise(l, "a uri is expected here, not %s", describe(l.Get(n)))
	return nil
}

// scheme is the scheme in lower case; the usual ones cost no allocation.
func (v *vm) scheme(b []byte) lua.LValue {
	switch string(b) {
	case "sip":
		return v.kinds.sip
	case "sips":
		return v.kinds.sips
	case "tel":
		return v.kinds.tel
	}
	return lua.LString(strings.ToLower(string(b)))
}

func textOrNil(b []byte) lua.LValue {
	if b == nil {
		return lua.LNil
	}
	return lua.LString(b)
}

// uriEqual compares two uris (§19.1.4), for == .
func uriEqual(l *lua.LState) int {
	a, b := uriArg(l, 1), uriArg(l, 2)
	l.Push(lua.LBool(a.parsed(l).Equal(b.parsed(l))))
	return 1
}

// uriEquals is u:equals(x), where x may be a string.
func uriEquals(c *Call, o *uriObj, other lua.LValue) bool {
	a := o.parsed(c.l)
	text, ok := other.(lua.LString)
	if !ok {
		return a.Equal(uriArg(c.l, 2).parsed(c.l))
	}
	b, err := message.ParseURI([]byte(text))
	return err == nil && a.Equal(&b)
}

// concat joins what scripts join with "..": strings, numbers, uris and addresses.
func concat(l *lua.LState) int {
	var parts [2]string
	for i := range parts {
		v := l.Get(i + 1)
		if o, ok := v.(*lua.LUserData); ok {
			if u, ok := o.Value.(*uriObj); ok {
				parts[i] = string(u.bytes(l))
				continue
			}
		}
		s, ok := textOf(v)
		if !ok {
			raise(l, "%s cannot be concatenated", describe(v))
		}
		parts[i] = s
	}
	l.Push(lua.LString(parts[0] + parts[1]))
	return 1
}

// unescape undoes %-escapes (§19.1.2); a broken one stays as it is.
func unescape(b []byte) string {
	if bytes.IndexByte(b, '%') < 0 {
		return string(b)
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '%' && i+2 < len(b) {
			if hi, lo := unhex(b[i+1]), unhex(b[i+2]); hi >= 0 && lo >= 0 {
				out = append(out, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		out = append(out, b[i])
	}
	return string(out)
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// escape escapes everything except letters, digits, and the characters of extra (§25.1).
func escape(s, extra string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(extra, c) >= 0 {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}

// The characters that need no escape (§25.1): mark and user-unreserved; mark and param-unreserved;
// mark and hnv-unreserved.
const (
	markChars   = "-_.!~*'()"
	userChars   = markChars + "&=+$,;?/"
	paramChars  = markChars + "[]/:&+$"
	headerChars = markChars + "[]/?:+$"
)
