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
		luabind.FieldOf("uri", luabind.ReturnsURI("its address of record"), func(_ *luabind.Call, u *ua) string { return u.p.URI() }),
		luabind.FieldOf("contact", luabind.ReturnsURI("where the phone itself is reached"), func(_ *luabind.Call, u *ua) string { return u.p.Contact() }),
		luabind.FieldOf("addr", luabind.ReturnsText(`where it is: "10.0.1.1:5060"`), func(_ *luabind.Call, u *ua) string { return u.p.Addr().String() }),
		luabind.FieldOf("name", luabind.ReturnsText("what the ladder calls it"), func(_ *luabind.Call, u *ua) string { return u.p.Name() }),
	},
	Methods: append([]luabind.Function{
		luabind.Func2(luabind.Function{Name: "register", Example: `bob:register({ expires = 60 })`, Waits: true,
			Doc: "Registers, answers a challenge if it has a password, and fails unless the answer is 200, or what expect says."},
			luabind.Self[*ua](), luabind.OptionsArg(registerOptions{Expires: time.Hour}), luabind.ReturnsObject[*response](responseType, ""), register),
		luabind.Func1(luabind.Function{Name: "unregister", Example: `bob:unregister()`, Doc: "Removes its registration.", Waits: true},
			luabind.Self[*ua](), luabind.ReturnsObject[*response](responseType, ""),
			func(c *luabind.Call, u *ua) *response { return register(c, u, registerOptions{}) }),
		luabind.Func3(luabind.Function{Name: "invite", Example: `local call = alice:invite("sip:bob@example.com")`, Doc: "Calls a uri, and returns at once.", Where: luabind.InHandler},
			luabind.Self[*ua](), luabind.URITextArg("uri", ""), luabind.OptionsArg(requestOptions{}), luabind.ReturnsObject[*sent](sentType, ""), uaInvite),
		luabind.Func2(luabind.Function{Name: "send", Example: `alice:send({ method = "OPTIONS", uri = "sip:example.com" }):expect(200)`, Doc: "Sends a request outside a dialog, and returns at once.", Where: luabind.InHandler},
			luabind.Self[*ua](), luabind.RequiredOptionsArg("request", requestOptions{}), luabind.ReturnsObject[*sent](sentType, ""),
			func(c *luabind.Call, u *ua, o requestOptions) *sent {
				checkMethod(c, o.Method)
				return &sent{u.w, u.p.Send(o.spec(c))}
			}),
		luabind.Func2(luabind.Function{Name: "expect", Example: `bob:expect("INVITE", { within = 2 })`, Doc: "Waits for a request with that method.", Waits: true},
			luabind.Self[*ua](), wantedArg, luabind.ReturnsObject[*received](requestType, ""), uaExpect),
		luabind.Do2(luabind.Function{Name: "expect_nothing", Example: `bob:expect_nothing(5)`, Waits: true,
			Doc: "Fails if there is any request that the test has not expected, or one arrives within the time, except for ACKs."},
			luabind.Self[*ua](), quietArg, func(c *luabind.Call, u *ua, d time.Duration) { u.w.nothing(c, u.p, nil, "", d) }),
	}, presence()...),
}

// ObjectType makes it an object of scripts.
func (*ua) ObjectType() *luabind.ObjectType { return uaType }

// String is the phone's name.
func (u *ua) String() string { return u.p.Name() }

// registerOptions are those of ua:register.
type registerOptions struct {
	Expires time.Duration       `lua:"expires" doc:"seconds; default 3600"`
	Contact []string            `lua:"contact" doc:"whole values of Contact; default: the phone's own"`
	Headers []engine.HeaderEdit `lua:"headers" doc:"{Name = text | list | false}"`
	Expect  any                 `lua:"expect" doc:"the answer's code, or class (\"4xx\"); default 200"`
}

func register(c *luabind.Call, u *ua, o registerOptions) *response {
	x := wanted{text: "200", low: 200, high: 200, within: patience}
	if o.Expect != nil {
		x.text = fmt.Sprint(o.Expect)
		if !x.codes() {
			c.Raise("expect: %q is not a code (403, \"4xx\")", x.text)
		}
	}
	sent := u.p.Register(phone.Registration{Contacts: o.Contact, Expires: int(o.Expires.Seconds()), Headers: o.Headers})
	return &response{u.w.response(c, sent, x).Msg}
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
	SDP         sdpOption           `lua:"sdp" doc:"in the place of body: a text, true for the phone's own, or {direction=, codecs=, port=, address=} to change that"`
	Ack         ackOption           `lua:"ack" doc:"of an INVITE: seconds to wait with the ACK of a 2xx, or false: only call:ack() sends it"`
	Reliable    bool                `lua:"reliable" doc:"of an INVITE: offers 100rel (RFC 3262)"`
	Prack       *bool               `lua:"prack" doc:"of an INVITE: false leaves PRACK to call:prack()"`
}

func (o *requestOptions) spec(c *luabind.Call) phone.Spec {
	if o.SDP.given && o.Body != "" {
		c.Raise("give either body or sdp")
	}
	s := phone.Spec{Method: o.Method, URI: o.URI, From: o.From, To: o.To, CallID: o.CallID, Routes: o.Route, Headers: o.Headers,
		Body: []byte(o.Body), ContentType: o.ContentType, Media: o.SDP.media, AckDelays: o.Ack.delays, PrackManual: o.Prack != nil && !*o.Prack}
	if o.Reliable {
		s.Headers = append(s.Headers, engine.HeaderEdit{Name: "Supported", Values: []string{"100rel"}})
	}
	return s
}

func uaInvite(c *luabind.Call, u *ua, uri string, o requestOptions) *sent {
	if o.Method != "" || o.URI != "" {
		c.Raise("the method is always INVITE, and the uri is the first argument")
	}
	return &sent{u.w, u.p.Invite(uri, o.spec(c))}
}

func checkMethod(c *luabind.Call, method string) {
	switch method {
	case "":
		c.Raise("method is required")
	case "ACK":
		c.Raise("a phone sends its ACKs by itself, or by call:ack() if the call has ack = false")
	case "CANCEL":
		c.Raise("cancel a call with call:cancel()")
	}
}

func uaExpect(c *luabind.Call, u *ua, x wanted) *received {
	if x.method == "" {
		c.Raise("a ua expects requests (\"INVITE\"); expect a response from the call: call:expect(%s)", x.text)
	}
	return u.w.request(c, u.p, x, "")
}
