package spec

import (
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
)

// This file is what specs see of messages: the fields that requests and responses share, and addresses.

func messageFields() []luabind.Field {
	return []luabind.Field{
		{Name: "method", Type: luabind.String, Doc: "of a request; of a response, that of its CSeq"},
		{Name: "from", Type: luabind.ObjectOf, Doc: "an address"},
		{Name: "to", Type: luabind.ObjectOf, Doc: "an address"},
		{Name: "call_id", Type: luabind.String},
		{Name: "cseq", Type: luabind.Integer, Doc: "the number of CSeq"},
		{Name: "contact", Type: luabind.URIType, Doc: "the first Contact; nil without"},
		{Name: "body", Type: luabind.String, Doc: "nil where there is none"},
		{Name: "content_type", Type: luabind.String, Doc: "nil where there is none"},
		{Name: "text", Type: luabind.String, Doc: "the whole message"},
	}
}

// messageField pushes one of messageFields.
func messageField(c *luabind.Call, m *message.Message, name string) bool {
	switch name {
	case "method":
		if m.IsRequest() {
			c.PushString(string(m.MethodText()))
			break
		}
		cseq, _ := m.CSeq()
		c.PushString(string(cseq.Text))
	case "from":
		pushAddress(c, m.Header(message.HeaderFrom))
	case "to":
		pushAddress(c, m.Header(message.HeaderTo))
	case "call_id":
		c.PushString(string(m.CallID()))
	case "cseq":
		cseq, _ := m.CSeq()
		c.PushNumber(float64(cseq.Number))
	case "contact":
		contacts := m.Elements(message.HeaderContact)
		contacts.Next()
		a, err := message.ParseAddress(contacts.Value)
		if err != nil || len(a.URI) == 0 {
			c.PushNil()
			break
		}
		c.PushURI(string(a.URI))
	case "body":
		c.PushText(string(m.Body()))
	case "content_type":
		c.PushText(string(m.Header(message.HeaderContentType)))
	case "text":
		c.PushString(string(m.AppendTo(nil)))
	default:
		return false
	}
	return true
}

// headerMethods are header(name) and headers(name) of an object.
func headerMethods(of func(luabind.Object) *message.Message) []luabind.Function {
	name := []luabind.Param{{Name: "name", Type: luabind.String}}
	return []luabind.Function{
		{Name: "header", Doc: "The first value of a header; nil without.", Params: name, Results: []luabind.Result{{Type: luabind.String, OrNil: true}},
			Call: func(c *luabind.Call) int {
				values := elements(of(c.Self()), c.String(2))
				if len(values) == 0 {
					return c.PushNil()
				}
				return c.PushString(values[0])
			}},
		{Name: "headers", Doc: "All values of a header, one element a value where the RFC says list.", Params: name, Results: []luabind.Result{{Type: luabind.List}},
			Call: func(c *luabind.Call) int { return c.PushStrings(elements(of(c.Self()), c.String(2))) }},
	}
}

func elements(m *message.Message, name string) (values []string) {
	for e := m.ElementsName(name); e.Next(); {
		values = append(values, string(e.Value))
	}
	return values
}

// addressObject is a From or To.
type addressObject struct{ text string }

// addressType is never changed.
var addressType = &luabind.ObjectType{
	Name: "address", Doc: "A From or To. tostring gives its text.",
	Fields: []luabind.Field{{Name: "display", Type: luabind.String}, {Name: "uri", Type: luabind.URIType}, {Name: "tag", Type: luabind.String}},
}

func pushAddress(c *luabind.Call, text []byte) { c.PushObject(addressObject{string(text)}) }

// ObjectType makes it an object of scripts.
func (addressObject) ObjectType() *luabind.ObjectType { return addressType }

// String is the header's value.
func (a addressObject) String() string { return a.text }

// Field is a field of the object.
func (a addressObject) Field(c *luabind.Call, name string) bool {
	parsed, err := message.ParseAddress([]byte(a.text))
	if err != nil {
		parsed = message.Address{}
	}
	switch name {
	case "display":
		c.PushText(parsed.DisplayName())
	case "uri":
		c.PushURI(string(parsed.URI))
	case "tag":
		c.PushText(string(parsed.Tag()))
	default:
		return false
	}
	return true
}

// response is a response that was expected.
type response struct{ m *message.Message }

// responseType is never changed.
var responseType = &luabind.ObjectType{
	Name: "response", Doc: "A response, as expect returns it.",
	Fields:  append([]luabind.Field{{Name: "code", Type: luabind.Integer}, {Name: "reason", Type: luabind.String}}, messageFields()...),
	Methods: headerMethods(func(o luabind.Object) *message.Message { return o.(*response).m }),
}

// ObjectType makes it an object of scripts.
func (*response) ObjectType() *luabind.ObjectType { return responseType }

// Field is a field of the object.
func (r *response) Field(c *luabind.Call, name string) bool {
	switch name {
	case "code":
		c.PushNumber(float64(r.m.Status()))
	case "reason":
		c.PushString(string(r.m.ReasonPhrase()))
	default:
		return messageField(c, r.m, name)
	}
	return true
}
