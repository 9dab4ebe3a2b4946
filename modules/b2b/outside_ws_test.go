package b2b_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/modules/b2b"
	"github.com/sipscript/sipscript/modules/b2b/control"
	"github.com/sipscript/sipscript/ops/admin"
	"github.com/sipscript/sipscript/ops/openapi"
)

// refuses is a router.
type refuses struct{}

func (refuses) Route(r *engine.Request) error {
	_, err := r.Reply(403, "", nil)
	return err
}

// port is an admin port on loopback, with tokens, over calls of a real engine.
type port struct {
	t         *testing.T
	m         *b2b.B2B
	at        string
	tokens    *admin.Tokens
	file      string
	read, act string // tokens
	lines     map[string]string
}

func newPort(t *testing.T) *port {
	t.Helper()
	p := &port{t: t, file: filepath.Join(t.TempDir(), "tokens"), lines: map[string]string{}}
	p.read, p.lines["reader"] = admin.NewToken("reader", admin.Read)
	p.act, p.lines["actor"] = admin.NewToken("actor", admin.Act)
	p.write(p.lines["reader"], p.lines["actor"])
	m := b2b.New()
	p.m = m
	quiet := slog.New(slog.DiscardHandler)
	eng, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Router: refuses{}, Parts: []engine.Part{m}, Log: quiet})
	if err == nil {
		err = eng.Start()
	}
	if err == nil {
		p.tokens, err = admin.LoadTokens(p.file)
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := admin.New(admin.Options{Addr: "127.0.0.1:0", Figures: prometheus.NewRegistry(), Ready: func() error { return nil }, Status: func() any { return nil },
		Reload: func(context.Context) (int, error) { return 1, nil }, Operations: openapi.Below("/api/v1/b2b", m.API()), Tokens: p.tokens, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	s.Serve()
	p.at = s.Addr().String()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = m.Close()
		_ = s.Close(ctx)
		_ = eng.Shutdown(ctx)
	})
	return p
}

func (p *port) write(lines ...string) {
	p.t.Helper()
	if err := os.WriteFile(p.file, []byte("loopback none\n"+strings.Join(lines, "\n")), 0o600); err != nil {
		p.t.Fatal(err)
	}
	if p.tokens != nil {
		if err := p.tokens.Reload(); err != nil {
			p.t.Fatal(err)
		}
	}
}

// dial connects, with a token and other headers.
func (p *port) dial(token string, headers http.Header, protocols ...string) (*websocket.Conn, *http.Response, error) {
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	h := headers.Clone()
	if h == nil {
		h = http.Header{}
	}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	conn, res, err := websocket.Dial(ctx, "ws://"+p.at+"/api/v1/b2b/control", &websocket.DialOptions{HTTPHeader: h, Subprotocols: protocols})
	if err == nil {
		p.t.Cleanup(func() { _ = conn.CloseNow() })
	}
	return conn, res, err
}

// socket is a client over a real WebSocket.
type socket struct {
	t    *testing.T
	conn *websocket.Conn
}

func (p *port) socket(t *testing.T, token string) *socket {
	t.Helper()
	conn, _, err := p.dial(token, nil, control.Protocol)
	if err != nil {
		t.Fatal(err)
	}
	s := &socket{t, conn}
	s.asks(`{"do":"hello","ref":"hello"}`, "session")
	s.hears("synced")
	return s
}

func (s *socket) write(text string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	if err := s.conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		s.t.Fatal(err)
	}
}

// hears waits for a message with a text in it.
func (s *socket) hears(part string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	for {
		_, text, err := s.conn.Read(ctx)
		if err != nil {
			s.t.Fatalf("waiting for %s: %v", part, err)
		}
		if !json.Valid(text) {
			s.t.Errorf("%s", text)
		}
		if strings.Contains(string(text), part) {
			return
		}
	}
}

func (s *socket) asks(order, answer string) {
	s.t.Helper()
	s.write(order)
	s.hears(answer)
}

// closes waits for the closing frame.
func (s *socket) closes(code int, reason string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	for {
		_, _, err := s.conn.Read(ctx)
		var closed websocket.CloseError
		switch {
		case err == nil:
		case !errors.As(err, &closed):
			s.t.Fatalf("the connection ended without a frame: %v", err)
		case int(closed.Code) != code || closed.Reason != reason:
			s.t.Fatalf("it was closed by %d %q, not %d %q", closed.Code, closed.Reason, code, reason)
		default:
			return
		}
	}
}

// Who gets in, and with what.
func TestWhoConnects(t *testing.T) {
	p := newPort(t)
	for _, c := range []struct {
		name, token string
		headers     http.Header
		code        int
	}{
		{"no token", "", nil, 401},
		{"a wrong one", "guessed", nil, 401},
		{"a reader", p.read, nil, 101},
		{"a page of another site", p.act, http.Header{"Origin": {"https://evil.example.com"}}, 403},
		{"a page of another site, as browsers say", p.act, http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"websocket"}}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, res, err := p.dial(c.token, c.headers, control.Protocol)
			if res == nil || res.StatusCode != c.code {
				t.Errorf("%v %v", res, err)
			}
		})
	}
	t.Run("no WebSocket", func(t *testing.T) {
		r, _ := http.NewRequest(http.MethodGet, "http://"+p.at+"/api/v1/b2b/control", nil)
		r.Header.Set("Authorization", "Bearer "+p.act)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if text, _ := io.ReadAll(res.Body); res.StatusCode != 426 || !strings.Contains(string(text), control.Protocol) {
			t.Errorf("%d %s", res.StatusCode, text)
		}
	})
	t.Run("another version", func(t *testing.T) {
		conn, _, err := p.dial(p.act, nil, "sipscript.calls.v0")
		if err != nil {
			t.Fatal(err)
		}
		(&socket{t, conn}).closes(1008, "expected the subprotocol "+control.Protocol)
	})
}

// What a token may counts when it acts, not when it came.
func TestTokensWithdrawn(t *testing.T) {
	p := newPort(t)
	reader, actor := p.socket(t, p.read), p.socket(t, p.act)
	reader.asks(`{"do":"list","ref":"1"}`, `"ref":"1","result"`)
	reader.asks(`{"do":"originate","ref":"2","target":"sip:x@127.0.0.1:9"}`, `"refused":"may-not-act"`)
	actor.asks(`{"do":"claim","ref":"1","leg":"0.none"}`, `"refused":"no-leg"`)
	p.write(p.lines["reader"], strings.Replace(p.lines["actor"], " act ", " read ", 1))
	actor.asks(`{"do":"claim","ref":"2","leg":"0.none"}`, `"refused":"may-not-act"`)
	p.write(p.lines["reader"])
	actor.closes(4004, control.ReasonGone)
	reader.asks(`{"do":"bye","ref":"3"}`, `"ref":"3"`)
	reader.closes(1000, control.ReasonBye)
}

// How a connection ends, as its client hears it.
func TestConnectionsEnd(t *testing.T) {
	for _, c := range []struct {
		name   string
		does   func(p *port, s *socket)
		code   int
		reason string
	}{
		{"too long", func(_ *port, s *socket) { s.write(`{"do":"list","ref":"` + strings.Repeat("r", 65536) + `"}`) }, 1009, ""},
		{"the server ends", func(p *port, _ *socket) { _ = p.m.Close() }, 1001, control.ReasonShutdown},
		{"binary", func(_ *port, s *socket) { _ = s.conn.Write(s.t.Context(), websocket.MessageBinary, []byte("{}")) }, 1003, control.ReasonBinary},
		{"not UTF-8", func(_ *port, s *socket) { s.write("{\"do\":\"list\",\"ref\":\"a\",\"x\":\"\xff\"}") }, 1007, control.ReasonNotUTF8},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPort(t)
			s := p.socket(t, p.act)
			c.does(p, s)
			if c.reason == "" {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				if _, _, err := s.conn.Read(ctx); websocket.CloseStatus(err) != websocket.StatusCode(c.code) {
					t.Errorf("%v", err)
				}
				return
			}
			s.closes(c.code, c.reason)
		})
	}
}
