package veil_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/veil"
)

var (
	keys = veil.NewKeys([32]byte{1})
	at   = &veil.Place{SentBy: "192.0.2.1:5060"}
)

func parse(t testing.TB, text string) *message.Message {
	t.Helper()
	m := &message.Message{}
	if err := m.Parse([]byte(strings.ReplaceAll(text, "\n", "\r\n")), nil); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestCallID(t *testing.T) {
	for _, id := range []string{"a", "A84b4c76e66710@pc33.atlanta.example.com", strings.Repeat("x", 200)} {
		t.Run(id, func(t *testing.T) {
			hidden := keys.HideCallID([]byte(id))
			if strings.Contains(hidden, id) && len(id) > 1 || hidden != keys.HideCallID([]byte(id)) {
				t.Error(hidden)
			}
			for _, spelt := range []string{hidden, strings.ToUpper(hidden)} {
				if back, ok := keys.CallID([]byte(spelt)); !ok || string(back) != id {
					t.Errorf("%q came back as %q", spelt, back)
				}
			}
			if _, ok := veil.NewKeys([32]byte{2}).CallID([]byte(hidden)); ok {
				t.Error("another secret opens it")
			}
			for i := range hidden {
				bad := []byte(hidden)
				if bad[i] ^= 1; !strings.EqualFold(string(bad), hidden) {
					if back, ok := keys.CallID(bad); ok {
						t.Errorf("changed at %d it is %q", i, back)
					}
				}
			}
		})
	}
	for _, id := range []string{"", "vl-", "vl-!", "vl-00000000000000000000", "x" + keys.HideCallID([]byte("a"))} {
		t.Run(id, func(t *testing.T) {
			if _, ok := keys.CallID([]byte(id)); ok {
				t.Error("it is taken for one of ours")
			}
		})
	}
}

// What is one kind of text is not taken for another.
func TestKindsAreKeptApart(t *testing.T) {
	id := keys.HideCallID([]byte("\x10\x07a@b.c:1"))
	m := parse(t, "INVITE sip:"+id+"@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>\nCall-ID: x\nCSeq: 1 INVITE\n\n")
	if v := keys.Reveal(m); v != nil || !bytes.Contains(m.RequestURI(), []byte("vl-")) {
		t.Errorf("%+v, %s", v, m.RequestURI())
	}
}

func TestReferTo(t *testing.T) {
	local := veil.NewKeys([32]byte{1})
	local.Local = func(u *message.URI) bool { return string(u.Host) == "example.com" }
	contact := func(o veil.Options) string { // of a third party, as it was shown
		m := parse(t, "SIP/2.0 200 OK\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=2\nCall-ID: x\nCSeq: 1 INVITE\nContact: <sip:carol@10.0.0.9>\n\n")
		local.Response(m, &veil.Veil{Options: o, Hidden: true}, at, false)
		return strings.Trim(string(m.Header(message.HeaderContact)), "<>")
	}
	hiddenID := local.HideCallID([]byte("abc@10.0.0.9"))
	plain, withID := contact(veil.Options{}), contact(veil.Options{CallID: true})
	for _, row := range []struct{ name, value, want, not string }{
		{"an inner host", "<sip:carol@10.0.0.9>", "@192.0.2.1:5060>", "10.0.0.9"},
		{"with parameters of the header", "<sip:carol@10.0.0.9>;x=y", "@192.0.2.1:5060>;x=y", "10.0.0.9"},
		{"a domain of ours", "<sip:carol@example.com>", "<sip:carol@example.com>", "vl-"},
		{"a number", "<tel:+4930123>", "<tel:+4930123>", "vl-"},
		{"a hidden party", "<" + plain + ">", "<" + plain + ">", ""},
		{"Replaces of a dialog whose Call-ID is not hidden", "<" + plain + "?Replaces=abc%4010.9%3Bto-tag%3D1>", "Replaces=abc%4010.9%3Bto-tag%3D1>", ""},
		{"Replaces, by who knows the real one", "<" + withID + "?Replaces=abc%4010.0.0.9%3Bto-tag%3D1&X=y>", "?Replaces=" + hiddenID + "%3Bto-tag%3D1&X=y>", "10.0.0.9"},
		{"Replaces, by who knows the hidden one", "<" + withID + "?Replaces=" + hiddenID + "%3Bfrom-tag%3D1>", "?Replaces=abc%4010.0.0.9%3Bfrom-tag%3D1>", hiddenID},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := parse(t, "REFER sip:b@10.0.0.3 SIP/2.0\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=2\nCall-ID: x\nCSeq: 1 REFER\nRefer-To: "+row.value+"\n\n")
			if err := local.Request(m, &veil.Veil{Hidden: true}, at, false); err != nil {
				t.Fatal(err)
			}
			if got := string(m.HeaderName("Refer-To")); !strings.Contains(got, row.want) || row.not != "" && strings.Contains(got, row.not) {
				t.Error(got)
			}
		})
	}
}

func TestOtherHeaders(t *testing.T) {
	const text = "NOTIFY sip:b@10.0.0.3 SIP/2.0\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=2\nCall-ID: abc\nCSeq: 1 NOTIFY\n" +
		"Warning: 399 10.0.0.9 \"x\"\nHistory-Info: <sip:a@10.0.0.9>;index=1\nDiversion: <sip:a@10.0.0.9>\nTarget-Dialog: abc;local-tag=1;remote-tag=2\n" +
		"Content-Type: message/sipfrag;version=2.0\nContent-Length: 45\n\nSIP/2.0 200 OK\nContact: <sip:c@10.0.0.9>\n\n"
	m := parse(t, text)
	o := veil.Options{CallID: true, Warning: true, History: true}
	if err := keys.Request(m, &veil.Veil{Options: o, Hidden: true}, at, false); err != nil {
		t.Fatal(err)
	}
	got := string(m.AppendTo(nil))
	hidden := keys.HideCallID([]byte("abc"))
	if strings.Contains(got, "10.0.0.9") || !strings.Contains(got, "Target-Dialog: "+hidden+";local-tag=1;remote-tag=2") || !strings.HasSuffix(got, "\r\n\r\nSIP/2.0 200 OK\r\n") {
		t.Error(got)
	}
	m = parse(t, text)
	if err := keys.Request(m, &veil.Veil{Hidden: true}, at, false); err != nil {
		t.Fatal(err)
	}
	if got := string(m.AppendTo(nil)); strings.Count(got, "10.0.0.9") != 3 || !strings.Contains(got, "Target-Dialog: abc;") {
		t.Error(got)
	}
}

func TestTooLong(t *testing.T) {
	m := parse(t, "INVITE sip:b@10.0.0.3 SIP/2.0\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>\nCall-ID: x\nCSeq: 1 INVITE\nContact: <sip:"+strings.Repeat("a", 5000)+"@b>\n\n")
	if err := keys.Request(m, &veil.Veil{Hidden: true}, at, false); err == nil {
		t.Error("there is no bound")
	}
}

func TestWithCallID(t *testing.T) {
	for text, want := range map[string]string{
		"SIP/2.0 200 OK\r\nCall-ID: a\r\nX: y\r\n\r\n":         "SIP/2.0 200 OK\r\nCall-ID: other\r\nX: y\r\n\r\n",
		"SIP/2.0 200 OK\r\ni : i \r\n\r\ni: x":                 "SIP/2.0 200 OK\r\ni : other \r\n\r\ni: x",
		"SIP/2.0 200 OK\r\n\r\nCall-ID: a":                     "SIP/2.0 200 OK\r\n\r\nCall-ID: a",
		"SIP/2.0 200 OK\r\nCALL-id:longer than it\r\n\r\n":     "SIP/2.0 200 OK\r\nCALL-id:other\r\n\r\n",
		"SIP/2.0 200 OK\r\nSubject: Call-ID: x\r\ni:x\r\n\r\n": "SIP/2.0 200 OK\r\nSubject: Call-ID: x\r\ni:other\r\n\r\n",
	} {
		t.Run(text, func(t *testing.T) {
			if got := string(veil.WithCallID([]byte(text), "other")); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

// Whatever strangers send as ours, nothing breaks.
func FuzzReveal(f *testing.F) {
	f.Add("vl-00000000000000", "z9hG4bKvl-AAAAAAAAAAAAAAAA", "vl-0")
	f.Add(keys.HideCallID([]byte("x")), "z9hG4bKvl-", keys.HideCallID([]byte("y")))
	f.Fuzz(func(t *testing.T, user, branch, id string) {
		for _, text := range []string{
			"INVITE sip:" + user + "@192.0.2.1;vl=" + user + " SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: " + id + "\r\nCSeq: 1 INVITE\r\n\r\n",
			"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nVia: SIP/2.0/UDP v.invalid;branch=" + branch + "\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: " + id + "\r\nCSeq: 1 INVITE\r\n\r\n",
		} {
			m := &message.Message{}
			if m.Parse([]byte(text), nil) != nil || m.Validate() != nil {
				continue
			}
			v := keys.Reveal(m)
			if v != nil && v.Hidden {
				t.Errorf("a stranger's text is taken for ours: %q %q", user, branch)
			}
			again := &message.Message{}
			if err := again.Parse(m.AppendTo(nil), nil); err != nil {
				t.Errorf("%q: %v", text, err)
			}
		}
	})
}

func BenchmarkReveal(b *testing.B) {
	const head = "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK2\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=2\nCall-ID: abcdef@192.0.2.9\nCSeq: 1 INVITE\n\n"
	for name, text := range map[string]string{"request": "INVITE sip:bob@192.0.2.1 SIP/2.0\n", "response": "SIP/2.0 200 OK\n"} {
		b.Run(name+", nothing hidden", func(b *testing.B) {
			m := parse(b, text+head)
			b.ReportAllocs()
			for b.Loop() {
				if keys.Reveal(m) != nil {
					b.Fatal("revealed")
				}
			}
		})
	}
}
