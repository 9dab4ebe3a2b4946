//go:build linux

package main

// The load: watchers, who answer each NOTIFY at once, and publishers, who modify what they have
// published.

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine/message"
)

// load is one load of a server.
type load struct {
	b          *bench
	server     *net.UDPAddr
	conn       *net.UDPConn
	notified   atomic.Int64 // NOTIFYs, each once
	subscribed atomic.Int64
	answered   atomic.Int64 // PUBLISHes, 200
	refused    atomic.Int64

	mu   sync.Mutex
	seen map[string]bool // CSeqs of NOTIFYs; guarded by mu
	tags []string        // by user, "" while a PUBLISH is on its way; guarded by mu
}

func newLoad(b *bench, addr string) (*load, error) {
	server, err := net.ResolveUDPAddr("udp4", addr)
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(8 << 20)
	l := &load{b: b, server: server, conn: conn, seen: map[string]bool{}, tags: make([]string, b.users)}
	go l.read() // ends with conn
	return l, nil
}

func (l *load) close() { _ = l.conn.Close() }

func (l *load) read() {
	buf := make([]byte, 65536)
	for {
		n, from, err := l.conn.ReadFromUDP(buf)
		if err != nil {
			return
		}
		m := new(message.Message)
		if m.Parse(buf[:n], nil) != nil {
			continue
		}
		if m.IsRequest() {
			_, _ = l.conn.WriteToUDP(message.AppendResponse(nil, m, 200, "", "", nil, nil), from)
			cseq, _ := m.CSeq()
			l.note(fmt.Sprint(string(m.CallID()), cseq.Number))
			continue
		}
		l.answer(m)
	}
}

func (l *load) note(notify string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.seen[notify] {
		l.seen[notify] = true
		l.notified.Add(1)
	}
}

func (l *load) answer(m *message.Message) {
	user, kind := 0, ""
	if _, err := fmt.Sscanf(string(m.CallID()), "%1s-%d-", &kind, &user); err != nil || m.Status() < 200 {
		return
	}
	switch {
	case m.Status() >= 300:
		l.refused.Add(1)
	case kind == "s":
		l.subscribed.Add(1)
	default:
		l.mu.Lock()
		if l.tags[user] == "" {
			l.answered.Add(1)
		}
		l.tags[user] = string(m.HeaderName("SIP-ETag"))
		l.mu.Unlock()
	}
}

func (l *load) send(method string, user int, callID, lines, body string) {
	uri, from := fmt.Sprintf("sip:user%d@example.com", user), fmt.Sprintf("sip:user%d@example.com", user)
	if method == "SUBSCRIBE" {
		from = "sip:watcher@example.com"
	}
	_, _ = l.conn.WriteToUDP(fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\nFrom: <%s>;tag=f\r\nTo: <%s>\r\nCall-ID: %s\r\nCSeq: 1 %s\r\n"+
		"Contact: <sip:x@%s>\r\nEvent: presence\r\nExpires: 3600\r\n%sContent-Length: %d\r\n\r\n%s", method, uri, l.conn.LocalAddr(), callID, from, uri, callID, method, l.conn.LocalAddr(), lines, len(body), body), l.server)
}

// wait waits for a condition.
func (l *load) wait(what string, ok func() bool) error {
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("%s: not within 20 s (%d subscribed, %d notified, %d published, %d refused)", what, l.subscribed.Load(), l.notified.Load(), l.answered.Load(), l.refused.Load())
		}
	}
	return nil
}

// prepare subscribes all watchers, and publishes once for each user.
func (l *load) prepare() error {
	all := int64(l.b.users * l.b.watchers)
	for i := range l.b.users * l.b.watchers {
		l.send("SUBSCRIBE", i/l.b.watchers, fmt.Sprintf("s-%d-%d", i/l.b.watchers, i), "", "")
		time.Sleep(2 * time.Millisecond)
	}
	if err := l.wait("subscriptions", func() bool { return l.subscribed.Load() == all && l.notified.Load() >= all }); err != nil {
		return err
	}
	before := l.notified.Load()
	for i := range l.b.users {
		l.modify(i, 0, "")
		time.Sleep(10 * time.Millisecond)
	}
	return l.wait("first publications", func() bool { return l.answered.Load() == int64(l.b.users) && l.notified.Load()-before >= all })
}

func (l *load) modify(user, n int, tag string) {
	lines := "Content-Type: application/pidf+xml\r\n"
	if tag != "" {
		lines += "SIP-If-Match: " + tag + "\r\n"
	}
	l.send("PUBLISH", user, fmt.Sprintf("p-%d-%d", user, n), lines, fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>`+"\r\n"+
		`<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:user%d@example.com"><tuple id="t%d"><status><basic>open</basic></status><contact priority="0.8">sip:user%d@example.com</contact>`+
		`<note>message %d of this user</note></tuple></presence>`+"\r\n", user, user, user, n))
}

// publish modifies publications and returns how many, once all watchers were told of each: at the
// rate, or each as soon as the one before was answered.
func (l *load) publish() (n int64, err error) {
	before, told := l.answered.Load(), l.notified.Load()
	if l.b.rate > 0 {
		n, err = l.paced()
	} else {
		n = l.busy()
	}
	if err != nil {
		return 0, err
	}
	// Nothing is sent again: what the kernel has dropped is left out
	for last := int64(-1); last != l.notified.Load()+l.answered.Load(); time.Sleep(time.Second) {
		last = l.notified.Load() + l.answered.Load()
	}
	sent := n
	n = l.answered.Load() - before
	if told = l.notified.Load() - told; n < sent*9/10 || told < n*int64(l.b.watchers)*9/10 {
		return 0, fmt.Errorf("of %d PUBLISHes %d were answered, and %d NOTIFYs came", sent, n, told)
	}
	return n, nil
}

// next sends a modification of a user's publication, unless one is on its way.
func (l *load) next(user, n int) bool {
	l.mu.Lock()
	tag := l.tags[user]
	l.tags[user] = ""
	l.mu.Unlock()
	if tag != "" {
		l.modify(user, n, tag)
	}
	return tag != ""
}

func (l *load) paced() (n int64, err error) {
	tick := time.NewTicker(time.Second / time.Duration(l.b.rate))
	defer tick.Stop()
	skipped := int64(0)
	for i := range l.b.rate * l.b.seconds {
		<-tick.C
		if l.next(i%l.b.users, i+1) {
			n++
		} else {
			skipped++
		}
	}
	if skipped > n/10 {
		return 0, errors.New("the server does not keep up: use a lower -rate")
	}
	return n, nil
}

func (l *load) busy() (n int64) {
	for end := time.Now().Add(time.Duration(l.b.seconds) * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		for user := range l.b.users {
			if l.next(user, int(n)+1) {
				n++
			}
		}
	}
	return n
}
