package luabind

// Multipart bodies (RFC 5621).

import (
	"bytes"
	"encoding/hex"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	lua "github.com/yuin/gopher-lua"
)

var partShape = &ObjectType{Name: "part", Doc: "A part of a multipart body.", Fields: []Field{
	{Name: "content_type", Type: String, Doc: "its Content-Type; nil if it has none", OrNil: true},
	{Name: "disposition", Type: String, Doc: "its Content-Disposition; nil if it has none", OrNil: true},
	{Name: "id", Type: String, Doc: "its Content-ID; nil if it has none", OrNil: true},
	{Name: "headers", Type: Table, Doc: "its other headers, {Name = value}, as they are written"},
	{Name: "body", Type: String, Doc: "its content"},
}}

// partFields are the headers with a field of their own.
var partFields = [...][2]string{{"content_type", "Content-Type"}, {"disposition", "Content-Disposition"}, {"id", "Content-ID"}}

// partsValue is the list of the parts of a message, or nil.
func partsValue(l *lua.LState, m *message.Message) lua.LValue {
	kind := m.Header(message.HeaderContentType)
	if !message.IsMediaType(kind, "multipart/") || m.Find(message.HeaderContentEncoding, 0) >= 0 {
		return lua.LNil
	}
	parts, err := message.Parts(kind, m.Body())
	if err != nil {
		return lua.LNil
	}
	list := l.CreateTable(len(parts), 0)
	for i := range parts {
		list.Append(partTable(l, &parts[i]))
	}
	return list
}

func partTable(l *lua.LState, p *message.Part) *lua.LTable {
	t, others := l.CreateTable(0, 5), l.NewTable()
headers:
	for name, value := range p.Headers() {
		for _, f := range partFields {
			if strings.EqualFold(f[1], string(name)) {
				t.RawSetString(f[0], lua.LString(unfold(value)))
				continue headers
			}
		}
		others.RawSetString(string(name), lua.LString(unfold(value)))
	}
	t.RawSetString("headers", others)
	t.RawSetString("body", lua.LString(p.Body))
	return t
}

// newParts are the arguments of set_parts.
type newParts struct {
	parts []newPart
}

type newPart struct {
	ContentType string            `lua:"content_type,required" doc:"its Content-Type"`
	Body        string            `lua:"body,required" doc:"its content"`
	Disposition string            `lua:"disposition" doc:"its Content-Disposition"`
	ID          string            `lua:"id" doc:"its Content-ID"`
	Headers     map[string]string `lua:"headers" doc:"its other headers"`
}

var partsArg = ArgOf(func(c *Call, n int) newParts {
	t, ok := c.l.Get(n).(*lua.LTable)
	if !ok {
		c.want(n, "a list of parts")
	}
	var all newParts
	for i := 1; i <= t.Len(); i++ {
		part, ok := t.RawGetInt(i).(*lua.LTable)
		if !ok {
			c.Raise("part %d must be a table, not %s", i, describe(t.RawGetInt(i)))
		}
		var p newPart
		if err := decodeTable(c.vm, part, &p); err != nil {
			c.Raise("part %d: %v", i, err)
		}
		all.parts = append(all.parts, p)
	}
	return all
}, Param{Name: "parts", Type: List, Options: newPart{}, Doc: "tables as the field parts has them"})

// setParts is req:set_parts(list).
func setParts(c *Call, m Editable, n newParts) {
	if len(n.parts) == 0 {
		raiseErr(c.l, m.SetBody(nil, ""))
		return
	}
	var texts []string
	for _, p := range n.parts {
		text, err := p.head()
		if err != nil {
			raiseErr(c.l, err)
		}
		texts = append(texts, text+"\r\n"+p.Body)
	}
	kind, boundary := c.vm.multipartType(m.Message(), texts)
	var b bytes.Buffer
	for _, text := range texts {
		b.WriteString("--" + boundary + "\r\n" + text + "\r\n")
	}
	b.WriteString("--" + boundary + "--\r\n")
	raiseErr(c.l, m.SetBody(b.Bytes(), kind))
}

// head writes the part's headers.
func (p *newPart) head() (string, error) {
	var b strings.Builder
	write := func(name, value string) error {
		if value == "" {
			return nil
		}
		b.WriteString(name + ": " + value + "\r\n")
		return lineSafe(name, []string{value})
	}
	for _, h := range [][2]string{{"Content-Type", p.ContentType}, {"Content-Disposition", p.Disposition}, {"Content-ID", p.ID}} {
		if err := write(h[0], h[1]); err != nil {
			return "", err
		}
	}
	for _, name := range sortedKeys(p.Headers) {
		if err := write(name, p.Headers[name]); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// multipartType is the Content-Type for parts: that of the message if it is multipart, with its
// boundary unless a part has that in it.
func (v *vm) multipartType(m *message.Message, texts []string) (kind, boundary string) {
	has := func(boundary string) bool {
		for _, text := range texts {
			if strings.Contains(text, "--"+boundary) {
				return true
			}
		}
		return false
	}
	given := m.Header(message.HeaderContentType)
	old := ""
	if message.IsMediaType(given, "multipart/") {
		old = string(message.Boundary(given))
	}
	if old != "" && !has(old) {
		return unfold(given), old
	}
	for boundary = v.boundary(); has(boundary); boundary = v.boundary() {
	}
	if old != "" {
		return strings.Replace(unfold(given), old, boundary, 1), boundary
	}
	return "multipart/mixed;boundary=" + boundary, boundary
}

func (v *vm) boundary() string {
	var b [12]byte
	v.random.read(b[:])
	return hex.EncodeToString(b[:])
}
