package dialog

import "github.com/sipscript/sipscript/engine/lane"

// TrackLegWith is TrackLeg, with what calls functions that wait.
var TrackLegWith = (*Dialogs).trackLeg

// LegsOn is a call on a lane: Leaves of its legs, and its run.
func LegsOn(l *lane.Lane) (leaves func(to *lane.Lane) (arrives func(at *lane.Lane)), run func(at *lane.Lane, f func())) {
	c := &Call{}
	c.home.Store(l)
	return (&legs{c: c}).Leaves, c.run
}
