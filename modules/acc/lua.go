package acc

// This file is the module "acc" of scripts. It only translates; README.md describes what scripts
// see.

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/acc/cdr"
	"github.com/sipscript/sipscript/modules/internal/ownleg"
)

// Name is "acc".
func (*Accounts) Name() string { return "acc" }

// Doc describes the module.
func (*Accounts) Doc() string { return "Records calls (CDRs): in files, databases and HTTP servers." }

// Open makes the module of one script generation.
func (a *Accounts) Open(h *luabind.Host) (luabind.Module, error) {
	return &module{Accounts: a, hears: events.Listener(h), fields: map[any]map[string]luabind.FuncOrValue{}}, nil
}

// module is acc within one script generation. All of it is written while the file loads.
type module struct {
	*Accounts
	hears  luabind.Listener[event]
	agreed luabind.Agreed[agreed]
	fields map[any]map[string]luabind.FuncOrValue // by VM: functions belong to one
}

// agreed is what all VMs must say alike.
type agreed struct {
	Policy
	names []string // of fields
}

// settings are the options of configure.
type settings struct {
	Policy
	Fields map[string]luabind.FuncOrValue `lua:"fields,reloadable" doc:"{name = text | function(req | leg)}: in each record; a function is called at record"`
}

func (m *module) configure(c *luabind.Call, s settings) {
	names := slices.Sorted(maps.Keys(s.Fields))
	for _, name := range names {
		if f := s.Fields[name]; f.Func == nil {
			if err := checkField(name, f.Value); err != nil {
				c.Raise("fields: %v", err)
			}
		}
	}
	first, err := m.agreed.Say(c.VM(), agreed{s.Policy, names})
	if err == nil && first {
		err = s.Policy.Check()
	}
	if err != nil {
		c.Raise("%v", err)
	}
	m.fields[c.VM()] = s.Fields
}

// Activate puts the file's destinations into force.
func (m *module) Activate() error {
	if said, ok := m.agreed.Value(); ok {
		if err := m.Use(said.Policy, said.names); err != nil {
			return err
		}
	}
	m.script.Listen(&m.hears)
	return nil
}

// Close ends the listening.
func (m *module) Close() error {
	m.script.Leave(&m.hears)
	return nil
}

// Names of events.
const (
	EventDown = "acc.down"
	EventUp   = "acc.up"
)

// event is what a script may hear.
type event struct{ kind, name, why string }

// events are what sip.on knows of destinations; it is never changed.
var events = luabind.EventsOf(func(e event) string { return e.kind },
	luabind.EventOf(EventDown, "A destination takes no records. They wait, and are tried again.",
		luabind.EventArg("destination", luabind.ReturnsText("without its password"), func(e event) string { return e.name }),
		luabind.EventArg("why", luabind.ReturnsText(""), func(e event) string { return e.why })),
	luabind.EventOf(EventUp, "A destination takes records again.",
		luabind.EventArg("destination", luabind.ReturnsText(""), func(e event) string { return e.name })))

// Events of the module.
func (*module) Events() []luabind.Event { return events.Declared() }

// fieldsArg is {name = text, number or truth value}.
var fieldsArg = luabind.ArgOf(func(c *luabind.Call, n int) map[string]any {
	if c.IsNil(n) {
		return nil
	}
	fields, ok := c.Value(n).(map[string]any)
	if !ok {
		if list, is := c.Value(n).([]any); is && len(list) == 0 {
			return nil
		}
		c.Raise("fields must be a table: {customer = \"7\"}")
	}
	for name, v := range fields {
		if err := checkField(name, v); err != nil {
			c.Raise("fields: %v", err)
		}
		if s, is := v.(string); is {
			fields[name] = cdr.Text(s)
		}
	}
	if len(fields) > mostFields {
		c.Raise("fields: at most %d", mostFields)
	}
	return fields
}, luabind.Param{Name: "fields", Type: luabind.Table, Optional: true, Doc: "{name = text, number or truth value} of the record"})

// longestField bounds names and values.
const longestField = 1024

func checkField(name string, v any) error {
	if name == "" || len(name) > 64 {
		return errors.New("names have 1 to 64 bytes")
	}
	switch v := v.(type) {
	case string:
		if len(v) > longestField {
			return fmt.Errorf("%s has more than %d bytes", name, longestField)
		}
	case float64, bool:
	default:
		return fmt.Errorf("%s must be a text, a number or a truth value", name)
	}
	return nil
}

// requestOrLeg is what record is about.
type requestOrLeg struct {
	req luabind.Held
	leg *dialog.Leg
	obj any
}

var recordArg = luabind.ArgOf(func(c *luabind.Call, n int) requestOrLeg {
	if l := ownleg.At(c, n, "the record"); l != nil {
		o, _ := c.AnyObject(n)
		return requestOrLeg{leg: l, obj: o}
	}
	return requestOrLeg{req: c.Held(n)}
}, luabind.Param{Name: "req", Type: luabind.RequestType, Or: []luabind.Type{luabind.Any}, Doc: "the request, or a leg of b2b"})

// requestOrBranch is what set is about.
type requestOrBranch struct {
	req    *engine.Request
	branch *engine.Branch
	leg    *dialog.Leg
}

var targetArg = luabind.ArgOf(func(c *luabind.Call, n int) requestOrBranch {
	if l := ownleg.At(c, n, "the record"); l != nil {
		return requestOrBranch{leg: l}
	}
	h := c.Held(n)
	if h.IsResponse() {
		c.Raise("set takes a request or a branch, not a response")
	}
	return requestOrBranch{req: h.Request(c), branch: h.Branch(c)}
}, luabind.Param{Name: "req", Type: luabind.RequestType, Or: []luabind.Type{luabind.BranchType, luabind.Any}, Doc: "a request of the call, or a branch: its leg; or a leg of b2b"})

// Functions of the module.
func (m *module) Functions() []luabind.Function {
	return []luabind.Function{
		luabind.Do1(luabind.Function{Name: "configure", Where: luabind.AtLoad, Doc: "Says where records go.",
			Example: `acc.configure({ to = { "json:cdr.jsonl", "postgres://sip@db/cdr" }, fields = { user = function(req) return req.from.uri.user end } })`},
			luabind.RequiredOptionsArg("options", settings{Policy: DefaultPolicy()}), m.configure),
		luabind.Act2(luabind.Function{Name: "record", Where: luabind.InHandler, Effects: luabind.RecordRoutes,
			Doc: "From now on the call that an INVITE begins has a record, whatever becomes of it; it is written when the call ends. It record-routes if the script did not. " +
				"Called again, and within the call, it changes fields. With a leg of b2b it is one record with all legs of the call, transfers too, until the last has ended.",
			Raises:  "for anything but an INVITE outside of a dialog, and without configure",
			Example: `acc.record(req, { customer = "7" })`},
			recordArg, fieldsArg, m.record),
		luabind.Act2(luabind.Function{Name: "set", Where: luabind.InHandler,
			Doc:     "Changes fields of the call's record, or, with a branch, of its leg; of a call without a record, nothing.",
			Example: "acc.record(req)\nreq:relay(\"sip:bob@example.com\", { on_branch = function(branch) acc.set(branch, { carrier = \"a\" }) end })"},
			targetArg, fieldsArg, m.set),
		luabind.Do3(luabind.Function{Name: "event", Where: luabind.InHandler,
			Doc:     "Writes a record of something else at once: of a message, or of something that happens in a call, whose id is in it.",
			Example: `acc.event(req, "message", { bytes = #(req.body or "") })`},
			luabind.RequestArg(), luabind.TextArg("name", "of the event"), fieldsArg, func(_ *luabind.Call, r *engine.Request, name string, fields map[string]any) {
				m.Event(r, cdr.Text(name), fields)
			}),
	}
}

func (m *module) record(c *luabind.Call, what requestOrLeg, fields map[string]any) error {
	if _, said := m.agreed.Value(); !said {
		c.Raise("acc.configure{ to = … } says where records go")
	}
	if what.leg != nil {
		return m.recordLeg(c, what, fields)
	}
	h := what.req
	if h.IsResponse() || h.Branch(c) != nil {
		c.Raise("record takes the request")
	}
	r := h.Request(c)
	if m.of(r) != nil || r.InDialog() {
		return m.Record(r, fields)
	}
	all, err := m.configured(c, h, fields)
	if err != nil {
		return err
	}
	return m.recorded(c, string(r.Message().CallID()), m.Record(r, all))
}

// recordLeg is record with a leg.
func (m *module) recordLeg(c *luabind.Call, what requestOrLeg, fields map[string]any) error {
	all := fields
	if _, known := dialog.FollowerOf[*legs](what.leg); !known {
		var err error
		if all, err = m.configured(c, what.obj, fields); err != nil {
			return err
		}
	}
	return m.recorded(c, what.leg.CallID(), m.RecordLeg(what.leg, all))
}

// configured are the fields of configure, and those of record.
func (m *module) configured(c *luabind.Call, h any, fields map[string]any) (map[string]any, error) {
	all := map[string]any{}
	for name, f := range m.fields[c.VM()] {
		v, err := m.field(c, name, f, h)
		if err != nil {
			return nil, err
		}
		if v != nil {
			all[name] = v
		}
	}
	maps.Copy(all, fields)
	return all, nil
}

// recorded is what record says of an error: a call goes on without a record.
func (m *module) recorded(c *luabind.Call, callID string, err error) error {
	if errors.Is(err, errMany) || errors.Is(err, errFields) {
		m.o.Log.Error("acc: a call has no record", "call_id", callID, "error", err)
		m.count.lost.Add(1)
		return nil
	}
	if err != nil {
		c.Raise("%v", err)
	}
	return nil
}

// field is the value of a field of configure for a request.
func (m *module) field(c *luabind.Call, name string, f luabind.FuncOrValue, h any) (any, error) {
	if f.Func == nil {
		return f.Value, nil
	}
	out, err := f.Func.Call(h)
	if err != nil {
		c.Rethrow(err)
	}
	if len(out) == 0 || out[0] == nil {
		return nil, nil
	}
	if err := checkField(name, out[0]); err != nil {
		c.Raise("fields: %v", err)
	}
	if s, is := out[0].(string); is {
		return cdr.Text(s), nil
	}
	return out[0], nil
}

func (m *module) set(_ *luabind.Call, what requestOrBranch, fields map[string]any) error {
	if what.leg != nil {
		return m.SetLeg(what.leg, fields)
	}
	return m.Set(what.req, what.branch, fields)
}
