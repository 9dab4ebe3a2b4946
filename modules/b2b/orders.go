package b2b

// The orders that programs elsewhere give to legs (package control), with the names and options
// that scripts know.

import (
	"errors"
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/modules/b2b/control"
)

// What orders take beside the options that scripts know: a script gives it as arguments.
type (
	replying struct {
		Code int `lua:"code,required" doc:"101 to 199"`
		described
	}
	answering struct {
		SDP string `lua:"sdp,required" doc:"the description of a media server"`
	}
	rejecting struct {
		Code int `lua:"code,required" doc:"300 to 699"`
		refusing
	}
	dialingTo struct {
		Targets control.Targets `lua:"targets,required" doc:"a URI, {uri=, next_hop=, path=, from_socket=, headers=}, or a list of these"`
		dialing
	}
	bridgingWith struct {
		Other string `lua:"other,required" doc:"the id of the other leg"`
		bridging
	}
	joiningWith struct {
		Other string `lua:"other,required" doc:"the id of the other leg"`
		joining
	}
	hangingUp struct {
		Reason string `lua:"reason" doc:"the value of a Reason header (RFC 3326)"`
	}
)

// planned are the names of orders that are refused until legs can do what they say.
var planned = []string{"play", "wait"} // never changed

// orders are what may be asked of legs.
func (m *B2B) orders() []control.Order {
	list := []control.Order{
		control.OrderOf(control.Order{Name: "reply", Doc: "Sends the caller a provisional answer.", Result: "true"}, replying{},
			func(o *replying) error { return checkProvisional(o.Code) },
			func(t *control.Turn, o *replying) { settle(t, t.Leg.Ring(o.Code, []byte(o.SDP))) }),
		control.OrderOf(control.Order{Name: "answer", Doc: "Answers the caller with a description. A bridge answers by itself.", Result: "true"}, answering{}, nil,
			func(t *control.Turn, o *answering) { settle(t, t.Leg.Answer([]byte(o.SDP))) }),
		control.OrderOf(control.Order{Name: "reject", Doc: "Refuses the caller.", Result: "true"}, rejecting{},
			func(o *rejecting) error { return errors.Join(checkRefusal(o.Code), mayEdit(o.Headers)) },
			func(t *control.Turn, o *rejecting) { settle(t, t.Leg.Reject(o.Code, o.Headers...)) }),
		control.OrderOf(control.Order{Name: "dial", Long: true, Doc: "Calls others for the leg, until one has answered.",
			Result: "leg, who has answered; or leg null, and response, the best refusal: code, reason, cause"}, dialingTo{dialing: dialing{Order: "parallel"}},
			func(o *dialingTo) error {
				_, err := o.options()
				return errors.Join(err, checkTargets(o.Targets))
			}, m.orderDial),
		control.OrderOf(control.Order{Name: "originate", Long: true, Doc: "Calls somebody for nobody yet.", Result: "as that of dial", Where: control.OnLane}, originating{},
			func(o *originating) error {
				_, err := o.options()
				_, bad := o.targets()
				return errors.Join(err, bad)
			}, m.orderOriginate),
		control.OrderOf(control.Order{Name: "bridge", Long: true, Doc: "Joins two legs, until one has ended. It ends neither.",
			Result: "ended, the id of the leg that has, or null; why"}, bridgingWith{bridging: bridging{Timeout: longest}},
			func(o *bridgingWith) error { _, err := o.options(); return err }, m.orderBridge),
		control.OrderOf(control.Order{Name: "join", Doc: "Joins two legs for good: when one ends the other is ended. They go on without their master.", Result: "true"},
			joiningWith{joining: joining{MaxDuration: longest}}, func(o *joiningWith) error { _, err := o.options(); return err }, m.orderJoin),
		control.OrderOf(control.Order{Name: "hang_up", Doc: "Ends the leg: BYE, 480 or CANCEL.", Result: "false if it has ended before, else true", IfEnded: false}, hangingUp{},
			func(o *hangingUp) error { return checkReason(o.Reason) },
			func(t *control.Turn, o *hangingUp) { t.Done(t.Leg.HangUp(o.Reason)) }),
	}
	list = append(list, m.moveOrders()...)
	for _, name := range planned {
		list = append(list, control.Order{Name: name, Planned: true})
	}
	return list
}

func (m *B2B) orderDial(t *control.Turn, o *dialingTo) {
	options, err := o.options()
	if err != nil {
		settle(t, err)
		return
	}
	options.Headers = o.copied(t.Leg)
	if o.Replaces == "" || strings.Contains(o.Replaces, ";") {
		m.orderCall(t, o.Targets, options, &o.calls)
		return
	}
	m.orderInPlace(t, o.Replaces, func(dialog string) {
		options.Replaces = dialog
		m.orderCall(t, o.Targets, options, &o.calls)
	})
}

func (m *B2B) orderOriginate(t *control.Turn, o *originating) {
	options, err := o.options()
	if err != nil {
		settle(t, err)
		return
	}
	list, err := o.targets()
	if err != nil {
		settle(t, err)
		return
	}
	m.orderCall(t, list, options, &o.calls)
}

// orderCall calls others. The session has their legs from when they begin.
func (m *B2B) orderCall(t *control.Turn, targets []*engine.Target, options dialog.DialOptions, with *calls) {
	if !t.Room(len(targets)) {
		t.Refuse(control.Full, "")
		return
	}
	name, err := t.Name(with.ID)
	if err != nil {
		t.Refuse(control.BadOption, err.Error())
		return
	}
	named := *with
	named.ID, with = name, &named
	options.Begun = func(l *dialog.Leg, _ *engine.Target) { t.Own(l) }
	t.Hold()
	err = m.dial(t.Lane, t.Leg, targets, options, with, func(l *dialog.Leg, res *engine.Response) {
		if l != nil {
			t.Done(map[string]any{"leg": t.Info(l)})
			return
		}
		t.Done(map[string]any{"leg": nil, "response": refusalOf(res)})
	})
	if err != nil {
		settle(t, err)
	}
}

func (m *B2B) orderBridge(t *control.Turn, o *bridgingWith) {
	options, err := o.options()
	if err != nil {
		settle(t, err)
		return
	}
	t.With(o.Other, func(other *dialog.Leg) {
		t.Hold()
		err := m.agent.Bridge(t.Leg, other, options, func(ended *dialog.Leg, why string) {
			result := map[string]any{"ended": nil, "why": why}
			if ended != nil {
				result["ended"] = m.of(ended).id
			}
			t.Done(result)
		})
		if err != nil {
			settle(t, err)
		}
	})
}

func (m *B2B) orderJoin(t *control.Turn, o *joiningWith) {
	options, err := o.options()
	if err != nil {
		settle(t, err)
		return
	}
	t.With(o.Other, func(other *dialog.Leg) {
		err := m.joined(m.of(t.Leg), m.of(other), options)
		if err == nil {
			t.Leave(t.Leg)
			t.Leave(other)
		}
		settle(t, err)
	})
}

// settle answers an order that is done, or has failed.
func settle(t *control.Turn, err error) {
	if err == nil {
		t.Done(true)
		return
	}
	for code, of := range map[control.Code]error{control.BadState: dialog.ErrState, control.Busy: dialog.ErrBusy, control.OtherLane: dialog.ErrPinned, control.NoSDP: dialog.ErrNoMedia,
		control.Full: dialog.ErrFull, control.Taken: errTaken,
		control.KeyTaken: errParked} {
		if errors.Is(err, of) {
			t.Refuse(code, "")
			return
		}
	}
	t.Refuse(control.Failed, err.Error())
}
