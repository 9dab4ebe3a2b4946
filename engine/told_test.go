package engine_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transport"
)

// Who sends something bad is told (RFC 3261 §8.2, §18.3), and what is dropped is logged and
// counted.

// broken are requests that lack something, and whether their sender can be told.
var broken = []struct {
	name, old, new string
	told           bool
}{
	{"no From", "From: <sip:alice@example.com>;tag=a1\r\n", "", true},
	{"no To", "To: <sip:bob@example.com>\r\n", "", true},
	{"no Call-ID", "Call-ID: c1\r\n", "", true},
	{"no CSeq", "CSeq: 1 OPTIONS\r\n", "", true},
	{"CSeq of another method", "CSeq: 1 OPTIONS", "CSeq: 1 BYE", true},
	{"CSeq of an ACK", "CSeq: 1 OPTIONS", "CSeq: 1 ACK", false}, // an ACK is never answered
	{"a broken Via parameter", ";rport;", ";rport;=;", true},
	{"an open quote in Via", ";branch=", ";x=\"y;branch=", true},
	{"text behind sent-by", ";rport;", " junk;", true},
	{"a lower Via", "Max-Forwards", "Via: SIP/2.0/UDP\r\nMax-Forwards", true},
	{"no Via", "Via: SIP/2.0/UDP", "X:", false},
	{"no sent-by", "Via: SIP/2.0/UDP 10.0.0.2:5060", "Via: SIP/2.0/UDP ", false},
	{"257 headers", "Max-Forwards", strings.Repeat("X: y\r\n", 257) + "Max-Forwards", true},
}

func TestRequestsWithAReadableViaAreTold(t *testing.T) {
	for _, row := range broken {
		t.Run(row.name, func(t *testing.T) {
			b := newBench(t, 1, func(r *engine.Request) error { t.Error("routed"); return nil })
			var got []string
			alice := b.w.Host("10.0.0.2:5060", func(p sim.Packet) { got = append(got, string(p.Bytes)) })
			text := (&call{ph: &handset{Phone: &sim.Phone{Host: alice}, b: b}, id: "c1", uri: "sip:bob@example.com", maxForward: "70"}).request("OPTIONS")
			spoilt := strings.Replace(text, row.old, row.new, 1)
			if spoilt == text {
				t.Fatal("nothing was changed")
			}
			alice.Send(proxyAddr, []byte(spoilt))
			b.quiet()
			s := b.eng.Stats()
			if !row.told {
				if len(got) != 0 || s.BadMessages != 1 || len(s.Dropped) != 1 {
					t.Errorf("%d answers %q, %d counted, %v", len(got), got, s.BadMessages, s.Dropped)
				}
				return
			}
			if len(got) != 1 || !strings.HasPrefix(got[0], "SIP/2.0 400 ") && !strings.HasPrefix(got[0], "SIP/2.0 513 ") {
				t.Fatalf("answered %q", got)
			}
			for _, line := range strings.Split(spoilt, "\r\n")[1:] { // what there is comes back
				name, value, _ := strings.Cut(line, ": ")
				if name == "From" || name == "Call-ID" || name == "CSeq" {
					if !strings.Contains(got[0], name+": "+value) {
						t.Errorf("no %s in the answer:\n%s", name, got[0])
					}
				}
			}
		})
	}
}

// logs keeps what is logged.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func TestWhatIsDroppedIsLoggedAndCounted(t *testing.T) {
	var log logs
	b := newBenchWith(t, 1, func(*engine.Request) error { return nil }, func(c *engine.Config, _ *sim.World) {
		c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	alice := b.phone("10.0.0.2:5060")
	res := func(via string) string {
		return "SIP/2.0 200 OK\r\nVia: " + via + "\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n"
	}
	for _, text := range []string{
		"hello, is anybody there?\r\n\r\n",
		res("SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bKx"),
		res("SIP/2.0/UDP " + proxyAddr + ";branch=z9hG4bKx"),
		res("SIP/2.0/UDP"),
		res("SIP/2.0/UDP " + proxyAddr + ";branch=z9hG4bKx\r\nTo: <sip:b@h>"),
	} {
		alice.Send(proxyAddr, []byte(text))
	}
	b.quiet()
	want := map[string]uint64{"bad_method": 1, "foreign": 1, "stray": 1, "bad_via": 1, "repeated_to": 1}
	got := b.eng.Stats().Dropped
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("counted %v, want %v", got, want)
	}
	for reason := range want {
		if !strings.Contains(log.String(), "msg=dropped reason="+reason+" source=10.0.0.2:5060 transport=udp") {
			t.Errorf("no line for %s in\n%s", reason, log.String())
		}
	}
}

// framing are faults after which a stream can't be kept in step.
var framing = []struct {
	name, text string // after "Content-Length: 0\r\n\r\n" was replaced
	code       string
}{
	{"no length", "\r\n", "400"},
	{"a negative one", "Content-Length: -1\r\n\r\n", "400"},
	{"two that differ", "Content-Length: 1\r\nl: 2\r\n\r\nab", "400"},
	{"an unreadable one", "Content-Length: 4x\r\n\r\nabcd", "400"},
	{"a lone LF", "X: y\nContent-Length: 0\r\n\r\n", "400"},
	{"a body too large", "Content-Length: 70000\r\n\r\n", "413"},
	{"a head too large", "X: " + strings.Repeat("x", 70000), "513"},
	{"more behind it", "Content-Length: -1\r\n\r\n" + strings.Repeat("more", 20000), "400"},
}

func TestFramingFaultsAreTold(t *testing.T) {
	cert := selfSigned(t)
	eng := onSockets(t, 5*time.Second, engine.Config{Listen: []string{"tcp:127.0.0.1:0", "tls:127.0.0.1:0"}, Lanes: 1, MaxDelay: -1, Server: "test",
		Transport: transport.Options{TLS: transport.TLSOptions{Load: func() (*transport.TLSMaterial, error) {
			return &transport.TLSMaterial{Certificates: []tls.Certificate{cert}}, nil
		}}},
		Router: routerFunc(func(r *engine.Request) error { _, err := r.Reply(200, "", nil); return err })})
	trust := &tls.Config{RootCAs: x509.NewCertPool()}
	trust.RootCAs.AddCert(cert.Leaf)
	for i, row := range framing {
		for _, l := range eng.Locals() {
			t.Run(row.name+" over "+l.Kind.String(), func(t *testing.T) {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				var conn net.Conn
				var err error
				if l.Kind == transport.TLS {
					conn, err = (&tls.Dialer{Config: trust}).DialContext(ctx, "tcp", l.Addr.String())
				} else {
					conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr.String())
				}
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(patience))
				head := fmt.Sprintf("OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=z9hG4bK%d\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: f%d\r\nCSeq: 1 OPTIONS\r\n",
					l.Kind.Via(), conn.LocalAddr(), i, i)
				if _, err := conn.Write([]byte(head + row.text)); err != nil {
					t.Fatal(err)
				}
				all, err := io.ReadAll(conn) // the answer, then the close
				if err != nil {
					t.Errorf("%v instead of a proper end", err)
				}
				if !strings.HasPrefix(string(all), "SIP/2.0 "+row.code+" ") || !strings.Contains(string(all), fmt.Sprintf("\r\nCall-ID: f%d\r\n", i)) {
					t.Errorf("answered %q", all)
				}
			})
		}
	}
	s := eng.Stats()
	if n := uint64(2 * len(framing)); s.BadFrames != n || s.Answers[400]+s.Answers[413]+s.Answers[513] != n {
		t.Errorf("%d bad frames, answers %v, dropped %v", s.BadFrames, s.Answers, s.Dropped)
	}
}

// What nobody could have framed is closed without a word.
func TestFramingFaultsOfOthers(t *testing.T) {
	eng := onSockets(t, 5*time.Second, engine.Config{Listen: []string{"tcp:127.0.0.1:0"}, Lanes: 1, MaxDelay: -1,
		Router: routerFunc(func(r *engine.Request) error { t.Error("routed"); return nil })})
	for name, text := range map[string]string{
		"HTTP":       "GET / HTTP/1.1\r\nHost: h\r\nVia: 1.1 proxy\r\n\r\n",
		"a response": "SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP h\r\n\r\n",
		"an ACK":     "ACK sip:h SIP/2.0\r\nVia: SIP/2.0/TCP h\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", eng.Locals()[0].Addr.String())
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			fmt.Fprint(conn, text)
			if all, err := io.ReadAll(conn); err != nil || len(all) > 0 {
				t.Errorf("%s: %q %v", name, all, err)
			}
			conn.Close()
		})
	}
}

func TestVersionGoesOutInCapitals(t *testing.T) {
	b, c, bob, _ := trio(t, relayTo(bobAndCarol[:1], nil))
	small := func(text []byte) []byte { return bytes.Replace(text, []byte("SIP/2.0"), []byte("sip/2.0"), 1) }
	c.ph.Send(proxyAddr, bytes.Replace([]byte(c.request("OPTIONS")), []byte(" SIP/2.0"), []byte(" sip/2.0"), 1))
	r := bob.expect("OPTIONS")
	if !bytes.HasPrefix(r.p.Bytes, []byte("OPTIONS sip:b@10.0.0.3:5060 SIP/2.0\r\n")) {
		t.Errorf("sent on: %.60q", r.p.Bytes)
	}
	bob.Answer(r.p, small(message.AppendResponse(nil, r.msg, 200, "", "t", nil, nil)))
	if res := c.ph.expect("200"); !bytes.HasPrefix(res.p.Bytes, []byte("SIP/2.0 200 OK\r\n")) {
		t.Errorf("answered: %.60q", res.p.Bytes)
	}
	b.quiet()
}
