package b2b

// This file has what parties do to one another: transfers by the script, and by REFER.

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/luabind"
)

// moves hears that a leg belongs to nobody but the agent from now on.
func (m *B2B) moves(l *dialog.Leg) {
	m.of(l).disown()
	m.control.Leave(l)
}

// apart is how two legs that belong to nobody stay together.
var apart = dialog.BridgeOptions{Timeout: longest, Pass: []string{"INFO"}} // never changed

// destination is where a party goes: a leg, or targets.
type destination struct {
	leg     *leg
	targets []*engine.Target
}

var targetsArg = luabind.TargetsArg("to", "")

// destinationArg is a leg, or what dial takes.
var destinationArg = luabind.ArgOf(func(c *luabind.Call, n int) destination {
	if o, ok := c.AnyObject(n); ok {
		if x, ok := o.(*leg); ok {
			return destination{leg: x}
		}
	}
	return destination{targets: targetsArg.Read(c, n)}
}, luabind.Param{Name: "to", Type: luabind.Any, Doc: "a leg, or targets as dial takes them"})

// transferring are the options of transfer.
type transferring struct {
	Timeout time.Duration `lua:"timeout" min:"1" max:"3600" default:"180" doc:"seconds until somebody has answered, for each target"`
}

var transferMethod = luabind.Parked3(luabind.Function{Name: "transfer", Where: luabind.InHandler,
	Doc: "Has the party go to somebody else, without a REFER: to the first of the targets that answers, or to the party of a leg that was called before. Whoever either talked to is ended, and " +
		"the two stay together for 12 hours at the most. If nobody answers it talks to its peer again. A bridge that waits returns nil, \"moved\" at once, and the handler no longer owns the legs.",
	Example: answered200 + "a:bridge(b, { timeout = 60 })\nlocal ok, res = a:transfer(\"sip:desk@192.0.2.9\", { timeout = 20 })\nif not ok then sip.log.info(\"%d\", res.code) end"},
	luabind.Self[*leg](), destinationArg, luabind.OptionsArg(transferring{}), returnsAgreed, transfer)

func transfer(c *luabind.Call, x *leg, to destination, o transferring) luabind.Parked[*engine.Response] {
	for i, t := range to.targets {
		if t.URI == "" {
			c.Raise("target %d has no uri", i+1)
		}
		if err := t.Check(); err != nil {
			c.Raise("target %d: %v", i+1, err)
		}
	}
	if to.leg != nil {
		if err := together(c, x, to.leg, true); err != nil {
			return func(done func(*engine.Response, error)) { done(nil, err) }
		}
	}
	return wait(x, c, func(done func(*engine.Response, error)) {
		if to.leg != nil && !to.leg.isOn(x.lane()) {
			done(nil, dialog.ErrBusy)
			return
		}
		if to.leg != nil {
			done(nil, x.m.agent.Move(x.l, to.leg.l, apart))
			return
		}
		if to.targets == nil {
			done(proxy.NewResponse(503, engine.CauseUnreachable, nil), nil)
			return
		}
		err := x.m.transfer(x.l, to.targets, dialog.DialOptions{Timeout: o.Timeout}, func(res *engine.Response) { done(res, nil) })
		if err != nil {
			done(nil, err)
		}
	})
}

// configuration is what configure takes.
type configuration struct {
	Refer    luabind.FuncOrValue `lua:"refer" oneof:"refuse pass" also:"function" default:"refuse" doc:"what becomes of a REFER: \"refuse\", by 603; \"pass\": to the other party, whose answer and NOTIFYs go back; or function(refer, leg) -> targets | nil, code: whom the peer of the leg is to talk to instead, as dial takes them; nil for whom refer.attended says; true if it has done what is wanted itself, such as parking leg.peer"`
	Replaces *luabind.Func       `lua:"replaces" doc:"function(req, leg) -> boolean: whether an INVITE with Replaces (RFC 3891) may take the place of the leg; default: no INVITE may, it is answered 481"`
	Recover  string              `lua:"recover" oneof:"end" default:"end" doc:"what becomes of the calls of a process that was killed, with --data: \"end\", the next one says BYE to both parties"`
}

// referring is what the script says of REFERs: in each VM the same, a function is each one's own.
type referring struct {
	agreed luabind.Agreed[string]
	mu     sync.Mutex
	funcs  map[*lane.Lane]askedOf // guarded by mu; by the lane of the VM
	lets   atomic.Bool            // INVITEs may take the place of legs
}

// askedOf are the functions of one VM.
type askedOf struct{ refer, replaces *luabind.Func }

func (m *module) configureFunction() luabind.Function {
	return luabind.Do1(luabind.Function{Name: "configure", Where: luabind.AtLoad, Doc: "Sets options, once, while the file loads.",
		Example: "b2b.configure({ refer = function(refer, leg)\n  return \"sip:\" .. (sip.uri(refer.to).user or \"\") .. \"@192.0.2.7\"\nend })"},
		luabind.RequiredOptionsArg("options", configuration{}), func(c *luabind.Call, o configuration) {
			value := o.Refer
			kind := mustBe(c, func() (string, error) { return kindOf(value) })
			if _, err := m.refer.agreed.Say(c.VM(), kind); err != nil {
				c.Raise("%v", err)
			}
			m.refer.mu.Lock()
			defer m.refer.mu.Unlock()
			if m.refer.funcs == nil {
				m.refer.funcs = map[*lane.Lane]askedOf{}
			}
			m.refer.funcs[c.Lane()] = askedOf{value.Func, o.Replaces}
			m.refer.lets.Store(o.Replaces != nil)
		})
}

// kindOf is what an option refer says: "refuse", "pass" or "function"; "refuse" for nothing.
func kindOf(refer luabind.FuncOrValue) (string, error) {
	switch {
	case refer.Func != nil:
		return "function", nil
	case refer.Value == nil || refer.Value == "refuse":
		return "refuse", nil
	case refer.Value == "pass":
		return "pass", nil
	}
	return "", errors.New(`option refer must be "refuse", "pass" or a function`)
}

// referral is a REFER as scripts see it.
type referral struct{ r *dialog.Referral }

// ObjectType makes it an object of scripts.
func (*referral) ObjectType() *luabind.ObjectType { return referType }

// referType describes it; it is never changed.
var referType = &luabind.ObjectType{
	Name: "refer", Doc: "What a party asks for by REFER: that its peer talks to somebody else.",
	Example: "b2b.configure({ refer = function(refer, leg)\n  sip.log.info(\"%s asks for %s\", leg.from, refer.to)\n  return nil, 603\nend })",
	Fields: []luabind.Field{
		luabind.FieldFrom("to", luabind.ReturnsURI("whom the peer is to talk to (Refer-To)"), func(x *referral) string { return x.r.To }),
		luabind.FieldFrom("by", luabind.OrNil(luabind.ReturnsText("the value of Referred-By; nobody vouches for it")), func(x *referral) string { return x.r.By }),
		luabind.FieldFrom("attended", luabind.ReturnsBool("it names a call of the party's with this server (Replaces): whom it talks to there"), func(x *referral) bool { return x.r.Talk }),
	},
}

// refer asks the script about a REFER. The lane's token is held.
func (m *B2B) refer(r *dialog.Referral) {
	g := m.asks.Load()
	if g == nil {
		r.Refuse(603)
		return
	}
	kind, _ := g.refer.agreed.Value()
	m.follow(r, kind, g.refer.of(r.Leg.Lane()).refer)
}

// of are the functions of the VM of a lane.
func (r *referring) of(l *lane.Lane) askedOf {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.funcs[l]
}

// lets reports whether INVITEs may take the place of legs.
func (m *B2B) lets() bool {
	g := m.asks.Load()
	return g != nil && g.refer.lets.Load()
}

// follow does with a REFER what an option refer says.
func (m *B2B) follow(r *dialog.Referral, kind string, f *luabind.Func) {
	switch {
	case kind == "pass":
		_ = r.Pass()
		return
	case f == nil || r.Elsewhere:
		r.Refuse(603)
		return
	}
	var out luabind.Targets
	f.Start("b2b.configure refer", &out, func(err error) {
		code := refusedBy(out.Rest)
		switch {
		case err != nil:
			r.Refuse(500)
		case out.Yes:
			_ = r.Done()
		case len(out.List) > 0:
			_ = r.Accept(out.List, m.heard(dialog.DialOptions{}), apart)
			r.Refuse(603) // if it could not be followed
		case code == 0 && r.Talk:
			_ = r.Accept(nil, dialog.DialOptions{}, apart)
		default:
			if code == 0 {
				code = 603
			}
			r.Refuse(code)
		}
		if x := m.of(r.Leg); !out.Yes && !r.Leg.Referring() && r.Leg.Peer() == nil && x.ownerOf == nil && x.spot == nil && m.control.Free(r.Leg) {
			r.Leg.HangUp("") // the function has parked whom it talked to
		}
	}, &referral{r}, m.of(r.Leg))
}

// refusedBy is the code behind the targets; 0 for none.
func refusedBy(rest []any) int {
	if len(rest) > 0 {
		if n, ok := rest[0].(float64); ok && n >= 300 && n <= 699 {
			return int(n)
		}
	}
	return 0
}
