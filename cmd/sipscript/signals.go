package main

// The effect of signals on a running server.

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// signals turns the process's signals into two things a server waits for: the end of stop's
// context, and a value on hup. It works from the beginning of a start: a signal that arrives while
// a script loads is not lost.
type signals struct {
	stop   context.Context
	hup    chan struct{} // capacity 1: several reloads requested while one runs become one
	cancel context.CancelFunc
	raw    chan os.Signal
	ended  chan struct{}
}

// watchSignals starts listening; close ends it. exit is called by the second SIGINT or SIGTERM.
func watchSignals(tell func(text string), exit func(code int)) *signals {
	s := &signals{hup: make(chan struct{}, 1), raw: make(chan os.Signal, 8), ended: make(chan struct{})}
	s.stop, s.cancel = context.WithCancel(context.Background())
	signal.Notify(s.raw, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() { // ends with close
		defer close(s.ended)
		for sig := range s.raw {
			switch {
			case sig == syscall.SIGHUP:
				select {
				case s.hup <- struct{}{}:
				default:
				}
			case s.stop.Err() == nil:
				tell("stopping once transactions have finished; signal again to stop at once")
				s.cancel()
			default:
				tell("stopped at once")
				exit(exitFailed)
			}
		}
	}()
	return s
}

func (s *signals) close() {
	signal.Stop(s.raw)
	close(s.raw)
	<-s.ended
	s.cancel()
}
