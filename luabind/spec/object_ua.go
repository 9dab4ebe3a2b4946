package spec

import (
	"fmt"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind"
)

// This file is what specs see of a phone.

// ua is a phone of a spec.
type ua struct {
	w *world
	p *phone.Phone
}

// uaType is never changed.
var uaType = &luabind.ObjectType{
	Name: "ua", Doc: "A phone, or any other user agent.",
	Fields: []luabind.Field{
		{Name: "uri", Type: luabind.URIType, Doc: "its address of record"},
		{Name: "contact", Type: luabind.URIType, Doc: "where it is reached itself"},
		{Name: "addr", Type: luabind.String, Doc: `where it is: "10.0.1.1:5060"`},
		{Name: "name", Type: luabind.String},
	},
	Methods: []luabind.Function{
		{Name: "register", Doc: "Registers, answering a challenge where it has a password, and fails unless the answer is 200, or what expect says.", Waits: true,
			Params:  []luabind.Param{{Name: "options", Type: luabind.Table, Optional: true, Options: registerOptions{}}},
			Results: []luabind.Result{{Type: luabind.ObjectOf, Object: responseType}}, Call: uaRegister},
		{Name: "unregister", Doc: "Takes its registration back.", Waits: true,
			Results: []luabind.Result{{Type: luabind.ObjectOf, Object: responseType}}, Call: uaUnregister},
		{Name: "invite", Doc: "Calls a uri, and returns at once.", Where: luabind.InHandler,
			Params:  []luabind.Param{{Name: "uri", Type: luabind.URIType}, {Name: "options", Type: luabind.Table, Optional: true, Options: requestOptions{}}},
			Results: []luabind.Result{{Type: luabind.ObjectOf, Object: sentType}}, Call: uaInvite},
		{Name: "send", Doc: "Sends a request outside of a dialog, and returns at once.", Where: luabind.InHandler,
			Params:  []luabind.Param{{Name: "request", Type: luabind.Table, Options: requestOptions{}}},
			Results: []luabind.Result{{Type: luabind.ObjectOf, Object: sentType}}, Call: uaSend},
		{Name: "expect", Doc: "Waits for a request with that method, 10 s at most.", Waits: true, Params: expectParams("method"),
			Results: []luabind.Result{{Type: luabind.ObjectOf, Object: requestType}}, Call: uaExpect},
		{Name: "expect_nothing", Doc: "Fails if there is, or comes within a second, any request that was not expected, ACKs aside.", Waits: true,
			Params: []luabind.Param{{Name: "seconds", Type: luabind.Seconds, Optional: true}}, Call: uaExpectNothing},
		{Name: "leave", Doc: "Takes it off the network: what is sent to it is lost, and its connections break.", Where: luabind.InHandler, Call: uaLeave},
	},
}

func expectParams(what string) []luabind.Param {
	return []luabind.Param{{Name: what, Type: luabind.Any}, {Name: "options", Type: luabind.Table, Optional: true, Options: expectOptions{}}}
}

// ObjectType makes it an object of scripts.
func (*ua) ObjectType() *luabind.ObjectType { return uaType }

// String is the phone's name.
func (u *ua) String() string { return u.p.Name() }

// Field is a field of the object.
func (u *ua) Field(c *luabind.Call, name string) bool {
	switch name {
	case "uri":
		c.PushURI(u.p.URI())
	case "contact":
		c.PushURI(u.p.Contact())
	case "addr":
		c.PushString(u.p.Addr().String())
	case "name":
		c.PushString(u.p.Name())
	default:
		return false
	}
	return true
}

// registerOptions are those of ua:register.
type registerOptions struct {
	Expires time.Duration       `lua:"expires" doc:"seconds; default 3600"`
	Contact []string            `lua:"contact" doc:"whole values of Contact; default: the phone's own"`
	Headers []engine.HeaderEdit `lua:"headers" doc:"{Name = text | list | false}"`
	Expect  any                 `lua:"expect" doc:"the answer's code, or class (\"4xx\"); default 200"`
}

func uaRegister(c *luabind.Call) int {
	o := registerOptions{Expires: time.Hour}
	c.Decode(2, &o)
	return register(c, &o)
}

func uaUnregister(c *luabind.Call) int { return register(c, &registerOptions{}) }

func register(c *luabind.Call, o *registerOptions) int {
	u := c.Self().(*ua)
	x := wanted{text: "200", low: 200, high: 200, within: patience}
	if o.Expect != nil {
		x.text = fmt.Sprint(o.Expect)
		if !x.codes() {
			c.Raise("expect: %q is not a code (403, \"4xx\")", x.text)
		}
	}
	sent := u.p.Register(phone.Registration{Contacts: o.Contact, Expires: int(o.Expires.Seconds()), Headers: o.Headers})
	return c.PushObject(&response{u.w.response(c, sent, x).Msg})
}

// requestOptions are those of a request.
type requestOptions struct {
	Method      string              `lua:"method"`
	URI         string              `lua:"uri" doc:"default: the domain of the phone; in a dialog, its target"`
	From        string              `lua:"from" doc:"default: the phone's address of record"`
	To          string              `lua:"to" doc:"default: the uri"`
	CallID      string              `lua:"call_id" doc:"default: a new one"`
	Route       []string            `lua:"route" doc:"values of Route; the request goes to the first"`
	Headers     []engine.HeaderEdit `lua:"headers" doc:"{Name = text | list | false}"`
	Body        string              `lua:"body"`
	ContentType string              `lua:"content_type" doc:"default application/sdp"`
}

func (o *requestOptions) spec() phone.Spec {
	return phone.Spec{Method: o.Method, URI: o.URI, From: o.From, To: o.To, CallID: o.CallID, Routes: o.Route, Headers: o.Headers,
		Body: []byte(o.Body), ContentType: o.ContentType}
}

func uaInvite(c *luabind.Call) int {
	u := c.Self().(*ua)
	var o requestOptions
	c.Decode(3, &o)
	if o.Method != "" || o.URI != "" {
		c.Raise("the method is always INVITE, and the uri is the first argument")
	}
	return c.PushObject(&sent{u.w, u.p.Invite(c.URIText(2), o.spec())})
}

func uaSend(c *luabind.Call) int {
	u := c.Self().(*ua)
	var o requestOptions
	c.Decode(2, &o)
	checkMethod(c, o.Method)
	return c.PushObject(&sent{u.w, u.p.Send(o.spec())})
}

func checkMethod(c *luabind.Call, method string) {
	switch method {
	case "":
		c.Raise("method is required")
	case "ACK":
		c.Raise("a phone sends its ACKs by itself")
	case "CANCEL":
		c.Raise("cancel a call with call:cancel()")
	}
}

func uaExpect(c *luabind.Call) int {
	u := c.Self().(*ua)
	x := want(c)
	if x.method == "" {
		c.Raise("a ua expects requests (\"INVITE\"); expect a response from the call: call:expect(%s)", x.text)
	}
	return c.PushObject(&received{u.w, u.w.request(c, u.p, x, "")})
}

func uaExpectNothing(c *luabind.Call) int {
	u := c.Self().(*ua)
	u.w.nothing(c, u.p, nil, "")
	return 0
}

func uaLeave(c *luabind.Call) int {
	c.Self().(*ua).p.Leave()
	return 0
}
