package interop

// What the shipped scripts do besides calling: redirection, and forking to several callees.

import (
	"testing"
	"time"
)

func TestCallerIsRedirected(t *testing.T) {
	needSipp(t)
	s := start(t, "--no-watch", shipped("redirect.lua"))
	all := users(20, "127.0.0.1:9", "udp") // nobody is called there: the contact is only told
	startSipp(t, sippOptions{scenario: "register", transport: "udp", server: s.addrs["udp"], calls: 20, rate: 100, fields: all}).wait()
	startSipp(t, sippOptions{scenario: "redirected", transport: "udp", server: s.addrs["udp"], calls: 20, rate: 100, fields: all}).wait()
}

// Each user has two phones: one answers, the other is cancelled, and its 487 is ACKed by the server.
func TestForkedCallIsCancelledAtTheLoser(t *testing.T) {
	needSipp(t)
	const calls = 50
	s := start(t, "--no-watch", shipped("proxy.lua"))
	winner := startSipp(t, sippOptions{scenario: "callee", transport: "udp", calls: calls, pause: 200 * time.Millisecond})
	loser := startSipp(t, sippOptions{scenario: "loser", transport: "udp", calls: calls})
	all := append(users(calls, winner.addr(), "udp"), users(calls, loser.addr(), "udp")...)
	startSipp(t, sippOptions{scenario: "register", transport: "udp", server: s.addrs["udp"], calls: 2 * calls, rate: 200, fields: all}).wait()

	startSipp(t, sippOptions{scenario: "forked", transport: "udp", server: s.addrs["udp"], calls: calls, rate: 50, fields: all[:calls], pause: pauseInCalls}).wait()
	winner.wait()
	loser.wait()
}
