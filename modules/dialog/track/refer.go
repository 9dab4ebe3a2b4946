package track

import "slices"

// Refer is a REFER within a dialog whose NOTIFYs may still come (RFC 3515 §2.4.6).
type Refer struct {
	ToCallee bool   // who got it
	Ours     bool   // it was this server's own, and the other party knows nothing of it
	GivenUp  bool   `json:",omitempty"` // whoever wanted it was told that it failed
	Number   uint32 // of its CSeq, as the recipient has seen it
	Asked    uint32 // and as the sender wrote it
}

// mostRefers bounds those of a leg that are known.
const mostRefers = 8

// Referred notes a REFER that is sent.
func (l *Leg) Referred(r Refer) {
	own := l.own()
	list := slices.Clone(own.Refers)
	if len(list) >= mostRefers {
		list = slices.Delete(list, 1, 2) // the first may be told of without its number
	}
	own.Refers = append(list, r)
	l.Own = &own
}

// ReferOf is what a NOTIFY of a party tells of; known: it names the number, otherwise it is the
// first that the party got.
func (l *Leg) ReferOf(byCallee bool, number uint32, known bool) (r Refer, ok bool) {
	if l.Own == nil {
		return r, false
	}
	for _, r := range l.Own.Refers {
		if r.ToCallee == byCallee && (!known || r.Number == number) {
			return r, true
		}
	}
	return r, false
}

// GiveUp notes that nobody waits for what is told of a REFER of ours.
func (l *Leg) GiveUp(toCallee bool, number uint32) {
	own := l.own()
	own.Refers = slices.Clone(own.Refers)
	for i := range own.Refers {
		if r := &own.Refers[i]; r.ToCallee == toCallee && r.Number == number {
			r.GivenUp = true
		}
	}
	l.Own = &own
}

// Unreferred forgets a REFER that was refused, or whose last NOTIFY has come.
func (l *Leg) Unreferred(toCallee bool, number uint32) {
	own := l.own()
	own.Refers = slices.DeleteFunc(slices.Clone(own.Refers), func(r Refer) bool { return r.ToCallee == toCallee && r.Number == number })
	l.Own = &own
}

// own is a copy of what our own requests have taken.
func (l *Leg) own() Own {
	if l.Own == nil {
		return Own{}
	}
	return *l.Own
}

// Tells reports whether a party may still tell of a REFER of ours.
func (c *Call) Tells() bool {
	for i := range c.Legs {
		if own := c.Legs[i].Own; own != nil && slices.ContainsFunc(own.Refers, func(r Refer) bool { return r.Ours }) {
			return true
		}
	}
	return false
}
