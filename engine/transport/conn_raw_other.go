//go:build !unix

// Where sockets are not read and written by file descriptor, everything goes through net.Conn.

package transport

import (
	"net"
	"sync"
	"syscall"
)

func rawConnOf(net.Conn) syscall.RawConn { return nil }

func (c *conn) readReady(uintptr) bool { return true }

// tryRead and tryWrite are never called, for want of a raw connection.
func tryRead(uintptr, []byte) (int, bool, error) { return 0, true, nil }

func tryWrite(*sync.Pool, syscall.RawConn, []byte) (int, error) { return 0, nil }
