package transport

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
)

// wsClient is a WebSocket client by hand, which can also do what a client must not.
type wsClient struct {
	t testing.TB
	net.Conn
	in *bufio.Reader
}

const upgradeRequest = "GET /any?x=1 HTTP/1.1\r\nHost: b.example\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, sip\r\n" +
	"Sec-WebSocket-Extensions: permessage-deflate\r\n"

// wsUpgrade makes a WebSocket of a connection, checked against the example of RFC 6455 §1.3.
func wsUpgrade(t testing.TB, c net.Conn) *wsClient {
	t.Helper()
	w := &wsClient{t, c, bufio.NewReader(c)}
	write(t, c, upgradeRequest+"\r\n")
	w.upgraded()
	return w
}

func (w *wsClient) upgraded() {
	w.t.Helper()
	res, err := http.ReadResponse(w.in, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	h := res.Header
	if res.StatusCode != 101 || h.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" ||
		h.Get("Sec-WebSocket-Protocol") != "sip" || h.Get("Sec-WebSocket-Extensions") != "" {
		w.t.Fatalf("%+v", res)
	}
}

// dialWS is a WebSocket over plain TCP.
func dialWS(t testing.TB, s *Stack) *wsClient { return wsUpgrade(t, dial(t, s.Locals()[0].Addr)) }

// clientFrame is a masked frame; first is its first byte: FIN is 0x80.
func clientFrame(first byte, payload string) string {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	mask := [4]byte{0xa1, byte(len(payload)), 0x5c, 0x37}
	b = append(b, mask[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i%4])
	}
	return string(b)
}

// frame reads one of the server's: its first byte and its payload.
func (w *wsClient) frame() (first byte, payload string) {
	w.t.Helper()
	var head [10]byte
	w.full(head[:2])
	n := uint64(head[1])
	switch {
	case n&0x80 != 0:
		w.t.Fatal("the server masks")
	case n == 126:
		w.full(head[2:4])
		n = uint64(binary.BigEndian.Uint16(head[2:]))
	case n == 127:
		w.full(head[2:10])
		n = binary.BigEndian.Uint64(head[2:])
	}
	if n > 1<<20 {
		w.t.Fatalf("a frame of %d bytes", n)
	}
	b := make([]byte, n)
	w.full(b)
	return head[0], string(b)
}

func (w *wsClient) full(b []byte) {
	w.t.Helper()
	if _, err := io.ReadFull(w.in, b); err != nil {
		w.t.Fatal(err)
	}
}

// expect reads a frame that must be this one.
func (w *wsClient) expect(first byte, payload string) {
	w.t.Helper()
	if f, p := w.frame(); f != first || p != payload {
		w.t.Fatalf("frame %#x %.80q, not %#x %.80q", f, p, first, payload)
	}
}

// closed reads the close frame with the status and the end of the stream.
func (w *wsClient) closed(status uint16) {
	w.t.Helper()
	w.expect(0x88, string(binary.BigEndian.AppendUint16(nil, status)))
	closedByPeer(w.t, w)
}

func wsEchoes(t testing.TB, w *wsClient, n, body int) {
	t.Helper()
	write(t, w, clientFrame(0x81, request(n, body)))
	w.expect(0x81, request(n, body))
}

func newReader(b []byte) *bufio.Reader      { return bufio.NewReader(bytes.NewReader(b)) }
func newReaderOf(w *wsClient) *bufio.Reader { return bufio.NewReader(w.Conn) }

// message reads the next message, passing over pongs; a close frame is the end.
func (w *wsClient) message() (string, error) {
	for {
		var head [2]byte
		if _, err := io.ReadFull(w.in, head[:]); err != nil {
			return "", err
		}
		n := uint64(head[1])
		switch n {
		case 126:
			var b [2]byte
			if _, err := io.ReadFull(w.in, b[:]); err != nil {
				return "", err
			}
			n = uint64(binary.BigEndian.Uint16(b[:]))
		case 127:
			return "", errors.New("a long frame")
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(w.in, b); err != nil {
			return "", err
		}
		switch head[0] {
		case 0x81, 0x82:
			return string(b), nil
		case 0x88:
			return "", io.EOF
		case 0x8a:
		default:
			return "", fmt.Errorf("frame %#x", head[0])
		}
	}
}
