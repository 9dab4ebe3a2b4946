package ng

import (
	"bytes"
	"context"
	"time"

	"github.com/coder/websocket"
)

// subprotocol is the one of NG over WebSocket.
const subprotocol = "ng.rtpengine.com"

// webSocket is a connection by WebSocket.
type webSocket struct {
	*websocket.Conn
	buf bytes.Buffer
}

func dialWebSockets(ctx context.Context, uri string, limit func() time.Duration, got func(b []byte)) (link, error) {
	w := newSockets(func(ctx context.Context) (wire, error) {
		c, _, err := websocket.Dial(ctx, uri, &websocket.DialOptions{Subprotocols: []string{subprotocol}})
		if err != nil {
			return nil, err
		}
		c.SetReadLimit(mostBytes)
		return &webSocket{Conn: c}, nil
	}, limit, got)
	s, err := w.dial(ctx)
	if err != nil {
		return nil, err
	}
	w.idle = append(w.idle, s)
	return w, nil
}

func (c *webSocket) write(b []byte) error {
	return c.Write(context.Background(), websocket.MessageText, b)
}

func (c *webSocket) read() ([]byte, error) {
	c.buf.Reset()
	_, r, err := c.Reader(context.Background())
	if err == nil {
		_, err = c.buf.ReadFrom(r)
	}
	return c.buf.Bytes(), err
}

func (c *webSocket) close() error { return c.CloseNow() }
