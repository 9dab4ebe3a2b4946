package main

// What the operator's page draws, once a second.

import (
	"context"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/ops/page"
)

// feedPage has the page's figures be read each second, until endLive: a drain can be watched.
func (s *server) feedPage() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		s.live.Run(ctx, ticker.C)
	}()
	s.endLive = func() { cancel(); <-ended }
}

func (s *server) pageFigures() page.Figures {
	f := page.Figures{State: "starting", Version: version(), Uptime: time.Since(s.begun)}
	switch s.state.Load() {
	case starting:
		return f
	case serving:
		f.State = "serving"
	case draining:
		f.State = "draining"
	}
	if s.engine == nil || s.router == nil { // told to stop during the start
		return f
	}
	st := s.engine.Stats()
	f.Generation, f.Calls = uint64(s.router.Stats().Generation), st.InProgress
	f.TotalCalls, f.TotalRequests, f.TotalFailures = totals(&st)
	for i := range st.Lanes {
		f.Delay = max(f.Delay, st.Lanes[i].Recent)
	}
	return f
}

// totals counts INVITEs, other requests, and answers that say that a server failed.
func totals(st *engine.Stats) (calls, requests, failures uint64) {
	for method, n := range st.Requests {
		if method == "INVITE" {
			calls += n
		} else {
			requests += n
		}
	}
	for code, n := range st.Answers {
		if code >= 500 && code < 600 {
			failures += n
		}
	}
	return calls, requests, failures
}
