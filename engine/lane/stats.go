package lane

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// DelayBuckets is the number of buckets of the queueing delay: bucket i counts delays below 2^i
// microseconds that are not in an earlier bucket; the last takes the rest.
const DelayBuckets = 24

// Stats count what a lane did. All fields can be read safely at any time.
type Stats struct {
	Works   atomic.Uint64 // pieces of work done
	Refused atomic.Uint64 // work refused: queue full or lane stopped
	Panics  atomic.Uint64 // work that panicked
	Queued  atomic.Uint64 // pieces of work that waited in the queue
	Waited  atomic.Int64  // the sum of their waits, nanoseconds
	Recent  atomic.Int64  // a moving average of the queueing delay, nanoseconds
	// work by its queueing delay, in the buckets of [DelayBuckets]
	Delays [DelayBuckets]atomic.Uint64
}

func (s *Stats) delay(d time.Duration) {
	s.Queued.Add(1)
	s.Waited.Add(int64(d))
	s.Delays[min(bits.Len64(uint64(max(d, 0)/time.Microsecond)), DelayBuckets-1)].Add(1)
	r := s.Recent.Load()
	s.Recent.Store(r + (int64(d)-r)/8)
}
