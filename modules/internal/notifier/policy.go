package notifier

// This file is the notifier's policy, and the bounds that no policy changes.

import "time"

// Policy is what a notifier grants.
type Policy struct {
	MaxExpires time.Duration // the longest, and the default
	// A shorter one is answered 423, unless it is an hour or more (RFC 6665 §4.2.1.1)
	MinExpires     time.Duration
	Interval       time.Duration // between NOTIFYs of changes to one subscriber
	Max            int           // subscriptions in all: beyond it 503
	MaxPerResource int           // to one resource: beyond it 403
	MaxPerWatcher  int           // of one watcher: beyond it 403; 0: as many as there may be
}

// Bounds on the contents of one subscription.
const (
	maxURI     = 1024     // bytes of From's, To's and Contact's URI each
	maxRoutes  = 2048     // bytes of all Record-Route values
	maxTag     = 256      // bytes of the subscriber's tag, and of the Call-ID
	maxEventID = 64       // bytes of Event's id, and of an entity tag
	maxBody    = 60 << 10 // bytes: what UDP carries, without the headers
)

// lookTime bounds how long a Feed may take.
const lookTime = 10 * time.Second
