package spec

import (
	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind"
)

// This file is what specs see of requests: of those a phone sent (a call, when it is an INVITE), and of those that came (a leg).

// sent is a request that a phone sent.
type sent struct {
	w *world
	o *phone.Outgoing
}

// received is a request that came to a phone.
type received struct {
	w *world
	r *phone.Incoming
}

// sentType is never changed.
var sentType = &luabind.ObjectType{
	Name: "call", Doc: "A request that a phone sent: what ua:invite and ua:send return.",
	Fields: []luabind.Field{
		{Name: "call_id", Type: luabind.String},
		{Name: "method", Type: luabind.String},
		{Name: "ruri", Type: luabind.URIType, Doc: "the Request-URI"},
	},
	Methods: append([]luabind.Function{
		{Name: "expect", Doc: "Waits for a response with that code or class (\"2xx\"), passing over provisional ones before it, or for a request in its dialog; 10 s at most.",
			Waits: true, Params: expectParams("code"), Results: []luabind.Result{{Type: luabind.ObjectOf, Object: responseType}}, Call: sentExpect},
		{Name: "cancel", Doc: "Cancels the INVITE: the CANCEL goes out when a provisional response has come.", Where: luabind.InHandler,
			Params: []luabind.Param{{Name: "options", Type: luabind.Table, Optional: true, Options: cancelOptions{}}}, Call: sentCancel},
	}, dialogMethods()...),
}

// requestType is never changed.
var requestType = &luabind.ObjectType{
	Name: "leg", Doc: "A request that came to a phone: what expect(\"INVITE\") returns.",
	Fields: append([]luabind.Field{{Name: "ruri", Type: luabind.URIType, Doc: "the Request-URI"}}, messageFields()...),
	Methods: append(append([]luabind.Function{
		{Name: "reply", Doc: "Answers. A 2xx to an INVITE is repeated until its ACK comes.", Where: luabind.InHandler,
			Params: []luabind.Param{{Name: "code", Type: luabind.Integer}, {Name: "reason", Type: luabind.String, Optional: true},
				{Name: "options", Type: luabind.Table, Optional: true, Options: replyOptions{}}}, Call: receivedReply},
		{Name: "ignore", Doc: "Is dead for this request: answers neither it, when it comes again, nor its CANCEL.", Where: luabind.InHandler, Call: receivedIgnore},
		{Name: "expect", Doc: "Waits for a request with that method in the same call, 10 s at most.", Waits: true, Params: expectParams("method"),
			Call: receivedExpect},
	}, dialogMethods()...), headerMethods(func(o luabind.Object) *message.Message { return o.(*received).r.Msg })...),
}

// dialogMethods are those of both.
func dialogMethods() []luabind.Function {
	return []luabind.Function{
		{Name: "bye", Doc: "Hangs up, and returns at once; the test fails unless the BYE is answered 2xx, or what is expected of it.", Where: luabind.InHandler,
			Params: []luabind.Param{{Name: "options", Type: luabind.Table, Optional: true, Options: requestOptions{}}}, Call: dialogBye},
		{Name: "send", Doc: "Sends a request in the dialog, and returns at once.", Where: luabind.InHandler,
			Params: []luabind.Param{{Name: "request", Type: luabind.Table, Options: requestOptions{}}}, Call: dialogSend},
		{Name: "expect_nothing", Doc: "Fails if there is, or comes within a second, anything in the call that was not expected, ACKs and 100 aside.", Waits: true,
			Params: []luabind.Param{{Name: "seconds", Type: luabind.Seconds, Optional: true}}, Call: dialogExpectNothing},
	}
}

// ObjectType makes it an object of scripts.
func (*sent) ObjectType() *luabind.ObjectType { return sentType }

// Field is a field of the object.
func (s *sent) Field(c *luabind.Call, name string) bool {
	switch name {
	case "call_id":
		c.PushString(s.o.CallID())
	case "method":
		c.PushString(s.o.Method())
	case "ruri":
		c.PushURI(s.o.URI())
	default:
		return false
	}
	return true
}

// ObjectType makes it an object of scripts.
func (*received) ObjectType() *luabind.ObjectType { return requestType }

// Field is a field of the object.
func (r *received) Field(c *luabind.Call, name string) bool {
	if name == "ruri" {
		c.PushURI(string(r.r.Msg.RequestURI()))
		return true
	}
	return messageField(c, r.r.Msg, name)
}

func sentExpect(c *luabind.Call) int {
	s := c.Self().(*sent)
	x := want(c)
	if x.method != "" {
		return c.PushObject(&received{s.w, s.w.request(c, s.o.Phone(), x, s.o.CallID())})
	}
	return c.PushObject(&response{s.w.response(c, s.o, x).Msg})
}

// cancelOptions are those of call:cancel.
type cancelOptions struct {
	Headers []engine.HeaderEdit `lua:"headers" doc:"{Name = text}: Reason"`
}

func sentCancel(c *luabind.Call) int {
	var o cancelOptions
	c.Decode(2, &o)
	if err := c.Self().(*sent).o.Cancel(o.Headers); err != nil {
		c.Raise("%v", err)
	}
	return 0
}

// replyOptions are those of leg:reply.
type replyOptions struct {
	Headers     []engine.HeaderEdit `lua:"headers" doc:"{Name = text | list | false}"`
	Body        string              `lua:"body"`
	ContentType string              `lua:"content_type" doc:"default application/sdp"`
}

func receivedReply(c *luabind.Call) int {
	var o replyOptions
	reply := phone.Reply{}
	options := 3
	if c.Kind(3) == luabind.String {
		reply.Reason = c.String(3)
		options = 4
	} else if c.IsNil(3) {
		options = 4
	}
	c.Decode(options, &o)
	reply.Headers, reply.Body, reply.ContentType = o.Headers, []byte(o.Body), o.ContentType
	if err := c.Self().(*received).r.Reply(c.Int(2), reply); err != nil {
		c.Raise("%v", err)
	}
	return 0
}

func receivedIgnore(c *luabind.Call) int {
	if err := c.Self().(*received).r.Ignore(); err != nil {
		c.Raise("%v", err)
	}
	return 0
}

func receivedExpect(c *luabind.Call) int {
	r := c.Self().(*received)
	x := want(c)
	if x.method == "" {
		c.Raise("responses go the other way: expect them from the call")
	}
	return c.PushObject(&received{r.w, r.w.request(c, r.r.Phone(), x, string(r.r.Msg.CallID()))})
}

// dialog is the dialog of either object.
func dialog(c *luabind.Call) (*world, *phone.Dialog) {
	var w *world
	var d *phone.Dialog
	switch o := c.Self().(type) {
	case *sent:
		w, d = o.w, o.o.Dialog()
	case *received:
		w, d = o.w, o.r.Dialog()
	}
	if d == nil {
		c.Raise("there is no dialog: it begins with an answer above 100 to an INVITE")
	}
	return w, d
}

func dialogBye(c *luabind.Call) int {
	w, d := dialog(c)
	var o requestOptions
	c.Decode(2, &o)
	o.Method = "BYE"
	x := d.Send(o.spec())
	w.byes = append(w.byes, x)
	return c.PushObject(&sent{w, x})
}

func dialogSend(c *luabind.Call) int {
	w, d := dialog(c)
	var o requestOptions
	c.Decode(2, &o)
	checkMethod(c, o.Method)
	return c.PushObject(&sent{w, d.Send(o.spec())})
}

func dialogExpectNothing(c *luabind.Call) int {
	switch o := c.Self().(type) {
	case *sent:
		o.w.nothing(c, o.o.Phone(), o.o, o.o.CallID())
	case *received:
		o.w.nothing(c, o.r.Phone(), nil, string(o.r.Msg.CallID()))
	}
	return 0
}
