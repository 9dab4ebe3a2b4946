package ring

// Reading segments while lanes write them.

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/transport"
)

// errDamaged: a segment is not what an encoder writes, which would be a fault of this package.
var errDamaged = errors.New("ring: a segment cannot be read")

// decoder reads one segment after the other of a lane, each from its beginning.
type decoder struct {
	lane   int
	number uint64 // of the segment that is read
	at     int    // where it goes on
	next   uint64 // the number of the record there, of the lane's
	clock  time.Time
	window []byte // the text so far
	places places
	again  bool   // texts are used again when the record was read
	made   []byte // with again: the last text that was made from another
}

// start begins a segment, with the storage of the texts of another, which must no longer be in use,
// or nil.
func (d *decoder) start(s *segment, window []byte) {
	again := window != nil
	if n := windowRatio * cap(s.buf); cap(window) < n {
		window = make([]byte, 0, n)
	}
	*d = decoder{lane: d.lane, number: s.number, next: s.first, clock: s.began, window: window[:0], again: again, made: d.made}
}

// read calls f for each record of the segment that is complete and was not read yet. The record,
// but not its texts, is used again when f has returned. It stops when f returns false.
func (d *decoder) read(s *segment, r *Record, f func(*Record) bool) error {
	b := s.buf[:s.n.Load()]
	for d.at < len(b) {
		c := cursor{b: b, at: d.at}
		first := c.byte()
		*r = Record{Kind: Kind(first & kindBits), Lane: d.lane}
		d.clock = d.clock.Add(time.Duration(c.number()) * time.Microsecond)
		r.At = d.clock
		switch r.Kind {
		case Received, Sent, Unsent:
			by := c.byte()
			r.Transport = transport.Kind(by &^ isMade)
			r.Local, r.Peer = d.addresses(&c, first)
			r.Length = int(c.number())
			if by&isMade != 0 {
				r.Text = d.textMade(&c, r.Length)
			} else {
				r.Text = d.text(&c)
			}
			if r.Kind == Unsent {
				r.Answer = string(d.text(&c))
			}
		case Step, Decision:
			r.call = c.word()
			r.CSeq = uint32(c.number())
			r.Function, r.Place, _ = strings.Cut(string(d.text(&c)), "\x00")
			r.Place, r.Answer, _ = strings.Cut(r.Place, "\x00")
		default:
			return errDamaged
		}
		if c.bad {
			return errDamaged
		}
		d.at = c.at
		d.next++
		if !f(r) {
			break
		}
	}
	return nil
}

// addresses reads those of a message; known is the first byte of its record.
func (d *decoder) addresses(c *cursor, known byte) (local, peer netip.AddrPort) {
	if known&sameLocal == 0 {
		d.places.local = c.address()
	}
	p := &d.places.peers[known>>slotShift]
	if known&samePeer == 0 {
		*p = c.address()
	}
	return d.places.local, *p
}

// text reads a text, and returns it as part of the window.
func (d *decoder) text(c *cursor) []byte {
	start := len(d.window)
	for !c.bad {
		d.window = append(d.window, c.take(int(c.number()))...)
		n := int(c.number())
		if n == 0 {
			break
		}
		from := len(d.window) - int(c.number())
		if from < 0 || n > mostText+mostStep || len(d.window)+n > cap(d.window) {
			c.bad = true
			break
		}
		for n > 0 { // a match may reach into itself
			k := min(n, len(d.window)-from)
			if k <= 0 {
				c.bad = true
				break
			}
			d.window = append(d.window, d.window[from:from+k]...)
			from, n = from+k, n-k
		}
	}
	return d.window[start:len(d.window):len(d.window)]
}

// textMade reads a text that was made from another, of at most so many bytes.
func (d *decoder) textMade(c *cursor, length int) []byte {
	text := d.made[:0]
	if length = min(length, mostText); !d.again {
		text = make([]byte, 0, max(length, 0))
	}
	for !c.bad {
		text = append(text, d.text(c)...)
		n := int(c.number())
		if n == 0 {
			break
		}
		from := len(d.window) - int(c.number())
		if from < 0 || n > len(d.window)-from || n > length-len(text) {
			c.bad = true
			break
		}
		text = append(text, d.window[from:from+n]...)
	}
	if d.again {
		d.made = text
	}
	return text
}

// cursor reads numbers from a segment; bad tells that there was none.
type cursor struct {
	b   []byte
	at  int
	bad bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b)-c.at {
		c.bad = true
		return nil
	}
	c.at += n
	return c.b[c.at-n : c.at]
}

func (c *cursor) byte() byte {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) word() uint64 {
	if b := c.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (c *cursor) number() uint64 {
	v, n := binary.Uvarint(c.b[c.at:])
	if n <= 0 || v > 1<<62 {
		c.bad = true
		return 0
	}
	c.at += n
	return v
}

func (c *cursor) address() netip.AddrPort {
	ip, _ := netip.AddrFromSlice(c.take(int(c.byte())))
	port := c.take(2)
	if port == nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ip, binary.LittleEndian.Uint16(port))
}

// each calls f for all records of all lanes: those of a lane in order, lanes after each other. The
// record and its text are used again when f has returned.
func (r *Ring) each(f func(*Record) bool) error {
	r.readers.Add(1)
	defer r.readers.Add(-1)
	var rec Record
	for i := range r.lanes {
		t := r.lanes[i].Load()
		if t == nil {
			continue
		}
		d := decoder{lane: i}
		going := true
		for _, s := range *t.segments.Load() {
			d.start(s, d.window)
			if err := d.read(s, &rec, func(rec *Record) bool { going = f(rec); return going }); err != nil {
				return err
			}
			if !going {
				return nil
			}
		}
	}
	return nil
}
