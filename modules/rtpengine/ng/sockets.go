package ng

// Connections to a daemon that have one command at a time each, so that there are several.
//
// Several threads of rtpengine (10.5.3) answer the commands of one WebSocket: they write a cookie
// and a dictionary one after the other, now and then between those of another. Over TCP it closes
// the connection when it has read more than 1,024 bytes of a command and not all of it, as happens
// to those that are behind others.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const mostSockets = 32 // to one daemon

var errBusy = errors.New("all connections to rtpengine are busy")

// wire is one connection.
type wire interface {
	write(b []byte) error
	// read waits for the next message. The bytes are valid until the next call.
	read() ([]byte, error)
	close() error
}

// sockets are the connections to one daemon.
type sockets struct {
	connect func(ctx context.Context) (wire, error)
	limit   func() time.Duration // that a command may take
	slots   chan struct{}        // one for each connection that has a command
	// got is given answers, by several goroutines; they are valid until it returns
	got func(b []byte)
	// cut is told the cookie of a command whose connection ended; nil: all end with it
	cut func(cookie []byte, err error)

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
	c      wire
	late   *time.Timer // ends it without an answer in time: it could be that of the next command
	busy   atomic.Bool // it has a command
	lost   atomic.Bool // late did
	cookie []byte      // of its command; set before busy
}

func newSockets(connect func(ctx context.Context) (wire, error), limit func() time.Duration, got func(b []byte)) *sockets {
	return &sockets{connect: connect, limit: limit, slots: make(chan struct{}, mostSockets), got: got, done: make(chan struct{}), all: map[*socket]bool{}}
}

func (w *sockets) dial(ctx context.Context) (*socket, error) {
	c, err := w.connect(ctx)
	if err != nil {
		return nil, err
	}
	s := &socket{c: c}
	s.late = time.AfterFunc(time.Hour, func() {
		s.lost.Store(true)
		_ = c.close()
	})
	s.late.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		_ = c.close()
		return nil, ErrDown
	}
	w.all[s] = true
	go w.read(s) // ends with the connection
	return s, nil
}

// take waits for a connection without a command, or dials one.
func (w *sockets) take() (*socket, error) {
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
func (w *sockets) failed(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.all) == 0 {
		return err
	}
	return fmt.Errorf("%w: %w", errBusy, err)
}

// give gives a connection back whose command was answered.
func (w *sockets) give(s *socket) {
	w.mu.Lock()
	w.idle = append(w.idle, s)
	w.mu.Unlock()
	<-w.slots
}

func (w *sockets) send(b []byte) error {
	cookie, _, _ := bytes.Cut(b, []byte(" "))
	s, err := w.take()
	for err == nil && !w.begin(s, cookie) { // it ended meanwhile
		<-w.slots
		s, err = w.take()
	}
	if err != nil {
		return err
	}
	s.late.Reset(w.limit()) // also when the daemon takes nothing
	err = s.c.write(b)
	switch {
	case err == nil:
		return nil
	case s.lost.Load():
		return ErrTimeout
	case w.cut != nil:
		_ = s.c.close() // its reader tells
		return nil
	}
	return err
}

// begin gives a connection a command; false if it has ended.
func (w *sockets) begin(s *socket, cookie []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.all[s] {
		return false
	}
	s.cookie = append(s.cookie[:0], cookie...)
	s.busy.Store(true)
	return true
}

// read reads one connection until it ends. All others end with it if its command could have been
// answered, unless there is somebody to tell of it.
func (w *sockets) read(s *socket) {
	defer s.late.Stop()
	for {
		b, err := s.c.read()
		if err != nil {
			w.lose(s, err)
			return
		}
		w.got(b)
		// Only the answer frees it: it may be told events as well, and nobody may have asked
		if s.asked(b) && s.busy.Swap(false) {
			s.late.Stop()
			w.give(s)
		}
	}
}

// asked reports whether a message answers the command of the connection.
func (s *socket) asked(b []byte) bool {
	if !s.busy.Load() {
		return false
	}
	rest, ok := bytes.CutPrefix(b, s.cookie)
	return ok && bytes.HasPrefix(rest, []byte(" "))
}

func (w *sockets) lose(s *socket, err error) {
	_ = s.c.close()
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
	case w.cut != nil:
		if s.busy.Swap(false) {
			w.cut(s.cookie, err)
			<-w.slots
		}
	case i >= 0 && others: // a proxy between ends those that are idle for long
	default:
		w.end(err)
	}
}

// receive waits for the end: answers go another way.
func (w *sockets) receive() ([]byte, error) {
	<-w.done
	return nil, w.err
}

func (w *sockets) close() { w.end(ErrDown) }

func (w *sockets) end(err error) {
	w.once.Do(func() {
		w.err = err
		close(w.done)
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for s := range w.all {
		_ = s.c.close()
	}
}
