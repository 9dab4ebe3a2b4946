package message

// The forwarding path: its allocation ceiling, and timings.

import (
	"net/netip"
	"strconv"
	"testing"
)

// invite17 is an INVITE as a desk phone behind two proxies sends it: 23 header fields, 1.7 kB.
var invite17 = crlf(`INVITE sip:+12125551212@sip.example.com;user=phone SIP/2.0
Via: SIP/2.0/UDP edge2.example.net:5060;branch=z9hG4bK3f1b.8a6d7e52000000000000000000000000.1;i=3a
Via: SIP/2.0/TCP 198.51.100.23:5060;received=198.51.100.23;branch=z9hG4bK9d0a.41c2b8f7000000000000000000000000.0
Via: SIP/2.0/TLS 192.168.17.42:49152;rport=51342;received=203.0.113.77;branch=z9hG4bK-524287-1---b1c9d7c2f0a94d5e
Record-Route: <sip:edge2.example.net;lr;ftag=a73kszlfl;did=7f1.c0a>
Record-Route: <sip:198.51.100.23:5060;transport=tcp;r2=on;lr;ftag=a73kszlfl>
Route: <sip:sip.example.com;lr>
Max-Forwards: 68
From: "Alice Wonderland" <sip:alice@example.net;user=phone>;tag=a73kszlfl
To: "Bob" <sip:+12125551212@sip.example.com;user=phone>
Call-ID: 1j9FpLxk3uxtm8tn-6f1d2c9e@192.168.17.42
CSeq: 20178 INVITE
Contact: <sip:alice@203.0.113.77:51342;transport=tls;ob>;+sip.instance="<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>"
Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, INFO, SUBSCRIBE, UPDATE, PRACK, MESSAGE
Supported: replaces, 100rel, timer, outbound, path, gruu
Session-Expires: 1800;refresher=uac
Min-SE: 90
User-Agent: DeskPhone T46U 108.86.0.90 (build 20240117)
P-Asserted-Identity: "Alice Wonderland" <sip:+13125550100@example.net>
P-Access-Network-Info: IEEE-802.11; i-wlan-node-id=aabbccddeeff
Accept: application/sdp, application/isup
X-Correlation-ID: 4e2b0c5c-8f8e-4a29-a1b7-8b7e4d1c6f0d
Content-Type: application/sdp
Content-Length: 211

v=0
o=alice 2890844526 2890844526 IN IP4 203.0.113.77
s=-
c=IN IP4 203.0.113.77
t=0 0
m=audio 49170 RTP/AVP 0 8 96
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:96 telephone-event/8000
a=ptime:20
`)

var benchVia = []byte("SIP/2.0/UDP proxy.example.com:5060;branch=z9hG4bK7f3a9c0d1e2b4a5f")

var benchSource = netip.MustParseAddrPort("203.0.113.77:51342")

// forward does what forwarding a request does to its bytes.
func forward(m *Message, in, out []byte) ([]byte, bool) {
	if m.Parse(in, nil) != nil {
		return out, false
	}
	via, err := m.TopVia()
	c, errSeq := m.CSeq()
	n, ok, _ := m.MaxForwards()
	if err != nil || errSeq != nil || !ok || len(via.Branch()) == 0 || c.Number == 0 || len(m.CallID()) == 0 || m.ToTag() != nil {
		return out, false
	}
	m.InsertTop(HeaderVia, benchVia)
	m.SetMaxForwards(n - 1)
	return m.AppendTo(out[:0]), true
}

func TestForwardAllocatesNothing(t *testing.T) {
	in := []byte(invite17)
	var m Message
	out, ok := forward(&m, in, nil)
	if !ok || m.Len() != 24 || len(out) != len(in)+len("Via: \r\n")+len(benchVia) {
		t.Fatalf("%v: %d fields, %d bytes of %d", ok, m.Len(), len(out), len(in))
	}
	if n := testing.AllocsPerRun(100, func() { out, ok = forward(&m, in, out) }); n != 0 || !ok {
		t.Errorf("%v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { ok = m.Validate() == nil }); n != 0 || !ok {
		t.Errorf("Validate: %v allocations", n)
	}
	n := testing.AllocsPerRun(100, func() {
		ok = m.HeaderName("x-correlation-id") != nil && m.FindName("k", 0) > 0
		for e := m.ElementsName("Allow"); e.Next(); {
			ok = ok && len(e.Value) > 0
		}
		m.SetReceived(benchSource)
		out = AppendResponse(out[:0], &m, 200, "", "tag", nil, nil)
	})
	if n != 0 || !ok {
		t.Errorf("reading and answering: %v allocations", n)
	}
}

func BenchmarkForward(b *testing.B) {
	in := []byte(invite17)
	var m Message
	var out []byte
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		out, _ = forward(&m, in, out)
	}
}

func BenchmarkParse(b *testing.B) {
	in := []byte(invite17)
	var m Message
	b.ReportAllocs()
	for b.Loop() {
		m.Parse(in, nil)
	}
}

func BenchmarkValidate(b *testing.B) {
	var m Message
	m.Parse([]byte(invite17), nil)
	b.ReportAllocs()
	for b.Loop() {
		m.views.have = 0
		if err := m.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFrame(b *testing.B) {
	in := []byte(invite17)
	b.ReportAllocs()
	for b.Loop() {
		scanned := 0
		if n, err := Frame(in, nil, &scanned); n != len(in) {
			b.Fatal(n, err)
		}
	}
}

// BenchmarkEdit is what becomes of a request that was parsed and checked on its way out.
func BenchmarkEdit(b *testing.B) {
	var m, sent Message
	var out []byte
	source := netip.MustParseAddrPort("198.51.100.23:5060")
	uri, route := []byte("sip:bob@198.51.100.99:5060;transport=udp"), []byte("<sip:proxy.example.com;lr;did=5e7f1a>")
	for _, text := range []string{invite17, request("Via: SIP/2.0/UDP 198.51.100.23:5060;branch=z9hG4bK1\n")} {
		m.Parse([]byte(text), nil)
		if err := m.Validate(); err != nil {
			b.Fatal(err)
		}
		b.Run(strconv.Itoa(m.Len()), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.CopyTo(&sent)
				sent.SetReceived(source)
				sent.SetRequestURI(uri)
				sent.SetMaxForwards(67)
				sent.InsertTop(HeaderRecordRoute, route)
				sent.InsertTop(HeaderVia, benchVia)
				out = sent.AppendTo(out[:0])
			}
		})
	}
}

func BenchmarkParseURI(b *testing.B) {
	text := []byte("sip:alice@203.0.113.77:51342;transport=tls;ob")
	b.ReportAllocs()
	for b.Loop() {
		ParseURI(text)
	}
}

func BenchmarkParseVia(b *testing.B) {
	text := []byte("SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK-524287-1---b1c9d7c2f0a94d5e;rport")
	b.ReportAllocs()
	for b.Loop() {
		if v, err := ParseVia(text); err != nil || v.Branch() == nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkURIEqual(b *testing.B) {
	u, _ := ParseURI([]byte("sip:%61lice@atlanta.com;transport=TCP;lr"))
	v, _ := ParseURI([]byte("sip:alice@AtLanTa.CoM;lr;Transport=tcp"))
	b.ReportAllocs()
	for b.Loop() {
		u.Equal(&v)
	}
}

func BenchmarkAppendAOR(b *testing.B) {
	u, _ := ParseURI([]byte("sip:alice%20b@Example.COM:5060;transport=tls"))
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = u.AppendAOR(dst[:0])
	}
}

func BenchmarkAppendResponse(b *testing.B) {
	var m Message
	m.Parse([]byte(invite17), nil)
	var dst []byte
	tag := strconv.Itoa(123456789)
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendResponse(dst[:0], &m, 180, "", tag, nil, nil)
	}
}
