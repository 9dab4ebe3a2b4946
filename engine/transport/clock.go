// The one place where the package reads the time. Socket deadlines use the system's clock, so this
// is the real clock; a simulation has no sockets and uses another Wire.

package transport

import "time"

// stopwatch measures the time since it was started; it is monotonic, and cheap to store in an
// atomic.
type stopwatch struct{ origin time.Time }

func newStopwatch() stopwatch { return stopwatch{time.Now()} }

// now is the time since the start.
func (s stopwatch) now() time.Duration { return time.Since(s.origin) }

// at is the moment d after the start, for a deadline of a socket.
func (s stopwatch) at(d time.Duration) time.Time { return s.origin.Add(d) }

// in is the moment d from now, for a deadline of a socket.
func (s stopwatch) in(d time.Duration) time.Time { return time.Now().Add(d) }

// How long loops wait after an error before they try again: doubled each time, up to the longest.
const (
	firstPause   = 5 * time.Millisecond
	longestPause = time.Second
)

// pause waits for d; it reports false when the stack is closed meanwhile.
func (s *Stack) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.closing:
		return false
	}
}
