package main

// The garbage collector's settings.

import "runtime/debug"

// gcPercent is how much the heap may grow between two collections, in percent of what lives. It is Go's own default until
// a measurement under load says otherwise; this is the place to write the other figure, and why.
const gcPercent = 100

// tuneMemory sets the collector, unless the operator did (GOGC). GOMEMLIMIT is the operator's alone.
func tuneMemory(lookup func(string) (string, bool)) {
	if _, ok := lookup("GOGC"); !ok {
		debug.SetGCPercent(gcPercent)
	}
}
