//go:build linux && (amd64 || arm64 || riscv64 || loong64) && !portable

package relay

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/pion/stun/v3"
)

// FuzzClient lets a client and its peers say anything, and looks at what the server does: an answer
// for a request at most, signed if the request was; data only to and from whom the client has a
// permission for, which only allowed peers get; and the books agree. An input is a list of events,
// each of a byte that says what happens, a byte of length, and so many bytes.
func FuzzClient(f *testing.F) {
	event := func(kind byte, data ...byte) []byte { return append([]byte{kind, byte(len(data))}, data...) }
	attribute := func(t stun.AttrType, value ...byte) []byte {
		return append([]byte{byte(t >> 8), byte(t), 0, byte(len(value))}, value...)
	}
	udp := attribute(stun.AttrRequestedTransport, 17, 0, 0, 0)
	// 8.8.8.8:4000 as XOR-PEER-ADDRESS
	peer := attribute(stun.AttrXORPeerAddress, 0, 1, 0x0F^0x21, 0xA0^0x12, 8^0x21, 8^0x12, 8^0xA4, 8^0x42)
	own := attribute(stun.AttrXORPeerAddress, 0, 1, 0x0F^0x21, 0xA0^0x12, 127^0x21, 0x12, 0xA4, 1^0x42)
	private := attribute(stun.AttrXORPeerAddress, 0, 1, 0x0F^0x21, 0xA0^0x12, 10^0x21, 0x12, 0xA4, 1^0x42)
	number := attribute(stun.AttrChannelNumber, 0x40, 1, 0, 0)
	request := func(method stun.Method, parts ...[]byte) []byte {
		return event(fuzzSigned, append([]byte{byte(method)}, bytes.Join(parts, nil)...)...)
	}
	data := event(fuzzDatagram, 0x40, 1, 0, 3, 'a', 'b', 'c')
	back := event(fuzzPeer, append([]byte{8, 8, 8, 8, 0x0F, 0xA0}, "answer"...)...)
	for _, events := range [][][]byte{
		{event(fuzzDatagram, stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.Fingerprint).Raw...)},
		{request(stun.MethodAllocate, udp), request(stun.MethodChannelBind, number, peer), data, back, request(stun.MethodRefresh, attribute(stun.AttrLifetime, 0, 0, 0, 0)), data},
		{request(stun.MethodAllocate, udp), request(stun.MethodCreatePermission, peer), back, event(fuzzTime, 60), back, event(fuzzTime, 255), data},
		{request(stun.MethodAllocate, udp), back, event(fuzzStream, 0x40, 1, 0xFF, 0xFF)},
		{request(stun.MethodAllocate, udp), request(stun.MethodCreatePermission, own), request(stun.MethodCreatePermission, peer, own), back},
		{request(stun.MethodAllocate, udp), request(stun.MethodCreatePermission, private), request(stun.MethodChannelBind, number, private)},
		{request(stun.MethodAllocate, udp, attribute(stun.AttrEvenPort, 0x80)), event(fuzzDatagram, stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodSend, stun.ClassIndication)).Raw...)},
		{event(fuzzStream, 0x40, 1, 0, 3, 'a', 'b', 'c', 0, 0x40, 1, 0, 0), request(stun.MethodAllocate, attribute(stun.AttrRequestedAddressFamily, 2, 0, 0, 0), udp)},
	} {
		f.Add(bytes.Join(events, nil))
	}
	x := newFuzzed(f)
	f.Fuzz(x.run)
}

// What can happen.
const (
	fuzzDatagram = iota // of the client
	fuzzStream          // what the client sends over a connection
	fuzzSigned          // a request with credentials: its method, and its attributes
	fuzzPeer            // of a peer: its address, its port, and what it says
	fuzzTime            // so many times ten seconds pass
	fuzzEvents
)

const fuzzSecret = "a secret of at least 16 bytes"

// fuzzed is a server with one client, whose goroutines don't run: everything happens in turn, and
// nothing leaves.
type fuzzed struct {
	*testing.T
	s     *Server
	w     *worker
	c     client
	ahead atomic.Int64
	nonce string
	buf   []byte
}

func newFuzzed(f *testing.F) *fuzzed {
	x := &fuzzed{buf: make([]byte, headroom+mostPacket+tailroom)}
	start := time.Unix(1_800_000_000, 0)
	var err error
	x.s, err = New(Options{Listeners: []Listener{{Kind: TURN, Addr: netip.MustParseAddrPort("127.0.0.1:0"), Transport: "udp"}}, Secrets: Secrets{[]byte(fuzzSecret)},
		NonceKey: make([]byte, 32), Policy: DefaultPolicy(), Now: func() time.Time { return start.Add(time.Duration(x.ahead.Load())) }})
	if err == nil {
		err = x.s.Listen()
	}
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = x.s.Close() })
	x.w = newWorker(x.s)
	x.c = client{listener: x.s.listeners[0], addr: netip.MustParseAddrPort("192.0.2.1:5000")}
	return x
}

// run takes one input.
func (x *fuzzed) run(t *testing.T, input []byte) {
	x.T, x.nonce = t, ""
	defer func() {
		x.s.sweep(1<<63 - 1)
		x.ahead.Store(0)
	}()
	x.says(stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest)).Raw)
	if x.nonce == "" {
		t.Fatal("there was no challenge")
	}
	for events := 0; len(input) >= 2 && events < 64; events++ {
		kind, n := input[0]%fuzzEvents, min(int(input[1]), len(input)-2)
		x.happens(kind, input[2:2+n])
		input = input[2+n:]
	}
}

func (x *fuzzed) happens(kind byte, data []byte) {
	switch kind {
	case fuzzDatagram:
		x.says(data)
	case fuzzStream:
		in := frames{conn: bytes.NewReader(data)}
		frame := make([]byte, mostPacket)
		for range 64 {
			n, err := in.next(frame)
			if err != nil {
				return
			}
			if n < 4 || n > len(data) {
				x.Fatalf("a frame of %d bytes from %d", n, len(data))
			}
			x.says(frame[:n])
		}
	case fuzzSigned:
		if len(data) > 0 {
			nonce := x.nonce
			if x.says(x.signed(data[0], data[1:])); x.nonce != nonce { // it was old
				x.says(x.signed(data[0], data[1:]))
			}
		}
	case fuzzPeer:
		if len(data) >= 6 {
			x.peerSays(netip.AddrPortFrom(netip.AddrFrom4([4]byte(data)), binary.BigEndian.Uint16(data[4:])), data[6:])
		}
	case fuzzTime:
		if len(data) > 0 {
			x.ahead.Add(int64(data[0]) * int64(10*time.Second))
			x.s.sweep(x.s.opts.Now().UnixNano())
		}
	}
	x.books()
}

// signed is a request with attributes, which carries credentials.
func (x *fuzzed) signed(method byte, attributes []byte) []byte {
	now := x.s.opts.Now()
	c := Secrets{[]byte(fuzzSecret)}.Credentials("alice", now, time.Hour)
	m := &stun.Message{TransactionID: [12]byte{method, 1}, Type: stun.NewType(stun.Method(method), stun.ClassRequest)}
	m.WriteHeader()
	for len(attributes) >= 4 {
		t, n := stun.AttrType(binary.BigEndian.Uint16(attributes)), min(int(binary.BigEndian.Uint16(attributes[2:])), len(attributes)-4)
		m.Add(t, attributes[4:4+n])
		attributes = attributes[4+n:]
	}
	for _, s := range []stun.Setter{stun.NewUsername(c.Username), stun.NewRealm(x.s.opts.Realm), stun.NewNonce(x.nonce), stun.NewLongTermIntegrity(c.Username, x.s.opts.Realm, c.Password)} {
		_ = s.AddTo(m)
	}
	return m.Raw
}

// says has the client say something, and judges what comes of it.
func (x *fuzzed) says(b []byte) {
	n := copy(x.buf[headroom:headroom+mostPacket], b)
	before := x.s.table.find(&x.c)
	x.w.begin()
	x.w.fromClient(&x.c, x.buf, n)
	out := &x.w.out
	if out.n > 1 {
		x.Fatalf("%d packets for one", out.n)
	}
	x.each(func(u *udpSocket, to netip.AddrPort, sent []byte) {
		switch {
		case u == x.c.listener.udp:
			x.answered(b, to, sent)
		case before == nil || u != before.socket:
			x.Fatalf("data for %v without an allocation", to)
		default:
			x.reaches(before, to)
			if !bytes.Contains(b, sent) {
				x.Fatalf("%x was sent for %x", sent, b)
			}
		}
	})
}

// answered judges the answer to what the client said.
func (x *fuzzed) answered(asked []byte, to netip.AddrPort, answer []byte) {
	q, a := &stun.Message{Raw: asked}, &stun.Message{Raw: answer}
	switch {
	case to != x.c.addr:
		x.Fatalf("an answer to %v", to)
	case a.Decode() != nil || q.Decode() != nil || q.Type.Class != stun.ClassRequest || a.Type.Method != q.Type.Method || a.TransactionID != q.TransactionID:
		x.Fatalf("%v was the answer to %v", a, q)
	case a.Type.Class != stun.ClassSuccessResponse && a.Type.Class != stun.ClassErrorResponse:
		x.Fatalf("an answer that is none: %v", a)
	case a.Type.Class == stun.ClassSuccessResponse && q.Type.Method != stun.MethodBinding && !a.Contains(stun.AttrMessageIntegrity) && !a.Contains(stun.AttrMessageIntegritySHA256):
		x.Fatalf("%v was granted to %v without credentials", a, q)
	}
	var nonce stun.Nonce
	if nonce.GetFrom(a) == nil {
		x.nonce = nonce.String()
	}
}

// peerSays has a peer say something.
func (x *fuzzed) peerSays(from netip.AddrPort, b []byte) {
	a := x.s.table.find(&x.c)
	if a == nil {
		return
	}
	n := copy(x.buf[headroom:headroom+mostPacket], b)
	x.w.begin()
	x.w.fromPeer(a, from, x.buf, n)
	x.each(func(u *udpSocket, to netip.AddrPort, sent []byte) {
		if u != x.c.listener.udp || to != x.c.addr {
			x.Fatalf("what a peer said went to %v", to)
		}
		x.reaches(a, from)
		if sent[0]>>6 == 1 {
			if !bytes.Equal(sent[4:], b) || int(binary.BigEndian.Uint16(sent[2:])) != len(b) {
				x.Fatalf("%x was passed on as %x", b, sent)
			}
			return
		}
		m := &stun.Message{Raw: sent}
		var peer stun.XORMappedAddress
		if m.Decode() != nil || peer.GetFromAs(m, stun.AttrXORPeerAddress) != nil || peer.String() != from.String() {
			x.Fatalf("%x of %v was passed on as %v", b, from, m)
		}
		if data, err := m.Get(stun.AttrData); err != nil || !bytes.Equal(data, b) {
			x.Fatalf("%x was passed on as %x", b, data)
		}
	})
}

// reaches fails unless data may pass between an allocation and a peer.
func (x *fuzzed) reaches(a *allocation, peer netip.AddrPort) {
	if _, ok := a.routes.Load().reaches(peer.Addr(), x.w.now); !ok {
		x.Fatalf("%v has no permission", peer)
	}
}

// each takes what would leave.
func (x *fuzzed) each(look func(u *udpSocket, to netip.AddrPort, b []byte)) {
	o := &x.w.out
	for i := range o.n {
		b := batch{}
		b.names[0] = o.names[i]
		to, _ := b.from(0)
		look(o.sockets[i], to, unsafe.Slice(o.iovs[i].Base, o.iovs[i].Len))
		o.sockets[i].drop()
	}
	o.n = 0
	x.w.end()
}

// books fails unless the table agrees with itself, and holds only what is allowed.
func (x *fuzzed) books() {
	t := x.s.table
	if n := len(t.all); n > 1 || len(t.byTuple) != n || len(t.users) != n || len(t.byIP) != n || t.opening != 0 {
		x.Fatalf("%d allocations, %d clients, %d users, %d addresses, %d in the making", n, len(t.byTuple), len(t.users), len(t.byIP), t.opening)
	}
	for a := range t.all {
		r := a.routes.Load()
		if len(r.permissions) > mostPermissions || len(r.channels) > mostChannels {
			x.Fatalf("%d permissions, %d channels", len(r.permissions), len(r.channels))
		}
		for ip := range r.permissions {
			if _, ok := x.s.permitted(ip); !ok {
				x.Fatalf("a permission for %v", ip)
			}
		}
		seen := map[uint16]bool{}
		for _, c := range r.channels {
			if _, ok := x.s.permitted(c.peer.Addr()); !ok || c.number < firstChannel || c.number > lastChannel || seen[c.number] {
				x.Fatalf("a channel %x to %v", c.number, c.peer)
			}
			seen[c.number] = true
		}
	}
}
