package spec

import (
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/luabind"
)

// This file runs the tests of a spec, each in a world of its own.

// Options of a run.
type Options struct {
	// Modules makes what the scripts under test can require, again for each server. They ask other
	// servers through out alone. It may be nil.
	Modules func(out Outside) ([]luabind.Opener, error)
	// Of losses, tags, and whatever is random; the same seed makes the same run
	Seed  uint64
	Lanes int            // of each server whose spec does not say how many; 0: one
	Run   *regexp.Regexp // which tests, by "file: name"; nil for all
	// Cover counts what runs of the scripts under test. It may be nil.
	Cover *luabind.Coverage
	// Begin is told each file before it is run. It may be nil.
	Begin func(file string)
	// Read is told the absolute path of each Lua file that a test read, the spec included. It may
	// be nil.
	Read func(path string)
	// Observe is the engine.Config.Observe of each server. It may be nil.
	Observe func(l *lane.Lane) engine.Observer
}

// Result is how one test ended.
type Result struct {
	// The spec, and the test's name after those of its groups, with spaces
	File, Name string
	Passed     bool          // no expectation failed, and nothing unexpected was sent
	Took       time.Duration // virtual
	Failure    string        // why it failed: "file:line: what", perhaps with a traceback
	Ladder     string        // what went over the links; "" if nothing did
	Log        string        // what scripts and servers logged: warnings and errors
	FullLog    string        // all of it
}

// Virtual times: mostTime is the longest a test may take, and lastTime how long its BYEs may take
// when its function has ended.
const (
	mostTime = 30 * 24 * time.Hour
	lastTime = 40 * time.Second
)

// File runs the tests of one file in their order, calling each with every result. The error is that
// of a file that can't be run at all; tests is how many it has, those included that Run leaves out.
func File(file string, o Options, each func(Result)) (tests int, err error) {
	if o.Begin != nil {
		o.Begin(file)
	}
	w, err := newWorld(file, o.Seed, &o)
	names := make([]string, len(w.plan.tests))
	for i, t := range w.plan.tests {
		names[i] = t.name
	}
	w.close()
	if err != nil {
		return 0, err
	}
	for i, name := range names {
		if o.Run == nil || o.Run.MatchString(file+": "+name) {
			each(run(file, i, name, &o))
		}
	}
	return len(names), nil
}

// run runs the test with that number. Its seed depends on its name, so that it stays the same when
// other tests are added or removed.
func run(file string, number int, name string, o *Options) Result {
	r := Result{File: file, Name: name}
	w, err := newWorld(file, seedOf(o.Seed, name), o)
	defer w.close()
	switch {
	case err != nil:
	case number >= len(w.plan.tests) || w.plan.tests[number].name != name:
		err = fmt.Errorf("%s: the tests differ from one run of the file to the next", file)
	default:
		err = w.test(&w.plan.tests[number])
	}
	r.Took, r.Passed = w.sim.Elapsed(), err == nil && len(w.troubles) == 0
	r.Ladder, r.Log, r.FullLog = w.ladder.String(), w.log.text(slog.LevelWarn), w.log.text(slog.LevelDebug)
	var parts []string
	if err != nil {
		parts = append(parts, failure(err))
	}
	r.Failure = strings.Join(append(parts, w.troubles...), "\n")
	return r
}

func seedOf(seed uint64, name string) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s", seed, name)
	return h.Sum64() | 1 // 0 would mean at random
}

// test runs the test's functions and moves the world on until they have ended.
func (w *world) test(t *testCase) error {
	w.plan.defaults = t.server
	if !t.clock.IsZero() {
		w.sim.SetWall(t.clock)
	}
	var err error
	var done atomic.Bool
	w.lane.Post(lane.Func(func(*lane.Lane) {
		defer done.Store(true)
		for _, f := range append(t.before, t.run) {
			if _, err = f.Call(); err != nil {
				return
			}
		}
	}))
	if !w.sim.RunUntil(mostTime, done.Load) {
		return fmt.Errorf("%s: %s: did not end within %v of virtual time", w.file, t.name, mostTime)
	}
	if err != nil {
		return err
	}
	return w.settle()
}

// settle waits for the BYEs of the spec and checks how they were answered.
func (w *world) settle() error {
	done := func() bool {
		for _, o := range w.byes {
			if !o.Done() {
				return false
			}
		}
		return true
	}
	w.sim.RunUntil(lastTime, done)
	for _, o := range w.byes {
		switch final := o.Final(); {
		case o.Err != nil:
			return fmt.Errorf("%s: the BYE that %s sent failed: %w", w.file, o.Phone().Name(), o.Err)
		case final == nil:
			return fmt.Errorf("%s: the BYE that %s sent was never answered", w.file, o.Phone().Name())
		case final.Status() >= 300 && !o.Answers[len(o.Answers)-1].Taken:
			return fmt.Errorf("%s: the BYE that %s sent was answered %s", w.file, o.Phone().Name(), status(final))
		}
	}
	return nil
}

// textOf is an error without the way it came.
func textOf(err error) string {
	var e *luabind.ScriptError
	if errors.As(err, &e) {
		return e.Text
	}
	return err.Error()
}

// failure is the text of an error; if functions of the spec called each other, with the way it
// came.
func failure(err error) string {
	var e *luabind.ScriptError
	if !errors.As(err, &e) {
		return err.Error()
	}
	var way []string
	for line := range strings.Lines(e.Traceback) {
		if line = strings.TrimSpace(line); strings.Contains(line, ": in ") && !strings.HasPrefix(line, "[G]") {
			way = append(way, "  "+line)
		}
	}
	if len(way) < 2 {
		return e.Text
	}
	return e.Text + "\n" + strings.Join(way, "\n")
}
