package auth

// This file tests with digest clients that are not ours: icholy/digest, and sipgo's over sockets on
// loopback.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// Each algorithm and qop it knows, for 401 and 407.
func TestIcholyDigest(t *testing.T) {
	for _, algorithm := range []Algorithm{MD5, SHA256, SHA512256} {
		for _, qop := range []string{"auth", "auth-int", "none"} {
			for _, proxy := range []bool{false, true} {
				t.Run(fmt.Sprint(algorithm, " ", qop, " ", proxy), func(t *testing.T) {
					d := newDesk(t, policyOf(func(p *Policy) { p.Algorithms, p.QOP = []Algorithm{algorithm}, []string{qop} }))
					challenge, err := digest.ParseChallenge(d.Challenges(Challenge{Realm: "example.com", Source: home, Now: d.now})[0])
					if err != nil {
						t.Fatal(err)
					}
					c := client{method: "MESSAGE", uri: "sip:bob@example.com", body: "hello"}.filled()
					for n := 1; n <= 3; n++ {
						o := digest.Options{Method: c.method, URI: c.uri, Username: "alice", Password: "open sesame", Count: n,
							GetBody: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(c.body)), nil }}
						creds, err := digest.Digest(challenge, o)
						if err != nil {
							t.Fatal(err)
						}
						name := map[bool]string{false: "Authorization: ", true: "Proxy-Authorization: "}[proxy]
						want := Reason("")
						if qop == "none" && n > 1 {
							want = Replay
						}
						d.expect(d.verifyText(c.text(name+creds.String()), proxy), want)
						o.Password = "wrong"
						if creds, err = digest.Digest(challenge, o); err != nil {
							t.Fatal(err)
						}
						d.expect(d.verifyText(c.text(name+creds.String()), proxy), Failed)
						d.expect(d.verifyText(c.text(name+creds.String()), !proxy), Missing)
					}
				})
			}
		}
	}
}

// asking is a router in Go: it requires credentials and answers 200.
type asking struct{ auth *Auth }

func (r asking) Route(req *engine.Request) error {
	user, ok, err := r.auth.Require(req, Want{})
	if !ok {
		return err
	}
	_, err = req.Reply(200, "user "+user, nil)
	return err
}

func TestSipgo(t *testing.T) {
	for _, algorithm := range []Algorithm{MD5, SHA256, SHA512256} {
		for _, transport := range []string{"udp", "tcp"} {
			t.Run(fmt.Sprint(algorithm, " ", transport), func(t *testing.T) {
				testSipgo(t, luabindtest.Must(New(Options{Policy: policyOf(func(p *Policy) {
					p.Algorithms, p.Users = []Algorithm{algorithm}, Table{"alice": NewPassword("open sesame")}
				})})), transport)
			})
		}
	}
	t.Run("preference", func(t *testing.T) { // it takes the first challenge
		testSipgo(t, luabindtest.Must(New(Options{Policy: policyOf(func(p *Policy) { p.Users = Table{"alice": NewPassword("open sesame")} })})), "udp")
	})
}

func testSipgo(t *testing.T, a *Auth, transport string) {
	var log bytes.Buffer
	e, err := engine.New(engine.Config{Listen: []string{transport + ":127.0.0.1:0"}, Domains: []string{"example.com"}, Router: asking{a}, Lanes: 2,
		Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer func() {
		cancel() // what is still waited for need not be
		_ = e.Shutdown(ctx)
	}()
	quiet := slog.New(slog.DiscardHandler)
	ua, err := sipgo.NewUA(sipgo.WithUserAgent("alice"), sipgo.WithUserAgentHostname("example.com"),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(quiet)),
		sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerLogger(quiet)))
	if err != nil {
		t.Fatal(err)
	}
	defer ua.Close()
	phone, err := sipgo.NewClient(ua, sipgo.WithClientHostname("127.0.0.1"), sipgo.WithClientLogger(quiet))
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []sip.RequestMethod{sip.REGISTER, sip.MESSAGE, sip.OPTIONS} {
		for password, want := range map[string]int{"open sesame": 200, "wrong": map[bool]int{true: 401, false: 407}[method == sip.REGISTER]} {
			t.Run(password, func(t *testing.T) {
				req := sip.NewRequest(method, sip.Uri{Scheme: "sip", User: "alice", Host: "example.com"})
				req.SetTransport(strings.ToUpper(transport))
				req.SetDestination(e.Locals()[0].Addr.String())
				res, err := phone.Do(ctx, req)
				if err != nil {
					t.Fatal(method, err)
				}
				if code := map[bool]int{true: 401, false: 407}[method == sip.REGISTER]; res.StatusCode != code {
					t.Errorf("%s: %d, want %d", method, res.StatusCode, code)
					return
				}
				res, err = phone.DoDigestAuth(ctx, req, res, sipgo.DigestAuth{Username: "alice", Password: password})
				if err != nil {
					t.Fatal(method, err)
				}
				if res.StatusCode != want || want == 200 && res.Reason != "user alice" {
					t.Errorf("%s with %q: %d %s, want %d\n%s", method, password, res.StatusCode, res.Reason, want, log.String())
				}
			})
		}
	}
}
