//go:build !(linux && (amd64 || arm64 || riscv64 || loong64))

package transport

// errorsTold: the system tells nobody of ICMP errors but those who are connected; see udp_probe.go.
const errorsTold = false

func (u *udpListener) watchErrors() {}

func wasUnreachable(error) bool { return false }

// drainErrors has nothing to do.
func (u *udpListener) drainErrors() int { return 0 }
