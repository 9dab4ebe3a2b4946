package presence

// This file is the one state of several nodes, by Redis (package redisset): each node has all
// publications and knows all watchers, tells its own watchers of each change wherever it was made,
// and goes on with the watchers of a node that is gone.

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"hash/fnv"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/luabind"
	client "github.com/sipscript/sipscript/modules/clients/redis"
	"github.com/sipscript/sipscript/modules/clients/redisset"
	"github.com/sipscript/sipscript/modules/presence/dialoginfo"
	"github.com/sipscript/sipscript/modules/presence/eventstate"
)

// DefaultLease is for how long a node is taken to be alive that is not heard of.
const DefaultLease = 15 * time.Second

// What is shared, by the first letter of its key. What stands behind it is below.
const (
	nodeKind        = "n " // the node
	publicationKind = "p " // package, address, ID
	watcherKind     = "w " // the dialog
	orderKind       = "o " // the dialog, and the address that it is about
	callsKind       = "c " // address, node
)

// nodeKept is for how long a node is known that nobody has buried.
const nodeKept = 24 * time.Hour

// kept is for how long what is said once is kept for the others to hear, while Redis is there: a
// minute by default.
func (s *shared) kept() time.Duration { return 4 * s.lease }

// shared is what nodes with --redis have in common.
type shared struct {
	p     *Presence
	set   *redisset.Set
	self  string // this process
	lease time.Duration
	log   *slog.Logger
	wake  chan struct{}      // a node has left; capacity 1
	stop  context.CancelFunc // nil: it was not started
	ended sync.WaitGroup

	mu       sync.Mutex                       // Options.Lock of the set
	engine   *engine.Engine                   // guarded by mu
	nodes    map[string]sibling               // guarded by mu
	watchers map[string]*elsewhere            // of all nodes, by dialog; guarded by mu
	of       map[string]map[string]*elsewhere // those of others by what they watch; guarded by mu
	orders   map[string]asked                 // to other nodes, by keyOf; guarded by mu
	graves   []grave                          // the oldest first; guarded by mu
	// Calls that pass other nodes, by user and node; guarded by mu
	calls  map[string]map[string][]dialoginfo.Dialog
	lit    map[string]bool // whose calls the others were told; guarded by mu
	ticked lane.Time       // the last round; guarded by mu
	away   bool            // Redis was, at the last round; guarded by mu
	taken  uint64          // subscriptions of nodes that are gone; guarded by mu
}

// sibling is another node.
type sibling struct {
	heard lane.Time // when it was heard of
	at    string    // its address, "" if that is not known yet
}

// newShared makes it. It is started with the engine.
func newShared(p *Presence, c *client.Client, lease time.Duration, log *slog.Logger) *shared {
	if lease <= 0 {
		lease = DefaultLease
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &shared{p: p, self: rand.Text(), lease: lease, log: log, wake: make(chan struct{}, 1), nodes: map[string]sibling{}, watchers: map[string]*elsewhere{}, of: map[string]map[string]*elsewhere{},
		orders: map[string]asked{}, calls: map[string]map[string][]dialoginfo.Dialog{}, lit: map[string]bool{}}
	s.set = redisset.New(redisset.Options{Client: c, Name: "presence", Now: s.wall, Log: log, Lock: &s.mu, Apply: s.apply, Value: s.value})
	p.store.Share(&s.mu, s.published)
	return s
}

// wall is the time of day: the engine's, once there is one.
func (s *shared) wall() time.Time {
	if now := s.p.now(); !now.IsZero() {
		return now
	}
	return time.Now()
}

// start learns what the others have, and tells them that this node is there.
func (s *shared) start(e *engine.Engine) {
	s.mu.Lock()
	s.engine = e
	s.mu.Unlock()
	s.set.Start()
	s.mu.Lock()
	s.alive()
	s.ticked = e.Clock().Now()
	s.mu.Unlock()
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.ended.Go(func() { s.watch(ctx) }) // ends with close
}

// leave hands the watchers over: the others need not wait until they miss this node.
func (s *shared) leave() {
	if s.stop == nil {
		return
	}
	s.stop()
	s.ended.Wait()
	s.mu.Lock()
	s.set.Changed(redisset.Entry{Key: nodeKind + s.self, Gone: true})
	s.mu.Unlock()
}

// close ends the sharing.
func (s *shared) close() { s.set.Close() }

// alive says that this node is there. mu is held.
func (s *shared) alive() {
	s.set.Changed(redisset.Entry{Key: nodeKind + s.self, Ends: s.wall().Add(nodeKept)})
}

// watch tells the others that this node is alive, and finds those that are not.
func (s *shared) watch(ctx context.Context) {
	tick := time.NewTicker(s.lease / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
			s.mu.Lock()
			s.inherit()
			s.mu.Unlock()
			continue
		case <-tick.C:
		}
		s.mu.Lock()
		s.round(s.engine.Clock().Now())
		s.mu.Unlock()
	}
}

// round is what watch does at each tick. mu is held.
func (s *shared) round(now lane.Time) {
	s.alive()
	away := s.set.Away()
	s.tidy(now, away || s.away)
	// A process that was stopped has not read what the others said meanwhile
	stopped := now.Sub(s.ticked) > s.lease
	s.ticked = now
	switch {
	case away: // who is silent now may be well
		s.away = true
	case s.away || stopped:
		if s.away {
			s.repeat(now)
		}
		s.away = false
		for node, o := range s.nodes {
			o.heard = now
			s.nodes[node] = o
		}
	default:
		s.bury(now)
		s.inherit()
	}
}

// bury forgets the nodes that were silent for too long. mu is held.
func (s *shared) bury(now lane.Time) {
	for node, o := range s.nodes {
		if now.Sub(o.heard) > s.lease {
			s.log.Warn("a node is gone; the others go on with its watchers", "peer", o.at)
			s.set.Changed(redisset.Entry{Key: nodeKind + node, Gone: true})
			s.gone(node)
		}
	}
}

// gone takes out a node; its calls are over as far as anybody can tell. mu is held.
func (s *shared) gone(node string) {
	delete(s.nodes, node)
	for aor, by := range s.calls {
		if by[node] != nil {
			s.heardCalls(aor, node, nil)
			if s.chosen(callsKind + aor) {
				s.set.Changed(redisset.Entry{Key: callsKind + aor + " " + node, Gone: true})
			}
		}
	}
}

// chosen reports whether it is this node that does what one of them has to do: all that know the
// same nodes choose the same one, and each another's share is alike.
func (s *shared) chosen(what string) bool {
	best, most := s.self, weight(s.self, what)
	for node := range s.nodes {
		if w := weight(node, what); w > most || w == most && node > best {
			best, most = node, w
		}
	}
	return best == s.self
}

func weight(node, what string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(node))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(what))
	x := h.Sum64() // the last bytes have hardly mixed
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	return x ^ x>>33
}

// chooses is chosen for who does not hold mu. Alone, or with nothing shared, one does everything.
func (p *Presence) chooses(what string) bool {
	if p.shared == nil {
		return true
	}
	p.shared.mu.Lock()
	defer p.shared.mu.Unlock()
	return p.shared.chosen(what)
}

// value is what the others are told of an entry of this node.
func (s *shared) value(key string) (string, bool) {
	kind, rest := key[:min(2, len(key))], key[min(2, len(key)):]
	switch kind {
	case nodeKind:
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, l := range s.engine.Locals() {
			return l.SentBy, true
		}
		return "", true
	case publicationKind:
		if k, id, ok := publicationOf(rest); ok {
			if p := s.p.store.Find(k, id); p != nil {
				return jsonOf(publication{Tag: p.Tag, Type: p.Type, Body: p.Body, At: p.At.UnixMilli(), Name: p.Name}), true
			}
		}
		return "", false
	case callsKind:
		aor, _, _ := strings.Cut(rest, " ")
		return jsonOf(s.p.lamps.dialogs(aor)), true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if kind == orderKind {
		o, ok := s.orders[rest]
		return o.text, ok
	}
	w := s.watchers[rest]
	if w == nil {
		return "", false
	}
	return w.text, true
}

// apply puts changes of other nodes into force. mu is held.
func (s *shared) apply(list []redisset.Entry) {
	for i := range list {
		e := &list[i]
		kind, rest := e.Key[:min(2, len(e.Key))], e.Key[min(2, len(e.Key)):]
		switch kind {
		case nodeKind:
			s.heardNode(rest, e)
		case publicationKind:
			s.heardPublication(rest, e)
		case watcherKind:
			s.heardWatcher(rest, e)
		case orderKind:
			if !e.Gone {
				s.obey(rest, e.Value)
			}
		case callsKind:
			aor, node, _ := strings.Cut(rest, " ")
			var calls []dialoginfo.Dialog
			if e.Gone || json.Unmarshal([]byte(e.Value), &calls) == nil {
				s.heardCalls(aor, node, calls)
			}
		}
	}
}

func (s *shared) heardNode(node string, e *redisset.Entry) {
	switch {
	case node == s.self && e.Gone: // the others missed it, but it is there
		s.alive()
	case node == s.self:
	case e.Gone:
		s.gone(node)
		select {
		case s.wake <- struct{}{}:
		default:
		}
	case s.engine != nil:
		s.nodes[node] = sibling{s.engine.Clock().Now(), e.Value}
	}
}

// publication is one as the others are told.
type publication struct {
	Tag, Type string
	Body      []byte
	At        int64
	Name      string `json:",omitempty"`
}

// publicationOf reads a key; nothing in it has a blank.
func publicationOf(text string) (k eventstate.Key, id string, ok bool) {
	part := strings.Split(text, " ")
	if len(part) != 3 {
		return k, "", false
	}
	return eventstate.Key{Package: part[0], AOR: part[1]}, part[2], true
}

// published tells the others what is published here. mu is held.
func (s *shared) published(k eventstate.Key, id string, p *eventstate.Publication) {
	e := redisset.Entry{Key: publicationKind + k.Package + " " + k.AOR + " " + id, Gone: p == nil}
	if p != nil {
		e.Ends = p.Expires
	}
	s.set.Changed(e)
}

// settled waits until a publication outlives this node. It may block.
func (s *shared) settled(ctx context.Context, k eventstate.Key, id string) {
	if s != nil {
		s.set.Told(ctx, publicationKind+k.Package+" "+k.AOR+" "+id)
	}
}

func (s *shared) heardPublication(rest string, e *redisset.Entry) {
	k, id, ok := publicationOf(rest)
	if !ok {
		return
	}
	var pub *eventstate.Publication
	if !e.Gone {
		var said publication
		if json.Unmarshal([]byte(e.Value), &said) != nil {
			return
		}
		value, err := read(k.Package, said.Body)
		if err != nil { // another version may have taken what this one does not
			return
		}
		pub = &eventstate.Publication{Tag: said.Tag, Type: said.Type, Body: said.Body, Value: value, At: time.UnixMilli(said.At), Expires: e.Ends, Name: said.Name}
	}
	if s.p.store.Adopt(k, id, pub) {
		s.p.contents.forget(k)
		s.p.tell(k)
	}
}

// metrics of the sharing.
func (s *shared) metrics() []luabind.Metric {
	if s == nil {
		return nil
	}
	get := func(f func() float64) func() float64 {
		return func() float64 { s.mu.Lock(); defer s.mu.Unlock(); return f() }
	}
	return append(s.set.Metrics("presence_shared"),
		luabind.Metric{Name: "presence_nodes", Help: "Nodes that share the state, this one included.", Kind: luabind.Gauge, Value: get(func() float64 { return float64(len(s.nodes) + 1) })},
		luabind.Metric{Name: "presence_taken_over_total", Help: "Subscriptions of other nodes that this one goes on with.", Kind: luabind.Counter, Value: get(func() float64 { return float64(s.taken) })})
}

func jsonOf(v any) string {
	text, _ := json.Marshal(v) // of strings and numbers
	return string(text)
}
