//go:build portable || !(linux && (amd64 || arm64 || riscv64 || loong64))

// Reading datagrams one by one, if there is no recvmmsg. The address a datagram was sent to is
// unknown here: a listener on a wildcard answers from the address the system chooses.

package transport

import (
	"net"
	"time"
)

// udpBatch holds one datagram at a time.
type udpBatch struct {
	conn  *net.UDPConn
	pool  *datagramPool
	most  int
	whole []byte // one more than a message may have, so that a longer one is noticed
	last  datagram
	idle  func() // called before a wait
}

func newUDPBatch(conn *net.UDPConn, pool *datagramPool, most int, _ bool) (*udpBatch, error) {
	most = min(most, maxDatagram)
	return &udpBatch{conn: conn, pool: pool, most: most, whole: make([]byte, most+1)}, nil
}

// renew has nothing to do: each datagram is delivered in a buffer from the pool.
func (b *udpBatch) renew(int) {}

func (b *udpBatch) read() (int, error) {
	b.idle()
	n, source, err := b.conn.ReadFromUDPAddrPort(b.whole)
	if err != nil {
		return 0, err
	}
	d := datagram{source: unmapped(source), slot: -1, truncated: n > b.most}
	n = min(n, b.most)
	if d.buf = b.pool.head(); n > headSize {
		b.pool.put(d.buf)
		d.buf = b.pool.whole()
	}
	copy(d.buf.b, b.whole[:n])
	d.bytes = d.buf.b[:n:n]
	b.last = d
	return 1, nil
}

// age is not known here.
func (b *udpBatch) age() time.Duration { return 0 }

func (b *udpBatch) datagram(int) datagram { return b.last }
