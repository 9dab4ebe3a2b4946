//go:build linux

package main

// How many connections there may be: each takes a file descriptor here, and one at the server.

import (
	"fmt"
	"syscall"
)

const (
	// warmUp is how many connections come before those that are measured.
	warmUp = 100
	// others is what both processes need besides: listeners, logs, files of the Go runtime, the
	// connections to the admin port.
	others = 100
)

// raiseLimit has as many file descriptors allowed as are needed for so many connections, or as may
// be had, and returns that number. The server inherits it.
func raiseLimit(conns int) (limit int, err error) {
	var now syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &now); err != nil {
		return 0, err
	}
	need := uint64(conns + warmUp + others)
	if need > now.Max { // who may raise it
		if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: need, Max: need}) == nil {
			return int(need), nil
		}
		need = now.Max
	}
	if need > now.Cur {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: need, Max: now.Max}); err != nil {
			return 0, fmt.Errorf("%d file descriptors: %w", need, err)
		}
	}
	return int(max(need, now.Cur)), nil
}

// affordable is how many of so many connections a limit leaves room for.
func affordable(conns, limit int) int { return max(min(conns, limit-warmUp-others), 0) }
