package notifier

// This file is what event packages give a notifier.

import (
	"context"
	"time"
)

// Package is an event package, or one template of it ("presence.winfo"). It is never changed.
type Package struct {
	Event string // as Event names it, in lower case
	// Types of the documents, the default first: those a subscriber without Accept understands. At
	// most 8
	Types      []string
	Extensions []string // option tags that a SUBSCRIBE may require beside the script's
	// Interval bounds Policy.Interval for this package; 0: it doesn't.
	Interval time.Duration
}

// Feed is what one subscription reports. Its methods are called one at a time, except for Ended.
type Feed interface {
	// Waits reports whether Next may block: then the lane is lent meanwhile. The answer never
	// changes.
	Waits() bool
	// Next makes the next document. tell is false if nothing has changed since the last; with
	// Round.Full that does not matter. An error: nothing can be read now.
	Next(ctx context.Context, r Round) (d Document, tell bool, err error)
	// Ended is called once the subscription is over, on whatever goroutine. It must not block.
	Ended(reason string)
}

// Tagged is a Feed whose state has entity tags (RFC 5839).
type Tagged interface {
	// Tag is that of the present state. It must not block.
	Tag() string
}

// Partial is a Feed whose documents may say just what has changed.
type Partial interface {
	// Unseen says that the last document was not sent: the next one says everything.
	Unseen()
}

// Listed is a Feed about a list of resources (RFC 4662): 2xx say so.
type Listed interface {
	// List is true.
	List() bool
}

// Round is one NOTIFY.
type Round struct {
	Full   bool      // everything: after a SUBSCRIBE, and at the end
	Ending string    // why it is the last one, "" if it isn't
	Now    time.Time // of day
}

// Document is what a NOTIFY says.
type Document struct {
	Type    string // of the Body
	Body    []byte // nil for none; it is not changed
	ETag    string // SIP-ETag, "" for none
	List    bool   // it is about a list (Require: eventlist, RFC 4662 §4.3)
	Pending bool   // the subscription is not authorised yet
	// End ends the subscription with this NOTIFY, for that reason; Retry is when the subscriber
	// should come back, 0 if that is not said.
	End   string
	Retry time.Duration
}
