package acc

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/acc/cdr"
	"github.com/sipscript/sipscript/modules/acc/sink"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/dialog"
	"github.com/sipscript/sipscript/modules/internal/spool"
	"github.com/sipscript/sipscript/ops/openapi"
)

// Options of New. All may be zero.
type Options struct {
	Log     *slog.Logger    // default slog.Default
	Clients *clients.Pool   // for databases and HTTP; nil: there are none
	Data    string          // the directory of --data; "": what waits is lost with the process
	Dialogs *dialog.Dialogs // the calls that are tracked; nil: none
	Quiet   bool            // nothing leaves the process
	// Record takes each record in a simulation, in place of all destinations; nil: they get it.
	Record func(text []byte)
}

// Accounts are the records of a process. They outlive script generations.
type Accounts struct {
	o      Options
	engine atomic.Pointer[engine.Engine] // that it is attached to; nil before
	calls  table
	random struct {
		seed, next atomic.Uint64
	}
	count  counters
	script luabind.Events[event]

	policy atomic.Pointer[Policy] // in force
	reads  atomic.Bool            // a destination wants records, not their text

	mu      sync.Mutex
	spool   *spool.Spool // guarded by mu, as all below; set once
	workers []*worker
	stop    func() // ends the watch on tracked calls
	swept   bool   // the sweep was started

	queue atomic.Pointer[spool.Spool] // spool, for calls
	due   lane.Timer                  // of the sweep; belongs to the background lane

	buffers sync.Pool // *[]byte, of records' texts
}

// counters are figures since the start.
type counters struct {
	calls, events, lost, unfinished atomic.Uint64
}

// worker brings records to one destination, for as long as a script names it.
type worker struct {
	*sink.Worker
	key string // the destination and all that matters for it
}

// New makes Accounts without destinations. It has to be closed.
func New(o Options) *Accounts {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	a := &Accounts{o: o}
	a.policy.Store(&Policy{MaxDuration: DefaultMaxDuration})
	a.calls.init()
	return a
}

// Attach makes the calls those of an engine.
func (a *Accounts) Attach(e *engine.Engine) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.engine.Store(e)
	a.random.seed.Store(e.Random(nil))
	if a.stop == nil && a.o.Dialogs != nil {
		a.stop = a.o.Dialogs.Watch(a.tracked)
	}
	if !a.swept {
		a.swept = true
		e.Background().Post(lane.Func(a.sweep))
	}
	return nil
}

// Detach ends the watch on tracked calls.
func (a *Accounts) Detach(context.Context, *engine.Engine) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stop != nil {
		a.stop()
		a.stop = nil
	}
	a.swept = false
	return nil
}

// endTime is how long destinations have at the end to take what is there; the rest waits in files.
const endTime = 2 * time.Second

// Close lets destinations take what is there, briefly, and closes the queue.
func (a *Accounts) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	until := time.Now().Add(endTime)
	for _, w := range a.workers {
		for f := w.Figures(); f.Waiting > 0 && f.Away == "" && time.Now().Before(until); f = w.Figures() {
			time.Sleep(5 * time.Millisecond)
		}
	}
	var errs []error
	for _, w := range a.workers {
		errs = append(errs, w.Close(false))
	}
	a.workers = nil
	if a.spool != nil {
		errs = append(errs, a.spool.Close())
	}
	return errors.Join(errs...)
}

// newID makes the id of a record.
func (a *Accounts) newID(e *engine.Engine) cdr.ID {
	var random [10]byte
	binary.BigEndian.PutUint64(random[:], e.Random(nil)^a.random.seed.Load())
	binary.BigEndian.PutUint16(random[8:], uint16(a.random.next.Add(1)))
	return cdr.NewID(e.Clock().Wall(), random)
}

// put hands a record over, which nobody may change any more. It never waits.
func (a *Accounts) put(key cdr.ID, r *cdr.Record) {
	buf := a.buffer()
	defer a.buffers.Put(buf)
	text, err := r.Append((*buf)[:0])
	*buf = text
	if err == nil {
		switch s := a.queue.Load(); {
		case a.o.Record != nil:
			a.o.Record(text)
		case a.o.Quiet:
		case s == nil:
			err = errNowhere
		case a.reads.Load() && r.Plain():
			err = s.AppendValue(spool.Key(key), text, r)
		default:
			err = s.Append(spool.Key(key), text)
		}
	}
	if err == nil {
		return
	}
	if a.count.lost.Add(1) == 1 || errors.Is(err, spool.ErrLarge) {
		a.o.Log.Error("acc: a record is lost", "call_id", r.CallID, "error", err)
	}
}

// buffer is one for a record's text.
func (a *Accounts) buffer() *[]byte {
	if b, ok := a.buffers.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, 2<<10)
	return &b
}

var errNowhere = errors.New("acc: no destination was configured")

// noted keeps a call in progress, so that it has its record even if the process is killed.
func (a *Accounts) noted(c *call) {
	s := a.queue.Load()
	if s == nil || a.o.Record != nil {
		return
	}
	buf := a.buffer()
	defer a.buffers.Put(buf)
	text, err := c.note((*buf)[:0])
	*buf = text
	if err == nil {
		err = s.Begin(spool.Key(c.id), text)
	}
	if err != nil && a.count.unfinished.Add(1) == 1 {
		a.o.Log.Error("acc: a call in progress can't be kept; it has no record if the process is killed", "call_id", c.r.CallID, "error", err)
	}
}

// unnoted forgets a call that has no record.
func (a *Accounts) unnoted(c *call) {
	if s := a.queue.Load(); s != nil && a.o.Record == nil {
		_ = s.End(spool.Key(c.id)) // if that fails it is lost after a restart
	}
}

// open opens the queue, once. a.mu is held.
func (a *Accounts) open(o SpoolOptions) error {
	if a.spool != nil {
		return nil
	}
	dir := o.Dir
	if dir == "" && a.o.Data != "" {
		dir = filepath.Join(a.o.Data, "acc")
	}
	s, unfinished, err := spool.Open(spool.Options{Dir: dir, Size: int64(o.Size), Sync: o.Sync, Log: a.o.Log})
	if err != nil {
		return err
	}
	if dir == "" {
		a.o.Log.Warn("acc: without --data, records that wait for a destination are lost with the process")
	}
	a.spool = s
	a.queue.Store(s)
	for _, u := range unfinished { // the sweep ends those that have ended with the process
		if c, err := readNote(cdr.ID(u.Key), u.Data); err != nil {
			a.o.Log.Error("acc: a call in progress can't be read; it has no record", "error", err)
		} else {
			a.calls.add(c)
		}
	}
	if len(unfinished) > 0 {
		a.o.Log.Info("acc: calls in progress continue", "calls", len(unfinished))
	}
	return nil
}

// API is what a running server tells of where its records go.
func (a *Accounts) API() []openapi.Operation { return a.api() }
