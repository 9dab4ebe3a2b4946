package ng_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
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
