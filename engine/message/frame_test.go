package message

import (
	"bytes"
	"strings"
	"testing"
)

func TestFrame(t *testing.T) {
	one := request("l: 4\n") + "body"
	two := request("Subject: x\n  l: 99\nCONTENT-length :\n 0\n")
	stream := []byte(one + two)
	scanned := 0
	n, err := Frame(stream, nil, &scanned)
	if n != len(one) || err != nil || scanned != 0 {
		t.Fatal(n, err, scanned)
	}
	n, err = Frame(stream[n:], nil, &scanned)
	if n != len(two) || err != nil {
		t.Fatal(n, err)
	}

	// Byte by byte: nothing until it is whole, and the same then.
	scanned = 0
	for i := 0; i < len(one); i++ {
		if n, err := Frame(stream[:i], nil, &scanned); n != 0 || err != nil {
			t.Fatal(i, n, err)
		}
	}
	if n, err := Frame(stream[:len(one)], nil, &scanned); n != len(one) || err != nil {
		t.Fatal(n, err)
	}
}

func TestFrameErrors(t *testing.T) {
	for _, c := range []struct {
		name, text string
		status     int
	}{
		{"no length", request(""), 400},
		{"length negative", request("Content-Length: -1\n"), 400},
		{"length not a number", request("Content-Length: 5x\n"), 400},
		{"length empty", request("Content-Length:\n"), 400},
		{"length overflowing", request("Content-Length: 99999999999999999999\n"), 400},
		{"lengths differ", request("Content-Length: 1\nl: 2\n"), 400},
		{"a length hidden by a lone LF", strings.Replace(request("X: y\nl: 0\n"), "y\r\n", "y\n", 1), 400},
		{"a length behind a lone LF", strings.Replace(request("l: 5\nX: y\nContent-Length: 5\n"), "y\r\n", "y\n", 1), 400},
		{"body too large", request("Content-Length: 65536\n"), 413},
		{"message too large", request("Content-Length: 65535\n"), 513},
		{"no end", strings.Repeat("x", 65536), 513},
	} {
		t.Run(c.name, func(t *testing.T) {
			scanned := 0
			n, err := Frame([]byte(c.text), nil, &scanned)
			if e, ok := err.(*Error); !ok || e.Status != c.status || n != 0 {
				t.Errorf("%s: %d %v", c.name, n, err)
			}
		})
	}
	scanned := 0
	if n, err := Frame([]byte(request("l: 3\nl: 3\n")+"abc"), nil, &scanned); n == 0 || err != nil {
		t.Error("the same length twice", n, err)
	}
}

// What is wrong with a short head is said when the whole of it is there, so that the answer finds
// its way.
func TestFrameWaitsForAShortHead(t *testing.T) {
	for name, text := range map[string]string{
		"one lone LF":   strings.Replace(request("l: 0\n"), "SIP/2.0\r\n", "SIP/2.0\n", 1),
		"LFs alone":     strings.ReplaceAll(request("l: 0\n"), "\r\n", "\n"),
		"LF at its end": strings.TrimSuffix(request("l: 0\n"), "\r\n") + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			scanned := 0
			for i := range len(text) {
				if n, err := Frame([]byte(text[:i]), nil, &scanned); n != 0 || err != nil {
					t.Fatalf("%s: at %d of %d: %d %v", name, i, len(text), n, err)
				}
			}
			if n, err := Frame([]byte(text), nil, &scanned); n != 0 || err == nil || err.(*Error).Status != 400 {
				t.Errorf("%s: %d %v", name, n, err)
			}
		})
	}
	scanned := 0
	if _, err := Frame([]byte("OPTIONS sip:h SIP/2.0\nX: "+strings.Repeat("x", 5000)), nil, &scanned); err == nil {
		t.Error("a long head is waited for")
	}
}

// Frame and Parse agree on where a message ends.
func TestFrameAgreesWithParse(t *testing.T) {
	for _, c := range tortureCases() {
		b := c.wire()
		scanned := 0
		n, err := Frame(b, nil, &scanned)
		if err != nil || n == 0 {
			continue
		}
		var m Message
		m.Parse(b, nil)
		if out := m.AppendTo(nil); !bytes.Equal(out, b[:n]) {
			t.Errorf("%s: Frame %d, Parse %d", c.name, n, len(out))
		}
	}
}
