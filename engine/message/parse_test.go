package message

import (
	"strings"
	"testing"
)

func TestParseKeepsBytes(t *testing.T) {
	for _, text := range []string{
		request(""),
		request("X-Unknown :  spaces\t \nsubject:folded\n  here\n\tand here\nEmpty:\nL : 3\n") + "abc",
		"SIP/2.0 200 OK\r\nv: SIP/2.0/UDP h\r\n\r\nbody without a length",
		"SIP/2.0 200\r\n\r\n", "SIP/2.0 200 \r\n\r\n", "OPTIONS sip:h SIP/2.0\r\n\r\n",
	} {
		m := parse(t, text)
		same(t, "as it came", m.AppendTo(nil), text)
		if m.Size() < len(text) {
			t.Errorf("Size %d of %d", m.Size(), len(text))
		}
		same(t, "after CRLFs", parse(t, "\r\n\r\n"+text).AppendTo(nil), text)
	}
}

func TestParseStartLine(t *testing.T) {
	m := parse(t, "INVITE sip:bob@h SIP/2.0\r\n\r\n")
	if !m.IsRequest() || m.Method() != MethodInvite || m.Status() != 0 || m.ReasonPhrase() != nil {
		t.Error("request", m.Method(), m.Status())
	}
	same(t, "method", m.MethodText(), "INVITE")
	same(t, "URI", m.RequestURI(), "sip:bob@h")
	same(t, "version", m.Version(), "SIP/2.0")
	m.SetRequestURI([]byte("tel:+1"))
	same(t, "edited", m.AppendTo(nil), "INVITE tel:+1 SIP/2.0\r\n\r\n")
	m.SetRequestURI([]byte("sip:x SIP/2.0\r\nEvil: 1"))
	same(t, "injection", m.AppendTo(nil), "INVITE sip:x%20SIP/2.0%0D%0AEvil:%201 SIP/2.0\r\n\r\n")

	m = parse(t, "invite sip:h SIP/2.0\r\n\r\n")
	if m.Method() != MethodOther {
		t.Error("method names have case (§7.1)")
	}

	m = parse(t, "sip/2.0 404 Not  Here, é\r\n\r\n")
	if m.IsRequest() || m.Status() != 404 || m.RequestURI() != nil || m.MethodText() != nil {
		t.Error("response", m.Status())
	}
	same(t, "reason", m.ReasonPhrase(), "Not  Here, é")
	m.SetStatus(487, "")
	same(t, "edited", m.AppendTo(nil), "SIP/2.0 487 Request Terminated\r\n\r\n")
	m.SetStatus(500, "a\r\nb")
	same(t, "injection", m.AppendTo(nil), "SIP/2.0 500 a  b\r\n\r\n")
	m.SetStatus(500, "a\tb")
	same(t, "Reason-Phrase may hold HTAB (§25.1)", parse(t, string(m.AppendTo(nil))).ReasonPhrase(), "a\tb")
	for _, text := range []string{"SIP/2.0\t200 OK\r\n\r\n", "SIP/2.0 \t200 OK\r\n\r\n", "SIP/2.0 200\tOK\r\n\r\n", "OPTIONS sip:h\tSIP/2.0\r\n\r\n"} {
		if m.Parse([]byte(text), nil) == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func TestParseErrors(t *testing.T) {
	long := strings.Repeat("x", 8200)
	for _, c := range []struct {
		name, text string
		status     int
	}{
		{"empty", "", 400},
		{"CRLFs", "\r\n\r\n", 400},
		{"no line end", "INVITE sip:h SIP/2.0", 400},
		{"no empty line", "INVITE sip:h SIP/2.0\r\nTo: x\r\n", 400},
		{"cut in a header", "INVITE sip:h SIP/2.0\r\nTo: x", 400},
		{"cut in CRLF", "INVITE sip:h SIP/2.0\r\nTo: x\r", 400},
		{"lone LFs", "INVITE sip:h SIP/2.0\nTo: x\n\n", 400},
		{"one lone LF", "INVITE sip:h SIP/2.0\r\nTo: x\nFrom: y\r\n\r\n", 400},
		{"lone LF, empty line", "INVITE sip:h SIP/2.0\r\nTo: x\n\r\n", 400},
		{"lone LF for the empty line", "INVITE sip:h SIP/2.0\r\nTo: x\r\n\n", 400},
		{"lone CR", "INVITE sip:h SIP/2.0\r\nTo: x\rFrom: y\r\n\r\n", 400},
		{"NUL", "INVITE sip:h SIP/2.0\r\nTo: x\x00\r\n\r\n", 400},
		{"DEL", "INVITE sip:h SIP/2.0\r\nTo: x\x7f\r\n\r\n", 400},
		{"NUL in quotes", "INVITE sip:h SIP/2.0\r\nTo: \"x\x00\"\r\n\r\n", 400},
		{"escaped NUL outside of quotes", "INVITE sip:h SIP/2.0\r\nTo: \\\x00\r\n\r\n", 400},
		{"NUL in start line", "INVITE sip:\x00h SIP/2.0\r\n\r\n", 400},
		{"no colon", "INVITE sip:h SIP/2.0\r\nTo\r\n\r\n", 400},
		{"no name", "INVITE sip:h SIP/2.0\r\n: x\r\n\r\n", 400},
		{"fold first", "INVITE sip:h SIP/2.0\r\n To: x\r\n\r\n", 400},
		{"fold before colon", "INVITE sip:h SIP/2.0\r\nTo\r\n : x\r\n\r\n", 400},
		{"bad method", "INV@TE sip:h SIP/2.0\r\n\r\n", 400},
		{"two spaces", "INVITE  sip:h SIP/2.0\r\n\r\n", 400},
		{"space at the end", "INVITE sip:h SIP/2.0 \r\n\r\n", 400},
		{"space at the start", " INVITE sip:h SIP/2.0\r\n\r\n", 400},
		{"no version", "INVITE sip:h\r\n\r\n", 400},
		{"HTTP", "GET / HTTP/1.1\r\n\r\n", 400},
		{"length too large", "INVITE sip:h SIP/2.0\r\nContent-Length: 5\r\n\r\nabcd", 400},
		{"length negative", "INVITE sip:h SIP/2.0\r\nContent-Length: -1\r\n\r\nabcd", 400},
		{"length overflowing", "INVITE sip:h SIP/2.0\r\nContent-Length: 18446744073709551617\r\n\r\nabcd", 400},
		{"length empty", "INVITE sip:h SIP/2.0\r\nContent-Length:\r\n\r\nabcd", 400},
		{"lengths differ", "INVITE sip:h SIP/2.0\r\nContent-Length: 3\r\nl: 4\r\n\r\nabcd", 400},
		{"status 99", "SIP/2.0 99 x\r\n\r\n", 400},
		{"status 700", "SIP/2.0 700 x\r\n\r\n", 400},
		{"status 0200", "SIP/2.0 0200 x\r\n\r\n", 400},
		{"status overflowing", "SIP/2.0 4294967301 x\r\n\r\n", 400},
		{"header too long", "INVITE sip:h SIP/2.0\r\nTo: " + long + "\r\n\r\n", 513},
		{"URI too long", "INVITE sip:" + long + " SIP/2.0\r\n\r\n", 414},
		{"headers", "INVITE sip:h SIP/2.0\r\n" + strings.Repeat("a:b\r\n", 257) + "\r\n", 513},
		{"message", "INVITE sip:h SIP/2.0\r\n\r\n" + strings.Repeat(long, 8), 513},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m Message
			if got := verdict(t, &m, []byte(c.text)); got != c.status {
				t.Errorf("%s: %d, want %d", c.name, got, c.status)
			}
			m.AppendTo(nil)
		})
	}
	var m Message
	if err := m.Parse([]byte("INVITE sip:h SIP/2.0\r\n\r\nabcd"), &Limits{Body: 3}); err == nil || err.(*Error).Status != 413 {
		t.Error("body limit", err)
	}
}

// After an error the rest is indexed, so that the request can be answered.
func TestParseGoesOn(t *testing.T) {
	for _, text := range []string{
		strings.Replace(request("\x01bad line\n"), "SIP/2.0\r\nVia", "SIP/2.0 \r\nVia", 1),
		strings.ReplaceAll(request(""), "\r\n", "\n"),
		strings.Replace(request(""), "Max", "\x00Max", 1),
		strings.Replace(request(""), "To: ", "To: \x00", 1),
		request("Content-Length: 10\n"),
		strings.TrimSuffix(request(""), "\r\n"),
	} {
		var m Message
		if m.Parse([]byte(text), nil) == nil {
			t.Errorf("no error: %q", text)
		}
		if !m.Answerable() {
			t.Errorf("not answerable: %q", text)
			continue
		}
		res := AppendResponse(nil, &m, 400, "", "t", nil, nil)
		if verdict(t, new(Message), res) != 0 {
			t.Errorf("the answer is not valid:\n%q", res)
		}
	}
	for _, h := range []string{"To", "From", "Call-ID", "CSeq"} {
		m := parse(t, request(""))
		m.Remove(h)
		if !m.Answerable() {
			t.Error("not answerable without", h)
			continue
		}
		res := parse(t, string(AppendResponse(nil, m, 400, "", "t", nil, nil)))
		if res.Find(LookupHeader([]byte(h)), 0) >= 0 || res.Find(HeaderVia, 0) < 0 {
			t.Errorf("the answer without %s: %s", h, res.AppendTo(nil))
		}
	}
	m := parse(t, request(""))
	if m.Remove("Via"); m.Answerable() {
		t.Error("answerable without Via")
	}
	for via, want := range map[string]bool{
		"SIP/2.0/UDP h;branch=\"x":      true, // its sent-by could be read
		"SIP/2.0/UDP 192.0.2.1:5060;=;": true,
		"SIP/2.0/UDP [::1]:5060 junk":   true,
		"SIP/2.0/UDP":                   false,
		"SIP/2.0/UDP ;branch=x":         false,
		"SIP/2.0/UDP h:99999":           false,
		"junk":                          false,
		"":                              false,
	} {
		t.Run(via, func(t *testing.T) {
			var m Message
			if m.Parse([]byte("OPTIONS sip:h SIP/2.0\r\nVia: "+via+"\r\n\r\n"), nil); m.Answerable() != want {
				t.Errorf("Via: %s: answerable %v", via, !want)
			}
		})
	}
	if parse(t, "SIP/2.0 200 OK\r\n\r\n").Answerable() {
		t.Error("a response is answerable")
	}
}

func TestControlInQuotedPair(t *testing.T) {
	text := "OPTIONS sip:h SIP/2.0\r\nTo: \"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f \\\"\" <sip:h>\r\n\r\n"
	same(t, "kept", parse(t, text).AppendTo(nil), text)
}

// "sip/2.0" is read, and not sent (§7.1).
func TestSpellVersion(t *testing.T) {
	for in, want := range map[string]string{
		"OPTIONS sip:h sip/2.0":         "OPTIONS sip:h SIP/2.0",
		"OPTIONS sip:h Sip/2.0":         "OPTIONS sip:h SIP/2.0",
		"OPTIONS sip:h SIP/2.0":         "OPTIONS sip:h SIP/2.0",
		"sip/2.0 200 sip/2.0":           "SIP/2.0 200 sip/2.0",
		"siP/2.0 183":                   "SIP/2.0 183",
		"OPTIONS sip:sip/2.0@h Sip/2.0": "OPTIONS sip:sip/2.0@h SIP/2.0",
	} {
		t.Run(in, func(t *testing.T) {
			for _, edited := range []bool{false, true} {
				rest := "\r\nVia: SIP/2.0/UDP h\r\nX: y\r\n\r\nbody"
				m := parse(t, in+rest)
				if edited {
					m.InsertTop(HeaderVia, []byte("SIP/2.0/TCP p"))
					rest = "\r\nVia: SIP/2.0/TCP p" + rest
				}
				m.SpellVersion()
				same(t, in, m.AppendTo(nil), want+rest)
				same(t, in, m.Version(), "SIP/2.0")
				uri := string(m.RequestURI())
				if m.SetRequestURI([]byte("sip:other")); m.IsRequest() {
					same(t, in, m.AppendTo(nil), strings.Replace(want, uri, "sip:other", 1)+rest)
				}
			}
		})
	}
}
