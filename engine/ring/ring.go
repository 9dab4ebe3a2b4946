package ring

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
)

// Options of a Ring.
type Options struct {
	Size  int // bytes in all, default DefaultSize, at least MinSize for each lane
	Lanes int // how many lanes share the size, default 1
	// Reveal returns the Call-ID behind one that is hidden from a side; ok is false for others.
	Reveal func(callID []byte) (revealed []byte, ok bool)
}

const (
	// DefaultSize holds some ten thousand calls.
	DefaultSize = 32 << 20
	// MinSize is what a lane has at least, in bytes.
	MinSize = 256 << 10

	segmentSize = 16 << 10 // bytes, of a lane with enough of them
	windowRatio = 6        // how much text a segment is the short form of, at most
)

// Ring holds what was observed last. Its methods may be called from any goroutine.
type Ring struct {
	opts    Options
	seed    maphash.Seed
	lanes   []atomic.Pointer[track]
	readers atomic.Int32 // those who read segments now, which are not written again meanwhile
	lost    atomic.Uint64
	written atomic.Uint64 // bytes in segments that are full
}

// New makes an empty ring.
func New(o Options) *Ring {
	if o.Lanes <= 0 {
		o.Lanes = 1
	}
	if o.Size <= 0 {
		o.Size = DefaultSize
	}
	return &Ring{opts: o, seed: maphash.MakeSeed(), lanes: make([]atomic.Pointer[track], o.Lanes)}
}

// segment is a part of a lane's records. Behind n it belongs to the holder of the lane's token.
type segment struct {
	number uint64 // of the lane's segments, from 0
	first  uint64 // the number of its first record, of the lane's, from 0
	began  time.Time
	buf    []byte        // its length is what is written at, its capacity never changes
	n      atomic.Uint32 // bytes that are complete
}

// track is what one lane writes. Its fields belong to the holder of the lane's token, except for
// segments.
type track struct {
	ring     *Ring
	lane     *lane.Lane
	encoder  encoder
	segments atomic.Pointer[[]*segment] // the last one is written
	current  *segment
	spare    *segment // one that was dropped while nobody read
	next     uint64   // number
	records  uint64   // that were written
	last     lane.Time
	places   places // of the segment
	size     int    // of a segment
	most     int    // segments
	step     []byte
}

// Observe makes what records on a lane. It is called once for each lane, before traffic flows.
func (r *Ring) Observe(l *lane.Lane) engine.Observer {
	share := max(r.opts.Size/r.opts.Lanes, MinSize)
	t := &track{ring: r, lane: l, size: min(max(share/16, 2*mostText), segmentSize)}
	window := min(windowRatio*t.size, mostWindow)
	t.most = max(2, (share-window-tableSize)/t.size)
	t.encoder.seed = r.seed
	t.encoder.window = make([]byte, 0, window)
	t.segments.Store(&[]*segment{})
	if l.ID() < len(r.lanes) {
		r.lanes[l.ID()].Store(t)
	}
	return t
}

// hash tells calls apart.
func (r *Ring) hash(callID []byte) uint64 { return maphash.Bytes(r.seed, callID) }

// room makes sure that a record with a text of n bytes fits in the segment.
func (t *track) room(n int, from *message.Origin) {
	e := &t.encoder
	numbers := headSize
	if from != nil {
		numbers += len(from.Runs) * mostOfRun
	}
	if t.current != nil && len(e.window)+e.apart+n <= cap(e.window) && len(e.out)+numbers+mostExpansion(n) <= cap(e.out) {
		return
	}
	t.turn()
}

// turn begins a segment, and drops the oldest if there are enough.
func (t *track) turn() {
	old := *t.segments.Load()
	if t.current != nil {
		t.ring.written.Add(uint64(t.current.n.Load()))
	}
	var gone *segment
	if len(old) >= t.most {
		gone, old = old[0], old[1:]
	}
	s := t.spare
	t.spare = nil
	if s == nil {
		s = &segment{buf: make([]byte, 0, t.size)}
	}
	s.number, s.first, s.began = t.next, t.records, t.lane.Wall()
	s.n.Store(0)
	t.next++
	t.last = t.lane.Now()
	list := append(roomFor(old), s)
	t.segments.Store(&list)
	// Who reads from now on does not find it
	if gone != nil && t.ring.readers.Load() == 0 {
		t.spare = gone
	}
	t.current = s
	t.encoder.reset(s.buf[:0])
	t.places = places{}
}

// roomFor is a list with room for one more behind its end, where nobody reads who got it before.
// It is copied once for many segments: else each turn would copy all of them.
func roomFor(list []*segment) []*segment {
	if len(list) < cap(list) {
		return list
	}
	return append(make([]*segment, 0, len(list)+len(list)/8+8), list...)
}

// head writes what every record begins with.
func (t *track) head(k Kind, known byte, at lane.Time) {
	e := &t.encoder
	elapsed := max(at.Sub(t.last), 0) / time.Microsecond
	t.last = t.last.Add(elapsed * time.Microsecond)
	e.out = append(e.out, byte(k)|known)
	e.out = binary.AppendUvarint(e.out, uint64(elapsed))
}

// done publishes what was written.
func (t *track) done() {
	t.records++
	t.current.n.Store(uint32(len(t.encoder.out)))
}

// Message records a message.
func (t *track) Message(o *engine.Observed) {
	text := o.Bytes[:min(len(o.Bytes), mostText)]
	var why string
	kind := Received
	switch {
	case o.Err != nil:
		kind, why = Unsent, o.Err.Error()
		why = why[:min(len(why), mostStep)]
	case o.Sent:
		kind = Sent
	}
	t.room(len(text)+len(why), o.Origin)
	e := &t.encoder
	local, peer := plainAddr(localOf(o)), plainAddr(o.Peer)
	known := t.places.know(local, peer)
	from := t.sourceOf(o)
	by := byte(o.Kind)
	made := e.made(text, &from)
	if made {
		by |= isMade
	}
	t.head(kind, known, o.At)
	e.out = append(e.out, by)
	if known&sameLocal == 0 {
		e.address(local)
	}
	if known&samePeer == 0 {
		e.address(peer)
	}
	e.out = binary.AppendUvarint(e.out, uint64(len(o.Bytes)))
	if made {
		e.appendMade(text, &from)
	} else {
		o.Mark = t.next<<placeBits | uint64(len(e.window)+1)
		e.append(text, true)
	}
	if kind == Unsent {
		e.append([]byte(why), true)
	}
	t.done()
}

// sourceOf is where the text is that o was made from, if it is in the segment.
func (t *track) sourceOf(o *engine.Observed) source {
	if o.Origin == nil || o.Origin.Mark>>placeBits != t.next {
		return source{}
	}
	at := int(o.Origin.Mark&(1<<placeBits-1)) - 1
	if at < 0 || at > len(t.encoder.window) {
		return source{}
	}
	return source{at, o.Origin.Runs}
}

// Step records a step.
func (t *track) Step(s *engine.ObservedStep) {
	b := append(append(append(t.step[:0], s.Function...), 0), s.Place...)
	b = append(append(b, 0), s.Answer...)
	t.step = b
	b = b[:min(len(b), mostStep)]
	t.room(len(b), nil)
	kind := Step
	if s.Decides {
		kind = Decision
	}
	t.head(kind, 0, s.At)
	e := &t.encoder
	e.out = binary.LittleEndian.AppendUint64(e.out, t.ring.hash(s.CallID))
	e.out = binary.AppendUvarint(e.out, uint64(s.CSeq))
	e.append(b, true)
	t.done()
}

// localOf is the listener's address, with that of this machine if it listens on all.
func localOf(o *engine.Observed) (a netip.AddrPort) {
	if o.Local == nil {
		return a
	}
	if a = o.Local.Addr; a.Addr().IsUnspecified() && o.LocalIP.IsValid() {
		a = netip.AddrPortFrom(o.LocalIP, a.Port())
	}
	return a
}

// Lost is how many records followers have lost because they were too slow.
func (r *Ring) Lost() uint64 { return r.lost.Load() }

// Written is how many bytes were written, those included that were dropped again.
func (r *Ring) Written() (n uint64) {
	r.readers.Add(1)
	defer r.readers.Add(-1)
	for i := range r.lanes {
		if t := r.lanes[i].Load(); t != nil {
			if list := *t.segments.Load(); len(list) > 0 {
				n += uint64(list[len(list)-1].n.Load())
			}
		}
	}
	return n + r.written.Load()
}

var _ engine.Observer = (*track)(nil)
