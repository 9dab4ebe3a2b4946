package passport_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/modules/stir/passport"
)

// raw is a token of any text, unsigned.
func raw(header, claims string) string {
	e := base64.RawURLEncoding
	return e.EncodeToString([]byte(header)) + "." + e.EncodeToString([]byte(claims)) + "." + e.EncodeToString(make([]byte, 64))
}

const (
	goodHeader = `{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://x/"}`
	goodClaims = `{"attest":"A","dest":{"tn":["2"]},"iat":1,"orig":{"tn":"1"},"origid":"x"}`
	goodInfo   = ";info=<https://x/>"
)

func TestParse(t *testing.T) {
	good := raw(goodHeader, goodClaims)
	with := func(old, new string) string {
		return raw(strings.Replace(goodHeader, old, new, 1), strings.Replace(goodClaims, old, new, 1)) + goodInfo
	}
	for _, row := range []struct {
		name, value string
		code        int // 0: right
	}{
		{"good", good + goodInfo, 0},
		{"blanks and another order", " " + good + " ; ppt=\"shaken\" ;\talg = ES256; INFO=<https://x/> ", 0},
		{"other parameters", good + goodInfo + ";x=y;z=\"q\"", 0},
		{"claims that are not known", with(`"iat"`, `"rcd":{"nam":"x"},"iat"`), 0},
		{"a time with a fraction", with(`:1,`, `:1.5,`), 0},
		{"compact", ".." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)) + goodInfo, 0},
		{"empty", "", 438},
		{"without info", good, 438},
		{"info that is not in <>", good + ";info=https://x/", 438},
		{"an empty info", good + ";info=<>", 438},
		{"info with a line break", good + ";info=<https://x/\r\n>", 438},
		{"two infos", good + goodInfo + goodInfo, 438},
		{"alg in <>", good + goodInfo + ";alg=<ES256>", 438},
		{"a parameter without a value", good + goodInfo + ";alg", 438},
		{"a semicolon at the end", good + goodInfo + ";", 438},
		{"too many parameters", good + goodInfo + ";a=1;b=1;c=1;d=1;e=1;f=1;g=1;h=1;i=1;j=1", 438},
		{"another alg in the parameter", good + goodInfo + ";alg=HS256", 437},
		{"another alg", with("ES256", "HS256"), 437},
		{"alg none", with("ES256", "none"), 437},
		{"another typ", with(`"passport"`, `"JWT"`), 438},
		{"no typ", with(`"typ":"passport",`, ``), 438},
		{"crit", with(`"typ"`, `"crit":["x"],"typ"`), 438},
		{"another x5u", raw(strings.Replace(goodHeader, "https://x/", "https://y/", 1), goodClaims) + goodInfo, 438},
		{"another ppt", good + goodInfo + ";ppt=div", 438},
		{"two parts", "a.b" + goodInfo, 438},
		{"four parts", good + ".x" + goodInfo, 438},
		{"only the claims left out", "e30.." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)) + goodInfo, 438},
		{"a short signature", good[:len(good)-8] + goodInfo, 438},
		{"padding", good + "==" + goodInfo, 438},
		{"bits that are not used", good[:len(good)-1] + "B" + goodInfo, 438},
		{"a line break in it", good[:20] + "\r\n" + good[20:] + goodInfo, 438},
		{"not JSON", raw("x", goodClaims) + goodInfo, 438},
		{"a list", raw("[]", goodClaims) + goodInfo, 438},
		{"null", raw("null", goodClaims) + goodInfo, 438},
		{"text after it", raw(goodHeader+"{}", goodClaims) + goodInfo, 438},
		{"a name twice", with(`"iat":1`, `"iat":1,"iat":2`), 438},
		{"a name twice, deeper", with(`{"tn":"1"}`, `{"tn":"1","tn":"2"}`), 438},
		{"another case", with(`"orig":`, `"Orig":`), 438},
		{"both cases", with(`"orig":`, `"ORIG":{"tn":"9"},"orig":`), 0},
		{"deep", with(`"iat"`, `"x":`+strings.Repeat("[", 20)+strings.Repeat("]", 20)+`,"iat"`), 438},
		{"iat as text", with(`:1,`, `:"1",`), 438},
		{"iat before 1970", with(`:1,`, `:-1,`), 438},
		{"iat far away", with(`:1,`, `:1e300,`), 438},
		{"orig as text", with(`{"tn":"1"}`, `"1"`), 438},
		{"orig as a list", with(`{"tn":"1"}`, `{"tn":["1"]}`), 438},
		{"orig of both kinds", with(`{"tn":"1"}`, `{"tn":"1","uri":"sip:a@b"}`), 438},
		{"an empty orig", with(`{"tn":"1"}`, `{"tn":""}`), 438},
		{"orig with a line break", with(`{"tn":"1"}`, `{"tn":"1\r\n"}`), 438},
		{"dest as JSON in a text, as an early libstirshaken has it", with(`{"tn":["2"]}`, `"{\"tn\":\"2\"}"`), 438},
		{"dest that is not a list", with(`["2"]`, `"2"`), 438},
		{"dest of nobody", with(`["2"]`, `[]`), 438},
		{"no dest", with(`{"tn":["2"]}`, `{}`), 438},
		{"dest of too many", with(`["2"]`, `["2"`+strings.Repeat(`,"2"`, 40)+`]`), 438},
		{"another attest", with(`"A"`, `"D"`), 438},
		{"no attest", with(`"attest":"A",`, ``), 438},
		{"no origid", with(`,"origid":"x"`, ``), 438},
		{"div without div", raw(strings.Replace(goodHeader, "shaken", "div", 1), goodClaims) + goodInfo, 438},
		{"long", good + goodInfo + ";x=" + strings.Repeat("y", passport.MaxField), 438},
	} {
		t.Run(row.name, func(t *testing.T) {
			token, err := passport.Parse([]byte(row.value))
			if row.code == 0 {
				if err != nil || token.X5U != "https://x/" || !token.Compact() && (token.Claims.Orig.TN != "1" || token.Claims.IssuedAt != 1) {
					t.Errorf("%+v, %v", token, err)
				}
				return
			}
			var e *passport.Error
			if !errors.As(err, &e) || e.Code != row.code || token != nil {
				t.Errorf("%+v, %v", token, err)
			}
		})
	}
}

func TestWhatIsNotSigned(t *testing.T) {
	key := keyOf(rfcKey)
	good := func() passport.Token {
		return passport.Token{Type: passport.Shaken, X5U: "https://x/", Claims: passport.Claims{Attest: "A", OrigID: "x", Orig: passport.Identity{TN: "1"}, Dest: passport.Dest{TN: []string{"2"}}}}
	}
	for name, change := range map[string]func(*passport.Token){
		"http":         func(t *passport.Token) { t.X5U = "http://x/" },
		"a bracket":    func(t *passport.Token) { t.X5U = "https://x/>;alg=none" },
		"a line break": func(t *passport.Token) { t.X5U = "https://x/\r\nX: y" },
		"no caller":    func(t *passport.Token) { t.Claims.Orig = passport.Identity{} },
		"no callee":    func(t *passport.Token) { t.Claims.Dest = passport.Dest{} },
		"attest":       func(t *passport.Token) { t.Claims.Attest = "D" },
		"no origid":    func(t *passport.Token) { t.Claims.OrigID = "" },
		"no div":       func(t *passport.Token) { t.Type = passport.Div },
		"not UTF-8":    func(t *passport.Token) { t.Claims.Orig = passport.Identity{URI: "sip:\xff@b"} },
		"long":         func(t *passport.Token) { t.Claims.OrigID = strings.Repeat("x", 2000) },
		"many":         func(t *passport.Token) { t.Claims.Dest.TN = make([]string, 40) },
	} {
		t.Run(name, func(t *testing.T) {
			token := good()
			change(&token)
			if value, err := token.Sign(key, passport.Full); err == nil {
				t.Error(value)
			}
		})
	}
	token := good()
	if other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader); err != nil {
		t.Fatal(err)
	} else if _, err := token.Sign(other, passport.Full); err == nil {
		t.Error("with a key of another curve")
	}
	if _, err := token.Sign(key, passport.Compact); err == nil { // RFC 8588 §6
		t.Error("shaken in the compact form")
	}
	if _, err := token.Sign(key, passport.Full); err != nil {
		t.Error(err)
	}
}

func TestIdentities(t *testing.T) {
	for text, want := range map[string]string{
		"+1 (215) 555-0100":                               "12155550100",
		"tel:+1-215-555-0100;phone-context=x":             "12155550100",
		"tel:*67":                                         "*67",
		"sip:+12155550100@example.com":                    "12155550100",
		"sip:+12155550100;verstat=TN-Validation-Passed@x": "12155550100",
		"sip:%2B12155550100@x":                            "12155550100",
		"sip:12155550100@example.com":                     "12155550100",
		"sips:2155@example.com;user=phone":                "2155",
		"sip:2155@example.com;user=PHONE":                 "2155",
		"sip:2155@example.com":                            "sip:2155@example.com",
		"sip:1234567890123456@example.com":                "sip:1234567890123456@example.com",
		"sip:555-0100@example.com":                        "sip:555-0100@example.com",
		"SIP:Alice:pw@EXAMPLE.com:5070;transport=tcp?X=y": "sip:Alice@example.com",
		"sip:alice;x=y@example.com":                       "sip:alice@example.com",
		"sip:Al%69ce@example.com":                         "sip:Alice@example.com",
		"sip:a%40b@example.com":                           "sip:a%40b@example.com",
		"sip:a@[2001:DB8::1]:5060":                        "sip:a@[2001:db8::1]",
		"sip:example.com":                                 "",
		"tel:alice":                                       "",
		"mailto:a@b":                                      "",
		"sip:a%0d%0ab@c":                                  "",
		"":                                                "",
		"+":                                               "",
		"123456789012345678901234567890123":               "",
		"sip:%zz@c":                                       "",
		"sip:+1215;phone-context=+1@ims.example;user=phone":  "1215",
		"sip:anonymous@anonymous.invalid":                    "sip:anonymous@anonymous.invalid",
		"sip:+12155550100x@example.com":                      "sip:+12155550100x@example.com",
		"sip:+12155550100;ext=5;VERSTAT=x@example.com;lr":    "12155550100",
		"sip:1215555010%C3%A9@example.com;user=phone":        "sip:1215555010%C3%A9@example.com",
		"sips:bob@example.com":                               "sips:bob@example.com",
		"sip:12155550100@example.com;user=ip":                "12155550100",
		"sip:+1.215.555.0100@example.com;user=phone;isub=12": "12155550100",
	} {
		t.Run(text, func(t *testing.T) {
			id, err := passport.Of(text)
			if id.String() != want || (err == nil) != (want != "") {
				t.Errorf("%q, %v, want %q", id, err, want)
			}
		})
	}
	if a, b := (passport.Identity{URI: "sips:a@b"}), (passport.Identity{URI: "sip:a@b"}); !a.Same(b) || a.Same(passport.Identity{URI: "sip:A@b"}) {
		t.Error("Same")
	}
	if (passport.Identity{}).Same(passport.Identity{}) {
		t.Error("nobody is nobody")
	}
	if !(passport.Identity{TN: "+49"}).Same(passport.Identity{TN: "49"}) {
		t.Error("a + counts")
	}
}

func TestVerstat(t *testing.T) {
	for _, row := range [][3]string{
		{"sip:+4930@example.com;user=phone", passport.VerstatPassed, "sip:+4930;verstat=TN-Validation-Passed@example.com;user=phone"},
		{"sip:+4930;verstat=TN-Validation-Passed@example.com", passport.VerstatFailed, "sip:+4930;verstat=TN-Validation-Failed@example.com"},
		{"sip:+4930;cpc=x;VerStat=y;z:pw@example.com", "", "sip:+4930;cpc=x;z:pw@example.com"},
		{"tel:+4930;verstat=x;cpc=y", passport.VerstatNone, "tel:+4930;cpc=y;verstat=No-TN-Validation"},
		{"tel:+4930;verstat=x", "", "tel:+4930"},
		{"sip:alice;verstat=TN-Validation-Passed@example.com", passport.VerstatPassed, "sip:alice@example.com"},
	} {
		t.Run(row[0], func(t *testing.T) {
			if got, err := passport.Verstat(row[0], row[1]); got != row[2] || err != nil {
				t.Errorf("%q, %v, want %q", got, err, row[2])
			}
		})
	}
	for _, uri := range []string{"", "x", "sip:example.com", "mailto:a@b"} {
		t.Run(uri, func(t *testing.T) {
			if got, err := passport.Verstat(uri, passport.VerstatPassed); err == nil {
				t.Error(got)
			}
		})
	}
}

// Whatever comes, nothing breaks; what is accepted says what it said when it is made again.
func FuzzParse(f *testing.F) {
	f.Add([]byte(raw(goodHeader, goodClaims) + goodInfo))
	f.Add([]byte(raw(strings.Replace(goodHeader, "shaken", "div", 1), `{"dest":{"uri":["sip:a@b"]},"div":{"tn":"3"},"iat":1,"orig":{"tn":"1"}}`) + `;ppt="div";info=<https://x/>`))
	f.Add([]byte(".." + strings.Repeat("A", 86) + ";info=<a>;alg=ES256"))
	f.Add([]byte("..;info=<"))
	key := keyOf(rfcKey)
	f.Fuzz(func(t *testing.T, value []byte) {
		token, err := passport.Parse(value)
		if err != nil {
			var e *passport.Error
			if !errors.As(err, &e) || e.Code != passport.Invalid && e.Code != passport.BadCredentials {
				t.Error(err)
			}
			return
		}
		token.SignedBy(&key.PublicKey)
		if token.Compact() {
			return
		}
		made := passport.Token{Type: token.Type, X5U: token.X5U, Claims: token.Claims}
		text, err := made.Sign(key, passport.Full)
		if err != nil { // we are stricter with ourselves
			return
		}
		back, err := passport.Parse([]byte(text))
		if err != nil || !reflect.DeepEqual(back.Claims, token.Claims) || !back.SignedBy(&key.PublicKey) {
			t.Errorf("%q: %v", text, err)
		}
	})
}

// What is canonical stays as it is.
func FuzzOf(f *testing.F) {
	for _, s := range []string{"+1 215", "sip:+1;x@h", "tel:1", "sips:a@[::1]:5060;user=phone", "sip:%41@b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := passport.Of(text)
		if err != nil {
			return
		}
		again, err := passport.Of(id.String())
		if err != nil || again != id && !again.Same(id) {
			t.Errorf("%q: %q, then %q, %v", text, id, again, err)
		}
		if shown, err := passport.Verstat(text, passport.VerstatPassed); err == nil {
			if o, err := passport.Of(shown); err != nil || o != id {
				t.Errorf("%q: with verstat %q: %q, %v", text, shown, o, err)
			}
		}
	})
}

func BenchmarkSign(b *testing.B) {
	key := keyOf(rfcKey)
	token := passport.Token{Type: passport.Shaken, X5U: "https://cert.example.org/passport.cer", Claims: passport.Claims{Attest: "A", OrigID: "3a47ca23-d7ab-446b-821d-33d5deedbed4",
		IssuedAt: 1700000000, Orig: passport.Identity{TN: "12155550100"}, Dest: passport.To(passport.Identity{TN: "12155550101"})}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := token.Sign(key, passport.Full); err != nil {
			b.Fatal(err)
		}
	}
}

// What the signature alone costs, beside which the rest should be little.
func BenchmarkES256(b *testing.B) {
	key, hash := keyOf(rfcKey), sha256.Sum256([]byte("x"))
	r, s, err := ecdsa.Sign(rand.Reader, key, hash[:])
	if err != nil {
		b.Fatal(err)
	}
	b.Run("sign", func(b *testing.B) {
		for b.Loop() {
			_, _, _ = ecdsa.Sign(rand.Reader, key, hash[:])
		}
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			if !ecdsa.Verify(&key.PublicKey, hash[:], r, s) {
				b.Fatal("wrong")
			}
		}
	})
}

func ExampleToken_Sign() {
	key := keyOf(rfcKey)
	token := passport.Token{X5U: "https://cert.example.org/a.pem", Claims: passport.Claims{IssuedAt: 1700000000,
		Orig: passport.Identity{TN: "12155550100"}, Dest: passport.To(passport.Identity{TN: "12155550101"})}}
	value, err := token.Sign(key, passport.Compact)
	fmt.Println(bytes.HasPrefix([]byte(value), []byte("..")), err)
	// Output: true <nil>
}
