package message

import "testing"

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
