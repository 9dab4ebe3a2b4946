package passport_test

// Tokens of others, and ours read by others.

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sipscript/sipscript/modules/stir/passport"
)

// rfcKey is that of RFC 8225, Appendix A, by which all vectors are signed.
const rfcKey = `-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIFeZ1R208QCvcu5GuYyMfG4W7sH4m99/7eHSDLpdYllFoAoGCCqGSM49
AwEHoUQDQgAE8HNbQd/TmvCKwPKHkMF9fScavGeH78YTU8qLS8I5HLHSSmlATLcs
lQMhNC/OhlWBYC626nIlo7XeebYS7Sb37g==
-----END EC PRIVATE KEY-----`

func keyOf(text string) *ecdsa.PrivateKey {
	block, _ := pem.Decode([]byte(text))
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		panic(err)
	}
	return key
}

func TestVectors(t *testing.T) {
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		Maker, Type, Attest, Orig, Dest, Div, Value string
		IAT                                         int64
	}
	if err := json.Unmarshal(b, &list); err != nil || len(list) < 3 {
		t.Fatal(err, len(list))
	}
	key := keyOf(rfcKey)
	for _, v := range list {
		t.Run(v.Maker, func(t *testing.T) {
			token, err := passport.Parse([]byte(v.Value))
			if err != nil {
				t.Fatal(err)
			}
			c := token.Claims
			if token.Type != v.Type || c.Attest != v.Attest || c.Orig.String() != v.Orig || c.Dest.First().String() != v.Dest || c.Div.String() != v.Div || c.IssuedAt != v.IAT {
				t.Errorf("%+v", token)
			}
			if !token.SignedBy(&key.PublicKey) {
				t.Error("the signature is not right")
			}
			for i := range v.Value {
				if v.Value[i] == '.' { // any other claim, header or signature
					bad := []byte(v.Value)
					bad[i-3] ^= 3
					if token, err := passport.Parse(bad); err == nil && token.SignedBy(&key.PublicKey) {
						t.Errorf("changed at %d, it is accepted", i-3)
					}
				}
			}
		})
	}
}

// The example of RFC 8225, Appendix A, comes out of our own making, but for the signature: that is
// random, and the one printed there is not right for the key printed there.
func TestCanonicalForm(t *testing.T) {
	key := keyOf(rfcKey)
	token := passport.Token{X5U: "https://cert.example.org/passport.cer", Claims: passport.Claims{IssuedAt: 1471375418,
		Orig: passport.Identity{TN: "12155551212"}, Dest: passport.Dest{URI: []string{"sip:alice@example.com"}}}}
	value, err := token.Sign(key, passport.Full)
	want := "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9." +
		"eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6MTQ3MTM3NTQxOCwib3JpZyI6eyJ0biI6IjEyMTU1NTUxMjEyIn19."
	if err != nil || !strings.HasPrefix(value, want) {
		t.Errorf("%v\n%s", err, value)
	}
	for name, one := range map[string]struct {
		token passport.Token
		want  string
	}{
		"shaken": {passport.Token{Type: passport.Shaken, Claims: passport.Claims{Attest: "A", OrigID: "id", IssuedAt: 1, Orig: passport.Identity{TN: "1"}, Dest: passport.Dest{TN: []string{"2", "3"}, URI: []string{"sip:a@b"}}}},
			`{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://x/"} {"attest":"A","dest":{"tn":["2","3"],"uri":["sip:a@b"]},"iat":1,"orig":{"tn":"1"},"origid":"id"}`},
		"div": {passport.Token{Type: passport.Div, Claims: passport.Claims{IssuedAt: 1, Orig: passport.Identity{URI: `sip:"\é@b`}, Dest: passport.To(passport.Identity{TN: "2"}), Div: passport.Identity{TN: "3"}}},
			`{"alg":"ES256","ppt":"div","typ":"passport","x5u":"https://x/"} {"dest":{"tn":["2"]},"div":{"tn":"3"},"iat":1,"orig":{"uri":"sip:\"\\é@b"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			one.token.X5U = "https://x/"
			value, err := one.token.Sign(key, passport.Full)
			if err != nil {
				t.Fatal(err)
			}
			digest, _, _ := strings.Cut(value, ";")
			parts := strings.Split(digest, ".")
			header, _ := jwt.NewParser().DecodeSegment(parts[0])
			claims, _ := jwt.NewParser().DecodeSegment(parts[1])
			if got := string(header) + " " + string(claims); got != one.want {
				t.Errorf("got  %s\nwant %s", got, one.want)
			}
			back, err := passport.Parse([]byte(value))
			if err != nil || !reflect.DeepEqual(back.Claims, one.token.Claims) || back.Type != one.token.Type || !back.SignedBy(&key.PublicKey) {
				t.Errorf("%+v, %v", back, err)
			}
		})
	}
}

// Another maker's library verifies ours, and we what it signs.
func TestAnotherLibrary(t *testing.T) {
	key := keyOf(rfcKey)
	token := passport.Token{Type: passport.Shaken, X5U: "https://cert.example.org/passport.cer", Claims: passport.Claims{Attest: "C", OrigID: "x", IssuedAt: 1700000000,
		Orig: passport.Identity{TN: "12155550100"}, Dest: passport.To(passport.Identity{TN: "12155550101"})}}
	value, err := token.Sign(key, passport.Full)
	if err != nil {
		t.Fatal(err)
	}
	digest, params, _ := strings.Cut(value, ";")
	if params != `info=<https://cert.example.org/passport.cer>;alg=ES256;ppt="shaken"` {
		t.Error(params)
	}
	theirs, err := jwt.Parse(digest, func(*jwt.Token) (any, error) { return &key.PublicKey, nil }, jwt.WithValidMethods([]string{"ES256"}))
	if err != nil || theirs.Claims.(jwt.MapClaims)["attest"] != "C" || theirs.Header["typ"] != "passport" {
		t.Errorf("%+v, %v", theirs, err)
	}
	made := jwt.NewWithClaims(jwt.SigningMethodES256, theirs.Claims)
	made.Header = map[string]any{"alg": "ES256", "typ": "passport", "ppt": "shaken", "x5u": "https://cert.example.org/passport.cer"}
	text, err := made.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	back, err := passport.Parse([]byte(text + ";info=<https://cert.example.org/passport.cer>;alg=ES256;ppt=shaken"))
	if err != nil || !back.SignedBy(&key.PublicKey) || !reflect.DeepEqual(back.Claims, token.Claims) {
		t.Errorf("%+v, %v", back, err)
	}
}
