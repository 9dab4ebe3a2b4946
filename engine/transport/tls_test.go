//go:build unix

package transport

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestTLSInBothDirections(t *testing.T) {
	a := newAuthority(t)
	r := newRecorder(answer)
	s := serve(t, r, a.options(a.issue("b.example")), "tls:127.0.0.1:0", "tls:[::1]:0")
	for _, l := range s.Locals() {
		c := mustDialTLS(t, l.Addr, a.client("b.example"))
		in := bufio.NewReader(c)
		for i, body := range []int{0, 10, 1500, 20000, 60000, 5} {
			echoes(t, c, in, i, body)
		}
	}
	back := newRecorder(nil)
	from := serve(t, back, a.options(a.issue("a.example")), "tls:127.0.0.1:0")
	to := &Peer{Kind: TLS, Addr: s.Locals()[0].Addr, ServerName: "B.example."}
	for i := range 20 {
		if err := from.Send(to, []byte(request(i, 3000*i)), failures(nil)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 {
		got := await(t, back.msgs)
		if got.text != request(i, 3000*i) || got.Kind != TLS || !slices.Equal(got.Identity, []string{"b.example"}) {
			t.Fatalf("%d: %.60q, %+v", i, got.text, got.Identity)
		}
	}
	if st := from.Stats(TLS); st.Connected != 1 || st.MessagesOut != 20 {
		t.Errorf("%+v", st)
	}
}

func TestTrap12IdentitiesDoNotMix(t *testing.T) {
	a := newAuthority(t)
	r := newRecorder(nil)
	s := serve(t, r, a.options(a.issue("a.example"), a.issue("b.example")), "tls:127.0.0.1:0")
	from := serve(t, newRecorder(nil), a.options(a.issue("c.example")), "tls:127.0.0.1:0")
	flows := map[string]FlowID{}
	for i, name := range []string{"a.example", "b.example", "A.EXAMPLE", "b.example.", "a.example"} {
		if err := from.Send(&Peer{Kind: TLS, Addr: s.Locals()[0].Addr, ServerName: name}, []byte(request(i, 0)), nil); err != nil {
			t.Fatal(err)
		}
		got := await(t, r.msgs)
		if name = canonicalName(name); flows[name] == 0 {
			flows[name] = got.Flow
		}
		if flows[name] != got.Flow {
			t.Errorf("%s came on another connection", name)
		}
	}
	if len(flows) != 2 || flows["a.example"] == flows["b.example"] {
		t.Errorf("flows %v", flows)
	}
	// A connection that is there does not make up for a name nobody has proven.
	f := make(failures, 1)
	if err := from.Send(&Peer{Kind: TLS, Addr: s.Locals()[0].Addr, ServerName: "c.example"}, []byte(request(9, 0)), f); err != nil {
		t.Fatal(err)
	}
	if err := await(t, f); !strings.Contains(err.Error(), "not for c.example") {
		t.Error(err)
	}
}

// The table of RFC 5922 §7.1 and §7.2.
func TestServerMustProveItsName(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	expired := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }
	sipOnly := func(c *x509.Certificate) {
		c.ExtKeyUsage, c.UnknownExtKeyUsage = nil, append(c.UnknownExtKeyUsage, sipDomainUsage)
	}
	named := func(c *x509.Certificate) { c.Subject.CommonName = "b.example" }
	for _, tt := range []struct {
		what string
		cert tls.Certificate
		name string
		want string // in the error; "": accepted
	}{
		{"DNS name", a.issue("x.example", "b.example"), "b.example", ""},
		{"case", a.issue("B.Example"), "b.exAMPLE", ""},
		{"sip URI", a.issue("sip:b.example"), "b.example", ""},
		{"sip URI for SIP alone", a.issueWith(sipOnly, "sip:b.example"), "b.example", ""},
		{"sip URI beside DNS name", a.issue("sip:b.example", "c.example"), "b.example", ""},
		{"address", a.issue("127.0.0.1"), "", ""},
		{"address as name", a.issue("127.0.0.1"), "127.0.0.1", ""},
		{"DNS name beside sip URI", a.issue("sip:c.example", "b.example"), "b.example", "not for b.example"},
		{"URI with user", a.issue("sip:user@b.example"), "b.example", "not for b.example"},
		{"sips URI", a.issue("sips:b.example"), "b.example", "not for b.example"},
		{"wildcard", a.issue("*.example"), "b.example", "not for b.example"},
		{"parent", a.issue("example"), "b.example", "not for b.example"},
		{"child", a.issue("a.b.example"), "b.example", "not for b.example"},
		{"common name", a.issueWith(named), "b.example", "not for b.example"},
		{"other name", a.issue("c.example"), "b.example", "not for b.example"},
		{"no address", a.issue("b.example"), "", "not for the address 127.0.0.1"},
		{"other address", a.issue("127.0.0.2"), "", "not for the address 127.0.0.1"},
		{"expired", a.issueWith(expired, "b.example"), "b.example", "expired"},
		{"unknown authority", other.issue("b.example"), "b.example", "unknown authority"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			r := newRecorder(nil)
			s := serve(t, r, a.options(tt.cert), "tls:127.0.0.1:0")
			from := serve(t, newRecorder(nil), a.options(a.issue("a.example")), "tls:127.0.0.1:0")
			f := make(failures, 1)
			if err := from.Send(&Peer{Kind: TLS, Addr: s.Locals()[0].Addr, ServerName: tt.name}, []byte(request(1, 0)), f); err != nil {
				t.Fatal(err)
			}
			if tt.want == "" {
				select {
				case <-r.msgs:
				case err := <-f:
					t.Error(err)
				}
				return
			}
			if err := await(t, f); !strings.Contains(err.Error(), tt.want) {
				t.Error(err)
			}
			if held(from) != 0 || len(r.msgs) != 0 {
				t.Error("the connection is kept, or was used")
			}
		})
	}
}

func TestIdentitiesOfOddURIs(t *testing.T) {
	for opaque, want := range map[string][]string{
		"example.com": {"example.com"}, "Example.COM;transport=tls": {"example.com"}, "a@b": nil, "": nil, "exa mple": nil,
	} {
		t.Run(opaque, func(t *testing.T) {
			got := identities(&x509.Certificate{URIs: []*url.URL{{Scheme: "SIP", Opaque: opaque}}})
			if !slices.Equal(got, want) {
				t.Errorf("%q: %q", opaque, got)
			}
		})
	}
	if got := identities(&x509.Certificate{DNSNames: []string{"*.example.com", "A.example.com"}}); !slices.Equal(got, []string{"a.example.com"}) {
		t.Errorf("%q", got)
	}
}

func TestCertificateBySNI(t *testing.T) {
	a := newAuthority(t)
	s := serve(t, newRecorder(answer), a.options(
		a.issue("first.example"), a.issue("*.wild.example"), a.issue("sip:uri.example", "web.example"), a.issue("one.wild.example")), "tls:127.0.0.1:0")
	for name, want := range map[string]string{
		"first.example": "first.example", "two.wild.example": "*.wild.example", "one.wild.example": "one.wild.example",
		"uri.example": "web.example", "web.example": "web.example", "unknown.example": "first.example", "": "first.example",
	} {
		t.Run(name, func(t *testing.T) {
			var got string
			c := &tls.Config{ServerName: name, InsecureSkipVerify: true, VerifyConnection: func(cs tls.ConnectionState) error {
				got = cs.PeerCertificates[0].DNSNames[0]
				return nil
			}}
			mustDialTLS(t, s.Locals()[0].Addr, c)
			if got != want {
				t.Errorf("%q: %s", name, got)
			}
		})
	}
}

func TestMutualTLS(t *testing.T) {
	a, clients := newAuthority(t), newAuthority(t)
	late := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }
	good, bad, old := clients.issue("sip:peer.example"), a.issue("sip:peer.example"), clients.issueWith(late, "peer.example")
	for name, tt := range map[string]struct {
		auth ClientAuth
		cert []tls.Certificate
		ok   bool
		id   []string
	}{
		"required":            {ClientAuthDefault, []tls.Certificate{good}, true, []string{"peer.example"}},
		"required, none":      {ClientAuthDefault, nil, false, nil},
		"required, unknown":   {ClientAuthRequired, []tls.Certificate{bad}, false, nil},
		"required, expired":   {ClientAuthRequired, []tls.Certificate{old}, false, nil},
		"optional":            {ClientAuthOptional, []tls.Certificate{good}, true, []string{"peer.example"}},
		"optional, none":      {ClientAuthOptional, nil, true, nil},
		"optional, unknown":   {ClientAuthOptional, []tls.Certificate{bad}, false, nil},
		"not asked for, none": {ClientAuthNone, nil, true, nil},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(name, func(t *testing.T) {
				r := newRecorder(nil)
				m := &TLSMaterial{Certificates: []tls.Certificate{a.issue("b.example")}, ClientCAs: clients.pool()}
				o := Options{TLS: TLSOptions{ClientAuth: tt.auth, Load: func() (*TLSMaterial, error) { return m, nil }}}
				s := serve(t, r, o, "tls:127.0.0.1:0")
				conf := a.client("b.example")
				conf.MaxVersion = version
				conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					if len(tt.cert) == 0 {
						return &tls.Certificate{}, nil
					}
					return &tt.cert[0], nil // also one that the server has not asked for
				}
				c, err := dialTLS(t, s.Locals()[0].Addr, conf)
				if tt.ok {
					if err != nil {
						t.Fatal(err)
					}
					write(t, c, request(1, 0))
					got := await(t, r.msgs)
					if !slices.Equal(got.Identity, tt.id) || !slices.Equal(s.FlowIdentity(got.Flow), tt.id) {
						t.Errorf("identity %q", got.Identity)
					}
					return
				}
				if err == nil { // TLS 1.3 tells the client with the first reading
					_, err = c.Read(make([]byte, 1))
				}
				if err == nil || !strings.Contains(err.Error(), "tls:") {
					t.Errorf("%v", err)
				}
				until(t, "counted", func() bool { return s.Stats(TLS).HandshakeErrors == 1 && held(s) == 0 })
			})
		}
	}
}

func TestOldVersionsAreRefused(t *testing.T) {
	a := newAuthority(t)
	s := serve(t, newRecorder(nil), a.options(a.issue("b.example")), "tls:127.0.0.1:0")
	conf := a.client("b.example")
	conf.MinVersion, conf.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if _, err := dialTLS(t, s.Locals()[0].Addr, conf); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

func TestCertificatesAreReloadedWhileTrafficFlows(t *testing.T) {
	a := newAuthority(t)
	var mu sync.Mutex
	files := a.files(a.issue("old.example"))
	var loadErr error
	o := Options{TLS: TLSOptions{Load: func() (*TLSMaterial, error) {
		mu.Lock()
		defer mu.Unlock()
		if loadErr != nil {
			return nil, loadErr
		}
		return LoadTLS([]TLSFiles{files}, "")
	}}}
	s := serve(t, newRecorder(answer), o, "tls:127.0.0.1:0")
	to := s.Locals()[0].Addr
	conf := a.client("old.example")
	conf.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	c := mustDialTLS(t, to, conf)
	in := bufio.NewReader(c)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { // ends with stop
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := c.Write([]byte(request(i, 100))); err != nil {
				t.Error(err)
				return
			}
			if text, err := readMessage(in); err != nil || number(text) != i {
				t.Errorf("%q, %v", text, err)
				return
			}
		}
	}()
	mu.Lock()
	files = a.files(a.issue("new.example"))
	mu.Unlock()
	if err := s.ReloadCertificates(); err != nil {
		t.Fatal(err)
	}
	fresh := mustDialTLS(t, to, a.client("new.example"))
	echoes(t, fresh, bufio.NewReader(fresh), 1, 0)
	if _, err := dialTLS(t, to, conf); err == nil {
		t.Error("the old certificate, or a session of it, is still good")
	}
	mu.Lock()
	loadErr = errors.New("no such file")
	mu.Unlock()
	if err := s.ReloadCertificates(); !errors.Is(err, loadErr) {
		t.Error(err)
	}
	mustDialTLS(t, to, a.client("new.example"))
	close(stop)
	await(t, done)
}

func TestTLSFilesSayWhatIsWrong(t *testing.T) {
	a := newAuthority(t)
	one, two := a.files(a.issue("a.example")), a.files(a.issue("b.example"))
	one.ClientCA = a.file()
	if m, err := LoadTLS([]TLSFiles{one, two}, a.file()); err != nil || len(m.Certificates) != 2 || m.ClientCAs == nil || m.RootCAs == nil {
		t.Fatalf("%+v, %v", m, err)
	}
	for want, f := range map[string]TLSFiles{
		"both":                        {Cert: one.Cert},
		"/none.pem: no such file":     {Cert: "/none.pem", Key: one.Key},
		"/no.key: no such file":       {Cert: one.Cert, Key: "/no.key"},
		"does not match":              {Cert: one.Cert, Key: two.Key},
		"failed to find":              {Cert: one.Key, Key: one.Key},
		"no certificate in PEM form":  {Cert: one.Cert, Key: one.Key, ClientCA: one.Key},
		"authorities: open /none.pem": {Cert: one.Cert, Key: one.Key, ClientCA: "/none.pem"},
	} {
		t.Run(want, func(t *testing.T) {
			if _, err := LoadTLS([]TLSFiles{f}, ""); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v", want, err)
			}
		})
	}
	s := NewStack(newRecorder(nil), Options{})
	defer closeNow(s)
	if err := s.Listen([]ListenSpec{{Kind: TLS, Addr: netip.MustParseAddrPort("127.0.0.1:0")}}); err == nil || !strings.Contains(err.Error(), "--tls-cert") {
		t.Error(err)
	}
}

// Lanes that wait lend the reader in the middle of what was decrypted.
func TestTLSLentReaderGoesOn(t *testing.T) {
	a := newAuthority(t)
	opts := a.options(a.issue("b.example"))
	for name, size := range map[string]func(int) int{
		"small": func(i int) int { return i % 50 }, "mixed": func(i int) int { return i * 37 % 9000 },
	} {
		t.Run(name, func(t *testing.T) {
			waitsWith(t, 150, size, "tls", opts, func(s *Stack, text string) {
				c := mustDialTLS(t, s.Locals()[0].Addr, a.client("b.example"))
				go c.Write([]byte(text)) // ends when all is taken, or with the connection
			})
		})
	}
}

func TestTrap11OverTLS(t *testing.T) {
	a := newAuthority(t)
	r := newRecorder(nil)
	s := serve(t, r, a.options(a.issue("b.example")), "tls:127.0.0.1:0")
	c := mustDialTLS(t, s.Locals()[0].Addr, a.client("b.example"))
	text := request(1, 0)
	write(t, c, text[:len(text)-4])
	write(t, c, "\r\n\r\n") // the end of a message in a record of its own
	if got := await(t, r.msgs); got.text != text {
		t.Errorf("%q", got.text)
	}
	write(t, c, "\r\n\r\n")
	b := make([]byte, 2)
	if _, err := c.Read(b); err != nil || string(b) != "\r\n" {
		t.Errorf("%q, %v", b, err)
	}
	if n := s.Stats(TLS).Keepalives; n != 1 {
		t.Errorf("%d keepalives", n)
	}
}
