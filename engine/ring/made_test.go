package ring

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// masked is a text as it is kept.
func masked(text string) string {
	b := []byte(text[:min(len(text), mostText)])
	var m masker
	m.begin(0, true)
	for lo := 0; lo < len(b); {
		hi := min(indexNewline(b, lo)+1, len(b))
		m.mask(b[:hi], lo, hi)
		lo = hi
	}
	return string(b)
}

// forward records a message that was received, and one that was made of it with edits.
func (b *bench) forward(t testing.TB, text string, edit func(m *message.Message)) (sent string) {
	t.Helper()
	o := &engine.Observed{Bytes: []byte(text), At: b.clock.now, Kind: transport.UDP, Peer: peer, Local: local}
	b.o.Message(o)
	var m message.Message
	if err := m.Parse([]byte(text), &message.Limits{}); err != nil {
		t.Fatal(err)
	}
	m.SetMark(o.Mark)
	edit(&m)
	var from message.Origin
	out := m.AppendFrom(nil, &from)
	b.o.Message(&engine.Observed{Bytes: out, At: b.clock.now, Sent: true, Kind: transport.UDP, Peer: peer, Local: local, Origin: from.Of(out)})
	return string(out)
}

// A message that was made from another takes few bytes, and its secrets are hidden as those of any.
func TestMade(t *testing.T) {
	const secret = "0123456789abcdef"
	big := strings.Repeat("a=candidate:1 1 udp 2130706431 10.0.0.2 5000 typ host\r\n", 8)
	for _, c := range []struct {
		name, lines string
		edit        func(m *message.Message)
		most        int // bytes that the sent one takes
	}{
		{"a Via more", "", func(m *message.Message) {
			m.InsertTop(message.HeaderVia, []byte("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK77"))
			m.SetMaxForwards(69)
		}, 140},
		{"nothing", "", func(*message.Message) {}, 40},
		{"credentials that go on", "Authorization: Digest username=\"a\", response=\"" + secret + "\"\r\n", func(m *message.Message) { m.SetMaxForwards(69) }, 200},
		{"credentials that do not", "Authorization: Digest username=\"a\", response=\"" + secret + "\"\r\n", func(m *message.Message) { m.Remove("Authorization") }, 40},
		{"folded credentials", "Authorization: Digest username=\"a\",\r\n response=\"" + secret + "\"\r\n", func(m *message.Message) { m.SetMaxForwards(69) }, 200},
		{"new credentials", "", func(m *message.Message) {
			_ = m.Set("Proxy-Authorization", "Digest username=\"a\", response=\""+secret+"\"")
		}, 140},
		{"a password in a new target", "", func(m *message.Message) { m.SetRequestURI([]byte("sip:al,ice:p,w" + secret + "@h")) }, 140},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, MinSize)
			text := fmt.Sprintf("INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\n%sCall-ID: 1@x\r\nCSeq: 1 INVITE\r\nContent-Length: %d\r\n\r\n%s", c.lines, len(big), big)
			sent := b.forward(t, text, c.edit)
			all := b.all(t)
			if len(all) != 2 || all[0] != masked(text) || all[1] != masked(sent) {
				t.Fatalf("%q\nwant %q", all, []string{masked(text), masked(sent)})
			}
			tr := b.ring.lanes[0].Load()
			raw := string(tr.current.buf[:tr.current.n.Load()])
			if strings.Contains(raw, secret) || strings.Contains(string(tr.encoder.window), secret) {
				t.Errorf("a secret is kept: %q", raw)
			}
			before := len(raw)
			sent = b.forward(t, text, c.edit)
			raw = string(tr.current.buf[:tr.current.n.Load()])
			if all = b.all(t); all[3] != masked(sent) {
				t.Errorf("%q\nwant %q", all[3], masked(sent))
			}
			if n := len(raw) - before; n > c.most+40 {
				t.Errorf("twice the same take %d bytes", n)
			}
		})
	}
}

// Whatever an Origin says, what is read is what was written.
func FuzzMade(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, []byte(invite(int(seed))), []byte("Authorization: Digest response=x\r\n y\r\n"))
	}
	f.Fuzz(func(t *testing.T, seed uint64, one, two []byte) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		b := newBench(t, MinSize)
		var want []string
		var marks []uint64
		one, two = append(one, '\n'), append(two, '\n')
		texts := [][]byte{one, two, append(bytes.Clone(one), two...)}
		record := func(text []byte, from *message.Origin) {
			o := &engine.Observed{Bytes: text, At: b.clock.now, Sent: from != nil, Kind: transport.UDP, Peer: peer, Local: local, Origin: from}
			b.o.Message(o)
			marks = append(marks, o.Mark)
			want = append(want, masked(string(text)))
		}
		for range 12 {
			source := texts[rnd.IntN(len(texts))]
			record(source, nil)
			out, from := pieces(rnd, source, two)
			if from.Mark = marks[len(marks)-1]; rnd.IntN(6) == 0 { // of another, or of none
				from.Mark = marks[rnd.IntN(len(marks))] + rnd.Uint64N(3)
			}
			record(out, from)
		}
		got := b.all(t)
		if len(got) > len(want) {
			t.Fatalf("%d of %d", len(got), len(want))
		}
		for i, text := range want[len(want)-len(got):] {
			if got[i] != text {
				t.Fatalf("text %d: %q\nwant %q", i, got[i], text)
			}
		}
	})
}

// pieces makes a text of lines of the source and of others, and says so, now and then wrongly.
func pieces(rnd *rand.Rand, source, other []byte) ([]byte, *message.Origin) {
	var out []byte
	from := &message.Origin{}
	for range 1 + rnd.IntN(5) {
		if rnd.IntN(3) == 0 && len(other) > 0 {
			out = append(out, other[:lineEnd(other, rnd.IntN(len(other)))]...)
			continue
		}
		lo := 0
		for k := rnd.IntN(4); k > 0 && lo < len(source); k-- {
			lo = lineEnd(source, lo)
		}
		hi := lo
		for k := rnd.IntN(6); k > 0 && hi < len(source); k-- {
			hi = lineEnd(source, hi)
		}
		r := message.Run{At: len(out), From: lo, Len: hi - lo}
		out = append(out, source[lo:hi]...)
		if rnd.IntN(20) == 0 {
			r.At, r.From, r.Len = r.At+rnd.IntN(5)-2, r.From+rnd.IntN(5)-2, r.Len+rnd.IntN(9)-4
		}
		from.Runs = append(from.Runs, r)
	}
	return out, from
}
