package body

import (
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine/message"
)

// multipart is a body like that of a gateway: SDP with a length of its own, and ISUP in bytes that
// are not text.
func multipart(sdp string) []byte {
	return []byte("a preamble\r\n--x\r\nContent-Type: application/sdp\r\ncontent-length : " + itoa(len(sdp)) + "\r\nContent-Disposition: session;handling=required\r\n\r\n" + sdp +
		"\r\n--x \r\nContent-Type: application/isup;version=itu-t92+\r\n\r\n\x01\x00--x\x00\r\n--xy\r\n\r\n--x--\r\nan epilogue")
}

// The description is found where it is, an edit stays within it, and the message's length follows.
func TestFoundInMessages(t *testing.T) {
	sdp := "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
	part := func(kind, rest, body string) string {
		return "--o\r\nContent-Type: " + kind + "\r\n" + rest + "\r\n" + body + "\r\n"
	}
	nest := func(depth int) string {
		body := sdp
		kind := "application/sdp"
		for i := range depth {
			b := "n" + itoa(i)
			body = "--" + b + "\r\nContent-Type: " + kind + "\r\n\r\n" + body + "\r\n--" + b + "--\r\n"
			kind = "multipart/related;boundary=" + b
		}
		return part(kind, "", body) + "--o--\r\n"
	}
	for _, c := range []struct {
		name, kind, body string
		found            bool
	}{
		{"the body", "application/sdp", sdp, true},
		{"in capitals with a parameter", "APPLICATION/SDP ;charset=UTF-8", sdp, true},
		{"mixed", `multipart/mixed;boundary=x`, string(multipart(sdp)), true},
		{"quoted boundary", `multipart/mixed; boundary="x"`, string(multipart(sdp)), true},
		{"alternative", "multipart/alternative;boundary=o", part("text/plain", "", "hello") + part("application/sdp", "", sdp) + "--o--\r\n", true},
		{"nested in related", "multipart/mixed;boundary=o", nest(2), true},
		{"nested too deep", "multipart/mixed;boundary=o", nest(5), false},
		{"early session", "multipart/mixed;boundary=o", part("application/sdp", "Content-Disposition: early-session\r\n", sdp) + "--o--\r\n", false},
		{"after an early session", "multipart/mixed;boundary=o", part("application/sdp", "Content-Disposition: early-session\r\n", "v=0\r\n") + part("application/sdp", "", sdp) + "--o--\r\n", true},
		{"no end", "multipart/mixed;boundary=o", strings.TrimSuffix(part("application/sdp", "", sdp), "\r\n"), true},
		{"no boundary", "multipart/mixed", string(multipart(sdp)), false},
		{"encoded", "multipart/mixed;boundary=o", part("application/sdp", "Content-Transfer-Encoding: base64\r\n", sdp) + "--o--\r\n", false},
		{"another type", "text/plain", sdp, false},
		{"too many parts", "multipart/mixed;boundary=o", strings.Repeat(part("text/plain", "", "x"), 65) + part("application/sdp", "", sdp), false},
		{"too many headers", "multipart/mixed;boundary=o", part("application/sdp", strings.Repeat("X: y\r\n", 40), sdp), false},
		{"nothing in it", "multipart/mixed;boundary=o", "x", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := with(t, c.kind, []byte(c.body))
			f, _ := Of(m)
			if (f != nil) != c.found {
				t.Fatalf("found %v", f != nil)
			}
			if f == nil {
				return
			}
			if string(f.Session.Bytes()) != sdp {
				t.Fatalf("%q", f.Session.Bytes())
			}
			for _, ip := range []string{"192.0.2.77", "9.9.9.9", "2001:db8::1234"} {
				old := f.Session.Address()
				if err := f.Session.SetAddress(mustAddr(ip)); err != nil {
					t.Fatal(err)
				}
				before := string(m.Body())
				if err := f.Write(editable{m}); err != nil {
					t.Fatal(err)
				}
				want := strings.Replace(before, "c="+connectionOf(mustAddr(old)), "c="+connectionOf(mustAddr(ip)), 1)
				want = strings.Replace(want, "length : "+itoa(len(f.Session.Bytes())+len(before)-len(want)), "length : "+itoa(len(f.Session.Bytes())), 1)
				if got := string(m.Body()); got != want {
					t.Errorf("%s:\n%q\nwant\n%q", ip, got, want)
				}
				var again message.Message
				if err := again.Parse(m.AppendTo(nil), nil); err != nil || string(again.Body()) != want {
					t.Errorf("what is sent: %v\n%q", err, again.Body())
				}
			}
		})
	}
}

// The Session follows a body that was replaced meanwhile.
func TestFollow(t *testing.T) {
	m := with(t, "application/sdp", []byte("v=0\r\nc=IN IP4 10.0.0.1\r\n"))
	f, _ := Of(m)
	try(t, m.SetBody([]byte("v=0\r\nc=IN IP4 10.0.0.2\r\n"), ""))
	if ok, err := f.Follow(m); !ok || err != nil || f.Session.Address() != "10.0.0.2" {
		t.Error(ok, err, f.Session.Address())
	}
	try(t, m.SetBody([]byte("hello"), "text/plain"))
	if ok, _ := f.Follow(m); ok {
		t.Error("text is a description")
	}
	try(t, m.SetBody(nil, ""))
	if ok, _ := f.Follow(m); ok {
		t.Error("nothing is a description")
	}
}
