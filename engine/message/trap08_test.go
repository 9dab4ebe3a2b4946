package message

import (
	"strings"
	"testing"
)

// Trap 8, whole: what another library altered on the way through, or could not find. The message is
// read, edited as a proxy edits it, and written; what nobody touched must be there byte for byte.
func TestTrap08NothingIsAlteredOrMissed(t *testing.T) {
	const text = "INVITE sip:a@h;p?x=y SIP/2.0\r\n" +
		"Via: SIP/2.0/UDP a.example:5060 ;Branch=z9hG4bKone;RPORT, SIP/2.0/TCP [2001:db8::1]:5062;branch=z9hG4bKtwo\r\n" +
		"Via: SIP / 2.0 / UDP c.example\r\n" +
		"Max-Forwards: 7\r\n" +
		"Route: \"Edge, one\" <sip:edge@e.example;lr>;x=1;x=1, <sip:f.example;lr>\r\n" +
		"Record-Route: \"R\" <sip:r.example;lr>;y\r\n" +
		"From: \"A \\\" B\" <sip:user:@h>; TAG = f1\r\n" +
		"To: sip:b@h;tag = t1\r\n" +
		"Call-ID: c\r\n" +
		"CSeq: 1 INVITE\r\n" +
		"Contact: sip:a@b, sip:c@d\r\n" +
		"X-Odd : \"comma, in quotes\" ,second\r\n" +
		"Content-Length: 0\r\n\r\n"
	var m Message
	if err := m.Parse([]byte(text), &Limits{}); err != nil {
		t.Fatal(err)
	}
	via, err := m.TopVia()
	if err != nil || string(via.Host) != "a.example" || via.Port != 5060 || string(via.Branch()) != "z9hG4bKone" {
		t.Errorf("topmost Via %+v %v", via, err)
	}
	if _, asked := via.RPort(); !asked {
		t.Error(";RPORT not found")
	}
	if string(m.FromTag()) != "f1" || string(m.ToTag()) != "t1" {
		t.Errorf("tags %q %q", m.FromTag(), m.ToTag())
	}
	count := func(id HeaderID) (n int) {
		for e := m.Elements(id); e.Next(); n++ {
		}
		return n
	}
	if count(HeaderVia) != 3 || count(HeaderContact) != 2 || count(HeaderRoute) != 2 {
		t.Errorf("%d Vias, %d contacts, %d routes", count(HeaderVia), count(HeaderContact), count(HeaderRoute))
	}
	vias := m.Elements(HeaderVia)
	vias.Next()
	vias.Next()
	if v, err := ParseVia(vias.Value); err != nil || string(v.Host) != "2001:db8::1" || v.Port != 5062 {
		t.Errorf("second Via %+v %v", v, err)
	}
	m.InsertTop(HeaderVia, []byte("SIP/2.0/UDP p.example;branch=z9hG4bKours"))
	m.SetMaxForwards(6)
	want := strings.Replace(text, "Via: SIP/2.0/UDP a.example", "Via: SIP/2.0/UDP p.example;branch=z9hG4bKours\r\nVia: SIP/2.0/UDP a.example", 1)
	want = strings.Replace(want, "Max-Forwards: 7", "Max-Forwards: 6", 1)
	if got := string(m.AppendTo(nil)); got != want {
		t.Errorf("written\n%s\nwant\n%s", got, want)
	}
}
