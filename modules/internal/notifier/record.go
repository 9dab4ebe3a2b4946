package notifier

// This file is subscriptions that outlive the process: what of one is written, and how it comes
// back.

import (
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
)

// Record is a subscription as it is kept. A subscriber who is reached on a connection has none: the
// connection ends with the process.
type Record struct {
	CallID, Local, Remote string
	From, To              string
	Event, EventID        string
	Key, Watcher          string
	Contact, Asked, URI   string
	Path                  []string `json:",omitempty"`
	Received, Socket      string
	CSeq, RemoteCSeq      uint32
	First                 uint32
	Accepts               uint8
	Authenticated         bool
	Until                 int64 // milliseconds of the day's clock
}

// spareCSeq is more than the NOTIFYs that one subscriber is sent between two SUBSCRIBEs: numbers
// after a restart are higher than any before it (RFC 3261 §12.2.1.1).
const spareCSeq = 20_000

// record is the subscription on its lane; nil for one that can't come back.
func (s *Subscription) record() *Record {
	if s.flow != 0 || !s.proved {
		return nil
	}
	if l, ok := s.feed.(Listed); ok && l.List() { // what may be seen of each member is not kept
		return nil
	}
	return &Record{CallID: s.callID(), Local: s.local, Remote: s.remote, From: s.from, To: s.to, Event: s.event.Event, EventID: s.eventID, Key: s.key, Watcher: s.watcher,
		Contact: s.contact, Asked: s.asked, URI: s.uri, Path: s.path, Received: s.received, Socket: s.socket, CSeq: s.cseq, RemoteCSeq: s.remoteCSeq, First: s.first,
		Accepts: s.accepts, Authenticated: s.authenticated, Until: s.until.Load()}
}

// keep has the subscription written, or forgotten.
func (s *Subscription) keep(over bool) {
	if s.notifier.o.Keep == nil {
		return
	}
	var r *Record
	if !over {
		r = s.record()
	}
	s.notifier.o.Keep(s.dialog, r)
}

// Restore brings a subscription back on the engine e, whose subscriber is told everything within
// spread: who watched before this process was there must not be told all at once. ok is false if it
// is over, or its package is no longer served.
func (n *Notifier) Restore(e *engine.Engine, r *Record, feed Feed, spread time.Duration) (ok bool) {
	now := e.Clock().Wall()
	left := time.UnixMilli(r.Until).Sub(now)
	event := n.o.Find(r.Event)
	l := e.LaneOf(r.CallID)
	if left <= 0 || event == nil || l == nil {
		return false
	}
	s := &Subscription{notifier: n, engine: e, lane: l, event: event, feed: feed, dialog: dialogKey([]byte(r.CallID), []byte(r.Local), []byte(r.Remote)),
		local: r.Local, remote: r.Remote, from: r.From, to: r.To, eventID: r.EventID, key: r.Key, watcher: r.Watcher, contact: r.Contact, first: r.First, accepts: r.Accepts,
		proved: true, authenticated: r.Authenticated, cseq: r.CSeq + spareCSeq, remoteCSeq: r.RemoteCSeq,
		way: way{uri: r.URI, path: r.Path, received: r.Received, socket: r.Socket}}
	s.pack()
	if s.target().Check() != nil || n.add(s) != nil {
		return false
	}
	s.until.Store(r.Until)
	wait := time.Duration(e.Random(nil) % uint64(max(spread, 1)))
	return l.Return(lane.Func(func(l *lane.Lane) {
		s.granted, s.ends = left, l.Now().Add(left)
		s.putOff(l.Now(), min(wait, left))
		s.keep(false) // the next process begins above these numbers
		s.kick()
	}))
}
