package message

// Helpers the tests share.

import (
	"errors"
	"strings"
	"testing"
)

// crlf makes wire text of a Go string written with lone LFs.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// parse parses text, which must be right.
func parse(t testing.TB, text string) *Message {
	t.Helper()
	m := new(Message)
	if err := m.Parse([]byte(text), nil); err != nil {
		t.Fatalf("Parse: %v\n%s", err, text)
	}
	return m
}

// verdict is the status a message is answered with after Parse and Validate: 0 for a valid one.
func verdict(t testing.TB, m *Message, b []byte) int {
	t.Helper()
	err := m.Parse(b, nil)
	if err == nil {
		err = m.Validate()
	} else if m.Validate() == nil {
		t.Error("Validate finds nothing where Parse did")
	}
	if err == nil {
		return 0
	}
	var e *Error
	if !errors.As(err, &e) || e.Status < 400 || e.Reason == "" {
		t.Fatalf("not an answerable error: %#v", err)
	}
	return e.Status
}

// request is a minimal valid request with further header lines, each ending with LF.
func request(headers string) string {
	return crlf("INVITE sip:bob@example.com SIP/2.0\n" +
		"Via: SIP/2.0/UDP client.example.com:5060;branch=z9hG4bK74bf9\n" +
		"Max-Forwards: 70\n" +
		"From: Alice <sip:alice@example.com>;tag=9fxced76sl\n" +
		"To: Bob <sip:bob@example.com>\n" +
		"Call-ID: 3848276298220188511@client.example.com\n" +
		"CSeq: 1 INVITE\n" + headers + "\n")
}

func same[T ~[]byte | ~string](t testing.TB, what string, got T, want string) {
	t.Helper()
	if string(got) != want {
		t.Errorf("%s:\n got %q\nwant %q", what, string(got), want)
	}
}
