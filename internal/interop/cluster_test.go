package interop

// Two processes before one location in Redis: who registers at one is called through the other,
// over a connection or a NAT that only the first can use; and Redis goes away and comes back.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/internal/peer"
	"github.com/sipscript/sipscript/internal/redistest"
)

// cluster starts two servers that share a Redis and a secret.
func cluster(t *testing.T) (redis *redistest.Server, a, b *server) {
	t.Helper()
	redis, a, args := onRedis(t)
	return redis, a, start(t, args...)
}

// client is a phone that has no address: it is reached on the connection, or at the port, that it
// sends from.
type client struct {
	t    *testing.T
	conn net.Conn
	kind string // "tcp" or "udp"
	rest []byte // of the stream
	cseq int
}

func newClient(t *testing.T, kind, addr string) *client {
	t.Helper()
	conn, err := net.Dial(kind, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &client{t: t, conn: conn, kind: kind}
}

func (c *client) send(text []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(text); err != nil {
		c.t.Fatal(err)
	}
}

// next is the next message that comes, within the time.
func (c *client) next(within time.Duration) (*message.Message, error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(within))
	buf := make([]byte, 65536)
	for {
		if end := bytes.Index(c.rest, []byte("\r\n\r\n")); end >= 0 { // nobody sends it a body
			m := new(message.Message)
			err := m.Parse(bytes.Clone(c.rest[:end+4]), &message.Limits{})
			c.rest = c.rest[end+4:]
			return m, err
		}
		n, err := c.conn.Read(buf)
		if err != nil {
			return nil, err
		}
		c.rest = append(c.rest, buf[:n]...)
	}
}

// expect is the next message that is a request of this method, or a response with that code.
func (c *client) expect(what string) *message.Message {
	c.t.Helper()
	for {
		m, err := c.next(patience)
		if err != nil {
			c.t.Fatalf("no %s: %v", what, err)
		}
		if m.IsRequest() && string(m.MethodText()) == what || !m.IsRequest() && fmt.Sprint(m.Status()) == what {
			return m
		}
	}
}

// register registers with a contact that leads nowhere, and returns the answer.
func (c *client) register(user string) *message.Message {
	c.t.Helper()
	c.cseq++
	c.send(fmt.Appendf(nil, "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/%s 10.1.2.3:5060;rport;branch=z9hG4bK%s%d\r\nMax-Forwards: 70\r\nFrom: <sip:%s@example.com>;tag=1\r\nTo: <sip:%s@example.com>\r\n"+
		"Call-ID: reg-%s\r\nCSeq: %d REGISTER\r\nContact: <sip:%s@10.1.2.3:5060;transport=%s>\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n",
		strings.ToUpper(c.kind), user, c.cseq, user, user, user, c.cseq, user, c.kind))
	return c.final()
}

// final is the next response that is not a 100, which comes before an answer that takes seconds.
func (c *client) final() *message.Message {
	c.t.Helper()
	for {
		m, err := c.next(patience)
		if err != nil {
			c.t.Fatal(err)
		}
		if m.Status() != 100 {
			return m
		}
	}
}

// reply answers a request, with a contact that leads nowhere.
func (c *client) reply(m *message.Message, code int) {
	c.t.Helper()
	c.send(message.AppendResponse(nil, m, code, "", "bob", fmt.Appendf(nil, "Contact: <sip:x@10.1.2.3:5060;transport=%s>\r\n", c.kind), nil))
}

// bye is the BYE of a phone that was called by invite, along the route set of the call (RFC 3261
// §12.1.1).
func (c *client) bye(invite *message.Message) []byte {
	contact, _ := message.ParseAddress(invite.Header(message.HeaderContact))
	b := fmt.Appendf(nil, "BYE %s SIP/2.0\r\nVia: SIP/2.0/TCP 10.1.2.3:5060;rport;branch=z9hG4bKbye\r\nMax-Forwards: 70\r\n", contact.URI)
	routes := invite.Elements(message.HeaderRecordRoute)
	for routes.Next() {
		b = fmt.Appendf(b, "Route: %s\r\n", routes.Value)
	}
	return fmt.Appendf(b, "From: %s;tag=bob\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
		invite.Header(message.HeaderTo), invite.Header(message.HeaderFrom), invite.CallID())
}

// TestCalledThroughAnotherProcess: a phone that is on a connection to one server is called through
// the other.
func TestCalledThroughAnotherProcess(t *testing.T) {
	_, a, b := cluster(t)
	bob := newClient(t, "tcp", a.addrs["tcp"])
	if m := bob.register("bob"); m.Status() != 200 || strings.Contains(string(m.Header(message.HeaderContact)), "@127.0.0.1") {
		t.Fatalf("%s", m.AppendTo(nil))
	}
	for _, s := range []*server{a, b} {
		alice := peer.New(t, "alice", "example.com", s.via("udp"))
		t.Run("the caller hangs up", func(t *testing.T) {
			call := alice.Invite("sip:bob@example.com", nil)
			m := bob.expect("INVITE")
			if string(m.RequestURI()) != "sip:bob@10.1.2.3:5060;transport=tcp" || m.Header(message.HeaderRoute) != nil {
				t.Errorf("it came as\n%s", m.AppendTo(nil))
			}
			bob.reply(m, 180)
			call.Provisional(180)
			bob.reply(m, 200)
			if code := call.Final().StatusCode; code != 200 {
				t.Fatal(code)
			}
			call.Ack()
			bob.expect("ACK")
			bye := make(chan struct{})
			go func() { // ends when the call does
				call.Bye()
				close(bye)
			}()
			bob.reply(bob.expect("BYE"), 200)
			<-bye
		})
		t.Run("the phone hangs up", func(t *testing.T) {
			call := alice.Invite("sip:bob@example.com", nil)
			m := bob.expect("INVITE")
			bob.reply(m, 200)
			if code := call.Final().StatusCode; code != 200 {
				t.Fatal(code)
			}
			call.Ack()
			bob.expect("ACK")
			bob.send(bob.bye(m))
			alice.Bye()
			bob.expect("200")
		})
		t.Run("cancelled", func(t *testing.T) {
			call := alice.Invite("sip:bob@example.com", nil)
			m := bob.expect("INVITE")
			bob.reply(m, 180)
			call.Provisional(180)
			call.Cancel()
			bob.reply(bob.expect("CANCEL"), 200)
			bob.reply(m, 487)
			bob.expect("ACK")
			if code := call.Final().StatusCode; code != 487 {
				t.Errorf("a cancelled call ends with %d", code)
			}
		})
	}
}

// TestCalledThroughTheNATOfAnother: a NAT lets in only what comes from the server that the phone
// registered at.
func TestCalledThroughTheNATOfAnother(t *testing.T) {
	_, a, b := cluster(t)
	// A connected socket: nothing but that server's messages come in
	bob := newClient(t, "udp", a.addrs["udp"])
	if m := bob.register("bob"); m.Status() != 200 {
		t.Fatalf("%s", m.AppendTo(nil))
	}
	alice := peer.New(t, "alice", "example.com", b.via("udp"))
	answer := make(chan *sip.Response, 1)
	// Ends with the answer
	go func() { answer <- alice.Send(alice.Request(sip.MESSAGE, "sip:bob@example.com")) }()
	bob.reply(bob.expect("MESSAGE"), 200)
	if res := <-answer; res.StatusCode != 200 {
		t.Errorf("%d", res.StatusCode)
	}
}

// TestConnectionOfAnotherIsGone: the caller hears of it in time, and the phone is called again once
// it is back.
func TestConnectionOfAnotherIsGone(t *testing.T) {
	_, a, b := cluster(t)
	bob := newClient(t, "tcp", a.addrs["tcp"])
	bob.register("bob")
	_ = bob.conn.Close()
	eventually(t, "the connection is gone", func() bool { return a.metric("sipscript_transport_connections") == 0 })
	alice := peer.New(t, "alice", "example.com", b.via("udp"))
	if res := alice.Send(alice.Request(sip.MESSAGE, "sip:bob@example.com")); res.StatusCode != 480 {
		t.Errorf("%d %s", res.StatusCode, res.Reason)
	}
	bob = newClient(t, "tcp", b.addrs["tcp"]) // now at the other one
	bob.cseq = 10
	bob.register("bob")
	alice = peer.New(t, "alice", "example.com", a.via("udp"))
	answer := make(chan *sip.Response, 1)
	// Ends with the answer
	go func() { answer <- alice.Send(alice.Request(sip.MESSAGE, "sip:bob@example.com")) }()
	bob.reply(bob.expect("MESSAGE"), 200)
	if res := <-answer; res.StatusCode != 200 {
		t.Errorf("%d", res.StatusCode)
	}
}

// TestTokensCannotBeMade: a Route with a token that no server of the cluster made leads nowhere but
// to the script.
func TestTokensCannotBeMade(t *testing.T) {
	_, a, b := cluster(t)
	bob := newClient(t, "tcp", a.addrs["tcp"])
	bob.register("bob")
	mallory := peer.New(t, "mallory", "elsewhere.example", b.via("udp"))
	for _, user := range []string{"AAAA", strings.Repeat("A", 80), "x"} {
		r := mallory.Request(sip.MESSAGE, "sip:bob@10.1.2.3:5060")
		r.PrependHeader(sip.NewHeader("Route", "<sip:"+user+"@"+b.addrs["udp"]+";lr>"))
		if res := mallory.Send(r); res.StatusCode != 404 {
			t.Errorf("%s: %d", user, res.StatusCode)
		}
	}
	if m, err := bob.next(time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, io.EOF) {
		t.Errorf("bob got %v, %v", m, err)
	}
}

// TestRedisAway: registrations are answered 503 with Retry-After, calls go on, and so do
// registrations when it is back.
func TestRedisAway(t *testing.T) {
	redis, a, b := cluster(t)
	bob := newClient(t, "tcp", a.addrs["tcp"])
	bob.register("bob")
	alice := peer.New(t, "alice", "example.com", b.via("udp"))
	talk := func() {
		t.Helper()
		answer := make(chan *sip.Response, 1)
		// Ends with the answer
		go func() { answer <- alice.Send(alice.Request(sip.MESSAGE, "sip:bob@example.com")) }()
		bob.reply(bob.expect("MESSAGE"), 200)
		if res := <-answer; res.StatusCode != 200 {
			t.Errorf("%d", res.StatusCode)
		}
	}
	talk()
	redis.Stop()
	if m := bob.register("bob"); m.Status() != 503 || m.HeaderName("Retry-After") == nil {
		t.Errorf("a registration while redis is away:\n%s", m.AppendTo(nil))
	}
	talk()
	if code, _ := a.http("GET", "/metrics"); code != 200 {
		t.Errorf("/metrics: %d", code)
	}
	if res := alice.Send(alice.Request(sip.MESSAGE, "sip:carol@example.com")); res.StatusCode != 503 {
		t.Errorf("a call to somebody who is not in the cache: %d", res.StatusCode)
	}
	redis.Start()
	eventually(t, "a registration is accepted", func() bool { return bob.register("bob").Status() == 200 })
	talk()
}
