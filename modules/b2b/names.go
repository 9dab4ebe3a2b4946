package b2b

// Ids of legs: ours name the lane, and those that callers choose are in one table.

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/proxy"
	dialogs "github.com/sipscript/sipscript/modules/dialog"
)

// errTaken is the error of an id that a leg has, or will have.
var errTaken = errors.New("a leg has that id")

// chosen reports whether a caller has chosen an id: ours begin with the number of a lane. Those
// that clients of call control choose have the name of their operator in front, and a slash. A
// later leg of a dial has one that is longer than callers may choose.
func chosen(id string) bool { return id[0] > '9' || strings.Contains(id, "/") }

// isName reports whether somebody may give a leg this id: it cannot be one of ours.
func isName(id string) bool {
	for i := range len(id) {
		switch c := id[i]; {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		case i == 0 || (c < '0' || c > '9') && !strings.ContainsRune("_.:-", rune(c)):
			return false
		}
	}
	return id != "" && len(id) <= 64
}

// laneOf is the lane of the leg with an id; nil if there can be none.
func (m *B2B) laneOf(id string) *lane.Lane {
	if home, ok := m.names.Load(id); ok {
		if x, ok := home.(*leg); ok {
			return x.lane()
		}
		return home.(*lane.Lane)
	}
	e := m.eng.Load()
	number, _, _ := strings.Cut(id, ".")
	n, err := strconv.Atoi(number)
	if err != nil || e == nil || n < 0 || n >= len(e.Lanes()) {
		return nil
	}
	return e.Lanes()[n]
}

// reserve takes the ids of n legs of a lane.
func (m *B2B) reserve(home *lane.Lane, id string, n int) ([]string, error) {
	if id == "" {
		return nil, nil
	}
	names := make([]string, n)
	for i := range names {
		name := id
		if i > 0 {
			name = fmt.Sprintf("%s-%d", id, i+1)
		}
		if _, taken := m.names.LoadOrStore(name, home); taken {
			m.release(names)
			return nil, errTaken
		}
		names[i] = name
	}
	return names, nil
}

// release gives ids back that no leg has got.
func (m *B2B) release(names []string) {
	for _, name := range names {
		if name != "" {
			m.names.Delete(name)
		}
	}
}

// dial is Agent.Dial for legs with ids. The token of home is held.
func (m *B2B) dial(home *lane.Lane, from *dialog.Leg, targets []*engine.Target, o dialog.DialOptions, with *calls, done func(*dialog.Leg, *engine.Response)) error {
	if o.Replaces != "" && !strings.Contains(o.Replaces, ";") {
		return m.dialInPlace(home, from, targets, o, with, done)
	}
	media, err := m.relays(&with.mediated)
	if err != nil {
		return err
	}
	o.Media = media
	names, err := m.reserve(home, with.ID, len(targets))
	if err != nil {
		return err
	}
	held, err := m.hold(&with.counted)
	if err != nil {
		m.release(names)
		if full := (*dialogs.FullError)(nil); errors.As(err, &full) {
			done(nil, proxy.NewResponse(503, engine.CauseFull, nil))
			return nil
		}
		return err
	}
	keeps := with.MaxDuration > 0 || len(with.Vars) > 0
	if begun := o.Begun; begun != nil || names != nil || keeps || m.control.Watched() {
		o.Begun = func(l *dialog.Leg, t *engine.Target) {
			if i := slices.Index(targets, t); names != nil && names[i] != "" {
				m.make(l, names[i])
				names[i] = ""
			}
			if keeps {
				m.of(l).keep(&with.counted)
			}
			if begun != nil {
				begun(l, t)
			}
			m.control.Began(l)
		}
	}
	err = m.agent.Dial(home, from, targets, o, func(l *dialog.Leg, res *engine.Response) {
		m.release(names)
		if l == nil {
			held.Release()
		} else if held != nil {
			m.of(l).hold(held)
		}
		done(l, res)
	})
	if err != nil {
		m.release(names)
		held.Release()
	}
	return err
}
