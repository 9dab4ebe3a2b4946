package engine

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sipscript/sipscript/engine/message"
)

// Withholder removes from requests what must not leave this server: credentials for its own realm
// (RFC 3261 §22.3).
type Withholder interface {
	// Withhold edits m, which has Authorization or Proxy-Authorization and is about to be sent. It
	// runs on a lane and must not block. made: the message was written here, by a router, and not
	// by the sender of the request.
	Withhold(m *message.Message, made bool)
}

// withholders are called for each copy that is sent of a request with credentials.
type withholders struct {
	mu   sync.Mutex // for writers
	list atomic.Pointer[[]*withholding]
}

// withholding is one call of Withhold.
type withholding struct{ Withholder }

// Withhold calls w from now on for every request that is sent, when the router has finished with
// it: the copies of forwarded ones and this server's own requests. Those without credentials are
// sent at once.
func (e *Engine) Withhold(w Withholder) (stop func()) {
	own, l := &withholding{w}, &e.withholders
	change := func(f func([]*withholding) []*withholding) {
		l.mu.Lock()
		defer l.mu.Unlock()
		var all []*withholding
		if old := l.list.Load(); old != nil {
			all = slices.Clone(*old)
		}
		all = f(all)
		l.list.Store(&all)
	}
	change(func(all []*withholding) []*withholding { return append(all, own) })
	return func() {
		change(func(all []*withholding) []*withholding {
			return slices.DeleteFunc(all, func(o *withholding) bool { return o == own })
		})
	}
}

// withhold asks all.
func (e *Engine) withhold(m *message.Message, made bool) {
	if all := e.withholders.list.Load(); all != nil {
		for _, w := range *all {
			w.Withhold(m, made)
		}
	}
}
