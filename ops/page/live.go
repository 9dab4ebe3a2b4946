package page

// The stream of samples behind the plots.

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

const (
	// Samples that a page gets at once when it opens: five minutes
	history = 300
	// Pages that may be open at a time
	mostWatchers = 64
	// Samples that wait for a page that reads slowly; then its stream ends, and it opens another
	mostWaiting  = 8
	writeTimeout = 10 * time.Second
)

// Figures are what a server knows of itself at a time. Totals count since its start.
type Figures struct {
	State         string        // "serving", "draining"
	Generation    uint64        // of the script
	Version       string        // of the server
	Uptime        time.Duration // since the start
	Calls         int           // in progress
	Delay         time.Duration // how long work waited lately, in the slowest lane
	TotalCalls    uint64        // INVITEs
	TotalRequests uint64        // others
	TotalFailures uint64        // answers from 500 to 599
}

// Sample is one second of a server.
type Sample struct {
	// when it was taken
	At time.Time `json:"at" doc:"when it was taken"`
	// as in Figures
	State string `json:"state" doc:"starting, serving or draining"`
	// of the script
	Generation uint64 `json:"generation" doc:"of the script"`
	// of the server
	Version string `json:"version" doc:"of the server"`
	// seconds since the start
	Uptime float64 `json:"uptime_seconds" doc:"since the start"`
	// in progress
	Calls int `json:"calls" doc:"in progress"`
	// seconds, of the slowest lane
	Delay float64 `json:"delay_seconds" doc:"how long work waited in the slowest lane"`
	// since the sample before it
	Rates Rates `json:"rates" doc:"since the sample before it"`
}

// Rates are per second.
type Rates struct {
	// INVITEs
	Calls float64 `json:"calls" doc:"INVITEs, per second"`
	// other requests
	Requests float64 `json:"requests" doc:"other requests, per second"`
	// answers from 500 to 599
	Failures float64 `json:"failures" doc:"answers from 500 to 599, per second"`
}

// Live samples figures and streams them, as server-sent events, to every page that is open. The
// first event has what was before it.
type Live struct {
	read func() Figures

	mu       sync.Mutex
	past     []Sample             // guarded by mu; at most history
	watchers map[chan []byte]bool // guarded by mu; nil once Run has ended
	last     Figures              // guarded by mu
	lastAt   time.Time            // guarded by mu; zero before the first sample
}

// NewLive samples what read returns.
func NewLive(read func() Figures) *Live {
	return &Live{read: read, watchers: map[chan []byte]bool{}}
}

// Run takes a sample at each tick, the first of them once, until ctx ends; then all streams end.
func (l *Live) Run(ctx context.Context, ticks <-chan time.Time) {
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		for w := range l.watchers {
			close(w)
		}
		l.watchers = nil
	}()
	for {
		select {
		case at := <-ticks:
			l.sample(at)
		case <-ctx.Done():
			return
		}
	}
}

func (l *Live) sample(at time.Time) {
	f := l.read()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Sample{At: at.UTC(), State: f.State, Generation: f.Generation, Version: f.Version, Uptime: f.Uptime.Seconds(), Calls: f.Calls, Delay: f.Delay.Seconds()}
	if seconds := at.Sub(l.lastAt).Seconds(); !l.lastAt.IsZero() && seconds > 0 {
		rate := func(now, before uint64) float64 { return float64(now-min(before, now)) / seconds }
		s.Rates = Rates{rate(f.TotalCalls, l.last.TotalCalls), rate(f.TotalRequests, l.last.TotalRequests), rate(f.TotalFailures, l.last.TotalFailures)}
	}
	l.last, l.lastAt = f, at
	if len(l.past) == history {
		copy(l.past, l.past[1:])
		l.past = l.past[:history-1]
	}
	l.past = append(l.past, s)
	if len(l.watchers) == 0 {
		return
	}
	event := encode(s)
	for w := range l.watchers {
		select {
		case w <- event:
		default: // it can't keep up
			delete(l.watchers, w)
			close(w)
		}
	}
}

func encode(v any) []byte {
	text, _ := json.Marshal(v) // of numbers and texts
	return append(append([]byte("data: "), text...), "\n\n"...)
}

// watch begins a stream; ok is false where there are too many.
func (l *Live) watch() (w chan []byte, first []byte, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.watchers == nil || len(l.watchers) >= mostWatchers {
		return nil, nil, false
	}
	w = make(chan []byte, mostWaiting)
	l.watchers[w] = true
	past := l.past
	if past == nil {
		past = []Sample{}
	}
	return w, encode(map[string]any{"history": past}), true
}

func (l *Live) leave(w chan []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.watchers, w)
}

// ServeHTTP streams until the client leaves or Run ends; 503 where too many watch.
func (l *Live) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	events, event, ok := l.watch()
	if !ok {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"error": "too many pages are open"}` + "\n"))
		return
	}
	defer l.leave(events)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	for ok {
		// A stream lasts longer than the answers that the server's own timeout is for
		if out.SetWriteDeadline(time.Now().Add(writeTimeout)) != nil {
			return
		}
		if _, err := w.Write(event); err != nil || out.Flush() != nil {
			return
		}
		select {
		case event, ok = <-events:
		case <-r.Context().Done():
			return
		}
	}
}
