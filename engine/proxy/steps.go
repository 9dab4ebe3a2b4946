package proxy

import "container/list"

// Challenges in an established dialog. Its Record-Route entries are settled, so what these add to
// CSeq cannot travel with the messages and is kept here, by lane: few trunks challenge again in a
// dialog, and a restart in the middle costs such calls their next refresh.

// steps is by how much the CSeq numbers of dialogs grew. The zero value is empty.
type steps struct {
	known map[string]*list.Element
	order list.List // of *grown, the most recently used first
}

type grown struct {
	key string
	at  []step // in ascending order
}

// step says that numbers from number on are shifted by extra, in addition to what the dialog says.
type step struct{ number, extra uint32 }

const (
	mostGrown = 4096 // dialogs of a lane; the one longest unused goes
	mostSteps = 8    // of a dialog: only the numbers of requests in progress are looked up
)

func stepKey(callID, tag []byte) string { return string(callID) + "\x00" + string(tag) }

// extra is what is added to a number.
func (s *steps) extra(callID, tag []byte, number uint32) (n uint32) {
	if len(s.known) == 0 {
		return 0
	}
	e := s.known[stepKey(callID, tag)]
	if e == nil {
		return 0
	}
	s.order.MoveToFront(e)
	for _, one := range e.Value.(*grown).at {
		if one.number <= number {
			n = one.extra
		}
	}
	return n
}

// add makes extra one more from number on.
func (s *steps) add(callID, tag []byte, number uint32) {
	key := stepKey(callID, tag)
	e := s.known[key]
	if e == nil {
		if s.known == nil {
			s.known = map[string]*list.Element{}
		}
		if len(s.known) >= mostGrown {
			delete(s.known, s.order.Remove(s.order.Back()).(*grown).key)
		}
		e = s.order.PushFront(&grown{key: key})
		s.known[key] = e
	}
	g := e.Value.(*grown)
	next := step{number, 1}
	if n := len(g.at); n > 0 {
		next.extra = g.at[n-1].extra + 1
	}
	if len(g.at) >= mostSteps {
		g.at = append(g.at[:0], g.at[1:]...)
	}
	g.at = append(g.at, next)
}

// forget ends a dialog.
func (s *steps) forget(callID, tag []byte) {
	if len(s.known) == 0 {
		return
	}
	if e := s.known[stepKey(callID, tag)]; e != nil {
		delete(s.known, s.order.Remove(e).(*grown).key)
	}
}
