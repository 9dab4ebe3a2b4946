package main

// What systemd hears of a server (sd_notify(3)): that it is ready, reloads, stops, and lives.

import (
	"context"
	"net"
	"strconv"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
)

// supervisor is the systemd that started the process; its zero value is none.
type supervisor struct {
	socket   string        // of NOTIFY_SOCKET, "" for none
	interval time.Duration // of the watchdog, 0 for none
}

// newSupervisor reads what systemd said by variables. pid is that of the process.
func newSupervisor(lookup func(string) (string, bool), pid int) (s supervisor) {
	s.socket, _ = lookup("NOTIFY_SOCKET")
	if s.socket != "" && s.socket[0] == '@' { // an abstract one
		s.socket = "\x00" + s.socket[1:]
	}
	if of, ok := lookup("WATCHDOG_PID"); ok && of != strconv.Itoa(pid) {
		return s
	}
	text, _ := lookup("WATCHDOG_USEC")
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 && s.socket != "" {
		s.interval = time.Duration(n) * time.Microsecond / 2
	}
	return s
}

// say sends a state, such as READY=1. Who does not listen misses nothing.
func (s supervisor) say(state string) {
	if s.socket == "" {
		return
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.socket, Net: "unixgram"})
	if err != nil {
		return
	}
	defer c.Close()
	_ = c.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = c.Write([]byte(state))
}

// watchdog says that the server lives, until stop ends, as long as alive says so.
func (s supervisor) watchdog(stop context.Context, alive func(context.Context) bool) {
	if s.interval <= 0 {
		return
	}
	tick := time.NewTicker(s.interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if ctx, cancel := context.WithTimeout(stop, s.interval); alive(ctx) {
				s.say("WATCHDOG=1")
				cancel()
			} else {
				cancel()
			}
		case <-stop.Done():
			return
		}
	}
}

// alive reports whether every lane does its work: a lane that a script holds for ever does not, and
// systemd starts the server again.
func (s *server) alive(ctx context.Context) bool {
	lanes := s.engine.Lanes()
	done := make(chan struct{}, len(lanes))
	for _, l := range lanes {
		if !l.Return(lane.Func(func(*lane.Lane) { done <- struct{}{} })) {
			return false
		}
	}
	for range lanes {
		select {
		case <-done:
		case <-ctx.Done():
			return false
		}
	}
	return true
}
