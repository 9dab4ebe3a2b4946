package engine_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
)

// Hostile messages over real sockets: every part of the grammar is replaced, repeated, removed,
// folded, stretched. The engine must not crash, must not be silent where an answer is due, and must
// be as small afterwards as before.

var hostileFlag = flag.Int("hostile", mostHostile, "how many hostile messages a transport gets; SIPSCRIPT_HOSTILE sets it too")

// hostile makes messages. What it leaves of Via, From, To, Call-ID and CSeq decides whether an
// answer is due.
type hostile struct {
	rnd   *rand.Rand
	via   string // transport of the Via
	from  netip.AddrPort
	count int
}

var hostileValues = []string{
	"", " ", "\t", ",", ";", ",,,", ";;;", "\"", "\"\\", "<", ">", "<>", "<sip:>", "sip:", "sip:@", "*", "* ,*", "%", "%00", "%zz", ":", "::::", "[", "]", "[::1", "@", "=", "a=b=c",
	"0", "-1", "00000000000000000001", "4294967295", "4294967296", "99999999999999999999999", "1e9", "0x10", "NaN",
	"<sip:a@b;lr;lr;lr>", "\"a, b\" <sip:a@b>, \"c\\\"d\" <sip:e@f>", "<sip:a@b?x=y&z=%0d%0aVia:%20z>", "\"unterminated <sip:a@b>", "sip:a@[::ffff:1.2.3.4]:5060", "sips:a@b:99999",
	"tel:+1;phone-context=x", "http://x/", "urn:service:sos", "<sip:a@b>;tag=1;tag=2", "<sip:a@b>;q=2;q=-1;expires=99999999999999", "caf\xc3\xa9", "\xff\xfe\x80", "a\x00b", "a\x01b", "a\x7fb",
	"Digest username=\"", "Digest realm=a,realm=b,,,nonce", "Digest", "Basic QQ==", "SIP/2.0/UDP", "SIP/2.0/UDP a;branch=", "SIP / 2.0 / UDP a : 1 ; branch = z9hG4bKx", "1 INVITE", "1", "INVITE",
}

var hostileNames = []string{"Contact", "Route", "Record-Route", "Path", "Max-Forwards", "Expires", "Authorization", "Proxy-Authorization", "Require", "Proxy-Require", "Supported", "Content-Type",
	"Content-Encoding", "Allow", "User-Agent", "Subject", "Date", "Event", "Refer-To", "P-Asserted-Identity", "Diversion", "Session-Expires", "Max-Breadth", "Accept", "Timestamp", "Reason", "m", "k", "c", "s",
	"X", "x-Y", "Content-Disposition", "In-Reply-To", "Replaces", "Min-SE", "RAck", "Warning", "Retry-After", "Privacy"}

func (h *hostile) pick(list []string) string { return list[h.rnd.IntN(len(list))] }

// value is something to stand where a header's value or a part of a URI should.
func (h *hostile) value() string {
	v := h.pick(hostileValues)
	switch h.rnd.IntN(12) {
	case 0:
		v = strings.Repeat(v, 1+h.rnd.IntN(300))
	case 1:
		v += ";" + strings.Repeat("p=1;", h.rnd.IntN(200))
	case 2:
		v = strings.ReplaceAll(v, " ", "\r\n  ")
	case 3:
		v += h.pick(hostileValues)
	}
	return v
}

// message makes one; due reports whether it must be answered.
func (h *hostile) message() (text []byte, callID string, due bool) {
	h.count++
	callID = fmt.Sprintf("h%d-%s", h.count, h.via)
	method := h.pick([]string{"OPTIONS", "INVITE", "MESSAGE", "REGISTER", "SUBSCRIBE", "BYE", "UPDATE", "FOO"})
	uri, version := "sip:bob@example.com", "SIP/2.0"
	essential := map[string]string{
		"Via":     fmt.Sprintf("SIP/2.0/%s %s;rport;branch=z9hG4bK%s", h.via, h.from, callID),
		"From":    "<sip:a@example.com>;tag=" + callID,
		"To":      "<sip:bob@example.com>",
		"Call-ID": callID,
		"CSeq":    "1 " + method,
	}
	due = true
	headers := []string{"Max-Forwards: 70", "Contact: <sip:a@" + h.from.String() + ">"}
	body := ""
	length := ""
	for range h.rnd.IntN(4) {
		switch h.rnd.IntN(9) {
		case 0:
			uri = h.value()
			// Else there may be no start line any more
			due = due && !strings.ContainsAny(uri, "\r\n \t") && uri != ""
		case 1:
			version = h.pick([]string{"SIP/3.0", "SIP/2.0.0", "sip/2.0", "SIP/2", "HTTP/1.1", ""})
			due = due && strings.HasPrefix(version, "SIP/3")
		case 2:
			name := h.pick([]string{"Via", "From", "To", "Call-ID", "CSeq"})
			essential[name] = h.value()
			due = due && name != "Via" && name != "Call-ID"
		case 3:
			name := h.pick([]string{"Via", "From", "To", "Call-ID", "CSeq"})
			delete(essential, name)
			// The answer is known by its Call-ID here
			due = due && name != "Via" && name != "Call-ID"
		case 4:
			body = strings.Repeat(h.pick(hostileValues), h.rnd.IntN(50))
		case 5:
			length = h.value()
			due = due && h.via == "UDP" // a stream that can't be framed is closed
		default:
			name := h.pick(hostileNames)
			if h.rnd.IntN(4) == 0 {
				name = strings.ToUpper(name)
			}
			value := h.value()
			for range 1 + h.rnd.IntN(2) {
				headers = append(headers, name+h.pick([]string{":", ": ", " :", "\t: "})+value)
			}
		}
	}
	if strings.Contains(strings.Join(headers, "\r\n"), "\x00") || h.via == "UDP" && len(strings.Join(headers, "")) > 50000 {
		due = false
	}
	if length == "" {
		length = fmt.Sprint(len(body))
	}
	headers = append(headers, "Content-Length: "+length)
	// The same messages with the same seed
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		if value, ok := essential[name]; ok {
			headers = append(headers, name+": "+value)
		}
	}
	h.rnd.Shuffle(len(headers), func(i, j int) { headers[i], headers[j] = headers[j], headers[i] })
	return []byte(method + " " + uri + " " + version + "\r\n" + strings.Join(headers, "\r\n") + "\r\n\r\n" + body), callID, due
}

// nosy looks at everything a router can look at, and then decides at random.
func nosy(rnd *rand.Rand, sink string) routerFunc {
	return func(r *engine.Request) error {
		m := r.Message()
		for i := range m.Len() {
			for e := m.ElementsName(string(m.Name(i))); e.Next(); {
				if a, err := message.ParseAddress(e.Value); err == nil {
					_ = a.DisplayName()
					if u, err := message.ParseURI(a.URI); err == nil {
						_ = u.AppendAOR(nil)
						_ = u.Equal(&u)
					}
				}
			}
		}
		_ = r.RecordRoute(engine.RouteParam{Name: "x", Value: "1"})
		var err error
		switch rnd.IntN(4) {
		case 0:
			_, err = r.Reply(404, "", nil)
		case 1:
			_, err = r.Relay(nil, nil)
		case 2:
			_, err = r.Relay([]*engine.Target{{NextHop: sink}}, nil)
		default:
			_, err = r.Relay(to(sink), nil)
		}
		return err
	}
}

func TestHostileMessages(t *testing.T) {
	n := *hostileFlag
	if s := os.Getenv("SIPSCRIPT_HOSTILE"); s != "" {
		fmt.Sscan(s, &n)
	}
	seed, _ := seeds()
	t.Logf("seed %d, %d messages a transport", seed, n)
	sink := startSink(t)
	rnd := rand.New(rand.NewPCG(seed, 1))
	eng := onSockets(t, 5*time.Second, engine.Config{Listen: []string{"udp:127.0.0.1:0", "tcp:127.0.0.1:0"}, Lanes: 1, Domains: []string{"example.com"}, Secret: []byte("x"), MaxDelay: -1,
		Timers: transaction.Timers{T1: 30 * time.Millisecond, T2: 120 * time.Millisecond, T4: 120 * time.Millisecond}, TimerC: time.Second,
		Router: nosy(rnd, "sip:sink@"+sink)})
	udp := &udpLine{t: t, to: eng.Locals()[0].Addr}
	tcp := &tcpLine{t: t, to: eng.Locals()[1].Addr}
	udp.assault(&hostile{rnd: rand.New(rand.NewPCG(seed, 2)), via: "UDP"}, n/10)
	tcp.assault(&hostile{rnd: rand.New(rand.NewPCG(seed, 3)), via: "TCP"}, n/10)
	base := settled(t, eng)
	udp.assault(&hostile{rnd: rand.New(rand.NewPCG(seed, 4)), via: "UDP", count: 1e6}, n)
	tcp.assault(&hostile{rnd: rand.New(rand.NewPCG(seed, 5)), via: "TCP", count: 1e6}, n)
	after := settled(t, eng)
	small := func() bool { return after.heap <= base.heap+8<<20 && after.goroutines <= base.goroutines+5 }
	// A goroutine may be about to end
	for limit := time.Now().Add(patience); !small() && time.Now().Before(limit); {
		after = settled(t, eng)
	}
	s := eng.Stats()
	if s.Lanes[0].Panics != 0 || s.RouteFailures != 0 {
		t.Errorf("%d panics, %d failed routes", s.Lanes[0].Panics, s.RouteFailures)
	}
	if !small() {
		t.Errorf("before: %+v, after: %+v", base, after)
	}
	t.Logf("answers %v, bad %d, bad frames %d; %+v → %+v", s.Answers, s.BadMessages, s.BadFrames, base, after)
}

type footprint struct {
	heap       uint64
	goroutines int
}

// settled waits until nothing is in progress, and measures.
func settled(t *testing.T, eng *engine.Engine) footprint {
	limit := time.Now().Add(patience)
	for {
		s := eng.Stats()
		if s.InProgress+s.ServerTransactions+s.ClientTransactions == 0 {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("still in progress: %d, %d server and %d client transactions", s.InProgress, s.ServerTransactions, s.ClientTransactions)
		}
		runtime.Gosched()
	}
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{m.HeapAlloc, runtime.NumGoroutine()}
}

// startSink is a host that answers everything with 486.
func startSink(t *testing.T) string {
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, 65536)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			var m message.Message
			if m.Parse(buf[:n], &message.Limits{}) == nil && m.IsRequest() && m.Method() != message.MethodAck {
				_, _ = c.WriteToUDPAddrPort(message.AppendResponse(nil, &m, 486, "", "sink", nil, nil), from)
			}
		}
	}()
	return c.LocalAddr().String()
}

// window is how many messages, and windowBytes how many bytes, go out before the answers are waited
// for: what the socket's buffer holds.
const (
	window      = 40
	windowBytes = 40000
)

type udpLine struct {
	t  *testing.T
	to netip.AddrPort
}

func (l *udpLine) assault(h *hostile, n int) {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(l.to))
	if err != nil {
		l.t.Fatal(err)
	}
	h.from = c.LocalAddr().(*net.UDPAddr).AddrPort()
	// Somebody reads all the time: the finals of INVITEs nobody acknowledges come again and again,
	// and would fill the socket's buffer.
	_ = c.SetReadBuffer(4 << 20)
	answers := make(chan string, 1024)
	go func() {
		defer close(answers)
		buf := make([]byte, 65536)
		for {
			k, err := c.Read(buf)
			if err != nil {
				return
			}
			answers <- answered(buf[:k])
		}
	}()
	defer func() {
		c.Close()
		for range answers {
		}
	}()
	for sent := 0; sent < n; {
		due := map[string][]byte{}
		for i, size := 0, 0; i < window && size < windowBytes; i++ {
			text, id, answer := h.message()
			sent++
			if len(text) > 60000 {
				continue
			}
			size += len(text)
			if _, err := c.Write(text); err != nil {
				l.t.Fatal(err)
			}
			if answer {
				due[id] = text
			}
		}
		l.settle(c, due, answers)
	}
}

// settle waits for the answers that are due. What is unanswered for seconds is sent again, as any
// client would: a socket's buffer that is full while the engine gets no processor loses datagrams.
func (l *udpLine) settle(c *net.UDPConn, due map[string][]byte, answers <-chan string) {
	again, limit := time.NewTicker(3*time.Second), time.NewTimer(patience)
	defer again.Stop()
	defer limit.Stop()
	for len(due) > 0 {
		select {
		case id := <-answers:
			delete(due, id)
		case <-again.C:
			for _, text := range due {
				if _, err := c.Write(text); err != nil {
					l.t.Fatal(err)
				}
			}
		case <-limit.C:
			for id, text := range due {
				l.t.Fatalf("no answer to %s:\n%q", id, text)
			}
		}
	}
}

// answered is the Call-ID of a final response.
func answered(b []byte) string {
	var m message.Message
	if m.Parse(b, &message.Limits{}) != nil || m.IsRequest() || m.Status() < 200 {
		return ""
	}
	return string(m.CallID())
}

type tcpLine struct {
	t  *testing.T
	to netip.AddrPort
}

// assault sends each message on a connection that is made again when the engine has closed it.
func (l *tcpLine) assault(h *hostile, n int) {
	var c net.Conn
	var in []byte
	buf := make([]byte, 65536)
	closed := func() { c.Close(); c, in = nil, nil }
	for range n {
		if c == nil {
			var err error
			if c, err = net.Dial("tcp", l.to.String()); err != nil {
				l.t.Fatal(err)
			}
			h.from = c.LocalAddr().(*net.TCPAddr).AddrPort()
		}
		text, id, due := h.message()
		// A request nobody can fail to answer follows, so that each message has an end that can be
		// waited for.
		probe := fmt.Sprintf("probe-%s", id)
		text = append(text, fmt.Sprintf("OPTIONS sip:x@example.com SIP/2.0\r\nVia: SIP/2.0/TCP %s;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", h.from, probe, probe)...)
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := c.Write(text); err != nil {
			closed()
			continue
		}
		var scanned int
		for due || probe != "" {
			k, err := c.Read(buf)
			if err != nil {
				if due {
					if ne, ok := err.(net.Error); ok && ne.Timeout() {
						l.t.Fatalf("no answer to %s:\n%q", id, text)
					}
				}
				closed()
				break
			}
			in = append(in, buf[:k]...)
			for {
				in = bytes.TrimLeft(in, "\r\n")
				size, err := message.Frame(in, &message.Limits{}, &scanned)
				if err != nil {
					l.t.Fatalf("the engine sent what can't be framed: %v\n%q", err, in)
				}
				if size == 0 {
					break
				}
				switch answered(in[:size]) {
				case id:
					due = false
				case probe:
					probe = ""
				}
				in, scanned = in[size:], 0
			}
		}
	}
	if c != nil {
		c.Close()
	}
}
