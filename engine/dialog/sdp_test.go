package dialog

import (
	"net/netip"
	"strings"
	"testing"
)

const audio = "v=0\r\no=bob 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\na=sendonly\r\n"

const both = audio + "m=video 5000 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"

// The o= line is the leg's own, and its version rises with each change and only then (RFC 3264 §8).
func TestOrigin(t *testing.T) {
	o := origin{id: 7, version: 3}
	own := netip.MustParseAddr("192.0.2.1")
	first := string(o.write([]byte(audio), own))
	if !strings.Contains(first, "\r\no=- 7 4 IN IP4 192.0.2.1\r\n") || strings.Contains(first, "bob") {
		t.Errorf("the first:\n%s", first)
	}
	if again := string(o.write([]byte(strings.Replace(audio, "bob 1 1", "eve 9 9", 1)), own)); again != first {
		t.Errorf("unchanged but for its o=:\n%s", again)
	}
	if next := string(o.write([]byte(both), own)); !strings.Contains(next, "o=- 7 5 ") {
		t.Errorf("changed:\n%s", next)
	}
}

func TestDescriptions(t *testing.T) {
	for _, c := range []struct{ name, got, want string }{
		{"rejected", string(rejected([]byte(both))), "m=audio 0 RTP/AVP 8\r\nm=video 0 RTP/AVP 96\r\n"},
		{"still", string(still([]byte(both))), "m=audio 4000 RTP/AVP 8\r\na=inactive\r\nm=video 5000 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\na=inactive\r\n"},
		{"held", string(held([]byte(audio))), "m=audio 4000 RTP/AVP 8\r\na=inactive\r\n"},
		{"padded", string(padded([]byte(audio), []byte(both))), "m=audio 4000 RTP/AVP 8\r\na=sendonly\r\nm=video 0 RTP/AVP 96\r\n"},
		{"not padded", string(padded([]byte(both), []byte(audio))), both[strings.Index(both, "m=audio"):]},
		{"trimmed", string(trimmed([]byte(both), 1)), "m=audio 4000 RTP/AVP 8\r\na=sendonly\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			head, tail := c.got, ""
			if i := strings.Index(c.got, "m=audio"); i >= 0 {
				head, tail = c.got[:i], c.got[i:]
			}
			if tail != c.want || !strings.HasPrefix(head, "v=0\r\n") {
				t.Errorf("%q", c.got)
			}
		})
	}
	if n := media([]byte(both)); n != 2 {
		t.Errorf("%d media", n)
	}
}
