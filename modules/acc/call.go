package acc

// A call whose record is being made.

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/modules/acc/cdr"
)

// call is one call. It may be used from any goroutine.
type call struct {
	id cdr.ID

	mu       sync.Mutex
	r        cdr.Record                        // guarded by mu, as all below
	tags     []string                          // of callees that answered and have not hung up
	leg      map[*engine.Branch]map[string]any // fields of branches that were not sent yet
	track    string                            // the id of the tracked call, "" for none
	ended    bool
	restored bool // it began before the process did
	own      bool // it is this server's own: its legs end with the process
}

const (
	// mostLegs bounds the legs of a record; of further ones only the last is known.
	mostLegs = 64
	// mostFields bounds the fields of a record, or of a leg.
	mostFields = 64
	// mostCalls bounds the calls of a process.
	mostCalls = 1 << 20
	// mostTags bounds the dialogs of a call.
	mostTags = 16
)

var errFields = errors.New("acc: a record has at most 64 fields")

// set adds fields; nil takes one away.
func set(to *map[string]any, fields map[string]any) error {
	if len(fields) == 0 {
		return nil
	}
	all := maps.Clone(*to)
	if all == nil {
		all = map[string]any{}
	}
	for name, v := range fields {
		if v == nil {
			delete(all, name)
		} else {
			all[name] = v
		}
	}
	if len(all) > mostFields {
		return errFields
	}
	*to = all
	return nil
}

// sent notes a branch, and returns the number of its leg.
func (c *call) sent(b *engine.Branch, now cdr.Time) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := cdr.Branch{Target: cdr.Text(b.Message().RequestURI()), Began: now, Fields: c.leg[b]}
	delete(c.leg, b)
	if t := b.Target(); t != nil {
		l.NextHop = cdr.Text(t.NextHop)
	}
	if c.r.Answered.IsZero() {
		c.r.Target = l.Target
	}
	if len(c.r.Legs) < mostLegs {
		c.r.Legs = append(c.r.Legs, l)
	} else {
		c.r.Legs[mostLegs-1] = l
	}
	return len(c.r.Legs) - 1
}

// legOf is a leg; nil if there is none. c.mu is held.
func (c *call) legOf(n int) *cdr.Branch {
	if n < 0 || n >= len(c.r.Legs) {
		return nil
	}
	return &c.r.Legs[n]
}

// rang notes an 18x.
func (c *call) rang(leg int, now cdr.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.legOf(leg); l != nil && l.Rang.IsZero() {
		l.Rang = now
	}
	if c.r.Rang.IsZero() {
		c.r.Rang = now
	}
}

// answered notes a 2xx of a callee with this tag, and reports whether it is the first of the call.
func (c *call) answered(leg int, tag, agent string, code int, now cdr.Time) (first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended || slices.Contains(c.tags, tag) {
		return false
	}
	first = c.r.Answered.IsZero()
	if len(c.tags) < mostTags {
		c.tags = append(c.tags, tag)
	}
	if l := c.legOf(leg); l != nil {
		l.Code, l.Ended = code, now
		if first {
			c.r.Target = l.Target
		}
	}
	if first {
		c.r.Answered, c.r.Code, c.r.ToTag, c.r.CalleeAgent = now, code, tag, agent
	}
	return first
}

// failed notes how a branch failed.
func (c *call) failed(leg, code int, reason, cause string, contacts []string, now cdr.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.legOf(leg); l != nil && l.Ended.IsZero() {
		l.Code, l.Reason, l.Cause, l.Redirect, l.Ended = code, reason, cause, contacts, now
	}
}

// hungUp notes that a party has ended the dialog with a callee, and reports whether it was the
// last.
func (c *call) hungUp(tag string) (last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tags = slices.DeleteFunc(c.tags, func(t string) bool { return t == tag })
	return len(c.tags) == 0 && !c.r.Answered.IsZero()
}

// end ends the call, once, and returns its record.
func (c *call) end(at cdr.Time, by, cause string, code int, reason string) (r cdr.Record, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return r, false
	}
	c.ended = true
	c.r.Ended, c.r.EndedBy, c.r.Cause = at, by, cause
	if reason != "" {
		c.r.Reason = reason
	}
	if code != 0 && c.r.Answered.IsZero() {
		c.r.Code = code
	}
	if !c.r.Answered.IsZero() {
		c.r.Duration = max(0, at.Sub(c.r.Answered.Time)).Round(time.Millisecond).Seconds()
	}
	for i := range c.r.Legs {
		if l := &c.r.Legs[i]; l.Ended.IsZero() {
			l.Ended = at
		}
	}
	r = c.r
	r.Legs = slices.Clone(r.Legs) // the call's may be changed yet
	return r, true
}

// tracked reports whether the call is a tracked one.
func (c *call) tracked() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.track != ""
}

// note is the call as it is kept while it is in progress.
type note struct {
	Record cdr.Record `json:"record"`
	Tags   []string   `json:"tags"`
	Track  string     `json:"track,omitempty"`
	Own    bool       `json:"own,omitempty"`
}

// note appends what is kept of the call: a note in JSON.
func (c *call) note(b []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, err := c.r.Append(append(b, `{"record":`...))
	if len(c.tags) > 0 {
		b = cdr.AppendTexts(append(b, `,"tags":`...), c.tags)
	}
	if c.track != "" { // hexadecimal
		b = append(append(append(b, `,"track":"`...), c.track...), '"')
	}
	if c.own {
		b = append(b, `,"own":true`...)
	}
	return append(b, '}'), err
}

func readNote(id cdr.ID, text []byte) (*call, error) {
	var n note
	if err := json.Unmarshal(text, &n); err != nil {
		return nil, err
	}
	return &call{id: id, r: n.Record, tags: n.Tags, track: n.Track, own: n.Own, restored: true}, nil
}

// table has the calls in progress.
type table struct {
	shards [64]struct {
		mu    sync.Mutex
		calls map[cdr.ID]*call // guarded by mu
	}
	tracks sync.Map // the calls that are tracked: id → *call
	count  atomic.Int64
}

func (t *table) init() {
	for i := range t.shards {
		t.shards[i].calls = map[cdr.ID]*call{}
	}
}

func (t *table) add(c *call) {
	s := &t.shards[c.id[15]%64]
	s.mu.Lock()
	s.calls[c.id] = c
	s.mu.Unlock()
	t.count.Add(1)
	if c.track != "" {
		t.tracks.Store(c.track, c)
	}
}

func (t *table) get(id cdr.ID) *call {
	s := &t.shards[id[15]%64]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[id]
}

func (t *table) remove(c *call) {
	s := &t.shards[c.id[15]%64]
	s.mu.Lock()
	if s.calls[c.id] != nil {
		delete(s.calls, c.id)
		t.count.Add(-1)
	}
	s.mu.Unlock()
	if c.tracked() {
		t.tracks.Delete(c.track)
	}
}

func (t *table) size() int { return int(t.count.Load()) }

// each calls f without a lock held.
func (t *table) each(f func(*call)) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		list := slices.Collect(maps.Values(s.calls))
		s.mu.Unlock()
		for _, c := range list {
			f(c)
		}
	}
}
