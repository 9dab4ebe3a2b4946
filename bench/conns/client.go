//go:build linux

package main

// The clients: connecting, and exchanging messages.

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/bench/loop"
)

// client is one connection. What is read of it comes by way of in.
type client struct {
	net.Conn
	in   io.Reader
	ws   bool
	text *loop.Text
	out  []byte
	left []byte // the last bytes of the answer before, in which the end of a head may have begun
}

// perAddress is how many connections come from one address.
const perAddress = 1000

func connect(s *server, kind string, from, n int) (list []*client, err error) {
	for i := from; i < from+n; i++ {
		c, err := dial(s, kind, net.IPv4(127, 0, 1, byte(1+i/perAddress)))
		if err != nil {
			closeAll(list)
			return nil, fmt.Errorf("connection %d: %w", i, err)
		}
		list = append(list, c)
		if err := c.greet(i); err != nil {
			closeAll(list)
			return nil, fmt.Errorf("connection %d: %w", i, err)
		}
	}
	return list, nil
}

// greet has a first request answered: a server need not keep connections on which nothing comes.
func (c *client) greet(n int) error {
	c.write(n)
	if err := c.ask(n); err != nil {
		return err
	}
	c.text = nil // what is idle shall hold little
	for buf := make([]byte, 4096); ; {
		if ended, err := c.answers(buf); ended > 0 || err != nil {
			return err
		}
	}
}

func closeAll(list []*client) {
	for _, c := range list {
		c.Close()
	}
}

func dial(s *server, kind string, source net.IP) (*client, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: source}, Timeout: 10 * time.Second}
	conn, err := d.Dial("tcp4", s.addr)
	if err != nil {
		return nil, err
	}
	if kind == "tls" || kind == "wss" {
		t := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: "example.com"}) //nolint:gosec // the server is ours, and made its certificate a moment ago
		if err := t.Handshake(); err != nil {
			conn.Close()
			return nil, err
		}
		conn = t
	}
	c := &client{Conn: conn, in: conn, ws: kind == "ws" || kind == "wss"}
	if c.ws {
		if err := c.upgrade(); err != nil {
			conn.Close()
			return nil, err
		}
	}
	return c, nil
}

// upgrade is the client's side of RFC 6455 §4.1.
func (c *client) upgrade() error {
	_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n")
	if err != nil {
		return err
	}
	// Nothing comes behind it before we ask
	res, err := http.ReadResponse(bufio.NewReaderSize(c.Conn, 512), nil)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("upgrade: %s", res.Status)
	}
	return nil
}

// write makes the request of connection i.
func (c *client) write(i int) {
	c.text = loop.NewText(strings.ReplaceAll(fmt.Sprintf("MESSAGE sip:user@example.com SIP/2.0\r\nVia: SIP/2.0/KIND %s;branch=z9hG4bK%d-"+loop.Number+"\r\nMax-Forwards: 70\r\n"+
		"From: <sip:a@example.com>;tag="+loop.Number+"\r\nTo: <sip:user@example.com>\r\nCall-ID: "+loop.Number+"-%[2]d\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n", c.LocalAddr(), i),
		"KIND", kindOf(c)))
}

// ask sends the request with a number.
func (c *client) ask(n int) error {
	c.text.Set(n)
	b := c.text.Bytes
	if c.ws { // one masked text frame (§5.2); a mask of zeros changes nothing
		c.out = append(c.out[:0], 0x81, 0x80|126, byte(len(b)>>8), byte(len(b)), 0, 0, 0, 0)
		b = append(c.out, b...)
		c.out = b
	}
	_, err := c.Write(b)
	return err
}

// answers reads once and tells how many responses have ended. They have no body.
func (c *client) answers(buf []byte) (int, error) {
	kept := copy(buf, c.left)
	n, err := c.in.Read(buf[kept:])
	b := buf[:kept+n]
	ended := bytes.Count(b, []byte("\r\n\r\n"))
	c.left = append(c.left[:0], b[max(0, len(b)-3):]...)
	return ended, err
}

// window is how many requests are on their way at a time, over all connections.
const window = 256

// exchange sends requests over the connections in turn for a while; it returns the answers in a
// second, and the server's µs for each.
func exchange(s *server, conns []*client, length time.Duration) (rate, cpu float64, err error) {
	var answered atomic.Int64
	room := make(chan struct{}, window)
	failed := make(chan error, len(conns))
	for i, c := range conns {
		c.write(i)
		_ = c.SetReadDeadline(time.Time{})
		go func() { // ends with the deadline below, or the connection
			buf := make([]byte, 16384)
			for {
				n, err := c.answers(buf)
				for range n {
					<-room
				}
				answered.Add(int64(n))
				if err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	used, began := s.cpu(), time.Now()
	for n := 0; time.Since(began) < length; n++ {
		select {
		case room <- struct{}{}:
		case err := <-failed:
			return 0, 0, err
		case <-time.After(5 * time.Second):
			return 0, 0, fmt.Errorf("no answers any more after %d of %d", answered.Load(), n)
		}
		if err := conns[n%len(conns)].ask(n); err != nil {
			return 0, 0, err
		}
	}
	count := float64(answered.Load())
	rate, cpu = count/time.Since(began).Seconds(), (s.cpu()-used)*1e6/count
	for _, c := range conns {
		_ = c.SetReadDeadline(time.Unix(1, 0))
	}
	for range conns {
		<-failed
	}
	return rate, cpu, nil
}

func kindOf(c *client) string {
	_, secure := c.Conn.(*tls.Conn)
	switch {
	case c.ws && secure:
		return "WSS"
	case c.ws:
		return "WS"
	case secure:
		return "TLS"
	}
	return "TCP"
}
