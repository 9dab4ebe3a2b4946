package hep

// The way to the capture server: over streams, while it is away, and when it is back.

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
)

// collector is a capture server.
type collector struct {
	t    *testing.T
	to   string       // as of --hep
	list net.Listener // of streams
	conn net.Conn     // the last one that was accepted
	udp  net.PacketConn
}

// listen is a capture server over udp, tcp or tls, at a port of the system's choice.
func listen(t *testing.T, network string) *collector {
	return listenAt(t, network, "127.0.0.1:0")
}

func listenAt(t *testing.T, network, addr string) *collector {
	t.Helper()
	s, err := &collector{t: t}, error(nil)
	switch network {
	case "udp":
		s.udp, err = net.ListenPacket("udp", addr)
	case "tls":
		s.list, err = tls.Listen("tcp", addr, &tls.Config{Certificates: web(t).TLS.Certificates})
	default:
		s.list, err = net.Listen("tcp", addr)
	}
	if err != nil {
		t.Fatal(err)
	}
	if s.udp != nil {
		s.to = "udp:" + s.udp.LocalAddr().String()
	} else {
		s.to = network + ":" + s.list.Addr().String()
	}
	t.Cleanup(s.close)
	return s
}

var server *httptest.Server

// web has a certificate for 127.0.0.1, and knows who issued it.
func web(t *testing.T) *httptest.Server {
	t.Helper()
	if server == nil {
		server = httptest.NewTLSServer(nil)
		server.Close()
	}
	return server
}

func (s *collector) close() {
	if s.udp != nil {
		s.udp.Close()
		return
	}
	s.list.Close()
	if s.conn != nil {
		s.conn.Close()
	}
}

// packet is the text of the next one.
func (s *collector) packet() string {
	s.t.Helper()
	b := make([]byte, 65536)
	if s.udp != nil {
		_ = s.udp.SetReadDeadline(time.Now().Add(time.Minute))
		n, _, err := s.udp.ReadFrom(b)
		if err != nil {
			s.t.Fatal(err)
		}
		return string(chunks(s.t, b[:n])[chunkPayload])
	}
	if s.conn == nil {
		var err error
		if s.conn, err = s.list.Accept(); err != nil {
			s.t.Fatal(err)
		}
	}
	_ = s.conn.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadFull(s.conn, b[:6]); err != nil {
		s.t.Fatal(err)
	}
	n := binary.BigEndian.Uint16(b[4:])
	if _, err := io.ReadFull(s.conn, b[6:n]); err != nil {
		s.t.Fatal(err)
	}
	return string(chunks(s.t, b[:n])[chunkPayload])
}

// still is an Exporter that does nothing by itself.
func still(t *testing.T, o Options) *Exporter {
	t.Helper()
	e, err := prepare(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.link.close)
	return e
}

func trusting(t *testing.T) func() (*tls.Config, error) {
	pool := x509.NewCertPool()
	pool.AddCert(web(t).Certificate())
	return func() (*tls.Config, error) { return &tls.Config{RootCAs: pool}, nil }
}

// Over a stream, packets follow each other; after the capture server was away, those come that were
// recorded meanwhile.
func TestStreams(t *testing.T) {
	for _, network := range []string{"tcp", "tls"} {
		t.Run(network, func(t *testing.T) {
			r, o := recorder(t)
			s := listen(t, network)
			var log bytes.Buffer
			e := still(t, Options{Ring: r, To: s.to, TLS: trusting(t), Log: slog.New(slog.NewTextHandler(&log, nil))})
			told := func(id string) { o.Message(&engine.Observed{Bytes: []byte(message(id))}) }
			flushed := make(chan struct{})
			flush := func() {
				go func() { e.flush(t.Context()); flushed <- struct{}{} }()
			}
			heard := func(s *collector, id string) {
				t.Helper()
				if got := s.packet(); !strings.Contains(got, "Call-ID: "+id+"\r\n") {
					t.Errorf("%q, expected %s", got, id)
				}
			}
			told("one")
			told("two")
			flush()
			heard(s, "one")
			heard(s, "two")
			<-flushed
			s.close()
			<-e.link.gone
			told("three")
			flush()
			<-flushed
			e.link.retry = time.Time{}
			flush()
			<-flushed
			if e.Up() {
				t.Error("it is up")
			}
			again := listenAt(t, network, s.list.Addr().String())
			e.link.retry = time.Time{}
			flush()
			heard(again, "three")
			<-flushed
			if e.Sent() != 3 || e.Dropped() != 0 || !e.Up() {
				t.Errorf("sent %d, dropped %d", e.Sent(), e.Dropped())
			}
			if text := log.String(); strings.Count(text, "level=WARN") != 1 || strings.Count(text, "again") != 1 {
				t.Errorf("the log is %s", text)
			}
		})
	}
}

// A port where nobody listens refuses datagrams, of which the first is lost each time.
func TestRefusedDatagrams(t *testing.T) {
	r, o := recorder(t)
	s := listen(t, "udp")
	s.close()
	var log bytes.Buffer
	e := still(t, Options{Ring: r, To: s.to, Log: slog.New(slog.NewTextHandler(&log, nil))})
	for n := range 200 { // the refusal comes in its own time
		o.Message(&engine.Observed{Bytes: []byte(message(strings.Repeat("x", n+1)))})
		if e.flush(t.Context()); !e.Up() {
			break
		}
	}
	again := listenAt(t, "udp", strings.TrimPrefix(s.to, "udp:"))
	o.Message(&engine.Observed{Bytes: []byte(message("there"))})
	e.link.retry, e.link.wait = time.Time{}, 0
	e.flush(t.Context())
	for !strings.Contains(again.packet(), "Call-ID: there\r\n") {
	}
	e.link.made = e.link.made.Add(-refusal)
	o.Message(&engine.Observed{Bytes: []byte(message("still"))})
	e.flush(t.Context())
	if e.Dropped() == 0 || strings.Count(log.String(), "level=WARN") != 1 || strings.Count(log.String(), "again") != 1 {
		t.Errorf("%d dropped; the log is %s", e.Dropped(), log.String())
	}
}

// Who is not to be believed gets nothing, and a server that is away keeps nobody from ending.
func TestNoWay(t *testing.T) {
	s := listen(t, "tls")
	go func() {
		for {
			c, err := s.list.Accept()
			if err != nil {
				return
			}
			_ = c.(*tls.Conn).HandshakeContext(context.Background())
			_ = c.Close()
		}
	}()
	gone := listen(t, "tcp")
	gone.close()
	for _, c := range []struct {
		name, to string
		tls      func() (*tls.Config, error)
		want     string
	}{
		{"an unknown authority", s.to, nil, "certificate"},
		{"no files", s.to, func() (*tls.Config, error) { return nil, errors.New("no such file") }, "no such file"},
		{"nobody there", gone.to, nil, "refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, o := recorder(t)
			var log bytes.Buffer
			e, err := New(Options{Ring: r, To: c.to, TLS: c.tls, Log: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			o.Message(&engine.Observed{Bytes: []byte(message("one"))})
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			if e.Sent() != 0 || !strings.Contains(log.String(), c.want) {
				t.Errorf("sent %d; the log is %s", e.Sent(), log.String())
			}
		})
	}
}

func TestCheckTo(t *testing.T) {
	for _, to := range []string{"udp:127.0.0.1:9060", "tcp:homer.example.com:9060", "tls:[2001:db8::1]:9061"} {
		if err := CheckTo(to); err != nil {
			t.Errorf("%s: %v", to, err)
		}
	}
	for _, to := range []string{"", "127.0.0.1:9060", "http:127.0.0.1:9060", "udp:", "udp:x", "udp::9060", "tcp:x:0", "tcp:x:sip", "tls:x:65536"} {
		if err := CheckTo(to); err == nil || !strings.Contains(err.Error(), "tls:HOST:PORT") {
			t.Errorf("%s: %v", to, err)
		}
	}
}
