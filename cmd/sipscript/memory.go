package main

// The garbage collector's settings, from the machine.

import (
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/internal/collector"
)

// gcPercent is how much the heap may grow between two collections, in percent of the live heap.
// Go's own 100 spends a sixth of a loaded proxy's time on marking the same small live heap again
// and again; 200 halves that for a few megabytes (docs/decisions/gc-percent.md).
const gcPercent = 200

// memoryShare is the share of the machine's memory above which the collector works harder, so that
// a large heap does not grow by gcPercent beyond what is available.
const memoryShare = 0.75

// leastHeap is what the heap may grow to in any case. A server with few bindings has a live heap of
// some megabytes; collecting it each time it has tripled doubled the 99th percentile of what calls
// take (docs/performance.md).
const leastHeap = 64 << 20

// tuneMemory configures the collector, unless the operator has (GOGC, GOMEMLIMIT), until stop.
func tuneMemory(lookup func(string) (string, bool)) (stop func()) {
	stop = func() {}
	if _, ok := lookup("GOGC"); !ok {
		stop = collector.Floor(gcPercent, leastHeap)
	}
	if _, ok := lookup("GOMEMLIMIT"); !ok {
		if n := machineMemory(); n > 0 {
			debug.SetMemoryLimit(int64(float64(n) * memoryShare))
		}
	}
	return stop
}

// undisturbed runs f without collections, except for those that the memory limit causes; if there
// is no limit it just runs f. It is for an f that allocates much that stays and little that does
// not: the same heap need not be marked each time it has grown by gcPercent.
func undisturbed(f func()) {
	if debug.SetMemoryLimit(-1) < math.MaxInt64 { // -1 only asks
		defer debug.SetGCPercent(debug.SetGCPercent(-1))
	}
	f()
}

// machineMemory is what the process may use, in bytes: the smallest of its control groups' limits
// and the machine's memory; 0 if none is known.
func machineMemory() int64 { return leastMemory(os.DirFS("/")) }

// leastMemory is machineMemory on a file system.
func leastMemory(root fs.FS) (least int64) {
	consider := func(name string, read func(text string) int64) {
		b, err := fs.ReadFile(root, name)
		if err != nil {
			return
		}
		if n := read(string(b)); n > 0 && (least == 0 || n < least) {
			least = n
		}
	}
	limit := func(text string) int64 {
		n, _ := strconv.ParseInt(strings.TrimSpace(text), 10, 64) // "max" is 0: no limit
		return n
	}
	groups, _ := fs.ReadFile(root, "proc/self/cgroup")
	for _, group := range controlGroups(string(groups)) {
		// Each group is bounded by those above it. A container sees its own group as the root.
		for ; ; group.path = path.Dir(group.path) {
			dir := path.Join("sys/fs/cgroup", group.controller, group.path)
			for _, name := range group.files {
				consider(path.Join(dir, name), limit)
			}
			if group.path == "/" {
				break
			}
		}
	}
	consider("proc/meminfo", memTotal)
	return least
}

// controlGroup is one the process is in, by its path.
type controlGroup struct {
	controller, path string
	files            []string
}

// controlGroups reads /proc/self/cgroup (cgroups(7)): lines of number:controllers:path. Version 2
// has one with the number 0 and no controllers; there MemoryMax= of a unit of systemd is
// memory.max, and MemoryHigh= memory.high.
func controlGroups(text string) []controlGroup {
	v1, v2 := []string{"memory.limit_in_bytes"}, []string{"memory.max", "memory.high"}
	groups := []controlGroup{{"", "/", v2}, {"memory", "/", v1}}
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(f) < 3 || !path.IsAbs(f[2]):
		case f[1] == "":
			groups = append(groups, controlGroup{"", path.Clean(f[2]), v2}, controlGroup{"unified", path.Clean(f[2]), v2})
		case slices.Contains(strings.Split(f[1], ","), "memory"):
			groups = append(groups, controlGroup{"memory", path.Clean(f[2]), v1})
		}
	}
	return groups
}

// memTotal reads the MemTotal line of /proc/meminfo, which is in kB.
func memTotal(text string) int64 {
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "MemTotal:" {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			return n * 1024
		}
	}
	return 0
}
