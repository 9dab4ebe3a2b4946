package message

import (
	"strings"
	"testing"
)

func TestEdits(t *testing.T) {
	const text = "OPTIONS sip:h SIP/2.0\nvia: a, b ,c\nX-a: 1\nVia: d\nx-A :2\nMax-Forwards :  0 \n\nbody"
	for _, c := range []struct {
		name string
		edit func(m *Message)
		want string // of the lines between start line and empty line
	}{
		{"Set in place", func(m *Message) { m.Set("X-A", "3") }, "via: a, b ,c\nX-A: 3\nVia: d\nMax-Forwards :  0 \n"},
		{"Set new", func(m *Message) { m.Set("New", "") }, "via: a, b ,c\nX-a: 1\nVia: d\nx-A :2\nMax-Forwards :  0 \nNew: \n"},
		{"Add", func(m *Message) { m.Add("X-A", "3") }, "via: a, b ,c\nX-a: 1\nVia: d\nx-A :2\nMax-Forwards :  0 \nX-A: 3\n"},
		{"AddFirst", func(m *Message) { m.AddFirst("x-a", "3") }, "via: a, b ,c\nx-a: 3\nX-a: 1\nVia: d\nx-A :2\nMax-Forwards :  0 \n"},
		{"AddFirst new", func(m *Message) { m.AddFirst("New", "3") }, "New: 3\nvia: a, b ,c\nX-a: 1\nVia: d\nx-A :2\nMax-Forwards :  0 \n"},
		{"Remove", func(m *Message) { m.Remove("x-a") }, "via: a, b ,c\nVia: d\nMax-Forwards :  0 \n"},
		{"RemoveID", func(m *Message) { m.RemoveID(HeaderVia) }, "X-a: 1\nx-A :2\nMax-Forwards :  0 \n"},
		{"InsertTop", func(m *Message) { m.InsertTop(HeaderVia, []byte("z")) }, "Via: z\nvia: a, b ,c\nX-a: 1\nVia: d\nx-A :2\nMax-Forwards :  0 \n"},
		{"InsertTop new", func(m *Message) { m.InsertTop(HeaderRoute, []byte("z")) }, "Route: z\nvia: a, b ,c\nX-a: 1\nVia: d\nx-A :2\nMax-Forwards :  0 \n"},
		{"RemoveElement 0", func(m *Message) { m.RemoveElement(HeaderVia, 0) }, "via: b ,c\nX-a: 1\nVia: d\nx-A :2\nMax-Forwards :  0 \n"},
		{"RemoveElement 1", func(m *Message) { m.RemoveElement(HeaderVia, 1) }, "via: a, c\nX-a: 1\nVia: d\nx-A :2\nMax-Forwards :  0 \n"},
		{"RemoveElement 2", func(m *Message) { m.RemoveElement(HeaderVia, 2) }, "via: a, b \nX-a: 1\nVia: d\nx-A :2\nMax-Forwards :  0 \n"},
		{"RemoveElement 3", func(m *Message) { m.RemoveElement(HeaderVia, 3) }, "via: a, b ,c\nX-a: 1\nx-A :2\nMax-Forwards :  0 \n"},
		{"RemoveElement 4", func(m *Message) { m.RemoveElement(HeaderVia, 4) }, "via: a, b ,c\nX-a: 1\nVia: d\nx-A :2\nMax-Forwards :  0 \n"},
		{"ReplaceElement 1", func(m *Message) { m.ReplaceElement(HeaderVia, 1, []byte("long")) }, "via: a, long ,c\nX-a: 1\nVia: d\nx-A :2\nMax-Forwards :  0 \n"},
		{"ReplaceElement evil", func(m *Message) { m.ReplaceElement(HeaderVia, 3, []byte("x\r\ny")) }, "via: a, b ,c\nX-a: 1\nVia: x  y\nx-A :2\nMax-Forwards :  0 \n"},
		{"all elements", func(m *Message) {
			for m.RemoveElement(HeaderVia, 0) {
			}
		}, "X-a: 1\nx-A :2\nMax-Forwards :  0 \n"},
		{"SetMaxForwards 0", func(m *Message) { m.SetMaxForwards(0) }, "via: a, b ,c\nX-a: 1\nVia: d\nx-A :2\nMax-Forwards :  0 \n"},
		{"SetMaxForwards -1", func(m *Message) { m.SetMaxForwards(-1) }, "via: a, b ,c\nX-a: 1\nVia: d\nx-A :2\nMax-Forwards :  0 \n"},
		{"SetMaxForwards 999", func(m *Message) { m.SetMaxForwards(999) }, "via: a, b ,c\nX-a: 1\nVia: d\nx-A :2\nMax-Forwards :  255 \n"},
		{"SetMaxForwards new", func(m *Message) { m.Remove("Max-Forwards"); m.SetMaxForwards(70) }, "via: a, b ,c\nX-a: 1\nVia: d\nx-A :2\nMax-Forwards: 70\n"},
		{"EnsureContentLength", func(m *Message) { m.Remove("X-A"); m.EnsureContentLength(); m.EnsureContentLength() },
			"via: a, b ,c\nVia: d\nMax-Forwards :  0 \nContent-Length: 4\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := parse(t, crlf(text))
			c.edit(m)
			want := crlf("OPTIONS sip:h SIP/2.0\n" + c.want + "\nbody")
			same(t, c.name, m.AppendTo(nil), want)
			if len(want) > m.Size() {
				t.Errorf("%s: Size %d of %d", c.name, m.Size(), len(want))
			}
			again := parse(t, want)
			if again.Len() != m.Len() {
				t.Errorf("%s: %d fields, %d after parsing", c.name, m.Len(), again.Len())
			}
			for i := 0; i < m.Len(); i++ {
				same(t, c.name, m.Value(i), string(again.Value(i)))
			}
		})
	}
}

// TRAPS 33: a value that brings a line of its own.
func TestInjection(t *testing.T) {
	text := request("")
	for _, evil := range []string{"a\r\nEvil: 1", "a\nb", "a\rb", "a\x00b", "\r\n", "a\r\n folded"} {
		m := parse(t, text)
		if m.Set("X", evil) == nil || m.Add("X", evil) == nil || m.AddFirst("X", evil) == nil ||
			m.Set(evil, "x") == nil || m.SetBody([]byte("x"), evil) == nil {
			t.Errorf("%q is accepted", evil)
		}
		same(t, "unchanged", m.AppendTo(nil), text)
	}
	m := parse(t, text)
	for _, name := range []string{"", "a b", "a:", "é", "a\t"} {
		if m.Set(name, "x") == nil {
			t.Errorf("name %q is accepted", name)
		}
	}
}

func TestSetBody(t *testing.T) {
	text := request("Content-Encoding: gzip\nContent-Type: text/plain\nl: 3\n") + "abc"
	m := parse(t, text)
	if err := m.SetBody([]byte("hello"), "application/sdp"); err != nil {
		t.Fatal(err)
	}
	same(t, "body", m.Body(), "hello")
	same(t, "all", m.AppendTo(nil), request("Content-Type: application/sdp\nl: 5\n")+"hello")
	if err := m.SetBody([]byte("a longer body"), ""); err != nil {
		t.Fatal(err)
	}
	same(t, "again", m.AppendTo(nil), request("Content-Type: application/sdp\nl: 13\n")+"a longer body")
	if err := m.SetBody(nil, ""); err != nil {
		t.Fatal(err)
	}
	same(t, "empty", m.AppendTo(nil), request("l: 0\n"))
	if m.SetBody([]byte("x"), "") == nil {
		t.Error("a body without a type")
	}
	m = parse(t, request(""))
	m.SetBody([]byte("x"), "a/b")
	same(t, "added", m.AppendTo(nil), request("Content-Type: a/b\nContent-Length: 1\n")+"x")
	m = parse(t, request("Content-Length: 2\nContent-Length: 2\n")+"ab")
	m.SetBody([]byte("x"), "a/b")
	same(t, "two lengths", m.AppendTo(nil), request("Content-Length: 1\nContent-Type: a/b\n")+"x")
}

func TestViewsFollowEdits(t *testing.T) {
	m := parse(t, request(""))
	if m.ToTag() != nil || string(m.FromTag()) != "9fxced76sl" {
		t.Error("tags")
	}
	m.Set("t", "<sip:x>;tag=new")
	same(t, "To tag", m.ToTag(), "new")
	m.Set("From", "<sip:x>;tag=other")
	same(t, "From tag", m.FromTag(), "other")
	if c, _ := m.CSeq(); c.Number != 1 || c.Method != MethodInvite {
		t.Error("CSeq", c)
	}
	m.Set("CSeq", "2 BYE")
	if c, _ := m.CSeq(); c.Number != 2 || c.Method != MethodBye {
		t.Error("CSeq", c)
	}
	if v, _ := m.TopVia(); string(v.Host) != "client.example.com" {
		t.Error("Via", v)
	}
	m.InsertTop(HeaderVia, []byte("SIP/2.0/UDP new"))
	if v, _ := m.TopVia(); string(v.Host) != "new" {
		t.Error("Via", v)
	}
	m.RemoveElement(HeaderVia, 0)
	m.RemoveElement(HeaderVia, 0)
	if _, err := m.TopVia(); err == nil || !strings.Contains(err.Error(), "Via") {
		t.Error("Via after its removal", err)
	}
	for text, want := range map[string]int{"0": 0, "255": 255, "070": 70, "256": -1, "-1": -1, "": -1, "1 1": -1, "99999999999999999999": -1} {
		t.Run(text, func(t *testing.T) {
			m.Set("Max-Forwards", text)
			n, ok, err := m.MaxForwards()
			if want >= 0 && (n != want || !ok || err != nil) || want < 0 && (ok || err == nil) {
				t.Errorf("Max-Forwards %q: %d %v %v", text, n, ok, err)
			}
		})
	}
	m.Remove("Max-Forwards")
	if _, ok, err := m.MaxForwards(); ok || err != nil {
		t.Error("no Max-Forwards", ok, err)
	}
	m.Set("Expires", "4294967295")
	if n, ok := m.Expires(); n != 4294967295 || !ok {
		t.Error("Expires", n, ok)
	}
	m.Set("Expires", "4294967296")
	if _, ok := m.Expires(); ok {
		t.Error("Expires overflows")
	}
}
