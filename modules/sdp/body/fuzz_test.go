package body

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
)

// Whatever is read: reading changes nothing, and edits leave something that can be read and differs
// only in the lines they name.
func FuzzSDP(f *testing.F) {
	for _, text := range corpus(f) {
		f.Add(text, "PCMA", uint8(0))
	}
	f.Add([]byte(offer), "opus", uint8(1))
	f.Add([]byte("v=0\nm=audio 9 RTP/AVP 0\na=x\na=x"), "x", uint8(3))
	address := netip.MustParseAddr("192.0.2.77")
	f.Fuzz(func(t *testing.T, text []byte, word string, which uint8) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		readAll(s)
		if !bytes.Equal(s.Bytes(), text) {
			t.Fatal("reading changed it")
		}
		allowed, media := "", s.Media()
		switch which % 8 {
		case 0:
			err, allowed = s.SetAddress(address), "c= a=rtcp:"
		case 1:
			_, err = s.KeepCodecs([]string{word, "PCMU"})
			allowed = "m= a=rtpmap: a=fmtp: a=rtcp-fb: a=imageattr: a=group: a=bundle-only"
		case 2:
			_, err = s.RemoveCandidates("")
			allowed = "a=candidate"
		case 3:
			err, allowed = s.SetAttribute("x", "", true), "a=x"
		case 4:
			err, allowed = s.SetAttribute(word, word, false), "a="+word
		default:
			if media == 0 {
				return
			}
			m := s.Medium(int(which) % media)
			switch which % 3 {
			case 0:
				err, allowed = m.SetDirection("inactive"), "a=sendrecv a=sendonly a=recvonly a=inactive"
			case 1:
				err, allowed = m.Remove(), "m= a=group: a=bundle-only"
			case 2:
				err, allowed = m.AddCandidate(Candidate{Component: 1, Transport: "UDP", Address: word, Port: 1, Type: "host"}, which%2 == 0), "a=candidate:"
			}
		}
		if err != nil {
			return
		}
		if _, err := Parse(s.Bytes()); err != nil {
			t.Fatalf("the result can't be read: %v\n%q", err, s.Bytes())
		}
		if s.Media() != media {
			t.Fatalf("%d media became %d\n%q", media, s.Media(), s.Bytes())
		}
		if bytes.Contains(bytes.ReplaceAll(text, []byte("\r\n"), nil), []byte("\r")) {
			return // lines() can't tell a CR of the text from one of a line end
		}
		gone, come := changed(text, s.Bytes())
		for _, l := range append(gone, come...) {
			if !begins(l, strings.Split(allowed, " ")) {
				t.Fatalf("edit %d: %q changed\n%q\n%q", which%8, l, text, s.Bytes())
			}
		}
	})
}

func begins(l string, with []string) bool {
	for _, w := range with {
		if strings.HasPrefix(l, w) {
			return true
		}
	}
	return false
}
