//go:build !unix

// Where sockets are not read and written by file descriptor, everything goes through net.Conn.

package transport

import (
	"net"
	"syscall"
)

func rawConnOf(net.Conn) syscall.RawConn { return nil }

func (c *conn) readReady(uintptr) bool { return true }

// writeDirect takes nothing: the message is left to the writing goroutine.
func (c *conn) writeDirect([]byte) (int, error) { return 0, nil }
