package ring

import (
	"strings"
	"testing"
)

func TestMask(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"digest", `Authorization: Digest username="a,b", realm="x", nonce="n", uri="sip:x", response="0123", cnonce="ab", nc=00000001, qop=auth, opaque="o"`,
			`Authorization: Digest username="a,b", realm="x", nonce="n", uri="sip:x", response="****", cnonce="**", nc=00000001, qop=auth, opaque="*"`},
		{"case and spaces", `PROXY-authorization	: dIGEST response = "0123"`, `PROXY-authorization	: dIGEST response = "****"`},
		{"unquoted", "Authorization: Digest response=0123,username=a", "Authorization: Digest response=****,username=a"},
		{"bearer", "Authorization: Bearer ey.jx.y==", "Authorization: Bearer *********"},
		{"basic", "Authorization: Basic eA==", "Authorization: Basic ****"},
		{"a scheme that only looks like digest", "Authorization: Digester realm=x", "Authorization: Digester *******"},
		{"no scheme", "Authorization: secret", "Authorization: ******"},
		{"answer", `Authentication-Info: rspauth="ab", nextnonce="n"`, `Authentication-Info: rspauth="**", nextnonce="n"`},
		{"an unknown parameter", `Authorization: Digest auts="k", x=y`, `Authorization: Digest auts="*", x=*`},
		{"sdes", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:*********************************************"},
		{"sdes of a strange form", "a=crypto:1 X key:abc", "a=crypto:* * *******"},
		{"ice", "a=ice-pwd:abc", "a=ice-pwd:***"},
		{"k", "k=base64:abc", "k=**********"},
		{"password in a URI", "From: <sip:alice:pw@example.com>;tag=x:y@z", "From: <sip:alice:**@example.com>;tag=x:y@z"},
		{"in a request line", "INVITE sips:a:b:c@h SIP/2.0", "INVITE sips:a:***@h SIP/2.0"},
		{"two", "Contact: <sip:a:b@c>, <sip:d:e@f>", "Contact: <sip:a:*@c>, <sip:d:*@f>"},
		{"a challenge stays", `WWW-Authenticate: Digest realm="x", nonce="n", opaque="o"`, `WWW-Authenticate: Digest realm="x", nonce="n", opaque="o"`},
		{"another header", "Authorization-Events: presence", "Authorization-Events: presence"},
		{"identity stays", "Identity: ey.jx.y;info=<https://x/c.pem>", "Identity: ey.jx.y;info=<https://x/c.pem>"},
		{"a user without password", "To: sip:a@h:5060", "To: sip:a@h:5060"},
		{"fingerprint stays", "a=fingerprint:sha-256 AB:CD", "a=fingerprint:sha-256 AB:CD"},
		{"a comma in a password", "To: <sip:alice:p,wsecret@h>, <sip:b:x,y@h>", "To: <sip:alice:*********@h>, <sip:b:***@h>"},
		{"a comma in a user", "To: <sip:al,ice:hidden@h>", "To: <sip:al,ice:******@h>"},
		{"a list without brackets", "Contact: sip:a@c:5060,sip:d:e@f", "Contact: sip:a@c:5060,sip:d:*@f"},
		{"credentials in a URI", "Refer-To: <sip:a@h?x=y&Proxy-AUTHORIZATION=Digest%20response%3D%22ab%22&z=1>", "Refer-To: <sip:a@h?x=y&Proxy-AUTHORIZATION=****************************&z=1>"},
		{"credentials first", "Refer-To: <sip:h?Authorization=Basic%20eA>;q=1", "Refer-To: <sip:h?Authorization=**********>;q=1"},
		{"other headers in a URI", "Refer-To: <sip:h?Replaces=1%40h&Authorizations=x>", "Refer-To: <sip:h?Replaces=1%40h&Authorizations=x>"},
		{"a password of the web", "Call-Info: <https://u:hunter@h/a:b@c>", "Call-Info: <https://u:******@h/a:b@c>"},
		{"a port of the web", "Call-Info: <https://h:8443/u@h>, <http://h:80?u@h>", "Call-Info: <https://h:8443/u@h>, <http://h:80?u@h>"},
		{"several @", "To: <sip:a:b@c@d>", "To: <sip:a:***@d>"},
		{"a colon on the next line", "Authorization\r\n : Digest response=x", "Authorization\r\n * ****** **********"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, MinSize)
			for range 2 { // the second refers to the first
				b.message("X sip:x SIP/2.0\r\n" + c.in + "\r\nTo: x\r\n\r\n")
			}
			want := "X sip:x SIP/2.0\r\n" + c.want + "\r\nTo: x\r\n\r\n"
			for _, got := range b.all(t) {
				if got != want {
					t.Errorf("got  %q\nwant %q", got, want)
				}
			}
		})
	}
}

// The URI of a start line may have commas anywhere (RFC 3261 §25.1).
func TestMaskStartLine(t *testing.T) {
	b := newBench(t, MinSize)
	b.message("INVITE sip:al,ice:p,wsecret@h?Authorization=Basic%20eA SIP/2.0\r\nTo: x\r\n\r\n")
	const want = "INVITE sip:al,ice:*********@h?Authorization=********** SIP/2.0\r\nTo: x\r\n\r\n"
	if got := b.all(t)[0]; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// Masking looks at each byte a few times, whatever the text: a datagram holds the lane of others.
func TestMaskWork(t *testing.T) {
	fill := func(first, again string) string {
		return "X sip:x SIP/2.0\r\n" + first + strings.Repeat(again, (mostText-100)/len(again)) + "\r\n\r\n"
	}
	for _, c := range []struct{ name, text string }{
		{"at signs", fill("", "@")},
		{"two colons and at signs", fill("x:y:", "@")},
		{"a URI and at signs", fill("sip:a:", "@")},
		{"a URI of the web and at signs", fill("http://a:", "@")},
		{"many URIs", fill("", "sip:a:@")},
		{"colons", fill("sip", ":")},
		{"credentials in a URI", fill("x", "?authorization=@")},
		{"folds", fill("", " x\n")},
		{"folds with at signs", fill("s:x\n", " @\n")},
		{"folds of credentials", fill("Authorization:\n", " x\n")},
		{"a name and spaces, then folds", fill("Authorization"+strings.Repeat(" ", 4000)+":\n", " x\n")[:mostText]},
		{"folds and other lines", fill("", " x\na\n")},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, MinSize)
			b.message(c.text)
			if work := b.ring.lanes[0].Load().encoder.mask.work; work > 5*len(c.text) {
				t.Errorf("%d bytes are looked at in a text of %d", work, len(c.text))
			}
		})
	}
}

// A secret in a line that is continued (§7.3.1), and one whose beginning was there before.
func TestMaskAcross(t *testing.T) {
	b := newBench(t, MinSize)
	b.message("X sip:x SIP/2.0\r\nAuthorization: Digest username=\"a\",\r\n response=\"0123456789abcdef\"\r\nTo: x\r\n\r\n")
	b.message("X sip:x SIP/2.0\r\nAuthorization: Digest response=\"0123456789abcdef\", username=\"a\"\r\n\r\n")
	b.message("X sip:x SIP/2.0\r\nAuthorization: Digest response=\"0123456789abXXXX\", username=\"a\"\r\n\r\n")
	b.message("X sip:x SIP/2.0\r\nTo: <sip:alice:longpassword@h>\r\n\r\n")
	b.message("X sip:x SIP/2.0\r\nTo: <sip:alice:longpasswORD@h>\r\n\r\n")
	all := strings.Join(b.all(t), "")
	for _, secret := range []string{"0123", "abXX", "XXXX", "longp", "ORD", "789"} {
		if strings.Contains(all, secret) {
			t.Errorf("%q is in\n%s", secret, all)
		}
	}
	tr := b.ring.lanes[0].Load()
	if raw := string(tr.current.buf[:tr.current.n.Load()]); strings.Contains(raw, "0123") || strings.Contains(raw, "passw") {
		t.Errorf("a secret is kept: %q", raw)
	}
}
