package spec

import (
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
)

// This file is what specs see of messages: the fields that requests and responses share, and
// addresses.

// carrier is an object that has a message.
type carrier interface {
	luabind.Object
	message() *message.Message
}

// messageFields are the fields that requests and responses share.
func messageFields[O carrier]() []luabind.Field {
	text := func(name, doc string, get func(m *message.Message) []byte) luabind.Field {
		return luabind.FieldOf(name, luabind.OrNil(luabind.ReturnsText(doc)), func(_ *luabind.Call, o O) string { return string(get(o.message())) })
	}
	address := func(name string, id message.HeaderID) luabind.Field {
		return luabind.FieldOf(name, luabind.ReturnsObject[addressObject](addressType, "an address"),
			func(_ *luabind.Call, o O) addressObject { return addressObject{string(o.message().Header(id))} })
	}
	return []luabind.Field{
		text("method", "of a request; of a response, that of its CSeq", func(m *message.Message) []byte {
			if m.IsRequest() {
				return m.MethodText()
			}
			cseq, _ := m.CSeq()
			return cseq.Text
		}),
		address("from", message.HeaderFrom),
		address("to", message.HeaderTo),
		text("call_id", "Call-ID", func(m *message.Message) []byte { return m.CallID() }),
		luabind.FieldOf("cseq", luabind.ReturnsValue(luabind.Table, "CSeq: {number=, method=}"), func(_ *luabind.Call, o O) any {
			cseq, _ := o.message().CSeq()
			return map[string]any{"number": float64(cseq.Number), "method": string(cseq.Text)}
		}),
		luabind.FieldOf("contacts", luabind.ReturnsList[addressObject](addressType, "the Contacts"), func(_ *luabind.Call, o O) []addressObject {
			return addresses(o.message(), message.HeaderContact)
		}),
		luabind.FieldOf("routes", luabind.ReturnsList[addressObject](addressType, "the Route entries"), func(_ *luabind.Call, o O) []addressObject {
			return addresses(o.message(), message.HeaderRoute)
		}),
		numberOrNil[O]("max_forwards", "Max-Forwards", func(m *message.Message) (int, bool) {
			n, ok, err := m.MaxForwards()
			return int(n), ok && err == nil
		}),
		text("user_agent", "User-Agent", func(m *message.Message) []byte { return m.Header(message.HeaderUserAgent) }),
		numberOrNil[O]("expires", "Expires", func(m *message.Message) (int, bool) {
			n, ok := m.Expires()
			return int(n), ok
		}),
		luabind.FieldOf("sdp", luabind.OrNil(luabind.ReturnsValue(luabind.Table, sdpDoc)), func(_ *luabind.Call, o O) any { return sdpTable(o.message()) }),
		luabind.FieldOf("contact", luabind.OrNil(luabind.ReturnsURI("the first Contact")), func(_ *luabind.Call, o O) string {
			contacts := o.message().Elements(message.HeaderContact)
			contacts.Next()
			a, _ := message.ParseAddress(contacts.Value)
			return string(a.URI)
		}),
		text("body", "nil if there is none", func(m *message.Message) []byte { return m.Body() }),
		text("content_type", "nil if there is none", func(m *message.Message) []byte { return m.Header(message.HeaderContentType) }),
		text("text", "the whole message", func(m *message.Message) []byte { return m.AppendTo(nil) }),
	}
}

// addresses are the elements of a header that can be read.
func addresses(m *message.Message, id message.HeaderID) (list []addressObject) {
	for e := m.Elements(id); e.Next(); {
		if _, err := message.ParseAddress(e.Value); err == nil {
			list = append(list, addressObject{string(e.Value)})
		}
	}
	return list
}

// numberOrNil is a field that is nil if get finds none.
func numberOrNil[O carrier](name, doc string, get func(m *message.Message) (int, bool)) luabind.Field {
	push := func(c *luabind.Call, o O) int {
		n, ok := get(o.message())
		if !ok {
			return c.PushNil()
		}
		return c.PushNumber(float64(n))
	}
	return luabind.FieldOf(name, luabind.ReturnsOf(push, luabind.Result{Type: luabind.Integer, OrNil: true, Doc: doc}), func(_ *luabind.Call, o O) O { return o })
}

// headerMethods are header(name) and headers(name) of an object.
func headerMethods[O carrier]() []luabind.Function {
	name := luabind.TextArg("name", "of the header, in any case")
	return []luabind.Function{
		luabind.Func2(luabind.Function{Name: "header", Example: `t.equal(leg:header("Max-Forwards"), "69")`, Doc: "The first value of a header; nil if there is none."},
			luabind.Self[O](), name, luabind.OrNil(luabind.ReturnsText("")), func(_ *luabind.Call, o O, name string) string {
				for _, value := range elements(o.message(), name) {
					return value
				}
				return ""
			}),
		luabind.Func2(luabind.Function{Name: "headers", Example: `t.equal(#leg:headers("Via"), 2)`, Doc: "All values of a header, one per element if the RFC defines it as a list."},
			luabind.Self[O](), name, luabind.ReturnsStrings(""), func(_ *luabind.Call, o O, name string) []string { return elements(o.message(), name) }),
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
	Fields: []luabind.Field{
		luabind.FieldOf("display", luabind.OrNil(luabind.ReturnsText("the name without its quotes")),
			func(_ *luabind.Call, a addressObject) string { p := a.parsed(); return p.DisplayName() }),
		luabind.FieldOf("uri", luabind.ReturnsURI(""), func(_ *luabind.Call, a addressObject) string { return string(a.parsed().URI) }),
		luabind.FieldOf("tag", luabind.OrNil(luabind.ReturnsText("")), func(_ *luabind.Call, a addressObject) string { p := a.parsed(); return string(p.Tag()) }),
	},
}

// ObjectType makes it an object of scripts.
func (addressObject) ObjectType() *luabind.ObjectType { return addressType }

// String is the header's value.
func (a addressObject) String() string { return a.text }

// parsed is the zero Address if the text cannot be read.
func (a addressObject) parsed() message.Address {
	p, err := message.ParseAddress([]byte(a.text))
	if err != nil {
		return message.Address{}
	}
	return p
}

// response is a response that was expected.
type response struct{ m *message.Message }

// responseType is never changed.
var responseType = &luabind.ObjectType{
	Name: "response", Doc: "A response, as expect returns it.",
	Fields: append([]luabind.Field{
		luabind.FieldOf("code", luabind.ReturnsInt(""), func(_ *luabind.Call, r *response) int { return r.m.Status() }),
		luabind.FieldOf("reason", luabind.ReturnsText("the reason phrase"), func(_ *luabind.Call, r *response) string { return string(r.m.ReasonPhrase()) }),
		luabind.FieldOf("final", luabind.ReturnsBool("whether the code is 200 or more"), func(_ *luabind.Call, r *response) bool { return r.m.Status() >= 200 }),
	}, messageFields[*response]()...),
	Methods: headerMethods[*response](),
}

// ObjectType makes it an object of scripts.
func (*response) ObjectType() *luabind.ObjectType { return responseType }

func (r *response) message() *message.Message { return r.m }
