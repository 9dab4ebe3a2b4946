// Package breathe lets long work be done beside calls.
package breathe

import "time"

// pause is how long others have: with what the timer takes it is some 70 µs. It is a sleep, and
// runtime.Gosched is not enough: while a goroutine is ready to run the scheduler looks for what the
// network has brought only every 10 ms, and the collector may have the other processors.
const pause = 20 * time.Microsecond

// Every lets others run after every n steps of a loop that counts them from 0. The scheduler would
// do so after 10 ms, which a call should not wait. n steps should take 0.2 to 1 ms.
func Every(n, i int) {
	if i%n == n-1 {
		time.Sleep(pause)
	}
}
