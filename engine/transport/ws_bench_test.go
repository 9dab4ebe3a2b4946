//go:build unix

package transport

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	gobwas "github.com/gobwas/ws"
)

// endless is a connection on which the same bytes come for ever and everything sent is gone.
type endless struct {
	net.Conn
	data []byte
	at   int
}

func (e *endless) Read(b []byte) (int, error) {
	n := copy(b, e.data[e.at:])
	if e.at += n; e.at == len(e.data) {
		e.at = 0
	}
	return n, nil
}
func (e *endless) Write(b []byte) (int, error)      { return len(b), nil }
func (e *endless) Close() error                     { return nil }
func (e *endless) SetDeadline(time.Time) error      { return nil }
func (e *endless) SetReadDeadline(time.Time) error  { return nil }
func (e *endless) SetWriteDeadline(time.Time) error { return nil }

// hijacked is the ResponseWriter that coder/websocket takes its connection from.
type hijacked struct {
	*httptest.ResponseRecorder
	conn *endless
}

func (h hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReader(h.conn), bufio.NewWriter(h.conn)), nil
}

// The choice of a frame layer: reading a message of 1 kB until its bytes can be parsed, and writing
// one. Reading includes the copy out of the "socket", which each of them needs.
func BenchmarkWSFrameLayers(b *testing.B) {
	text := request(1, 700)
	frame := []byte(clientFrame(0x81, text))
	newEndless := func() *endless { return &endless{data: bytes.Repeat(frame, 8)} }
	b.Run("read/own", func(b *testing.B) {
		s := NewStack(newRecorder(nil), Options{})
		defer closeNow(s)
		from := newEndless()
		c := &conn{stack: s, key: connKey{kind: WS}, ws: true}
		c.in.ws = &wsReading{}
		b.ReportAllocs()
		for b.Loop() {
			msg, err := c.nextFrame()
			for msg == nil && err == nil {
				c.in.makeRoom(&s.buffers)
				c.in.need(&s.buffers)
				n, _ := from.Read(c.in.buf.room())
				c.in.buf.w += n
				msg, err = c.nextFrame()
			}
			if err != nil || len(msg) != len(text) {
				b.Fatal(len(msg), err)
			}
		}
	})
	b.Run("read/gobwas", func(b *testing.B) {
		from := bufio.NewReader(newEndless())
		buf := make([]byte, 4096)
		b.ReportAllocs()
		for b.Loop() {
			h, err := gobwas.ReadHeader(from)
			if err != nil {
				b.Fatal(err)
			}
			msg := buf[:h.Length]
			if _, err := io.ReadFull(from, msg); err != nil {
				b.Fatal(err)
			}
			gobwas.Cipher(msg, h.Mask, 0)
		}
	})
	coder := func(b *testing.B) *websocket.Conn {
		r := httptest.NewRequest("GET", "/", nil)
		for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
			r.Header.Set(k, v)
		}
		c, err := websocket.Accept(hijacked{httptest.NewRecorder(), newEndless()}, r, nil)
		if err != nil {
			b.Fatal(err)
		}
		return c
	}
	b.Run("read/coder", func(b *testing.B) {
		c := coder(b)
		defer c.CloseNow()
		buf := make([]byte, 4096)
		b.ReportAllocs()
		for b.Loop() {
			_, r, err := c.Reader(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			n := 0
			for err == nil {
				var k int
				k, err = r.Read(buf[n:])
				n += k
			}
			if n != len(text) {
				b.Fatal(n, err)
			}
		}
	})
	out := []byte(text)
	b.Run("write/own", func(b *testing.B) {
		to, pool := newEndless(), &bufferPool{}
		b.ReportAllocs()
		for b.Loop() {
			buf := pool.get(maxFrameHeader + len(out))
			to.Write(append(appendFrameHeader(buf.b[:0], opcodeFor(out), len(out)), out...))
			pool.release(buf)
		}
	})
	b.Run("write/gobwas", func(b *testing.B) {
		to := bufio.NewWriter(newEndless())
		b.ReportAllocs()
		for b.Loop() {
			gobwas.WriteHeader(to, gobwas.Header{Fin: true, OpCode: gobwas.OpText, Length: int64(len(out))})
			to.Write(out)
			to.Flush()
		}
	})
	b.Run("write/coder", func(b *testing.B) {
		c := coder(b)
		defer c.CloseNow()
		b.ReportAllocs()
		for b.Loop() {
			if err := c.Write(context.Background(), websocket.MessageText, out); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// A client of another make.
func TestWSWithAnotherImplementation(t *testing.T) {
	a := newAuthority(t)
	s := serve(t, newRecorder(answer), a.options(a.issue("b.example", "127.0.0.1")), "ws:127.0.0.1:0", "wss:127.0.0.1:0")
	web := &http.Transport{TLSClientConfig: a.client("")}
	defer web.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	for _, l := range s.Locals() {
		c, res, err := websocket.Dial(ctx, l.Kind.String()+"://"+l.Addr.String()+"/sip", &websocket.DialOptions{
			HTTPClient: &http.Client{Transport: web}, Subprotocols: []string{"sip"}, CompressionMode: websocket.CompressionContextTakeover,
		})
		if err != nil || c.Subprotocol() != "sip" || res.StatusCode != 101 {
			t.Fatal(err, res)
		}
		c.SetReadLimit(1 << 17)
		for i, typ := range []websocket.MessageType{websocket.MessageText, websocket.MessageBinary, websocket.MessageText} {
			text := request(i, 29000*i)
			if i == 1 {
				text = strings.Replace(text, "xx", "\xff\xfe", 1)
			}
			if i < 2 {
				err = c.Write(ctx, typ, []byte(text))
			} else { // in fragments
				w, werr := c.Writer(ctx, typ)
				if werr != nil {
					t.Fatal(werr)
				}
				for rest := text; len(rest) > 0; rest = rest[min(7000, len(rest)):] {
					io.WriteString(w, rest[:min(7000, len(rest))])
				}
				err = w.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
			got, back, err := c.Read(ctx)
			if err != nil || got != typ || string(back) != text {
				t.Fatalf("%d: %v %.60q, %v", i, got, back, err)
			}
		}
		pinged := make(chan error, 1)
		reading := c.CloseRead(ctx)
		go func() { pinged <- c.Ping(ctx) }() // ends with the pong
		if err := await(t, pinged); err != nil {
			t.Error(err)
		}
		if err := c.Close(websocket.StatusNormalClosure, "bye"); err != nil {
			t.Error(err)
		}
		<-reading.Done()
	}
	_, res, err := websocket.Dial(ctx, "ws://"+s.Locals()[0].Addr.String(), nil)
	if err == nil || res == nil || res.StatusCode != 400 {
		t.Errorf("without the subprotocol: %v", err)
	}
}
