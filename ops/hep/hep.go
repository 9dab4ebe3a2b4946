// Package hep sends what a ring remembers to a capture server, such as Homer's heplify-server, by
// HEP version 3 over UDP, TCP or TLS.
//
// An [Exporter] follows the ring, so it never delays a call: it reads what is new many times a
// second, sends a batch of packets, and if it cannot keep up, what the ring has dropped meanwhile
// is lost and counted. While the capture server is away nothing is read: what the ring still has
// when it is back is sent then. Messages are sent as the ring has them, credentials masked. What
// a script decided and found out is sent as a log line of its call.
package hep

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine/ring"
)

// Options of an Exporter. Ring and To are required.
type Options struct {
	Ring *ring.Ring
	To   string // the capture server: udp:HOST:PORT, tcp:HOST:PORT or tls:HOST:PORT
	ID   uint32 // by which the capture server knows this one
	// TLS is asked for each connection over TLS; nil: the system's authorities vouch for the server
	TLS func() (*tls.Config, error)
	Log *slog.Logger // hears when the capture server goes and comes; nil: nobody does
}

const (
	pause     = 50 * time.Millisecond // between looks at the ring
	mostBatch = 1 << 20               // bytes in a row without a pause
	rest      = 5 * time.Millisecond  // after so many, so that no socket's buffer overflows
	mostBytes = 60_000                // of a packet's text
	oneWrite  = 64 << 10              // bytes of a stream that are written at once
	mostCalls = 20_000                // whose Call-IDs are known at a time
	lastTry   = time.Second           // for a connection when all ends
)

// Exporter sends from New until Close.
type Exporter struct {
	opts     Options
	link     link
	follower *ring.Follower
	book     *ring.Book
	ctx      context.Context // ends with Close
	stop     context.CancelFunc
	done     chan struct{}
	once     sync.Once
	sent     atomic.Uint64
	dropped  atomic.Uint64
	buf      []byte
	packets  uint64        // in buf
	left     []ring.Record // read, and not in buf yet
}

// New starts sending what is recorded from now on. The error is that of an address (see [CheckTo]);
// a server that is not there is no error.
func New(o Options) (*Exporter, error) {
	e, err := prepare(o)
	if err != nil {
		return nil, err
	}
	go e.run() // ends with Close
	return e, nil
}

func prepare(o Options) (*Exporter, error) {
	network, addr, err := split(o.To)
	if err != nil {
		return nil, fmt.Errorf("hep: %s: %w", o.To, err)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	e := &Exporter{opts: o, follower: o.Ring.Follow(false), book: o.Ring.NewBook(mostCalls), done: make(chan struct{})}
	e.link.network, e.link.addr, e.link.tls, e.link.log, e.link.patience = network, addr, o.TLS, o.Log, writeTime
	e.ctx, e.stop = context.WithCancel(context.Background())
	return e, nil
}

// Close sends what is left, for some seconds at most, and ends.
func (e *Exporter) Close() error {
	e.once.Do(func() {
		e.stop()
		<-e.done
	})
	return nil
}

// Sent is how many packets were sent.
func (e *Exporter) Sent() uint64 { return e.sent.Load() }

// Dropped is how many records were not: the ring had dropped them, or the system or the capture
// server took no packet.
func (e *Exporter) Dropped() uint64 { return e.dropped.Load() }

// Up reports whether the capture server takes what is sent, as far as is known.
func (e *Exporter) Up() bool { return !e.link.down.Load() }

func (e *Exporter) run() {
	defer close(e.done)
	defer e.link.close()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-e.ctx.Done():
			ctx, cancel := context.WithTimeout(context.Background(), lastTry)
			defer cancel()
			e.link.patience, e.link.retry = lastTry, time.Time{}
			e.flush(ctx)
			return
		case <-tick.C:
			e.flush(e.ctx)
		}
	}
}

// flush sends all that is new, while there is a way.
func (e *Exporter) flush(ctx context.Context) {
	bytes := 0
	for e.link.up(ctx) {
		if len(e.left) == 0 {
			before := e.follower.Lost()
			e.left = e.follower.Next()
			e.dropped.Add(e.follower.Lost() - before)
		}
		if len(e.left) == 0 {
			return
		}
		for len(e.left) > 0 && e.link.conn != nil {
			bytes += e.add(&e.left[0])
			e.left = e.left[1:]
			if !e.link.stream() || len(e.buf) > oneWrite || len(e.left) == 0 {
				e.write()
			}
			if bytes > mostBatch && !e.link.stream() {
				bytes = 0
				time.Sleep(rest)
			}
		}
	}
}

// add puts a record into the buffer, and returns how many bytes that are.
func (e *Exporter) add(r *ring.Record) int {
	c := e.book.Add(r)
	if c == nil || r.Kind == ring.Unsent {
		return 0
	}
	n := len(e.buf)
	e.buf = Append(e.buf, r, c, e.opts.ID)
	e.packets++
	return len(e.buf) - n
}

// write sends what is in the buffer. What a link took that broke with it is lost.
func (e *Exporter) write() {
	if e.packets == 0 {
		return
	}
	if e.link.write(e.buf) == nil {
		e.sent.Add(e.packets)
	} else {
		e.dropped.Add(e.packets)
	}
	e.buf, e.packets = e.buf[:0], 0
}

// The chunks of HEP version 3.
const (
	chunkFamily      = 1
	chunkProtocol    = 2
	chunkSource4     = 3
	chunkTarget4     = 4
	chunkSource6     = 5
	chunkTarget6     = 6
	chunkSourcePort  = 7
	chunkTargetPort  = 8
	chunkSeconds     = 9
	chunkMicros      = 10
	chunkType        = 11
	chunkID          = 12
	chunkPayload     = 15
	chunkCorrelation = 17

	typeSIP = 1
	typeLog = 100

	familyIPv4, familyIPv6 = 2, 10
	protoTCP, protoUDP     = 6, 17
)

// Append appends a record as a HEP packet. The Call-ID that the call's caller chose is its
// correlation.
func Append(b []byte, r *ring.Record, c *ring.Call, id uint32) []byte {
	start := len(b)
	b = append(b, "HEP3\x00\x00"...)
	kind, text := byte(typeSIP), r.Text
	from, to, proto := r.Peer, r.Local, byte(protoTCP)
	if r.Transport.String() == "udp" {
		proto = protoUDP
	}
	switch r.Kind {
	case ring.Sent:
		from, to = to, from
	case ring.Step, ring.Decision:
		kind, text, proto = typeLog, fmt.Appendf(nil, "%s %s %s", r.Place, r.Function, r.Answer), protoUDP
		from, to = c.Source, c.Source
	}
	from, to = pair(from, to)
	b = append(chunk(b, chunkFamily, 1), family(from.Addr()))
	b = append(chunk(b, chunkProtocol, 1), proto)
	if from.Addr().Is4() {
		b = append(chunk(b, chunkSource4, 4), from.Addr().AsSlice()...)
		b = append(chunk(b, chunkTarget4, 4), to.Addr().AsSlice()...)
	} else {
		b = append(chunk(b, chunkSource6, 16), from.Addr().AsSlice()...)
		b = append(chunk(b, chunkTarget6, 16), to.Addr().AsSlice()...)
	}
	b = binary.BigEndian.AppendUint16(chunk(b, chunkSourcePort, 2), from.Port())
	b = binary.BigEndian.AppendUint16(chunk(b, chunkTargetPort, 2), to.Port())
	b = binary.BigEndian.AppendUint32(chunk(b, chunkSeconds, 4), uint32(r.At.Unix()))
	b = binary.BigEndian.AppendUint32(chunk(b, chunkMicros, 4), uint32(r.At.Nanosecond()/1000))
	b = append(chunk(b, chunkType, 1), kind)
	b = binary.BigEndian.AppendUint32(chunk(b, chunkID, 4), id)
	correlation := c.ID[:min(len(c.ID), 1000)]
	b = append(chunk(b, chunkCorrelation, len(correlation)), correlation...)
	text = text[:min(len(text), mostBytes)]
	b = append(chunk(b, chunkPayload, len(text)), text...)
	binary.BigEndian.PutUint16(b[start+4:], uint16(len(b)-start))
	return b
}

// pair makes two addresses of one family; one that is not known is unspecified.
func pair(from, to netip.AddrPort) (netip.AddrPort, netip.AddrPort) {
	f, t := from.Addr().Unmap(), to.Addr().Unmap()
	six := f.Is6() || t.Is6()
	return netip.AddrPortFrom(inFamily(f, six), from.Port()), netip.AddrPortFrom(inFamily(t, six), to.Port())
}

func inFamily(a netip.Addr, six bool) netip.Addr {
	switch {
	case !a.IsValid() && six:
		return netip.IPv6Unspecified()
	case !a.IsValid():
		return netip.IPv4Unspecified()
	case six:
		return netip.AddrFrom16(a.As16())
	}
	return a
}

func family(a netip.Addr) byte {
	if a.Is4() {
		return familyIPv4
	}
	return familyIPv6
}

// chunk begins a chunk of no vendor.
func chunk(b []byte, kind uint16, n int) []byte {
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint16(b, kind)
	return binary.BigEndian.AppendUint16(b, uint16(n+6))
}
