package child

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"
)

// given has the ports that FreePort gave in this process: none twice.
var given sync.Map

// FreePort finds a port that nobody uses for UDP or TCP on any address of IPv4: programs bind
// addresses besides the one they are told. It is none of those that systems give to who asks for
// port 0, or connects: one of these could be gone before it is used. Another run beside this one
// looks elsewhere, most likely; who starts a program on the port tries again where it is taken.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 10000 + rand.IntN(22000)
		if _, before := given.Load(port); before || !free(port) {
			continue
		}
		if _, before := given.LoadOrStore(port, true); !before {
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

func free(port int) bool {
	addr := net.JoinHostPort("0.0.0.0", strconv.Itoa(port))
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		return false
	}
	c, err := net.ListenPacket("udp4", addr)
	_ = l.Close()
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
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
