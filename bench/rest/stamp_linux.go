package main

// The time at which a datagram arrived is the kernel's: this process may have been busy, or without
// the core.

import (
	"encoding/binary"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// stamped has the kernel tell when datagrams arrive.
func stamped(c *net.UDPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) })
	if err == nil {
		err = failed
	}
	return err
}

// processorClock is the clock of a process that goes on while the process runs; 0 stands still.
type processorClock int32

// clockOf is that of a process, or with 0 of this one (clock_getcpuclockid).
func clockOf(pid int) processorClock { return processorClock(int32(^pid)<<3 | 2) }

func (c processorClock) now() int64 {
	var t unix.Timespec
	if c == 0 || unix.ClockGettime(int32(c), &t) != nil {
		return 0
	}
	return t.Nano()
}

// stamp is when a datagram arrived.
func stamp(control []byte) time.Time {
	list, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return time.Now()
	}
	for _, m := range list {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
			return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		}
	}
	return time.Now()
}
