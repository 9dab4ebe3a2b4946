package engine_test

// The phones of the test for leaks: small, and with nothing to keep.

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// leakCaller makes one call after the other.
type leakCaller struct {
	slow   int // calls that were answered 408 in place of what they should be
	t      *testing.T
	conn   net.Conn
	in     *bufio.Reader // of a stream
	buf    []byte
	via    string
	number int
	id     string // of the present call
	count  int
}

func newLeakCaller(t *testing.T, eng *engine.Engine, tcp bool, number int) *leakCaller {
	t.Helper()
	c := &leakCaller{t: t, buf: make([]byte, 65536), via: "UDP", number: number}
	network, to := "udp", eng.Locals()[0].Addr.String()
	if tcp {
		network, to, c.via = "tcp", eng.Locals()[1].Addr.String(), "TCP"
	}
	var err error
	if c.conn, err = net.Dial(network, to); err != nil {
		t.Fatal(err)
	}
	if tcp {
		c.in = bufio.NewReader(c.conn)
	}
	t.Cleanup(func() { c.conn.Close() })
	return c
}

// request is the text of one; branch tells transactions apart, to is the To header's value, and
// headers are whole lines.
func (c *leakCaller) request(method, uri, branch string, cseq int, to, headers string) string {
	own := c.conn.LocalAddr().String()
	return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s;rport;branch=z9hG4bK%s%s\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=%s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:a@%s;transport=%s>\r\n%sContent-Length: 0\r\n\r\n",
		method, uri, c.via, own, c.id, branch, c.id, to, c.id, cseq, method, own, strings.ToLower(c.via), headers)
}

// await reads until a response with the CSeq comes that found accepts, and sends the request again
// while none does.
func (c *leakCaller) await(request, cseq string, found func(code int) bool) (*message.Message, error) {
	wait := 300 * time.Millisecond
	if c.in != nil { // nothing is lost, and nothing sent again: all it takes is time
		wait = patience
	}
	for range 100 {
		if _, err := io.WriteString(c.conn, request); err != nil {
			return nil, err
		}
		for {
			_ = c.conn.SetReadDeadline(time.Now().Add(wait))
			b, err := readMessage(c.conn, c.in, c.buf)
			if e, ok := err.(net.Error); ok && e.Timeout() && c.in == nil {
				break
			}
			if err != nil {
				return nil, err
			}
			m := &message.Message{}
			if err := m.Parse(b, &message.Limits{}); err != nil {
				return nil, err
			}
			if !m.IsRequest() && string(m.CallID()) == c.id && string(m.Header(message.HeaderCSeq)) == cseq && found(m.Status()) {
				m.Detach()
				return m, nil
			}
		}
	}
	return nil, fmt.Errorf("no answer to %.20q", request)
}

func final(code int) bool { return code >= 200 }

// call makes one whole call.
func (c *leakCaller) call(user string, want int) error {
	c.count++
	c.id = fmt.Sprintf("leak%s%s%dx%d", c.via, user, c.number, c.count)
	uri := "sip:" + user + "@example.com"
	invite := c.request("INVITE", uri, "i", 1, "<"+uri+">", "")
	if user == "rings" {
		if _, err := c.await(invite, "1 INVITE", func(code int) bool { return code == 180 }); err != nil {
			return err
		}
		// The CANCEL is answered 200, and the INVITE 487: the one that is awaited is sent last.
		invite = c.request("CANCEL", uri, "i", 1, "<"+uri+">", "")
	}
	res, err := c.await(invite, "1 INVITE", final)
	if err != nil {
		return err
	}
	if err := c.hasCode(res, want); err != nil {
		return err
	}
	to := string(res.Header(message.HeaderTo))
	if res.Status() != 200 {
		_, err := io.WriteString(c.conn, c.request("ACK", uri, "i", 1, to, ""))
		return err
	}
	routes := elements(res, message.HeaderRecordRoute)
	headers := ""
	for _, r := range routes {
		headers = "Route: " + r + "\r\n" + headers
	}
	contacts := elements(res, message.HeaderContact)
	if len(contacts) != 1 {
		return fmt.Errorf("Contact %q", contacts)
	}
	uri = strings.Trim(contacts[0], "<>")
	if _, err := io.WriteString(c.conn, c.request("ACK", uri, "a", 1, to, headers)); err != nil {
		return err
	}
	if res, err = c.await(c.request("BYE", uri, "b", 2, to, headers), "2 BYE", final); err != nil {
		return err
	}
	return c.hasCode(res, 200)
}

// hasCode checks the code of a final response.
func (c *leakCaller) hasCode(res *message.Message, want int) error {
	code := res.Status()
	if code == want {
		return nil
	}
	// On a machine that is busy with other things the short timers run out now and then; that
	// leaves nothing behind either.
	if c.slow++; code != 408 || c.slow > 20 {
		return fmt.Errorf("%s was answered %d, not %d", res.Header(message.HeaderCSeq), code, want)
	}
	return nil
}

// readMessage reads a datagram, or a message without a body off a stream.
func readMessage(conn net.Conn, in *bufio.Reader, buf []byte) ([]byte, error) {
	if in == nil {
		n, err := conn.Read(buf)
		return buf[:n], err
	}
	b := buf[:0]
	for !bytes.HasSuffix(b, []byte("\r\n\r\n")) {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		b = append(b, line...)
	}
	return b, nil
}

// leakCallee answers by the user in the Request-URI. It keeps the INVITEs that ring.
type leakCallee struct {
	mu      sync.Mutex // guards ringing
	ringing map[string][]byte
	udp     string
}

// startLeakCallee listens over UDP and TCP until the test ends.
func startLeakCallee(t *testing.T) (udp, tcp string) {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &leakCallee{ringing: map[string][]byte{}, udp: c.LocalAddr().String()}
	t.Cleanup(func() { c.Close(); l.Close() })
	go func() { // ends with the socket
		buf := make([]byte, 65536)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			p.answer(buf[:n], "sip:b@"+p.udp, func(b []byte) { _, _ = c.WriteToUDPAddrPort(b, from) })
		}
	}()
	go func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go p.stream(conn, "sip:b@"+l.Addr().String()+";transport=tcp")
		}
	}()
	return p.udp, l.Addr().String()
}

// stream ends with the connection.
func (p *leakCallee) stream(conn net.Conn, contact string) {
	defer conn.Close()
	in, buf := bufio.NewReader(conn), make([]byte, 65536)
	for {
		b, err := readMessage(conn, in, buf)
		if err != nil {
			return
		}
		p.answer(b, contact, func(b []byte) { _, _ = conn.Write(b) })
	}
}

func (p *leakCallee) answer(b []byte, contact string, send func([]byte)) {
	var m message.Message
	if m.Parse(b, &message.Limits{}) != nil || !m.IsRequest() || m.Method() == message.MethodAck {
		return
	}
	uri, err := message.ParseURI(m.RequestURI())
	if err != nil {
		return
	}
	reply := func(m *message.Message, code int, headers string) {
		send(message.AppendResponse(nil, m, code, "", "tag", []byte(headers), nil))
	}
	user, via := string(uri.User), m.Header(message.HeaderVia)
	switch {
	case m.Method() == message.MethodCancel:
		reply(&m, 200, "")
		p.mu.Lock()
		text := p.ringing[string(via)]
		delete(p.ringing, string(via))
		p.mu.Unlock()
		var invite message.Message
		if text != nil && invite.Parse(text, &message.Limits{}) == nil {
			reply(&invite, 487, "")
		}
	case m.Method() != message.MethodInvite:
		reply(&m, 200, "")
	case user == "silent":
	case user == "busy":
		reply(&m, 486, "")
	case user == "moved":
		reply(&m, 302, "Contact: <sip:answers@"+p.udp+">\r\n")
	case user == "rings" || user == "expires":
		p.mu.Lock()
		p.ringing[string(via)] = bytes.Clone(b)
		p.mu.Unlock()
		reply(&m, 180, "")
	default:
		if user == "stateless" {
			contact = "sip:stateless@" + p.udp
		}
		reply(&m, 180, "")
		reply(&m, 200, "Contact: <"+contact+">\r\n")
	}
}
