package body

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	pion "github.com/pion/sdp/v3"
)

// corpus are the descriptions of real devices by their names.
func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/corpus/*.sdp")
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d descriptions: %v", len(paths), err)
	}
	all := map[string][]byte{}
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(p), ".sdp")] = text
	}
	return all
}

// changed are the lines that are only before, and only after, in order; a line's own place does not
// matter.
func changed(before, after []byte) (gone, come []string) {
	count := map[string]int{}
	a, b := lines(before), lines(after)
	for _, l := range b {
		count[l]++
	}
	for _, l := range a {
		if count[l]--; count[l] < 0 {
			gone = append(gone, l)
		}
	}
	clear(count)
	for _, l := range a {
		count[l]++
	}
	for _, l := range b {
		if count[l]--; count[l] < 0 {
			come = append(come, l)
		}
	}
	return gone, come
}

func mustAddr(text string) netip.Addr { return netip.MustParseAddr(text) }

func lines(text []byte) []string {
	return strings.Split(strings.TrimRight(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"), "\n")
}

func parse(t testing.TB, text []byte) *Session {
	t.Helper()
	s, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What is only read stays as it is, and what is read is what pion's parser reads.
func TestCorpusIsRead(t *testing.T) {
	for name, text := range corpus(t) {
		t.Run(name, func(t *testing.T) {
			s := parse(t, text)
			readAll(s)
			if !bytes.Equal(s.Bytes(), text) {
				t.Fatal("reading changed it")
			}
			compare(t, s, text)
		})
	}
}

// readAll reads everything there is.
func readAll(s *Session) {
	s.Origin()
	s.Address()
	s.Hold()
	s.Bandwidth()
	s.Attributes("group")
	for n := range s.Media() {
		m := s.Medium(n)
		m.Kind()
		m.Ports()
		m.Protocol()
		m.Address()
		m.MID()
		m.PTime()
		m.Bandwidth()
		m.DTLS()
		m.ICE()
		m.Codecs()
		m.Direction()
	}
}

// compare compares what s says with what pion reads, where pion can.
func compare(t *testing.T, s *Session, text []byte) {
	t.Helper()
	var p pion.SessionDescription
	if p.Unmarshal(text) != nil {
		return
	}
	if len(p.MediaDescriptions) != s.Media() {
		t.Fatalf("%d media, pion reads %d", s.Media(), len(p.MediaDescriptions))
	}
	if o, ok := s.Origin(); ok && (o.User != p.Origin.Username || o.Address != p.Origin.UnicastAddress) {
		t.Errorf("origin %+v, pion %+v", o, p.Origin)
	}
	for n, want := range p.MediaDescriptions {
		m := s.Medium(n)
		if m.Kind() != want.MediaName.Media || m.Port() != want.MediaName.Port.Value || m.Protocol() != strings.Join(want.MediaName.Protos, "/") {
			t.Errorf("medium %d: %s %d %s, pion %+v", n, m.Kind(), m.Port(), m.Protocol(), want.MediaName)
		}
		if got := m.Formats(); strings.Join(got, " ") != strings.Join(want.MediaName.Formats, " ") {
			t.Errorf("medium %d: formats %q, pion %q", n, got, want.MediaName.Formats)
		}
		if c := want.ConnectionInformation; c != nil && c.Address != nil && m.Address() != c.Address.Address {
			t.Errorf("medium %d: address %s, pion %s", n, m.Address(), c.Address.Address)
		}
		if mid, _ := want.Attribute("mid"); m.MID() != mid {
			t.Errorf("medium %d: mid %s, pion %s", n, m.MID(), mid)
		}
	}
}

// An edit changes what it says, and nothing else.
func TestCorpusIsEdited(t *testing.T) {
	fresh := netip.MustParseAddr("192.0.2.77")
	for name, text := range corpus(t) {
		t.Run(name, func(t *testing.T) {
			t.Run("address", func(t *testing.T) {
				s := parse(t, text)
				if err := s.SetAddress(fresh); err != nil {
					t.Fatal(err)
				}
				gone, come := changed(text, s.Bytes())
				for i, l := range gone {
					if !strings.HasPrefix(l, "c=") && !strings.HasPrefix(l, "a=rtcp:") {
						t.Errorf("%q is gone", l)
					}
					if i < len(come) && !strings.Contains(come[i], "192.0.2.77") {
						t.Errorf("%q came", come[i])
					}
				}
				if len(gone) > len(come) {
					t.Errorf("%q became %q", gone, come)
				}
				for n := range s.Media() {
					if a := s.Medium(n).Address(); a != "192.0.2.77" && a != "0.0.0.0" {
						t.Errorf("medium %d is at %s", n, a)
					}
				}
			})
			t.Run("direction and back", func(t *testing.T) {
				s := parse(t, text)
				for n := range s.Media() {
					before := s.Medium(n).Direction()
					try(t, s.Medium(n).SetDirection("sendonly"))
					if d := s.Medium(n).Direction(); d != "sendonly" {
						t.Errorf("medium %d is %s", n, d)
					}
					try(t, s.Medium(n).SetDirection(before))
				}
				if gone, come := changed(text, s.Bytes()); len(gone) > 0 || strings.Trim(strings.Join(come, ""), "a=sendrcvoliy") != "" {
					t.Errorf("gone %q, come %q", gone, come)
				}
			})
			t.Run("port and back", func(t *testing.T) {
				s := parse(t, text)
				for n := range s.Media() {
					before := s.Medium(n).Port()
					try(t, s.Medium(n).SetPort(40000))
					try(t, s.Medium(n).SetPort(before))
				}
				if !bytes.Equal(s.Bytes(), text) {
					t.Errorf("%s", s.Bytes())
				}
			})
			t.Run("attribute and back", func(t *testing.T) {
				s := parse(t, text)
				try(t, s.SetAttribute("x-mark", "1", false))
				if got := s.Attributes("x-mark"); len(got) != 1 || got[0] != "1" {
					t.Errorf("%q", got)
				}
				try(t, s.SetAttribute("x-mark", "", true))
				for n := range s.Media() {
					try(t, s.Medium(n).SetAttribute("x-mark", "", false))
					try(t, s.Medium(n).SetAttribute("x-mark", "", true))
				}
				if !bytes.Equal(s.Bytes(), text) {
					t.Errorf("%s", s.Bytes())
				}
			})
			t.Run("candidates", func(t *testing.T) {
				s := parse(t, text)
				n, err := s.RemoveCandidates("")
				try(t, err)
				gone, come := changed(text, s.Bytes())
				if len(gone) != n || len(come) > 0 || strings.Contains(string(s.Bytes()), "a=candidate") {
					t.Errorf("%d removed: %q became %q", n, gone, come)
				}
			})
			t.Run("codecs", func(t *testing.T) {
				s := parse(t, text)
				_, err := s.KeepCodecs([]string{"pcma", "telephone-event"})
				try(t, err)
				gone, come := changed(text, s.Bytes())
				for _, l := range gone {
					if !strings.HasPrefix(l, "m=") && !strings.HasPrefix(l, "a=rtpmap:") && !strings.HasPrefix(l, "a=fmtp:") && !strings.HasPrefix(l, "a=rtcp-fb:") &&
						!strings.HasPrefix(l, "a=group:") {
						t.Errorf("%q is gone", l)
					}
				}
				for _, l := range come {
					if !strings.HasPrefix(l, "m=") && !strings.HasPrefix(l, "a=group:") {
						t.Errorf("%q came", l)
					}
				}
				for n := range s.Media() {
					m := s.Medium(n)
					if m.Port() == 0 {
						continue
					}
					for _, c := range m.Codecs() {
						if c.Name != "PCMA" && c.Name != "telephone-event" {
							t.Errorf("medium %d still has %+v", n, c)
						}
					}
				}
			})
		})
	}
}

func try(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
