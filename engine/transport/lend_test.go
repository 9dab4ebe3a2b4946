package transport

import (
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine/lane"
)

// bringing is a Receiver that does the work on each message on a lane, as the engine does: each
// message is a call of its own and finds its lane free, so that every wait lends the reading
// goroutine.
type bringing struct {
	*recorder
	lanes chan *lane.Lane
	work  func(l *lane.Lane, in *Inbound)
	onBad func(l *lane.Lane) // nil: bad frames are recorded
}

func newBringing(t *testing.T, n int) *bringing {
	b := &bringing{recorder: newRecorder(nil), lanes: make(chan *lane.Lane, n)}
	for range n {
		b.lanes <- oneLane(t)
	}
	return b
}

func (b *bringing) Receive(in *Inbound) {
	l := <-b.lanes
	if !l.Run(lane.Func(func(l *lane.Lane) { b.work(l, in) }), in.Carrier) {
		panic("the lane refused")
	}
}

// waits receives messages, of which the work on every third waits, and checks that all come, in
// order, unaltered, also the bytes of those that waited once they are done waiting.
func waits(t *testing.T, n int, size func(i int) int, kind string, send func(s *Stack, text string)) {
	waitsWith(t, n, size, kind, Options{}, send)
}

func waitsWith(t *testing.T, n int, size func(i int) int, kind string, o Options, send func(s *Stack, text string)) {
	seq := newSequence(n)
	gate := make(chan struct{})
	arrived := make([]chan struct{}, n)
	for i := range arrived {
		arrived[i] = make(chan struct{})
	}
	after := make(chan string, n)
	r := newBringing(t, n)
	r.work = func(l *lane.Lane, in *Inbound) {
		text := string(in.Bytes)
		i := number(text)
		if text != request(i, size(i)) {
			t.Errorf("message %d is altered: %.60q", i, text)
		}
		seq.add(i)
		close(arrived[i])
		if i%3 == 0 {
			// Half of them are done soon, while others still wait in the same buffer.
			until := gate
			if i%2 == 0 && i+10 < n {
				until = arrived[i+10]
			}
			l.Await(func() { <-until })
			if string(in.Bytes) != text {
				after <- "the bytes of a message changed while its lane waited"
				return
			}
			after <- ""
		}
	}
	s := serve(t, r, o, kind+":127.0.0.1:0")
	var all strings.Builder
	for i := range n {
		if kind == "udp" {
			send(s, request(i, size(i)))
			continue
		}
		all.WriteString(request(i, size(i)))
		if i%7 == 0 {
			all.WriteString("\r\n")
		}
	}
	if kind != "udp" {
		send(s, all.String())
	}
	seq.check(t)
	close(gate)
	for range (n + 2) / 3 {
		if bad := await(t, after); bad != "" {
			t.Fatal(bad)
		}
	}
}

// All messages wait at once: each reading goroutine but the last is lent, and what stood behind its
// message in the same read is not lost, doubled or put out of order.
func TestLentReaderGoesOnMidStream(t *testing.T) {
	for name, size := range map[string]func(int) int{
		"small": func(i int) int { return i % 50 },
		"mixed": func(i int) int { return i * 37 % 9000 },
		"large": func(i int) int { return 20000 + i },
	} {
		t.Run(name, func(t *testing.T) {
			waits(t, 300, size, "tcp", func(s *Stack, text string) {
				c := dial(t, s.Locals()[0].Addr)
				go func() { // ends when all is taken, or with the connection
					for cut := 1; len(text) > 0; cut = cut*31%20011 + 1 {
						k, err := c.Write([]byte(text[:min(cut, len(text))]))
						if err != nil {
							return
						}
						text = text[k:]
					}
				}()
			})
		})
	}
}

func TestLentReaderGoesOnWithTheBatch(t *testing.T) {
	for name, size := range map[string]func(int) int{
		"small": func(i int) int { return i % 50 },
		"mixed": func(i int) int { return i * 37 % 9000 },
	} {
		t.Run(name, func(t *testing.T) {
			sent := 0
			waits(t, 120, size, "udp", func(s *Stack, text string) {
				c := udpClient(t, "127.0.0.1:0")
				// One socket for all, so that loopback keeps the order; a few at a time, so that
				// none is dropped.
				sendTo(t, c, s.Locals()[0].Addr, text)
				if sent++; sent%20 == 0 {
					until(t, "received", func() bool { return int(s.Stats(UDP).MessagesIn) == sent })
				}
			})
		})
	}
}

// A connection that is closed while its reader is lent: the successor sees to the end, once.
func TestConnectionClosedWhileLent(t *testing.T) {
	gate, in := make(chan struct{}), make(chan FlowID, 1)
	done := make(chan struct{})
	r := newBringing(t, 1)
	r.work = func(l *lane.Lane, i *Inbound) {
		in <- i.Flow
		l.Await(func() { <-gate })
		close(done)
	}
	s := serve(t, r, Options{}, "tcp:127.0.0.1:0")
	c := dial(t, s.Locals()[0].Addr)
	write(t, c, request(1, 0))
	id := await(t, in)
	c.Close()
	if got := await(t, r.closed); got != id {
		t.Errorf("flow %d closed", got)
	}
	close(gate)
	await(t, done)
	if len(r.closed) != 0 {
		t.Error("told twice")
	}
}

func (b *bringing) BadFrame(in *Inbound, err error) {
	b.recorder.BadFrame(in, err)
	if b.onBad != nil {
		(<-b.lanes).Run(lane.Func(b.onBad), in.Carrier)
	}
}

// The work on a bad frame may wait as well; the connection is closed meanwhile.
func TestBadFrameMayWait(t *testing.T) {
	gate, done := make(chan struct{}), make(chan struct{})
	r := newBringing(t, 1)
	r.onBad = func(l *lane.Lane) {
		l.Await(func() { <-gate })
		close(done)
	}
	s := serve(t, r, Options{}, "tcp:127.0.0.1:0")
	c := dial(t, s.Locals()[0].Addr)
	write(t, c, "OPTIONS sip:a SIP/2.0\r\nContent-Length: x\r\n\r\n")
	closedByPeer(t, c)
	await(t, r.closed)
	close(gate)
	await(t, done)
	if len(r.closed) != 0 || len(r.bad) != 1 {
		t.Errorf("told %d times more, %d bad frames", len(r.closed), len(r.bad))
	}
}

// Close waits for nobody's script: the goroutines that lanes hold are the lanes'.
func TestCloseWhileLent(t *testing.T) {
	gate, in, done := make(chan struct{}), make(chan struct{}, 2), make(chan string, 2)
	r := newBringing(t, 2)
	r.work = func(l *lane.Lane, i *Inbound) {
		in <- struct{}{}
		l.Await(func() { <-gate })
		done <- string(i.Bytes)
	}
	s := NewStack(r, Options{})
	open(t, s, "tcp:127.0.0.1:0", "udp:127.0.0.1:0")
	s.Serve()
	write(t, dial(t, s.Locals()[0].Addr), request(1, 0))
	sendTo(t, udpClient(t, "127.0.0.1:0"), s.Locals()[1].Addr, request(1, 0))
	await(t, in)
	await(t, in)
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	close(gate)
	for range 2 {
		if text := await(t, done); text != request(1, 0) {
			t.Errorf("%q", text)
		}
	}
}
