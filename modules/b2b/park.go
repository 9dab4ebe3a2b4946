package b2b

// Legs that wait to be picked up.

import (
	"errors"
	"sync"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/luabind"
)

// mostParked bounds the legs that wait.
const mostParked = 10_000

// parking has the legs that wait, by their keys. It is their owner.
type parking struct {
	mu    sync.Mutex
	spots map[string]*spot // guarded by mu
}

// spot is where one waits.
type spot struct {
	m     *B2B
	key   string
	leg   *leg
	timer lane.Timer // of the leg's lane
}

var errFull = errors.New("too many legs are parked")

// put parks a leg: its lane is held.
func (m *B2B) put(x *leg, key string, limit time.Duration) error {
	if x.l.State() != dialog.Answered {
		return dialog.ErrState
	}
	s := &spot{m: m, key: key, leg: x}
	m.park.mu.Lock()
	switch {
	case m.park.spots[key] != nil:
		m.park.mu.Unlock()
		return errParked
	case len(m.park.spots) >= mostParked:
		m.park.mu.Unlock()
		return errFull
	}
	if m.park.spots == nil {
		m.park.spots = map[string]*spot{}
	}
	m.park.spots[key] = s
	m.park.mu.Unlock()
	x.disown()
	x.spot = s
	peer := x.l.Peer()
	x.l.Part()
	// Of a joined pair, unless a REFER of its own has brought this about
	if peer != nil && m.of(peer).ownerOf == nil && m.control.Free(peer) && !peer.Referring() {
		peer.HangUp("")
	}
	x.lane().After(limit, &s.timer, s)
	_ = x.l.Hold(func(*engine.Response) {}) // if the party refuses, it waits all the same
	return nil
}

// Expire ends a leg that nobody has picked up.
func (s *spot) Expire(*lane.Timer) {
	if s.m.lift(s.key, s) == s {
		s.leg.spot = nil
		s.leg.l.HangUp("")
	}
}

// lift takes what waits with a key, or no more than s if that is not nil: whoever gets it is the
// only one.
func (m *B2B) lift(key string, only *spot) *spot {
	m.park.mu.Lock()
	defer m.park.mu.Unlock()
	s := m.park.spots[key]
	if s == nil || only != nil && s != only {
		return nil
	}
	delete(m.park.spots, key)
	return s
}

// unpark is told that a leg has ended, or is taken. The leg's lane is held.
func (x *leg) unpark() {
	if s := x.spot; s != nil {
		x.spot = nil
		x.lane().StopTimer(&s.timer)
		x.m.lift(s.key, s)
	}
}

// parkingOptions are the options of park.
type parkingOptions struct {
	Timeout time.Duration `lua:"timeout" min:"1" max:"86400" default:"3600" doc:"seconds after which a leg that nobody has picked up is ended"`
}

var parkMethod = luabind.Act3(luabind.Function{Name: "park", Where: luabind.InHandler, Waits: true,
	Doc: "Has the party wait, on hold, until somebody takes it by the key: b2b.take. Its bridge ends (nil, \"parted\"), and its peer stays its owner's. The handler no longer owns it; it ends when the " +
		"party leaves, or after timeout. nil, \"busy\" if somebody waits with that key.",
	Example: answered200 + "a:bridge(b, { timeout = 60 })\na:park(\"701\")"},
	luabind.Self[*leg](), luabind.TextArg("key", "a number that people dial, for example"), luabind.OptionsArg(parkingOptions{Timeout: time.Hour}),
	func(c *luabind.Call, x *leg, key string, p parkingOptions) error {
		_, err := do(x, c, func() (struct{}, error) { return struct{}{}, x.m.put(x, key, p.Timeout) })
		return err
	})

var errParked = errors.New("busy")

func takeFunction(m *module) luabind.Function {
	return luabind.Try1(luabind.Function{Name: "take", Where: luabind.InHandler, Waits: true,
		Doc:     "The leg that waits with a key; of several who ask at once one gets it, and owns it then.",
		Example: "local a = b2b.take(\"701\")\nif a then a:hang_up() end"},
		luabind.TextArg("key", "as park had it"), luabind.ReturnsObject[*leg](legType, ""), func(c *luabind.Call, key string) (*leg, error) {
			o := m.owner(c)
			s := m.lift(key, nil)
			if s == nil {
				return nil, errNoLeg
			}
			return do(s.leg, c, func() (*leg, error) {
				x := s.leg
				x.unpark()
				if x.l.State() == dialog.Ended {
					return nil, errNoLeg
				}
				m.control.Taken(x.l)
				o.take(x)
				return x, nil
			})
		})
}
