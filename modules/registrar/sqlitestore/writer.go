package sqlitestore

// This file is the writer: the one goroutine that changes bindings, a batch at a time.

import "github.com/sipscript/sipscript/modules/registrar"

// maxBatch bounds the changes of one transaction, and how long the first of them waits for the
// others.
const maxBatch = 4096

// writer makes the changes. Being alone, it sees each address as it will be after all changes
// before, committed or not.
type writer struct {
	store   *Store
	batch   []*request
	staged  map[string][]*registrar.Binding // the new state of an address in the open transaction
	pending []*request                      // answered after the commit
}

// run works until the store is closed, and then writes what is left.
func (w *writer) run() {
	defer close(w.store.ended)
	for {
		w.batch = w.batch[:0]
		select {
		case r := <-w.store.queue:
			w.batch = append(w.batch, r)
		case <-w.store.stop:
			for w.collect(); len(w.batch) > 0; w.collect() {
				w.work()
				w.batch = w.batch[:0]
			}
			return
		}
		w.collect()
		w.work()
	}
}

// collect adds what is already waiting to the batch. It waits for nobody: while a batch is
// committed the next one gathers.
func (w *writer) collect() {
	for len(w.batch) < maxBatch {
		select {
		case r := <-w.store.queue:
			w.batch = append(w.batch, r)
		default:
			return
		}
	}
}

// work makes the changes of the batch.
func (w *writer) work() {
	for _, r := range w.batch {
		switch {
		case !r.state.CompareAndSwap(waiting, taken):
		case r.sweep != nil:
			// Memory is swept only between transactions; otherwise staged changes would bring back
			// what the sweep has reported.
			w.commit()
			r.sweep()
			r.state.Store(changed)
			r.done <- nil
		default:
			w.change(r)
		}
	}
	w.commit()
	clear(w.batch)
}

// change makes one change: in memory at once if it is relaxed, otherwise in the transaction.
func (w *writer) change(r *request) {
	old, staged := w.staged[r.aor]
	if !staged {
		old = w.store.memory.Stored(r.aor)
	}
	now, err := r.change(old)
	r.state.Store(changed)
	switch {
	case err != nil:
		r.done <- err
	case r.relaxed && !staged && !w.store.failing.Load():
		w.store.memory.Put(r.aor, now)
		w.store.dirty.add(r.aor)
		r.done <- nil
	default:
		w.staged[r.aor] = now
		w.pending = append(w.pending, r)
	}
}

// commit writes what is staged, and answers.
func (w *writer) commit() {
	if len(w.pending) == 0 {
		return
	}
	err := w.store.write(w.writeStaged, func() {
		for aor, now := range w.staged {
			w.store.memory.Put(aor, now)
		}
	})
	for _, r := range w.pending {
		r.done <- err
	}
	clear(w.staged)
	clear(w.pending)
	w.pending = w.pending[:0]
}

func (w *writer) writeStaged() error {
	for aor, now := range w.staged {
		if err := w.store.file.put(aor, now); err != nil {
			return err
		}
	}
	return nil
}
