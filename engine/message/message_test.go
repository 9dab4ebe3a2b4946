package message

import (
	"strconv"
	"strings"
	"testing"
)

func TestDetachAndCopy(t *testing.T) {
	text := []byte(request("Route: <sip:p1;lr>, <sip:p2;lr>\nContent-Length: 3\n") + "abc")
	want := string(text)
	m := new(Message)
	if err := m.Parse(text, nil); err != nil {
		t.Fatal(err)
	}
	m.Detach()
	clear(text)
	same(t, "detached", m.AppendTo(nil), want)

	m.InsertTop(HeaderVia, []byte("SIP/2.0/UDP proxy;branch=1"))
	m.SetRequestURI([]byte("sip:x@y"))
	if v, _ := m.TopVia(); string(v.Branch()) != "1" {
		t.Error("the view of the old Via")
	}
	edited := string(m.AppendTo(nil))
	var branch Message
	m.CopyTo(&branch)
	same(t, "copy", branch.AppendTo(nil), edited)
	branch.SetRequestURI([]byte("sip:z@y"))
	branch.RemoveElement(HeaderRoute, 0)
	branch.SetMaxForwards(1)
	same(t, "the original after edits of the copy", m.AppendTo(nil), edited)
	m.Set("Subject", "x")
	_, _ = branch.TopVia()
	m.CopyTo(&branch) // once more, over views of its own
	m.SetRequestURI([]byte("sip:z@y"))
	m.InsertTop(HeaderVia, []byte("SIP/2.0/UDP proxy;branch=2"))
	m.CopyTo(&branch)
	if v, _ := branch.TopVia(); string(v.Branch()) != "2" {
		t.Error("the copy keeps the view of what it was before")
	}
	branch.RemoveElement(HeaderVia, 0)
	branch.RemoveElement(HeaderRoute, 0)
	m.Reset()
	if v, _ := branch.TopVia(); string(v.Branch()) != "1" {
		t.Error("the copy's view lies in the original's arena")
	}
	branch.Detach()
	m.Parse([]byte(request("")), nil)
	same(t, "branch URI", branch.RequestURI(), "sip:z@y")
	same(t, "branch route", branch.Header(HeaderRoute), "<sip:p2;lr>")
}

func TestParseAgain(t *testing.T) {
	m := parse(t, request("Content-Length: 1\n")+"x")
	m.Set("X", "y")
	m.SetBody([]byte("zz"), "text/plain")
	for _, text := range []string{request("A: b\n"), "SIP/2.0 200 OK\r\nTo: <sip:h>;tag=2\r\n\r\n", request("")} {
		_ = m.ToTag()
		if err := m.Parse([]byte(text), nil); err != nil {
			t.Fatal(err)
		}
		same(t, "again", m.AppendTo(nil), text)
	}
	if m.ToTag() != nil {
		t.Error("tag of the message before")
	}
	var broken Message
	if broken.Parse([]byte("x"), nil) == nil || m.Parse([]byte(request("")), nil) != nil || m.Validate() != nil {
		t.Error("errors are kept between messages")
	}
}

// What an edit made large is told by Held also when the message is small again, or has been reset.
func TestHeld(t *testing.T) {
	var m Message
	if err := m.Parse([]byte("OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP c\r\n\r\n"), &Limits{}); err != nil {
		t.Fatal(err)
	}
	small := m.Held()
	if err := m.SetBody(make([]byte, 100_000), "text/plain"); err != nil {
		t.Fatal(err)
	}
	if err := m.SetBody(nil, ""); err != nil {
		t.Fatal(err)
	}
	m.Reset()
	if small > 2000 || m.Held() < 100_000 {
		t.Errorf("%d, then %d", small, m.Held())
	}
}

// A router's gateway rewrote addresses in a session description, and left the Content-Length: the
// body passes as it is, with its own length. Nothing else is forgiven.
func TestContentLengthOfGateways(t *testing.T) {
	const sdp = "v=0\r\no=- 1 1 IN IP4 198.51.100.200\r\ns=-\r\nc=IN IP4 198.51.100.200\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=sendrecv\r\n"
	for name, c := range map[string]struct {
		kind, body string
		length     int
		want       string // the body; "" for an error
	}{
		"shorter now":                       {"application/sdp", sdp, len(sdp) + 12, sdp},
		"longer now":                        {"application/sdp", sdp, len(sdp) - 5, sdp},
		"longer by two addresses":           {"application/sdp", sdp, len(sdp) - 16, sdp},
		"with a parameter":                  {"Application/SDP;x=y", sdp, len(sdp) + 1, sdp},
		"right":                             {"application/sdp", sdp, len(sdp), sdp},
		"much too long":                     {"application/sdp", sdp, len(sdp) + mostMiscounted + 1, ""},
		"cut off in a line":                 {"application/sdp", sdp[:len(sdp)-3], len(sdp), ""},
		"something behind whole lines":      {"application/sdp", sdp + "junk\r\n", len(sdp), sdp},
		"zero bytes behind it":              {"application/sdp", sdp + "\x00\x00\r\n", len(sdp) - 2, sdp[:len(sdp)-2]},
		"another type":                      {"text/plain", sdp, len(sdp) - 5, sdp[:len(sdp)-5]},
		"another type, too long":            {"text/plain", sdp, len(sdp) + 5, ""},
		"no description":                    {"application/sdp", "hello\r\n", 3, "hel"},
		"a length of nothing, and no lines": {"application/sdp", sdp, 0, "-"},
	} {
		t.Run(name, func(t *testing.T) {
			text := request("Content-Type: "+c.kind+"\nl: "+strconv.Itoa(c.length)+"\n") + c.body
			var m Message
			err := m.Parse([]byte(text), nil)
			if (err == nil) != (c.want != "") {
				t.Fatal(err)
			}
			if err != nil {
				return
			}
			want := strings.TrimSuffix(c.want, "-")
			same(t, "body", m.Body(), want)
			var again Message
			if err := again.Parse(m.AppendTo(nil), nil); err != nil {
				t.Fatal(err)
			}
			same(t, "sent", again.Body(), want)
			if c.length != len(want) {
				same(t, "length", again.Header(HeaderContentLength), strconv.Itoa(len(want)))
			}
		})
	}
}
