// The upgrade from HTTP to WebSocket (RFC 6455 §4.2) for SIP (RFC 7118 §4).

package transport

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"slices"
	"strings"
)

// WSOptions are about clients that connect over WebSocket.
type WSOptions struct {
	// Origins are the web origins whose pages may connect, such as "https://phone.example.com";
	// empty: all. A client that is not a browser sends no origin, and is accepted: it could send
	// any. This keeps out pages, not programs.
	Origins []string
}

// maxUpgrade is how long the head of a request may be: it may carry the cookies of a site.
const maxUpgrade = smallBuffer * growthFactor

// refusal is the answer to a request that is not an upgrade for SIP.
type refusal struct {
	status  string
	headers string
	text    string
}

func (r *refusal) Error() string { return "upgrade refused: " + r.text }

// upgrade reads the request and answers it. Bytes behind the request are left to the reading.
func (c *conn) upgrade(nc net.Conn) error {
	buf, head, err := readHead(nc, &c.stack.buffers)
	if err != nil {
		return errors.Join(err, refuse(nc, err))
	}
	origins := c.stack.opts.WS.Origins
	if len(c.local.Origins) > 0 {
		origins = c.local.Origins
	}
	key, asked, err := checkUpgrade(head, origins)
	if err != nil {
		c.stack.buffers.release(buf)
		return errors.Join(err, refuse(nc, err))
	}
	buf.r = len(head)
	c.in.buf, c.in.ws, c.asked = buf, &wsReading{}, asked
	_, err = nc.Write(fmt.Appendf(nil, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: sip\r\n\r\n", acceptKey(key)))
	return err
}

// readHead reads up to the empty line that ends the request's head. If there is no error, the
// caller owns the buffer.
func readHead(nc net.Conn, pool *bufferPool) (buf *buffer, head []byte, err error) {
	buf = pool.get(smallBuffer)
	for {
		n, err := nc.Read(buf.room())
		from := max(buf.w-3, 0)
		buf.w += n
		if i := bytes.Index(buf.b[from:buf.w], []byte("\r\n\r\n")); i >= 0 {
			return buf, buf.b[:from+i+4], nil
		}
		if err == nil && buf.w == len(buf.b) {
			if buf.w >= maxUpgrade {
				err = &refusal{"431 Request Header Fields Too Large", "", "the request's head is too long"}
			} else {
				larger := pool.get(maxUpgrade)
				larger.w = copy(larger.b, buf.b)
				pool.release(buf)
				buf = larger
			}
		}
		if err != nil {
			pool.release(buf)
			return nil, nil, err
		}
	}
}

// checkUpgrade gives the key of a request for a WebSocket that speaks SIP, and what else it says;
// or a refusal.
func checkUpgrade(head []byte, origins []string) (key string, asked *Upgrade, err error) {
	r := textproto.NewReader(bufio.NewReader(bytes.NewReader(head)))
	line, err := r.ReadLine()
	if err != nil {
		return "", nil, badRequest("no request line")
	}
	parts := strings.Split(line, " ")
	h, err := r.ReadMIMEHeader()
	switch {
	case len(parts) != 3 || err != nil || !strings.HasPrefix(parts[2], "HTTP/"):
		return "", nil, badRequest("this is not an HTTP request")
	case parts[2] != "HTTP/1.1": // §4.1: at least 1.1; others have upgrades of their own
		return "", nil, &refusal{"505 HTTP Version Not Supported", "", "HTTP/1.1 is needed"}
	case parts[0] != "GET":
		return "", nil, &refusal{"405 Method Not Allowed", "Allow: GET\r\n", "GET is needed"}
	case len(h["Host"]) != 1:
		return "", nil, badRequest("one Host is needed")
	case !hasToken(h["Connection"], "upgrade") || !hasToken(h["Upgrade"], "websocket"):
		return "", nil, upgradeRequired("this is a WebSocket server for SIP (RFC 7118)")
	case !slices.Equal(h["Sec-Websocket-Version"], []string{"13"}):
		return "", nil, upgradeRequired("version 13 of WebSocket is needed")
	case !hasToken(h["Sec-Websocket-Protocol"], "sip"):
		return "", nil, badRequest("the subprotocol sip is needed (RFC 7118)")
	}
	key = h.Get("Sec-WebSocket-Key")
	if raw, err := base64.StdEncoding.DecodeString(key); err != nil || len(raw) != 16 || len(h["Sec-Websocket-Key"]) != 1 {
		return "", nil, badRequest("bad Sec-WebSocket-Key")
	}
	origin := h.Get("Origin")
	if origin != "" && len(origins) > 0 && !slices.ContainsFunc(origins, func(o string) bool { return strings.EqualFold(o, origin) }) {
		return "", nil, &refusal{"403 Forbidden", "", "pages of this origin may not connect"}
	}
	if asked, err = newUpgrade(parts[1], origin, h); err != nil {
		return "", nil, badRequest("bad request target")
	}
	return key, asked, nil
}

func badRequest(text string) error { return &refusal{"400 Bad Request", "", text} }

// upgradeRequired says which protocol is spoken here (RFC 9110 §15.5.22, RFC 6455 §4.4).
func upgradeRequired(text string) error {
	return &refusal{"426 Upgrade Required", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", text}
}

// refuse answers a request that was refused; other errors have no answer.
func refuse(nc net.Conn, err error) error {
	var r *refusal
	if !errors.As(err, &r) {
		return nil
	}
	connection := "close"
	if strings.Contains(r.headers, "Upgrade:") {
		connection = "Upgrade, close"
	}
	_, err = nc.Write(fmt.Appendf(nil, "HTTP/1.1 %s\r\n%sConnection: %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s\n",
		r.status, r.headers, connection, len(r.text)+1, r.text))
	return err
}

// hasToken looks for a token, in lower case, in the comma-separated lists of a header.
func hasToken(values []string, token string) bool {
	for _, v := range values {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}

// acceptKey proves that the key was read (RFC 6455 §4.2.2).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
