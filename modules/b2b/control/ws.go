package control

// Connections over a WebSocket (RFC 6455).

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// Protocol is the WebSocket subprotocol, with the version of what is said.
const Protocol = "sipscript.calls.v1"

// Serve serves one connection until it ends. by is who asks, whom the caller has let in; ctx ends
// when that is no longer so.
func (h *Hub) Serve(ctx context.Context, w http.ResponseWriter, r *http.Request, by Asker) {
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{Protocol}})
	if err != nil { // it was answered
		return
	}
	defer ws.CloseNow()
	if ws.Subprotocol() != Protocol {
		_ = ws.Close(websocket.StatusPolicyViolation, "expected the subprotocol "+Protocol)
		return
	}
	ws.SetReadLimit(mostMessage)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := h.Connect(by)
	defer c.Close()
	// To read goes on until the closing frame was sent. A message that is being written when the
	// connection is to end may become complete: to break it off would be the end of the connection,
	// without that frame
	free := context.WithoutCancel(ctx)
	reads, unread := context.WithCancel(free)
	writes, unwrite := context.WithCancel(free)
	defer unwrite()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(h.times.last, unwrite) })()
	var both sync.WaitGroup
	both.Go(func() { // ends with the connection, or ctx
		defer unread()
		c.write(ctx, writes, ws)
	})
	both.Go(func() { c.ping(ctx, writes, ws) }) // ends with ctx
	c.read(reads, ws)
	cancel()
	both.Wait()
}

// read takes messages until the connection ends.
func (c *Conn) read(ctx context.Context, ws *websocket.Conn) {
	silent := time.AfterFunc(c.hub.times.hello, func() {
		if c.of() == nil {
			c.end(ReasonSilent)
		}
	})
	defer silent.Stop()
	for {
		kind, text, err := ws.Read(ctx)
		switch {
		case errors.Is(err, websocket.ErrMessageTooBig):
			c.end(ReasonTooLong)
			return
		case err != nil:
			c.end(ReasonBye)
			return
		case kind != websocket.MessageText:
			c.end(ReasonBinary)
			return
		case !utf8.Valid(text): // RFC 6455 §8.1
			c.end(ReasonNotUTF8)
			return
		}
		if c.Receive(text); !c.room(ctx) {
			return
		}
	}
}

// write sends what there is until the connection is to end, and then says why it ends. Nothing is
// written after the end of writes.
func (c *Conn) write(ctx, writes context.Context, ws *websocket.Conn) {
	for ctx.Err() == nil {
		if text := c.Next(); text != nil {
			if c.send(writes, ws, text) != nil {
				c.Close()
				return
			}
			continue
		}
		select {
		case <-c.Told():
			continue
		case <-ctx.Done():
		case <-c.Done():
			for text := c.Next(); text != nil && c.send(writes, ws, text) == nil; text = c.Next() {
			}
		}
		break
	}
	c.end(ReasonGone) // unless it ends for another reason
	reason := c.Reason()
	_ = ws.Close(websocket.StatusCode(closing(reason)), reason)
}

// ping asks from time to time whether there is still somebody. It writes as write does.
func (c *Conn) ping(ctx, writes context.Context, ws *websocket.Conn) {
	next := time.NewTicker(c.hub.times.ping)
	defer next.Stop()
	for {
		select {
		case <-next.C:
		case <-ctx.Done():
			return
		}
		within, cancel := context.WithTimeout(writes, c.hub.times.pong)
		err := ws.Ping(within)
		cancel()
		switch {
		case ctx.Err() != nil: // it ends for another reason
			return
		case err != nil:
			c.end(ReasonSilent)
			return
		}
	}
}

func (c *Conn) send(ctx context.Context, ws *websocket.Conn, text []byte) error {
	ctx, cancel := context.WithTimeout(ctx, c.hub.times.write)
	defer cancel()
	return ws.Write(ctx, websocket.MessageText, text)
}
