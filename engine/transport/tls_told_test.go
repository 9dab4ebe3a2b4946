package transport

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// told is a log that a test reads while a stack writes it.
type told struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *told) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *told) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Names that do not fit are told by one line, on either side, and not again for the same address.
func TestNamesThatDoNotFitAreTold(t *testing.T) {
	a := newAuthority(t)
	for _, row := range []struct {
		name string
		meet func(t *testing.T, s *Stack)
		want string
	}{
		{"a server with another name", func(t *testing.T, s *Stack) {
			f := make(failures, 1)
			other := serve(t, newRecorder(nil), a.options(a.issue("c.example")), "tls:127.0.0.1:0")
			if err := s.Send(&Peer{Kind: TLS, Addr: other.Locals()[0].Addr, ServerName: "b.example"}, []byte(request(1, 0)), f); err != nil {
				t.Fatal(err)
			}
			await(t, f)
		}, `msg="a TLS server is not who it should be" transport=tls peer=127.0.0.1:`},
		{"a client that asks for another name", func(t *testing.T, s *Stack) {
			c := mustDialTLS(t, s.Locals()[0].Addr, &tls.Config{ServerName: "x.example", InsecureSkipVerify: true})
			_ = c
		}, "host=x.example"},
		{"a client that does not believe", func(t *testing.T, s *Stack) {
			if _, err := dialTLS(t, s.Locals()[0].Addr, newAuthority(t).client("a.example")); err == nil {
				t.Fatal("it believes")
			}
		}, `msg="a TLS client does not believe our certificate"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			log := &told{}
			o := a.options(a.issue("a.example"))
			o.Log = slog.New(slog.NewTextHandler(log, nil))
			var mu sync.Mutex
			said := map[string]bool{}
			o.May = func(what string, from netip.Addr) (int, bool) {
				mu.Lock()
				defer mu.Unlock()
				again := said[what+from.String()]
				said[what+from.String()] = true
				return 0, !again
			}
			s := serve(t, newRecorder(nil), o, "tls:127.0.0.1:0")
			for range 2 {
				row.meet(t, s)
			}
			until(t, "it is told", func() bool { return strings.Contains(log.String(), row.want) })
			if n := strings.Count(log.String(), row.want); n != 1 {
				t.Errorf("%d times in %s", n, log)
			}
		})
	}
}
