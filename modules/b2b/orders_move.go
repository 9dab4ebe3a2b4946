package b2b

// The orders that move parties: hold, transfer, park.

import (
	"errors"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/modules/b2b/control"
)

// What these take beside the options that scripts know.
type (
	noOptions      struct{}
	transferringTo struct {
		Targets control.Targets `lua:"targets" doc:"as those of dial"`
		Other   string          `lua:"other" doc:"the id of the leg whose party it goes to"`
		transferring
	}
	referringTo struct {
		To    string `lua:"to" doc:"the URI that the party is to call"`
		Other string `lua:"other" doc:"or the id of the leg whose party it is to call, and take over (Replaces)"`
		referringOptions
	}
	sendingOf struct{ sending }
	parkingAt struct {
		Key string `lua:"key,required" doc:"a number that people dial, for example"`
		parkingOptions
	}
	takingFrom struct {
		Key string `lua:"key,required" doc:"as park had it"`
	}
)

var (
	errWhither = errors.New("one of targets and other is required")
	errWhom    = errors.New("one of to and other is required")
)

// agreement is what hold, resume and transfer come to.
const agreement = "agreed, true; or agreed null, and response, the refusal: code, reason, cause"

// moveOrders are these orders.
func (m *B2B) moveOrders() []control.Order {
	return []control.Order{
		control.OrderOf(control.Order{Name: "hold", Long: true, Doc: "Puts the party on hold by an INVITE: its peer hears nothing of it.", Result: agreement}, noOptions{}, nil,
			func(t *control.Turn, _ *noOptions) { agree(t, t.Leg.Hold) }),
		control.OrderOf(control.Order{Name: "resume", Long: true, Doc: "Takes hold back.", Result: agreement}, noOptions{}, nil,
			func(t *control.Turn, _ *noOptions) { agree(t, t.Leg.Resume) }),
		control.OrderOf(control.Order{Name: "transfer", Long: true,
			Doc:    "Has the party go to the first of the targets that answers, or to the party of another leg; whoever either talked to is ended. The two go on without their master.",
			Result: agreement}, transferringTo{},
			func(o *transferringTo) error {
				if (o.Targets == nil) == (o.Other == "") {
					return errWhither
				}
				return checkTargets(o.Targets)
			}, m.orderTransfer),
		control.OrderOf(control.Order{Name: "refer", Long: true,
			Doc: "Asks the party by a REFER to call somebody by itself, until its last NOTIFY. The leg goes on.", Result: agreement}, referringTo{referringOptions: referringOptions{Timeout: referTime}},
			func(o *referringTo) error {
				switch {
				case (o.To == "") == (o.Other == ""):
					return errWhom
				case o.To != "":
					return o.check(o.To)
				}
				return mayEdit(o.Headers)
			}, m.orderRefer),
		control.OrderOf(control.Order{Name: "send", Long: true, Doc: "Sends the party a request within the call.", Result: "response: code, reason, cause"}, sendingOf{},
			func(o *sendingOf) error { return o.check() },
			func(t *control.Turn, o *sendingOf) {
				t.Hold()
				if err := t.Leg.Send(o.message(), func(res *engine.Response) { t.Done(map[string]any{"response": refusalOf(res)}) }); err != nil {
					settle(t, err)
				}
			}),
		control.OrderOf(control.Order{Name: "park", Doc: "Has the party wait, on hold, until somebody takes it by the key. It goes on without its master.", Result: "true"},
			parkingAt{parkingOptions: parkingOptions{Timeout: time.Hour}}, nil,
			func(t *control.Turn, o *parkingAt) {
				err := m.put(m.of(t.Leg), o.Key, o.Timeout)
				if err == nil {
					t.Leave(t.Leg)
				}
				settle(t, err)
			}),
		control.OrderOf(control.Order{Name: "take", Doc: "Makes the session the master of the leg that waits with a key.", Result: "the leg", Where: control.OnLane}, takingFrom{}, nil, m.orderTake),
	}
}

// agree answers an order with what a party says to a request of ours.
func agree(t *control.Turn, ask func(func(*engine.Response)) error) {
	t.Hold()
	err := ask(func(res *engine.Response) {
		if res == nil {
			t.Done(map[string]any{"agreed": true})
			return
		}
		t.Done(map[string]any{"agreed": nil, "response": refusalOf(res)})
	})
	if err != nil {
		settle(t, err)
	}
}

// refusalOf describes a response.
func refusalOf(res *engine.Response) map[string]any {
	about := map[string]any{"code": res.Code(), "reason": res.Reason()}
	if c := res.Cause(); c != "" {
		about["cause"] = c
	}
	return about
}

func (m *B2B) orderTransfer(t *control.Turn, o *transferringTo) {
	if o.Other != "" {
		t.With(o.Other, func(other *dialog.Leg) {
			agree(t, func(done func(*engine.Response)) error {
				err := m.agent.Move(t.Leg, other, apart)
				if err == nil {
					done(nil)
				}
				return err
			})
		})
		return
	}
	agree(t, func(done func(*engine.Response)) error {
		return m.transfer(t.Leg, o.Targets, dialog.DialOptions{Timeout: o.Timeout}, func(res *engine.Response) { done(res) })
	})
}

func (m *B2B) orderRefer(t *control.Turn, o *referringTo) {
	options := o.options()
	refer := func(to string) {
		agree(t, func(done func(*engine.Response)) error { return t.Leg.Refer(to, options, done) })
	}
	if o.Other == "" {
		refer(o.To)
		return
	}
	uri := ""
	t.There(o.Other, "", func(other *dialog.Leg) control.Code {
		if uri, options.Replaces = other.Party(); options.Replaces == "" {
			return control.BadState
		}
		return ""
	}, func() { refer(uri) })
}

// transfer is Agent.Transfer, whose legs watchers hear of. The token of the leg's lane is held.
func (m *B2B) transfer(l *dialog.Leg, targets []*engine.Target, o dialog.DialOptions, done func(*engine.Response)) error {
	return m.agent.Transfer(l, targets, m.heard(o), apart, func(_ *dialog.Leg, res *engine.Response) { done(res) })
}

// heard are the options of a dial that is nobody's, whose legs watchers hear of.
func (m *B2B) heard(o dialog.DialOptions) dialog.DialOptions {
	if m.control.Watched() {
		o.Begun = func(l *dialog.Leg, _ *engine.Target) { m.control.Began(l) }
	}
	return o
}

func (m *B2B) orderTake(t *control.Turn, o *takingFrom) {
	s := m.lift(o.Key, nil)
	if s == nil {
		t.Refuse(control.NoLeg, "nobody waits with that key")
		return
	}
	s.leg.on(t.Lane, func(*lane.Lane) { // it may be on its way with others of its call
		x := s.leg
		if x.unpark(); x.l.State() == dialog.Ended {
			t.Refuse(control.NoLeg, "nobody waits with that key")
			return
		}
		m.control.Taken(x.l)
		t.Take(x.l)
		t.Done(t.Info(x.l))
	})
}
