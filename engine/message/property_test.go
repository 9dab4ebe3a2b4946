package message

// This file plays random edits on random messages, on copies of them and on detached ones, and
// compares each with what a fresh Message reads from the bytes it is written as.

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// roomy lets through what edits make of a message.
var roomy = Limits{Message: 1 << 20, Headers: 1 << 12, HeaderLine: 1 << 16, Body: 1 << 20, Params: 1 << 10, Elements: 1 << 10}

// accessors is what a message says by every way there is to ask it, as one text.
func accessors(m *Message) string {
	var b strings.Builder
	add := func(parts ...any) { fmt.Fprintln(&b, parts...) }
	add(viewsText(m))
	add(m.IsRequest(), m.Method(), m.Status(), m.Len(), string(m.Version()), m.Direct(), m.Answerable())
	for i := range m.Len() {
		id, name := m.ID(i), string(m.Name(i))
		add(i, id, name, string(m.Value(i)), m.Find(id, 0), m.FindName(name, i), string(m.Header(id)), string(m.HeaderName(name)))
		for e := m.ElementsName(name); e.Next(); {
			add(e.Field, e.Index, string(e.Value))
		}
	}
	n, ok, err := m.MaxForwards()
	seconds, given := m.Expires()
	add(n, ok, err, seconds, given)
	via, _ := m.TopVia()
	port, asked := via.RPort()
	add(via.Port, string(via.Received()), port, asked)
	seq, _ := m.CSeq()
	add(seq.Number, seq.Method)
	from, _ := m.From()
	to, _ := m.To()
	add(string(from.Tag()), from.DisplayName(), from.Star, string(to.Tag()), to.DisplayName(), to.Star)
	if m.IsRequest() {
		b.Write(AppendResponse(nil, m, 180, "", "our-tag", nil, nil))
		b.Write(AppendAck(nil, m, m))
		b.Write(AppendCancel(nil, m, nil))
	}
	return b.String()
}

// held is a view that somebody keeps, and what it said when it was taken.
type held struct {
	view []byte
	text string
}

// played is a message of the test.
type played struct {
	m     Message
	buf   []byte  // what it was parsed from or, after Detach, its own; nil: another's
	lends int     // how many of the others read its bytes
	from  *played // whose bytes it reads; nil: its own
	held  []held
}

func (p *played) keep(views ...[]byte) {
	for _, v := range views {
		if len(v) > 0 && len(p.held) < 64 {
			p.held = append(p.held, held{v, string(v)})
		}
	}
}

func (p *played) look() {
	via, _ := p.m.TopVia()
	seq, _ := p.m.CSeq()
	from, _ := p.m.From()
	to, _ := p.m.To()
	p.keep(via.Host, via.Params, via.Branch(), via.Transport, seq.Text, from.URI, from.Display, from.Tag(), to.URI, to.Params, to.Tag(),
		p.m.RequestURI(), p.m.Body(), p.m.CallID(), p.m.Header(HeaderRoute), p.m.Header(HeaderMaxForwards))
}

// drop ends the use of the bytes p reads.
func (p *played) drop() {
	if p.from != nil {
		p.from.lends--
		p.from = nil
	}
	p.held = nil
}

func (p *played) parse(t *rapid.T) {
	p.buf = drawWire(t)
	if err := p.m.Parse(p.buf, &roomy); err != nil {
		t.Fatalf("%v in %q", err, p.buf)
	}
}

// check compares p with what is read from it, and the views that are held with what they said.
func check(t *rapid.T, p *played) {
	for _, h := range p.held {
		if string(h.view) != h.text {
			t.Fatalf("a view said %q and says %q", h.text, h.view)
		}
	}
	out := p.m.AppendTo(nil)
	if len(out) > p.m.Size() {
		t.Fatalf("Size %d, %d appended", p.m.Size(), len(out))
	}
	var again Message
	if err := again.Parse(out, &roomy); err != nil {
		t.Fatalf("%v in what was written:\n%q", err, out)
	}
	if a, b := accessors(&p.m), accessors(&again); a != b {
		la, lb := strings.Split(a, "\n"), strings.Split(b, "\n")
		for i := range la {
			if i >= len(lb) || la[i] != lb[i] {
				t.Fatalf("line %d: %q\nread again: %q\n%q", i, la[i], lb[min(i, len(lb)-1)], out)
			}
		}
		t.Fatalf("read again there is more: %q", out)
	}
	keptAsItStands(t, &p.m)
}

var (
	someVias = []string{
		"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport", "SIP / 2.0 / TCP h ; branch = x ;rport=1;received=192.0.2.9", "SIP/2.0/WS [::1]:80;Branch=y",
		"SIP/2.0/UDP h;x=\"a,;b\";branch=", "sip/2.0/tls h:5061;branch", "SIP/2.0/UDP a;branch=1, SIP/2.0/UDP b ;branch=2", "SIP/2.0/UDP a;rport;branch=1 ,\r\n SIP/2.0/UDP b",
		"SIP/2.0/UDP h;branch=a;branch=b", "SIP/2.0/UDP h;;branch=q;", "SIP/2.0/UDP h;received=1;rport=7;received=2;ttl=1", "bad", "",
	}
	someParties = []string{
		"<sip:a@h>", "\"A, B\" <sip:a@h;x?y=z>;tag=1", "sip:a@h;tag = 2", "A B <tel:+1>;Tag=\"q\"", "<sip:h>;tag", "<sip:a@h>;tag=1;tag=2", "<sip:a@h>\r\n ;tag=f",
		"*", "sip:a@h?x", "<sip:a@h", "", "<sip:a@h>;x=y ; tag=z;", "sip:a@h;x=\"<\"",
	}
	someLists = []string{
		"<sip:p1;lr>, <sip:p2;lr>", "<sip:p1;lr>", "\"a, b\" <sip:p3>;x=\",\" ,<sip:p4>", "<sip:p5>,\r\n <sip:p6>,\r\n\t<sip:p7>", ",", "", "<sip:p8>,,", "sip:p9", "\"open, <sip:x>", "<sip:o, sip:p",
	}
	someCSeqs = []string{"1 INVITE", "2147483647 OPTIONS", "2147483648 INVITE", "7  ACK", "x INVITE", "1", "1 FOO", "3\r\n INVITE"}
	someNames = []string{"Via", "v", "VIA", "From", "f", "To", "t", "CSeq", "Call-ID", "i", "Contact", "m", "Route", "Record-Route", "Max-Forwards", "Content-Length",
		"Content-Type", "c", "Subject", "s", "X-Other", "x-other", "Y", "Expires", "Supported", "k"}
	someURIs = []string{"sip:a@h", "sips:b:pw@h:5061;lr;transport=tcp?x=y", "tel:+1-2", "sip:a b@h", "sip:%41@[::1]", "", "sip:h;x=\"q\"", "urn:x"}
	someText = []string{"x", "", " padded ", "a, b", "70", "0", "\"quoted \\\" text\"", "\tt\t", "<sip:c@d>;expires=5", strings.Repeat("long", 40)}
)

// drawValue is a value for a header, mostly one of its kind.
func drawValue(t *rapid.T, name string) string {
	list := someText
	switch LookupHeader([]byte(name)) {
	case HeaderVia:
		list = someVias
	case HeaderFrom, HeaderTo:
		list = someParties
	case HeaderContact, HeaderRoute, HeaderRecordRoute:
		list = someLists
	case HeaderCSeq:
		list = someCSeqs
	case HeaderContentLength:
		return "0"
	}
	if rapid.IntRange(0, 7).Draw(t, "odd") == 0 {
		list = someText
	}
	return rapid.SampledFrom(list).Draw(t, "value")
}

// drawWire is a message on the wire that Parse accepts.
func drawWire(t *rapid.T) []byte {
	start := rapid.SampledFrom([]string{"INVITE sip:b@h SIP/2.0", "OPTIONS tel:+1 sip/2.0", "FOO sips:[::1]:1 SIP/2.0", "SIP/2.0 200 OK", "SIP/2.0 180", "SIP/2.0 404 ", "ACK x SIP/3.0"}).Draw(t, "start")
	var b strings.Builder
	b.WriteString(strings.Repeat("\r\n", rapid.IntRange(0, 1).Draw(t, "blank")))
	b.WriteString(start + "\r\n")
	body := rapid.SampledFrom([]string{"", "body", "v=0\r\n\r\nx"}).Draw(t, "body")
	for range rapid.IntRange(0, 12).Draw(t, "fields") {
		name := rapid.SampledFrom(someNames).Draw(t, "name")
		value := drawValue(t, name)
		if name == "Content-Length" {
			value = fmt.Sprint(len(body))
		}
		b.WriteString(name + rapid.SampledFrom([]string{": ", ":", " : ", ":\r\n "}).Draw(t, "colon") + value + rapid.SampledFrom([]string{"", " ", "\r\n "}).Draw(t, "end") + "\r\n")
	}
	b.WriteString("\r\n" + body)
	return []byte(b.String())
}

// change makes one random edit.
func change(t *rapid.T, m *Message) {
	name := rapid.SampledFrom(someNames).Draw(t, "name")
	id := LookupHeader([]byte(name))
	n := rapid.IntRange(0, 3).Draw(t, "n")
	value := func() string { return strings.ReplaceAll(drawValue(t, name), "\r\n", "") }
	if id == HeaderContentLength {
		m.EnsureContentLength()
		return
	}
	switch rapid.IntRange(0, 15).Draw(t, "edit") {
	case 0:
		_ = m.Set(name, value())
	case 1:
		_ = m.Add(name, value())
	case 2:
		_ = m.AddFirst(name, value())
	case 3:
		m.Remove(name)
	case 4:
		m.InsertTop(id, []byte(value()))
	case 5:
		m.RemoveID(id)
	case 6, 7:
		m.RemoveElement(id, n)
	case 8, 9:
		m.ReplaceElement(id, n, []byte(value()))
	case 10:
		m.SetMaxForwards(n*100 - 1)
	case 11:
		m.SetReceived(netip.AddrPortFrom(netip.MustParseAddr(rapid.SampledFrom([]string{"192.0.2.1", "::1", "::ffff:192.0.2.1", "fe80::1%x"}).Draw(t, "source")), uint16(n)))
	case 12:
		m.SetRequestURI([]byte(rapid.SampledFrom(someURIs).Draw(t, "uri")))
	case 13:
		m.SetStatus(n*200, rapid.SampledFrom(someText).Draw(t, "reason"))
	case 14:
		body := []byte(rapid.SampledFrom(someText).Draw(t, "body"))
		if n == 0 {
			body = m.Body()
		}
		_ = m.SetBody(body, rapid.SampledFrom([]string{"", "text/plain"}).Draw(t, "type"))
	case 15: // with views of itself
		switch n {
		case 0:
			m.InsertTop(HeaderRoute, m.Header(HeaderRoute))
		case 1:
			m.SetRequestURI(m.RequestURI())
		case 2:
			m.ReplaceElement(HeaderVia, 0, m.Header(HeaderVia))
		case 3:
			_ = m.SetBody(m.Body(), "")
		}
	}
}

func TestEditsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := make([]*played, 4)
		for i := range all {
			all[i] = &played{}
			all[i].parse(t)
		}
		pick := rapid.IntRange(0, len(all)-1)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			p := all[pick.Draw(t, "which")]
			switch rapid.IntRange(0, 15).Draw(t, "what") {
			case 0: // a copy
				q := all[pick.Draw(t, "to")]
				if q == p || q.lends > 0 {
					break
				}
				q.drop()
				p.m.CopyTo(&q.m)
				if q.from = p; p.from != nil {
					q.from = p.from
				}
				q.from.lends++
			case 1: // of its own bytes, the old ones gone
				if p.lends > 0 {
					break
				}
				if p.from != nil {
					p.drop()
					p.m.Detach()
					break
				}
				p.held = nil
				p.m.Detach()
				for i := range p.buf {
					p.buf[i] = '\n'
				}
				p.buf = nil
			case 2: // another message
				if p.lends > 0 {
					break
				}
				p.drop()
				p.parse(t)
			case 3: // another one, after Reset
				if p.lends > 0 {
					break
				}
				p.drop()
				p.m.Reset()
				if out := string(p.m.AppendTo(nil)); out != "\r\n" || p.m.Len() != 0 {
					t.Fatalf("reset it is %q", out)
				}
				p.parse(t)
			case 4:
				_ = p.m.Validate()
			case 5, 6:
				p.look()
			default:
				change(t, &p.m)
			}
			check(t, p)
		}
		for _, p := range all {
			check(t, p)
		}
	})
}
