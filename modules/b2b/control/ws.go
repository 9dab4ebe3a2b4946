package control

// Connections over a WebSocket (RFC 6455).

import (
	"context"
	"errors"
	"net/http"
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
	written := make(chan struct{})
	go func() { // ends with the connection, or ctx
		defer close(written)
		defer unread()
		c.write(ctx, ws)
	}()
	c.read(reads, ws)
	cancel()
	<-written
}

// read takes messages until the connection ends.
func (c *Conn) read(ctx context.Context, ws *websocket.Conn) {
	silent := time.AfterFunc(helloTime, func() {
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
		c.Receive(text)
	}
}

// write sends what there is, and pings, until the connection is to end.
func (c *Conn) write(ctx context.Context, ws *websocket.Conn) {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		for text := c.Next(); text != nil; text = c.Next() {
			if send(ctx, ws, text) != nil {
				c.Close()
				return
			}
		}
		select {
		case <-c.Told():
		case <-ping.C:
			within, cancel := context.WithTimeout(ctx, pingTime)
			if err := ws.Ping(within); err != nil && ctx.Err() == nil {
				c.end(ReasonSilent)
			}
			cancel()
		case <-c.Done():
			for text := c.Next(); text != nil && send(ctx, ws, text) == nil; text = c.Next() {
			}
			reason := c.Reason()
			_ = ws.Close(websocket.StatusCode(closing(reason)), reason)
			return
		case <-ctx.Done():
			_ = ws.Close(websocket.StatusCode(closing(ReasonGone)), ReasonGone)
			return
		}
	}
}

func send(ctx context.Context, ws *websocket.Conn, text []byte) error {
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	return ws.Write(ctx, websocket.MessageText, text)
}
