package acl

// What was added, kept in a file: a line of JSON for each change. A line is written at once, so
// that it outlives the process, and reaches the disk soon, so that it outlives the machine.

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sipscript/sipscript/modules/clients/redisset"
)

const (
	journalName = "acl.journal"
	// spareLines is how many lines without effect a journal may have besides those with: then it is
	// rewritten.
	spareLines = 10_000
	syncPause  = 100 * time.Millisecond
	mostLine   = 1 << 20
	// mostGone bounds the removed entries of one list that are remembered, and keepGone for how
	// long: as long as Redis does.
	mostGone = 100_000
	keepGone = 7 * 24 * time.Hour
)

// line is a change.
type line struct {
	List    string         `json:"list"`
	Remove  bool           `json:"remove,omitempty"`
	Address string         `json:"address"`
	Port    int            `json:"port,omitempty"`
	Trans   string         `json:"transport,omitempty"`
	Expires time.Time      `json:"expires,omitzero"`
	Note    string         `json:"note,omitempty"`
	Attrs   map[string]any `json:"attrs,omitempty"`
	At      int64          `json:"at,omitempty"` // of what nodes share: see redisset.Entry
}

func lineOf(list string, i *item, added bool) line {
	e := &i.entry
	l := line{List: list, Address: i.address.String(), Port: e.Port, Trans: e.Transport, Remove: !added, At: i.at}
	if added {
		l.Expires, l.Note, l.Attrs = e.Expires, e.Note, e.Attrs
	}
	return l
}

func (l *line) item() (*item, error) {
	i, err := newItem(&Entry{Address: l.Address, Port: l.Port, Transport: l.Trans, Expires: l.Expires, Note: l.Note, Attrs: l.Attrs})
	if err == nil {
		i.at = l.At
	}
	return i, err
}

// journal is the file. A nil one keeps nothing.
type journal struct {
	path string
	log  *slog.Logger
	now  func() time.Time
	wake chan struct{} // something was written; capacity 1
	done chan struct{} // closed when nothing syncs any more

	mu    sync.Mutex
	f     *os.File                    // guarded by mu
	lines int                         // guarded by mu
	live  map[string]map[string]*item // guarded by mu: by list and key
	gone  map[string]map[string]*item // guarded by mu: removed, for other nodes
	told  bool                        // guarded by mu: the error was logged
}

// openJournal reads what was kept, and rewrites it without what has no effect.
func openJournal(dir string, now func() time.Time, log *slog.Logger) (*journal, error) {
	j := &journal{path: filepath.Join(dir, journalName), log: log, now: now, live: map[string]map[string]*item{}, gone: map[string]map[string]*item{}, wake: make(chan struct{}, 1), done: make(chan struct{})}
	if err := j.load(); err != nil {
		return nil, fmt.Errorf("acl: %w", err)
	}
	if err := j.rewrite(); err != nil {
		return nil, fmt.Errorf("acl: %w", err)
	}
	go j.sync() // ends with close
	return j, nil
}

func (j *journal) load() error {
	f, err := os.Open(j.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewReaderSize(f, 64<<10)
	for n := 1; ; n++ {
		text, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return nil // of a line that is not whole nobody was told that it is kept
		}
		if err != nil {
			return err
		}
		if err := j.apply(text); err != nil {
			return fmt.Errorf("%s:%d: %w", j.path, n, err)
		}
	}
}

func (j *journal) apply(text string) error {
	if len(text) > mostLine {
		return errors.New("the line is too long")
	}
	var l line
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&l); err != nil {
		return err
	}
	i, err := l.item()
	if err == nil {
		j.note(l.List, i, !l.Remove)
	}
	return err
}

// note records a change. j.mu is held, or nobody else has j.
func (j *journal) note(list string, i *item, added bool) {
	j.lines++
	for _, m := range []map[string]map[string]*item{j.live, j.gone} {
		if m[list] == nil {
			m[list] = map[string]*item{}
		}
	}
	key := i.key()
	delete(j.live[list], key)
	delete(j.gone[list], key)
	if added {
		j.live[list][key] = i
	} else if i.at != 0 && len(j.gone[list]) < mostGone {
		j.gone[list][key] = i
	}
}

// read is what is kept, by list; gone: what is known to be removed.
func (j *journal) read(gone bool) map[string][]*item {
	j.mu.Lock()
	defer j.mu.Unlock()
	of := j.live
	if gone {
		of = j.gone
	}
	all := map[string][]*item{}
	for name, list := range of {
		for _, i := range list {
			all[name] = append(all[name], i)
		}
	}
	return all
}

// put writes a change. If that fails the change is in force, and is lost with the process.
func (j *journal) put(list string, i *item, added bool) {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.f == nil { // it is closed
		return
	}
	j.note(list, i, added)
	text, err := json.Marshal(lineOf(list, i, added))
	if err == nil {
		_, err = j.f.Write(append(text, '\n'))
	}
	if err == nil && j.lines > 2*j.count()+spareLines {
		err = j.rewrite()
	}
	if err != nil && !j.told {
		j.log.Error("acl: a change can't be kept; it is in force until the process ends", "file", j.path, "error", err)
	}
	j.told = err != nil
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

func (j *journal) count() (n int) {
	for _, m := range []map[string]map[string]*item{j.live, j.gone} {
		for _, list := range m {
			n += len(list)
		}
	}
	return n
}

// rewrite puts a file with what has effect in place of the old one. j.mu is held.
func (j *journal) rewrite() error {
	f, err := os.OpenFile(j.path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	enc := json.NewEncoder(w)
	n := 0
	for name, list := range j.live {
		for key, i := range list {
			if e := i.entry.Expires; !e.IsZero() && !j.now().Before(e) {
				delete(list, key)
				continue
			}
			err = errors.Join(err, enc.Encode(lineOf(name, i, true)))
			n++
		}
	}
	for name, list := range j.gone {
		for key, i := range list {
			if j.now().Sub(redisset.TimeOf(i.at)) > keepGone {
				delete(list, key)
				continue
			}
			err = errors.Join(err, enc.Encode(lineOf(name, i, false)))
			n++
		}
	}
	if err = errors.Join(err, w.Flush(), f.Sync()); err == nil {
		err = os.Rename(j.path+".new", j.path)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if j.f != nil {
		_ = j.f.Close()
	}
	j.f, j.lines = f, n
	return nil
}

// sync brings what was written to the disk.
func (j *journal) sync() {
	defer close(j.done)
	for range j.wake {
		j.mu.Lock()
		f := j.f
		j.mu.Unlock()
		_ = f.Sync() // a file that was replaced meanwhile is closed, and its successor was synced
		time.Sleep(syncPause)
	}
}

func (j *journal) close() error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.f == nil {
		return nil
	}
	close(j.wake)
	err := errors.Join(j.f.Sync(), j.f.Close())
	j.f = nil
	return err
}
