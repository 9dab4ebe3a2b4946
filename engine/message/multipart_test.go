package message

import (
	"bytes"
	"strings"
	"testing"
)

func TestParts(t *testing.T) {
	for _, c := range []struct {
		name, boundary, body string
		want                 []string // of each part, head|body
	}{
		{"usual", "b", "--b\r\nA: 1\r\nB: 2\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n", []string{"A: 1\r\nB: 2\r\n|one", "|two"}},
		{"preamble and epilogue", "b", "pre --b\r\n--b\r\n\r\none\r\n--b--\r\n--b\r\n\r\nno", []string{"|one"}},
		{"line ends of LF", "b", "--b\nA: 1\n\none\n--b--", []string{"A: 1\n|one"}},
		{"white space after the delimiter", "b", "--b \t\r\n\r\none\r\n--b--", []string{"|one"}},
		{"longer words", "b", "--b\r\n\r\n--bb\r\n--b2--\r\n--b--", []string{"|--bb\r\n--b2--"}},
		{"empty content", "b", "--b\r\nA: 1\r\n\r\n\r\n--b--", []string{"A: 1\r\n|"}},
		{"no content", "b", "--b\r\nA: 1\r\n--b--", []string{"A: 1|"}},
		{"an empty part", "b", "--b\r\n--b\r\n\r\nx\r\n--b--", []string{"|", "|x"}},
		{"no end", "b", "--b\r\n\r\none\r\n", []string{"|one\r\n"}},
		{"line ends of the content", "b", "--b\r\n\r\n\r\none\r\n\r\n--b--", []string{"|\r\none\r\n"}},
		{"nothing", "b", "", nil},
		{"no delimiter", "b", "b", nil},
		{"only the end", "b", "--b--\r\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			parts, err := Parts([]byte("multipart/mixed;boundary="+c.boundary), []byte(c.body))
			var got []string
			for i := range parts {
				p := &parts[i]
				got = append(got, string(p.Head)+"|"+string(p.Body))
				if string(p.Body) != c.body[p.Lo:p.Hi] || string(p.Head) != c.body[p.Start:p.Start+len(p.Head)] {
					t.Errorf("part %d is not at %d %d-%d", i, p.Start, p.Lo, p.Hi)
				}
			}
			if strings.Join(got, "\x00") != strings.Join(c.want, "\x00") || (err != nil) != (c.want == nil) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	for name, kind := range map[string]string{"none": "multipart/mixed", "empty": `multipart/mixed;boundary=""`, "too long": "multipart/mixed;boundary=" + strings.Repeat("b", 71)} {
		t.Run("boundary "+name, func(t *testing.T) {
			if _, err := Parts([]byte(kind), []byte("--b\r\n\r\nx")); err == nil {
				t.Error("it is read")
			}
		})
	}
	if _, err := Parts([]byte("multipart/mixed;boundary=b"), []byte(strings.Repeat("--b\r\n\r\nx\r\n", maxParts+1))); err == nil {
		t.Error("a part too many")
	}
	if _, err := Parts([]byte("multipart/mixed;boundary=b"), []byte("--b\r\n"+strings.Repeat("A: 1\r\n", maxPartHeaders+1)+"\r\nx")); err == nil {
		t.Error("a header too many")
	}
}

func TestPartHeaders(t *testing.T) {
	parts, err := Parts([]byte("multipart/mixed;boundary=b"), []byte("--b\r\nContent-Type : text/plain;\r\n charset=x\r\nno header\r\nContent-ID:<1@x>\r\n\r\nx"))
	if err != nil || len(parts) != 1 {
		t.Fatal(parts, err)
	}
	same(t, "folded", parts[0].Header("content-type"), "text/plain;\r\n charset=x")
	same(t, "last", parts[0].Header("Content-ID"), "<1@x>")
	if parts[0].Header("X") != nil {
		t.Error("a header that is not there")
	}
}

// Parts lie in the body, in order, with a delimiter before each; nothing is read twice.
func FuzzParts(f *testing.F) {
	f.Add("multipart/mixed;boundary=b", []byte("--b\r\nA: 1\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n"))
	f.Add(`multipart/related; boundary="x y"`, []byte("--x y\nContent-Type: multipart/mixed;boundary=c\n\n--c\n\nz\n--c--\n--x y--"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		parts, err := Parts([]byte(kind), body)
		if err != nil {
			return
		}
		boundary := Boundary([]byte(kind))
		at := 0
		for i := range parts {
			p := &parts[i]
			if p.Start < at+2 || p.Lo < p.Start+len(p.Head) || p.Hi < p.Lo || p.Hi > len(body) || !bytes.Equal(p.Body, body[p.Lo:p.Hi]) {
				t.Fatalf("part %d is at %d, %d-%d", i, p.Start, p.Lo, p.Hi)
			}
			if !bytes.Contains(body[at:p.Start], append([]byte("--"), boundary...)) {
				t.Fatalf("no delimiter before part %d", i)
			}
			for name, value := range p.Headers() {
				if bytes.ContainsRune(name, '\n') || len(value) > len(p.Head) {
					t.Fatalf("header %q", name)
				}
			}
			at = p.Hi
		}
		if p, found, err := FindPart([]byte(kind), body, "application/sdp"); found && (err != nil || !bytes.Equal(p.Body, body[p.Lo:p.Hi])) {
			t.Fatalf("found at %d-%d, %v", p.Lo, p.Hi, err)
		}
	})
}
