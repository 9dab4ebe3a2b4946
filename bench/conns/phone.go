//go:build linux

package main

// A user who is registered over a connection of its own, and calls or is called over it.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sipscript/sipscript/bench/plain"
)

const sdp = "v=0\r\no=user1 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"

// phone is a user. Its reading goroutine answers what comes; the loader's begins calls and hangs
// up.
type phone struct {
	*client
	l       *loader
	kind    string
	user    int
	contact string // a URI, of the connection's own address: both servers find the connection by it

	unread []byte // belongs to the reading goroutine
	out    []byte // likewise

	mu         sync.Mutex // guards the fields below
	registered chan error // nil once it was answered
	call       talk
}

// talk is the call that a phone makes, one at a time.
type talk struct {
	id   int // 0: none
	sent time.Time
	bye  []byte // nil: not answered yet
}

func (l *loader) newPhone(c *client, kind string, user int) *phone {
	p := &phone{client: c, l: l, kind: kindOf(c), user: user, registered: make(chan error, 1)}
	transport := kind
	if c.ws {
		transport = "ws" // RFC 7118 §5.5, also over TLS
	}
	p.contact = fmt.Sprintf("sip:user%05d@%s;transport=%s", user, c.LocalAddr(), transport)
	return p
}

// request is a request of this phone; more are further lines.
func (p *phone) request(method, uri string, id, seq int, to, more, body string) []byte {
	return fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=z9hG4bK%s-%d-%s\r\n%sFrom: <sip:user%05d@example.com>;tag=a%d\r\nTo: %s\r\nCall-ID: %d@%s\r\nCSeq: %d %s\r\nContact: <%s>\r\nMax-Forwards: 70\r\nUser-Agent: load\r\nContent-Length: %d\r\n\r\n%s",
		method, uri, p.kind, p.LocalAddr(), p.l.run, id, method, more, p.user, id, to, id, p.l.run, seq, method, p.contact, len(body), body)
}

// register registers the phone and waits for the answer.
func (p *phone) register() error {
	go p.read() // ends with the connection
	if err := p.say(p.request("REGISTER", "sip:example.com", -1-p.user, 1, fmt.Sprintf("<sip:user%05d@example.com>", p.user), "Expires: 3600\r\n", "")); err != nil {
		return err
	}
	select {
	case err := <-p.registered:
		return err
	case <-time.After(10 * time.Second):
		return errors.New("no answer to REGISTER")
	}
}

// begin calls another phone; false if a call of this one is still in progress.
func (p *phone) begin(id, user int) bool {
	uri := fmt.Sprintf("sip:user%05d@example.com", user)
	p.mu.Lock()
	busy := p.call.id != 0
	if !busy {
		p.call = talk{id: id, sent: time.Now()}
	}
	p.mu.Unlock()
	if !busy {
		_ = p.say(p.request("INVITE", uri, id, 1, "<"+uri+">", "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE\r\nSupported: replaces, timer\r\nContent-Type: application/sdp\r\n", sdp))
	}
	return !busy
}

// hangUp ends the call with a number.
func (p *phone) hangUp(id int) {
	p.mu.Lock()
	bye := p.call.bye
	if p.call.id != id {
		bye = nil
	}
	p.mu.Unlock()
	if bye != nil {
		_ = p.say(bye)
	}
}

// drop forgets the call in progress; it reports whether there was one.
func (p *phone) drop() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.call.id != 0
	p.call = talk{}
	return was
}

// say sends a message, in one masked text frame over a WebSocket (RFC 6455 §5.2); a mask of zeros
// changes nothing.
func (p *phone) say(b []byte) error {
	if p.ws {
		head := []byte{0x81, 0x80 | 126, 0, 0, 0, 0, 0, 0}
		binary.BigEndian.PutUint16(head[2:], uint16(len(b)))
		b = append(head, b...)
	}
	_, err := p.Write(b)
	return err
}

// read handles what comes until the connection ends.
func (p *phone) read() {
	buf := make([]byte, 8192)
	for {
		n, err := p.in.Read(buf)
		p.unread = append(p.unread, buf[:n]...)
		for {
			msg, size := p.frame()
			if size == 0 {
				break
			}
			p.handle(msg)
			p.unread = p.unread[:copy(p.unread, p.unread[size:])]
		}
		if err != nil {
			return
		}
	}
}

// frame is the first message that has come whole, and how many bytes it takes with its frame; 0 if
// there is none.
func (p *phone) frame() (msg []byte, size int) {
	b := p.unread
	if !p.ws {
		i := bytes.Index(b, []byte("\r\n\r\n"))
		if i < 0 {
			return nil, 0
		}
		length, _ := strconv.Atoi(string(plain.Value(b[:i+4], "Content-Length: ")))
		if size = i + 4 + length; size > len(b) {
			return nil, 0
		}
		return b[:size], size
	}
	if len(b) < 4 {
		return nil, 0
	}
	head, length := 2, int(b[1]&127)
	if length == 126 {
		head, length = 4, int(binary.BigEndian.Uint16(b[2:]))
	}
	if size = head + length; size > len(b) {
		return nil, 0
	}
	return b[head:size], size
}

func (p *phone) handle(b []byte) {
	if bytes.HasPrefix(b, []byte("SIP/2.0 ")) {
		p.response(b)
		return
	}
	contact := "Contact: <" + p.contact + ">\r\n"
	switch {
	case bytes.HasPrefix(b, []byte("INVITE")):
		p.answer(b, "180 Ringing", contact+"Content-Length: 0\r\n")
		p.answer(b, "200 OK", contact+session)
	case bytes.HasPrefix(b, []byte("BYE")):
		p.answer(b, "200 OK", "Content-Length: 0\r\n")
	}
}

// session is a body with its headers; the end of a response follows it.
var session = fmt.Sprintf("Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", len(sdp), strings.TrimSuffix(sdp, "\r\n"))

func (p *phone) answer(req []byte, status, more string) {
	p.out = plain.Answer(p.out[:0], req, status, more)
	_ = p.say(p.out)
}

func (p *phone) response(b []byte) {
	code, _ := strconv.Atoi(string(b[8:min(11, len(b))]))
	number, run, _ := bytes.Cut(plain.Value(b, "Call-ID: "), []byte("@"))
	id, err := strconv.Atoi(string(number))
	if err != nil || string(run) != p.l.run || code < 200 {
		return
	}
	method := plain.Value(b, "CSeq: ")
	if bytes.HasSuffix(method, []byte("REGISTER")) {
		if code != 200 {
			err = fmt.Errorf("REGISTER: %.60q", b)
		}
		p.registered <- err
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.call.id != id: // given up
	case code != 200:
		p.call = talk{}
		p.l.ended(false)
	case p.call.bye == nil && bytes.HasSuffix(method, []byte("INVITE")):
		p.answered(b)
	case p.call.bye != nil && bytes.HasSuffix(method, []byte("BYE")):
		p.call = talk{}
		p.l.ended(true)
	}
}

// answered takes the 200 to an INVITE. It needs p.mu.
func (p *phone) answered(b []byte) {
	var routes string
	plain.Lines(b, func(line []byte) bool {
		if bytes.HasPrefix(line, []byte("Record-Route: ")) {
			routes = "Route: " + string(line[14:]) + routes
		}
		return true
	})
	target, to := string(bytes.Trim(plain.Value(b, "Contact: "), "<>")), string(plain.Value(b, "To: "))
	id := p.call.id
	p.call.bye = p.request("BYE", target, id, 2, to, routes, "")
	_ = p.say(p.request("ACK", target, id, 1, to, routes, ""))
	p.l.talking(p, id, time.Since(p.call.sent))
}
