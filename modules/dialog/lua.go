package dialog

// This file is the module "dialog" of scripts. It only translates; README.md describes what scripts
// see.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	own "github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/dialog/limits"
	"github.com/sipscript/sipscript/modules/dialog/track"
	"github.com/sipscript/sipscript/modules/internal/exact"
	"github.com/sipscript/sipscript/modules/internal/ownleg"
)

// Name is "dialog".
func (*Dialogs) Name() string { return "dialog" }

// Doc describes the module.
func (*Dialogs) Doc() string {
	return "Knows the calls that pass: limits how many there are and how long they last, ends them, and tells what becomes of them."
}

// Open makes the module of one script generation.
func (d *Dialogs) Open(h *luabind.Host) (luabind.Module, error) {
	return &module{Dialogs: d, hears: events.Listener(h)}, nil
}

// module is dialog within one script generation.
type module struct {
	*Dialogs
	hears luabind.Listener[Event]
}

// Activate has this generation hear of events.
func (m *module) Activate() error {
	m.script.Listen(&m.hears)
	return nil
}

// Close ends that.
func (m *module) Close() error {
	m.script.Leave(&m.hears)
	return nil
}

// events are what sip.on knows of calls; it is never changed.
var events = luabind.EventsOf(func(e Event) string { return e.Kind },
	luabind.EventOf(EventEarly, "Somebody rings: the first 18x of a tracked call.", eventCall),
	luabind.EventOf(EventAnswered, "A tracked call was answered.", eventCall),
	luabind.EventOf(EventEnded, "A tracked call is over, whether it was answered or not.", eventCall))

var eventCall = luabind.EventArg("call", luabind.ReturnsObject[*Call](callType, ""), func(e Event) *Call { return e.Call })

// Events of the module.
func (*module) Events() []luabind.Event { return events.Declared() }

// LimitsOption is {["customer:7"] = 30}.
type LimitsOption []limits.Limit

// mostLimits bounds the keys of one call; longestKey their length.
const (
	mostLimits = 32
	longestKey = 256
)

// DecodeOption reads a table of numbers.
func (o *LimitsOption) DecodeOption(value any) error {
	t, ok := value.(map[string]any)
	if !ok {
		if list, is := value.([]any); is && len(list) == 0 {
			*o = LimitsOption{}
			return nil
		}
		return errors.New(`must be a table: {["customer:7"] = 30}`)
	}
	list := make(LimitsOption, 0, len(t))
	for key, v := range t {
		n, ok := v.(float64)
		switch {
		case !ok || n < 0 || n != float64(int32(n)):
			return fmt.Errorf("must have whole numbers: %q has %v", key, v)
		case key == "" || len(key) > longestKey:
			return fmt.Errorf("must have keys of 1 to %d bytes", longestKey)
		}
		list = append(list, limits.Limit{Key: key, Most: int(n)})
	}
	if len(list) > mostLimits {
		return fmt.Errorf("must have at most %d keys", mostLimits)
	}
	slices.SortFunc(list, func(a, b limits.Limit) int { return strings.Compare(a.Key, b.Key) })
	*o = list
	return nil
}

// DecodeNumber reads one entry of such a table.
func (o *LimitsOption) DecodeNumber(key string, n float64) bool {
	if n < 0 || n != float64(int32(n)) || key == "" || len(key) > longestKey || len(*o) >= mostLimits {
		return false
	}
	if *o == nil {
		*o = make(LimitsOption, 0, 2) // most have no more
	}
	at, _ := slices.BinarySearchFunc(*o, key, func(l limits.Limit, key string) int { return strings.Compare(l.Key, key) })
	*o = slices.Insert(*o, at, limits.Limit{Key: key, Most: int(n)})
	return true
}

// UnmarshalJSON reads an object of numbers.
func (o *LimitsOption) UnmarshalJSON(text []byte) error { return decodeJSON(text, o.DecodeOption) }

func decodeJSON(text []byte, decode func(any) error) error {
	value, err := exact.Unmarshal(text)
	if err != nil {
		return err
	}
	return decode(value)
}

// OptionType is the type in words.
func (*LimitsOption) OptionType() string { return "table of numbers by key" }

// VarsOption are values to keep.
type VarsOption map[string]any

// DecodeOption reads a table of texts, numbers and truth values.
func (o *VarsOption) DecodeOption(value any) error {
	t, ok := value.(map[string]any)
	if !ok {
		if list, is := value.([]any); is && len(list) == 0 {
			return nil
		}
		return errors.New("must be a table")
	}
	if len(t) > mostVars {
		return fmt.Errorf("must have at most %d entries", mostVars)
	}
	for key, v := range t {
		if !keepable(key, v) {
			return fmt.Errorf("must have texts, numbers and truth values of at most %d bytes: %q has %v", longestVar, key, v)
		}
	}
	*o = t
	return nil
}

// UnmarshalJSON reads an object of texts, numbers and truth values.
func (o *VarsOption) UnmarshalJSON(text []byte) error { return decodeJSON(text, o.DecodeOption) }

// OptionType is the type in words.
func (*VarsOption) OptionType() string { return "table" }

// keepable reports whether a call may keep a value.
func keepable(key string, v any) bool {
	switch v := v.(type) {
	case string:
		return key != "" && len(key) <= longestVar && len(v) <= longestVar
	case float64, bool, nil:
		return key != "" && len(key) <= longestVar
	}
	return false
}

// options are those of track.
type options struct {
	MaxDuration     time.Duration  `lua:"max_duration" min:"1" max:"2592000" default:"43200" doc:"seconds from the answer, then it is ended"`
	Limits          LimitsOption   `lua:"limits" doc:"how many calls may have each of these keys at the same time"`
	Vars            VarsOption     `lua:"vars" doc:"kept with the call: texts, numbers, truth values"`
	Keepalive       *time.Duration `lua:"keepalive" max:"86400" default:"300 with limits, otherwise never" doc:"seconds between two pings of both parties, at least 10; 0: never. A 481 or three losses in a row end the call"`
	SessionTimer    *SessionTimer  `lua:"session_timer" doc:"asks for session timers (RFC 4028)"`
	EndWithoutMedia *bool          `lua:"end_without_media" default:"false" doc:"ends the call when its media is gone"`
	FlowLost        *time.Duration `lua:"flow_lost" max:"3600" default:"never" doc:"seconds after which the call ends when the connection of a browser or phone is gone that has no other way; 0: never"`
}

// tracked is what track returns.
type tracked struct {
	call *Call
	why  string
	full string
}

var returnsTracked = luabind.ReturnsOf(func(c *luabind.Call, t tracked) int {
	if t.call != nil {
		return c.PushObject(t.call)
	}
	n := c.PushNil() + c.PushString(t.why)
	if t.full != "" {
		n += c.PushString(t.full)
	}
	return n
}, luabind.Result{Type: luabind.ObjectOf, Object: callType, OrNil: true, Doc: "nil if a limit is reached: answer the request"},
	luabind.Result{Name: "why", Type: luabind.String, OrNil: true, Doc: `"limit"; "session interval": it is too short, and the INVITE was answered 422; "not tracked": it is within a dialog whose call is not`},
	luabind.Result{Name: "key", Type: luabind.String, OrNil: true, Doc: "that is full"})

// Functions of the module.
func (m *module) Functions() []luabind.Function {
	return []luabind.Function{
		luabind.Try2(luabind.Function{Name: "track", Where: luabind.InHandler, Waits: true, Effects: luabind.RecordRoutes, Asks: "limits",
			Doc: "Follows the call that an INVITE begins, to its end. It record-routes if the script did not. All limits are checked and counted in one step, and given back once, whatever ends " +
				"the call. Called again it changes the options that are given. Within a dialog it does nothing, and returns the call. With a leg of b2b, or before b2b.incoming, the call is that of the leg, of those that are called for it, and of " +
				"those that any of these is bridged with: it is over when the last has ended.",
			Raises:  "for anything but an INVITE, outside of a dialog, and behind its decision",
			Example: "local call, why, key = dialog.track(req, { limits = { [\"customer:7\"] = 30 }, max_duration = 3600 })\nif not call then return req:reply(486) end"},
			trackArg, luabind.OptionsArg(options{}), returnsTracked, m.track),
		luabind.Func1(luabind.Function{Name: "of", Where: luabind.InHandler, Doc: "The call that a request begins or belongs to, that a leg of b2b is of, or that has an id; nil if it is not tracked, or over.",
			Example: `local call = dialog.of(req)`},
			callArg, luabind.OrNil(luabind.ReturnsObject[*Call](callType, "nil for none")), func(_ *luabind.Call, f func(*Dialogs) *Call) *Call { return f(m.Dialogs) }),
		luabind.Try1(luabind.Function{Name: "validate", Where: luabind.InHandler, Asks: "*",
			Doc:     "Whether a request within a dialog belongs to a tracked call, with its tags, a CSeq number higher than its sender's last, and the other party's Contact as its target.",
			Example: "if req.in_dialog and not dialog.validate(req) then return req:reply(481) end"},
			luabind.RequestArg(), luabind.ReturnsBool("").WithReason("what is wrong"), func(_ *luabind.Call, r *engine.Request) (bool, error) {
				err := m.Validate(r)
				return err == nil, err
			}),
		luabind.Func1(luabind.Function{Name: "count", Where: luabind.InHandler, Doc: "How many calls have a key of their limits, or how many calls there are; with --redis at all nodes, those of others as they were up to 20 s ago.",
			Example: `local n = dialog.count("customer:7")`},
			luabind.TextArg("key", "of limits").Default("", "all calls"), luabind.ReturnsInt(""), func(_ *luabind.Call, key string) int { return m.CountAll(key) }),
		luabind.Func1(luabind.Function{Name: "list", Where: luabind.InHandler, Doc: "The calls there are, the oldest first; with --redis those of all nodes, of others as they were up to 20 s ago.",
			Example: "for _, call in ipairs(dialog.list({ key = \"customer:7\" })) do call:hang_up() end"},
			luabind.OptionsArg(Filter{Limit: usualList}), luabind.ReturnsList[*Call](callType, ""), func(_ *luabind.Call, f Filter) []*Call { return m.ListAll(f) }),
	}
}

// callArg is a request or an id.
var callArg = luabind.ArgOf(func(c *luabind.Call, n int) func(*Dialogs) *Call {
	if c.Kind(n) == luabind.String {
		id, err := track.ParseID(c.String(n))
		return func(d *Dialogs) *Call {
			if err != nil {
				return nil
			}
			return d.ByID(id)
		}
	}
	if l := ownleg.At(c, n, "the call"); l != nil {
		return func(d *Dialogs) *Call { return d.OfLeg(l) }
	}
	r := c.Request(n)
	return func(d *Dialogs) *Call { return d.Of(r) }
}, luabind.Param{Name: "call", Type: luabind.RequestType, Or: []luabind.Type{luabind.String, luabind.Any}, Doc: "a request of the call, a leg of b2b, or its id"})

// requestOrLeg is what track is about.
type requestOrLeg struct {
	req *engine.Request
	leg *own.Leg
}

var trackArg = luabind.ArgOf(func(c *luabind.Call, n int) requestOrLeg {
	if l := ownleg.At(c, n, "the call"); l != nil {
		return requestOrLeg{leg: l}
	}
	return requestOrLeg{req: c.Request(n)}
}, luabind.Param{Name: "req", Type: luabind.RequestType, Or: []luabind.Type{luabind.Any}, Doc: "the request, or a leg of b2b"})

func (m *module) track(c *luabind.Call, what requestOrLeg, o options) (tracked, error) {
	wanted := TrackOptions{MaxDuration: o.MaxDuration, Limits: o.Limits, Vars: o.Vars, SessionTimer: o.SessionTimer}
	if m := o.EndWithoutMedia; m != nil {
		wanted.EndWithoutMedia, wanted.KeepWithoutMedia = *m, !*m
	}
	if f := o.FlowLost; f != nil {
		if wanted.FlowLost = *f; *f == 0 {
			wanted.FlowLost = -1
		}
	}
	if k := o.Keepalive; k != nil {
		wanted.Keepalive = *k
		switch {
		case *k == 0:
			wanted.Keepalive = -1
		case *k < shortestKeepalive:
			c.Raise("option keepalive must be 0, or at least %d", shortestKeepalive/time.Second)
		}
	}
	await := func(f func(context.Context)) { c.Await(f) }
	var call *Call
	var err error
	if what.leg != nil {
		call, err = m.trackLeg(what.leg, wanted, await)
	} else {
		call, err = m.Dialogs.track(what.req, wanted, await)
	}
	switch {
	case err == nil && call == nil:
		return tracked{why: "not tracked"}, nil
	case err == nil:
		return tracked{call: call}, nil
	}
	return untracked(c, err)
}

// untracked is what track returns for a call that is not tracked.
func untracked(c *luabind.Call, err error) (tracked, error) {
	var full *FullError
	var interval *IntervalError
	switch {
	case errors.As(err, &full):
		return tracked{why: "limit", full: full.Key}, nil
	case errors.As(err, &interval):
		return tracked{why: "session interval"}, nil
	case errors.Is(err, errMany):
		return tracked{}, err
	}
	c.Raise("%v", err)
	return tracked{}, err
}
