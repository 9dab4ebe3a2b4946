package lane

// item is one entry of a lane's queue: work, or a goroutine that waits for the token.
type item struct {
	work   Work
	resume chan struct{}
	at     Time
}

// ring is a growing FIFO of items; it shrinks back after a burst.
type ring struct {
	items      []item
	head, size int
}

const ringFloor = 64

func (r *ring) len() int { return r.size }

func (r *ring) push(it item) {
	if r.size == len(r.items) {
		r.resize(max(ringFloor, 2*r.size))
	}
	r.items[(r.head+r.size)&(len(r.items)-1)] = it
	r.size++
}

func (r *ring) pop() (item, bool) {
	if r.size == 0 {
		return item{}, false
	}
	it := r.items[r.head]
	r.items[r.head] = item{}
	r.head = (r.head + 1) & (len(r.items) - 1)
	r.size--
	if r.size == 0 && len(r.items) > 16*ringFloor {
		r.items, r.head = nil, 0
	}
	return it, true
}

func (r *ring) resize(n int) {
	items := make([]item, n)
	for i := range r.size {
		items[i] = r.items[(r.head+i)&(len(r.items)-1)]
	}
	r.items, r.head = items, 0
}
