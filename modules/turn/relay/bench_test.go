package relay_test

import (
	"testing"
	"time"

	"github.com/pion/stun/v3"
)

// roundTrip sends channel data to a peer, and the peer's answer back.
func roundTrip(t testing.TB) func() {
	t.Helper()
	s := serve(t, nil)
	k := dial(t, "udp4", at(s)).login("alice", time.Minute)
	relayed := k.allocate()
	to, addr := socket(t)
	k.wants(k.ask(stun.MethodChannelBind, channel(0x4000), peer(addr)), 0)
	frame, b := channelData(0x4000, string(make([]byte, 160))), make([]byte, 2048)
	_ = k.conn.SetReadDeadline(time.Now().Add(time.Minute))
	_ = to.SetReadDeadline(time.Now().Add(time.Minute))
	return func() {
		if _, err := k.conn.Write(frame); err != nil {
			t.Fatal(err)
		}
		n, _, err := to.ReadFromUDPAddrPort(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := to.WriteToUDPAddrPort(b[:n], relayed); err != nil {
			t.Fatal(err)
		}
		if _, err := k.conn.Read(b); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkRelay is a packet of 160 bytes to a peer and back, its client and peer included.
func BenchmarkRelay(b *testing.B) {
	once := roundTrip(b)
	b.ReportAllocs()
	for b.Loop() {
		once()
	}
}

// BenchmarkAllocate is a request with credentials, and its end.
func BenchmarkAllocate(b *testing.B) {
	k := dial(b, "udp4", at(serve(b, nil))).login("alice", time.Hour)
	for b.Loop() {
		k.wants(k.ask(stun.MethodAllocate, overUDP()), 0)
		k.wants(k.ask(stun.MethodRefresh, seconds(0)), 0)
	}
}

// Relaying a packet allocates nothing.
func TestRelayingAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates by itself")
	}
	once := roundTrip(t)
	if n := testing.AllocsPerRun(200, once); n >= 1 {
		t.Errorf("%v allocations for a packet there and back", n)
	}
}
