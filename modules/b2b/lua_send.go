package b2b

// This file has requests of the script's own within a call.

import (
	"errors"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
)

// sending are the options of leg:send.
type sending struct {
	Method  string              `lua:"method,required" doc:"INFO, MESSAGE, OPTIONS, or another one that changes nothing about the call"`
	Headers []engine.HeaderEdit `lua:"headers" doc:"{Name = text | list}"`
	Body    string              `lua:"body" doc:"its body"`
	Type    string              `lua:"type" doc:"the Content-Type of body; default: text/plain"`
}

func (o *sending) check() error {
	if !message.IsToken([]byte(o.Method)) {
		return errors.New("option method must be a method, such as INFO")
	}
	return mayEdit(o.Headers)
}

func (o *sending) message() dialog.Message {
	m := dialog.Message{Method: o.Method, Headers: o.Headers}
	if o.Body != "" {
		m.Body, m.ContentType = []byte(o.Body), o.Type
		if o.Type == "" {
			m.ContentType = "text/plain"
		}
	}
	return m
}

var sendMethod = luabind.Parked2(luabind.Function{Name: "send", Where: luabind.InHandler,
	Doc: "Sends the party a request within the call, and waits for its answer; 408 if none came. A party that knows nothing of the call (481), or does not answer, has left it: the leg ends. " +
		"nil, err for a leg that is not answered, and for methods that legs send by themselves: INVITE, BYE, REFER and others.",
	Example: answered200 + "a:bridge(b, { timeout = 60 })\nlocal res = a:send({ method = \"MESSAGE\", body = \"One minute left\" })\nif res then sip.log.info(\"%d\", res.code) end"},
	luabind.Self[*leg](), luabind.RequiredOptionsArg("request", sending{}),
	luabind.ReturnsOf(func(c *luabind.Call, res *engine.Response) int { return c.PushResponse(res) },
		luabind.Result{Name: "response", Type: luabind.ResponseType, OrNil: true, Doc: "its answer"}),
	func(c *luabind.Call, x *leg, o sending) luabind.Parked[*engine.Response] {
		check(c, o.check())
		return asked(c, x, func(done func(*engine.Response)) error { return x.l.Send(o.message(), done) })
	})
