package main

// The garbage collector's settings, from the machine.

import (
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// gcPercent is how much the heap may grow between two collections, in percent of what lives. Go's own 100 spends a sixth of a
// loaded proxy's time on marking the same small live heap again and again; 200 halves that for a few megabytes (docs/decisions.md).
const gcPercent = 200

// memoryShare is the part of the machine's memory from which on the collector works harder, so that a large heap does not grow by gcPercent
// beyond what there is.
const memoryShare = 0.75

// tuneMemory sets the collector, where the operator did not (GOGC, GOMEMLIMIT).
func tuneMemory(lookup func(string) (string, bool)) {
	if _, ok := lookup("GOGC"); !ok {
		debug.SetGCPercent(gcPercent)
	}
	if _, ok := lookup("GOMEMLIMIT"); !ok {
		if n := machineMemory(); n > 0 {
			debug.SetMemoryLimit(int64(float64(n) * memoryShare))
		}
	}
}

// undisturbed runs f without collections, but for those that the memory limit asks for; where there is no limit it just runs f. It is for
// f that makes much which stays and little that doesn't: the same heap need not be marked each time it has grown by gcPercent.
func undisturbed(f func()) {
	if debug.SetMemoryLimit(-1) < math.MaxInt64 { // -1 only asks
		defer debug.SetGCPercent(debug.SetGCPercent(-1))
	}
	f()
}

// machineMemory is what the process may use, in bytes: the control group's limit or the machine's memory, whichever is less; 0 where neither
// is known.
func machineMemory() (least int64) {
	consider := func(n int64) {
		if n > 0 && (least == 0 || n < least) {
			least = n
		}
	}
	if b, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		n, _ := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64) // "max" is 0: no limit
		consider(n)
	}
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		consider(memTotal(string(b)))
	}
	return least
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
