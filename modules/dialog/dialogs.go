package dialog

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/dialog/limits"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// Options of New. All may be zero.
type Options struct {
	Log   *slog.Logger // default slog.Default
	Data  string       // the directory of --data, where answered calls are kept; "" for none
	Share Share        // counts with other nodes, and tells them of calls; nil: this node is alone
	// ReportEvery is how often other nodes are told of all calls, and asked for theirs; 0: every 10
	// s
	ReportEvery time.Duration
}

// Dialogs are the calls of a process. They outlive script generations.
type Dialogs struct {
	log    *slog.Logger
	engine atomic.Pointer[engine.Engine] // that it is attached to; nil before
	table  table
	// Where answered calls are kept; nil: nowhere
	journal     *journal
	shared      *shared           // nil: this node is alone
	reportEvery time.Duration     // with shared
	media       engine.MediaRelay // set while the modules are made; nil: there is none
	kept        []*record         // that were there before this process, until Attach
	limits      limits.Table
	holders     struct {
		mu  sync.Mutex
		all map[*Holder]struct{} // guarded by mu
	}
	flows      flows
	lingers    lingers
	recoveries recoveries
	legs       sync.Map      // *legs by *Call, of calls of this server's own
	next       atomic.Uint64 // the last number of an id
	count      counters
	script     luabind.Events[Event]

	mu       sync.Mutex
	watchers atomic.Pointer[[]*watcher] // replaced under mu
	stop     func()                     // ends the watch on flows; guarded by mu
}

// counters are figures since the start.
type counters struct {
	tracked, answered, ended, refused, hungUp, pings atomic.Uint64
}

// watcher is one call of Watch.
type watcher struct{ hear func(Event) }

// Event is something that happened to a call.
type Event struct {
	Kind string // one of the Event constants
	Call *Call  // that it happened to
}

// Kinds of events, as scripts have them.
const (
	EventEarly    = "dialog.early"    // somebody rings
	EventAnswered = "dialog.answered" // the first 2xx
	EventEnded    = "dialog.ended"    // it is over, answered or not
)

// New makes Dialogs, with the calls that were kept. They have to be closed.
func New(o Options) (*Dialogs, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	d := &Dialogs{log: o.Log}
	d.table.init()
	var held []*record
	if o.Data != "" {
		var err error
		if d.journal, d.kept, held, err = openJournal(o.Data, &d.table, o.Share != nil, o.Log); err != nil {
			return nil, err
		}
	}
	if o.Share != nil {
		d.reportEvery = cmp.Or(o.ReportEvery, reportEvery)
		d.shared = newShared(d, o.Share, nodeName(o.Data), o.Log)
		for _, r := range held { // they have ended with the process
			if id, err := track.ParseID(r.Holds); err == nil {
				d.shared.gave(id, r.Keys)
			}
		}
	}
	return d, nil
}

// Flush waits until all that has happened to calls is in the directory of Options.Data.
func (d *Dialogs) Flush() { d.journal.flush() }

// Close ends what is written.
func (d *Dialogs) Close() error {
	d.shared.close()
	return d.journal.close()
}

// Attach makes the calls those of an engine.
func (d *Dialogs) Attach(e *engine.Engine) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stop != nil {
		d.stop()
	}
	d.engine.Store(e)
	if d.next.Load() == 0 {
		d.next.Store(e.Random(nil) | 1)
	}
	flows, strays := e.WatchFlows((*flowWatch)(d)), e.WatchStrays(d.stray)
	d.stop = func() { flows(); strays() }
	d.journal.during(e)
	d.resume(e)
	return nil
}

// Detach ends the calls that were not answered.
func (d *Dialogs) Detach(context.Context, *engine.Engine) error {
	d.mu.Lock()
	if d.stop != nil {
		d.stop()
		d.stop = nil
	}
	d.mu.Unlock()
	d.table.each(func(c *Call) {
		if c.State() == track.Early {
			c.change(func(t *track.Call, at int64) track.Change { return t.End(track.Server, track.CauseShutdown, 503, at) })
		}
	})
	return nil
}

// Watch has f hear of all events from now on, on the call's lane; it must not block. After stop it
// is no longer called, except for a call in progress.
func (d *Dialogs) Watch(f func(Event)) (stop func()) {
	own := &watcher{f}
	edit := func(change func([]*watcher) []*watcher) {
		d.mu.Lock()
		defer d.mu.Unlock()
		var list []*watcher
		if old := d.watchers.Load(); old != nil {
			list = slices.Clone(*old)
		}
		list = change(list)
		d.watchers.Store(&list)
	}
	edit(func(l []*watcher) []*watcher { return append(l, own) })
	return func() {
		edit(func(l []*watcher) []*watcher {
			return slices.DeleteFunc(l, func(w *watcher) bool { return w == own })
		})
	}
}

func (d *Dialogs) emit(kind string, c *Call) {
	d.script.Emit(Event{kind, c})
	if list := d.watchers.Load(); list != nil {
		for _, w := range *list {
			w.hear(Event{kind, c})
		}
	}
}

// newID makes one that no other call of any node has.
func (d *Dialogs) newID() (id track.ID) {
	e := d.engine.Load()
	binary.BigEndian.PutUint32(id[:], uint32(e.Random(nil)))
	binary.BigEndian.PutUint64(id[4:], d.next.Add(1))
	return id
}

// Of is the call that a request begins or belongs to, nil for none.
func (d *Dialogs) Of(r *engine.Request) *Call {
	for _, w := range r.Witnesses() {
		switch w := w.(type) {
		case *session:
			if w.call.d == d {
				return w.call
			}
		case *inner:
			if w.call.d == d {
				return w.call
			}
		}
	}
	if note := r.Carried(noteName); len(note) == len(track.ID{}) {
		return d.table.get(track.ID([]byte(note)))
	}
	return nil
}

// ByID is the call with an id, nil if it has ended or is none of this node's.
func (d *Dialogs) ByID(id track.ID) *Call { return d.table.get(id) }

// Each calls f for all calls that have not ended, in no order.
func (d *Dialogs) Each(f func(*Call)) { d.table.each(f) }

// Count is how many calls hold a key of their limits; "": how many calls there are.
func (d *Dialogs) Count(key string) int {
	if key == "" {
		return int(d.table.size.Load())
	}
	return d.limits.Count(key)
}

// MediaLost says that the media of a Call-ID is gone: calls that want it end. Of calls of this
// server's own that is the Call-ID of any leg.
func (d *Dialogs) MediaLost(callID string) {
	lost := func(c *Call) {
		c.post(func() {
			if c.endWithoutMedia {
				c.end(track.CauseMedia, "")
			}
		})
	}
	d.table.each(func(c *Call) {
		if c.t.CallID == callID {
			lost(c)
		}
	})
	d.legs.Range(func(_, x any) bool {
		if x := x.(*legs); x.has(callID) && x.c.t.CallID != callID {
			lost(x.c)
		}
		return true
	})
}

// table has the calls by id.
type table struct {
	size   atomic.Int64
	shards [64]struct {
		mu    sync.Mutex
		calls map[track.ID]*Call // guarded by mu
	}
}

func (t *table) init() {
	for i := range t.shards {
		t.shards[i].calls = map[track.ID]*Call{}
	}
}

func (t *table) shard(id track.ID) int { return int(id[len(id)-1]) % len(t.shards) }

func (t *table) get(id track.ID) *Call {
	s := &t.shards[t.shard(id)]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[id]
}

func (t *table) add(c *Call) {
	s := &t.shards[t.shard(c.t.ID)]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[c.t.ID] = c
	t.size.Add(1)
}

func (t *table) remove(id track.ID) {
	s := &t.shards[t.shard(id)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls[id] != nil {
		delete(s.calls, id)
		t.size.Add(-1)
	}
}

// each calls f without a lock held.
func (t *table) each(f func(*Call)) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		list := make([]*Call, 0, len(s.calls))
		for _, c := range s.calls {
			list = append(list, c)
		}
		s.mu.Unlock()
		for _, c := range list {
			f(c)
		}
	}
}

// mostCalls bounds the calls of a process.
const mostCalls = 1 << 20

// Errors of Track.
var (
	errInvite = errors.New("track is for an INVITE, and what follows it")
	errMany   = errors.New("dialog: there are too many calls")
)

// noteName is what a call's id is carried under.
const noteName = "d"

// wall is the time of day on the engine's clock.
func (d *Dialogs) wall() int64 { return d.engine.Load().Clock().Wall().UnixNano() }
