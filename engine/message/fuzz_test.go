package message

// Fuzz targets. Their seeds are the torture messages; each asserts what must hold of any input
// whatever.

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
)

func addTorture(f *testing.F) {
	for _, c := range tortureCases() {
		f.Add(c.wire())
	}
	f.Add([]byte(invite17))
	f.Add([]byte(request("Content-Length: 4\n") + "body"))
}

// inside reports whether part lies within whole.
func inside(t *testing.T, m *Message) {
	t.Helper()
	for i := 0; i < m.Len(); i++ {
		f := &m.fields[i]
		if !(f.lo <= f.nameEnd && f.nameEnd <= f.val && f.val <= f.valEnd && f.valEnd <= f.hi) || int(f.hi) > len(m.source(f)) {
			t.Fatalf("field %d: %+v of %d", i, *f, len(m.source(f)))
		}
	}
}

// views is what the typed views say, as one text.
func viewsText(m *Message) string {
	via, errVia := m.TopVia()
	seq, errSeq := m.CSeq()
	from, errFrom := m.From()
	to, errTo := m.To()
	var b strings.Builder
	for _, p := range [][]byte{via.Version, via.Transport, via.Host, via.Params, seq.Text, from.Display, from.URI, from.Params,
		to.Display, to.URI, to.Params, m.CallID(), m.FromTag(), m.ToTag(), via.Branch(), m.RequestURI(), m.MethodText(), m.ReasonPhrase(), m.Body()} {
		b.Write(p)
		b.WriteByte('|')
	}
	for _, err := range []error{errVia, errSeq, errFrom, errTo, m.Validate()} {
		if err != nil {
			b.WriteString(err.Error())
		}
		b.WriteByte('|')
	}
	return b.String()
}

// keptAsItStands compares what m keeps of its branch and tags with what is in it.
func keptAsItStands(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, m *Message) {
	t.Helper()
	via, _ := m.TopVia()
	from, _ := m.From()
	to, _ := m.To()
	for _, part := range []struct {
		params Params
		name   string
		kept   []byte
	}{{via.Params, "branch", via.Branch()}, {from.Params, "tag", m.FromTag()}, {to.Params, "tag", m.ToTag()}} {
		if fresh, present := part.params.Get(part.name); !bytes.Equal(fresh, part.kept) || present != (part.kept != nil) {
			t.Fatalf("%q: %s kept as %q", part.params, part.name, part.kept)
		}
	}
}

func FuzzParse(f *testing.F) {
	addTorture(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		var m, again Message
		err := m.Parse(b, nil)
		inside(t, &m)
		out := m.AppendTo(nil)
		if len(out) > m.Size() {
			t.Fatalf("Size %d, %d appended", m.Size(), len(out))
		}
		if err == nil {
			if !m.Mended() && !bytes.HasPrefix(b[SkipCRLF(b):], out) {
				t.Fatalf("written otherwise than it came: %q", out)
			}
			if again.Parse(out, nil) != nil || viewsText(&again) != viewsText(&m) || !bytes.Equal(again.AppendTo(nil), out) {
				t.Fatal("parsed again it is another")
			}
			if bytes.Contains(bytes.ReplaceAll(out[:len(out)-len(m.Body())], []byte("\r\n"), nil), []byte("\n")) {
				t.Fatal("a lone LF is accepted")
			}
		} else if m.Validate() == nil {
			t.Fatal("Validate finds nothing where Parse did")
		}
		viewsText(&m)
		keptAsItStands(t, &m)
		if m.Answerable() {
			res := AppendResponse(nil, &m, 400, "", "tag", nil, nil)
			if err := again.Parse(res, nil); err != nil {
				t.Fatalf("the answer: %v %q", err, res)
			}
		}
		if !bytes.Equal(before, b) {
			t.Fatal("the received bytes were written to")
		}
	})
}

func FuzzFrame(f *testing.F) {
	addTorture(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		whole := 0
		n, err := Frame(b, nil, &whole)
		if n < 0 || n > len(b) || n > 0 && err != nil {
			t.Fatal(n, len(b), err)
		}
		if n > 0 {
			var m Message
			if m.Parse(b[:n], nil) == nil && len(m.AppendTo(nil)) != n-SkipCRLF(b[:n]) {
				t.Fatal("Parse finds another end")
			}
		}
		// In pieces it comes to the same.
		scanned, got := 0, 0
		var gotErr error
		for i := 0; i <= len(b) && got == 0 && gotErr == nil; i += max(1, len(b)/7) {
			got, gotErr = Frame(b[:i], nil, &scanned)
		}
		if got == 0 && gotErr == nil {
			got, gotErr = Frame(b, nil, &scanned)
		}
		if got != n || (gotErr == nil) != (err == nil) {
			t.Fatalf("in pieces %d %v, whole %d %v", got, gotErr, n, err)
		}
	})
}

func FuzzURI(f *testing.F) {
	for _, s := range []string{"sip:a:b@h:5060;p=v;lr?x=y&z", "sips:user:@[2001:db8:::192.0.2.1]:05061", "tel:+1-2;phone-context=h", "urn:x:y",
		"sip:%61%3b;x?@h;a%62=c%3B;transport=Tcp?q=%41", "sip:*21#@h"} {
		f.Add([]byte(s), []byte("sip:a@h"))
	}
	for _, c := range tortureCases() {
		var m Message
		m.Parse(c.wire(), nil)
		f.Add(bytes.Clone(m.RequestURI()), []byte("sip:a@h"))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		u, err := ParseURI(a)
		if err != nil {
			return
		}
		if out := u.AppendTo(nil); !bytes.Equal(out, a) {
			t.Fatalf("%q is written %q", a, out)
		}
		if !u.Equal(&u) {
			t.Fatalf("%q is not equal to itself", a)
		}
		if !visible(a) {
			t.Fatalf("%q could not stand in <>", a)
		}
		aor := u.AppendAOR(nil)
		w, err := ParseURI(aor)
		if err != nil {
			t.Fatalf("%q: AOR %q: %v", a, aor, err)
		}
		if again := w.AppendAOR(nil); !bytes.Equal(again, aor) {
			t.Fatalf("AOR %q becomes %q", aor, again)
		}
		v, err := ParseURI(b)
		if err == nil && u.Equal(&v) != v.Equal(&u) {
			t.Fatalf("%q and %q: Equal has a side", a, b)
		}
	})
}

// FuzzParams compares the short ways through the parameters with the whole one.
func FuzzParams(f *testing.F) {
	for _, s := range []string{";a=b;c", ";;a = \"x;y\";b=", ";a=;=", "; a", ";x=a=b;y;", ";x=%41@?", ";a\"=b;a=\"b"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p := Params(b)
		for i := 0; i < len(p); {
			q, ok, _ := p.next(i)
			if nameEnd, end := p.plain(i); end >= 0 {
				if !ok || q.name != i+1 || q.nameEnd != nameEnd || q.hi != end || !bytes.Equal(p[q.val:q.valEnd], p[min(nameEnd+1, end):end]) {
					t.Fatalf("%q at %d: %+v %v, plain %d %d", b, i, q, ok, nameEnd, end)
				}
			}
			if !ok {
				break
			}
			i = q.hi
		}
		for limit := range 4 {
			var a found
			flaw := p.check(limit, "a", &a)
			value, present := p.Get("a")
			if got := a.value(p, "a"); !bytes.Equal(got, value) || (got != nil) != present || flaw == "" && a.present != present {
				t.Fatalf("%q: a is %q %v, found %q %+v", b, value, present, got, a)
			}
			if plainURIParams(b, limit) && (flaw != "" || !escaped(b, charURI) || bytes.ContainsAny(b, "?@%")) {
				t.Fatalf("%q, at most %d, taken for plain: %s", b, limit, flaw)
			}
		}
	})
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{`"A, \"B\"" <sip:a@h;x?y>;tag=1`, "sip:a@h;tag = 1", "*", "A B<sip:h>", "<sip:h>;x=\"<;>\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseAddress(b)
		if err != nil || a.Star {
			return
		}
		a.DisplayName()
		out := append(bytes.Clone(a.Display), '<')
		out = append(append(append(out, a.URI...), '>'), a.Params...)
		w, err := ParseAddress(out)
		if err != nil || !bytes.Equal(w.URI, a.URI) || !bytes.Equal(w.Tag(), a.Tag()) || !bytes.Equal(w.Display, a.Display) {
			t.Fatalf("%q written %q: %v", b, out, err)
		}
		n := 0
		a.Params.Each(func(name, value []byte) bool {
			if len(name) == 0 || !a.Params.Has(string(name)) {
				t.Fatalf("parameter %q", name)
			}
			n++
			return true
		})
		if n > defaultParams {
			t.Fatal(n)
		}
	})
}

func FuzzVia(f *testing.F) {
	for _, s := range []string{"SIP / 2.0 / UDP host:5060 ;branch=x", "SIP/2.0/TCP [::1]:5060;rport;received=[::1]", "SIP/2.0/UDP h;x=\",;\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := ParseVia(b)
		if err != nil {
			return
		}
		if len(v.Host) == 0 || len(v.Transport) == 0 || bytes.ContainsAny(v.Host, " ;,\r\n\x00") {
			t.Fatalf("%q: host %q transport %q", b, v.Host, v.Transport)
		}
		if bytes.ContainsAny(b, "\r\n\x00\x7f\x01") || elementEnd(b, 0) != len(b) {
			return // not one element of one line
		}
		m := Message{}
		if m.Parse([]byte("OPTIONS sip:h SIP/2.0\r\nVia: "+string(b)+"\r\n\r\n"), nil) != nil {
			return
		}
		src := netip.MustParseAddrPort("192.0.2.77:7777")
		m.SetReceived(src)
		w, err := m.TopVia()
		if err != nil {
			t.Fatalf("%q after SetReceived: %q: %v", b, m.Header(HeaderVia), err)
		}
		if string(w.Host) != "192.0.2.77" && string(w.Received()) != "192.0.2.77" || !bytes.Equal(w.Branch(), v.Branch()) {
			t.Fatalf("%q after SetReceived: %q", b, m.Header(HeaderVia))
		}
	})
}

// FuzzEdits plays a program of edits on a message: what is not edited keeps its bytes, and what was
// written reads back.
func FuzzEdits(f *testing.F) {
	for _, c := range tortureCases() {
		f.Add(c.wire(), []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	}
	f.Add([]byte(invite17), []byte{9, 3, 3, 3, 4, 2, 10, 8, 1, 6})
	f.Fuzz(func(t *testing.T, b, program []byte) {
		var m Message
		if m.Parse(b, nil) != nil || len(program) > 50 {
			return
		}
		untouched := keepLines(&m)
		for i, op := range program {
			edit(&m, op, i)
			inside(t, &m)
			keptAsItStands(t, &m)
		}
		if got := keepLines(&m); got != untouched {
			t.Fatalf("%v\nbefore:\n%q\nafter:\n%q", program, untouched, got)
		}
		out := m.AppendTo(nil)
		if len(out) > m.Size() {
			t.Fatalf("Size %d, %d appended", m.Size(), len(out))
		}
		var copied, again Message
		m.CopyTo(&copied)
		if !bytes.Equal(copied.AppendTo(nil), out) {
			t.Fatal("the copy is another")
		}
		if err := again.Parse(out, &Limits{HeaderLine: 1 << 16, Headers: 1000}); err != nil {
			t.Fatalf("%v after edits: %v\n%q", program, err, out)
		}
		if viewsText(&again) != viewsText(&m) || again.Len() != m.Len() {
			t.Fatalf("%v: reads back otherwise\n%s\n%s", program, viewsText(&again), viewsText(&m))
		}
	})
}

// keepLines is the lines of all headers that edit leaves alone.
func keepLines(m *Message) string {
	var kept strings.Builder
	for i := range m.fields {
		switch f := &m.fields[i]; f.id {
		case HeaderVia, HeaderFrom, HeaderTo, HeaderRoute, HeaderMaxForwards, HeaderContentLength, HeaderContentType, HeaderContentEncoding, HeaderSubject, HeaderContact:
		default:
			kept.Write(m.line(f))
		}
	}
	return kept.String()
}

func edit(m *Message, op byte, i int) {
	switch op % 13 {
	case 0:
		m.InsertTop(HeaderVia, benchVia)
	case 1:
		m.RemoveElement(HeaderVia, i%3)
	case 2:
		m.ReplaceElement(HeaderVia, i%3, benchVia)
	case 3:
		m.RemoveElement(HeaderRoute, i%2)
	case 4:
		m.SetMaxForwards(i)
	case 5:
		m.SetReceived(netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 5060))
	case 6:
		m.Set("s", "new subject")
	case 7:
		m.AddFirst("Contact", "<sip:a@b>, \"x, y\" <sip:c@d>")
	case 8:
		m.Remove("Contact")
	case 9:
		m.SetRequestURI([]byte("sip:new@h"))
	case 10:
		m.SetBody(bytes.Repeat([]byte("x"), i), "text/plain")
	case 11:
		m.Set("t", "<sip:b@h>;x;tag="+strings.Repeat("b", i%3))
	case 12:
		m.Set("From", "\"A\" <sip:a@h> ;tag = a;tag=b")
	}
}
