//go:build unix

package transport

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// layered is a client of each kind above TCP, which reads messages by its own means.
type layered struct {
	net.Conn
	raw  *net.TCPConn
	next func() (string, error)
	say  func(text string)
}

// eachLayered runs a test over every kind above TCP: with a flow to a client that is connected.
func eachLayered(t *testing.T, o Options, test func(t *testing.T, s *Stack, c *layered, to *Peer)) {
	for _, kind := range []string{"tls", "ws", "wss"} {
		t.Run(kind, func(t *testing.T) {
			a := newAuthority(t)
			o := o
			o.TLS = a.options(a.issue("b.example")).TLS
			r := newRecorder(nil)
			s := serve(t, r, o, kind+":127.0.0.1:0")
			raw := dial(t, s.Locals()[0].Addr)
			c := &layered{Conn: raw, raw: raw}
			if kind != "ws" {
				c.Conn = tlsOver(t, raw, a)
			}
			in := bufio.NewReader(c.Conn)
			c.next = func() (text string, err error) {
				// A pong
				for text, err = readMessage(in); text == "\r\n"; text, err = readMessage(in) {
				}
				return text, err
			}
			c.say = func(text string) { write(t, c, text) }
			if kind != "tls" {
				w := wsUpgrade(t, c.Conn)
				c.next = func() (string, error) { return w.message() }
				c.say = func(text string) { write(t, c, clientFrame(0x81, text)) }
			}
			c.say(request(1, 0))
			got := await(t, r.msgs)
			test(t, s, c, &Peer{Kind: got.Kind, Flow: got.Flow, FlowOnly: true})
		})
	}
}

// Trap 13: a message leaves in one piece, whoever else sends: messages of several senders, pongs,
// and the answers of TLS.
func TestTrap13ConcurrentSendsCutNothing(t *testing.T) {
	eachLayered(t, Options{MaxQueued: 64 << 20}, func(t *testing.T, s *Stack, c *layered, to *Peer) {
		const senders, each = 4, 400
		f := make(failures, senders*each)
		for k := range senders {
			go func() { // ends when all is sent
				for i := range each {
					if err := s.Send(to, []byte(request(k*each+i, i*7%9000)), f); err != nil {
						f <- err
						return
					}
				}
			}()
		}
		var talk sync.WaitGroup
		talk.Go(func() {
			for range 200 {
				if to.Kind == TLS {
					write(t, c, "\r\n\r\n")
				} else {
					write(t, c, clientFrame(0x89, "still there?"))
				}
			}
		})
		var next [senders]int
		for range senders * each {
			text, err := c.next()
			if err != nil {
				t.Fatal(err)
			}
			n := number(text)
			if text != request(n, n%each*7%9000) || next[n/each] != n%each {
				t.Fatalf("message %d where %d of its sender is due", n, next[n/each])
			}
			next[n/each]++
		}
		talk.Wait()
		if len(f) > 0 {
			t.Error(<-f)
		}
	})
}

// A client that does not read costs at most its queue and what TLS holds, Send returns at once, and
// each message that was not written is told, once.
func TestTrap11LayeredSlowReaderIsBounded(t *testing.T) {
	o := Options{MaxQueued: 200 << 10, WriteTimeout: 300 * time.Millisecond}
	eachLayered(t, o, func(t *testing.T, s *Stack, c *layered, to *Peer) {
		text := []byte(request(1, 50000))
		var sent []*once
		full := false
		for s.FlowOpen(to.Flow) {
			f := &once{}
			switch err := s.Send(to, text, f); {
			case err == nil:
				sent = append(sent, f)
			case errors.Is(err, ErrQueueFull):
				full = true
				runtime.Gosched()
			case !errors.Is(err, ErrFlowGone):
				t.Fatal(err)
			}
			if conn := s.flows.get(to.Flow); conn != nil && conn.sealed != nil {
				conn.sealed.mu.Lock()
				if n := len(conn.sealed.out); n > maxSealed {
					t.Errorf("%d bytes held by TLS", n)
				}
				conn.sealed.mu.Unlock()
			}
		}
		if !full {
			t.Error("the queue was never full")
		}
		read := 0
		for {
			if _, err := c.next(); err != nil {
				break
			}
			read++
		}
		told := 0
		until(t, "the rest is told", func() bool {
			told = 0
			for _, f := range sent {
				told += int(f.told.Load())
				if f.told.Load() > 1 {
					t.Fatal("told twice")
				}
			}
			return told+read >= len(sent)
		})
		if told == 0 || told+read > len(sent)+1 {
			t.Errorf("%d of %d told, %d read", told, len(sent), read)
		}
	})
}

// What is queued is written before the connection is closed in order.
func TestLayeredCloseWritesWhatIsQueued(t *testing.T) {
	eachLayered(t, Options{MaxQueued: 64 << 20}, func(t *testing.T, s *Stack, c *layered, to *Peer) {
		const n = 300
		for i := range n {
			if err := s.Send(to, []byte(request(i, 50000)), nil); err != nil {
				t.Fatal(err)
			}
		}
		done := make(chan error, 1)
		go func() { // ends with Close
			ctx, cancel := context.WithTimeout(context.Background(), patient)
			defer cancel()
			done <- s.Close(ctx)
		}()
		for i := range n {
			if text, err := c.next(); err != nil || number(text) != i {
				t.Fatalf("%d: %.60q, %v", i, text, err)
			}
		}
		if err := await(t, done); err != nil {
			t.Error(err)
		}
		if _, err := c.next(); !errors.Is(err, io.EOF) {
			t.Errorf("the end is %v", err)
		}
	})
}

// A client that resets: its messages are told, the receiver too, nothing is left.
func TestLayeredReset(t *testing.T) {
	eachLayered(t, Options{MaxQueued: 64 << 20}, func(t *testing.T, s *Stack, c *layered, to *Peer) {
		f := make(failures, 1000)
		for range 300 {
			if err := s.Send(to, []byte(request(1, 50000)), f); err != nil {
				t.Fatal(err)
			}
		}
		c.raw.SetLinger(0)
		c.raw.Close()
		if err := await(t, f); err == nil || strings.Contains(err.Error(), "timeout") {
			t.Error(err)
		}
		until(t, "closed", func() bool { return held(s) == 0 && !s.FlowOpen(to.Flow) })
		if err := s.Send(to, []byte("x"), f); !errors.Is(err, ErrFlowGone) {
			t.Error(err)
		}
	})
}
