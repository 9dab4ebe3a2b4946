package message

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// What AppendFrom writes is what AppendTo does, and the runs are where it says: after any edits,
// in a copy, and with a line put into it.
func TestOrigin(t *testing.T) {
	const seed = 11
	rnd := rand.New(rand.NewPCG(seed, 0))
	var o Origin
	for i := range 500 {
		text := "INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nRoute: <sip:10.0.0.1;lr>\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nSubject: a\r\n folded\r\nCall-ID: 1@x\r\nCSeq: 1 INVITE\r\nContent-Length: 4\r\n\r\nbody"
		var m Message
		if err := m.Parse([]byte(text), &Limits{}); err != nil {
			t.Fatal(err)
		}
		m.SetMark(7)
		for range rnd.IntN(4) {
			alter(rnd, &m)
		}
		var c Message
		m.CopyTo(&c)
		got := c.AppendFrom(nil, &o)
		if want := c.AppendTo(nil); !bytes.Equal(got, want) {
			t.Fatalf("seed %d, %d: %q, want %q", seed, i, got, want)
		}
		line := bytes.IndexByte(got, '\n') + 1
		if rnd.IntN(2) == 0 {
			got = append(append(bytes.Clone(got[:line]), "Via: ours\r\n"...), got[line:]...)
			o.Insert(line, len("Via: ours\r\n"))
		}
		if o.Of(got) != &o || o.Mark != 7 || o.Of(got[1:]) != nil {
			t.Fatalf("seed %d, %d: not of its text", seed, i)
		}
		at, known := 0, 0
		for _, r := range o.Runs {
			if r.At < at || r.Len <= 0 || string(got[r.At:r.At+r.Len]) != text[r.From:r.From+r.Len] {
				t.Fatalf("seed %d, %d: run %+v of %q", seed, i, r, got)
			}
			at, known = r.At+r.Len, known+r.Len
		}
		if known < 150 {
			t.Fatalf("seed %d, %d: %d bytes are known of %q", seed, i, known, got)
		}
	}
	var own Message
	_ = own.Parse([]byte("BYE sip:b@x SIP/2.0\r\n\r\n"), &Limits{})
	if text := own.AppendFrom(nil, &o); o.Of(text) != nil {
		t.Error("a message without a mark has an origin")
	}
	own.SetMark(3)
	text := own.AppendFrom(nil, &o)
	if o.Of(text) == nil {
		t.Error("a message with a mark has none")
	}
	if o.Forget(); o.Of(text) != nil {
		t.Error("it is not forgotten")
	}
	if _ = own.Parse([]byte("BYE sip:b@x SIP/2.0\r\n\r\n"), &Limits{}); o.Of(own.AppendFrom(nil, &o)) != nil {
		t.Error("what was parsed anew has the old mark")
	}
}

func alter(rnd *rand.Rand, m *Message) {
	switch rnd.IntN(6) {
	case 0:
		m.SetMaxForwards(rnd.IntN(70))
	case 1:
		m.InsertTop(HeaderRecordRoute, []byte("<sip:10.0.0.1;lr>"))
	case 2:
		m.RemoveID(HeaderRoute)
	case 3:
		_ = m.Set("Subject", fmt.Sprint(rnd.IntN(1000)))
	case 4:
		m.SetRequestURI([]byte("sip:bob@10.0.0.3"))
	case 5:
		_ = m.Add("X", "y")
	}
}
