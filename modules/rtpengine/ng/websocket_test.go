package ng_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/sipscript/sipscript/internal/rtpenginetest"
	"github.com/sipscript/sipscript/modules/rtpengine/ng"
)

// daemon is one over WebSocket. Each connection's commands are given to handle, one after the
// other; it returns the answer, or nil to say nothing.
func daemon(t *testing.T, handle func(command string) []byte) (uri string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"ng.rtpengine.com"}})
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			_, b, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if a := handle(string(b)); a != nil {
				cookie, _, _ := bytes.Cut(b, []byte(" "))
				_ = c.Write(r.Context(), websocket.MessageText, append(append(cookie, ' '), a...))
			}
		}
	}))
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "http", "ws", 1)
}

var pong = []byte("d6:result4:ponge")

// Each connection has one command at a time: else rtpengine's threads mix their answers. So
// commands that are all answered only when all are there need as many connections.
func TestOneCommandForAWebSocket(t *testing.T) {
	const n = 8
	var all sync.WaitGroup
	all.Add(n)
	uri := daemon(t, func(string) []byte {
		all.Done()
		all.Wait()
		return pong
	})
	p, _ := newPool(t, ng.Options{Interval: time.Hour}, ng.Spec{URI: uri, Weight: 1})
	p.SetTimeout(10 * time.Second)
	var done sync.WaitGroup
	for range n {
		done.Go(func() {
			if _, err := p.Engines()[0].Do(context.Background(), ng.Dict{"command": "ping"}); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
}

// A connection whose command is not answered is given up; others go on.
func TestWebSocketWithoutAnAnswer(t *testing.T) {
	uri := daemon(t, func(command string) []byte {
		if strings.Contains(command, "silence") {
			return nil
		}
		return pong
	})
	p, _ := newPool(t, ng.Options{Interval: time.Hour}, ng.Spec{URI: uri, Weight: 1})
	e := p.Engines()[0]
	for range 40 { // more than there are connections
		p.SetTimeout(5 * time.Millisecond)
		if _, err := e.Do(t.Context(), ng.Dict{"command": "silence"}); err == nil {
			t.Fatal("there was an answer")
		}
		p.SetTimeout(10 * time.Second)
		if _, err := e.Do(t.Context(), ng.Dict{"command": "ping"}); err != nil {
			t.Fatal(err)
		}
	}
}

// What one connection can't do says nothing of the others, nor of the daemon: a command in progress
// is answered.
func TestOneWebSocketOfMany(t *testing.T) {
	for _, x := range []struct {
		name string
		busy int                                           // commands in progress
		next func(d *sockets, c *websocket.Conn) (on bool) // what becomes of a later connection
		do   func(t *testing.T, d *sockets, p *ng.Pool)
	}{
		{"all are busy", 32, nil, func(t *testing.T, _ *sockets, p *ng.Pool) {
			p.SetTimeout(5 * time.Millisecond)
			fails(t, p, ng.Dict{"command": "ping"})
		}},
		{"one more is refused", 1, nil, func(t *testing.T, d *sockets, p *ng.Pool) {
			d.refuse.Store(true)
			fails(t, p, ng.Dict{"command": "ping"})
		}},
		{"one takes nothing", 1, func(d *sockets, _ *websocket.Conn) bool { <-d.release; return false }, func(t *testing.T, _ *sockets, p *ng.Pool) {
			p.SetTimeout(20 * time.Millisecond)
			fails(t, p, ng.Dict{"command": "ping", "sdp": strings.Repeat("x", 16<<20)})
		}},
		{"an idle one ends", 1, func(d *sockets, c *websocket.Conn) bool {
			_, b, err := c.Read(context.Background())
			if err == nil {
				d.answer(c, b)
				_ = c.Close(websocket.StatusGoingAway, "idle") // waits for the answer to that
				close(d.closed)
			}
			return false
		}, func(t *testing.T, d *sockets, p *ng.Pool) {
			if _, err := p.Engines()[0].Do(t.Context(), ng.Dict{"command": "ping"}); err != nil {
				t.Error(err)
			}
			<-d.closed
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			d := &sockets{busy: int32(x.busy), held: make(chan bool, x.busy), release: make(chan bool), closed: make(chan bool), next: x.next}
			p, _ := newPool(t, ng.Options{Interval: time.Hour}, ng.Spec{URI: d.serve(t), Weight: 1})
			p.SetTimeout(20 * time.Second)
			var all sync.WaitGroup
			for range x.busy {
				all.Go(func() {
					if _, err := p.Engines()[0].Do(context.Background(), ng.Dict{"command": "ping"}); err != nil {
						t.Error("in progress:", err)
					}
				})
			}
			for range x.busy {
				<-d.held
			}
			x.do(t, d, p)
			close(d.release)
			all.Wait()
			if !p.Engines()[0].Up() {
				t.Error("it is down")
			}
		})
	}
}

func fails(t *testing.T, p *ng.Pool, d ng.Dict) {
	t.Helper()
	if _, err := p.Engines()[0].Do(t.Context(), d); err == nil {
		t.Error("it was answered")
	}
}

// sockets is a daemon that answers the commands of its first connections after release.
type sockets struct {
	busy                  int32
	n                     atomic.Int32
	held, release, closed chan bool
	refuse                atomic.Bool
	next                  func(d *sockets, c *websocket.Conn) bool
}

func (d *sockets) serve(t *testing.T) (uri string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.refuse.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"ng.rtpengine.com"}})
		if err != nil {
			return
		}
		defer c.CloseNow()
		if d.n.Add(1) > d.busy && d.next != nil && !d.next(d, c) {
			return
		}
		for {
			_, b, err := c.Read(r.Context())
			if err != nil {
				return
			}
			select {
			case d.held <- true:
				<-d.release
			case <-d.release:
			}
			d.answer(c, b)
		}
	}))
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "http", "ws", 1)
}

func (*sockets) answer(c *websocket.Conn, command []byte) {
	cookie, _, _ := bytes.Cut(command, []byte(" "))
	_ = c.Write(context.Background(), websocket.MessageText, append(append(cookie, ' '), pong...))
}

// A real daemon's answers to many commands at once all arrive.
func TestManyCommandsOverWebSocket(t *testing.T) {
	d := rtpenginetest.Start(t)
	p, _ := newPool(t, ng.Options{Interval: time.Hour}, ng.Spec{URI: d.WS, Weight: 1})
	p.SetTimeout(10 * time.Second)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 250 {
				if _, err := p.Engines()[0].Do(context.Background(), ng.Dict{"command": "ping"}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// An event before the answer does not free a connection for the next command.
func TestEventBeforeAnAnswer(t *testing.T) {
	told, release := make(chan bool, 1), make(chan bool)
	var connections atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"ng.rtpengine.com"}})
		if err != nil {
			return
		}
		defer c.CloseNow()
		first := connections.Add(1) == 1
		_, b, err := c.Read(r.Context())
		if err != nil {
			return
		}
		if first {
			for range 2 { // when the second one is read the first one was dealt with
				_ = c.Write(r.Context(), websocket.MessageText, []byte("0 d5:event4:DTMFe"))
			}
			_ = c.Ping(clientReads(c))
			told <- true
			<-release
		}
		(*sockets)(nil).answer(c, b)
		_, _, _ = c.Read(r.Context())
	}))
	t.Cleanup(s.Close)
	p, _ := newPool(t, ng.Options{Interval: time.Hour}, ng.Spec{URI: strings.Replace(s.URL, "http", "ws", 1), Weight: 1})
	p.SetTimeout(20 * time.Second)
	ping := func() {
		if _, err := p.Engines()[0].Do(context.Background(), ng.Dict{"command": "ping"}); err != nil {
			t.Error(err)
		}
	}
	var all sync.WaitGroup
	all.Go(ping)
	<-told
	ping()
	close(release)
	all.Wait()
	if n := connections.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

// clientReads is a context for a ping: its pong comes when the client has read what came before.
func clientReads(c *websocket.Conn) context.Context { return c.CloseRead(context.Background()) }
