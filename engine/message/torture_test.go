package message

// The corpora of RFC 4475 and RFC 5118: what becomes of each message, and why. The messages are in
// the files torture_valid_test.go, torture_invalid_test.go, torture_semantic_test.go and
// torture_ipv6_test.go.

import (
	"bytes"
	"strings"
	"testing"
)

// tortureCase is one message of the corpora.
type tortureCase struct {
	name, section string
	// 0: valid; else the status it is answered with, or, for a response, that it is dropped
	want int
	why  string // our reading, where the RFC leaves it open
	text string // lines end with LF here
}

// wire is the message as it is sent.
func (c *tortureCase) wire() []byte { return []byte(crlf(c.text)) }

// tortureSDP is the body most of RFC 4475's messages have.
func tortureSDP(origin, connection string) string {
	return "v=0\no=mhandley 29739 7272939 IN IP4 " + origin + "\ns=-\nc=IN IP4 " + connection +
		"\nt=0 0\nm=audio 49217 RTP/AVP 0 12\nm=video 3227 RTP/AVP 31\na=rtpmap:31 LPC\n"
}

func tortureCases() []tortureCase {
	var all []tortureCase
	for _, cases := range [][]tortureCase{tortureValid(), tortureInvalid(), tortureSemantic(), tortureIPv6()} {
		all = append(all, cases...)
	}
	return all
}

func TestTorture(t *testing.T) {
	for _, c := range tortureCases() {
		t.Run(c.section+" "+c.name, func(t *testing.T) {
			b := c.wire()
			var m Message
			if got := verdict(t, &m, b); got != c.want {
				t.Fatalf("%d, want %d: %v; %s", got, c.want, m.Validate(), c.why)
			}
			if m.IsRequest() && c.want != 0 {
				// What is refused is refused with an answer (TRAPS 9).
				if !m.Answerable() {
					t.Fatal("no answer can be made")
				}
				res := AppendResponse(nil, &m, c.want, "", "tag", nil, nil)
				if !bytes.HasPrefix(res, []byte("SIP/2.0 ")) || new(Message).Parse(res, nil) != nil {
					t.Errorf("the answer: %q", res)
				}
			}
			if out := m.AppendTo(nil); !bytes.HasPrefix(b, out) {
				t.Errorf("written otherwise than it came:\n%q\n%q", out, b)
			}
		})
	}
}

// What RFC 4475 says of the valid messages' parts.
func TestTortureViews(t *testing.T) {
	by := make(map[string]tortureCase)
	for _, c := range tortureCases() {
		by[c.name] = c
	}
	read := func(name string) *Message {
		c := by[name]
		m := new(Message)
		if err := m.Parse(c.wire(), nil); err != nil {
			t.Fatal(name, err)
		}
		return m
	}

	m := read("wsinv")
	same(t, "To tag", m.ToTag(), "1918181833n")
	same(t, "From tag", m.FromTag(), "98asjd8")
	from, _ := m.From()
	same(t, "display name", from.DisplayName(), `J Rosenberg \"`)
	n, _, _ := m.MaxForwards()
	seq, _ := m.CSeq()
	if n != 68 || seq.Number != 9 || seq.Method != MethodInvite || len(m.Body()) != 150 {
		t.Error(n, seq, len(m.Body()))
	}
	var hosts, branches []string
	for e := m.Elements(HeaderVia); e.Next(); {
		v, err := ParseVia(e.Value)
		if err != nil {
			t.Fatal(err)
		}
		hosts, branches = append(hosts, string(v.Host)), append(branches, string(v.Branch()))
	}
	same(t, "hosts", strings.Join(hosts, " "), "192.0.2.2 spindle.example.com 192.168.255.111")
	same(t, "branches", strings.Join(branches, " "), "390skdjuw z9hG4bK9ikj8 z9hG4bK30239")
	contact, _ := ParseAddress(m.Header(HeaderContact))
	same(t, "contact", contact.DisplayName(), `Quoted string ""`)
	q, _ := contact.Params.Get("Q")
	same(t, "q", q, "0.33")

	m = read("intmeth")
	to, _ := m.To()
	same(t, "display name", to.DisplayName(), "BEL:\x07 NUL:\x00 DEL:\x7f")
	u, _ := ParseURI(m.RequestURI())
	same(t, "user", u.User, "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*")
	same(t, "password", u.Password, "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)")
	if m.Method() != MethodOther {
		t.Error(m.Method())
	}

	m = read("esc01")
	u, _ = ParseURI(m.RequestURI())
	same(t, "AOR", u.AppendAOR(nil), "sip:sips%3Auser%40example.com@example.net")
	m = read("escnull")
	to, _ = m.To()
	u, _ = ParseURI(to.URI)
	same(t, "AOR", u.AppendAOR(nil), "sip:null-%00-null@example.com")
	m = read("semiuri")
	u, _ = ParseURI(m.RequestURI())
	same(t, "user", u.User, "user;par=u%40example.net")
	m = read("cparam01")
	contact, _ = ParseAddress(m.Header(HeaderContact))
	if !contact.Params.Has("unknownparam") || bytes.Contains(contact.URI, []byte("unknownparam")) {
		t.Error("the parameter of an addr-spec is the header's")
	}

	// 3.1.1.8: on a stream the two requests are two messages, with CRLFs between.
	c := by["dblreq"]
	b := c.wire()
	scanned := 0
	first, err := Frame(b, nil, &scanned)
	if err != nil || !bytes.HasPrefix(b[first:], []byte("\r\n\r\nINVITE")) {
		t.Fatal(first, err)
	}
	b = b[first:]
	b = b[SkipCRLF(b):]
	if second, err := Frame(b, nil, &scanned); second != len(b) || err != nil {
		t.Error(second, len(b), err)
	}

	m = read("port-ambiguous")
	u, _ = ParseURI(m.RequestURI())
	same(t, "host", u.Host, "2001:db8::10:5070")
	if u.Port != 0 {
		t.Error(u.Port)
	}
	for _, name := range []string{"via-received-delimited", "via-received-plain"} {
		v, _ := read(name).TopVia()
		same(t, name, v.Received(), "2001:db8::9:255")
	}
	u, _ = ParseURI(read("three-colons").RequestURI())
	v, _ := ParseURI(read("two-colons").RequestURI())
	if !u.Equal(&v) {
		t.Error("three colons are not two")
	}
	same(t, "AOR", u.AppendAOR(nil), string(v.AppendAOR(nil)))
}
