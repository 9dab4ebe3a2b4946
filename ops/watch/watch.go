// Package watch reports when one of a set of files has changed. It watches their directories,
// because editors replace a file by renaming another over it, and compares contents, so that what a
// mounted directory swaps through links is seen and a mere touch is not. Once a second it looks
// whether the directories are still those that it watches: a release may be put in their place.
package watch

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// DefaultQuiet is how long the directories must be quiet before files are compared: an editor
	// writes in several steps.
	DefaultQuiet = 50 * time.Millisecond
	// maxDelay bounds how long a busy directory can put off the comparison.
	maxDelay = time.Second
	// lookEvery is how often it looks for other directories in the place of those it watches.
	lookEvery = time.Second
	// maxFile bounds how much of a file is read for the comparison, in bytes.
	maxFile = 16 << 20
)

// Options of a Watcher. Files and Changed, or ChangedFiles, are required.
type Options struct {
	// Files returns the paths to watch; it is called again after each change, because a new script
	// may require other files.
	Files func() []string
	// Changed is called, on the goroutine of Run, when the contents of a file differ from those at
	// the last call. After an error, it is also called for a change of any file in the directories
	// with the extension of a watched one: the missing file may have arrived.
	Changed func() error
	// ChangedFiles is called in place of Changed, if it is given, with the paths whose contents
	// differ; none after an error if only another file's did.
	ChangedFiles func(paths []string) error
	// Failed is called when a directory cannot be watched (any more). It may be nil.
	Failed func(error)
	// Missing is called once when a file is no longer there (deleted, moved away) and the
	// directories are quiet, and once when it is there again. It may be nil.
	Missing func(path string, missing bool)
	// Quiet replaces DefaultQuiet.
	Quiet time.Duration
}

// Watcher watches from New on; events before Run are kept for it.
type Watcher struct {
	opts Options
	fs   *fsnotify.Watcher

	// Owned by Run's goroutine once it runs.
	dirs   map[string]os.FileInfo       // by path without links; nil: it can't be watched
	seen   map[string][sha256.Size]byte // contents at the last call of Changed, by path
	failed bool                         // the last call of Changed returned an error
	gone   map[string]bool              // files that were not there at the last look
	// A file of a watched extension had an event since the last comparison
	any bool
}

// New starts watching the files as they are now.
func New(o Options) (*Watcher, error) {
	if o.Quiet <= 0 {
		o.Quiet = DefaultQuiet
	}
	fs, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	w := &Watcher{opts: o, fs: fs, dirs: map[string]os.FileInfo{}, gone: map[string]bool{}}
	files := o.Files()
	if _, err := w.follow(files); err != nil {
		fs.Close()
		return nil, err
	}
	w.seen = contents(files, nil)
	return w, nil
}

// Run watches until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	defer w.fs.Close()
	quiet := time.NewTimer(time.Hour)
	quiet.Stop()
	defer quiet.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	var first time.Time // of the events not looked at yet
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-w.fs.Events:
			if !ok {
				return
			}
			if e.Op == fsnotify.Chmod {
				continue
			}
			w.any = w.any || w.kin(e.Name)
			if first.IsZero() {
				first = time.Now()
			}
			quiet.Reset(max(0, min(w.opts.Quiet, maxDelay-time.Since(first))))
		case err, ok := <-w.fs.Errors:
			if !ok {
				return
			}
			// An overflow loses events: look at the files to be sure.
			w.report(fmt.Errorf("watch: %w", err))
			quiet.Reset(w.opts.Quiet)
		case <-look.C:
			others, err := w.follow(slices.Collect(maps.Keys(w.seen)))
			if err != nil {
				w.report(err)
			}
			if others {
				w.any = true
				quiet.Reset(w.opts.Quiet)
			}
		case <-quiet.C:
			first = time.Time{}
			w.compare()
		}
	}
}

// compare calls Changed if the files are no longer what they were.
func (w *Watcher) compare() {
	files, began := w.opts.Files(), time.Now()
	now := contents(files, w.seen)
	w.tellMissing(files) // after that: what comes back meanwhile is told before it has changed
	related := w.any
	w.any = false
	if maps.Equal(now, w.seen) && !(w.failed && related) {
		return
	}
	// What is read from here on is newer than now: a write that comes meanwhile brings an event and
	// another round.
	before := w.seen
	w.seen = now
	if w.opts.ChangedFiles != nil {
		w.failed = w.opts.ChangedFiles(differing(before, now)) != nil
	} else {
		w.failed = w.opts.Changed() != nil
	}
	files = w.opts.Files()
	if _, err := w.follow(files); err != nil {
		w.report(err)
	}
	w.seen = contents(files, w.seen)
	// As they were before the call: what changed during it is a change to come, and so is what came
	for path := range w.seen {
		if sum, known := now[path]; known {
			w.seen[path] = sum
		} else if newer(path, began) {
			delete(w.seen, path)
		}
	}
}

// tellMissing tells which files have gone and come.
func (w *Watcher) tellMissing(files []string) {
	if w.opts.Missing == nil {
		return
	}
	for _, path := range files {
		_, err := os.Stat(path)
		missing := errors.Is(err, fs.ErrNotExist)
		if missing == w.gone[path] {
			continue
		}
		if missing {
			w.gone[path] = true
		} else {
			delete(w.gone, path)
		}
		w.opts.Missing(path, missing)
	}
}

// clockGrain is by how much the time of a file may be behind the clock.
const clockGrain = 20 * time.Millisecond

// newer reports whether a file was written since a moment, or just before it.
func newer(path string, at time.Time) bool {
	info, err := os.Stat(path)
	return err == nil && info.ModTime().After(at.Add(-clockGrain))
}

// differing are the paths whose sums differ, in order; one that is no longer watched is not among
// them.
func differing(before, now map[string][sha256.Size]byte) (paths []string) {
	for path, sum := range now {
		if old, ok := before[path]; !ok || old != sum {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

// kin reports whether the path looks like one of the files watched.
func (w *Watcher) kin(path string) bool {
	for p := range w.seen {
		if filepath.Ext(p) == filepath.Ext(path) {
			return true
		}
	}
	return false
}

// follow watches the directories of the files, and of what the files are links to, and no others.
// It returns whether they are others than before: a watch stays with a directory that is moved
// away, and ends with one that is removed. One that can't be watched is an error once.
func (w *Watcher) follow(files []string) (others bool, err error) {
	want := map[string]bool{}
	for _, f := range files {
		// By one name each: fsnotify ignores a second one, and forgets both with the first
		want[straight(filepath.Dir(f))] = true
		if path, err := filepath.EvalSymlinks(f); err == nil {
			want[filepath.Dir(path)] = true
		}
	}
	watched := map[string]bool{}
	for _, dir := range w.fs.WatchList() {
		watched[dir] = true
	}
	for dir := range w.dirs {
		if !want[dir] {
			w.fs.Remove(dir) // an error means that it is gone, which is as good
			delete(w.dirs, dir)
			others = true
		}
	}
	var errs []error
	for _, dir := range slices.Sorted(maps.Keys(want)) {
		info, err := os.Stat(dir)
		before, known := w.dirs[dir]
		if err == nil && before != nil && watched[dir] && os.SameFile(before, info) {
			continue
		}
		if watched[dir] {
			w.fs.Remove(dir)
		}
		if err == nil {
			err = w.fs.Add(dir)
		}
		if err != nil {
			others = others || before != nil
			if !known || before != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, fmt.Errorf("watch: %s: %w", dir, err))
			}
			info = nil
		} else {
			others = true
		}
		w.dirs[dir] = info
	}
	return others, errors.Join(errs...)
}

// straight is a directory's path without links, or the path itself if it is not there.
func straight(dir string) string {
	if path, err := filepath.EvalSymlinks(dir); err == nil {
		return path
	}
	return dir
}

func (w *Watcher) report(err error) {
	if w.opts.Failed != nil {
		w.opts.Failed(err)
	}
}

// contents sums up the files. A file that can't be read now keeps its sum from before: an editor is
// in the middle of replacing it, and another event will tell when it is done.
func contents(files []string, before map[string][sha256.Size]byte) map[string][sha256.Size]byte {
	sums := make(map[string][sha256.Size]byte, len(files))
	for _, path := range files {
		sum, err := content(path)
		if err != nil {
			sum = before[path]
		}
		sums[path] = sum
	}
	return sums
}

func content(path string) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(f, maxFile)); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	return sum, nil
}
