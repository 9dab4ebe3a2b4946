package jwt_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind/luabindtest"
	module "github.com/sipscript/sipscript/modules/jwt"
)

func world(t *testing.T) *luabindtest.World {
	t.Helper()
	return luabindtest.New(t, `jwt = require "jwt" secret = "0123456789abcdef0123456789abcdef" function route(req) end`, luabindtest.Modules(module.New()))
}

func eval(t *testing.T, w *luabindtest.World, source string, want ...any) {
	t.Helper()
	got, err := w.Eval(source)
	if err != nil || len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("%s\ngot  %#v, %v\nwant %#v", source, got, err, want)
	}
}

func refused(t *testing.T, w *luabindtest.World, source, want string) {
	t.Helper()
	got, err := w.Eval(source)
	if err != nil || len(got) != 2 || got[0] != nil || !strings.Contains(fmt.Sprint(got[1]), want) {
		t.Errorf("%s\ngot  %#v, %v\nwant nil and %q", source, got, err, want)
	}
}

func TestSecrets(t *testing.T) {
	w := world(t)
	eval(t, w, `local token = jwt.sign({ sub = "alice", list = sip.json.empty_list }, { key = secret })
local c = jwt.verify(token, { keys = secret }) return c.sub, #c.list, c.exp - c.iat`, "alice", 0.0, 300.0)
	eval(t, w, `return jwt.verify(jwt.sign({ a = 1 }, { key = secret, alg = "HS512", ttl = 60 }), { keys = secret, alg = { "HS512" } }).a`, 1.0)
	eval(t, w, `return jwt.verify(jwt.sign({ a = 1 }, { key = secret, kid = "x" }), { keys = { x = secret, y = "another secret of some length" } }).a`, 1.0)
	refused(t, w, `return jwt.verify(jwt.sign({ a = 1 }, { key = secret, kid = "z" }), { keys = { x = secret } })`, `there is no key "z"`)
	refused(t, w, `return jwt.verify(jwt.sign({ a = 1 }, { key = secret }), { keys = "another secret of some length" })`, "signature is invalid")
	refused(t, w, `return jwt.verify(jwt.sign({ a = 1 }, { key = secret }), { keys = secret, alg = "HS512" })`, "HS256 is not accepted")
	refused(t, w, `return jwt.verify("", { keys = secret })`, "malformed")
	refused(t, w, `return jwt.verify("a.b.c", { keys = secret })`, "malformed")
	refused(t, w, `return jwt.verify(("x"):rep(20000), { keys = secret })`, "more than 16384 bytes")
	for source, want := range map[string]string{
		`jwt.verify("x", { keys = "short" })`:                         "fewer than 16 bytes",
		`jwt.verify("x", { keys = {} })`:                              "must be a text",
		`jwt.verify("x", {})`:                                         "keys is required",
		`jwt.verify("x", { keys = secret, alg = "none" })`:            "none of the algorithms",
		`jwt.verify("x", { keys = "file:/nowhere" })`:                 "no such file",
		`jwt.sign({}, { key = secret, alg = "RS256" })`:               "this key is for HS256",
		`jwt.sign("x", { key = secret })`:                             "must be a table of claims",
		`jwt.sign({ a = print }, { key = secret })`:                   "cannot be represented in JSON",
		`jwt.sign({ 1, 2 }, { key = secret })`:                        "claims:",
		`jwt.verify("x", { keys = "-----BEGIN PUBLIC KEY-----\nx" })`: "can't be read",
		`jwt.verify("x", { keys = { a = 5 } })`:                       "must be texts by kid",
	} {
		t.Run(source, func(t *testing.T) {
			if got, err := w.Eval(source); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s\ngot  %#v, %v\nwant an error with %q", source, got, err, want)
			}
		})
	}
}

// Times are those of the engine; what is not asked for is not looked at.
func TestTimesAndAudience(t *testing.T) {
	w := world(t)
	const token = `local function token(c) return jwt.sign(c, { key = secret }) end `
	for source, want := range map[string]string{
		`jwt.verify(token{ exp = sip.now() - 1 }, { keys = secret })`:                        "expired",
		`jwt.verify(token{ exp = sip.now() + 60, nbf = sip.now() + 30 }, { keys = secret })`: "not valid yet",
		`jwt.verify(token{ aud = "other" }, { keys = secret, aud = "sip" })`:                 "audience",
		`jwt.verify(token{}, { keys = secret, aud = "sip" })`:                                "aud",
		`jwt.verify(token{ iss = "other" }, { keys = secret, iss = "us" })`:                  "issuer",
		`jwt.verify(token{ exp = sip.json.null }, { keys = secret })`:                        "exp",
		`jwt.verify(token{ exp = "soon" }, { keys = secret })`:                               "exp",
	} {
		t.Run(source, func(t *testing.T) {
			refused(t, w, token+"return "+source, want)
		})
	}
	eval(t, w, token+`return jwt.verify(token{ exp = sip.now() - 5, a = 1 }, { keys = secret, leeway = 10 }).a`, 1.0)
	eval(t, w, token+`return jwt.verify(token{ aud = { "x", "sip" }, iss = "us", a = 1 }, { keys = secret, aud = "sip", iss = "us" }).a`, 1.0)
	eval(t, w, token+`return jwt.verify(token{ aud = "other", iss = "us", a = 1 }, { keys = secret }).a`, 1.0)
	eval(t, w, token+`return jwt.verify(token{ exp = sip.json.null, a = 1 }, { keys = secret, exp = false }).a`, 1.0)
	eval(t, w, `local token = jwt.sign({ a = 1 }, { key = secret, ttl = 60 }) sip.sleep(59) return jwt.verify(token, { keys = secret }).a`, 1.0)
}

func pemOf(t *testing.T, kind string, key any) string {
	t.Helper()
	var der []byte
	var err error
	if kind == "PUBLIC KEY" {
		der, err = x509.MarshalPKIXPublicKey(key)
	} else {
		der, err = x509.MarshalPKCS8PrivateKey(key)
	}
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestKeyPairs(t *testing.T) {
	w := world(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edPublic, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		alg             string
		private, public any
	}{{"RS256", rsaKey, &rsaKey.PublicKey}, {"PS384", rsaKey, &rsaKey.PublicKey}, {"ES256", ec, &ec.PublicKey}, {"EdDSA", ed, edPublic}} {
		t.Run(row.alg, func(t *testing.T) {
			private, public := pemOf(t, "PRIVATE KEY", row.private), pemOf(t, "PUBLIC KEY", row.public)
			sign := fmt.Sprintf(`jwt.sign({ a = 1 }, { key = "file:%s", alg = %q })`, private, row.alg)
			eval(t, w, fmt.Sprintf(`return jwt.verify(%s, { keys = "file:%s" }).a`, sign, public), 1.0)
			refused(t, w, fmt.Sprintf(`return jwt.verify(%s, { keys = secret })`, sign), "is not accepted")
			if _, err := w.Eval(fmt.Sprintf(`return jwt.sign({}, { key = "file:%s" })`, public)); err == nil || !strings.Contains(err.Error(), "needs a private key") {
				t.Error(err)
			}
			// The public key as a secret: what was signed with it must not pass.
			text, err := os.ReadFile(public)
			if err != nil {
				t.Fatal(err)
			}
			forged := hs256(t, strings.TrimSpace(string(text)), `{"exp":99999999999}`)
			refused(t, w, fmt.Sprintf(`return jwt.verify(%q, { keys = "file:%s" })`, forged, public), "HS256 is not accepted")
		})
	}
	if _, err := w.Eval(fmt.Sprintf(`return jwt.verify("x", { keys = "file:%s" })`, pemOf(t, "PUBLIC KEY", &small.PublicKey))); err == nil || !strings.Contains(err.Error(), "2048 bits") {
		t.Error(err)
	}
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"exp":99999999999}`)) + "."
	refused(t, w, fmt.Sprintf(`return jwt.verify(%q, { keys = secret })`, none), "none is not accepted")
}

// Ids of 64 bits keep their digits, and times are read however their number is written.
func TestNumbers(t *testing.T) {
	w := world(t)
	verify := func(claims string) string {
		return fmt.Sprintf(`jwt.verify(%q, { keys = secret })`, hs256(t, "0123456789abcdef0123456789abcdef", claims))
	}
	eval(t, w, `local c = `+verify(`{"exp":99999999999.5,"id":9007199254740993,"n":[18446744073709551615,7,0.5]}`)+` return c.id, c.n[1], c.n[2], c.n[3], c.exp`,
		"9007199254740993", "18446744073709551615", 7.0, 0.5, 99999999999.5)
	eval(t, w, `return `+verify(`{"exp":1e11}`)+`.exp`, 1e11)
	refused(t, w, `return `+verify(`{"exp":1e9}`), "expired")
	refused(t, w, `return `+verify(`{"exp":"99999999999"}`), "exp is invalid")
}

// hs256 is a token whose secret is a text.
func hs256(t *testing.T, secret, claims string) string {
	t.Helper()
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(head))
	return head + "." + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
