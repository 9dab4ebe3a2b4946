package body

import (
	"net/netip"
	"testing"

	"github.com/sipscript/sipscript/engine/message"
)

// offer3k is a WebRTC offer of 3 kB, with sound and pictures.
func offer3k(t testing.TB) []byte {
	t.Helper()
	text := corpus(t)["safari"]
	s := parse(t, text)
	if s.Media() < 2 {
		t.Fatal(s.Media())
	}
	const size = 3000
	end := 0
	for i := range text[:size] {
		if text[i] == '\n' {
			end = i + 1
		}
	}
	return text[:end]
}

// with is an INVITE with that body.
func with(t testing.TB, kind string, body []byte) *message.Message {
	t.Helper()
	m := &message.Message{}
	text := "INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n" +
		"Content-Type: " + kind + "\r\nContent-Length: " + itoa(len(body)) + "\r\n\r\n"
	if err := m.Parse(append([]byte(text), body...), nil); err != nil {
		t.Fatal(err)
	}
	return m
}

// editable makes a message one of those that Write takes.
type editable struct{ m *message.Message }

func (e editable) Message() *message.Message { return e.m }
func (e editable) SetBody(body []byte, contentType string) error {
	return e.m.SetBody(body, contentType)
}

var moved = netip.MustParseAddr("192.0.2.77")

func read(t testing.TB, m *message.Message) *Found {
	f, err := Of(m)
	if err != nil || f == nil {
		t.Fatal(f, err)
	}
	return f
}

func setAddress(t testing.TB, m *message.Message, f *Found) {
	if err := f.Session.SetAddress(moved); err != nil {
		t.Fatal(err)
	}
	if err := f.Write(editable{m}); err != nil {
		t.Fatal(err)
	}
}

// The figures of the module: reading an offer of 3 kB takes at most 8 µs, set_address with the edit
// of the message at most 2 µs.
func BenchmarkRead(b *testing.B) {
	m := with(b, "application/sdp", offer3k(b))
	b.ReportAllocs()
	for b.Loop() {
		read(b, m)
	}
}

func BenchmarkReadMultipart(b *testing.B) {
	m := with(b, "multipart/mixed;boundary=x", multipart(string(offer3k(b))))
	b.ReportAllocs()
	for b.Loop() {
		read(b, m)
	}
}

func BenchmarkReadCodecs(b *testing.B) {
	s := parse(b, offer3k(b))
	b.ReportAllocs()
	for b.Loop() {
		s.Medium(1).Codecs()
	}
}

func BenchmarkSetAddress(b *testing.B) {
	text := offer3k(b)
	fresh := with(b, "application/sdp", text)
	f := read(b, fresh)
	var m message.Message
	b.ReportAllocs()
	for b.Loop() {
		fresh.CopyTo(&m) // 0.1 µs
		found := *f
		session := *f.Session
		found.Session = &session
		setAddress(b, &m, &found)
	}
}

// Allocations guard what the benchmarks measure.
func TestAllocations(t *testing.T) {
	text := offer3k(t)
	m := with(t, "application/sdp", text)
	if n := testing.AllocsPerRun(100, func() { read(t, m) }); n > 5 {
		t.Errorf("reading allocates %v times", n)
	}
	f := read(t, m)
	var c message.Message
	if n := testing.AllocsPerRun(100, func() {
		m.CopyTo(&c)
		found, session := *f, *f.Session
		found.Session = &session
		setAddress(t, &c, &found)
	}); n > 8 {
		t.Errorf("set_address allocates %v times", n)
	}
}
