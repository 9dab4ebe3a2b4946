package main

import (
	"bytes"
	"fmt"
	"net"
	"strings"

	"github.com/sipscript/sipscript/bench/plain"
)

// silentUser begins the user part of contacts that ring and do not answer, until they are
// cancelled.
const silentUser = "silent"

// callee rings and answers every INVITE at once, and every BYE.
type callee struct {
	conn *net.UDPConn
}

const sdp = "v=0\r\no=user1 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"

func newCallee(addr string) (*callee, error) {
	conn, err := listen(addr)
	if err != nil {
		return nil, err
	}
	c := &callee{conn}
	go c.serve() // ends with close
	return c, nil
}

func listen(addr string) (*net.UDPConn, error) {
	at, err := net.ResolveUDPAddr("udp4", addr)
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP("udp4", at)
	if err == nil {
		_ = conn.SetReadBuffer(8 << 20)
	}
	return conn, err
}

func (c *callee) addr() string { return c.conn.LocalAddr().String() }
func (c *callee) close()       { c.conn.Close() }

func (c *callee) serve() {
	contact := "Contact: <sip:" + c.addr() + ">\r\n"
	session := fmt.Sprintf("Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", len(sdp), strings.TrimSuffix(sdp, "\r\n")) // answer adds its end
	buf, out := make([]byte, 65536), make([]byte, 0, 4096)
	for {
		n, from, err := c.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		req := buf[:n]
		send := func(status, more string) {
			out = plain.Answer(out[:0], req, status, more)
			_, _ = c.conn.WriteToUDPAddrPort(out, from)
		}
		switch {
		case bytes.HasPrefix(req, []byte("INVITE sip:"+silentUser)):
			send("180 Ringing", contact+"Content-Length: 0\r\n")
		case bytes.HasPrefix(req, []byte("CANCEL")):
			send("200 OK", "Content-Length: 0\r\n")
			// Both have one Via, ours to answer to
			req = bytes.Replace(req, []byte(" CANCEL\r\n"), []byte(" INVITE\r\n"), 1)
			send("487 Request Terminated", "Content-Length: 0\r\n")
		case bytes.HasPrefix(req, []byte("INVITE")):
			send("180 Ringing", contact+"Content-Length: 0\r\n")
			send("200 OK", contact+session)
		case bytes.HasPrefix(req, []byte("ACK")):
		default:
			send("200 OK", "Content-Length: 0\r\n")
		}
	}
}
