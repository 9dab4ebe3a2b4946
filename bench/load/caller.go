package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/sipscript/sipscript/bench/plain"
)

// caller makes the calls, all from one socket.
type caller struct {
	o      options
	conn   *net.UDPConn
	server *net.UDPAddr
	self   string
	run    string // tells this run's Call-IDs from those of others

	mu        sync.Mutex // guards all below
	active    map[int]*call
	times     []time.Duration
	res       result
	last      time.Time
	confirmed []bool // users whose REGISTER was answered 200
	missing   int    // users without
}

// call is one call in progress.
type call struct {
	begun  time.Time
	text   []byte // of the INVITE or BYE that waits for its answer
	sent   time.Time
	wait   time.Duration // until it is sent again
	bye    time.Time     // when to hang up
	byeMsg []byte
	ack    []byte
}

const t1 = 500 * time.Millisecond

func newCaller(o options) (*caller, error) {
	server, err := net.ResolveUDPAddr("udp4", o.server)
	if err != nil {
		return nil, err
	}
	conn, err := listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &caller{o: o, conn: conn, server: server, self: conn.LocalAddr().String(), run: strconv.FormatInt(time.Now().UnixNano(), 36), active: map[int]*call{}}
	go c.read() // ends with close
	return c, nil
}

func (c *caller) close() { c.conn.Close() }

func (c *caller) send(b []byte) { _, _ = c.conn.WriteToUDP(b, c.server) }

// request is the head of a request; more are further lines.
func (c *caller) request(method, uri string, id int, seq int, to, more, body string) []byte {
	return fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s-%d-%s\r\n%sFrom: \"Alice\" <%s>;tag=a%d\r\nTo: %s\r\nCall-ID: %d@%s\r\nCSeq: %d %s\r\nContact: <sip:alice@%s>\r\nMax-Forwards: 70\r\nUser-Agent: load\r\nContent-Length: %d\r\n\r\n%s",
		method, uri, c.self, c.run, id, method, more, c.o.caller, id, to, id, c.run, seq, method, c.self, len(body), body)
}

// register registers the users at the callee's address, again and again until each was answered
// 200: a server that was just overloaded may refuse.
func (c *caller) register(contact string) error {
	c.mu.Lock()
	c.confirmed, c.missing = make([]bool, c.o.users), c.o.users
	c.mu.Unlock()
	limit := time.Now().Add(20 * time.Second)
	for round := 0; ; round++ {
		for i := 0; i < c.o.users; i++ {
			c.mu.Lock()
			done, missing := c.confirmed[i], c.missing
			c.mu.Unlock()
			if missing == 0 {
				return nil
			}
			if done {
				continue
			}
			aor := fmt.Sprintf("<sip:user%05d@example.com>", i)
			text := c.request("REGISTER", "sip:example.com", -1-i-round*c.o.users, 1, aor, "Expires: 3600\r\n", "")
			text = bytes.Replace(text, []byte("Contact: <sip:alice@"+c.self+">"), []byte(c.contacts(i, contact)), 1)
			text = bytes.Replace(text, []byte("From: \"Alice\" <"+c.o.caller+">"), []byte("From: "+aor), 1)
			if c.send(text); i%50 == 49 {
				time.Sleep(5 * time.Millisecond)
			}
		}
		for pause := time.Now().Add(500 * time.Millisecond); time.Now().Before(pause); time.Sleep(time.Millisecond) {
			c.mu.Lock()
			missing := c.missing
			c.mu.Unlock()
			if missing == 0 {
				return nil
			}
			if time.Now().After(limit) {
				return fmt.Errorf("%d of %d users not registered", missing, c.o.users)
			}
		}
	}
}

// called is whom a call is for.
func (c *caller) called(id int) string {
	if c.o.number != "" {
		return fmt.Sprintf("sip:%s%05d@example.com", c.o.number, id%c.o.users)
	}
	return fmt.Sprintf("sip:user%05d@example.com", id%c.o.users)
}

// ping waits until the server answers OPTIONS; nobody is registered.
func (c *caller) ping() error {
	c.mu.Lock()
	c.confirmed, c.missing = make([]bool, c.o.users), 1
	c.mu.Unlock()
	for round := range 400 {
		c.send(c.request("OPTIONS", "sip:example.com", -1-round*c.o.users, 1, "<sip:example.com>", "", ""))
		time.Sleep(50 * time.Millisecond)
		c.mu.Lock()
		missing := c.missing
		c.mu.Unlock()
		if missing == 0 {
			return nil
		}
	}
	return errors.New("the server answers no OPTIONS")
}

// contacts is the Contact header of a user: the one that answers, and the silent ones.
func (c *caller) contacts(user int, at string) string {
	h := fmt.Sprintf("Contact: <sip:user%05d@%s>", user, at)
	for i := range c.o.silent {
		h += fmt.Sprintf(", <sip:%s%d-user%05d@%s>", silentUser, i, user, at)
	}
	return h
}

// calls begins calls at the rate and returns when all have ended.
func (c *caller) calls() *result {
	total := c.o.rate * c.o.seconds
	began := time.Now()
	gap := time.Second / time.Duration(c.o.rate)
	nextLook := began
	for id := 0; ; {
		now := time.Now()
		for id < total && !now.Before(began.Add(time.Duration(id)*gap)) {
			c.begin(id, now)
			id++
		}
		if !now.Before(nextLook) {
			nextLook = now.Add(c.lookEvery())
			if c.look(now) == 0 && id == total {
				break
			}
		}
		time.Sleep(min(time.Millisecond, time.Until(began.Add(time.Duration(id)*gap))))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.res.Offered = total
	c.res.Seconds = c.last.Sub(began).Seconds()
	c.res.latencies(c.times)
	return &c.res
}

// lookEvery is the time between two looks at all calls, of which there are many when a server is
// overloaded.
func (c *caller) lookEvery() time.Duration {
	if c.o.once {
		return 50 * time.Millisecond
	}
	return 5 * time.Millisecond
}

func (c *caller) begin(id int, now time.Time) {
	uri := c.called(id)
	x := &call{begun: now, sent: now, wait: t1}
	x.text = c.request("INVITE", uri, id, 1, "<"+uri+">", "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE\r\nSupported: replaces, timer\r\nContent-Type: application/sdp\r\n", sdp)
	c.mu.Lock()
	c.active[id] = x
	c.mu.Unlock()
	c.send(x.text)
}

// look sends again what was not answered, hangs up what was talked enough, and gives up; it returns
// how many calls are in progress.
func (c *caller) look(now time.Time) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, x := range c.active {
		switch {
		case x.text == nil && !now.Before(x.bye):
			x.text, x.sent, x.wait = x.byeMsg, now, t1
			c.send(x.text)
		case x.text != nil && now.Sub(x.sent) >= x.wait:
			if now.Sub(x.begun) > c.o.patient {
				c.end(id, now)
				c.res.Failed++
				continue
			}
			if c.o.once {
				continue
			}
			x.sent, x.wait = now, 2*x.wait
			c.res.Resent++
			c.send(x.text)
		}
	}
	return len(c.active)
}

// end needs c.mu.
func (c *caller) end(id int, now time.Time) {
	delete(c.active, id)
	c.last = now
}

func (c *caller) read() {
	buf := make([]byte, 65536)
	for {
		n, _, err := c.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if n > 12 && bytes.HasPrefix(buf[:n], []byte("SIP/2.0 ")) {
			c.response(buf[:n])
		}
	}
}

func (c *caller) response(b []byte) {
	code, _ := strconv.Atoi(string(b[8:11]))
	number, run, _ := bytes.Cut(plain.Value(b, "Call-ID: "), []byte("@"))
	id, err := strconv.Atoi(string(number))
	if err != nil || string(run) != c.run || code < 200 {
		return
	}
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	method := plain.Value(b, "CSeq: ")
	if bytes.HasSuffix(method, []byte("REGISTER")) || bytes.HasSuffix(method, []byte("OPTIONS")) {
		if user := (-1 - id) % c.o.users; code == 200 && id < 0 && !c.confirmed[user] {
			c.confirmed[user] = true
			c.missing--
		}
		return
	}
	x := c.active[id]
	switch {
	case x == nil:
	case bytes.HasSuffix(method, []byte("INVITE")) && code == 200:
		c.answered(id, x, b, now)
	case bytes.HasSuffix(method, []byte("INVITE")):
		c.send(c.request("ACK", c.called(id), id, 1, string(plain.Value(b, "To: ")), "", ""))
		switch c.end(id, now); code {
		case c.o.expect:
			c.times = append(c.times, now.Sub(x.begun))
			c.res.Completed++
		case 503:
			c.res.Refused++
		default:
			c.res.Failed++
		}
	case x.byeMsg != nil && code == 200:
		c.end(id, now)
		c.res.Completed++
	}
}

// answered takes the 200 to an INVITE. It needs c.mu.
func (c *caller) answered(id int, x *call, b []byte, now time.Time) {
	if x.ack != nil {
		c.send(x.ack)
		return
	}
	c.times = append(c.times, now.Sub(x.begun))
	var routes []byte
	plain.Lines(b, func(line []byte) bool {
		if bytes.HasPrefix(line, []byte("Record-Route: ")) {
			routes = append([]byte("Route: "+string(line[14:])), routes...)
		}
		return true
	})
	target := string(bytes.Trim(plain.Value(b, "Contact: "), "<>"))
	to := string(plain.Value(b, "To: "))
	x.ack = c.request("ACK", target, id, 1, to, string(routes), "")
	// The ACK of a 2xx has a branch of its own
	x.ack = bytes.Replace(x.ack, []byte("-ACK\r\n"), []byte("-ACK2\r\n"), 1)
	x.byeMsg = c.request("BYE", target, id, 2, to, string(routes), "")
	x.text, x.bye = nil, now.Add(c.o.pause)
	c.send(x.ack)
}
