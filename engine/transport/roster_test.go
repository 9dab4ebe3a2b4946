package transport

import (
	"bufio"
	"crypto/tls"
	"net/netip"
	"testing"
)

// spec reads a listener.
func spec(t *testing.T, text string) ListenSpec {
	t.Helper()
	s, err := ParseListen(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestListenersComeAndGo(t *testing.T) {
	r := newRecorder(func(s *Stack, in *Inbound) {
		_ = s.Send(&Peer{Kind: in.Kind, Addr: in.Source, Local: in.Local, Flow: in.Flow}, in.Bytes, nil)
	})
	s := serve(t, r, Options{}, "udp:127.0.0.1:0")
	stays := s.Locals()[0]
	for _, kind := range []string{"tcp", "ws", "udp"} {
		t.Run(kind, func(t *testing.T) {
			l, err := s.Add(spec(t, kind+":127.0.0.1:0"))
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Locals()) != 2 || s.Known()[l.Index] != l || l.Standing() != Serving {
				t.Fatalf("%v", s.Locals())
			}
			if kind == "tcp" {
				c := dial(t, l.Addr)
				in := bufio.NewReader(c)
				echoes(t, c, in, 1, 10)
				if err := s.Retire(l); err != nil {
					t.Fatal(err)
				}
				echoes(t, c, in, 2, 10) // while it leaves
				if to := (&Peer{Kind: TCP, Addr: addrPortOf(c.LocalAddr())}); s.Choose(to) != nil {
					t.Error("something new would leave from it")
				}
				s.Release(l)
				closedByPeer(t, c)
			} else {
				if err := s.Retire(l); err != nil {
					t.Fatal(err)
				}
				s.Release(l)
			}
			if s.roster.Load().sockets[l.Index] != nil {
				t.Error("its buffers are kept")
			}
			if l.Standing() != Gone || s.Retire(l) == nil || len(s.Locals()) != 1 {
				t.Errorf("%v %v", l.Standing(), s.Locals())
			}
			if l.Kind == UDP && s.Choose(&Peer{Kind: UDP, Addr: netip.MustParseAddrPort("127.0.0.1:1"), Local: l}) != stays {
				t.Error("what names it does not leave from another one")
			}
			until(t, "the address is free", func() bool {
				again, err := s.Add(spec(t, kind+":"+l.Addr.String()))
				if err != nil {
					return false
				}
				if again.Index != l.Index || again == l {
					t.Errorf("place %d, was %d", again.Index, l.Index)
				}
				_ = s.Retire(again)
				s.Release(again)
				return true
			})
		})
	}
}

func TestAddedCertificate(t *testing.T) {
	a := newAuthority(t)
	s := serve(t, newRecorder(nil), Options{}, "udp:127.0.0.1:0")
	if _, err := s.Add(spec(t, "tls:127.0.0.1:0")); err == nil {
		t.Fatal("there was no certificate")
	}
	if err := s.AddCertificate(TLSFiles{Cert: "nowhere", Key: "nowhere"}); err == nil {
		t.Fatal("there is no such file")
	}
	for _, name := range []string{"a.example", "b.example"} {
		if err := s.AddCertificate(a.files(a.issue(name))); err != nil {
			t.Fatal(err)
		}
	}
	l, err := s.Add(spec(t, "tls:127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.example", "b.example"} {
		t.Run(name, func(t *testing.T) {
			c := mustDialTLS(t, l.Addr, &tls.Config{ServerName: name, RootCAs: a.pool()})
			if got := c.ConnectionState().PeerCertificates[0].DNSNames[0]; got != name {
				t.Error(got)
			}
		})
	}
}
