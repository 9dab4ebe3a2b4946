package dialog

// This file is the call as scripts see it.

import (
	"context"
	"errors"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/dialog/limits"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// ObjectType makes a call an object of scripts.
func (c *Call) ObjectType() *luabind.ObjectType { return callType }

// String is the call's id.
func (c *Call) String() string { return c.t.ID.String() }

func field[R any](name string, r luabind.Returns[R], get func(*track.Call) R) luabind.Field {
	return luabind.FieldFrom(name, r, func(c *Call) R {
		c.mu.Lock()
		defer c.mu.Unlock()
		return get(&c.t)
	})
}

// seconds is a moment as sip.now() has it.
func seconds(at int64) float64 { return float64(at) / 1e9 }

// callType describes calls to scripts; it is never changed.
var callType = &luabind.ObjectType{
	Name:    "call",
	Doc:     "A call that is tracked. Its fields are those of the moment they are read; after its end it stays as it was.",
	Example: `local call = dialog.of(req)`,
	Fields: []luabind.Field{
		field("id", luabind.ReturnsText("names it; hexadecimal"), func(t *track.Call) string { return t.ID.String() }),
		field("call_id", luabind.ReturnsText("the Call-ID of its messages"), func(t *track.Call) string { return t.CallID }),
		field("state", luabind.ReturnsText("\"early\", \"confirmed\" or \"ended\""), func(t *track.Call) string { return t.State.String() }),
		field("started", luabind.ReturnsNumber("when, as sip.now() has it"), func(t *track.Call) float64 { return seconds(t.StartedAt) }),
		field("answered", luabind.OrNil(luabind.ReturnsNumber("when; nil before")), func(t *track.Call) float64 { return seconds(t.AnswerAt) }),
		field("ended", luabind.OrNil(luabind.ReturnsNumber("when; nil before")), func(t *track.Call) float64 { return seconds(t.EndedAt) }),
		field("by", luabind.OrNil(luabind.ReturnsText("who ended it: \"caller\", \"callee\" or \"server\"; nil if that is not known")), func(t *track.Call) string { return t.By.String() }),
		field("cause", luabind.OrNil(luabind.ReturnsText("why it ended: \"bye\", \"cancelled\", \"rejected\" …")), func(t *track.Call) string { return t.Cause }),
		field("held", luabind.ReturnsBool("hold has put the parties on hold"), func(t *track.Call) bool { return t.Held }),
		field("code", luabind.OrNil(luabind.ReturnsInt("of the response that answered or ended it; nil for none")), func(t *track.Call) int { return t.Code }),
		field("caller", luabind.ReturnsText("the address of the caller, by From: \"sip:alice@example.com\""), func(t *track.Call) string { return aor(uriOf(t.From)) }),
		field("callee", luabind.ReturnsText("the address of the called, by the Request-URI when it was tracked"), func(t *track.Call) string { return aor(t.Asked) }),
		field("from_uri", luabind.ReturnsURI("the URI in From"), func(t *track.Call) string { return uriOf(t.From) }),
		field("to_uri", luabind.ReturnsURI("the URI in To"), func(t *track.Call) string { return uriOf(t.To) }),
		field("a", luabind.ReturnsValue(luabind.Table, "the caller's side: {tag, contact, received}"), func(t *track.Call) any { return sideOf(tagOf(t.From), &t.A) }),
		field("b", luabind.OrNil(luabind.ReturnsValue(luabind.Table, "the side that answered, or rings: {tag, contact, received}; nil before")), func(t *track.Call) any {
			if l := shownLeg(t); l != nil {
				return sideOf(l.Tag, &l.B)
			}
			return nil
		}),
		luabind.FieldFrom("node", luabind.OrNil(luabind.ReturnsText("the node that has it, of a call in list; nil for this one. Of another node's call its parties, state and times are known, "+
			"and hang_up alone has an effect")), (*Call).Node),
		field("legs", luabind.ReturnsValue(luabind.List, "of {uri, tag, state, code, cause, started, answered, ended}: the branches, in their order; of a call of b2b those that were called"), legsOf),
		luabind.FieldFrom("vars", luabind.ReturnsValue(luabind.Table, "what track and keep have kept; a copy"), func(c *Call) any {
			if v := c.View().Vars; v != nil {
				return v
			}
			return map[string]any{}
		}),
	},
	Methods: []luabind.Function{
		luabind.Func2(luabind.Function{Name: "hang_up", Doc: "Ends the call: BYE to both sides of an answered one, otherwise CANCEL and 480. Returns at once.",
			Example: "local call = dialog.of(req)\nif call then call:hang_up(\"Q.850;cause=16\") end"},
			luabind.Self[*Call](), reasonArg, luabind.ReturnsBool("false if it has ended, or its node can't be told: Redis is away"), func(_ *luabind.Call, c *Call, reason string) bool { return c.Hangup(reason) }),
		luabind.Func2(luabind.Function{Name: "limit", Waits: true, Asks: "*", Doc: "Has the call count for further keys, all or none: for what is known only later.",
			Example: "local call = dialog.track(req)\nlocal ok, key = call:limit({ [\"trunk:9\"] = 100 })"},
			luabind.Self[*Call](), limitsArg, luabind.ReturnsOf(func(c *luabind.Call, full *string) int {
				if full == nil {
					return c.PushBool(true)
				}
				return c.PushBool(false) + c.PushString(*full)
			}, luabind.Result{Type: luabind.Boolean}, luabind.Result{Name: "key", Type: luabind.String, OrNil: true, Doc: "that is full"}),
			func(x *luabind.Call, c *Call, l []limits.Limit) *string {
				if full, ok := c.limit(l, func(f func(context.Context)) { x.Await(f) }); !ok {
					return &full
				}
				return nil
			}),
		luabind.Func1(luabind.Function{Name: "hold", Waits: true,
			Doc: "Puts both parties on hold: each gets an INVITE within the dialog, in the name of the other, by which all media are inactive. Waits for both. " +
				"nil, err, code if one refuses; the other may be on hold then, until resume.",
			Example: "local call = dialog.of(req)\nif call then call:hold() end"},
			luabind.Self[*Call](), returnsAsked, func(c *luabind.Call, x *Call) error { return x.ask(c, func(done func(error)) { x.hold(true, done) }) }),
		luabind.Func1(luabind.Function{Name: "resume", Waits: true, Doc: "Ends a hold: both parties negotiate again.",
			Example: "local call = dialog.of(req)\nif call then call:resume() end"},
			luabind.Self[*Call](), returnsAsked, func(c *luabind.Call, x *Call) error { return x.ask(c, func(done func(error)) { x.hold(false, done) }) }),
		luabind.Func3(luabind.Function{Name: "transfer", Waits: true,
			Doc: "Has one party call somebody else (REFER, in the name of the other), and waits for what becomes of that: true when the target has answered, and the call ends; " +
				"otherwise nil, err, code, and the call goes on.",
			Raises:  "if the target is not a sip or sips URI",
			Example: "local call = dialog.of(req)\nif call then call:transfer(\"sip:desk@example.com\", { who = \"callee\" }) end"},
			luabind.Self[*Call](), luabind.URITextArg("target", "a sip or sips URI"), luabind.OptionsArg(transferOptions{}), returnsAsked,
			func(c *luabind.Call, x *Call, target string, o transferOptions) error {
				own := TransferOptions{Callee: o.Who == "callee", Timeout: o.Timeout}
				err := x.ask(c, func(done func(error)) { x.transfer(target, own, done) })
				if errors.Is(err, errReferTo) {
					c.Raise("%v", err)
				}
				return err
			}),
		luabind.Do2(luabind.Function{Name: "extend", Doc: "Has the call last longer than max_duration by so many seconds.", Example: "local call = dialog.of(req)\nif call then call:extend(600) end"},
			luabind.Self[*Call](), luabind.SecondsArg("seconds", ""), func(_ *luabind.Call, c *Call, d time.Duration) { c.Extend(d) }),
		luabind.Do3(luabind.Function{Name: "keep", Doc: "Keeps a value with the call, or, with nil, keeps it no longer.", Raises: "for other values than texts of at most 1024 bytes, numbers and truth values, and more than 32 of them; if another node has the call",
			Example: "local call = dialog.track(req)\ncall:keep(\"account\", \"7\")"},
			luabind.Self[*Call](), luabind.TextArg("key", ""), luabind.ValueArg("value", "text, number or truth value"), func(l *luabind.Call, c *Call, key string, value any) {
				if c.Node() != "" {
					l.Raise("%v", ErrElsewhere)
				}
				if !keepable(key, value) || !c.Keep(key, value) {
					l.Raise("a call can't keep %q = %v: it keeps up to %d texts, numbers and truth values of at most %d bytes", key, value, mostVars, longestVar)
				}
			}),
	},
}

// transferOptions are those of transfer.
type transferOptions struct {
	Who     string        `lua:"who" oneof:"caller callee" default:"\"caller\"" doc:"the party that calls the target"`
	Timeout time.Duration `lua:"timeout" min:"1" max:"600" default:"60" doc:"seconds until the target has answered"`
}

// returnsAsked is what becomes of something that is asked of the parties.
var returnsAsked = luabind.ReturnsOf(func(c *luabind.Call, err error) int {
	if err == nil {
		return c.PushBool(true)
	}
	n := c.PushNil() + c.PushString(err.Error())
	var refused *RefusedError
	if errors.As(err, &refused) {
		n += c.PushNumber(float64(refused.Code))
	}
	return n
}, luabind.Result{Type: luabind.Boolean, OrNil: true, Doc: "true"},
	luabind.Result{Name: "err", Type: luabind.String, OrNil: true, Doc: "why not"},
	luabind.Result{Name: "code", Type: luabind.Integer, OrNil: true, Doc: "what a party answered; 408 for nothing"})

// ask has something asked of the parties, and waits for it.
func (c *Call) ask(x *luabind.Call, begin func(done func(error))) (err error) {
	x.Lend(func(l *lane.Lane) {
		ok := c.d.engine.Load().Ask(l, c.t.CallID, func(done func()) {
			begin(func(e error) { err = e; done() })
		})
		if !ok {
			err = errMany
		}
	})
	return err
}

var reasonArg = luabind.ArgOf(func(c *luabind.Call, n int) string {
	if c.IsNil(n) {
		return ""
	}
	s := c.String(n)
	if err := proxy.CheckEdits([]proxy.HeaderEdit{{Name: "Reason", Values: []string{s}}}); err != nil {
		c.Raise("%v", err)
	}
	return s
}, luabind.Param{Name: "reason", Type: luabind.String, Optional: true, Doc: "the value of a Reason header (RFC 3326)"})

var limitsArg = luabind.ArgOf(func(c *luabind.Call, n int) []limits.Limit {
	var o LimitsOption
	if err := o.DecodeOption(c.Value(n)); err != nil {
		c.Raise("limits %v", err)
	}
	return o
}, luabind.Param{Name: "limits", Type: luabind.Table, Doc: `how many calls may have each key: {["customer:7"] = 30}`})

// shownLeg is the leg that is up: one that was answered, otherwise one that rings.
func shownLeg(t *track.Call) *track.Leg {
	var best *track.Leg
	for i := range t.Legs {
		l := &t.Legs[i]
		if l.Tag != "" && (best == nil || l.AnswerAt != 0 && best.AnswerAt == 0) {
			best = l
		}
	}
	return best
}

func sideOf(tag string, s *track.Side) any {
	r := s.Reach()
	side := map[string]any{"tag": tag}
	if r.URI != "" {
		side["contact"] = r.URI
	}
	if r.At != "" {
		side["received"] = r.At
	}
	return side
}

func legsOf(t *track.Call) any {
	list := make([]any, 0, len(t.Legs))
	for i := range t.Legs {
		l := &t.Legs[i]
		one := map[string]any{"state": l.State.String(), "started": seconds(l.SentAt)}
		for key, v := range map[string]string{"uri": l.URI, "tag": l.Tag, "cause": l.Cause} {
			if v != "" {
				one[key] = v
			}
		}
		if l.Code != 0 {
			one["code"] = float64(l.Code)
		}
		if l.AnswerAt != 0 {
			one["answered"] = seconds(l.AnswerAt)
		}
		if l.EndedAt != 0 {
			one["ended"] = seconds(l.EndedAt)
		}
		list = append(list, one)
	}
	return list
}

// uriOf is the URI in From or To.
func uriOf(value string) string {
	a, err := message.ParseAddress([]byte(value))
	if err != nil {
		return ""
	}
	return string(a.URI)
}

func tagOf(value string) string {
	a, err := message.ParseAddress([]byte(value))
	if err != nil {
		return ""
	}
	return string(a.Tag())
}

// aor is the canonical address of a URI.
func aor(uri string) string {
	u, err := message.ParseURI([]byte(uri))
	if err != nil {
		return uri
	}
	return string(u.AppendAOR(nil))
}
