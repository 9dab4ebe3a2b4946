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
	s.notifier.o.Keep(s, r, over)
}

// Dialog names the subscription's dialog.
func (r *Record) Dialog() string {
	return dialogKey([]byte(r.CallID), []byte(r.Local), []byte(r.Remote))
}

// revive makes the subscription of a record on a lane, and enters it; nil: it is over, or its
// package is no longer served.
func (n *Notifier) revive(e *engine.Engine, l *lane.Lane, r *Record, feed Feed) *Subscription {
	event := n.o.Find(r.Event)
	if r.left(e) <= 0 || event == nil || l == nil {
		return nil
	}
	s := &Subscription{notifier: n, engine: e, lane: l, event: event, feed: feed, dialog: r.Dialog(),
		local: r.Local, remote: r.Remote, from: r.From, to: r.To, eventID: r.EventID, key: r.Key, watcher: r.Watcher, contact: r.Contact, first: r.First, accepts: r.Accepts,
		proved: true, authenticated: r.Authenticated, cseq: r.CSeq + spareCSeq, remoteCSeq: r.RemoteCSeq,
		way: way{uri: r.URI, path: r.Path, received: r.Received, socket: r.Socket}}
	s.pack()
	if s.target().Check() != nil || n.add(s) != nil {
		return nil
	}
	s.until.Store(r.Until)
	return s
}

// left is how long the subscription lasts.
func (r *Record) left(e *engine.Engine) time.Duration {
	return time.UnixMilli(r.Until).Sub(e.Clock().Wall())
}

// Restore brings a subscription back on the engine e, whose subscriber is told everything within
// spread: who watched before this process was there must not be told all at once. ok is false if it
// is over, or its package is no longer served.
func (n *Notifier) Restore(e *engine.Engine, r *Record, feed Feed, spread time.Duration) (ok bool) {
	s := n.revive(e, e.LaneOf(r.CallID), r, feed)
	if s == nil {
		return false
	}
	left := r.left(e)
	wait := time.Duration(e.Random(nil) % uint64(max(spread, 1)))
	return s.lane.Return(lane.Func(func(l *lane.Lane) {
		s.granted, s.ends = left, l.Now().Add(left)
		s.putOff(l.Now(), min(wait, left))
		s.keep(false) // the next process begins above these numbers
		s.kick()
	}))
}

// Adopt brings a subscription here on its lane l, whose subscriber has sent a SUBSCRIBE here: that
// tells the subscriber everything. ok is as for Restore.
func (n *Notifier) Adopt(e *engine.Engine, l *lane.Lane, r *Record, feed Feed) (ok bool) {
	s := n.revive(e, l, r, feed)
	if s == nil {
		return false
	}
	s.granted, s.ends = r.left(e), l.Now().Add(r.left(e))
	return true
}

// Leave ends a subscription here without a word: another process goes on with it. It is called from
// any goroutine.
func (n *Notifier) Leave(s *Subscription) {
	if n.remove(s) {
		s.marks.Or(markLeft)
		s.kick()
	}
}
