package spec

import (
	"slices"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind"
)

// This file is what specs see of requests: of those a phone sent (a call, if it is an INVITE), and
// of those that arrived (a leg).

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
		luabind.FieldOf("call_id", luabind.ReturnsText("Call-ID"), func(_ *luabind.Call, s *sent) string { return s.o.CallID() }),
		luabind.FieldOf("method", luabind.ReturnsText(""), func(_ *luabind.Call, s *sent) string { return s.o.Method() }),
		luabind.FieldOf("ruri", luabind.ReturnsURI("the Request-URI"), func(_ *luabind.Call, s *sent) string { return s.o.URI() }),
	},
	Methods: append([]luabind.Function{
		luabind.Func2(luabind.Function{Name: "expect", Example: `call:expect(180)`, Waits: true, Doc: "Waits for a response with that code or class (\"2xx\"), skipping provisional ones before it, " +
			"or for a request in its dialog."},
			luabind.Self[*sent](), wantedArg, responseOrLeg(), sentExpect),
		luabind.Act2(luabind.Function{Name: "cancel", Example: `call:cancel({ headers = { Reason = "SIP;cause=480" } })`, Doc: "Cancels the INVITE: the CANCEL is sent once a provisional response has arrived.", Where: luabind.InHandler},
			luabind.Self[*sent](), luabind.OptionsArg(cancelOptions{}), func(c *luabind.Call, s *sent, o cancelOptions) error { raise(c, s.o.Cancel(o.Headers)); return nil }),
		luabind.Act2(luabind.Function{Name: "ack", Example: "local call = alice:invite(\"sip:bob@example.com\", { ack = false })\nbob:expect(\"INVITE\"):answer()\ncall:expect(200)\ncall:ack()\nbob:expect(\"ACK\")",
			Doc: "Acknowledges the 2xx of an INVITE whose ack option leaves that to the spec, or before its time has come.", Where: luabind.InHandler},
			luabind.Self[*sent](), luabind.OptionsArg(requestOptions{}), func(c *luabind.Call, s *sent, o requestOptions) error {
				raise(c, s.o.Ack(o.spec(c)))
				return nil
			}),
		luabind.Func2(luabind.Function{Name: "prack", Where: luabind.InHandler,
			Example: "local call = alice:invite(\"sip:bob@example.com\", { reliable = true, prack = false })\nlocal leg = bob:expect(\"INVITE\")\n" +
				"leg:reply(183, { reliable = true })\ncall:expect(183)\nlocal prack = call:prack()\nleg:expect(\"PRACK\"):reply(200)\nprack:expect(200)",
			Doc: "Acknowledges the last reliable provisional response of an INVITE whose prack option leaves that to the spec, and returns at once."},
			luabind.Self[*sent](), luabind.OptionsArg(requestOptions{}), luabind.ReturnsNamed[*sent]("call", ""), func(c *luabind.Call, s *sent, o requestOptions) *sent {
				x, err := s.o.Prack(o.spec(c))
				raise(c, err)
				return &sent{s.w, x}
			}),
	}, dialogMethods[*sent]()...),
}

// requestType is never changed.
var requestType = &luabind.ObjectType{
	Name: "leg", Doc: "A request that came to a phone: what expect(\"INVITE\") returns.",
	Fields: append(legFields(), messageFields[*received]()...),
	Methods: slices.Concat([]luabind.Function{
		luabind.Do2(luabind.Function{Name: "reply", Example: `leg:reply(486, "Busy Here", { headers = { ["Retry-After"] = "60" } })`, Doc: "Answers. A 2xx to an INVITE is repeated until its ACK arrives.", Where: luabind.InHandler},
			luabind.Self[*received](), answerArg, func(c *luabind.Call, r *received, a answer) { raise(c, r.r.Reply(a.code, a.reply)) }),
		luabind.Do1(luabind.Function{Name: "ignore", Example: `leg:ignore()`, Doc: "Plays dead for this request: answers neither its retransmissions nor its CANCEL.", Where: luabind.InHandler},
			luabind.Self[*received](), func(c *luabind.Call, r *received) { raise(c, r.r.Ignore()) }),
		luabind.Func2(luabind.Function{Name: "expect", Example: `leg:expect("CANCEL")`, Doc: "Waits for a request with that method in the same call.", Waits: true},
			luabind.Self[*received](), wantedArg, luabind.ReturnsNamed[*received]("leg", ""), receivedExpect),
		luabind.Do2(luabind.Function{Name: "answer", Example: "leg:answer()\ncall:expect(200)",
			Doc: "Answers 200, with the phone's own description unless the options say otherwise.", Where: luabind.InHandler},
			luabind.Self[*received](), luabind.OptionsArg(replyOptions{SDP: sdpOption{media: phone.Media{Own: true}}}), func(c *luabind.Call, r *received, o replyOptions) {
				if o.Body != "" && !o.SDP.given {
					o.SDP = sdpOption{}
				}
				raise(c, r.r.Reply(200, o.reply(c)))
			}),
		luabind.Func2(luabind.Function{Name: "follow", Where: luabind.InHandler,
			Example: "local carol = t.ua(\"sip:carol@example.com\")\ncarol:register()\nleg:answer()\ncall:expect(200)\ncall:refer(\"sip:carol@example.com\")\n" +
				"local refer = leg:expect(\"REFER\")\nrefer:reply(202)\nlocal transferred = refer:follow()\ncarol:expect(\"INVITE\"):answer()\ntransferred:expect(200)",
			Doc: "Does what a REFER asks: sends an INVITE to its Refer-To, with the Replaces in it, and returns at once."},
			luabind.Self[*received](), luabind.OptionsArg(requestOptions{}), luabind.ReturnsNamed[*sent]("call", ""), func(c *luabind.Call, r *received, o requestOptions) *sent {
				x, err := r.r.Follow(o.spec(c))
				raise(c, err)
				return &sent{r.w, x}
			}),
	}, dialogMethods[*received](), headerMethods[*received]()),
}

// inDialog is an object with a dialog.
type inDialog interface {
	luabind.Object
	world() *world
	dialog() *phone.Dialog // nil before it has begun
	mine() (p *phone.Phone, o *phone.Outgoing, callID string)
}

// begun is the dialog of an object.
func begun(c *luabind.Call, o inDialog) *phone.Dialog {
	d := o.dialog()
	if d == nil {
		c.Raise("there is no dialog: it begins with an answer above 100 to an INVITE")
	}
	return d
}

// raise raises err, if there is one.
func raise(c *luabind.Call, err error) {
	if err != nil {
		c.Raise("%v", err)
	}
}

// ObjectType makes it an object of scripts.
func (*sent) ObjectType() *luabind.ObjectType { return sentType }

func (s *sent) world() *world         { return s.w }
func (s *sent) dialog() *phone.Dialog { return s.o.Dialog() }
func (s *sent) mine() (*phone.Phone, *phone.Outgoing, string) {
	return s.o.Phone(), s.o, s.o.CallID()
}

// ObjectType makes it an object of scripts.
func (*received) ObjectType() *luabind.ObjectType { return requestType }

func (r *received) message() *message.Message { return r.r.Msg }
func (r *received) world() *world             { return r.w }
func (r *received) dialog() *phone.Dialog     { return r.r.Dialog() }
func (r *received) mine() (*phone.Phone, *phone.Outgoing, string) {
	return r.r.Phone(), nil, string(r.r.Msg.CallID())
}

// responseOrLeg is what call:expect returns.
func responseOrLeg() luabind.Returns[luabind.Object] {
	r := luabind.ReturnsObject[luabind.Object](responseType, "the response; a leg where a method was expected")
	r.Results[0].Or = []luabind.Type{luabind.ObjectOf}
	return r
}

func sentExpect(c *luabind.Call, s *sent, x wanted) luabind.Object {
	if x.method != "" {
		return s.w.request(c, s.o.Phone(), x, s.o.CallID())
	}
	res := s.w.response(c, s.o, x).Msg
	x.check(c, s.o.Phone(), res)
	return &response{res}
}

// cancelOptions are those of call:cancel.
type cancelOptions struct {
	Headers []engine.HeaderEdit `lua:"headers" doc:"{Name = text}: Reason"`
}

// replyOptions are those of leg:reply.
type replyOptions struct {
	Headers     []engine.HeaderEdit `lua:"headers" doc:"{Name = text | list | false}"`
	Body        string              `lua:"body"`
	ContentType string              `lua:"content_type" doc:"default application/sdp"`
	SDP         sdpOption           `lua:"sdp" doc:"in the place of body: a text, true for the phone's own (the answer to an offer, or else an offer), or a table to change that"`
	Reliable    bool                `lua:"reliable" doc:"of a provisional one: it is repeated until its PRACK comes (RFC 3262)"`
}

// reply is the answer as the phone takes it.
func (o *replyOptions) reply(c *luabind.Call) phone.Reply {
	if o.SDP.given && o.Body != "" {
		c.Raise("give either body or sdp")
	}
	return phone.Reply{Headers: o.Headers, Body: []byte(o.Body), ContentType: o.ContentType, Media: o.SDP.media, Reliable: o.Reliable}
}

// answer are the arguments of leg:reply.
type answer struct {
	code  int
	reply phone.Reply
}

var answerArg = luabind.ArgOf(func(c *luabind.Call, n int) answer {
	a := answer{code: c.Int(n)}
	options := n + 1
	if c.Kind(options) == luabind.String {
		a.reply.Reason = c.String(options)
		options++
	} else if c.IsNil(options) {
		options++
	}
	var o replyOptions
	c.Decode(options, &o)
	reason := a.reply.Reason
	a.reply = o.reply(c)
	a.reply.Reason = reason
	return a
}, luabind.Param{Name: "code", Type: luabind.Integer}, luabind.Param{Name: "reason", Type: luabind.String, Optional: true, LeftOut: true, Default: "the standard one"},
	luabind.Param{Name: "options", Type: luabind.Table, Optional: true, Options: replyOptions{}})

func receivedExpect(c *luabind.Call, r *received, x wanted) *received {
	if x.method == "" {
		c.Raise("responses go the other way: expect them from the call")
	}
	return r.w.request(c, r.r.Phone(), x, string(r.r.Msg.CallID()))
}
