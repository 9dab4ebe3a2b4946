//go:build unix

package transport

import (
	"net"
	"syscall"
	"testing"
)

// shrinkBacklog makes the listener hold no more than one connection that nobody accepts.
func shrinkBacklog(t *testing.T, ln *net.TCPListener) {
	raw, err := ln.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) })
	if err != nil {
		t.Fatal(err)
	}
}
