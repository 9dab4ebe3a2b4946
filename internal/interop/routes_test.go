package interop

// What the shipped scripts do besides calling: redirection, and forking to several callees.

import (
	"strconv"
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

// Each user has two phones: one answers, the other is cancelled, and its 487 is ACKed by the
// server.
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

// Stateless: each call goes through one of two servers, chosen by its Call-ID, and both get some.
func TestCallsAreBalanced(t *testing.T) {
	needSipp(t)
	const calls = 400
	a := startSipp(t, sippOptions{scenario: "uas", builtin: true, transport: "udp"})
	b := startSipp(t, sippOptions{scenario: "uas", builtin: true, transport: "udp"})
	s := start(t, "--no-watch", "--set", "servers=sip:"+a.addr()+",sip:"+b.addr(), shipped("balance.lua"))
	startSipp(t, sippOptions{scenario: "uac", builtin: true, transport: "udp", server: s.addrs["udp"], calls: calls, rate: 200}).wait()
	done := func(p *sipp) int {
		n, _ := strconv.Atoi(p.figures()["SuccessfulCall(C)"])
		return n
	}
	eventually(t, "all calls done at the servers", func() bool { return done(a)+done(b) == calls })
	if done(a) == 0 || done(b) == 0 {
		t.Errorf("one got all: %d and %d", done(a), done(b))
	}
	// Those of the probes are ours
	if n := s.metric("sipscript_transactions"); n > 2 {
		t.Errorf("a stateless proxy keeps %g transactions", n)
	}
}
