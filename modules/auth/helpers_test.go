package auth

// This file is the client of the tests: it answers challenges with code of its own, on crypto's
// hashes only.

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// start is when tests begin; time passes only where a test says so.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var home = netip.MustParseAddr("192.0.2.4")

func hashed(algorithm, text string) string {
	var sum []byte
	switch strings.TrimSuffix(algorithm, "-sess") {
	case "MD5", "":
		s := md5.Sum([]byte(text))
		sum = s[:]
	case "SHA-256":
		s := sha256.Sum256([]byte(text))
		sum = s[:]
	case "SHA-512-256":
		s := sha512.Sum512_256([]byte(text))
		sum = s[:]
	}
	return hex.EncodeToString(sum)
}

// client answers challenges. Empty fields have defaults.
type client struct {
	user, password, realm, algorithm, qop string
	method, uri, ruri, body, cnonce       string
	// -sess: the cnonce of the session key, where it is not cnonce
	session       string
	nonce, opaque string
	nc            uint32
}

func orText(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func (c client) filled() client {
	c.user, c.password, c.realm = orText(c.user, "alice"), orText(c.password, "open sesame"), orText(c.realm, "example.com")
	c.method, c.uri, c.cnonce = orText(c.method, "REGISTER"), orText(c.uri, "sip:example.com"), orText(c.cnonce, "0a4f113b")
	c.ruri, c.session = orText(c.ruri, c.uri), orText(c.session, c.cnonce)
	if c.qop == "" {
		c.qop = "auth"
	}
	if c.nc == 0 {
		c.nc = 1
	}
	return c
}

func (c client) response() string {
	h := func(s string) string { return hashed(c.algorithm, s) }
	ha1 := h(c.user + ":" + c.realm + ":" + c.password)
	if strings.HasSuffix(c.algorithm, "-sess") {
		ha1 = h(ha1 + ":" + c.nonce + ":" + c.session)
	}
	a2 := c.method + ":" + c.uri
	if c.qop == "auth-int" {
		a2 += ":" + h(c.body)
	}
	if c.qop == "none" {
		return h(ha1 + ":" + c.nonce + ":" + h(a2))
	}
	return h(fmt.Sprintf("%s:%s:%08x:%s:%s:%s", ha1, c.nonce, c.nc, c.cnonce, c.qop, h(a2)))
}

// credentials are the value of Authorization.
func (c client) credentials() string {
	s := fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s"`, c.user, c.realm, c.nonce, c.uri, c.response())
	if c.algorithm != "" {
		s += ", algorithm=" + c.algorithm
	}
	if c.opaque != "" {
		s += `, opaque="` + c.opaque + `"`
	}
	switch {
	case c.qop != "none":
		s += fmt.Sprintf(`, qop=%s, nc=%08x, cnonce="%s"`, c.qop, c.nc, c.cnonce)
	case strings.HasSuffix(c.algorithm, "-sess"):
		s += `, cnonce="` + c.cnonce + `"`
	}
	return s
}

// text is the request with header lines.
func (c client) text(headers ...string) string {
	lines := strings.Join(headers, "\r\n")
	if lines != "" {
		lines += "\r\n"
	}
	return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=1\r\nTo: <sip:alice@example.com>\r\n"+
		"Call-ID: 1\r\nCSeq: 1 %s\r\n%sContent-Length: %d\r\n\r\n%s", c.method, c.ruri, c.method, lines, len(c.body), c.body)
}

func parsed(t testing.TB, text string) *message.Message {
	t.Helper()
	m := &message.Message{}
	if err := m.Parse([]byte(text), &message.Limits{}); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return m
}

// desk is an Auth with a clock that tests move.
type desk struct {
	*Auth
	t      testing.TB
	now    time.Time
	source netip.Addr
	events []string
}

func newDesk(t testing.TB, p Policy) *desk {
	t.Helper()
	d := &desk{t: t, now: start, source: home}
	if p = p.orDefault(); p.Users == nil {
		p.Users = Table{"alice": NewPassword("open sesame"), "bob": NewPassword("swordfish"), `a"b\c`: NewPassword("x"), "Jäsøn Doe": NewPassword("Secret, or not?")}
	}
	d.Auth = luabindtest.Must(New(Options{Policy: p, Key: [32]byte{1}, Event: func(e Event) {
		d.events = append(d.events, strings.TrimSpace(fmt.Sprint(e.Kind, " ", e.User, " ", e.Source, " ", e.Reason)))
	}}))
	return d
}

// challenge gives c the nonce of a new challenge.
func (d *desk) challenge(c client) client {
	d.t.Helper()
	list := d.Challenges(Challenge{Realm: "example.com", Source: d.source, Now: d.now})
	c.nonce, c.opaque = param(list[0], "nonce"), param(list[0], "opaque")
	return c
}

// param is a parameter of a challenge or Authentication-Info.
func param(value, name string) string {
	_, rest, ok := strings.Cut(value, name+`=`)
	if !ok {
		return ""
	}
	if rest[0] == '"' {
		v, _, _ := strings.Cut(rest[1:], `"`)
		return v
	}
	v, _, _ := strings.Cut(rest, ",")
	return v
}

// ask checks a request with these header lines.
func (d *desk) ask(c client, headers ...string) Verdict {
	d.t.Helper()
	return d.verifyText(c.filled().text(headers...), false)
}

func (d *desk) verifyText(text string, proxy bool) Verdict {
	d.t.Helper()
	return d.Verify(context.Background(), Question{Message: parsed(d.t, text), Source: d.source, Proxy: proxy, Realm: "example.com", Now: d.now})
}

// try answers with c's credentials.
func (d *desk) try(c client) Verdict {
	d.t.Helper()
	c = c.filled()
	return d.ask(c, "Authorization: "+c.credentials())
}

func (d *desk) expect(v Verdict, reason Reason) {
	d.t.Helper()
	if v.Reason != reason {
		d.t.Errorf("verdict %q (%s %v), want %q", v.Reason, v.Detail, v.Err, reason)
	}
}

// policyOf is the default policy, changed.
func policyOf(change func(p *Policy)) Policy {
	p := DefaultPolicy()
	change(&p)
	return p
}
