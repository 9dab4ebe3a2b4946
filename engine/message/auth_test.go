package message

import (
	"bytes"
	"testing"
)

func TestParseAuth(t *testing.T) {
	for _, c := range []struct {
		value  string
		scheme string
		params map[string]string // nil: refused
	}{
		{`Digest username="bob", realm="a, b", nonce="x\"y", uri="sip:h;p", qop=auth, nc=00000001, response="e"`, "Digest",
			map[string]string{"username": "bob", "realm": "a, b", "nonce": `x\"y`, "uri": "sip:h;p", "QOP": "auth", "nc": "00000001", "response": "e"}},
		{"digest\r\n  realm = \"r\" ,\r\n\tnonce=n,, ,algorithm=SHA-256", "digest", map[string]string{"Realm": "r", "nonce": "n", "algorithm": "SHA-256"}},
		{"DIGEST", "DIGEST", map[string]string{}},
		{"Basic QWxhZGRpbg==", "Basic", map[string]string{}},
		{`Digest realm="unclosed`, "Digest", nil},
		{`Digest realm`, "Digest", nil},
		{`Digest realm="a" nonce="b"`, "Digest", nil},
		{`Digest =a`, "Digest", nil},
		{`"x"`, "", nil},
		{``, "", nil},
	} {
		t.Run(c.value, func(t *testing.T) {
			a, err := ParseAuth([]byte(c.value))
			if (err == nil) != (c.params != nil) || string(a.Scheme) != c.scheme {
				t.Errorf("%q: scheme %q, %v", c.value, a.Scheme, err)
				return
			}
			for name, want := range c.params {
				if got, ok := a.Params.Get(name); !ok || string(got) != want {
					t.Errorf("%q: %s is %q %v", c.value, name, got, ok)
				}
			}
			if _, ok := a.Params.Get("none"); ok {
				t.Errorf("%q has a parameter it hasn't", c.value)
			}
		})
	}
	info, err := ParseAuthInfo([]byte(`nextnonce="n", rspauth="r"`))
	if v, ok := info.Get("nextnonce"); err != nil || !ok || string(v) != "n" {
		t.Errorf("%q %v", v, err)
	}
}

func FuzzAuth(f *testing.F) {
	for _, s := range []string{`Digest a="b", c=d`, "Digest a", `Digest a="\`, "x y", `Digest ,,a=`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseAuth(b)
		if err != nil {
			return
		}
		a.Params.Each(func(name, value []byte) bool {
			if len(name) == 0 || !bytes.Contains(b, name) || !bytes.Contains(b, value) {
				t.Fatalf("%q has %q=%q", b, name, value)
			}
			if _, ok := a.Params.Get(string(name)); !ok {
				t.Fatalf("%q not found", name)
			}
			return true
		})
	})
}
