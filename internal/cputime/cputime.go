// Package cputime measures processor time, for figures of a machine that others use too.
package cputime

import (
	"net"
	"testing"
	"time"
)

// Datagram is the processor time to send a datagram of 700 bytes to oneself and to receive it: what
// the kernel takes on this machine at this moment.
func Datagram(t testing.TB) time.Duration {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const n = 10_000
	text, before := make([]byte, 700), Used()
	for range n {
		if _, err := c.WriteTo(text, c.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.ReadFromUDPAddrPort(text); err != nil {
			t.Fatal(err)
		}
	}
	return (Used() - before) / n
}
