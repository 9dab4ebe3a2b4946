//go:build unix

package main

import (
	"errors"
	"os"
	"syscall"
)

// onlyIPv6 reports whether a socket of IPv6 takes nothing else.
func onlyIPv6(f *os.File) (only bool, _ error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return false, err
	}
	var value int
	var optErr error
	err = raw.Control(func(fd uintptr) {
		value, optErr = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY)
	})
	return value != 0, errors.Join(err, optErr)
}
