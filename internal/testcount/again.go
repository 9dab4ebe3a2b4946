package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// second runs tests that failed once more, and takes the result in place of the first.
func (r *report) second(command []string) error {
	tests := r.whole()
	n := 0
	for _, names := range tests {
		n += len(names)
	}
	if n == 0 || n > 3 || r.fault {
		return nil
	}
	for _, pkg := range slices.Sorted(maps.Keys(tests)) {
		names := tests[pkg]
		args := slices.Concat(command[1:], []string{"-count=1", "-json", "-run", "^(" + strings.Join(names, "|") + ")$", pkg})
		fmt.Fprintf(r.out, "again: %s %s\n", command[0], strings.Join(args, " "))
		cmd := exec.Command(command[0], args...)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		two, err := read(out, r.out)
		if err := cmd.Wait(); err != nil && two.counts.failed == 0 {
			return fmt.Errorf("the second run: %w", err)
		}
		if err != nil {
			return err
		}
		if two.counts.failed > 0 || two.counts.passed == 0 {
			continue // they stay failed
		}
		r.counts.failed -= len(r.failures[pkg])
		r.counts.passed += len(r.failures[pkg])
		fmt.Fprintf(r.out, "passed in a second run only: %s %s\n", pkg, strings.Join(names, " "))
	}
	return nil
}

// whole are the tests that failed by package, without their rows.
func (r *report) whole() map[string][]string {
	tests := map[string][]string{}
	for pkg, names := range r.failures {
		for _, name := range names {
			name, _, _ = strings.Cut(name, "/")
			if !slices.Contains(tests[pkg], name) {
				tests[pkg] = append(tests[pkg], name)
			}
		}
	}
	return tests
}
