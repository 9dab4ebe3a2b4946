package dialog_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
)

// callee is a user agent on a socket that accepts each INVITE, and answers the second copy of each
// BYE only.
type callee struct {
	conn *net.UDPConn
	acks chan string
	byes map[string]int // by Call-ID; read when done is closed
	done chan struct{}
}

func newCallee(t *testing.T) *callee {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadBuffer(1 << 20)
	c := &callee{conn: conn, acks: make(chan string, 4096), byes: map[string]int{}, done: make(chan struct{})}
	go c.serve()
	t.Cleanup(func() { _ = conn.Close(); <-c.done })
	return c
}

func (c *callee) serve() {
	defer close(c.done)
	buf := make([]byte, 65536)
	for {
		n, from, err := c.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		var m message.Message
		if m.Parse(buf[:n], &message.Limits{}) != nil {
			continue
		}
		var headers, body []byte
		switch m.Method() {
		case message.MethodInvite:
			headers = []byte("Contact: <sip:b@" + c.conn.LocalAddr().String() + ">\r\nContent-Type: application/sdp\r\n")
			body = []byte("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n")
		case message.MethodAck:
			c.acks <- string(m.CallID())
			continue
		case message.MethodBye:
			if c.byes[string(m.CallID())]++; c.byes[string(m.CallID())] < 2 {
				continue
			}
		}
		_, _ = c.conn.WriteToUDPAddrPort(message.AppendResponse(nil, &m, 200, "", "b", headers, body), from)
	}
}

type refusing struct{}

func (refusing) Route(r *engine.Request) error {
	_, err := r.Reply(403, "", nil)
	return err
}

// The end of the server ends each call of ours with a BYE that is repeated until it is answered.
func TestShutdownSaysBye(t *testing.T) {
	const legs = 100
	bob := newCallee(t)
	agent := dialog.New(dialog.Options{})
	eng, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Domains: []string{"example.com"}, Lanes: 1, Router: refusing{}, Parts: []engine.Part{agent},
		Timers: transaction.Timers{T1: 100 * time.Millisecond, T2: 100 * time.Millisecond}, MaxDelay: -1})
	if err == nil {
		err = eng.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	offer := []byte("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4002 RTP/AVP 8\r\n")
	eng.Lanes()[0].Post(lane.Func(func(l *lane.Lane) {
		for range legs {
			_ = agent.Dial(l, nil, []*engine.Target{{URI: "sip:b@" + bob.conn.LocalAddr().String()}}, dialog.DialOptions{SDP: offer}, func(*dialog.Leg, *engine.Response) {})
		}
	}))
	calls := map[string]bool{}
	for len(calls) < legs {
		select {
		case id := <-bob.acks:
			calls[id] = true
		case <-time.After(20 * time.Second):
			t.Fatalf("%d of %d legs are up", len(calls), legs)
		}
	}
	for eng.Busy() { // with the INVITEs: a Shutdown waits for that anyway
		time.Sleep(10 * time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := eng.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if n := agent.Calls(); n != 0 {
		t.Errorf("%d legs are left", n)
	}
	_ = bob.conn.Close()
	<-bob.done
	var lost []string
	for id := range calls {
		if bob.byes[id] < 2 {
			lost = append(lost, id)
		}
	}
	if len(lost) > 0 {
		t.Errorf("%d of %d were not told: %s", len(lost), legs, strings.Join(lost[:1], ""))
	}
}
