package dialog

// Calls that were answered, kept in a file: a line of JSON for each change, written at once by a
// goroutine of its own, so that it outlives the process, and brought to the disk within a second.
// Of others, where nodes count together, the file says what they hold, so that a node that is
// started again can give it back.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

const (
	journalName = "dialog.journal"
	spareLines  = 10_000 // without effect, before the file is rewritten
	syncEvery   = time.Second
	longestLine = 1 << 20
)

// journal is the file. A nil one keeps nothing.
type journal struct {
	path  string
	log   *slog.Logger
	table *table
	holds bool          // what calls hold that were not answered is kept as well
	done  chan struct{} // closed when nothing is written any more
	wake  chan struct{} // capacity 1

	mu     sync.Mutex
	queue  []*Call         // guarded by mu: each once
	asked  []chan struct{} // guarded by mu: closed when what was noted before is written
	closed bool            // guarded by mu
	busy   func(delta int) // guarded by mu: counts what is to be written, in a simulation; or nil
	held   int             // guarded by mu: how much of that busy was told

	// These belong to the goroutine that writes.
	f     file
	size  int64 // of its whole lines
	torn  bool  // there may be a part of a line after them
	lines int
	live  int
	told  bool // the error was logged
}

// file is what a journal needs of an *os.File.
type file interface {
	io.WriteCloser
	Sync() error
	Truncate(size int64) error
}

// openJournal reads the calls that were kept, and what others held. holds: such is kept.
func openJournal(dir string, t *table, holds bool, log *slog.Logger) (j *journal, list, held []*record, err error) {
	j = &journal{path: filepath.Join(dir, journalName), log: log, table: t, holds: holds, wake: make(chan struct{}, 1), done: make(chan struct{})}
	known, err := j.load()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("dialog: %w", err)
	}
	list = make([]*record, 0, len(known))
	for _, r := range known {
		if r.Holds != "" {
			held = append(held, r)
		} else {
			list = append(list, r)
		}
	}
	if err := j.rewrite(func(put func(*record) error) error {
		for _, r := range list {
			if err := put(r); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return nil, nil, nil, fmt.Errorf("dialog: %w", err)
	}
	go j.write() // ends with close
	return j, list, held, nil
}

func (j *journal) load() (map[track.ID]*record, error) {
	known := map[track.ID]*record{}
	f, err := os.Open(j.path)
	if errors.Is(err, os.ErrNotExist) {
		return known, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewReaderSize(f, 64<<10)
	bad := 0
	for n := 1; ; n++ {
		text, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) { // half a line was being written when the process ended
			if bad > 0 {
				j.log.Warn("dialog: lines of the journal can't be read; their calls are lost", "file", j.path, "count", bad)
			}
			return known, nil
		}
		if err == nil && len(text) > longestLine {
			err = errTooLong
		}
		r := &record{}
		if err == nil {
			err = json.Unmarshal(text, r)
		}
		switch {
		case err == nil:
		case n == 1: // it is another file
			return nil, fmt.Errorf("%s:%d: %w", j.path, n, err)
		default:
			bad++
			continue
		}
		switch {
		case r.Call != nil && r.Kept != nil:
			known[r.Call.ID] = r
		case r.Holds != "":
			if id, err := track.ParseID(r.Holds); err == nil {
				known[id] = r
			}
		default:
			if id, err := track.ParseID(r.End); err == nil {
				delete(known, id)
			}
		}
	}
}

// note has a call written as it is by then.
func (j *journal) note(c *Call) {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed || c.queued {
		return
	}
	c.queued = true
	j.queue = append(j.queue, c)
	if j.busy != nil {
		j.busy(1)
		j.held++
	}
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// during has a simulation wait for what is to be written.
func (j *journal) during(e *engine.Engine) {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.busy == nil {
		j.busy = e.Elsewhere()
	}
}

// written tells that so much is.
func (j *journal) written(n int) {
	if n > 0 {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.busy(-n)
	}
}

// write writes what was noted until the journal is closed.
func (j *journal) write() {
	defer close(j.done)
	var buf bytes.Buffer
	sync := time.NewTicker(syncEvery)
	defer sync.Stop()
	dirty, open := false, true
	for open {
		select {
		case _, open = <-j.wake:
		case <-sync.C:
			if dirty {
				dirty = j.f.Sync() != nil
			}
			if !j.torn {
				continue
			}
		}
		j.mu.Lock()
		list, asked := j.queue, j.asked
		held := j.held
		j.queue, j.asked, j.held = nil, nil, 0
		for _, c := range list {
			c.queued = false
		}
		j.mu.Unlock()
		buf.Reset()
		lines, live := j.lines, j.live
		var err error
		var written []*Call
		for _, c := range list {
			before := buf.Len()
			if one := j.line(&buf, c); one != nil {
				err = errors.Join(err, one)
			} else if buf.Len() > before {
				written = append(written, c)
			}
		}
		if failed := j.put(buf.Bytes()); failed != nil {
			err = errors.Join(err, failed)
			j.lines, j.live = lines, live
			j.again(written)
		} else if buf.Len() > 0 {
			dirty = true
		}
		if err == nil && j.lines > 2*j.live+spareLines {
			err = j.rewrite(j.each)
		}
		if err != nil && !j.told {
			j.log.Error("calls can't be kept: those of now are not there after a restart", "file", j.path, "error", err)
		}
		j.told = err != nil
		for _, done := range asked {
			close(done)
		}
		j.written(held)
	}
}

// flush waits until what was noted is written.
func (j *journal) flush() {
	if j == nil {
		return
	}
	done := make(chan struct{})
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return
	}
	j.asked = append(j.asked, done)
	select {
	case j.wake <- struct{}{}:
	default:
	}
	j.mu.Unlock()
	<-done
}

// put writes whole lines, or none: what is left of a part of them is cut off before the next.
func (j *journal) put(text []byte) error {
	if j.torn {
		if err := j.f.Truncate(j.size); err != nil {
			return err
		}
		j.torn = false
	}
	if len(text) == 0 {
		return nil
	}
	if _, err := j.f.Write(text); err != nil {
		j.torn = true // until the next try, within a second
		return errors.Join(err, j.f.Truncate(j.size))
	}
	j.size += int64(len(text))
	return nil
}

// again has calls be written that could not be: as they are by then.
func (j *journal) again(list []*Call) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range list {
		c.stored = c.wasStored
		if !c.queued {
			c.queued = true
			j.queue = append(j.queue, c)
		}
	}
}

// kept is what the file has to say of a call, nil for nothing.
func (j *journal) kept(c *Call) *record {
	r := c.record()
	switch {
	case r.Call.State == track.Ended:
	case r.Call.State == track.Confirmed && !c.ofLegs(): // those don't outlive the process
		return r
	case j.holds && len(r.Keys) > 0:
		return &record{Holds: r.Call.ID.String(), Keys: r.Keys}
	}
	if !c.stored {
		return nil
	}
	return &record{End: r.Call.ID.String()}
}

// line encodes a call, or its end if it was kept.
func (j *journal) line(to *bytes.Buffer, c *Call) error {
	c.wasStored = c.stored
	r := j.kept(c)
	if r == nil {
		return nil
	}
	text, err := r.encode()
	switch {
	case r.End != "":
		c.stored = false
		j.live--
	case err != nil:
		return err
	case !c.stored:
		c.stored = true
		j.live++
	}
	j.lines++
	to.Write(text)
	return err
}

// each puts all calls there are.
func (j *journal) each(put func(*record) error) (err error) {
	j.table.each(func(c *Call) {
		if r := j.kept(c); r != nil && r.End == "" {
			if one := put(r); one != nil {
				err = errors.Join(err, one)
				return
			}
			c.stored = true
		}
	})
	return err
}

// rewrite puts a file with what has effect in place of the old one.
func (j *journal) rewrite(each func(put func(*record) error) error) error {
	f, err := os.OpenFile(j.path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	n, size := 0, int64(0)
	err = each(func(r *record) error {
		text, err := r.encode()
		if err != nil {
			return nil // it was said when it was to be written
		}
		n++
		size += int64(len(text))
		_, err = w.Write(text)
		return err
	})
	if err = errors.Join(err, w.Flush(), f.Sync()); err == nil {
		err = os.Rename(j.path+".new", j.path)
	}
	if err != nil {
		_ = os.Remove(j.path + ".new") // the disk may be full
		return errors.Join(err, f.Close())
	}
	if j.f != nil {
		_ = j.f.Close()
	}
	j.f, j.size, j.torn, j.lines, j.live = f, size, false, n, n
	return nil
}

// close writes what was noted.
func (j *journal) close() error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	j.mu.Unlock()
	close(j.wake)
	<-j.done
	return errors.Join(j.f.Sync(), j.f.Close())
}
