package spec

import (
	"fmt"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind"
)

// This file is what phones do within a dialog, from either side: the methods that calls and legs
// have in common.

// dialogMethods are those of both.
func dialogMethods[O inDialog]() []luabind.Function {
	list := []luabind.Function{
		luabind.Func2(luabind.Function{Name: "bye", Example: `call:bye()`, Where: luabind.InHandler,
			Doc: "Hangs up, and returns at once; the test fails unless the BYE is answered 2xx, or as the test expects."},
			luabind.Self[O](), luabind.OptionsArg(requestOptions{}), luabind.ReturnsNamed[*sent]("call", ""), func(c *luabind.Call, o O, opts requestOptions) *sent {
				opts.Method = "BYE"
				x := begun(c, o).Send(opts.spec(c))
				w := o.world()
				w.byes = append(w.byes, x)
				return &sent{w, x}
			}),
		luabind.Func2(luabind.Function{Name: "send", Example: `call:send({ method = "INFO" })`, Doc: "Sends a request in the dialog, and returns at once.", Where: luabind.InHandler},
			luabind.Self[O](), luabind.RequiredOptionsArg("request", requestOptions{}), luabind.ReturnsNamed[*sent]("call", ""),
			func(c *luabind.Call, o O, opts requestOptions) *sent {
				checkMethod(c, opts.Method)
				return &sent{o.world(), begun(c, o).Send(opts.spec(c))}
			}),
		luabind.Do2(luabind.Function{Name: "expect_nothing", Example: `bob:expect_nothing(5)`, Waits: true,
			Doc: "Fails if there is anything in the call that the test has not expected, or it arrives within the time, except for ACKs and 100."},
			luabind.Self[O](), quietArg, func(c *luabind.Call, o O, d time.Duration) {
				p, x, callID := o.mine()
				o.world().nothing(c, p, x, callID, d)
			}),
		offer[O]("reinvite", "Sends an INVITE in the dialog, with the phone's own description unless the options say otherwise (sdp = false: a late offer), and returns at once.",
			"INVITE", func(*phone.Dialog) {}),
		offer[O]("hold", "Puts the other side on hold by a re-INVITE with sendonly or inactive (RFC 3264 §8.4), and returns at once.",
			"INVITE", func(d *phone.Dialog) { d.Hold(true) }),
		offer[O]("resume", "Ends the hold by a re-INVITE, and returns at once.", "INVITE", func(d *phone.Dialog) { d.Hold(false) }),
		referMethod[O](), notifyMethod[O](),
	}
	for _, m := range []struct{ name, doc string }{
		{"update", "Sends an UPDATE (RFC 3311) in the dialog, an early one too, and returns at once; sdp = true gives it the phone's own description."},
		{"info", "Sends an INFO in the dialog, and returns at once."},
		{"message", "Sends a MESSAGE in the dialog, and returns at once; a body is text/plain unless content_type says otherwise."},
		{"options", "Sends an OPTIONS in the dialog, and returns at once."},
	} {
		list = append(list, within[O](m.name, m.doc))
	}
	return list
}

// answered is an example of a method that sends a request which the other side answers.
func answered(call, method string) string {
	return "leg:answer()\ncall:expect(200)\nlocal again = " + call + "\nleg:expect(\"" + method + "\"):reply(200)\nagain:expect(200)"
}

// offer is a method that sends a request with an offer.
func offer[O inDialog](name, doc, method string, first func(*phone.Dialog)) luabind.Function {
	return luabind.Func2(luabind.Function{Name: name, Example: answered("call:"+name+"()", method), Doc: doc, Where: luabind.InHandler},
		luabind.Self[O](), luabind.OptionsArg(requestOptions{SDP: sdpOption{media: phone.Media{Own: true}}}), luabind.ReturnsNamed[*sent]("call", ""),
		func(c *luabind.Call, o O, opts requestOptions) *sent {
			opts.Method = method
			if opts.Body != "" && !opts.SDP.given {
				opts.SDP = sdpOption{}
			}
			d := begun(c, o)
			first(d)
			return &sent{o.world(), d.Send(opts.spec(c))}
		})
}

// within is a method that sends the request of its name.
func within[O inDialog](name, doc string) luabind.Function {
	method := strings.ToUpper(name)
	return luabind.Func2(luabind.Function{Name: name, Example: answered("call:"+name+"()", method), Doc: doc, Where: luabind.InHandler},
		luabind.Self[O](), luabind.OptionsArg(requestOptions{}), luabind.ReturnsNamed[*sent]("call", ""),
		func(c *luabind.Call, o O, opts requestOptions) *sent {
			opts.Method = method
			if method == "MESSAGE" && opts.Body != "" && opts.ContentType == "" {
				opts.ContentType = "text/plain"
			}
			return &sent{o.world(), begun(c, o).Send(opts.spec(c))}
		})
}

// transferTarget is the argument of refer.
type transferTarget struct {
	uri    string
	dialog *phone.Dialog
}

var transferArg = luabind.ArgOf(func(c *luabind.Call, n int) transferTarget {
	x, ok := c.AnyObject(n)
	if !ok {
		return transferTarget{uri: c.URIText(n)}
	}
	o, ok := x.(inDialog)
	if !ok {
		c.Raise("the target must be a uri, a call or a leg, not %s", c.Describe(n))
	}
	return transferTarget{dialog: begun(c, o)}
}, luabind.Param{Name: "target", Type: luabind.URIType, Or: []luabind.Type{luabind.ObjectOf}, Doc: "a uri: a blind transfer; another call or leg of the same phone: an attended one, with Replaces"})

// referMethod is refer(target | call [, options]).
func referMethod[O inDialog]() luabind.Function {
	return luabind.Func3(luabind.Function{Name: "refer", Where: luabind.InHandler,
		Doc: "Sends a REFER in the dialog, and returns at once: the other side is to call the target, or with another call of this phone to take its place there. " +
			"With uri the other call is sought there, and not at its Contact.",
		Example: "leg:answer()\ncall:expect(200)\nlocal refer = call:refer(\"sip:carol@example.com\")\nleg:expect(\"REFER\"):reply(202)\nrefer:expect(202)"},
		luabind.Self[O](), transferArg, luabind.OptionsArg(requestOptions{}), luabind.ReturnsNamed[*sent]("call", ""),
		func(c *luabind.Call, o O, to transferTarget, opts requestOptions) *sent {
			value := "<" + to.uri + ">"
			if to.dialog != nil {
				p, _, _ := o.mine()
				if to.dialog.Phone() != p {
					c.Raise("the other call belongs to %s: a phone transfers its own calls", to.dialog.Phone().Name())
				}
				value = to.dialog.ReplacedBy(opts.URI)
				opts.URI = ""
			}
			opts.Method = "REFER"
			s := opts.spec(c)
			s.Headers = append([]engine.HeaderEdit{{Name: "Refer-To", Values: []string{value}}}, s.Headers...)
			return &sent{o.world(), begun(c, o).Send(s)}
		})
}

// notifyOptions are those of notify.
type notifyOptions struct {
	Event string `lua:"event" doc:"the Event; default: refer with code"`
	State string `lua:"state" doc:"the Subscription-State; default: active, and terminated with a final code"`
	Code  int    `lua:"code" min:"100" max:"699" doc:"how the call that a REFER asked for fares: the body says so (message/sipfrag)"`
	requestOptions
}

// notifyMethod is notify([options]).
func notifyMethod[O inDialog]() luabind.Function {
	return luabind.Func2(luabind.Function{Name: "notify", Where: luabind.InHandler,
		Doc: "Sends a NOTIFY in the dialog, and returns at once: of any event, or with code of the progress of a REFER (RFC 3515 §2.4).",
		Example: "leg:answer()\ncall:expect(200)\ncall:refer(\"sip:carol@example.com\")\nleg:expect(\"REFER\"):reply(202)\n" +
			"local notify = leg:notify({ code = 200 })\ncall:expect(\"NOTIFY\"):reply(200)\nnotify:expect(200)"},
		luabind.Self[O](), luabind.OptionsArg(notifyOptions{}), luabind.ReturnsNamed[*sent]("call", ""),
		func(c *luabind.Call, o O, n notifyOptions) *sent {
			opts := n.requestOptions
			opts.Method = "NOTIFY"
			if n.Code != 0 {
				if opts.Body != "" || opts.SDP.given {
					c.Raise("give either code or a body")
				}
				opts.Body, opts.ContentType = fmt.Sprintf("SIP/2.0 %d %s\r\n", n.Code, message.ReasonFor(n.Code)), "message/sipfrag;version=2.0"
				n.Event = either(n.Event, "refer")
			}
			state := "active;expires=60"
			if n.Code >= 200 {
				state = "terminated;reason=noresource"
			}
			s := opts.spec(c)
			if n.Event != "" {
				s.Headers = append([]engine.HeaderEdit{{Name: "Event", Values: []string{n.Event}},
					{Name: "Subscription-State", Values: []string{either(n.State, state)}}}, s.Headers...)
			}
			return &sent{o.world(), begun(c, o).Send(s)}
		})
}

func either(text, otherwise string) string {
	if text != "" {
		return text
	}
	return otherwise
}

// legFields are the fields that requests have, and responses have not.
func legFields() []luabind.Field {
	text := func(name, doc string) luabind.Field {
		return luabind.FieldOf(name, luabind.OrNil(luabind.ReturnsURI(doc)), func(_ *luabind.Call, r *received) string {
			a, err := message.ParseAddress(r.r.Msg.HeaderName("Refer-To"))
			if err != nil {
				return ""
			}
			return string(a.URI)
		})
	}
	return []luabind.Field{
		luabind.FieldOf("ruri", luabind.ReturnsURI("the Request-URI"), func(_ *luabind.Call, r *received) string { return string(r.r.Msg.RequestURI()) }),
		luabind.FieldOf("in_dialog", luabind.ReturnsBool("whether it has a To tag"), func(_ *luabind.Call, r *received) bool { return r.r.Msg.ToTag() != nil }),
		luabind.FieldOf("answered", luabind.OrNil(luabind.ReturnsInt("the code of the final response that the phone sent")),
			func(_ *luabind.Call, r *received) int { return r.r.Answered() }),
		text("refer_to", "of a REFER: where to; Replaces is among its headers"),
		luabind.FieldOf("replaces", replacesResult(), func(_ *luabind.Call, r *received) luabind.Object {
			d := r.r.Replaced()
			if d == nil {
				return nil
			}
			if out, in := d.Origin(); out != nil {
				return &sent{r.w, out}
			} else {
				return &received{r.w, in}
			}
		}),
	}
}

// replacesResult is a call, a leg or nil.
func replacesResult() luabind.Returns[luabind.Object] {
	r := luabind.OrNil(luabind.ReturnsNamed[luabind.Object]("call", "the call or leg of this phone that Replaces names: end it after the answer"))
	r.Results[0].Or = []luabind.Type{luabind.ObjectOf}
	return r
}
