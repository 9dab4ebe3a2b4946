package hep

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/ring"
	"github.com/sipscript/sipscript/engine/transport"
)

// recorder is a ring with one lane that a test writes to.
func recorder(t *testing.T) (*ring.Ring, engine.Observer) {
	r := ring.New(ring.Options{Size: ring.MinSize})
	l := lane.New(0, lane.Options{Clock: lane.NewSystem()})
	t.Cleanup(l.Stop)
	return r, r.Observe(l)
}

func message(callID string) string {
	return "OPTIONS sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1\r\nFrom: <sip:alice@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\nCall-ID: " + callID + "\r\nCSeq: 1 OPTIONS\r\nAuthorization: Basic c2VjcmV0\r\nContent-Length: 0\r\n\r\n"
}

// chunks reads a packet as the specification of HEP version 3 says, by the numbers of its chunks.
func chunks(t *testing.T, b []byte) map[uint16][]byte {
	t.Helper()
	if len(b) < 6 || string(b[:4]) != "HEP3" || int(binary.BigEndian.Uint16(b[4:])) != len(b) {
		t.Fatalf("not a packet: %q", b)
	}
	list := map[uint16][]byte{}
	for b = b[6:]; len(b) > 0; {
		n := int(binary.BigEndian.Uint16(b[4:]))
		if n < 6 || n > len(b) || binary.BigEndian.Uint16(b) != 0 {
			t.Fatalf("not a chunk: %q", b)
		}
		list[binary.BigEndian.Uint16(b[2:])] = b[6:n]
		b = b[n:]
	}
	return list
}

func TestPackets(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	r, o := recorder(t)
	e, err := New(Options{Ring: r, To: "udp:" + server.LocalAddr().String(), ID: 2001})
	if err != nil {
		t.Fatal(err)
	}
	four, six := &transport.Local{Addr: netip.MustParseAddrPort("10.0.0.1:5060")}, &transport.Local{Addr: netip.MustParseAddrPort("[2001:db8::1]:5061")}
	o.Message(&engine.Observed{Bytes: []byte(message("a@b")), Kind: transport.UDP, Peer: netip.MustParseAddrPort("10.0.0.2:5070"), Local: four})
	o.Step(&engine.ObservedStep{CallID: []byte("a@b"), CSeq: 1, Function: "relay", Place: "route.lua:3", Decides: true})
	o.Message(&engine.Observed{Bytes: []byte(message("a@b")), Sent: true, Kind: transport.TLS, Peer: netip.MustParseAddrPort("[2001:db8::3]:5062"), Local: six})
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	masked := strings.Replace(message("a@b"), "c2VjcmV0", "********", 1)
	buf := make([]byte, 65536)
	for _, c := range []struct {
		name string
		want map[uint16]string
	}{
		{"received", map[uint16]string{1: "\x02", 2: "\x11", 3: "\x0a\x00\x00\x02", 4: "\x0a\x00\x00\x01", 7: "\x13\xce", 8: "\x13\xc4", 11: "\x01", 12: "\x00\x00\x07\xd1", 15: masked, 17: "a@b"}},
		{"a decision", map[uint16]string{1: "\x02", 11: "\x64", 15: "route.lua:3 relay ", 17: "a@b"}},
		{"sent", map[uint16]string{1: "\x0a", 2: "\x06", 5: string(six.Addr.Addr().AsSlice()), 7: "\x13\xc5", 8: "\x13\xc6", 11: "\x01", 15: masked, 17: "a@b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_ = server.SetReadDeadline(time.Now().Add(time.Minute))
			n, _, err := server.ReadFrom(buf)
			if err != nil {
				t.Fatal(err)
			}
			got := chunks(t, buf[:n])
			for id, want := range c.want {
				if string(got[id]) != want {
					t.Errorf("chunk %d: %q, want %q", id, got[id], want)
				}
			}
		})
	}
	if n, d := e.Sent(), e.Dropped(); n != 3 || d != 0 {
		t.Errorf("sent %d, dropped %d", n, d)
	}
}

// What the ring dropped before it was sent is counted.
func TestDropped(t *testing.T) {
	r, o := recorder(t)
	server := listen(t, "udp")
	e := still(t, Options{Ring: r, To: server.to})
	o.Message(&engine.Observed{Bytes: []byte(message("first"))})
	e.flush(t.Context())
	const many = 20000
	for i := range many {
		o.Message(&engine.Observed{Bytes: []byte(message(fmt.Sprint(i, " ", i*7919)))})
	}
	e.flush(t.Context())
	if e.Dropped() == 0 || e.Sent()+e.Dropped() != many+1 {
		t.Errorf("sent %d, dropped %d", e.Sent(), e.Dropped())
	}
}
