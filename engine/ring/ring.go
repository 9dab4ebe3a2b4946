package ring

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
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

	segmentSize = 48 << 10 // bytes, of a lane with enough of them
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
	heard    lane.Time // when the last message was received
	call     uint64    // the hash of its Call-ID
	size     int       // of a segment
	most     int       // segments
	step     []byte
}

// Observe makes what records on a lane. It is called once for each lane, before traffic flows.
func (r *Ring) Observe(l *lane.Lane) engine.Observer {
	share := max(r.opts.Size/r.opts.Lanes, MinSize)
	t := &track{ring: r, lane: l, size: min(max(share/16, 2*mostText), segmentSize)}
	window := windowRatio * t.size
	t.most = max(2, (share-window-tableSize)/t.size)
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
func (t *track) room(n int) {
	e := &t.encoder
	if t.current != nil && len(e.window)+n <= cap(e.window) && len(e.out)+headSize+mostExpansion(n) <= cap(e.out) {
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
func (t *track) head(k Kind, at lane.Time) {
	e := &t.encoder
	elapsed := max(at.Sub(t.last), 0) / time.Microsecond
	t.last = t.last.Add(elapsed * time.Microsecond)
	e.out = append(e.out, byte(k))
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
	t.room(len(text) + len(why))
	t.head(kind, o.At)
	e := &t.encoder
	e.out = append(e.out, byte(o.Kind))
	e.address(localOf(o))
	e.address(o.Peer)
	e.out = binary.AppendUvarint(e.out, uint64(len(o.Bytes)))
	e.append(text, t.callOf(o, text))
	if kind == Unsent {
		e.append([]byte(why), 0)
	}
	t.done()
}

// callOf is what the texts of one call have in common: what is sent in the course of the work that
// a message brought is taken for one of its call, which is nearly always right, and if it is not
// costs some bytes.
func (t *track) callOf(o *engine.Observed, text []byte) uint64 {
	if o.Sent && o.At == t.heard {
		return t.call
	}
	id := o.CallID
	if id == nil {
		id = callIDOf(text)
	}
	call := t.ring.hash(id)
	if !o.Sent {
		t.heard, t.call = o.At, call
	}
	return call
}

// Step records a step.
func (t *track) Step(s *engine.ObservedStep) {
	b := append(append(append(t.step[:0], s.Function...), 0), s.Place...)
	b = append(append(b, 0), s.Answer...)
	t.step = b
	b = b[:min(len(b), mostStep)]
	t.room(len(b))
	kind := Step
	if s.Decides {
		kind = Decision
	}
	t.head(kind, s.At)
	e := &t.encoder
	e.out = binary.LittleEndian.AppendUint64(e.out, t.ring.hash(s.CallID))
	e.out = binary.AppendUvarint(e.out, uint64(s.CSeq))
	e.append(b, 1)
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

// address writes an address and its port: a length, and so many bytes.
func (e *encoder) address(a netip.AddrPort) {
	ip := a.Addr().Unmap()
	switch {
	case ip.Is4():
		b := ip.As4()
		e.out = append(append(e.out, 4), b[:]...)
	case ip.Is6():
		b := ip.As16()
		e.out = append(append(e.out, 16), b[:]...)
	default:
		e.out = append(e.out, 0)
	}
	e.out = binary.LittleEndian.AppendUint16(e.out, a.Port())
}

// callIDOf finds the Call-ID in the text of a message, nil for none.
func callIDOf(b []byte) []byte {
	for i := 0; i < len(b); {
		end := indexNewline(b, i)
		line := b[i:end]
		i = end + 1
		if len(line) == 0 || len(line) == 1 && line[0] == '\r' {
			return nil
		}
		n := 0
		switch {
		case line[0]|0x20 == 'c' && len(line) > 7 && foldEqual(line[:7], "call-id"):
			n = 7
		case line[0]|0x20 == 'i' && len(line) > 1 && (line[1] == ':' || line[1] == ' ' || line[1] == '\t'):
			n = 1
		default:
			continue
		}
		for n < len(line) && (line[n] == ' ' || line[n] == '\t') {
			n++
		}
		if n < len(line) && line[n] == ':' {
			return trim(line[n+1:])
		}
	}
	return nil
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
