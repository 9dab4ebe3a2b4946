package auth

// This file tests checks of credentials, message by message.

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// The examples of RFC 7616 §3.9.1, MD5 and SHA-256, and §3.9.2, SHA-512-256. What §3.9.2 prints was
// made with SHA-512 cut short, which is another function (FIPS 180-4 §5.3.6); the response here is
// that of erratum 4897.
func TestPublishedVectors(t *testing.T) {
	for _, c := range []struct {
		algorithm                                               Algorithm
		user, realm, password, nonce, cnonce, method, uri, want string
	}{
		{MD5, "Mufasa", "http-auth@example.org", "Circle of Life", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
			"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "GET", "/dir/index.html", "8ca523f5e9506fed4657c9700eebdbec"},
		{SHA256, "Mufasa", "http-auth@example.org", "Circle of Life", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
			"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "GET", "/dir/index.html", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
		{SHA512256, "Jäsøn Doe", "api@example.org", "Secret, or not?", "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
			"NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v", "GET", "/doe.json", "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"},
		// RFC 2617 §3.5, the vector every SIP implementation grew up with.
		{MD5, "Mufasa", "testrealm@host.com", "Circle Of Life", "dcd98b7102dd2f0e8b11d0f600bfb0c093", "0a4f113b", "GET", "/dir/index.html", "6629fae49393a05397450978507c4ef1"},
	} {
		t.Run(c.user, func(t *testing.T) {
			p := proof{algorithm: c.algorithm, realm: []byte(c.realm), nonce: []byte(c.nonce), cnonce: []byte(c.cnonce), nc: []byte("00000001"), qop: []byte("auth")}
			p.names[0] = []byte(c.user)
			p.setHA2([]byte(c.method), []byte(c.uri), nil, false)
			var ha1, got hexHash
			p.ha1(NewPassword(c.password), p.names[0], &ha1)
			p.digest(&got, &ha1, p.ha2.bytes())
			if string(got.bytes()) != c.want {
				t.Errorf("%s %s: %s, want %s", c.algorithm, c.user, got.bytes(), c.want)
			}
			p.response = got
			stored := &Secret{}
			if err := stored.SetHash(c.algorithm.String(), strings.ToUpper(HashPassword(c.algorithm, c.user, c.realm, c.password))); err != nil {
				t.Fatal(err)
			}
			if !p.matches(NewPassword(c.password)) || !p.matches(stored) || p.matches(NewPassword("other")) || p.matches(nil) || p.matches(&Secret{}) {
				t.Errorf("%s: the response is not told from others", c.algorithm)
			}
		})
	}
}

// Each algorithm with each qop, with a password and with its hash.
func TestAlgorithms(t *testing.T) {
	all := []Algorithm{MD5, MD5Sess, SHA256, SHA256Sess, SHA512256, SHA512256Sess}
	for _, a := range all {
		hash := &Secret{}
		if err := hash.SetHash(a.String(), HashPassword(a, "bob", "example.com", "swordfish")); err != nil {
			t.Fatal(err)
		}
		for _, qop := range []string{"auth", "auth-int", "none"} {
			t.Run(a.String()+" "+qop, func(t *testing.T) {
				d := newDesk(t, policyOf(func(p *Policy) {
					p.Algorithms, p.QOP, p.Users = all, []string{"auth", "auth-int", "none"}, Table{"alice": NewPassword("open sesame"), "bob": hash}
				}))
				c := client{algorithm: a.String(), qop: qop, body: "v=0\r\n"}
				d.expect(d.try(d.challenge(c)), "")
				c.user, c.password = "bob", "swordfish"
				d.expect(d.try(d.challenge(c)), "")
				c.password = "sardine"
				d.expect(d.try(d.challenge(c)), Failed)
				c.user, c.password = "nobody", ""
				d.expect(d.try(d.challenge(c)), Failed)
				c = d.challenge(client{algorithm: a.String(), qop: "auth-int", body: "v=0\r\n"}).filled()
				creds := c.credentials()
				c.body = "v=1\r\n"
				d.expect(d.ask(c, "Authorization: "+creds), Failed)
			})
		}
	}
}

func TestNotOffered(t *testing.T) {
	d := newDesk(t, Policy{})
	for _, c := range []client{{algorithm: "SHA-512-256"}, {algorithm: "MD5-sess"}, {algorithm: "SHA-1"}, {qop: "auth-int"}, {qop: "none"}, {qop: "auth-conf"}} {
		if c.algorithm == "SHA-1" {
			c.algorithm = "MD5"
			c = d.challenge(c).filled()
			d.expect(d.ask(c, "Authorization: "+strings.Replace(c.credentials(), "=MD5", "=SHA-1", 1)), Unsupported)
			continue
		}
		d.expect(d.try(d.challenge(c)), Unsupported)
	}
	d.expect(d.try(d.challenge(client{})), "") // no algorithm is MD5
	d = newDesk(t, policyOf(func(p *Policy) { p.Algorithms = []Algorithm{SHA256} }))
	d.expect(d.try(d.challenge(client{})), Unsupported)
}

// What clients write, well and badly. %s are replaced by the right values.
func TestHeaders(t *testing.T) {
	d := newDesk(t, policyOf(func(p *Policy) { p.CheckURI = "always" }))
	fresh := func() (client, *strings.Replacer) {
		c := d.challenge(client{}).filled()
		return c, strings.NewReplacer("$N", c.nonce, "$R", c.response(), "$U", strings.ToUpper(c.response()))
	}
	const good = `username="alice", realm="example.com", nonce="$N", uri="sip:example.com", response="$R", qop=auth, nc=00000001, cnonce="0a4f113b"`
	other := `Digest username="alice", realm="elsewhere.net", nonce="x", uri="sip:a", response="0123456789abcdef0123456789abcdef"`
	for _, x := range []struct {
		name   string
		value  string // of Authorization; several with |
		reason Reason
	}{
		{"as it should be", "Digest " + good, ""},
		{"algorithm unquoted", "Digest " + good + ", algorithm=MD5", ""},
		{"algorithm quoted", "Digest " + good + `, algorithm="md5"`, ""},
		{"scheme in capitals", "DIGEST " + good, ""},
		{"names in other case", `digest UserName="alice",Realm="example.com",NONCE="$N",URI="sip:example.com",Response="$R",QOP=auth,NC=00000001,CNonce="0a4f113b"`, ""},
		{"qop quoted", strings.Replace("Digest "+good, "qop=auth", `qop="auth"`, 1), ""},
		{"nc quoted", strings.Replace("Digest "+good, "nc=00000001", `nc="00000001"`, 1), ""},
		{"unquoted all over", "Digest username=alice, realm=example.com, nonce=$N, uri=sip:example.com, response=$R, qop=auth, nc=00000001, cnonce=0a4f113b", ""},
		{"white space", "Digest \t username = \"alice\" ,\trealm =\"example.com\",nonce= \"$N\"  ,uri=\"sip:example.com\",response=\"$R\",qop=auth,nc=00000001,cnonce=\"0a4f113b\"  ", ""},
		{"folded", strings.ReplaceAll("Digest "+good, ", ", ",\r\n   "), ""},
		{"folded after the scheme", "Digest\r\n " + good, ""},
		{"empty elements", "Digest ,, " + strings.ReplaceAll(good, ", ", ",, ,") + ",", ""},
		{"response in capitals", strings.Replace("Digest "+good, "$R", "$U", 1), ""},
		{"unknown parameters", "Digest " + good + `, auts="", x=y, stale=false`, ""},
		{"after others", other + "|Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==|Bearer x.y|Digest " + good, ""},
		{"after a broken one", `Digest username="alice|Digest ` + good, ""},
		{"after an old one of ours", strings.Replace("Digest "+good, "$N", "old", 1) + "|Digest " + good, ""},

		{"none", "", Missing},
		{"another realm", other, Missing},
		{"another scheme", `Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==`, Missing},
		{"another scheme with our parameters", "Digestive " + good, Missing},
		{"realm in other case", strings.Replace("Digest "+good, `realm="example.com"`, `realm="Example.com"`, 1), Missing},

		{"nothing", "Digest", Missing},
		{"no quote", `Digest username="alice`, Malformed},
		{"escape at the end", `Digest username="alice\`, Malformed},
		{"no value", `Digest username, ` + good, Malformed},
		{"no name", `Digest ="x", ` + good, Malformed},
		{"twice", "Digest " + good + `, username="bob"`, Malformed},
		{"two in one field", "Digest " + good + ", Digest " + good, Malformed},
		{"no comma", strings.Replace("Digest "+good, `"alice",`, `"alice"`, 1), Malformed},
		{"no username", strings.Replace("Digest "+good, `username="alice", `, "", 1), Malformed},
		{"empty username", strings.Replace("Digest "+good, `"alice"`, `""`, 1), Malformed},
		{"username too long", strings.Replace("Digest "+good, `"alice"`, `"`+strings.Repeat("a", 257)+`"`, 1), Malformed},
		{"username not UTF-8", strings.Replace("Digest "+good, `"alice"`, "\"\xff\"", 1), Malformed},
		{"username with an escaped NUL", strings.Replace("Digest "+good, `"alice"`, "\"a\\\x01\"", 1), Malformed},
		{"no response", strings.Replace("Digest "+good, `response="$R", `, "", 1), Malformed},
		{"short response", strings.Replace("Digest "+good, "$R", "abc", 1), Malformed},
		{"response not hexadecimal", strings.Replace("Digest "+good, "$R", strings.Repeat("g", 32), 1), Malformed},
		{"no nonce", strings.Replace("Digest "+good, `nonce="$N", `, "", 1), Malformed},
		{"no uri", strings.Replace("Digest "+good, `uri="sip:example.com", `, "", 1), Malformed},
		{"no cnonce", strings.Replace("Digest "+good, `, cnonce="0a4f113b"`, "", 1), Malformed},
		{"no nc", strings.Replace("Digest "+good, `nc=00000001, `, "", 1), Malformed},
		{"nc 0", strings.Replace("Digest "+good, `00000001`, "00000000", 1), Malformed},
		{"nc with a sign", strings.Replace("Digest "+good, `00000001`, "+0000001", 1), Malformed},
		{"nc too long", strings.Replace("Digest "+good, `00000001`, "000000001", 1), Malformed},
		{"nc not hexadecimal", strings.Replace("Digest "+good, `00000001`, "1_000", 1), Malformed},
		{"username and username*", "Digest " + good + `, username*=UTF-8''alice`, Malformed},
		{"bad username*", strings.Replace("Digest "+good, `username="alice"`, `username*=UTF-8''%4`, 1), Malformed},
		{"username* in another charset", strings.Replace("Digest "+good, `username="alice"`, `username*=latin1''alice`, 1), Malformed},
		{"user hash", "Digest " + good + ", userhash=true", Unsupported},
		{"another uri", strings.Replace("Digest "+good, `uri="sip:example.com"`, `uri="sip:bob@example.com"`, 1), Malformed},
		{"no uri at all", strings.Replace("Digest "+good, `uri="sip:example.com"`, `uri="%%%"`, 1), Malformed},
		{"foreign nonce", strings.Replace("Digest "+good, "$N", "dcd98b7102dd2f0e8b11d0f600bfb0c093", 1), Failed},
		{"foreign opaque", "Digest " + good + `, opaque="xyz"`, Stale},
	} {
		t.Run(x.name, func(t *testing.T) {
			d.t = t
			c, values := fresh()
			var headers []string
			for _, v := range strings.Split(x.value, "|") {
				if v != "" {
					headers = append(headers, "Authorization: "+values.Replace(v))
				}
			}
			v := d.ask(c, headers...)
			d.expect(v, x.reason)
			if v.Reason == "" && v.User != "alice" {
				t.Errorf("user %q", v.User)
			}
			if (v.Reason == Malformed) != (v.Detail != "") {
				t.Errorf("detail %q", v.Detail)
			}
		})
	}
}

// Names with escapes: RFC 7616's unq() leaves open whether the escapes are hashed, so both are
// right. And names beyond ASCII.
func TestUserNames(t *testing.T) {
	d := newDesk(t, Policy{})
	for _, c := range []struct{ written, hashed, user, password string }{
		{`a\"b\\c`, `a"b\c`, `a"b\c`, "x"},
		{`a\"b\\c`, `a\"b\\c`, `a"b\c`, "x"},
		{`\alice`, `alice`, "alice", "open sesame"},
		{"Jäsøn Doe", "Jäsøn Doe", "Jäsøn Doe", "Secret, or not?"},
	} {
		t.Run(c.written, func(t *testing.T) {
			x := d.challenge(client{user: c.hashed, password: c.password}).filled()
			v := d.ask(x, "Authorization: "+strings.Replace(x.credentials(), `username="`+c.hashed+`"`, `username="`+c.written+`"`, 1))
			d.expect(v, "")
			if v.User != c.user {
				t.Errorf("user %q, want %q", v.User, c.user)
			}
		})
	}
	x := d.challenge(client{user: "Jäsøn Doe", password: "Secret, or not?"}).filled()
	v := d.ask(x, "Authorization: "+strings.Replace(x.credentials(), `username="Jäsøn Doe"`, `username*=utf-8'en'J%C3%A4s%c3%B8n%20Doe`, 1))
	d.expect(v, "")
	if v.User != "Jäsøn Doe" {
		t.Errorf("user %q", v.User)
	}
}

func TestURIs(t *testing.T) {
	for _, c := range []struct {
		signed, asked, check string
		proxied              bool
		reason               Reason
	}{
		{"sip:bob@example.com", "sip:bob@example.com", "always", false, ""},
		{"sip:bob@EXAMPLE.com:5060;transport=tcp", "sip:bob@example.com", "always", false, ""},
		{"sips:b%6fb@example.com", "sip:bob@example.com", "always", false, ""},
		{"sip:bob@example.com", "sip:carol@example.com", "direct", false, Malformed},
		{"sip:bob@example.com", "sip:carol@example.com", "direct", true, ""},
		{"sip:bob@example.com", "sip:carol@example.com", "always", true, Malformed},
		{"sip:bob@example.com", "sip:carol@example.com", "never", false, ""},
		{"nonsense", "sip:carol@example.com", "direct", true, ""},
		{"nonsense", "sip:carol@example.com", "direct", false, Malformed},
		{"tel:+1-201-555-0123", "tel:+12015550123", "always", false, ""},
	} {
		t.Run(c.signed, func(t *testing.T) {
			d := newDesk(t, policyOf(func(p *Policy) { p.CheckURI = c.check }))
			x := d.challenge(client{uri: c.signed, ruri: c.asked}).filled()
			headers := []string{"Authorization: " + x.credentials()}
			if c.proxied {
				headers = append(headers, "Via: SIP/2.0/UDP 192.0.2.5;branch=z9hG4bK2")
			}
			q := Question{Message: parsed(t, x.text(headers...)), Source: d.source, Realm: "example.com", Now: d.now, Relayed: c.proxied}
			if v := d.Verify(context.Background(), q); v.Reason != c.reason {
				t.Errorf("%+v: %q (%s)", c, v.Reason, v.Detail)
			}
		})
	}
}

// Nonces: their life, their realm, their key.
func TestNonces(t *testing.T) {
	d := newDesk(t, policyOf(func(p *Policy) { p.NonceLifetime = time.Minute }))
	c := d.challenge(client{})
	d.now = d.now.Add(59 * time.Second)
	d.expect(d.try(c), "")
	d.now = d.now.Add(time.Second)
	c.nc = 2
	v := d.try(c)
	d.expect(v, Stale)
	if !v.Stale {
		t.Error("not marked stale")
	}
	c.password = "wrong"
	if v := d.try(c); v.Reason != Failed || v.Stale {
		t.Errorf("a wrong password with an old nonce: %+v", v)
	}
	// Made by another key, or for another realm, or by a clock far ahead.
	for name, nonce := range map[string]string{
		"key":    newNonces([32]byte{2}, nil).issue(d.now, time.Minute, "example.com", home),
		"realm":  d.live.Load().nonces.issue(d.now, time.Minute, "example.org", home),
		"future": d.live.Load().nonces.issue(d.now.Add(time.Hour), time.Minute, "example.com", home),
	} {
		t.Run(name, func(t *testing.T) {
			if v := d.try(client{nonce: nonce}); v.Reason != Stale {
				t.Errorf("%s: %q", name, v.Reason)
			}
		})
	}
	// With the same key, as after a restart: whether it was used is not known
	again := newDesk(t, policyOf(func(p *Policy) { p.NonceLifetime = time.Minute }))
	again.now = d.now
	again.expect(again.try(d.challenge(client{})), Stale)
	if v := d.try(client{nonce: d.live.Load().nonces.issue(d.now.Add(time.Second), time.Minute, "example.com", home)}); v.Reason != "" {
		t.Errorf("a node whose clock is ahead by a second: %q", v.Reason)
	}
	seen := map[string]bool{}
	for range 1000 {
		n := d.challenge(client{}).nonce
		if seen[n] || len(n) != 44 {
			t.Fatalf("nonce %q", n)
		}
		seen[n] = true
	}
}

func TestChallengeText(t *testing.T) {
	d := newDesk(t, policyOf(func(p *Policy) {
		p.QOP, p.Algorithms = []string{"auth", "auth-int", "none"}, []Algorithm{SHA512256, SHA256, MD5}
	}))
	list := d.Challenges(Challenge{Realm: "example.com", Source: home, Now: d.now, Stale: true})
	for i, name := range []string{"SHA-512-256", "SHA-256", "MD5"} {
		want := fmt.Sprintf(`Digest realm="example.com", nonce="%s", opaque="%s", algorithm=%s, qop="auth,auth-int", stale=true`,
			param(list[0], "nonce"), param(list[0], "opaque"), name)
		if list[i] != want {
			t.Errorf("%s\nwant %s", list[i], want)
		}
	}
	d = newDesk(t, policyOf(func(p *Policy) { p.QOP = []string{"none"} }))
	for _, text := range d.Challenges(Challenge{Realm: "example.com", Now: d.now}) {
		if strings.Contains(text, "qop") || strings.Contains(text, "stale") {
			t.Error(text)
		}
	}
}

func TestInfo(t *testing.T) {
	d := newDesk(t, policyOf(func(p *Policy) { p.Info = "always" }))
	c := d.challenge(client{algorithm: "SHA-256"}).filled()
	v := d.try(c)
	d.expect(v, "")
	h := func(s string) string { return hashed(c.algorithm, s) }
	want := h(fmt.Sprintf("%s:%s:00000001:%s:auth:%s", h("alice:example.com:open sesame"), c.nonce, c.cnonce, h(":"+c.uri)))
	if v.Info != fmt.Sprintf(`qop=auth, rspauth="%s", cnonce="%s", nc=00000001`, want, c.cnonce) {
		t.Errorf("info %q, want rspauth %s", v.Info, want)
	}
	d = newDesk(t, Policy{})
	c = d.challenge(client{}).filled()
	if v := d.try(c); v.Info != "" {
		t.Errorf("info %q at the beginning of a nonce's life", v.Info)
	}
	d.now = d.now.Add(200 * time.Second)
	c.nc = 2
	v = d.try(c)
	next := param(v.Info, "nextnonce")
	if next == "" || param(v.Info, "rspauth") == "" {
		t.Fatalf("info %q", v.Info)
	}
	d.now = d.now.Add(200 * time.Second)
	c.nonce, c.nc = next, 1
	d.expect(d.try(c), "")
	d = newDesk(t, policyOf(func(p *Policy) { p.Info = "never" }))
	c = d.challenge(client{}).filled()
	d.now = d.now.Add(200 * time.Second)
	if v := d.try(c); v.Info != "" {
		t.Errorf("info %q", v.Info)
	}
}

// A policy that is wrong is told of, and nothing is made.
func TestNewRefusesAWrongPolicy(t *testing.T) {
	if a, err := New(Options{Policy: Policy{QOP: []string{"maybe"}}}); err == nil || a != nil {
		t.Errorf("%v, %v", a, err)
	}
}
