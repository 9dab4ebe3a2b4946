//go:build unix && (portable || race || !(linux && (amd64 || arm64 || riscv64 || loong64)))

package transport

import "syscall"

func readSocket(fd uintptr, b []byte) (int, error)  { return syscall.Read(int(fd), b) }
func writeSocket(fd uintptr, b []byte) (int, error) { return syscall.Write(int(fd), b) }
