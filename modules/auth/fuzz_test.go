package auth

// This file throws anything at the parser of credentials and at checks.

import (
	"bytes"
	"strings"
	"testing"
)

func FuzzCredentials(f *testing.F) {
	d := newDesk(f, policyOf(func(p *Policy) {
		p.Algorithms, p.QOP = []Algorithm{MD5, SHA256Sess}, []string{"auth", "auth-int", "none"}
	}))
	c := d.challenge(client{}).filled()
	f.Add([]byte(c.credentials()))
	f.Add([]byte("Digest username=\"a\\\"b\", realm=example.com,\r\n nonce=\"" + c.nonce + "\",uri=\"sip:example.com\" , response=\"" + c.response() + "\""))
	f.Add([]byte(`Digest username*=UTF-8''J%C3%A4s%C3%B8n, realm="example.com", nonce="x", uri="sip:x", response="y", algorithm=SHA-256-sess, qop="auth-int", nc=1, cnonce="z"`))
	f.Add([]byte(`Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==`))
	f.Add([]byte(`Digest ,,a="\`))
	f.Fuzz(func(t *testing.T, value []byte) {
		before := bytes.Clone(value)
		var a credentials
		digest, flaw := a.parse(value)
		if !bytes.Equal(before, value) {
			t.Fatal("the value was changed")
		}
		if !digest {
			if prefix := bytes.TrimLeft(unfold(value), " \t"); len(prefix) >= 7 && strings.EqualFold(string(prefix[:7]), "digest ") {
				t.Fatal("Digest credentials taken for others")
			}
			return
		}
		if flaw == "" {
			if len(a.user) > maxUser || bytes.ContainsAny(a.user, "\r\n\x00") || bytes.ContainsAny(a.uri, "\r\n") {
				t.Fatalf("user %q uri %q", a.user, a.uri)
			}
			again := a
			again.clone()
			if !bytes.Equal(again.user, a.user) || !bytes.Equal(again.nonce, a.nonce) {
				t.Fatal("a copy differs")
			}
		}
		if bytes.ContainsAny(value, "\r\n\x00") {
			return
		}
		m := parsed(t, c.text("X: y"))
		if m.Set("Authorization", string(value)) != nil {
			return
		}
		v := d.Verify(t.Context(), Question{Message: m, Source: home, Realm: "example.com", Now: d.now})
		if v.Reason == "" && !strings.EqualFold(string(a.response), expected(&a)) {
			t.Fatalf("let in: %+v", v)
		}
		if v.Reason == Unavailable || (v.Reason == Malformed) != (v.Detail != "") {
			t.Fatalf("%+v", v)
		}
	})
}

// expected is alice's response to what the credentials say, by the formulas of RFC 7616 §3.4.
func expected(a *credentials) string {
	algorithm := "MD5"
	if len(a.algorithm) > 0 {
		algorithm = lookupAlgorithm(a.algorithm).String()
	}
	h := func(s string) string { return hashed(algorithm, s) }
	key := h("alice:example.com:open sesame")
	if strings.HasSuffix(algorithm, "-sess") {
		key = h(key + ":" + string(a.nonce) + ":" + string(a.cnonce))
	}
	a2 := "REGISTER:" + string(a.uri)
	if strings.EqualFold(string(a.qop), "auth-int") {
		a2 += ":" + h("")
	}
	if len(a.qop) == 0 {
		return h(key + ":" + string(a.nonce) + ":" + h(a2))
	}
	return h(key + ":" + string(a.nonce) + ":" + string(a.nc) + ":" + string(a.cnonce) + ":" + string(a.qop) + ":" + h(a2))
}
