package auth

// This file throws anything at the parser of credentials and at checks.

import (
	"bytes"
	"strings"
	"testing"
)

func FuzzCredentials(f *testing.F) {
	d := newDesk(f, Policy{Algorithms: []Algorithm{MD5, SHA256Sess}, QOP: []string{"auth", "auth-int", "none"}})
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
		if v.Reason == "" && !bytes.Contains(value, []byte(c.response())) {
			t.Fatalf("let in: %+v", v)
		}
		if v.Reason == Unavailable || (v.Reason == Malformed) != (v.Detail != "") {
			t.Fatalf("%+v", v)
		}
	})
}
