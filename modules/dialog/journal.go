package dialog

// Calls that were answered, kept in a file: a line of JSON for each change, written at once by a
// goroutine of its own, so that it outlives the process, and brought to the disk within a second.

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

	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

const (
	journalName = "dialog.journal"
	spareLines  = 10_000 // without effect, before the file is rewritten
	syncEvery   = time.Second
	longestLine = 1 << 20
)

// record is a line of the journal: a call as it is now, or its end.
type record struct {
	End  string      `json:"end,omitempty"` // the id of a call that is over
	Call *track.Call `json:"call,omitempty"`
	// When its session is over without a refresh, in nanoseconds since 1970
	Session int64          `json:"session,omitempty"`
	Vars    map[string]any `json:"vars,omitempty"`
	Keys    []string       `json:"keys,omitempty"`
	Kept    *keptSettings  `json:"settings,omitempty"`
}

// keptSettings are settings in the journal.
type keptSettings struct {
	MaxDuration     time.Duration `json:"max_duration"`
	FlowLost        time.Duration `json:"flow_lost,omitempty"`
	Keepalive       time.Duration `json:"keepalive,omitempty"`
	SessionTimer    *SessionTimer `json:"session_timer,omitempty"`
	EndWithoutMedia bool          `json:"end_without_media,omitempty"`
}

// journal is the file. A nil one keeps nothing.
type journal struct {
	path  string
	log   *slog.Logger
	table *table
	done  chan struct{} // closed when nothing is written any more
	wake  chan struct{} // capacity 1

	mu     sync.Mutex
	queue  []*Call         // guarded by mu: each once
	asked  []chan struct{} // guarded by mu: closed when what was noted before is written
	closed bool            // guarded by mu

	// These belong to the goroutine that writes.
	f     *os.File
	lines int
	live  int
	told  bool // the error was logged
}

// openJournal reads the calls that were kept.
func openJournal(dir string, t *table, log *slog.Logger) (*journal, []*record, error) {
	j := &journal{path: filepath.Join(dir, journalName), log: log, table: t, wake: make(chan struct{}, 1), done: make(chan struct{})}
	known, err := j.load()
	if err != nil {
		return nil, nil, fmt.Errorf("dialog: %w", err)
	}
	list := make([]*record, 0, len(known))
	for _, r := range known {
		list = append(list, r)
	}
	if err := j.rewrite(func(put func(*record) error) error {
		for _, r := range list {
			if err := put(r); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return nil, nil, fmt.Errorf("dialog: %w", err)
	}
	go j.write() // ends with close
	return j, list, nil
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
	for n := 1; ; n++ {
		text, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return known, nil // a line that is not whole was being written when the process ended
		}
		if err == nil && len(text) > longestLine {
			err = errors.New("the line is too long")
		}
		r := &record{}
		if err == nil {
			err = json.Unmarshal(text, r)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", j.path, n, err)
		}
		switch {
		case r.Call != nil && r.Kept != nil:
			known[r.Call.ID] = r
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
	select {
	case j.wake <- struct{}{}:
	default:
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
			continue
		}
		j.mu.Lock()
		list, asked := j.queue, j.asked
		j.queue, j.asked = nil, nil
		for _, c := range list {
			c.queued = false
		}
		j.mu.Unlock()
		buf.Reset()
		enc := json.NewEncoder(&buf)
		var err error
		for _, c := range list {
			err = errors.Join(err, j.line(enc, c))
		}
		if err == nil && buf.Len() > 0 {
			_, err = j.f.Write(buf.Bytes())
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

// line encodes a call, or its end if it was kept.
func (j *journal) line(enc *json.Encoder, c *Call) error {
	r := c.record()
	switch {
	case r.Call.State == track.Confirmed:
		if !c.stored {
			c.stored = true
			j.live++
		}
	case r.Call.State == track.Ended && c.stored:
		c.stored = false
		j.live--
		r = &record{End: r.Call.ID.String()}
	default:
		return nil
	}
	j.lines++
	return enc.Encode(r)
}

// each puts all calls there are.
func (j *journal) each(put func(*record) error) (err error) {
	j.table.each(func(c *Call) {
		if r := c.record(); r.Call.State == track.Confirmed {
			c.stored = true
			err = errors.Join(err, put(r))
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
	enc, n := json.NewEncoder(w), 0
	err = each(func(r *record) error { n++; return enc.Encode(r) })
	if err = errors.Join(err, w.Flush(), f.Sync()); err == nil {
		err = os.Rename(j.path+".new", j.path)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if j.f != nil {
		_ = j.f.Close()
	}
	j.f, j.lines, j.live = f, n, n
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

// record is the call as it is kept.
func (c *Call) record() *record {
	v := c.View()
	c.mu.Lock()
	session := c.sessionAt
	s := c.settings
	c.mu.Unlock()
	return &record{Call: &v.Call, Session: session, Vars: v.Vars, Keys: v.Keys,
		Kept: &keptSettings{s.maxDuration, s.flowLost, s.keepalive, s.sessionTimer, s.endWithoutMedia}}
}

// afterRestart makes what is kept of a call true of a new process: its connections are gone.
func (r *record) afterRestart() {
	c := r.Call
	for _, side := range c.Parties() {
		r := side.Reach()
		if r.Flow == 0 {
			continue
		}
		if r.Flow = transport.FlowGone; !r.Only {
			r.Flow, r.At, r.Socket = 0, "", ""
		}
		side.Set(r)
	}
	for i := range c.Legs {
		l := &c.Legs[i]
		l.Acked, l.LostA, l.LostB = true, 0, 0
		if l.State == track.Early {
			l.State, l.EndedAt = track.Ended, c.AnswerAt
		}
	}
}
