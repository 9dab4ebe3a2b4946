// Package sink is where records of calls go: files, databases, HTTP servers. Each destination has a
// worker of its own, which takes records from the spool, writes many at once, and tries again until
// the destination has them.
package sink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/modules/internal/spool"
)

// Sink writes records to one destination.
type Sink interface {
	// Write writes them all, or none. Records it has already are left as they are. An error that
	// wraps [ErrRefused] tells that the destination is there, and does not want one of them.
	Write(ctx context.Context, list []spool.Record) error
	Close() error
}

// ErrRefused is the error, wrapped, of records that a destination does not take as they are. It may
// be the destination's fault as well: a table without a column, a disk that is full.
var ErrRefused = errors.New("the destination refuses the record")

// ErrValues is the error, wrapped, of a record that a destination refuses for what is in it. It
// wraps ErrRefused.
var ErrValues = fmt.Errorf("%w for its values", ErrRefused)

const (
	// batch and batchBytes bound what is written at once.
	batch, batchBytes = 500, 1 << 20
	// firstPause and mostPause are between attempts.
	firstPause, mostPause = 200 * time.Millisecond, 30 * time.Second
	// mostAttempts is how often a record is tried that is refused for its values while the
	// destination takes no other.
	mostAttempts = 6
	// writeTime is how long one attempt may take.
	writeTime = 30 * time.Second
)

// Options of NewWorker.
type Options struct {
	Name   string        // of the destination, without a password
	Reader *spool.Reader // which the worker closes
	Sink   Sink          // as well
	Gather time.Duration // how long records are gathered before they are written
	Log    *slog.Logger  // required
	// Dead takes a record that the destination refuses.
	Dead func(r spool.Record, why error) error
	// Trouble is told when the destination is away, and with nil when it is back.
	Trouble func(name string, err error)
}

// Worker brings records to a destination. Its goroutine ends with Close.
type Worker struct {
	o      Options
	cancel context.CancelFunc
	done   sync.WaitGroup

	written, failed, dead atomic.Uint64
	// guilty are records that are refused for their own fault, and could not be set aside. It
	// belongs to the goroutine.
	guilty map[uint64]bool
	// away is why the destination takes nothing now, nil while it does.
	away atomic.Pointer[string]
}

// NewWorker starts one.
func NewWorker(o Options) *Worker {
	ctx, cancel := context.WithCancel(context.Background())
	w := &Worker{o: o, cancel: cancel}
	w.done.Go(func() { w.run(ctx) })
	return w
}

// Figures are what a worker has done since it was made.
type Figures struct {
	Name    string        // of the destination
	Written uint64        // records it has
	Failed  uint64        // attempts that failed
	Dead    uint64        // records that it refused
	Waiting uint64        // records it does not have yet
	Oldest  time.Duration // for how long the first of them has waited
	Away    string        // why it takes nothing, "" while it does
}

// Figures are those of now.
func (w *Worker) Figures() Figures {
	f := Figures{Name: w.o.Name, Written: w.written.Load(), Failed: w.failed.Load(), Dead: w.dead.Load()}
	f.Waiting, f.Oldest = w.o.Reader.Stats()
	if p := w.away.Load(); p != nil {
		f.Away = *p
	}
	return f
}

// Close ends the worker after the attempt in progress. forget: the destination will not come back.
func (w *Worker) Close(forget bool) error {
	w.cancel()
	w.done.Wait()
	return errors.Join(w.o.Sink.Close(), w.o.Reader.Close(forget))
}

func (w *Worker) run(ctx context.Context) {
	for {
		list, err := w.o.Reader.Next(ctx, batch, batchBytes)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, spool.ErrClosed) {
				return
			}
			w.trouble(err)
			if !sleep(ctx, mostPause) {
				return
			}
			continue
		}
		last, ok := w.deliver(ctx, list)
		if !ok {
			return
		}
		w.guilty = nil // those that were meant are delivered
		w.o.Reader.Done(last)
		if len(list) < batch && !sleep(ctx, w.o.Gather) {
			return
		}
	}
}

// deliver tries until the destination has all records, or refuses them, and returns the number of
// the last; false: the worker ends. Records that wait are tried beside those that were refused.
func (w *Worker) deliver(ctx context.Context, list []spool.Record) (last uint64, ok bool) {
	pause, refusals := firstPause, 0
	for {
		last = max(last, list[len(list)-1].Seq)
		err := w.try(ctx, list)
		if err == nil {
			w.written.Add(uint64(len(list)))
			w.back()
			return last, true
		}
		if ctx.Err() != nil {
			return 0, false
		}
		w.failed.Add(1)
		if errors.Is(err, ErrRefused) {
			refusals++
			if list, err = w.single(ctx, list, err, refusals >= mostAttempts); len(list) == 0 {
				w.back()
				return last, true
			}
		}
		if !errors.Is(err, ErrValues) {
			w.trouble(err)
		}
		if !sleep(ctx, pause) {
			return 0, false
		}
		if pause = min(2*pause, mostPause); refusals > 0 {
			list = w.company(list)
		}
	}
}

// company adds records that wait to those that were refused: whether the destination takes them
// shows whose fault it is.
func (w *Worker) company(list []spool.Record) []spool.Record {
	if len(list) >= batch {
		return list
	}
	now, cancel := context.WithCancel(context.Background())
	cancel()
	more, err := w.o.Reader.Next(now, batch-len(list), batchBytes)
	if err != nil { // there is none, or the next round tells
		return list
	}
	return append(list, more...)
}

func (w *Worker) try(ctx context.Context, list []spool.Record) error {
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	return w.o.Sink.Write(ctx, list)
}

// single writes records one by one, sets those aside that are refused, and returns what is left,
// with why. If all are refused it may be the destination's fault, and all are left; but the first,
// if that is for its values and was often enough, is set aside.
func (w *Worker) single(ctx context.Context, list []spool.Record, why error, often bool) (left []spool.Record, err error) {
	var refused []spool.Record
	errs := []error{why}
	if len(list) == 1 {
		refused = list
	} else {
		errs = nil
		for i := range list {
			err := w.try(ctx, list[i:i+1])
			switch {
			case err == nil:
				w.written.Add(1)
			case errors.Is(err, ErrRefused):
				refused, errs = append(refused, list[i]), append(errs, err)
			default:
				return append(refused, list[i:]...), err // what it has already does no harm
			}
		}
	}
	switch {
	case len(refused) == 0:
		return nil, nil
	case len(refused) < len(list):
		return w.setAside(refused, errs), errs[0]
	case often && errors.Is(errs[0], ErrValues), w.guilty[refused[0].Seq]:
		return append(w.setAside(refused[:1], errs[:1]), refused[1:]...), errs[0]
	}
	return list, errs[0]
}

// setAside puts records where somebody finds them; what can't be put there is left.
func (w *Worker) setAside(list []spool.Record, errs []error) (left []spool.Record) {
	for i, r := range list {
		if err := w.o.Dead(r, errs[i]); err != nil {
			w.o.Log.Error("acc: a record that a destination refuses can't be set aside", "server", w.o.Name, "error", err)
			left = append(left, r)
			if w.guilty == nil {
				w.guilty = map[uint64]bool{}
			}
			w.guilty[r.Seq] = true
			continue
		}
		delete(w.guilty, r.Seq)
		w.dead.Add(1)
		w.o.Log.Error("acc: a destination refuses a record; it was set aside", "server", w.o.Name, "record", fmt.Sprintf("%x", r.Key[:]), "error", errs[i])
	}
	return left
}

// trouble records that the destination takes nothing, and tells it once.
func (w *Worker) trouble(err error) {
	text := err.Error()
	if w.away.Swap(&text) != nil {
		return
	}
	w.o.Log.Error("acc: a destination takes no records; they wait and are tried again", "server", w.o.Name, "error", err)
	if w.o.Trouble != nil {
		w.o.Trouble(w.o.Name, err)
	}
}

func (w *Worker) back() {
	if w.away.Swap(nil) == nil {
		return
	}
	w.o.Log.Info("acc: a destination takes records again", "server", w.o.Name)
	if w.o.Trouble != nil {
		w.o.Trouble(w.o.Name, nil)
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
