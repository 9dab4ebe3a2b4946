package b2b

// This file is the leg as scripts see it.

import (
	"errors"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/luabind"
)

// ObjectType makes a leg an object of scripts.
func (*leg) ObjectType() *luabind.ObjectType { return legType }

// EngineLeg is the leg for other modules, which ask it on its lane alone.
func (x *leg) EngineLeg() *dialog.Leg { return x.l }

// String is the leg's id.
func (x *leg) String() string { return x.id }

// legType describes legs to scripts; it is never changed after init.
var legType = &luabind.ObjectType{
	Name:    "leg",
	Doc:     "One end of a call of this server's own. It ends with the handler or task that made it, unless join has given it away.",
	Example: "local a = b2b.incoming(req)\nif a then a:reject(486) end",
	Fields: []luabind.Field{
		luabind.FieldFrom("id", luabind.ReturnsText("names it"), func(x *leg) string { return x.id }),
		luabind.FieldFrom("call_id", luabind.ReturnsText("the Call-ID of its messages"), func(x *leg) string { return x.callID }),
		luabind.FieldFrom("state", luabind.ReturnsText("\"ringing\", \"calling\", \"answered\" or \"ended\""), func(x *leg) string { return stateNames[x.state.Load()] }),
		luabind.FieldFrom("why", luabind.OrNil(luabind.ReturnsText("why it ended: \"bye\", \"cancelled\", \"rejected\", \"hang up\", \"timeout\", \"elsewhere\", \"no ack\", \"lost\", \"media\", \"duration\", \"keepalive\", \"shutdown\", \"replaced\"; nil before")), func(x *leg) string {
			if w := x.why.Load(); w != nil {
				return *w
			}
			return ""
		}),
		luabind.FieldFrom("from", luabind.ReturnsURI("who called"), func(x *leg) string { return x.from }),
		luabind.FieldFrom("to", luabind.ReturnsURI("who was called"), func(x *leg) string { return x.to }),
		luabind.FieldOf("peer", luabind.OrNil(luabind.ReturnsNamed[*leg]("leg", "the leg that it is bridged with")), func(c *luabind.Call, x *leg) *leg {
			x.mustBeHere(c, "peer")
			if p := x.l.Peer(); p != nil {
				return x.m.of(p)
			}
			return nil
		}),
		luabind.FieldOf("local_sdp", luabind.OrNil(luabind.ReturnsText("what this side sent last")), func(c *luabind.Call, x *leg) string {
			x.mustBeHere(c, "local_sdp")
			return string(x.l.LocalSDP())
		}),
		luabind.FieldOf("remote_sdp", luabind.OrNil(luabind.ReturnsText("what the party sent last")), func(c *luabind.Call, x *leg) string {
			x.mustBeHere(c, "remote_sdp")
			return string(x.l.RemoteSDP())
		}),
		luabind.FieldFrom("vars", luabind.ReturnsValue(luabind.Table, "those of the options of incoming, dial or originate; a copy"), func(x *leg) any {
			if k := x.keeps; k != nil && k.vars != nil {
				return k.vars
			}
			return map[string]any{}
		}),
	},
	Methods: []luabind.Function{replyMethod, answerMethod, rejectMethod, dialMethod, bridgeMethod, joinMethod, hangUpMethod, holdMethod, resumeMethod, transferMethod, referMethod, sendMethod, headerMethod, headersMethod, waitMethod, onMethod, parkMethod, handoverMethod},
}

// mustBeHere raises where the leg belongs to another lane than the script runs on.
func (x *leg) mustBeHere(c *luabind.Call, field string) {
	if !x.isOn(c.Lane()) {
		c.Raise("%s can be read only in the handler of the call, not on another lane", field)
	}
}

const takeCall = "local a = b2b.incoming(req)\nif not a then return end\n"

var replyMethod = luabind.Act3(luabind.Function{Name: "reply", Where: luabind.InHandler, Waits: true,
	Doc: "Sends the caller a provisional answer. nil, err if it is not ringing any more.", Raises: "for a code that is not 101 to 199", Example: takeCall + "a:reply(180)"},
	luabind.Self[*leg](), luabind.IntArg("code", "101 to 199"), luabind.OptionsArg(described{}), func(c *luabind.Call, x *leg, code int, o described) error {
		check(c, checkProvisional(code))
		_, err := do(x, c, func() (struct{}, error) { return struct{}{}, x.l.Ring(code, []byte(o.SDP)) })
		return err
	})

var answerMethod = luabind.Act2(luabind.Function{Name: "answer", Where: luabind.InHandler, Waits: true,
	Doc: "Answers the caller with a description: that of a media server. A bridge answers by itself. nil, err if it is not ringing any more.", Example: takeCall + "a:answer(\"v=0\\r\\no=- 1 1 IN IP4 192.0.2.20\\r\\ns=-\\r\\nc=IN IP4 192.0.2.20\\r\\nt=0 0\\r\\nm=audio 4000 RTP/AVP 8\\r\\n\")"},
	luabind.Self[*leg](), luabind.TextArg("sdp", ""), func(c *luabind.Call, x *leg, sdp string) error {
		_, err := do(x, c, func() (struct{}, error) { return struct{}{}, x.l.Answer([]byte(sdp)) })
		return err
	})

// refusal is the argument of reject.
type refusal struct {
	code int
	res  *engine.Response
}

var refusalArg = luabind.ArgOf(func(c *luabind.Call, n int) refusal {
	if c.Kind(n) == luabind.ResponseType {
		return refusal{res: c.Response(n)}
	}
	code := c.Int(n)
	check(c, checkRefusal(code))
	return refusal{code: code}
}, luabind.Param{Name: "code", Type: luabind.Integer, Or: []luabind.Type{luabind.ResponseType}, Doc: "or a response: its code, reason, Retry-After and Warning; 401 and 407 become 503, 3xx 480"})

var rejectMethod = luabind.Act3(luabind.Function{Name: "reject", Where: luabind.InHandler, Waits: true,
	Doc: "Refuses the caller. nil, err if it is not ringing any more: it gave up, or was answered.", Example: takeCall + "a:reject(486, { headers = { [\"Retry-After\"] = \"60\" } })"},
	luabind.Self[*leg](), refusalArg, luabind.OptionsArg(refusing{}), func(c *luabind.Call, x *leg, r refusal, o refusing) error {
		check(c, mayEdit(o.Headers))
		_, err := do(x, c, func() (struct{}, error) {
			if r.res != nil {
				return struct{}{}, x.l.Pass(r.res)
			}
			return struct{}{}, x.l.Reject(r.code, o.Headers...)
		})
		return err
	})

// dialOptionsArg are the options of dial; the text of a failed lookup in their place is no option.
var dialOptionsArg = luabind.ArgOf(func(c *luabind.Call, n int) dialing {
	o := dialing{Order: "parallel"}
	if c.Kind(n) != luabind.String {
		c.Decode(n, &o)
	}
	return o
}, luabind.Param{Name: "options", Type: luabind.Table, Optional: true, Options: dialing{}})

var dialMethod = luabind.Parked3(luabind.Function{Name: "dial", Where: luabind.InHandler,
	Doc: "Calls others for the leg, and waits until one has answered; a bridge then joins the two. The far leg has its own Call-ID, tags and numbers, and gets of the caller's INVITE no more than " +
		"From, Max-Forwards and the offer. If the caller gives up the others are cancelled, and the response has the cause \"cancelled\"; targets that are nil, a lookup that failed, are a 503.",
	Example: takeCall + "local b, res = a:dial(\"sip:bob@192.0.2.7\", { timeout = 20 })\nif not b then return a:reject(res) end\na:bridge(b)"},
	luabind.Self[*leg](), luabind.TargetsArg("targets", "as relay takes them; each needs a uri"), dialOptionsArg, returnsDialled, dial)

func dial(c *luabind.Call, x *leg, targets []*engine.Target, o dialing) luabind.Parked[dialled] {
	m := x.m
	options, own := mustBe(c, o.options), m.owner(c)
	check(c, checkTargets(targets))
	return wait(x, c, func(done func(dialled, error)) {
		if targets == nil {
			done(dialled{res: proxy.NewResponse(503, engine.CauseUnreachable, nil)}, nil)
			return
		}
		options.Headers = o.copied(x.l)
		err := m.dial(x.lane(), x.l, targets, options, &o.calls, func(l *dialog.Leg, res *engine.Response) { done(m.taken(own, l, res), nil) })
		if err != nil {
			done(dialled{}, err)
		}
	})
}

// parted is what bridge returns.
type parted struct {
	leg *leg
	why string
}

var returnsParted = luabind.ReturnsOf(func(c *luabind.Call, p parted) int {
	if p.leg == nil {
		return c.PushNil() + c.PushString(p.why)
	}
	return c.PushObject(p.leg) + c.PushString(p.why)
}, luabind.Result{Name: "leg", Type: luabind.ObjectOf, Named: "leg", OrNil: true, Doc: "the one that ended; nil if neither did"},
	luabind.Result{Name: "why", Type: luabind.String, OrNil: true, Doc: "as leg.why; \"timeout\": its time is over; \"moved\": a party went to somebody else; \"parted\": one is parked; \"media\": the parties agree on none; \"busy\": a leg is in another bridge; \"elsewhere\": they are on different lanes, and the other cannot come"})

// legArg is another leg.
var legArg = luabind.ArgOf(func(c *luabind.Call, n int) *leg {
	if o, ok := c.AnyObject(n); ok {
		if x, ok := o.(*leg); ok {
			return x
		}
	}
	c.Raise("argument %d must be a leg, not %s", n-1, c.Describe(n))
	return nil
}, luabind.Param{Name: "other", Type: luabind.ObjectOf, Doc: "a leg"})

var bridgeMethod = luabind.Parked3(luabind.Function{Name: "bridge", Where: luabind.InHandler,
	Doc: "Joins two legs and waits until one has ended. A caller that was not answered is answered with what the other side said; from then on each INVITE of one side goes to the other. " +
		"It ends neither leg, and may be called again: with the same leg, nothing is sent; with another, the two negotiate.",
	Example: takeCall + "local b, res = a:dial(\"sip:bob@192.0.2.7\")\nif not b then return a:reject(res) end\nlocal ended, why = a:bridge(b, { timeout = 3600 })\nsip.log.info(\"%s\", why)"},
	luabind.Self[*leg](), legArg, luabind.OptionsArg(bridging{Timeout: longest}), returnsParted, bridge)

func bridge(c *luabind.Call, x, y *leg, o bridging) luabind.Parked[parted] {
	options, here := mustBe(c, o.options), c.Lane()
	if err := together(c, x, y, false); err != nil {
		return func(done func(parted, error)) { done(parted{}, err) }
	}
	return wait(x, c, func(done func(parted, error)) {
		if !y.isOn(x.lane()) { // somebody else has it by now
			done(parted{}, dialog.ErrBusy)
			return
		}
		err := x.m.agent.Bridge(x.l, y.l, options, func(over *dialog.Leg, why string) {
			p := parted{why: why}
			if over != nil {
				p.leg = x.m.of(over)
			}
			x.back(here, func() { done(p, nil) })
		})
		if err != nil {
			done(parted{}, err)
		}
	})
}

// errElsewhere: two legs are on different lanes.
var errElsewhere = errors.New("elsewhere")

var joinMethod = luabind.Act3(luabind.Function{Name: "join", Where: luabind.InHandler, Waits: true,
	Doc:     "A bridge that nobody waits for: it returns at once, the handler no longer owns the legs, and when one of them ends the other is ended too.",
	Example: takeCall + "local b, res = a:dial(\"sip:bob@192.0.2.7\")\nif not b then return a:reject(res) end\na:join(b)"},
	luabind.Self[*leg](), legArg, luabind.OptionsArg(joining{MaxDuration: longest}), func(c *luabind.Call, x, y *leg, o joining) error {
		options := mustBe(c, o.options)
		if err := together(c, x, y, false); err != nil {
			return err
		}
		_, err := do(x, c, func() (struct{}, error) {
			if !y.isOn(x.lane()) {
				return struct{}{}, dialog.ErrBusy
			}
			if err := x.m.joined(x, y, options); err != nil {
				return struct{}{}, err
			}
			x.disown()
			y.disown()
			return struct{}{}, nil
		})
		return err
	})

var hangUpMethod = luabind.Func2(luabind.Function{Name: "hang_up", Where: luabind.InHandler, Waits: true,
	Doc:     "Ends the leg: BYE, in its time; 480 for a caller that was not answered; CANCEL for one that rings.",
	Example: takeCall + "a:hang_up(\"Q.850;cause=16\")"},
	luabind.Self[*leg](), luabind.TextArg("reason", "the value of a Reason header (RFC 3326)").Default("", "none"), luabind.ReturnsBool("false if it has ended"),
	func(c *luabind.Call, x *leg, reason string) bool {
		check(c, checkReason(reason))
		ok, _ := do(x, c, func() (bool, error) { return x.l.HangUp(reason), nil })
		return ok
	})

var nameArg = luabind.TextArg("name", "of the header, in any case")

var headerMethod = luabind.Func2(luabind.Function{Name: "header", Where: luabind.InHandler,
	Doc:     "The first element of a header of the caller's INVITE; nil if there is none, of who was called, and once the INVITE was answered.",
	Raises:  "on another lane than the leg's",
	Example: takeCall + "local subject = a:header(\"Subject\")"},
	luabind.Self[*leg](), nameArg, luabind.OrNil(luabind.ReturnsText("the element")), func(c *luabind.Call, x *leg, name string) string {
		if list := x.elements(c, name); len(list) > 0 {
			return list[0]
		}
		return ""
	})

var headersMethod = luabind.Func2(luabind.Function{Name: "headers", Where: luabind.InHandler,
	Doc:     "All elements of a header of the caller's INVITE, one per value if the RFC defines the header as a list; an empty list where header has nil.",
	Raises:  "on another lane than the leg's",
	Example: takeCall + "for _, value in ipairs(a:headers(\"Diversion\")) do sip.log.info(\"%s\", value) end"},
	luabind.Self[*leg](), nameArg, luabind.ReturnsStrings("the elements"), func(c *luabind.Call, x *leg, name string) []string { return x.elements(c, name) })

func (x *leg) elements(c *luabind.Call, name string) []string {
	x.mustBeHere(c, "headers")
	return x.l.Elements(name)
}

// check raises for what is wrong with an argument.
func check(c *luabind.Call, err error) {
	if err != nil {
		c.Raise("%v", err)
	}
}

// mustBe is what f makes of an argument; it raises for what is wrong with that.
func mustBe[T any](c *luabind.Call, f func() (T, error)) T {
	x, err := f()
	check(c, err)
	return x
}
