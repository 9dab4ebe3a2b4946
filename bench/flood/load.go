//go:build unix

package main

// The flood: phones that register, all from one socket.

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

type options struct {
	server               string
	rate, seconds, users int
	patient              time.Duration
}

// result is what a flood measured. Times are in milliseconds, from the first REGISTER to its 200.
type result struct {
	Offered   int     `json:"offered"`
	Completed int     `json:"completed"`
	Failed    int     `json:"failed"`
	Resent    int     `json:"resent"`
	Rate      float64 `json:"rate"` // completed in a second
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
}

const t1 = 500 * time.Millisecond

// flood is registrations in progress.
type flood struct {
	o    options
	conn *net.UDPConn
	self string
	run  string // tells this run's Call-IDs from those of others

	mu     sync.Mutex // guards all below
	active map[int]*attempt
	times  []time.Duration
	res    result
	last   time.Time
}

// attempt is one registration.
type attempt struct {
	begun, sent time.Time
	wait        time.Duration // until text is sent again
	text        []byte
	asked       bool // it was answered 401
}

func load(o options) (*result, error) {
	server, err := net.ResolveUDPAddr("udp4", o.server)
	if err != nil {
		return nil, err
	}
	conn, err := net.DialUDP("udp4", nil, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetReadBuffer(8 << 20)
	f := &flood{o: o, conn: conn, self: conn.LocalAddr().String(), run: strconv.FormatInt(time.Now().UnixNano(), 36), active: map[int]*attempt{}}
	go f.read() // ends with the socket
	return f.all(), nil
}

// all begins registrations at the rate and returns when each has ended.
func (f *flood) all() *result {
	total, began := f.o.rate*f.o.seconds, time.Now()
	gap := time.Second / time.Duration(f.o.rate)
	look := began
	for id := 0; ; {
		now := time.Now()
		for id < total && !now.Before(began.Add(time.Duration(id)*gap)) {
			f.begin(id, now)
			id++
		}
		if !now.Before(look) {
			look = now.Add(5 * time.Millisecond)
			if f.resend(now) == 0 && id == total {
				break
			}
		}
		time.Sleep(min(time.Millisecond, max(time.Until(began.Add(time.Duration(id)*gap)), 10*time.Microsecond)))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.res.Offered = total
	f.res.Rate = float64(f.res.Completed) / f.last.Sub(began).Seconds()
	slices.Sort(f.times)
	if n := len(f.times); n > 0 {
		f.res.P50, f.res.P99 = float64(f.times[n/2])/1e6, float64(f.times[n*99/100])/1e6
	}
	return &f.res
}

func (f *flood) begin(id int, now time.Time) {
	a := &attempt{begun: now, sent: now, wait: t1, text: f.request(id, 1, "")}
	f.mu.Lock()
	f.active[id] = a
	f.mu.Unlock()
	_, _ = f.conn.Write(a.text)
}

// request is a phone's REGISTER; more are further lines.
func (f *flood) request(id, seq int, more string) []byte {
	user := id % f.o.users
	return fmt.Appendf(nil, "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s-%d-%d\r\nFrom: <sip:user%d@example.com>;tag=a%d\r\nTo: <sip:user%d@example.com>\r\n"+
		"Call-ID: %d@%s\r\nCSeq: %d REGISTER\r\nContact: <sip:user%d@%s>\r\nMax-Forwards: 70\r\nUser-Agent: flood\r\nExpires: 3600\r\n%sContent-Length: 0\r\n\r\n",
		f.self, f.run, id, seq, user, id, user, id, f.run, seq, user, f.self, more)
}

// resend sends again what was not answered, and gives up; it returns how many are in progress.
func (f *flood) resend(now time.Time) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, a := range f.active {
		switch {
		case now.Sub(a.begun) > f.o.patient:
			f.end(id, now, false)
		case now.Sub(a.sent) >= a.wait:
			a.sent, a.wait = now, min(2*a.wait, 4*time.Second)
			f.res.Resent++
			_, _ = f.conn.Write(a.text)
		}
	}
	return len(f.active)
}

// end needs f.mu.
func (f *flood) end(id int, now time.Time, ok bool) {
	if a := f.active[id]; ok {
		f.res.Completed++
		f.last = now
		f.times = append(f.times, now.Sub(a.begun))
	} else {
		f.res.Failed++
	}
	delete(f.active, id)
}

func (f *flood) read() {
	buf := make([]byte, 65536)
	for {
		n, err := f.conn.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if n > 12 && bytes.HasPrefix(buf, []byte("SIP/2.0 ")) {
			f.response(buf[:n])
		}
	}
}

func (f *flood) response(b []byte) {
	code, _ := strconv.Atoi(string(b[8:11]))
	number, run, _ := bytes.Cut(value(b, "\r\nCall-ID: ", "\r\n"), []byte("@"))
	id, err := strconv.Atoi(string(number))
	if err != nil || string(run) != f.run || code < 200 {
		return
	}
	first := bytes.HasPrefix(value(b, "\r\nCSeq: ", "\r\n"), []byte("1 "))
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	switch a := f.active[id]; {
	case a == nil, first && a.asked:
	case code == 401 && first:
		a.asked = true
		a.text, a.sent, a.wait = f.request(id, 2, f.credentials(id, value(b, "\r\nWWW-Authenticate: ", "\r\n"))), now, t1
		_, _ = f.conn.Write(a.text)
	default:
		f.end(id, now, code == 200 && a.asked)
	}
}

// credentials are the Authorization line that answers a challenge.
func (f *flood) credentials(id int, challenge []byte) string {
	user := id % f.o.users
	realm, nonce, opaque := value(challenge, `realm="`, `"`), value(challenge, `nonce="`, `"`), value(challenge, `opaque="`, `"`)
	h := func(format string, args ...any) string {
		return fmt.Sprintf("%x", md5.Sum(fmt.Appendf(nil, format, args...)))
	}
	cnonce := fmt.Sprintf("%08x", id)
	response := h("%s:%s:00000001:%s:auth:%s", h("user%d:%s:secret%d", user, realm, user), nonce, cnonce, h("REGISTER:sip:example.com"))
	line := fmt.Sprintf(`Authorization: Digest username="user%d", realm="%s", nonce="%s", uri="sip:example.com", response="%s", algorithm=MD5, cnonce="%s", qop=auth, nc=00000001`, user, realm, nonce, response, cnonce)
	if len(opaque) > 0 {
		line += fmt.Sprintf(`, opaque="%s"`, opaque)
	}
	return line + "\r\n"
}

// value is what stands between two texts, nil where they are not there.
func value(b []byte, from, to string) []byte {
	_, rest, ok := bytes.Cut(b, []byte(from))
	if !ok {
		return nil
	}
	v, _, _ := bytes.Cut(rest, []byte(to))
	return v
}
