package uac

// This file is what is reported about registrations: their state, events, figures.

import (
	"sync/atomic"
	"time"
)

// States of a registration.
const (
	Registering = "registering" // no answer yet
	Registered  = "registered"
	Failed      = "failed" // not registered, and tried again later
)

// Status is the state of a registration. It never changes; there is a new one after each answer.
type Status struct {
	// Of the account, what is registered, and where calls arrive (URIs)
	Name, AOR, Contact string
	Code               int    // of the last answer; 0 for none
	Error              string // of the last attempt, "" if it was accepted
	until              time.Time
	routes             []string // the Service-Route of the last acceptance
	pending            bool
}

// State is one of the States at now: a registration that could not be refreshed remains registered
// until it expires.
func (s *Status) State(now time.Time) string {
	switch {
	case now.Before(s.until):
		return Registered
	case s.pending:
		return Registering
	}
	return Failed
}

// Expires is how long it is registered still.
func (s *Status) Expires(now time.Time) time.Duration { return max(0, s.until.Sub(now)) }

// Events, by the names scripts know them by.
const (
	EventRegistered   = "uac.registered"
	EventFailed       = "uac.failed"
	EventUnregistered = "uac.unregistered"
)

// Event is what happened to a registration.
type Event struct {
	Kind  string        // EventRegistered, EventFailed or EventUnregistered
	Name  string        // of the account
	Left  time.Duration // of EventRegistered: how long it is granted for
	Error string        // of EventFailed
	Code  int           // of EventFailed: the answer, 0 for none
}

func (u *UAC) emit(e Event) {
	u.script.Emit(e)
	if u.event != nil {
		u.event(e)
	}
}

// figures are counted since the start: REGISTERs by outcome.
type figures struct{ accepted, refused, failed atomic.Uint64 }
