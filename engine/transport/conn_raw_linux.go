//go:build linux && (amd64 || arm64 || riscv64 || loong64) && !portable && !race

// The system calls of a connection without telling Go's scheduler: they never wait, and what it
// does about calls that might costs more than they do (see udpSend.call). The race detector wants
// to be told: who reads comes after who wrote.

package transport

import (
	"syscall"
	"unsafe"
)

// readSocket is recv(2) that does not wait.
func readSocket(fd uintptr, b []byte) (int, error) {
	return rawTransfer(syscall.SYS_RECVFROM, fd, b, syscall.MSG_DONTWAIT)
}

// writeSocket is send(2) that does not wait.
func writeSocket(fd uintptr, b []byte) (int, error) {
	return rawTransfer(syscall.SYS_SENDTO, fd, b, syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL)
}

func rawTransfer(call, fd uintptr, b []byte, flags uintptr) (int, error) {
	n, _, errno := syscall.RawSyscall6(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), flags, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
