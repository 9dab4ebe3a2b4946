package nat

// Keep-alives: each client that is reached through a NAT or on its connection gets a small message
// now and then, so that the NAT keeps the way open, and a client that answered once and does not
// any more is known to be gone.

import (
	"encoding/hex"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/modules/registrar"
)

// tick is how often the keeper works: what is due within one tick leaves together.
const tick = 100 * time.Millisecond

// mostKept bounds the bindings that are kept alive.
const mostKept = 1 << 20

// Methods of keep-alives.
const (
	options = "OPTIONS"
	crlf    = "crlf"
	stun    = "stun"
)

// keeper sends keep-alives. What is below mu is guarded by it; the rest is set before it starts.
type keeper struct {
	engine *engine.Engine
	lost   func(Lost) // a client is gone; called on the background lane

	pings, answers, gone atomic.Uint64
	kept                 atomic.Int64

	mu     sync.Mutex
	policy Keepalive // Interval 0: nothing is sent
	byKey  map[string]*client
	byID   map[uint64]*client
	slots  [][]*client // by the tick of the interval in which they are due
	next   int         // the slot that is due next
	out    []byte      // the message being written

	timer   lane.Timer // belongs to the background lane
	stopped atomic.Bool
	stops   []func() // end what brings events here; called once
}

// stop ends the keeper.
func (k *keeper) stop() {
	if k.stopped.Swap(true) {
		return
	}
	for _, stop := range k.stops {
		stop()
	}
}

// client is a binding that is kept alive. It is guarded by the keeper's mu.
type client struct {
	aor     string
	binding *registrar.Binding
	peer    transport.Peer
	id      uint64 // in the branches of its pings: nobody else can guess it
	seq     uint32
	missed  int
	waiting bool // the last ping was not answered yet
	known   bool // it answered once
	slot    int  // where it is in slots
	at      int
}

// Lost is a client that answered keep-alives, and does not any more.
type Lost struct {
	AOR     string             // whose client it is, in the canonical form
	Binding *registrar.Binding // as it was when the client fell silent
}

func newKeeper(e *engine.Engine, lost func(Lost)) *keeper {
	return &keeper{engine: e, lost: lost, byKey: map[string]*client{}, byID: map[uint64]*client{}}
}

// Do starts the timer, on the background lane.
func (k *keeper) Do(l *lane.Lane) { l.After(tick, &k.timer, k) }

// Expire works off what is due.
func (k *keeper) Expire(*lane.Timer) {
	if k.stopped.Load() {
		return
	}
	l := k.engine.Background()
	k.turn(l)
	l.After(tick, &k.timer, k)
}

// set puts a policy into force; clients keep what is known about them.
func (k *keeper) set(p Keepalive) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.policy == p {
		return
	}
	k.policy = p
	k.slots, k.next = nil, 0
	if p.Interval <= 0 {
		return
	}
	k.slots = make([][]*client, max(1, int(p.Interval/tick)))
	for _, c := range k.byID {
		k.file(c)
	}
}

// file puts a client into the slot of its id, which is random: so the pings are spread, and a
// client that registers again is pinged as before.
func (k *keeper) file(c *client) {
	if len(k.slots) == 0 {
		return
	}
	c.slot = int(c.id % uint64(len(k.slots)))
	c.at = len(k.slots[c.slot])
	k.slots[c.slot] = append(k.slots[c.slot], c)
}

// unfile is the end of file.
func (k *keeper) unfile(c *client) {
	if len(k.slots) == 0 {
		return
	}
	list := k.slots[c.slot]
	last := list[len(list)-1]
	list[c.at], last.at = last, c.at
	list[len(list)-1] = nil
	k.slots[c.slot] = list[:len(list)-1]
}

// changed is what the registrar reports.
func (k *keeper) changed(e *registrar.Event) {
	switch e.Kind {
	case registrar.Bound, registrar.Refreshed:
		k.add(e.AOR, e.Binding)
	case registrar.Expired, registrar.Removed:
		k.remove(e.AOR, e.Binding)
	}
}

func keyOf(aor string, b *registrar.Binding) string { return aor + "\n" + b.Contact() }

func (k *keeper) add(aor string, b *registrar.Binding) {
	peer, ok := k.engine.ReachedAt(b.Target())
	k.mu.Lock()
	defer k.mu.Unlock()
	key := keyOf(aor, b)
	c := k.byKey[key]
	switch {
	case !ok && c != nil: // it is not behind a NAT any more
		k.drop(key, c)
		return
	case !ok || c == nil && len(k.byID) >= mostKept:
		return
	case c == nil:
		c = &client{aor: aor, id: rand.Uint64()}
		k.byKey[key], k.byID[c.id] = c, c
		k.kept.Add(1)
		k.file(c)
	}
	c.binding, c.peer, c.missed, c.waiting = b, peer, 0, false
}

func (k *keeper) remove(aor string, b *registrar.Binding) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := keyOf(aor, b)
	if c := k.byKey[key]; c != nil {
		k.drop(key, c)
	}
}

func (k *keeper) drop(key string, c *client) {
	k.unfile(c)
	delete(k.byKey, key)
	delete(k.byID, c.id)
	k.kept.Add(-1)
}

// turn sends the pings of the slot that is due, and reports the clients that are lost.
func (k *keeper) turn(l *lane.Lane) {
	k.mu.Lock()
	if len(k.slots) == 0 {
		k.mu.Unlock()
		return
	}
	var lost []Lost
	list := k.slots[k.next]
	k.next = (k.next + 1) % len(k.slots)
	for i := len(list) - 1; i >= 0; i-- { // from the end, as drop moves the last into its place
		c := list[i]
		if c.waiting {
			c.missed++
			if c.known && c.missed >= k.policy.LostAfter {
				lost = append(lost, Lost{c.aor, c.binding})
				k.drop(keyOf(c.aor, c.binding), c)
				list = k.slots[c.slot]
				continue
			}
		}
		k.ping(l, c)
	}
	k.mu.Unlock()
	for _, c := range lost {
		k.gone.Add(1)
		k.lost(c)
	}
}

// ping sends one keep-alive. It needs mu.
func (k *keeper) ping(l *lane.Lane, c *client) {
	c.seq++
	c.waiting = false
	k.out = k.out[:0]
	switch {
	case k.policy.Method == crlf:
		k.out = append(k.out, "\r\n\r\n"...)
	case k.policy.Method == stun && c.peer.Kind == transport.UDP:
		k.out = appendSTUN(k.out, c.id, c.seq)
	case k.policy.Method == stun:
		k.out = append(k.out, "\r\n\r\n"...) // RFC 5626 §3.5.1: on streams it is CRLF
	default:
		c.waiting = true
		k.out = appendOptions(k.out, c)
	}
	k.pings.Add(1)
	_ = k.engine.SendTo(l, &c.peer, k.out)
}

const branchMark = "z9hG4bKnat"

// appendOptions writes an OPTIONS (RFC 3261 §11) that is never retransmitted: the next one is soon
// enough.
func appendOptions(b []byte, c *client) []byte {
	var id [16]byte
	hexID(id[:], c.id)
	local := c.peer.Local
	b = append(append(b, "OPTIONS "...), c.binding.Contact()...)
	b = append(append(b, " SIP/2.0\r\nVia: SIP/2.0/"...), local.Kind.Via()...)
	b = append(append(append(b, ' '), local.SentBy...), ";rport;branch="+branchMark...)
	b = append(append(b, id[:]...), '-')
	b = strconv.AppendUint(b, uint64(c.seq), 16)
	b = append(append(b, "\r\nMax-Forwards: 70\r\nFrom: <sip:"...), local.SentBy...)
	b = append(append(b, ">;tag="...), id[:8]...)
	b = append(append(b, "\r\nTo: <"...), c.binding.Contact()...)
	b = append(append(b, ">\r\nCall-ID: nat-"...), id[8:]...)
	b = append(b, "\r\nCSeq: "...)
	b = strconv.AppendUint(b, uint64(c.seq), 10)
	return append(b, " OPTIONS\r\nContent-Length: 0\r\n\r\n"...)
}

func hexID(dst []byte, id uint64) {
	var raw [8]byte
	for i := range raw {
		raw[i] = byte(id >> (56 - 8*i))
	}
	hex.Encode(dst, raw[:])
}

// answered takes the answer of a ping, whatever it is: the client is there.
func (k *keeper) answered(res *message.Message, from netip.AddrPort) bool {
	via, err := res.TopVia()
	if err != nil {
		return false
	}
	id, seq, ok := readBranch(via.Branch())
	if !ok {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.byID[id]
	if c == nil || c.seq != seq || c.peer.Kind == transport.UDP && c.peer.Addr != from {
		return c != nil // late, or from somewhere else; but nobody else's
	}
	if c.waiting {
		k.answers.Add(1)
	}
	c.waiting, c.missed, c.known = false, 0, true
	return true
}

// readBranch is the inverse of what appendOptions writes; case is of no importance (RFC 3261
// §7.3.1).
func readBranch(b []byte) (id uint64, seq uint32, ok bool) {
	const size = len(branchMark)
	if len(b) < size+16+2 || len(b) > size+16+1+8 || b[size+16] != '-' {
		return 0, 0, false
	}
	for i := range size {
		if lower(b[i]) != lower(branchMark[i]) {
			return 0, 0, false
		}
	}
	id, ok = parseHex(b[size : size+16])
	if !ok {
		return 0, 0, false
	}
	n, ok := parseHex(b[size+17:])
	return id, uint32(n), ok
}

func parseHex(b []byte) (n uint64, ok bool) {
	for _, c := range b {
		switch c = lower(c); {
		case c >= '0' && c <= '9':
			n = n<<4 | uint64(c-'0')
		case c >= 'a' && c <= 'f':
			n = n<<4 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// appendSTUN writes a binding indication (RFC 8489 §2): it keeps a way open, and is not answered.
func appendSTUN(b []byte, id uint64, seq uint32) []byte {
	b = append(b, 0x00, 0x11, 0, 0, 0x21, 0x12, 0xA4, 0x42)
	for i := range 8 {
		b = append(b, byte(id>>(56-8*i)))
	}
	return append(b, byte(seq>>24), byte(seq>>16), byte(seq>>8), byte(seq))
}
