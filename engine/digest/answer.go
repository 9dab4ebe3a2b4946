package digest

// This file computes the credentials that answer a challenge (RFC 7616 §3.4).

import (
	"fmt"
	"strings"
)

// Request is the request that the credentials are for.
type Request struct {
	User, Password string // the user's name and password, as the server knows them
	Method, URI    string // URI is the Request-URI as it is sent
	Body           []byte // for qop auth-int
	Cnonce         string // fresh for each answer, of token characters
}

// count is the nc of every answer: each answer has a nonce of its own, or another cnonce for a
// nonce that the server repeated.
const count = "00000001"

// Answer is the value of the Authorization or Proxy-Authorization header that answers c.
func (c *Challenge) Answer(r *Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, `Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s"`, escape(r.User), c.Realm, c.Nonce, r.URI, c.response(r))
	// Without an algorithm in the challenge, servers of RFC 2069 expect none in the answer; it
	// means MD5 (RFC 7616 §3.4).
	if c.algorithm != md5Digest || c.qop != "" {
		b.WriteString(", algorithm=" + names[c.algorithm])
	}
	if c.opaque {
		b.WriteString(`, opaque="` + c.Opaque + `"`)
	}
	if c.qop != "" {
		b.WriteString(", qop=" + c.qop + ", nc=" + count + `, cnonce="` + r.Cnonce + `"`)
	}
	return b.String()
}

// response is the digest itself (§3.4.1 to §3.4.3).
func (c *Challenge) response(r *Request) string {
	h := c.algorithm.hash
	ha1 := h(r.User + ":" + c.Realm + ":" + r.Password)
	if c.algorithm.session() {
		ha1 = h(ha1 + ":" + c.Nonce + ":" + r.Cnonce)
	}
	a2 := r.Method + ":" + r.URI
	if c.qop == "auth-int" {
		a2 += ":" + h(string(r.Body))
	}
	if c.qop == "" {
		return h(ha1 + ":" + c.Nonce + ":" + h(a2))
	}
	return h(ha1 + ":" + c.Nonce + ":" + count + ":" + r.Cnonce + ":" + c.qop + ":" + h(a2))
}

// escape writes a user name between quotes (§25.1); the hashed form has no escapes.
func escape(s string) string {
	if !strings.ContainsAny(s, `"\`) {
		return s
	}
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)
}
