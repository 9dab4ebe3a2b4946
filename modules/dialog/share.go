package dialog

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/modules/dialog/limits"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// Sharing with other nodes: all count the same keys, and a request of a call that comes to another
// node than the one which has it is told to that.

const (
	lease      = 60 * time.Second // after that the slots of a node that is gone are free
	renewEvery = 20 * time.Second
	shareTime  = 2 * time.Second // for one exchange
	awayPause  = time.Second     // before another attempt where the server is away
	mostGiven  = 1 << 16         // slots that wait to be given back; others end with their lease
	mostTold   = 1 << 12         // messages that wait to be sent
	renewBatch = 1000
)

// Slot is a key that a call holds.
type Slot struct {
	Key string // of its limits
	ID  string // of the call
}

// Share is where nodes share what they count, and tell each other of calls.
type Share interface {
	// Take has a call hold keys, all or none: full is the key that is full.
	Take(ctx context.Context, id string, l []limits.Limit, lease time.Duration) (full string, err error)
	// Update renews the leases of slots, and gives others back.
	Update(ctx context.Context, renew, give []Slot, lease time.Duration) error
	// Exchange sends what comes from out, and has hear called with what nodes send, until ctx ends
	// or it fails.
	Exchange(ctx context.Context, out <-chan []byte, hear func(message []byte)) error
	// Report puts what a node says of its calls in the place of what it said before, until the
	// lease ends, and returns what all nodes have said whose lease has not ended.
	Report(ctx context.Context, node string, text []byte, lease time.Duration) (all [][]byte, err error)
}

// shared is the part of Dialogs that shares.
type shared struct {
	d     *Dialogs
	share Share
	log   *slog.Logger
	stop  context.CancelFunc
	busy  sync.WaitGroup
	out   chan []byte
	wake  chan struct{} // capacity 1: slots were given back
	away  atomic.Bool
	anew  atomic.Bool // leases are to be renewed at once, of calls that were there before
	// This node's name; what other nodes have reported, nil before and when that is too old; and
	// when it was read, which belongs to keep
	node   string
	others atomic.Pointer[[]*report]
	readAt time.Time

	mu   sync.Mutex
	give []Slot // guarded by mu
}

func newShared(d *Dialogs, share Share, node string, log *slog.Logger) *shared {
	s := &shared{d: d, share: share, node: node, log: log, out: make(chan []byte, mostTold), wake: make(chan struct{}, 1)}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.busy.Go(func() { s.keep(ctx) }) // both end with close
	s.busy.Go(func() { s.exchange(ctx) })
	return s
}

func (s *shared) close() {
	if s == nil {
		return
	}
	s.stop()
	s.busy.Wait()
	if c, ok := s.share.(io.Closer); ok {
		_ = c.Close()
	}
}

// take has a call hold keys on all nodes. If the server is away each node counts alone.
func (s *shared) take(ctx context.Context, c *Call, l []limits.Limit) (full string) {
	ctx, cancel := context.WithTimeout(ctx, shareTime)
	defer cancel()
	full, err := s.share.Take(ctx, c.t.ID.String(), l, lease)
	s.heard(err)
	return full
}

func (s *shared) heard(err error) {
	switch {
	case err != nil && !s.away.Swap(true):
		s.log.Warn("dialog: calls can't be counted with other nodes; each counts alone", "error", err)
	case err == nil && s.away.Swap(false):
		s.log.Info("dialog: calls are counted with other nodes again")
	}
}

// gave notes that a call holds keys no longer.
func (s *shared) gave(id track.ID, keys []string) {
	if s == nil || len(keys) == 0 {
		return
	}
	s.mu.Lock()
	if len(s.give) < mostGiven {
		for _, key := range keys {
			s.give = append(s.give, Slot{key, id.String()})
		}
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// renewSoon has the leases of all calls be renewed: those of before a restart may end soon.
func (s *shared) renewSoon() {
	if s == nil {
		return
	}
	s.anew.Store(true)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// keep gives slots back, and renews the leases of those that are held.
func (s *shared) keep(ctx context.Context) {
	renew := time.NewTicker(renewEvery)
	defer renew.Stop()
	tell := time.NewTicker(s.d.reportEvery)
	defer tell.Stop()
	for {
		var held []Slot
		select {
		case <-ctx.Done():
			return
		case <-tell.C:
			s.reports(ctx)
		case <-s.wake:
			if s.anew.Swap(false) {
				held = s.held()
			}
		case <-renew.C:
			held = s.held()
		}
		s.update(ctx, held)
	}
}

// held are the slots of this node's calls.
func (s *shared) held() (list []Slot) {
	list = s.d.heldByOthers()
	s.d.table.each(func(c *Call) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.t.State != track.Ended {
			for _, key := range c.slots.Keys() {
				list = append(list, Slot{key, c.t.ID.String()})
			}
		}
	})
	return list
}

func (s *shared) update(ctx context.Context, held []Slot) {
	s.mu.Lock()
	give := s.give
	s.give = nil
	s.mu.Unlock()
	for len(held) > 0 || len(give) > 0 {
		now, back := held[:min(len(held), renewBatch)], give[:min(len(give), renewBatch)]
		one, cancel := context.WithTimeout(ctx, shareTime)
		err := s.share.Update(one, now, back, lease)
		cancel()
		if s.heard(err); err != nil { // what was not given back ends with its lease
			return
		}
		held, give = held[len(now):], give[len(back):]
	}
}

// notice tells the node of a call what another node has seen of it.
type notice struct {
	ID       track.ID  `json:"id"`
	Tag      string    `json:"tag"`       // of the callee
	By       track.Who `json:"by"`        // who sent the request
	Ends     string    `json:"ends"`      // a Cause if that was the end of the leg; "" for none
	Code     int       `json:"code"`      // of the answer
	ToCallee uint32    `json:"to_callee"` // a CSeq number that the callee has seen, or 0
	ToCaller uint32    `json:"to_caller"`
	// Of an accepted request that refreshes the call: the Contacts of its sender and of who
	// answered, "" where another node can't reach them, and the Session-Expires of the answer
	Refresh *refreshed `json:"refresh,omitempty"`
	// The call has to be ended, and nothing was seen of it; the value of a Reason header
	HangUp bool   `json:"hang_up,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// refreshed is what an accepted INVITE or UPDATE has changed.
type refreshed struct {
	Sender   string `json:"sender,omitempty"`
	Answerer string `json:"answerer,omitempty"`
	Expires  int64  `json:"expires,omitempty"` // seconds; 0: the answer has none
}

// tell sends a notice; if too many wait it is dropped, and it reports false: pings notice the end
// of a call as well.
func (s *shared) tell(n *notice) bool {
	text, err := json.Marshal(n)
	if err != nil {
		return false
	}
	select {
	case s.out <- text:
		return true
	default:
		return false
	}
}

func (s *shared) exchange(ctx context.Context) {
	for ctx.Err() == nil {
		s.heard(s.share.Exchange(ctx, s.out, s.hear))
		select {
		case <-ctx.Done():
		case <-time.After(awayPause):
		}
	}
}

// hear takes a notice; whatever is wrong with one is another version's.
func (s *shared) hear(text []byte) {
	var n notice
	if json.Unmarshal(text, &n) != nil {
		return
	}
	c := s.d.table.get(n.ID)
	if c == nil {
		return
	}
	if n.HangUp {
		if proxy.CheckEdits([]proxy.HeaderEdit{{Name: "Reason", Values: []string{n.Reason}}}) == nil {
			c.Hangup(n.Reason)
		}
		return
	}
	c.post(func() {
		if n.Refresh != nil {
			c.refreshed(&n)
		}
		c.change(func(t *track.Call, at int64) track.Change {
			l := t.Leg(n.Tag)
			if l == nil {
				return track.None
			}
			l.ToCallee, l.ToCaller, l.Acked = max(l.ToCallee, n.ToCallee), max(l.ToCaller, n.ToCaller), true
			if n.Ends == "" {
				return track.None
			}
			return t.Hangup(n.Tag, n.By, n.Ends, n.Code, at)
		})
		c.d.journal.note(c)
	})
}

// refreshed takes over what a request through another node has changed. It runs on the lane.
func (c *Call) refreshed(n *notice) {
	c.mu.Lock()
	l := c.t.Leg(n.Tag)
	if l == nil || l.State != track.Confirmed {
		c.mu.Unlock()
		return
	}
	from, to := &c.t.A, &l.B
	if n.By != track.Caller {
		from, to = to, from
	}
	moved(from, &engine.Reach{URI: n.Refresh.Sender})
	moved(to, &engine.Reach{URI: n.Refresh.Answerer})
	s := c.sessionTimer
	c.mu.Unlock()
	if s != nil {
		after := time.Duration(0) // none is agreed on any more
		if n.Refresh.Expires > 0 {
			after = max(time.Duration(n.Refresh.Expires)*time.Second, s.Min)
		}
		c.sessionExpires(after)
	}
}
