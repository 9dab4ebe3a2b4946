package b2b

// This file is the module as scripts see it. It only translates; README.md describes it.

import (
	"errors"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/luabind"
	dialogs "github.com/sipscript/sipscript/modules/dialog"
)

// Name is "b2b".
func (*B2B) Name() string { return "b2b" }

// Doc describes the module.
func (*B2B) Doc() string {
	return "Makes calls of this server's own: a caller's leg, legs that are dialled, and bridges between them."
}

// Open makes the module of one script generation.
func (m *B2B) Open(h *luabind.Host) (luabind.Module, error) {
	return &module{B2B: m, hears: events.Listener(h)}, nil
}

// module is b2b within one script generation.
type module struct {
	*B2B
	hears luabind.Listener[event]
	refer referring
}

// Activate has this generation hear of events.
func (m *module) Activate() error {
	m.script.Listen(&m.hears)
	m.asks.Store(m)
	return nil
}

// Close ends that.
func (m *module) Close() error {
	m.script.Leave(&m.hears)
	m.asks.CompareAndSwap(m, nil)
	return nil
}

// events are what sip.on knows of legs; it is never changed.
var events = luabind.EventsOf(func(e event) string { return e.kind },
	luabind.EventOf("b2b.ringing", "Somebody who was dialled rings, or a caller is told so.", eventLeg),
	luabind.EventOf("b2b.answered", "A leg was answered.", eventLeg),
	luabind.EventOf("b2b.bridged", "Two legs were joined.", eventLeg,
		luabind.EventArg("other", luabind.ReturnsObject[*leg](legType, ""), func(e event) *leg { return e.far })),
	luabind.EventOf("b2b.moved", "A party went to somebody else, by a transfer: leg has another peer.", eventLeg,
		luabind.EventArg("other", luabind.ReturnsObject[*leg](legType, ""), func(e event) *leg { return e.far })),
	luabind.EventOf(eventExpiring, "A leg will be ended: it has lasted nearly as long as its max_duration says.", eventLeg,
		luabind.EventArg("seconds", luabind.ReturnsNumber("that are left"), func(e event) float64 { return e.left.Seconds() })),
	luabind.EventOf("b2b.ended", "A leg has ended.", eventLeg,
		luabind.EventArg("why", luabind.ReturnsText("as leg.why"), func(e event) string { return e.why })))

// eventExpiring is not one of the agent's.
const eventExpiring = "b2b.expiring"

var eventLeg = luabind.EventArg("leg", luabind.ReturnsObject[*leg](legType, ""), func(e event) *leg { return e.leg })

// Events of the module.
func (*module) Events() []luabind.Event { return events.Declared() }

// Functions of the module.
func (m *module) Functions() []luabind.Function {
	return []luabind.Function{
		m.configureFunction(),
		luabind.Try2(luabind.Function{Name: "incoming", Where: luabind.InHandler, Decides: true,
			Doc: "Takes the call that an INVITE begins: the request's decision, and from here on this server is who was called. The leg rings until it is answered or refused, or the " +
				"caller gives up; without either it ends with the handler, by 480, or 500 after an error. nil if the INVITE was refused because of what it requires (420, 415, 503), or has Replaces that leads to no leg (481, 486, 603); nil, \"replaced\" if it has taken the place of one, as b2b.configure allows; nil, \"limit\" and the key if that is full: the request is not decided then.",
			Raises:  "for anything but an INVITE outside of a dialog",
			Example: "local a = b2b.incoming(req)\nif a then a:reject(486) end"},
			luabind.RequestArg(), luabind.OptionsArg(taking{}), returnsTook, m.incoming),
		luabind.Parked2(luabind.Function{Name: "originate", Where: luabind.InHandler,
			Doc: "Calls somebody for nobody yet: click-to-dial, a call-back, an alarm. Without sdp the INVITE makes no offer; what is offered then waits 5 s for a bridge or a dial, which puts it on hold.",
			Example: "local a, res = b2b.originate({ from = \"sip:alarm@example.com\", target = \"sip:bob@192.0.2.7\", timeout = 20 })\n" +
				"if a then a:hang_up() end"},
			luabind.RequiredOptionsArg("call", placing{}), luabind.OptionsArg(nothing{}), returnsDialled,
			func(c *luabind.Call, o placing, _ nothing) luabind.Parked[dialled] { return m.originate(c, o) }),
		takeFunction(m),
		luabind.Try1(luabind.Function{Name: "leg", Where: luabind.InHandler, Waits: true, Doc: "The leg that has an id.", Example: `local a, why = b2b.leg("0.12ab")`},
			luabind.TextArg("id", "as leg.id"), luabind.ReturnsObject[*leg](legType, ""), m.find),
		luabind.Func0(luabind.Function{Name: "list", Where: luabind.InHandler, Waits: true, Doc: "The legs that have not ended.", Example: `sip.log.info("%d legs", #b2b.list())`},
			luabind.ReturnsList[*leg](legType, ""), m.list),
	}
}

// nothing are no options.
type nothing struct{}

func (m *module) incoming(c *luabind.Call, r *engine.Request, taken taking) (took, error) {
	off, bad := taken.off()
	check(c, bad)
	media, bad := m.relays(&taken.mediated)
	check(c, bad)
	place, err := m.place(c, r)
	if err != nil {
		return took{}, err
	}
	held, full := m.hold(&taken.counted)
	if f := (*dialogs.FullError)(nil); errors.As(full, &f) {
		return took{why: "limit", key: f.Key}, nil
	}
	check(c, full)
	o := m.owner(c)
	options := dialog.AcceptOptions{NoTimer: off, FlowLost: taken.FlowLost, Media: media}
	var l *dialog.Leg
	if place != nil {
		l, err = m.agent.Replace(r, place, options, apart)
	} else {
		l, err = m.agent.Accept(r, options)
	}
	if err != nil {
		held.Release()
	}
	switch {
	case err == nil:
		x := m.of(l)
		x.keep(&taken.counted)
		x.hold(held)
		m.control.Began(l)
		if place != nil {
			return took{why: "replaced"}, nil
		}
		o.take(x)
		return took{leg: x}, nil
	case errors.Is(err, dialog.ErrMethod):
		c.Raise("%v", err)
	case errors.Is(err, engine.ErrDecided):
		if r.Cancelled() || r.Answered() != 0 {
			return took{}, errors.New("the request is over")
		}
		c.Raise("this request has been decided already")
	}
	c.Misuse(err)
	return took{}, err
}

// dialled is what dial and originate return.
type dialled struct {
	leg *leg
	res *engine.Response
}

var returnsDialled = luabind.ReturnsOf(func(c *luabind.Call, d dialled) int {
	if d.leg != nil {
		return c.PushObject(d.leg)
	}
	return c.PushNil() + c.PushResponse(d.res)
}, luabind.Result{Type: luabind.ObjectOf, Named: "leg", OrNil: true, Doc: "the leg that answered"},
	luabind.Result{Name: "response", Type: luabind.ResponseType, OrNil: true, Doc: "the best refusal; cause \"cancelled\" if the caller gave up"})

func (m *module) originate(c *luabind.Call, o placing) luabind.Parked[dialled] {
	e := m.eng.Load()
	if e == nil {
		c.Raise("there is no engine")
	}
	home := c.Lane()
	if c.Background() {
		lanes := e.Lanes()
		home = lanes[e.Random(nil)%uint64(len(lanes))]
	}
	list := mustBe(c, o.targets)
	options, own := mustBe(c, o.options), m.owner(c)
	begin := func(done func(dialled, error)) {
		err := m.dial(home, nil, list, options, &o.calls, func(l *dialog.Leg, res *engine.Response) { done(m.taken(own, l, res), nil) })
		if err != nil {
			done(dialled{}, err)
		}
	}
	if home == c.Lane() {
		return begin
	}
	return waitOn(c, m.askerOf(home), begin)
}

// taken is what a Dial came to, for whoever owns it.
func (m *B2B) taken(o *owner, l *dialog.Leg, res *engine.Response) dialled {
	if l == nil {
		return dialled{res: res}
	}
	x := m.of(l)
	o.take(x)
	return dialled{leg: x}
}

var errNoLeg = errors.New("ended")

func (m *module) find(c *luabind.Call, id string) (*leg, error) {
	if v, ok := m.names.Load(id); ok {
		if x, ok := v.(*leg); ok { // it has moved, or moves
			return x, nil
		}
	}
	home := m.laneOf(id)
	if home == nil {
		return nil, errNoLeg
	}
	x, err := onLane(m.B2B, c, home, func() (*leg, error) { return m.known[home.ID()][id], nil })
	if err == nil && x == nil {
		err = errNoLeg
	}
	return x, err
}

// list asks one lane after the other.
func (m *module) list(c *luabind.Call) []*leg {
	list := []*leg{}
	e := m.eng.Load()
	if e == nil {
		return list
	}
	for _, l := range e.Lanes() {
		some, _ := onLane(m.B2B, c, l, func() (legs []*leg, _ error) {
			for _, x := range m.agent.Legs(l) {
				legs = append(legs, m.of(x))
			}
			return legs, nil
		})
		list = append(list, some...)
	}
	slices.SortFunc(list, func(a, b *leg) int { return strings.Compare(a.id, b.id) })
	return list
}
