package main

// A client of the protocol, which outlives its connections.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// protocol is the subprotocol, with its version.
const protocol = "sipscript.calls.v1"

// Order is what the server is to do: "do", its options, and a "ref" that Do adds.
type Order map[string]any

// Event is something that the server tells.
type Event struct {
	Kind string          `json:"event"` // its name
	Leg  json.RawMessage `json:"leg"`   // that it is about
	Why  string          `json:"why"`   // of an end
}

// Refused is the error of an order that was refused.
type Refused struct {
	Code  string // one of the protocol's
	About string // for people
}

// Error says both.
func (e *Refused) Error() string { return e.Code + " " + e.About }

// Client is a session of call control. Server is required.
type Client struct {
	Server string // "ws://127.0.0.1:8060"
	Token  string // of --admin-tokens; "" for none

	mu      sync.Mutex // guards what follows
	conn    *websocket.Conn
	orders  int
	waiting map[string]*waiting // by the refs of their orders
	session string
	seen    uint64
}

// waiting is an order without an answer.
type waiting struct {
	text   []byte
	answer chan message // of capacity 1
}

// message is what the server says.
type message struct {
	Event
	Seq     uint64          `json:"seq"`
	Ref     string          `json:"ref"`
	Result  json.RawMessage `json:"result"`
	Refused string          `json:"refused"`
	About   string          `json:"about"`
}

// Do gives an order, and reads its result into into, unless that is nil. It waits for the answer
// also over the loss of a connection: the order is given once more then, which the server knows by
// its ref.
func (c *Client) Do(ctx context.Context, o Order, into any) error {
	c.mu.Lock()
	c.orders++
	ref := "o" + strconv.Itoa(c.orders)
	o["ref"] = ref
	text, err := json.Marshal(o)
	if err != nil {
		c.mu.Unlock()
		return err
	}
	w := &waiting{text, make(chan message, 1)}
	if c.waiting == nil {
		c.waiting = map[string]*waiting{}
	}
	c.waiting[ref] = w
	conn := c.conn
	c.mu.Unlock()
	if conn != nil { // if it is lost there, the next connection sends it
		_ = conn.Write(ctx, websocket.MessageText, text)
	}
	select {
	case m := <-w.answer:
		switch {
		case m.Refused != "":
			return &Refused{m.Refused, m.About}
		case into == nil:
			return nil
		}
		return json.Unmarshal(m.Result, into)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run keeps a session, begun with a hello, until ctx ends or the server refuses it. on is called
// for each event, and must not wait.
func (c *Client) Run(ctx context.Context, hello Order, on func(Event)) error {
	for {
		err := c.connection(ctx, hello, on)
		var refused *Refused
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &refused) && refused.Code == "no-session": // too late: begin another
			c.forget()
			continue
		case errors.As(err, &refused):
			return err
		}
		select { // a server that is away is not asked without pause
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// forget forgets a session that is over. Nobody knows what its orders came to.
func (c *Client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session, c.seen = "", 0
	for ref, w := range c.waiting {
		w.answer <- message{Refused: "no-session"}
		delete(c.waiting, ref)
	}
}

// connection is one connection, from the hello to its end.
func (c *Client) connection(ctx context.Context, hello Order, on func(Event)) error {
	header := http.Header{}
	if c.Token != "" {
		header.Set("Authorization", "Bearer "+c.Token)
	}
	conn, _, err := websocket.Dial(ctx, c.Server+"/api/v1/b2b/control", &websocket.DialOptions{Subprotocols: []string{protocol}, HTTPHeader: header})
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	conn.SetReadLimit(1 << 20)
	if err := c.greet(ctx, conn, hello); err != nil {
		return err
	}
	defer c.lost()
	for {
		m, err := read(ctx, conn)
		if err != nil {
			return err
		}
		c.mu.Lock()
		c.seen = m.Seq
		w := c.waiting[m.Ref]
		delete(c.waiting, m.Ref)
		c.mu.Unlock()
		switch {
		case w != nil:
			w.answer <- m
		case m.Kind != "":
			on(m.Event)
		}
	}
}

// greet begins a session or resumes it, and gives the orders again that have no answer.
func (c *Client) greet(ctx context.Context, conn *websocket.Conn, hello Order) error {
	o := Order{"do": "hello", "ref": "hello"}
	for name, value := range hello {
		o[name] = value
	}
	c.mu.Lock()
	if c.session != "" {
		o["session"], o["seen"] = c.session, c.seen
	}
	c.mu.Unlock()
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if err := conn.Write(ctx, websocket.MessageText, text); err != nil {
		return err
	}
	m, err := read(ctx, conn)
	if err != nil {
		return err
	}
	if m.Refused != "" {
		return &Refused{m.Refused, m.About}
	}
	var begun struct{ Session string }
	if err := json.Unmarshal(m.Result, &begun); err != nil {
		return fmt.Errorf("the answer to hello: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session, c.conn = begun.Session, conn
	for _, w := range c.waiting {
		if err := conn.Write(ctx, websocket.MessageText, w.text); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) lost() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = nil
}

func read(ctx context.Context, conn *websocket.Conn) (m message, err error) {
	_, text, err := conn.Read(ctx)
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	return m, err
}
