//go:build portable || !(linux && (amd64 || arm64 || riscv64 || loong64))

package transport

// errorsTold: the system reports ICMP errors only to connected sockets; see udp_probe.go.
const errorsTold = false

func (u *udpListener) watchErrors() {}

func wasUnreachable(error) bool { return false }

// drainErrors has nothing to do.
func (u *udpListener) drainErrors() int { return 0 }
