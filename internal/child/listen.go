package child

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
	"time"
)

// FreePort finds a port that nobody uses for UDP or TCP on loopback. It is none of those that
// systems give to who asks for port 0, or connects: one of these could be gone before it is used.
// Another run beside this one looks elsewhere, most likely.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 10000 + rand.IntN(22000)
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		c, err := net.ListenPacket("udp", addr)
		_ = l.Close()
		if err != nil {
			continue
		}
		_ = c.Close()
		return port
	}
	t.Fatal("no port is free")
	return 0
}

// Listens waits until a command that Start has started listens on a TCP address; false if it has
// ended, or does not within a minute.
func Listens(addr string, ended <-chan error) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close()
			return true
		}
		select {
		case <-tick.C:
		case <-ended:
			return false
		case <-deadline:
			return false
		}
	}
}
