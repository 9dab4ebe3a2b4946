package passport_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/modules/stir/passport"
	"github.com/sipscript/sipscript/modules/stir/passport/passporttest"
)

var (
	now     = time.Unix(1_700_000_000, 0)
	alice   = passport.Identity{TN: "12155550100"}
	bob     = passport.Identity{TN: "12155550101"}
	carol   = passport.Identity{TN: "12155550102"}
	dave    = passport.Identity{TN: "12155550103"}
	mallory = passport.Identity{TN: "12155550666"}
)

// world is an authority, signers by the URLs of their certificates, and a policy that trusts it.
type world struct {
	t       testing.TB
	roots   *x509.CertPool
	ca      *passporttest.Authority
	signers map[string]*passporttest.Signer
	asked   []string
	policy  passport.Policy
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, roots: x509.NewCertPool(), ca: passporttest.New(t, now), signers: map[string]*passporttest.Signer{}}
	w.roots.AddCert(w.ca.Cert)
	w.signers["https://spc/"] = w.ca.Issue(now, passporttest.Codes("709J"), nil)
	w.policy = passport.Policy{MaxAge: time.Minute, Certificate: w.certificate}
	return w
}

func (w *world) certificate(url string) (*passport.Certificate, error) {
	w.asked = append(w.asked, url)
	s := w.signers[url]
	if s == nil {
		return nil, errors.New("there is nothing there")
	}
	c, err := passport.ReadCertificate(s.PEM)
	if err == nil {
		err = c.Chain(w.roots, now)
	}
	return c, err
}

// token is one of "shaken" from alice to bob, changed.
func (w *world) token(change func(t *passport.Token)) string {
	w.t.Helper()
	t := passport.Token{Type: passport.Shaken, X5U: "https://spc/", Claims: passport.Claims{Attest: "A", OrigID: "id", IssuedAt: now.Unix(), Orig: alice, Dest: passport.To(bob)}}
	if change != nil {
		change(&t)
	}
	key := keyOf(rfcKey)
	if s := w.signers[t.X5U]; s != nil && s.Key.Curve == elliptic.P256() {
		key = s.Key
	}
	value, err := t.Sign(key, passport.Full)
	if err != nil {
		w.t.Fatal(err)
	}
	return value
}

func (w *world) div(from, to passport.Identity) string {
	return w.token(func(t *passport.Token) { t.Type, t.Claims.Div, t.Claims.Dest = passport.Div, from, passport.To(to) })
}

// verify verifies a call from alice to bob with these headers.
func (w *world) verify(values ...string) (*passport.Verified, error) {
	return w.verifyOf(passport.Request{Orig: alice, To: bob, Target: bob}, values...)
}

func (w *world) verifyOf(r passport.Request, values ...string) (*passport.Verified, error) {
	var list [][]byte
	for _, v := range values {
		list = append(list, []byte(v))
	}
	r.Read(list)
	return w.policy.Verify(&r, now)
}

func wants(t *testing.T, err error, code int, text string) {
	t.Helper()
	var e *passport.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(err.Error(), text) {
		t.Errorf("%v (%+v), want %d %q", err, e, code, text)
	}
}

func TestVerify(t *testing.T) {
	w := newWorld(t)
	v, err := w.verify(w.token(nil))
	if err != nil || v.Token.Claims.Attest != "A" || v.Certificate.Numbers.Codes[0] != "709J" || v.Diverted != nil {
		t.Fatalf("%+v, %v", v, err)
	}
	at := func(d time.Duration) func(*passport.Token) {
		return func(t *passport.Token) { t.Claims.IssuedAt = now.Add(d).Unix() }
	}
	forged := w.token(nil)
	forged = forged[:strings.Index(forged, ";")-10] + "AAAAAAAAAA" + forged[strings.Index(forged, ";"):]
	for _, row := range []struct {
		name, value string
		code        int
		text        string
	}{
		{"a minute ago", w.token(at(-time.Minute)), 0, ""},
		{"61 s ago", w.token(at(-61 * time.Second)), 403, "stale: iat is 1m1s ago"},
		{"a minute ahead", w.token(at(time.Minute)), 0, ""},
		{"61 s ahead", w.token(at(61 * time.Second)), 403, "stale: iat is 1m1s ahead"},
		{"another caller", w.token(func(t *passport.Token) { t.Claims.Orig = mallory }), 438, "orig is 12155550666"},
		{"another callee", w.token(func(t *passport.Token) { t.Claims.Dest = passport.To(mallory) }), 438, "dest is 12155550666"},
		{"one of several callees", w.token(func(t *passport.Token) { t.Claims.Dest = passport.Dest{TN: []string{"1", bob.TN}} }), 0, ""},
		{"a + in front", w.token(func(t *passport.Token) { t.Claims.Orig.TN = "+12155550100" }), 0, ""},
		{"another signature", forged, 438, "the signature is wrong"},
		{"a certificate that can't be had", w.token(func(t *passport.Token) { t.X5U = "https://nobody/" }), 436, "there is nothing there"},
		{"of a type that is not known", w.token(func(t *passport.Token) { t.Type = "rph" }), 428, "missing"},
		{"a diversion of nothing", w.div(alice, bob), 428, "missing"},
		{"not readable", "x" + goodInfo, 438, "three parts"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := w.verify(row.value)
			if row.code == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wants(t, err, row.code, row.text)
		})
	}
	t.Run("none", func(t *testing.T) {
		_, err := w.verify()
		wants(t, err, 428, "missing")
		if !errors.Is(err, passport.ErrMissing) {
			t.Error(err)
		}
	})
	t.Run("several, one of them right", func(t *testing.T) {
		if _, err := w.verify("x", forged, w.token(at(-time.Hour)), w.token(nil)); err != nil {
			t.Error(err)
		}
	})
	t.Run("several, none right: the first counts", func(t *testing.T) {
		_, err := w.verify("x", w.token(at(-time.Hour)), forged)
		wants(t, err, 403, "stale")
	})
	t.Run("too many", func(t *testing.T) {
		_, err := w.verify(append(strings.Split(strings.Repeat("x,", passport.MaxTokens), ",")[:passport.MaxTokens], w.token(nil))...)
		wants(t, err, 438, "")
	})
	t.Run("nothing is fetched for what can't be right", func(t *testing.T) {
		w.asked = nil
		_, _ = w.verify(w.token(at(-time.Hour)), w.token(func(t *passport.Token) { t.Claims.Orig = mallory }))
		r := passport.Request{Orig: alice, To: bob}
		r.Read([][]byte{[]byte(w.token(at(-time.Hour))), []byte(w.token(func(t *passport.Token) { t.Claims.Orig = mallory })), []byte(w.token(nil)), []byte(w.token(nil))})
		if urls := w.policy.URLs(&r, now); w.asked != nil || len(urls) != 1 {
			t.Error(w.asked, urls)
		}
	})
	t.Run("few are fetched for one request", func(t *testing.T) {
		r := passport.Request{Orig: alice, To: bob}
		var list [][]byte
		for i := range passport.MaxTokens {
			list = append(list, []byte(w.token(func(t *passport.Token) { t.X5U = fmt.Sprint("https://", i) })))
		}
		r.Read(list)
		if urls := w.policy.URLs(&r, now); len(urls) != passport.MaxURLs {
			t.Error(urls)
		}
	})
}

// RFC 8224 §6.2 step 4: Date has to be right too.
func TestDate(t *testing.T) {
	w := newWorld(t)
	for d, code := range map[time.Duration]int{0: 0, time.Minute: 0, -time.Minute: 0, 61 * time.Second: 403, -61 * time.Second: 403} {
		t.Run(d.String(), func(t *testing.T) {
			_, err := w.verifyOf(passport.Request{Orig: alice, To: bob, Date: now.Add(d)}, w.token(nil))
			if code == 0 && err != nil {
				t.Error(err)
			}
			if code != 0 {
				wants(t, err, code, "stale: Date")
			}
		})
	}
}

func TestCompact(t *testing.T) {
	w := newWorld(t)
	token := passport.Token{X5U: "https://spc/", Claims: passport.Claims{IssuedAt: now.Unix(), Orig: alice, Dest: passport.To(bob)}}
	value, err := token.Sign(w.signers["https://spc/"].Key, passport.Compact)
	if err != nil || !strings.HasPrefix(value, "..") || len(value) > 140 {
		t.Fatal(value, err)
	}
	for _, row := range []struct {
		name  string
		r     passport.Request
		value string
		code  int
	}{
		{"right", passport.Request{Orig: alice, To: bob, Date: now}, value, 0},
		{"another caller", passport.Request{Orig: mallory, To: bob, Date: now}, value, 438},
		{"another callee", passport.Request{Orig: alice, To: mallory, Date: now}, value, 438},
		{"another time", passport.Request{Orig: alice, To: bob, Date: now.Add(time.Second)}, value, 438},
		{"no Date", passport.Request{Orig: alice, To: bob}, value, 438},
		{"nobody", passport.Request{To: bob, Date: now}, value, 438},
		{"shaken", passport.Request{Orig: alice, To: bob, Date: now}, value + ";ppt=shaken", 438},
		{"another URL", passport.Request{Orig: alice, To: bob, Date: now}, strings.Replace(value, "https://spc/", "https://nobody/", 1), 436},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := w.verifyOf(row.r, row.value)
			if row.code == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wants(t, err, row.code, "")
		})
	}
}

// RFC 8946 §6: the diversions lead from whom the call was for to whom it is for now.
func TestDiversion(t *testing.T) {
	w := newWorld(t)
	call := w.token(nil)
	for _, row := range []struct {
		name       string
		to, target passport.Identity
		values     []string
		diverted   string // "": refused
	}{
		{"To stayed", bob, carol, []string{call, w.div(bob, carol)}, "[]"},
		{"To is new", carol, carol, []string{call, w.div(bob, carol)}, "[12155550101 12155550102]"},
		{"the diversion is missing", carol, carol, []string{call}, ""},
		{"only the target is new", mallory, carol, []string{call, w.div(bob, carol)}, "[12155550101 12155550102]"},
		{"twice, in the other order", dave, dave, []string{w.div(carol, dave), w.div(bob, carol), call}, "[12155550101 12155550102 12155550103]"},
		{"a gap", dave, dave, []string{call, w.div(mallory, dave)}, ""},
		{"in circles", dave, dave, []string{call, w.div(bob, carol), w.div(carol, bob)}, ""},
		{"of another caller", carol, carol, []string{call, w.token(func(t *passport.Token) {
			t.Type, t.Claims.Div, t.Claims.Dest, t.Claims.Orig = passport.Div, bob, passport.To(carol), mallory
		})}, ""},
		{"a stale one", carol, carol, []string{call, w.token(func(t *passport.Token) {
			t.Type, t.Claims.Div, t.Claims.Dest, t.Claims.IssuedAt = passport.Div, bob, passport.To(carol), now.Unix()-100
		})}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			v, err := w.verifyOf(passport.Request{Orig: alice, To: row.to, Target: row.target}, row.values...)
			if err != nil {
				if row.diverted != "" {
					t.Error(err)
				}
				return
			}
			if got := fmt.Sprint(v.Diverted); got != row.diverted || v.Token.Type != passport.Shaken {
				t.Errorf("%s, want %s", got, row.diverted)
			}
		})
	}
	w.signers["https://other/"] = w.ca.Issue(now, passporttest.Number(mallory.TN), nil)
	_, err := w.verifyOf(passport.Request{Orig: alice, To: carol}, call, w.token(func(t *passport.Token) {
		t.X5U, t.Type, t.Claims.Div, t.Claims.Dest = "https://other/", passport.Div, bob, passport.To(carol)
	}))
	wants(t, err, 437, "not for the number 12155550101")
}

func TestCertificates(t *testing.T) {
	w := newWorld(t)
	other := passporttest.New(t, now)
	usage := func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }
	ca := func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	curve := func(c *x509.Certificate) { c.PublicKey = p384 }
	critical := func(c *x509.Certificate) { c.ExtraExtensions[0].Critical = true }
	unknown := func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, c.ExtraExtensions[0])
		c.ExtraExtensions[1].Id, c.ExtraExtensions[1].Critical = asn1.ObjectIdentifier{1, 2, 3}, true
	}
	dates := func(from, to time.Duration) func(c *x509.Certificate) {
		return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now.Add(from), now.Add(to) }
	}
	domain := func(c *x509.Certificate) { c.DNSNames = []string{"example.com"} }
	spc := passporttest.Codes("709J")
	for _, row := range []struct {
		name   string
		signer *passporttest.Signer
		orig   passport.Identity
		text   string // "": right
	}{
		{"its number", w.ca.Issue(now, passporttest.Number(alice.TN), nil), alice, ""},
		{"another number", w.ca.Issue(now, passporttest.Number(mallory.TN), nil), alice, "not for the number"},
		{"the first of its range", w.ca.Issue(now, passporttest.Range("12155550100", 2), nil), alice, ""},
		{"the last of its range", w.ca.Issue(now, passporttest.Range("12155550099", 2), nil), alice, ""},
		{"after its range", w.ca.Issue(now, passporttest.Range("12155550098", 2), nil), alice, "not for the number"},
		{"before its range", w.ca.Issue(now, passporttest.Range("12155550101", 2), nil), alice, "not for the number"},
		{"a longer number", w.ca.Issue(now, passporttest.Range("2155550100", 1000), nil), passport.Identity{TN: "02155550100"}, "not for the number"},
		{"two providers", w.ca.Issue(now, passporttest.Codes("A", "B"), nil), alice, ""},
		{"without numbers", w.ca.Issue(now, nil, nil), alice, "names neither numbers nor a provider"},
		{"a list that is empty", w.ca.Issue(now, []byte{0x30, 0}, nil), alice, "TNAuthList can't be read"},
		{"a list that is not one", w.ca.Issue(now, []byte("x"), nil), alice, "TNAuthList can't be read"},
		{"a list marked critical", w.ca.Issue(now, spc, critical), alice, ""},
		{"something critical that nobody knows", w.ca.Issue(now, spc, unknown), alice, "not trusted"},
		{"another authority's", other.Issue(now, spc, nil), alice, "not trusted"},
		{"an authority itself", w.ca.Issue(now, spc, ca), alice, "one of an authority"},
		{"not for signatures", w.ca.Issue(now, spc, usage), alice, "not for signatures"},
		{"of another curve", w.ca.Issue(now, spc, curve), alice, "not one of P-256"},
		{"expired", w.ca.Issue(now, spc, dates(-2*time.Hour, -time.Hour)), alice, "expired"},
		{"of the future", w.ca.Issue(now, spc, dates(time.Hour, 2*time.Hour)), alice, "not yet valid"},
		{"a SIP address of its domain", w.ca.Issue(now, nil, domain), passport.Identity{URI: "sip:alice@example.com"}, ""},
		{"a SIP address of another domain", w.ca.Issue(now, nil, domain), passport.Identity{URI: "sip:alice@example.net"}, "not one of the domain"},
		{"a SIP address with a provider's", w.ca.Issue(now, spc, domain), passport.Identity{URI: "sip:alice@example.com"}, "not one of the domain"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w.signers["https://one/"] = row.signer
			value := w.token(func(t *passport.Token) { t.X5U, t.Claims.Orig = "https://one/", row.orig })
			_, err := w.verifyOf(passport.Request{Orig: row.orig, To: bob}, value)
			if row.text == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wants(t, err, 437, row.text)
			if strings.Contains(row.text, "number") { // a policy may allow that
				p := w.policy
				p.AnyNumber = true
				r := passport.Request{Orig: row.orig, To: bob}
				r.Read([][]byte{[]byte(value)})
				if _, err := p.Verify(&r, now); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A certificate that was right when it was fetched, and is not now, or was not when it was used.
func TestCertificateInTime(t *testing.T) {
	w := newWorld(t)
	w.policy.MaxAge = 48 * time.Hour
	s := w.signers["https://spc/"]
	for d, text := range map[time.Duration]string{0: "", 13 * time.Hour: "expired", -13 * time.Hour: "not valid yet"} {
		t.Run(d.String(), func(t *testing.T) {
			r := passport.Request{Orig: alice, To: bob}
			r.Read([][]byte{[]byte(w.token(nil))})
			_, err := w.policy.Verify(&r, now.Add(d))
			_, then := w.verify(w.token(func(t *passport.Token) { t.Claims.IssuedAt = now.Add(d).Unix() }))
			for _, err := range []error{err, then} {
				if text == "" && err != nil {
					t.Error(err)
				}
				if text != "" {
					wants(t, err, 437, text)
				}
			}
		})
	}
	if s.NotAfter.IsZero() {
		t.Error("no end")
	}
}

// A chain with an authority in between, as PEM and DER; and what is not a certificate.
func TestReadCertificate(t *testing.T) {
	w := newWorld(t)
	between := w.ca.Issue(now, nil, func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})
	authority := *w.ca
	authority.Cert, authority.Key = between.Cert, between.Key
	leaf := authority.Issue(now, passporttest.Codes("709J"), nil)
	for name, row := range map[string]struct {
		text    string
		trusted bool
	}{
		"the chain":     {string(leaf.PEM) + string(between.PEM), true},
		"with a key":    {string(leaf.KeyPEM) + string(leaf.PEM) + string(between.PEM), true},
		"with the root": {string(leaf.PEM) + string(between.PEM) + string(w.ca.PEM), true},
		"leaf alone":    {string(leaf.PEM), false},
		"DER alone":     {string(leaf.DER), false},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := passport.ReadCertificate([]byte(row.text))
			if err != nil || !c.Key.Equal(leaf.Key.Public()) {
				t.Fatal(err)
			}
			if err := c.Chain(w.roots, now); (err == nil) != row.trusted {
				t.Error(err)
			}
		})
	}
	for name, text := range map[string]string{
		"nothing": "", "a page": "<html>", "a key": string(leaf.KeyPEM), "broken": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"too many": strings.Repeat(string(leaf.PEM), 9),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := passport.ReadCertificate([]byte(text))
			wants(t, err, 437, "")
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	w := newWorld(b)
	c, err := w.certificate("https://spc/")
	if err != nil {
		b.Fatal(err)
	}
	w.policy.Certificate = func(string) (*passport.Certificate, error) { return c, nil }
	value := []byte(w.token(nil))
	b.ReportAllocs()
	for b.Loop() {
		r := passport.Request{Orig: alice, To: bob, Target: bob, Date: now}
		r.Read([][]byte{value})
		if _, err := w.policy.Verify(&r, now); err != nil {
			b.Fatal(err)
		}
	}
}

func TestReasons(t *testing.T) {
	for code, want := range map[int]string{403: "Stale Date", 428: "Use Identity Header", 436: "Bad Identity Info", 437: "Unsupported Credential", 438: "Invalid Identity Header"} {
		t.Run(want, func(t *testing.T) {
			if got := passport.Reason(code); got != want || http.StatusText(code) == want {
				t.Error(got)
			}
		})
	}
}
