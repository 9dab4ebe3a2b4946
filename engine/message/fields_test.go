package message

import (
	"strings"
	"testing"
)

func TestLookupHeader(t *testing.T) {
	for id := HeaderOther + 1; id < headerCount; id++ {
		name := id.String()
		if name == "" || len(name) > nameLimit {
			t.Errorf("header %d: name %q", id, name)
		}
		for _, n := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			if LookupHeader([]byte(n)) != id {
				t.Errorf("%q is not found", n)
			}
		}
		if id.IsList() && id.Single() {
			t.Errorf("%s is both a list and single", name)
		}
	}
	// The compact forms of the IANA registry.
	for c, name := range map[string]string{
		"a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "d": "Request-Disposition", "e": "Content-Encoding",
		"f": "From", "i": "Call-ID", "j": "Reject-Contact", "k": "Supported", "l": "Content-Length", "m": "Contact",
		"n": "Identity-Info", "o": "Event", "r": "Refer-To", "s": "Subject", "t": "To", "u": "Allow-Events", "v": "Via",
		"x": "Session-Expires", "y": "Identity",
	} {
		t.Run(c, func(t *testing.T) {
			if LookupHeader([]byte(c)).String() != name || LookupHeader([]byte(strings.ToUpper(c))).String() != name {
				t.Errorf("compact form %s is not %s", c, name)
			}
		})
	}
	for _, n := range []string{"", "q", "Call\rID", "Call-I", "Vi", "Viaa", "X-Via", strings.Repeat("x", 300)} {
		if LookupHeader([]byte(n)) != HeaderOther {
			t.Errorf("%q is found", n)
		}
	}
	if HeaderOther.String() != "" || HeaderID(255).String() != "" || HeaderID(255).IsList() || HeaderID(255).Single() {
		t.Error("ids that are none")
	}
}

func TestMethods(t *testing.T) {
	for m := MethodOther + 1; m <= MethodUpdate; m++ {
		if m.String() == "" || ParseMethod([]byte(m.String())) != m {
			t.Errorf("method %d: %q", m, m.String())
		}
	}
	if ParseMethod([]byte("invite")) != MethodOther || MethodOther.String() != "" {
		t.Error("MethodOther")
	}
}

func TestFields(t *testing.T) {
	m := parse(t, crlf("OPTIONS sip:h SIP/2.0\nv: a\nX-One : 1 \nVIA:b\nSubject:\n\t folded\n  twice \nx-one:2\nEmpty:\n\n"))
	if m.Len() != 6 {
		t.Fatal(m.Len())
	}
	same(t, "name", m.Name(1), "X-One")
	same(t, "value", m.Value(1), "1")
	same(t, "folded", m.Header(HeaderSubject), "folded\r\n  twice")
	if m.Find(HeaderVia, 0) != 0 || m.Find(HeaderVia, 1) != 2 || m.Find(HeaderVia, 3) != -1 || m.ID(2) != HeaderVia {
		t.Error("Find")
	}
	if m.FindName("x-ONE", 0) != 1 || m.FindName("X-One", 2) != 4 || m.FindName("Via", 1) != 2 || m.FindName("X", 0) != -1 {
		t.Error("FindName")
	}
	if v := m.HeaderName("empty"); v == nil || len(v) != 0 {
		t.Error("a field without a value is not a missing one")
	}
	if m.HeaderName("Missing") != nil || m.Header(HeaderTo) != nil {
		t.Error("a missing field has a value")
	}
}

func TestElements(t *testing.T) {
	for _, c := range []struct {
		lines string
		name  string
		want  string
	}{
		{"Via: a, b\nv: c\n", "Via", "a|b|c"},
		{"Via: SIP/2.0/UDP [2001:db8::1]:5060;branch=1, SIP/2.0/UDP h\n", "Via", "SIP/2.0/UDP [2001:db8::1]:5060;branch=1|SIP/2.0/UDP h"},
		{"Contact: sip:a@b, sip:c@d\n", "Contact", "sip:a@b|sip:c@d"},
		{"Contact: \"a, \\\"b\" <sip:c,d@h>;x=\",\" , <sip:e@h>\n", "Contact", "\"a, \\\"b\" <sip:c,d@h>;x=\",\"|<sip:e@h>"},
		{"Contact: *\n", "m", "*"},
		{"Route: <sip:a;lr>,\n <sip:b;lr>\n", "Route", "<sip:a;lr>|<sip:b;lr>"},
		{"Supported:\nSupported: a,,b,\n", "Supported", "a||b|"},
		{"Subject: a, b\n", "Subject", "a, b"},
		{"WWW-Authenticate: Digest a=\"1\", b=2\nWWW-Authenticate: Digest c\n", "WWW-Authenticate", "Digest a=\"1\", b=2|Digest c"},
		{"X: a, b\nx: c\nY: z\n", "X", "a, b|c"},
		{"Y: z\n", "X", ""},
		{"Contact: \"open, b\n", "Contact", "\"open, b"},
	} {
		t.Run(c.lines, func(t *testing.T) {
			m := parse(t, crlf("OPTIONS sip:h SIP/2.0\n"+c.lines+"\n"))
			var got []string
			e := m.ElementsName(c.name)
			for e.Next() {
				got = append(got, string(e.Value))
			}
			if e.Next() {
				t.Error("goes on after its end")
			}
			same(t, c.lines, strings.Join(got, "|"), c.want)
		})
	}
}
