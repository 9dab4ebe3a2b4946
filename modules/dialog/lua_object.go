package dialog

// This file is the call as scripts see it.

import (
	"context"
	"time"

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
		field("legs", luabind.ReturnsValue(luabind.List, "of {uri, tag, state, code, cause, started, answered, ended}: the branches, in their order"), legsOf),
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
			luabind.Self[*Call](), reasonArg, luabind.ReturnsBool("false if it has ended"), func(_ *luabind.Call, c *Call, reason string) bool { return c.Hangup(reason) }),
		luabind.Func2(luabind.Function{Name: "limit", Waits: true, Doc: "Has the call count for further keys, all or none: for what is known only later.",
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
		luabind.Do2(luabind.Function{Name: "extend", Doc: "Has the call last longer than max_duration by so many seconds.", Example: "local call = dialog.of(req)\nif call then call:extend(600) end"},
			luabind.Self[*Call](), luabind.SecondsArg("seconds", ""), func(_ *luabind.Call, c *Call, d time.Duration) { c.Extend(d) }),
		luabind.Do3(luabind.Function{Name: "keep", Doc: "Keeps a value with the call, or, with nil, keeps it no longer.", Raises: "for other values than texts of at most 1024 bytes, numbers and truth values, and more than 32 of them",
			Example: "local call = dialog.track(req)\ncall:keep(\"account\", \"7\")"},
			luabind.Self[*Call](), luabind.TextArg("key", ""), luabind.ValueArg("value", "text, number or truth value"), func(l *luabind.Call, c *Call, key string, value any) {
				if !keepable(key, value) || !c.Keep(key, value) {
					l.Raise("a call can't keep %q = %v: it keeps up to %d texts, numbers and truth values of at most %d bytes", key, value, mostVars, longestVar)
				}
			}),
	},
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
	var o limitsOption
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
