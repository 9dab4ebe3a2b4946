// Package breathe lets long work be done beside calls.
package breathe

import "time"

// length is how long others have. It is a pause, and runtime.Gosched is not enough: while a
// goroutine is ready to run the scheduler looks for what the network has brought only every 10 ms,
// and the collector may have the other processors.
const length = 20 * time.Microsecond

// Every lets others run after every n steps of a loop that counts them from 0. The scheduler would
// do so after 10 ms, which a call should not wait. n steps should take 0.2 to 1 ms; a pause takes
// some 50 µs.
func Every(n, i int) {
	if i%n == n-1 {
		pause()
	}
}
