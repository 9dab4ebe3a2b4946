package main

// sipscript test --watch: specs run again when what they test changes.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/sipscript/sipscript/luabind/spec"
	"github.com/sipscript/sipscript/ops/watch"
)

// dependencies are the files that each spec read when it ran last.
type dependencies struct {
	mu     sync.Mutex
	files  map[string]map[string]bool // by spec; guarded by mu
	failed map[string]bool            // specs; guarded by mu
}

// all are the absolute paths of everything that was read.
func (d *dependencies) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	union := map[string]bool{}
	for _, files := range d.files {
		maps.Copy(union, files)
	}
	return slices.Sorted(maps.Keys(union))
}

// affected are the specs to run again; without a path, those that failed.
func (d *dependencies) affected(specs, paths []string) (list []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range specs {
		files := d.files[s]
		if files == nil || len(paths) == 0 && d.failed[s] || slices.ContainsFunc(paths, func(p string) bool { return files[p] }) {
			list = append(list, s)
		}
	}
	return list
}

// unknown are the specs that never ran.
func (d *dependencies) unknown(specs []string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(specs), func(s string) bool { return d.files[s] != nil })
}

// watch runs the specs, and again those that a change concerns, until ctx ends.
func (r *testRun) watch(ctx context.Context, specs []string) error {
	d := &dependencies{files: map[string]map[string]bool{}, failed: map[string]bool{}}
	began := time.Now()
	if err := r.runNoting(d, specs); err != nil && !errors.Is(err, errSilent) {
		return err
	}
	w, err := watch.New(watch.Options{
		Files:        func() []string { return append(absolute(r.specs()), d.all()...) },
		ChangedFiles: func(paths []string) error { return r.again(d, paths) },
		Failed:       func(err error) { fmt.Fprintf(r.env.stderr, "sipscript: %v\n", err) },
	})
	if err != nil {
		return err
	}
	// While the specs ran
	if paths := append(changedSince(d.all(), began), d.unknown(r.specs())...); len(paths) > 0 {
		_ = r.again(d, paths)
	}
	fmt.Fprintln(r.env.stderr, "watching; Ctrl-C ends it")
	w.Run(ctx)
	return nil
}

// specs are those that there are now.
func (r *testRun) specs() []string {
	files, err := spec.Find(r.paths)
	if err != nil { // the last one has gone
		return nil
	}
	return files
}

// again runs the specs that a change concerns.
func (r *testRun) again(d *dependencies, paths []string) error {
	specs := d.affected(r.specs(), paths)
	if len(specs) == 0 {
		return nil
	}
	for _, p := range paths {
		fmt.Fprintf(r.env.stderr, "changed: %s\n", relative(p))
	}
	err := r.runNoting(d, specs)
	if err != nil && !errors.Is(err, errSilent) {
		fmt.Fprintf(r.env.stderr, "sipscript: %v\n", err)
	}
	return err
}

// runNoting runs specs and notes what each of them read.
func (r *testRun) runNoting(d *dependencies, specs []string) error {
	read := map[string]map[string]bool{}
	var current map[string]bool
	one := *r
	one.options.Read = func(path string) { current[path] = true }
	one.options.Begin = func(file string) {
		current = map[string]bool{}
		read[file] = current
	}
	s, err := one.run(specs)
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.Copy(d.files, read)
	for _, file := range specs {
		delete(d.failed, file)
	}
	for i := range s.Results {
		if !s.Results[i].Passed {
			d.failed[s.Results[i].File] = true
		}
	}
	if err == nil && s.Failed > 0 {
		err = errSilent
	}
	return err
}

// changedSince are the files that are newer than a moment.
func changedSince(paths []string, at time.Time) (list []string) {
	for _, p := range paths {
		if info, err := os.Stat(p); err == nil && info.ModTime().After(at) {
			list = append(list, p)
		}
	}
	return list
}

func absolute(paths []string) []string {
	list := make([]string, 0, len(paths))
	for _, p := range paths {
		if abs, err := filepath.Abs(p); err == nil {
			list = append(list, abs)
		}
	}
	return list
}

// relative is a path as one would write it here.
func relative(path string) string {
	dir, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
