package interop

// Peers that need no password: known by the certificate they show over TLS, beside phones that show
// none and are asked.

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
)

// issueFor makes a client's certificate for SIP domains.
func (a *authority) issueFor(domains ...string) tls.Certificate {
	a.t.Helper()
	k := a.newKey()
	c := a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "trunk.example.net"}, DNSNames: domains, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, a.cert, k)
	return tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: k}
}

// askOver sends a MESSAGE over TLS, with the certificates, and returns the answer; nil where the
// connection was refused.
func askOver(t *testing.T, addr string, trusts *x509.CertPool, certs ...tls.Certificate) *message.Message {
	t.Helper()
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(patience))
	conn := tls.Client(raw, &tls.Config{RootCAs: trusts, ServerName: "example.com", Certificates: certs})
	if _, err := fmt.Fprintf(conn, "MESSAGE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/TLS %s;rport;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:x@elsewhere.example>;tag=1\r\n"+
		"To: <sip:bob@example.com>\r\nCall-ID: %s\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n", conn.LocalAddr(), conn.LocalAddr()); err != nil {
		return nil
	}
	buf := make([]byte, 65536)
	n, err := conn.Read(buf)
	if err != nil {
		return nil
	}
	m := new(message.Message)
	if err := m.Parse(buf[:n], &message.Limits{}); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTrustedPeers(t *testing.T) {
	ours, foreign := newAuthority(t), newAuthority(t)
	file := script(t, `
local auth = require "auth"
auth.configure { users = { alice = "open sesame" }, trusted = { "cert:trunk.example.net", "192.0.2.0/24" } }
function route(req)
  if auth.trusted(req) or auth.require(req) then
    req:reply(200, auth.trusted(req) .. " " .. table.concat(req.source.identity, ","))
  end
end`)
	s := startSecure(t, ours, "--tls-client-ca", ours.file, "--tls-client-auth", "optional", file)
	for name, c := range map[string]struct {
		certs []tls.Certificate
		want  string
	}{
		"a trunk":                           {[]tls.Certificate{ours.issueFor("trunk.example.net", "more.example.net")}, "200 cert:trunk.example.net trunk.example.net,more.example.net"},
		"its name in other letters":         {[]tls.Certificate{ours.issueFor("Trunk.EXAMPLE.net")}, "200 cert:trunk.example.net trunk.example.net"},
		"another one":                       {[]tls.Certificate{ours.issueFor("x.example.net")}, "407 Proxy Authentication Required"},
		"a wildcard":                        {[]tls.Certificate{ours.issueFor("*.example.net")}, "407 Proxy Authentication Required"},
		"its name in the subject only":      {[]tls.Certificate{ours.issueFor()}, "407 Proxy Authentication Required"},
		"a phone without a certificate":     {nil, "407 Proxy Authentication Required"},
		"a certificate by somebody unknown": {[]tls.Certificate{foreign.issueFor("trunk.example.net")}, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			got := "refused"
			if m := askOver(t, s.addrs["tls"], ours.roots, c.certs...); m != nil {
				got = fmt.Sprintf("%d %s", m.Status(), m.ReasonPhrase())
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
