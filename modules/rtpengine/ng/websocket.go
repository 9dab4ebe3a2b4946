package ng

// WebSockets to a daemon. Several threads of rtpengine (10.5.3) answer the commands of one
// connection: they write a cookie and a dictionary one after the other, now and then between those
// of another. So a connection has one command at a time, and there are several.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

const (
	// subprotocol is the one of NG over WebSocket.
	subprotocol = "ng.rtpengine.com"
	mostSockets = 32 // to one daemon
)

var errBusy = errors.New("all connections to rtpengine are busy")

// webSockets are the connections to one daemon.
type webSockets struct {
	uri   string
	limit func() time.Duration // that a command may take
	slots chan struct{}        // one for each connection that has a command
	// got is given answers, by several goroutines; they are valid until it returns
	got func(b []byte)

	once sync.Once
	done chan struct{} // closed with the connections
	err  error         // why; set before

	mu     sync.Mutex
	all    map[*socket]bool // guarded by mu
	idle   []*socket        // without a command, the last one used at the end; guarded by mu
	closed bool             // guarded by mu
}

// socket is one connection.
type socket struct {
	c    *websocket.Conn
	late *time.Timer // ends it when an answer takes too long: it could be that of the next command
	busy atomic.Bool // it has a command
	lost atomic.Bool // late did
}

func dialWebSockets(ctx context.Context, uri string, limit func() time.Duration, got func(b []byte)) (link, error) {
	w := &webSockets{uri: uri, limit: limit, slots: make(chan struct{}, mostSockets), got: got, done: make(chan struct{}), all: map[*socket]bool{}}
	s, err := w.dial(ctx)
	if err != nil {
		return nil, err
	}
	w.idle = append(w.idle, s)
	return w, nil
}

func (w *webSockets) dial(ctx context.Context) (*socket, error) {
	c, _, err := websocket.Dial(ctx, w.uri, &websocket.DialOptions{Subprotocols: []string{subprotocol}})
	if err != nil {
		return nil, err
	}
	c.SetReadLimit(mostBytes)
	s := &socket{c: c}
	s.late = time.AfterFunc(time.Hour, func() {
		s.lost.Store(true)
		_ = c.CloseNow()
	})
	s.late.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		_ = c.CloseNow()
		return nil, ErrDown
	}
	w.all[s] = true
	go w.read(s) // ends with the connection
	return s, nil
}

// take waits for a connection without a command, or dials one.
func (w *webSockets) take() (*socket, error) {
	select {
	case w.slots <- struct{}{}:
	default:
		timer := time.NewTimer(w.limit())
		defer timer.Stop()
		select {
		case w.slots <- struct{}{}:
		case <-timer.C:
			return nil, errBusy
		case <-w.done:
			return nil, w.err
		}
	}
	w.mu.Lock()
	if n := len(w.idle) - 1; n >= 0 {
		s := w.idle[n]
		w.idle = w.idle[:n]
		w.mu.Unlock()
		return s, nil
	}
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), dialTime)
	defer cancel()
	s, err := w.dial(ctx)
	if err != nil {
		<-w.slots
		return nil, w.failed(err)
	}
	return s, nil
}

// failed is what it means that one further connection could not be had: while there are others,
// just that those are busy.
func (w *webSockets) failed(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.all) == 0 {
		return err
	}
	return fmt.Errorf("%w: %w", errBusy, err)
}

// give gives a connection back whose command was answered.
func (w *webSockets) give(s *socket) {
	w.mu.Lock()
	w.idle = append(w.idle, s)
	w.mu.Unlock()
	<-w.slots
}

func (w *webSockets) send(b []byte) error {
	s, err := w.take()
	if err != nil {
		return err
	}
	s.busy.Store(true)
	s.late.Reset(w.limit()) // also when the daemon takes nothing
	err = s.c.Write(context.Background(), websocket.MessageText, b)
	if err != nil && s.lost.Load() {
		return ErrTimeout
	}
	return err
}

// read reads one connection until it ends. All others end with it if its command could have been
// answered.
func (w *webSockets) read(s *socket) {
	defer s.late.Stop()
	var b bytes.Buffer
	for {
		b.Reset()
		_, r, err := s.c.Reader(context.Background())
		if err == nil {
			_, err = b.ReadFrom(r)
		}
		if err != nil {
			w.lose(s, err)
			return
		}
		s.late.Stop()
		w.got(b.Bytes())
		if s.busy.Swap(false) { // else nobody asked
			w.give(s)
		}
	}
}

func (w *webSockets) lose(s *socket, err error) {
	w.mu.Lock()
	delete(w.all, s)
	i := slices.Index(w.idle, s)
	if i >= 0 {
		w.idle = slices.Delete(w.idle, i, i+1)
	}
	others := len(w.all) > 0
	w.mu.Unlock()
	switch {
	case s.lost.Load():
		if s.busy.Swap(false) {
			<-w.slots
		}
	case i >= 0 && others: // a proxy between ends those that are idle for long
	default:
		w.end(err)
	}
}

// receive waits for the end: answers go another way.
func (w *webSockets) receive() ([]byte, error) {
	<-w.done
	return nil, w.err
}

func (w *webSockets) close() { w.end(ErrDown) }

func (w *webSockets) end(err error) {
	w.once.Do(func() {
		w.err = err
		close(w.done)
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for s := range w.all {
		_ = s.c.CloseNow()
	}
}
