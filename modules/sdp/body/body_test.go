package body

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

// offer is a description of two media with CRLF.
const offer = "v=0\r\no=- 1 2 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nb=AS:512\r\nt=0 0\r\na=group:BUNDLE a v x\r\n" +
	"m=audio 4000/2 RTP/AVP 0 8 101\r\na=mid:a\r\na=rtcp:4001 IN IP4 10.0.0.1\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\na=sendonly\r\n" +
	"m=video 0 UDP/TLS/RTP/SAVPF 96 97 98 63\r\nc=IN IP6 2001:db8::1\r\na=mid:v\r\na=bundle-only\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n" +
	"a=rtpmap:98 H264/90000\r\na=rtcp-fb:* nack\r\na=rtcp-fb:96 ccm fir\r\na=rtpmap:63 red/90000\r\na=fmtp:63 98/98\r\n"

// browser has telephone events of two clocks, the one of opus first, as browsers do.
const browser = "v=0\r\nm=audio 9 RTP/AVP 111 106 8 13 105 110 126\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:106 L16/16000\r\na=rtpmap:105 CN/16000\r\n" +
	"a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n"

func TestEditsOfOneThing(t *testing.T) {
	address := netip.MustParseAddr("192.0.2.7")
	for _, c := range []struct {
		name string
		text string
		edit func(s *Session) error
		// gone and come are what differs
		gone, come string
	}{
		{"all addresses", offer, func(s *Session) error { return s.SetAddress(address) },
			"c=IN IP4 10.0.0.1|a=rtcp:4001 IN IP4 10.0.0.1|c=IN IP6 2001:db8::1", "c=IN IP4 192.0.2.7|a=rtcp:4001 IN IP4 192.0.2.7|c=IN IP4 192.0.2.7"},
		{"an address of IPv6", offer, func(s *Session) error { return s.Medium(0).SetAddress(netip.MustParseAddr("2001:db8::9")) },
			"a=rtcp:4001 IN IP4 10.0.0.1", "c=IN IP6 2001:db8::9|a=rtcp:4001 IN IP6 2001:db8::9"},
		{"an address of IPv4 as IPv6 writes it", "v=0\nc=IN IP4 10.0.0.1\n", func(s *Session) error { return s.SetAddress(netip.MustParseAddr("::ffff:192.0.2.7")) },
			"c=IN IP4 10.0.0.1", "c=IN IP4 192.0.2.7"},
		{"hold stays", "v=0\nc=IN IP4 0.0.0.0\nm=audio 9 RTP/AVP 0\na=rtcp:9 IN IP4 0.0.0.0\n", func(s *Session) error { return s.SetAddress(address) }, "", ""},
		{"a medium's hold does not", "v=0\nm=audio 9 RTP/AVP 0\nc=IN IP4 0.0.0.0\n", func(s *Session) error { return s.Medium(0).SetAddress(address) },
			"c=IN IP4 0.0.0.0", "c=IN IP4 192.0.2.7"},
		{"a multicast address", "v=0\nc=IN IP4 224.2.1.1/127/3\n", func(s *Session) error { return s.SetAddress(address) }, "c=IN IP4 224.2.1.1/127/3", "c=IN IP4 192.0.2.7"},
		{"no c= line", "v=0\no=- 1 1 IN IP4 x\ns=-\nt=0 0\nm=audio 9 RTP/AVP 0\n", func(s *Session) error { return s.SetAddress(address) }, "", "c=IN IP4 192.0.2.7"},
		{"a bad c= line", "v=0\nc=IN\nm=audio 9 RTP/AVP 0\n", func(s *Session) error { return s.SetAddress(address) }, "c=IN", "c=IN IP4 192.0.2.7"},
		{"a port of several", offer, func(s *Session) error { return s.Medium(0).SetPort(6000) }, "m=audio 4000/2 RTP/AVP 0 8 101", "m=audio 6000/2 RTP/AVP 0 8 101"},
		{"a direction said twice", offer, func(s *Session) error { return s.Medium(0).SetDirection("sendonly") }, "a=sendrecv", ""},
		{"a direction not said", offer, func(s *Session) error { return s.Medium(1).SetDirection("inactive") }, "", "a=inactive"},
		{"an attribute replaced", offer, func(s *Session) error { return s.Medium(0).SetAttribute("mid", "z", false) }, "a=mid:a", "a=mid:z"},
		{"an attribute that begins alike", "v=0\na=mid2:x\n", func(s *Session) error { return s.SetAttribute("mid", "z", false) }, "", "a=mid:z"},
		{"an attribute removed", offer, func(s *Session) error { return s.SetAttribute("group", "", true) }, "a=group:BUNDLE a v x", ""},
		{"a medium refused", offer, func(s *Session) error { return s.Medium(0).Remove() },
			"a=group:BUNDLE a v x|m=audio 4000/2 RTP/AVP 0 8 101", "a=group:BUNDLE v x|m=audio 0/2 RTP/AVP 0 8 101"},
		{"a medium with bundle-only refused", offer, func(s *Session) error { return s.Medium(1).Remove() }, "a=group:BUNDLE a v x|a=bundle-only", "a=group:BUNDLE a x"},
		{"a group of one", "v=0\na=group:BUNDLE 0 1\nm=audio 9 RTP/AVP 0\na=mid:0\nm=video 9 RTP/AVP 96\na=mid:1\n", func(s *Session) error { return s.Medium(1).Remove() },
			"a=group:BUNDLE 0 1|m=video 9 RTP/AVP 96", "a=group:BUNDLE 0|m=video 0 RTP/AVP 96"},
		{"codecs kept", offer, func(s *Session) error { _, err := s.KeepCodecs([]string{"pcma"}); return err },
			"m=audio 4000/2 RTP/AVP 0 8 101|a=rtpmap:101 telephone-event/8000|a=fmtp:101 0-15", "m=audio 4000/2 RTP/AVP 8"},
		{"a codec removed with those of use to it alone", strings.Replace(offer, "m=video 0", "m=video 9", 1),
			func(s *Session) error { _, err := s.RemoveCodecs([]string{"VP8"}); return err },
			"m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 63|a=rtpmap:96 VP8/90000|a=rtpmap:97 rtx/90000|a=fmtp:97 apt=96|a=rtcp-fb:96 ccm fir", "m=video 9 UDP/TLS/RTP/SAVPF 98 63"},
		{"redundancy of a codec that goes", strings.Replace(offer, "m=video 0", "m=video 9", 1), func(s *Session) error { _, err := s.RemoveCodecs([]string{"h264"}); return err },
			"m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 63|a=rtpmap:98 H264/90000|a=rtpmap:63 red/90000|a=fmtp:63 98/98", "m=video 9 UDP/TLS/RTP/SAVPF 96 97"},
		{"nothing but telephone events left", offer, func(s *Session) error {
			ok, err := s.Medium(0).KeepCodecs([]string{"telephone-event"})
			if ok {
				t.Error("a medium without a codec")
			}
			return err
		}, "a=group:BUNDLE a v x|m=audio 4000/2 RTP/AVP 0 8 101", "a=group:BUNDLE v x|m=audio 0/2 RTP/AVP 0 8 101"},
		{"codecs by rate", "v=0\nm=audio 9 RTP/AVP 10 11\n", func(s *Session) error { _, err := s.RemoveCodecs([]string{"L16/44100/2"}); return err },
			"m=audio 9 RTP/AVP 10 11", "m=audio 9 RTP/AVP 11"},
		{"what has the clock of a codec that goes", browser, func(s *Session) error { _, err := s.KeepCodecs([]string{"PCMA", "CN", "telephone-event"}); return err },
			"m=audio 9 RTP/AVP 111 106 8 13 105 110 126|a=rtpmap:111 opus/48000/2|a=rtpmap:106 L16/16000|a=rtpmap:105 CN/16000|a=rtpmap:110 telephone-event/48000", "m=audio 9 RTP/AVP 8 13 126"},
		{"the clock of a codec that stays", browser, func(s *Session) error { _, err := s.RemoveCodecs([]string{"PCMA"}); return err },
			"m=audio 9 RTP/AVP 111 106 8 13 105 110 126|a=rtpmap:126 telephone-event/8000", "m=audio 9 RTP/AVP 111 106 105 110"},
		{"the only telephone events", strings.ReplaceAll(browser, " 110", ""), func(s *Session) error { _, err := s.KeepCodecs([]string{"opus", "telephone-event"}); return err },
			"m=audio 9 RTP/AVP 111 106 8 13 105 126|a=rtpmap:106 L16/16000|a=rtpmap:105 CN/16000", "m=audio 9 RTP/AVP 111 126"},
		{"codecs preferred", offer, func(s *Session) error { return s.PreferCodecs([]string{"telephone-event", "PCMA"}) },
			"m=audio 4000/2 RTP/AVP 0 8 101", "m=audio 4000/2 RTP/AVP 101 8 0"},
		{"codecs of what is not RTP", "v=0\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\nm=image 9 udptl t38\n",
			func(s *Session) error { _, err := s.KeepCodecs([]string{"PCMA"}); return err }, "", ""},
		{"the first candidate", "v=0\nm=audio 9 RTP/AVP 0\na=candidate:1 1 UDP 5 10.0.0.1 9 typ host\n", func(s *Session) error {
			return s.Medium(0).AddCandidate(Candidate{Component: 1, Transport: "UDP", Address: "192.0.2.7", Port: 7, Type: "relay"}, true)
		}, "", "a=candidate:x1 1 UDP 6 192.0.2.7 7 typ relay"},
		{"the last candidate", "v=0\nm=audio 9 RTP/AVP 0\na=candidate:x1 1 UDP 5 10.0.0.1 9 typ host\na=end-of-candidates\n", func(s *Session) error {
			return s.Medium(0).AddCandidate(Candidate{Component: 1, Transport: "UDP", Address: "192.0.2.7", Port: 7, Type: "srflx", RelatedAddress: "10.0.0.1", RelatedPort: 9}, false)
		}, "", "a=candidate:x2 1 UDP 4 192.0.2.7 7 typ srflx raddr 10.0.0.1 rport 9"},
		{"candidates of a type", "v=0\nm=audio 9 RTP/AVP 0\na=candidate:1 1 UDP 5 10.0.0.1 9 typ host\na=candidate:2 1 UDP 4 192.0.2.1 9 typ relay",
			func(s *Session) error { _, err := s.RemoveCandidates("relay"); return err }, "a=candidate:2 1 UDP 4 192.0.2.1 9 typ relay", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := parse(t, []byte(c.text))
			try(t, c.edit(s))
			gone, come := changed([]byte(c.text), s.Bytes())
			if strings.Join(gone, "|") != c.gone || strings.Join(come, "|") != c.come {
				t.Errorf("\ngone %q\ncome %q\n%s", gone, come, s.Bytes())
			}
			if _, err := Parse(s.Bytes()); err != nil {
				t.Errorf("the result can't be read: %v", err)
			}
		})
	}
}

// Where a line is put, and how it ends.
func TestLinesAreInPlace(t *testing.T) {
	a := netip.MustParseAddr("192.0.2.7")
	for _, c := range []struct {
		name, text, want string
		edit             func(s *Session) error
	}{
		{"c= before b= and t=", "v=0\r\no=- 1 1 IN IP4 x\r\ns=-\r\nb=AS:1\r\nt=0 0\r\n", "v=0\r\no=- 1 1 IN IP4 x\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nb=AS:1\r\nt=0 0\r\n",
			func(s *Session) error { return s.SetAddress(a) }},
		{"c= of a medium after i=", "v=0\nm=audio 9 RTP/AVP 0\ni=x\na=y\n", "v=0\nm=audio 9 RTP/AVP 0\ni=x\nc=IN IP4 192.0.2.7\na=y\n",
			func(s *Session) error { return s.Medium(0).SetAddress(a) }},
		{"the last line has no end", "v=0\nm=audio 9 RTP/AVP 0", "v=0\nm=audio 9 RTP/AVP 0\na=inactive", func(s *Session) error { return s.Medium(0).SetDirection("inactive") }},
		{"the only line has no end", "v=0", "v=0\r\na=x", func(s *Session) error { return s.SetAttribute("x", "", false) }},
		{"the last lines go", "v=0\na=x\na=x", "v=0\n", func(s *Session) error { return s.SetAttribute("x", "", true) }},
		{"an empty line at the end", "v=0\r\nm=audio 9 RTP/AVP 0\r\n\r\n", "v=0\r\nm=audio 9 RTP/AVP 0\r\na=inactive\r\n\r\n",
			func(s *Session) error { return s.Medium(0).SetDirection("inactive") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := parse(t, []byte(c.text))
			try(t, c.edit(s))
			if string(s.Bytes()) != c.want {
				t.Errorf("%q", s.Bytes())
			}
		})
	}
}

func TestReading(t *testing.T) {
	s := parse(t, []byte(offer))
	for name, c := range map[string]struct{ got, want any }{
		"session address": {s.Address(), "10.0.0.1"}, "bandwidth": {s.Bandwidth(), map[string]int{"AS": 512}},
		"port": {s.Medium(0).Port(), 4000}, "ports": {s.Medium(0).Ports(), 2}, "kind": {s.Medium(1).Kind(), "video"},
		"inherited address": {s.Medium(0).Address(), "10.0.0.1"}, "own address": {s.Medium(1).Address(), "2001:db8::1"},
		"direction": {s.Medium(0).Direction(), "sendrecv"}, "default direction": {s.Medium(1).Direction(), "sendrecv"},
		"static codec": {s.Medium(0).Codecs()[1], Codec{Payload: 8, Name: "PCMA", Rate: 8000}},
		"codec":        {s.Medium(1).Codecs()[0], Codec{Payload: 96, Name: "VP8", Rate: 90000, Feedback: []string{"nack", "ccm fir"}}},
		"fmtp":         {s.Medium(1).Codecs()[1].FMTP, "apt=96"},
	} {
		t.Run(name, func(t *testing.T) {
			if !reflect.DeepEqual(c.got, c.want) {
				t.Errorf("%+v, want %+v", c.got, c.want)
			}
		})
	}
	ice, ok := parse(t, corpus(t)["safari"]).Medium(0).ICE()
	if !ok || len(ice.Candidates) != 3 || ice.Candidates[2].RelatedPort != 61015 || ice.Candidates[2].Extra != "generation 0 network-cost 999" {
		t.Errorf("%v %+v", ok, ice)
	}
}

func TestHold(t *testing.T) {
	const audio = "m=audio 9 RTP/AVP 0\n"
	for text, want := range map[string]bool{
		"":                                              false,
		audio + "a=sendonly\n":                          true,
		audio + "a=inactive\n":                          true,
		audio + "a=recvonly\n":                          false,
		"a=sendonly\n" + audio:                          true,
		"c=IN IP4 0.0.0.0\n" + audio:                    true,
		audio + "c=IN IP6 ::\n":                         true,
		audio + "a=sendonly\n" + audio:                  false,
		"a=inactive\nm=audio 0 RTP/AVP 0":               false,
		audio + "a=sendonly\nm=video 0 RTP/AVP 96\n":    true,
		audio + "c=IN IP4 0.0.0.0\na=ice-ufrag:x\n":     false, // candidates come later (RFC 8840)
		"c=IN IP4 10.0.0.1\n" + audio + "a=sendrecv \n": false,
	} {
		t.Run(text, func(t *testing.T) {
			if got := parse(t, []byte("v=0\n"+text)).Hold(); got != want {
				t.Error(got)
			}
		})
	}
}

// What a stranger can send is bounded.
func TestBounds(t *testing.T) {
	for name, text := range map[string]string{
		"not a description": "x=0\n",
		"nothing":           "",
		"too long":          "v=0\n" + strings.Repeat("a", MostBytes),
		"lines":             "v=0\n" + strings.Repeat("a=\n", MostLines),
		"media":             "v=0\n" + strings.Repeat("m=a 1 b c\n", MostMedia+1),
		"formats":           "v=0\nm=audio 1 RTP/AVP " + strings.Repeat("0 ", MostFormats+1),
		"port":              "v=0\nm=audio 65536 RTP/AVP 0\n",
		"port of letters":   "v=0\nm=audio x RTP/AVP 0\n",
		"no protocol":       "v=0\nm=audio 1\n",
		"an empty m= line":  "v=0\nm=\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(text)); err == nil {
				t.Error("it is read")
			}
		})
	}
	t.Run("edits", func(t *testing.T) {
		s := parse(t, []byte("v=0\n"+strings.Repeat("a=\n", MostLines-1)))
		if s.SetAttribute("x", "", false) == nil {
			t.Error("a line too many")
		}
		s = parse(t, []byte("v=0\n"+strings.Repeat("a", MostBytes-8)))
		if s.SetAttribute("x", "long", false) == nil {
			t.Error("a byte too many")
		}
		for name, value := range map[string]string{"": "", "a b": "", "a\n": "", "a:": "", "a": "x\r\ny", "b": "\x00"} {
			t.Run(name, func(t *testing.T) {
				if s.SetAttribute(name, value, false) == nil {
					t.Error("it is written")
				}
			})
		}
		m := parse(t, []byte("v=0\nm=audio 9 RTP/AVP 0\n")).Medium(0)
		if m.SetPort(65536) == nil || m.SetPort(-1) == nil || m.SetDirection("x") == nil {
			t.Error("a port or direction that is none is written")
		}
		for _, c := range []Candidate{{}, {Component: 1, Transport: "UDP", Address: "a b", Type: "host"}, {Component: 1, Transport: "UDP", Address: "a", Type: "host", Extra: "x\ny"}} {
			if m.AddCandidate(c, false) == nil {
				t.Errorf("%+v is written", c)
			}
		}
	})
}
