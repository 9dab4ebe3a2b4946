package main

// sipscript trace and explain, of a server on loopback.

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// watched is a server whose script refuses all, and what asks it.
type watched struct {
	t     *testing.T
	s     *server
	admin string
	phone net.Conn
}

func watchedServer(t *testing.T, flags ...string) *watched {
	t.Helper()
	script := filepath.Join(t.TempDir(), "route.lua")
	if err := os.WriteFile(script, []byte("function route(req)\n  req:reply(404)\nend\nif sip.args.url then\n  local http = require 'http'\n  function route(req) http.get(sip.args.url .. '/asked') req:reply(404) end\nend\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := parse(t, append([]string{"-l", "udp:127.0.0.1:0", "--admin", "127.0.0.1:0", "--drain", "0s"}, append(flags, script)...), nil, "")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(set, t.Output())
	t.Cleanup(s.close)
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.drain)
	s.state.Store(serving)
	phone, err := net.Dial("udp", s.engine.Locals()[0].Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = phone.Close() })
	return &watched{t, s, s.admin.Addr().String(), phone}
}

// ask sends an OPTIONS and waits for its answer.
func (w *watched) ask(id string) {
	w.t.Helper()
	fmt.Fprintf(w.phone, "OPTIONS sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\nAuthorization: Digest username=\"alice\", response=\"0123456789\"\r\nContent-Length: 0\r\n\r\n", w.phone.LocalAddr(), id, id)
	_ = w.phone.SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := w.phone.Read(make([]byte, 2000)); err != nil || n == 0 {
		w.t.Fatal(err)
	}
}

// run runs a command against the server.
func (w *watched) run(args ...string) (out string, code int) {
	var stdout, stderr bytes.Buffer
	args = append([]string{"sipscript", args[0], "--admin", w.admin}, args[1:]...)
	code = execute(args, environment{stdout: &stdout, stderr: &stderr, lookup: func(string) (string, bool) { return "", false }})
	return stdout.String() + stderr.String(), code
}

func TestExplain(t *testing.T) {
	w := watchedServer(t)
	w.ask("one")
	w.ask("two")
	pcap := filepath.Join(t.TempDir(), "x.pcapng")
	for _, c := range []struct {
		name     string
		args     []string
		code     int
		contains []string
	}{
		{"by Call-ID", []string{"one"}, 0, []string{"The OPTIONS request one was begun by sip:alice@example.com", "It failed: the caller got 404", "route.lua:2: the script calls reply with 404", "seconds", "|-- OPTIONS 1 -", "404 Not Found (OPTIONS 1)"}},
		{"the last that failed", []string{"--last-failed"}, 0, []string{"request two was"}},
		{"by a user", []string{"--user", "alice"}, 0, []string{"request two was"}},
		{"messages", []string{"--messages", "one"}, 0, []string{"received 127.0.0.1:", `response="**********"`}},
		{"a capture", []string{"--pcap", pcap, "one"}, 0, []string{"It failed"}},
		{"a capture that is there", []string{"--pcap", pcap, "one"}, 1, []string{"there is such a file already"}},
		{"a spec", []string{"--spec", "one"}, 0, []string{`local alice = t.ua("sip:alice@example.com")`, ":expect(404)", "route_spec.lua"}},
		{"JSON", []string{"--json", "one"}, 0, []string{`"call_id": "one"`}},
		{"an unknown call", []string{"three"}, 1, []string{"no call three is remembered"}},
		{"nothing that is chosen", []string{"--method", "INVITE"}, 1, []string{"remembers no such call"}},
		{"nothing said", nil, 2, []string{"name a call by its CALL-ID"}},
		{"a bad filter", []string{"--code", "x"}, 1, []string{"expected one such as 486"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, code := w.run(append([]string{"explain"}, c.args...)...)
			if code != c.code {
				t.Errorf("code %d", code)
			}
			for _, want := range c.contains {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not in\n%s", want, out)
				}
			}
			if strings.Contains(out, "0123") {
				t.Errorf("a secret: %s", out)
			}
		})
	}
	if info, err := os.Stat(pcap); err != nil || info.Size() < 500 || info.Mode().Perm() != 0o600 {
		t.Errorf("the capture: %v %v", info, err)
	}
}

// lines is what a command has printed so far.
type lines struct {
	mu    sync.Mutex
	text  bytes.Buffer  // guarded by mu
	wrote chan struct{} // capacity 1
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.wrote <- struct{}{}:
	default:
	}
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Calls are shown as they happen, as far as the filters choose them.
func TestTrace(t *testing.T) {
	w := watchedServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &lines{wrote: make(chan struct{}, 1)}
	ended := make(chan error, 1)
	go func() {
		env := environment{stdout: out, stderr: t.Output(), lookup: func(string) (string, bool) { return "", false }}
		ended <- newApp(env).RunContext(ctx, []string{"sipscript", "trace", "--admin", w.admin, "--call-id", "wanted"})
	}()
	deadline := time.After(time.Minute)
	for n := 0; !strings.Contains(out.String(), "404 Not Found"); n++ {
		w.ask(fmt.Sprint("other-", n)) // until the command watches
		w.ask(fmt.Sprint("wanted-", n))
		select {
		case <-out.wrote:
		case err := <-ended:
			t.Fatal(err)
		case <-deadline:
			t.Fatalf("nothing came:\n%s", out)
		case <-time.After(50 * time.Millisecond):
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if text := out.String(); strings.Contains(text, "other-") || !strings.Contains(text, "-- OPTIONS 1 -") || !strings.Contains(text, "reply  route.lua:2") {
		t.Errorf("%s", text)
	}
}

func TestRingFlag(t *testing.T) {
	for _, c := range []struct {
		value, want string
		size        int
	}{
		{"64MiB", "", 64 << 20}, {"0", "", 0}, {"12", "--ring 12: expected a size of at least 1MiB", 0}, {"1KiB", "--ring 1KiB", 0},
	} {
		t.Run(c.value, func(t *testing.T) {
			set, err := parse(t, []string{"--ring", c.value}, nil, "")
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || set.ring != c.size {
				t.Errorf("%v, %v", set, err)
			}
		})
	}
	if set, err := parse(t, nil, nil, ""); err != nil || set.ring != 32<<20 {
		t.Errorf("by default: %v", err)
	}
	w := watchedServer(t, "--ring", "0")
	w.ask("one")
	if out, code := w.run("explain", "one"); code != 1 || !strings.Contains(out, "--ring 0") {
		t.Errorf("%d %s", code, out)
	}
}

// With --hep all messages go to a capture server, also without a ring that can be asked.
func TestHEPFlag(t *testing.T) {
	for _, c := range []struct{ value, id, want string }{
		{"127.0.0.1:9060", "0", "--hep 127.0.0.1:9060: expected udp:HOST:PORT"}, {"http:127.0.0.1:9060", "0", "expected udp:"}, {"tls:x", "0", "expected udp:"},
		{"udp:127.0.0.1:9060", "4294967296", "--hep-id 4294967296: expected a number up to"},
	} {
		t.Run(c.value+" "+c.id, func(t *testing.T) {
			if _, err := parse(t, []string{"--hep", c.value, "--hep-id", c.id}, nil, ""); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	w := watchedServer(t, "--ring", "0", "--hep", "udp:"+server.LocalAddr().String(), "--hep-id", "7")
	w.ask("one")
	buf := make([]byte, 65536)
	for _, want := range []string{"OPTIONS sip:bob", "route.lua:2 reply 404", "SIP/2.0 404 Not Found"} {
		_ = server.SetReadDeadline(time.Now().Add(time.Minute))
		n, _, err := server.ReadFrom(buf)
		if err != nil || !bytes.HasPrefix(buf[:n], []byte("HEP3")) || !bytes.Contains(buf[:n], []byte(want)) || bytes.Contains(buf[:n], []byte("0123")) {
			t.Errorf("%q is not in %q: %v", want, buf[:n], err)
		}
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		families, err := w.s.figures.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "sipscript_hep_sent_total" && f.GetMetric()[0].GetCounter().GetValue() == 3 {
				return
			}
		}
	}
	t.Error("what was sent is not counted")
}

// Over TLS, the capture server's certificate is looked at as --tls-ca says.
func TestHEPOverTLS(t *testing.T) {
	cert, key := pair(t, time.Now().Add(time.Hour))
	both, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	server, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{both}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	w := watchedServer(t, "--hep", "tls:"+server.Addr().String(), "--tls-ca", cert)
	w.ask("one")
	c, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	buf := make([]byte, 6)
	if _, err := io.ReadFull(c, buf); err != nil || !bytes.HasPrefix(buf, []byte("HEP3")) {
		t.Errorf("%q: %v", buf, err)
	}
}

// With --otlp a span tells of a call, and what the script asks by HTTP is part of its trace.
func TestOTLPFlag(t *testing.T) {
	if _, err := parse(t, []string{"--otlp", "127.0.0.1:4318"}, nil, ""); err == nil || !strings.Contains(err.Error(), "--otlp: expected a URL") {
		t.Errorf("%v", err)
	}
	var mu sync.Mutex
	got := map[string]string{} // guarded by mu: by path
	outside := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		text, _ := io.ReadAll(r.Body)
		got[r.URL.Path] = r.Header.Get("Traceparent") + string(text)
	}))
	defer outside.Close()
	w := watchedServer(t, "--ring", "0", "--otlp", outside.URL, "--set", "url="+outside.URL)
	w.ask("one")
	if err := w.s.memory.otel.Close(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	parts := strings.Split(got["/asked"], "-")
	if len(parts) != 4 || !strings.Contains(got["/v1/traces"], `"traceId":"`+parts[1]+`","spanId":"`+parts[2]+`"`) || !strings.Contains(got["/v1/traces"], "received OPTIONS") {
		t.Errorf("%v", got)
	}
}
