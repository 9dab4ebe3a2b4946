//go:build unix

package transport

import (
	"bufio"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/cputime"
)

// readers are the ways to read a UDP socket that were compared.
func readers(b *testing.B) map[string]func(conn *net.UDPConn, got func(b []byte, from netip.AddrPort)) {
	return map[string]func(*net.UDPConn, func([]byte, netip.AddrPort)){
		"recvmmsg": func(conn *net.UDPConn, got func([]byte, netip.AddrPort)) {
			pool := &datagramPool{}
			batch, err := newUDPBatch(conn, pool, maxDatagram, false)
			if err != nil {
				b.Error(err)
				return
			}
			for {
				n, err := batch.read()
				if err != nil {
					return
				}
				for i := range n {
					d := batch.datagram(i)
					got(d.bytes, d.source)
				}
			}
		},
		"single": func(conn *net.UDPConn, got func([]byte, netip.AddrPort)) {
			buf := make([]byte, maxDatagram)
			for {
				n, _, _, from, err := conn.ReadMsgUDPAddrPort(buf, nil)
				if err != nil {
					return
				}
				got(buf[:n], from)
			}
		},
	}
}

// One datagram at a time: the socket is empty when the next one comes.
func BenchmarkReadPingPong(b *testing.B) {
	text := []byte(request(1, 600))
	for name, read := range readers(b) {
		b.Run(name, func(b *testing.B) {
			server, client := udpClient(b, "127.0.0.1:0"), udpClient(b, "127.0.0.1:0")
			server.SetDeadline(time.Time{})
			client.SetDeadline(time.Time{})
			go read(server, func(m []byte, from netip.AddrPort) { server.WriteToUDPAddrPort(m, from) })
			to, buf := addrPortOf(server.LocalAddr()), make([]byte, 4096)
			b.ReportAllocs()
			start := cputime.Used()
			for b.Loop() {
				client.WriteToUDPAddrPort(text, to)
				client.ReadFromUDPAddrPort(buf)
			}
			b.ReportMetric(float64(cputime.Used()-start)/float64(b.N), "cpu-ns/op")
		})
	}
}

// Bursts of 64 that wait in the socket when the reading begins; only the reading is timed.
func BenchmarkReadBurst(b *testing.B) {
	text := []byte(request(1, 600))
	const burst = 64
	for name, read := range readers(b) {
		b.Run(name, func(b *testing.B) {
			server, client := udpClient(b, "127.0.0.1:0"), udpClient(b, "127.0.0.1:0")
			server.SetReadBuffer(socketBuffer)
			to := addrPortOf(server.LocalAddr())
			send := func() {
				for range burst {
					client.WriteToUDPAddrPort(text, to)
				}
			}
			send()
			n, rounds, start := 0, 0, time.Now()
			var reading time.Duration
			read(server, func([]byte, netip.AddrPort) {
				if n++; n < burst {
					return
				}
				reading += time.Since(start)
				if rounds++; rounds == b.N {
					server.Close()
					return
				}
				send()
				n, start = 0, time.Now()
			})
			b.ReportMetric(float64(reading)/float64(b.N)/burst, "ns/datagram")
		})
	}
}

// A request to the stack and the answer back, by UDP.
func BenchmarkUDPEcho(b *testing.B) {
	peer := Peer{Kind: UDP}
	s := serve(b, newRecorder(func(s *Stack, in *Inbound) {
		peer.Addr, peer.Local = in.Source, in.Local
		s.Send(&peer, in.Bytes, nil)
	}), Options{}, "udp:127.0.0.1:0")
	client := udpClient(b, "127.0.0.1:0")
	client.SetDeadline(time.Time{})
	text, to, buf := []byte(request(1, 600)), s.Locals()[0].Addr, make([]byte, 4096)
	b.ReportAllocs()
	start := cputime.Used()
	for b.Loop() {
		client.WriteToUDPAddrPort(text, to)
		client.ReadFromUDPAddrPort(buf)
	}
	b.ReportMetric(float64(cputime.Used()-start)/float64(b.N), "cpu-ns/op")
}

// A request to the stack and the answer back, by one TCP connection.
func BenchmarkTCPEcho(b *testing.B) {
	peer := Peer{Kind: TCP}
	s := serve(b, newRecorder(func(s *Stack, in *Inbound) {
		peer.Addr, peer.Flow = in.Source, in.Flow
		s.Send(&peer, in.Bytes, nil)
	}), Options{}, "tcp:127.0.0.1:0")
	c := dial(b, s.Locals()[0].Addr)
	c.SetDeadline(time.Time{})
	text := []byte(request(1, 600))
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		c.Write(text)
		for n := 0; n < len(text); {
			k, err := c.Read(buf)
			if err != nil {
				b.Fatal(err)
			}
			n += k
		}
	}
}

// Messages that come one behind the other on one TCP connection.
func BenchmarkTCPReceive(b *testing.B) {
	var got atomic.Int64
	s := serve(b, newRecorder(func(_ *Stack, in *Inbound) { got.Add(1) }), Options{}, "tcp:127.0.0.1:0")
	c := dial(b, s.Locals()[0].Addr)
	c.SetDeadline(time.Time{})
	text := []byte(request(1, 600))
	w := bufio.NewWriterSize(c, 64<<10)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		w.Write(text)
	}
	w.Flush()
	until(b, "all received", func() bool { return int(got.Load()) >= b.N })
}

// Messages to one TCP peer that reads.
func BenchmarkTCPSend(b *testing.B) {
	addr, conns := peer(b)
	s := serve(b, newRecorder(nil), Options{}, "tcp:127.0.0.1:0")
	to := &Peer{Kind: TCP, Addr: addr}
	text := []byte(request(1, 600))
	s.Send(to, text, nil)
	c := await(b, conns)
	c.SetDeadline(time.Time{})
	go func() { // ends with the connection
		buf := make([]byte, 256<<10)
		for {
			if _, err := c.Read(buf); err != nil {
				c.Close()
				return
			}
		}
	}()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		for s.Send(to, text, nil) != nil {
		}
	}
}
