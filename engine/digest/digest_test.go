package digest

import (
	"errors"
	"io"
	"strings"
	"testing"

	peer "github.com/icholy/digest"

	"github.com/sipscript/sipscript/engine/message"
)

// The examples of RFC 7616 §3.9.1: the same request under two algorithms, and §3.5 of RFC 2617 is
// the first's ancestor.
func TestPublishedVectors(t *testing.T) {
	for algorithm, want := range map[string]string{
		"MD5":     "8ca523f5e9506fed4657c9700eebdbec",
		"SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		t.Run(algorithm, func(t *testing.T) {
			c, err := parse([]byte(`Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=` + algorithm +
				`, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`))
			if err != nil {
				t.Fatal(err)
			}
			got := c.Answer(&Request{User: "Mufasa", Password: "Circle of Life", Method: "GET", URI: "/dir/index.html", Cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"})
			if !strings.Contains(got, `response="`+want+`"`) || !strings.Contains(got, `opaque="FQhe/`) || !strings.Contains(got, "qop=auth,") {
				t.Errorf("%s: %s", algorithm, got)
			}
		})
	}
}

// Another implementation computes the same for every algorithm it knows, with each qop.
func TestAgainstIcholy(t *testing.T) {
	for _, challenge := range []string{
		`Digest realm="a", nonce="n1", algorithm=MD5, qop="auth"`,
		`Digest realm="a", nonce="n1"`,
		`Digest realm="a", nonce="n1", opaque="", qop="auth-int"`,
		`Digest realm="a b", nonce="n1", algorithm=SHA-256, qop="auth-int,auth"`,
		`digest realm="a", nonce="n1", algorithm=sha-512-256 , qop=auth`,
	} {
		c, err := parse([]byte(challenge))
		if err != nil {
			t.Fatalf("%s: %v", challenge, err)
		}
		got, err := peer.ParseCredentials(c.Answer(&Request{User: "bob", Password: "zanzibar", Method: "INVITE", URI: "sip:x@example.com", Body: []byte("v=0"), Cnonce: "c1"}))
		if err != nil {
			t.Fatal(err)
		}
		ch, err := peer.ParseChallenge(strings.Replace(strings.Replace(challenge, " ,", ",", 1), "digest ", "Digest ", 1))
		if err != nil {
			t.Fatal(err)
		}
		ch.QOP = nil
		if c.qop != "" {
			ch.QOP = []string{c.qop}
		}
		want, err := peer.Digest(ch, peer.Options{Method: "INVITE", URI: "sip:x@example.com", Username: "bob", Password: "zanzibar", Cnonce: "c1", Count: 1,
			GetBody: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("v=0")), nil }})
		if err != nil {
			t.Fatalf("%s: %v", challenge, err)
		}
		if got.Response != want.Response {
			t.Errorf("%s: %s, icholy says %s", challenge, got.Response, want.Response)
		}
	}
}

func TestChoose(t *testing.T) {
	for _, c := range []struct{ headers, realm, flaw string }{
		{"WWW-Authenticate: Digest realm=\"m\",nonce=\"1\"\r\nWWW-Authenticate: Digest realm=\"s\",nonce=\"1\",algorithm=SHA-256\r\n", "s", ""},
		{"WWW-Authenticate: Digest realm=\"5\",nonce=\"1\",algorithm=SHA-512-256\r\nWWW-Authenticate: Digest realm=\"s\",nonce=\"1\",algorithm=SHA-256\r\n", "5", ""},
		{"WWW-Authenticate: Basic realm=\"b\"\r\nWWW-Authenticate: Digest realm=\"m\",nonce=\"1\"\r\n", "m", ""},
		{"WWW-Authenticate: Digest realm=\"x\",nonce=\"1\",algorithm=AKAv1-MD5\r\nWWW-Authenticate: Digest realm=\"m\",nonce=\"1\"\r\n", "m", ""},
		{"WWW-Authenticate: Digest realm=\"x\",nonce=\"1\",algorithm=AKAv1-MD5\r\n", "", "AKAv1"},
		{"WWW-Authenticate: Digest realm=\"x\",nonce=\"1\",qop=\"fancy\"\r\n", "", "qop"},
		{"WWW-Authenticate: Digest realm=\"x\\\"y\",nonce=\"1\"\r\n", "", "escapes"},
		{"WWW-Authenticate: Digest realm=\"x\"\r\n", "", "no nonce"},
		{"WWW-Authenticate: Digest realm\r\n", "", "name=value"},
		{"Proxy-Authenticate: Digest realm=\"p\",nonce=\"1\"\r\n", "", "no challenge"},
	} {
		t.Run(c.headers, func(t *testing.T) {
			var m message.Message
			if err := m.Parse([]byte("SIP/2.0 401 No\r\n"+c.headers+"Content-Length: 0\r\n\r\n"), &message.Limits{}); err != nil {
				t.Fatal(err)
			}
			got, err := Choose(&m, message.HeaderWWWAuthenticate)
			if got.Realm != c.realm || (err != nil) != (c.flaw != "") || err != nil && (!errors.Is(err, ErrNone) || !strings.Contains(err.Error(), c.flaw)) {
				t.Errorf("%q: realm %q, %v", c.headers, got.Realm, err)
			}
		})
	}
}

// A user name is hashed as it is and written with its escapes.
func TestUserNameIsQuoted(t *testing.T) {
	c, _ := parse([]byte(`Digest realm="a", nonce="n"`))
	if got := c.Answer(&Request{User: `a"b`}); !strings.Contains(got, `username="a\"b"`) || !strings.Contains(got, c.response(&Request{User: `a"b`})) {
		t.Error(got)
	}
}
