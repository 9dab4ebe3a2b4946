package control

// Connections over a WebSocket (RFC 6455).

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

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
	// To read goes on until the closing frame was sent
	reads, unread := context.WithCancel(context.WithoutCancel(ctx))
	var both sync.WaitGroup
	both.Go(func() { // ends with the connection, or ctx
		defer unread()
		c.write(ctx, ws)
	})
	both.Go(func() { c.ping(ctx, ws) }) // ends with ctx
	c.read(reads, ws)
	c.end(ReasonBye) // unless it ends for another reason
	<-reads.Done()
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
		}
		if c.Receive(text); !c.room(ctx) {
			return
		}
	}
}

// write sends what there is until the connection is to end, and then says why it ends.
func (c *Conn) write(ctx context.Context, ws *websocket.Conn) {
	for {
		for text := c.Next(); text != nil; text = c.Next() {
			if c.send(ctx, ws, text) != nil {
				c.Close()
				return
			}
		}
		select {
		case <-c.Told():
			continue
		case <-ctx.Done():
			c.end(ReasonGone) // unless it ends for another reason
		case <-c.Done():
			for text := c.Next(); text != nil && c.send(ctx, ws, text) == nil; text = c.Next() {
			}
		}
		reason := c.Reason()
		_ = ws.Close(websocket.StatusCode(closing(reason)), reason)
		return
	}
}

// ping asks from time to time whether there is still somebody.
func (c *Conn) ping(ctx context.Context, ws *websocket.Conn) {
	next := time.NewTicker(c.hub.times.ping)
	defer next.Stop()
	for {
		select {
		case <-next.C:
		case <-ctx.Done():
			return
		}
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.hub.times.pong)
		err := ws.Ping(within)
		cancel()
		if err != nil {
			c.end(ReasonSilent)
			return
		}
	}
}

func (c *Conn) send(ctx context.Context, ws *websocket.Conn, text []byte) error {
	// A context that ends meanwhile would break the connection before it can be told why
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.hub.times.write)
	defer cancel()
	return ws.Write(ctx, websocket.MessageText, text)
}
