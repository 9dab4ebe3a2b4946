package transport

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"net/netip"
	"strings"
	"testing"
)

// kept is a keep-alive that was told.
type kept struct {
	from netip.AddrPort
	on   *Local
}

// watcher is a recorder that is told of keep-alives as well.
type watcher struct {
	*recorder
	kept chan kept
}

func (w *watcher) KeptAlive(from netip.AddrPort, on *Local) { w.kept <- kept{from, on} }

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// stun is a message with the cookie and the id of RFC 5769's samples.
func stun(kind uint16, attributes ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(len(attributes)))
	b = append(b, "\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae"...)
	return append(b, attributes...)
}

// fingerprinted adds FINGERPRINT.
func fingerprinted(b []byte) []byte {
	b = bytes.Clone(b)
	binary.BigEndian.PutUint16(b[2:], binary.BigEndian.Uint16(b[2:])+8)
	sum := crc32.ChecksumIEEE(b) ^ stunFingerprintMask
	return binary.BigEndian.AppendUint32(append(b, 0x80, 0x28, 0, 4), sum)
}

// The request of RFC 5769 §2.1: PRIORITY is an attribute of ICE that must be understood.
const sampleRequest = `000100582112a442b7e7a701bc34d686fa87dfae 802200105354554e207465737420636c69656e74 002400046e0001ff
	80290008932ff9b151263b36 000600096576746a3a68367659202020 000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2 80280004e57a3bcf`

func TestAnswerSTUN(t *testing.T) {
	v4, v6 := netip.MustParseAddrPort("192.0.2.1:32853"), netip.MustParseAddrPort("[2001:db8:1234:5678:11:2233:4455:6677]:32853")
	head := "2112a442b7e7a701bc34d686fa87dfae"
	classic := append([]byte("\x00\x01\x00\x00"), "0123456789abcdef"...)
	sample := unhex(t, sampleRequest)
	broken := bytes.Clone(sample)
	broken[len(broken)-1]++
	many := bytes.Repeat([]byte{0, 0x24, 0, 0}, (stunMost-stunHeader)/4)
	for _, c := range []struct {
		name string
		b    []byte
		from netip.AddrPort
		want string // in hex, "" for none
		ok   bool
	}{
		{"request, IPv4 (the address of RFC 5769 §2.2)", stun(1), v4, "0101000c" + head + "002000080001a147e112a643", true},
		{"request, IPv6 (the address of RFC 5769 §2.3)", stun(1), v6, "01010018" + head + "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9", true},
		{"an IPv4 address in IPv6's form", stun(1), netip.AddrPortFrom(netip.AddrFrom16(v4.Addr().As16()), v4.Port()), "0101000c" + head + "002000080001a147e112a643", true},
		{"RFC 3489", classic, v4, "0101000c" + hex.EncodeToString(classic[4:]) + "00010008" + "00018055" + "c0000201", true},
		{"optional attributes", stun(1, 0x80, 0x22, 0, 3, 'a', 'b', 'c', 0, 0x80, 0x99, 0, 0), v4, "0101000c" + head + "002000080001a147e112a643", true},
		{"credentials nobody asked for", stun(1, 0, 6, 0, 1, 'u', 0, 0, 0), v4, "0101000c" + head + "002000080001a147e112a643", true},
		{"fingerprint", fingerprinted(stun(1)), v4, "0101000c" + head + "002000080001a147e112a643", true},
		{"sample request with an attribute of ICE", sample, v4, "01110024" + head + "0009001500000414" + hex.EncodeToString([]byte("Unknown Attribute\x00\x00\x00")) + "000a000200240000", false},
		{"two unknown", stun(1, 0, 2, 0, 0, 0, 3, 0, 4, 0, 0, 0, 6), v4, "01110024" + head + "0009001500000414" + hex.EncodeToString([]byte("Unknown Attribute\x00\x00\x00")) + "000a000400020003", false},
		{"wrong fingerprint", broken, v4, "", false},
		{"fingerprint that is not the last", append(fingerprinted(stun(1))[:28:28], 0x80, 0x22, 0, 0), v4, "", false},
		{"indication", stun(0x11), v4, "", false},
		{"response", stun(0x101), v4, "", false},
		{"error", stun(0x111), v4, "", false},
		{"another method", stun(3), v4, "", false},
		{"attribute cut", stun(1, 0x80, 0x22, 0, 8, 'a', 'b', 'c', 'd'), v4, "", false},
		{"attribute header cut", stun(1, 0x80, 0x22), v4, "", false},
		{"no padding", stun(1, 0x80, 0x22, 0, 3, 'a', 'b', 'c'), v4, "", false},
		{"length too large", append(stun(1)[:2:2], append([]byte{0, 4}, stun(1)[4:]...)...), v4, "", false},
		{"bytes behind", append(stun(1), 0, 0, 0, 0), v4, "", false},
		{"cut", stun(1)[:19], v4, "", false},
		{"too long", stun(1, append(many, 0, 0x24, 0, 0)...), v4, "", false},
		{"SIP", []byte(request(1, 0)), v4, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer, ok := answerSTUN([]byte("before"), c.b, c.from)
			if got := hex.EncodeToString(answer[6:]); got != c.want || ok != c.ok || string(answer[:6]) != "before" {
				t.Errorf("%s:\n got %s %v\nwant %s %v", c.name, got, ok, c.want, c.ok)
			}
		})
	}
	if answer, ok := answerSTUN(nil, stun(1, many...), v4); ok || len(answer) == 0 || len(answer) > len(many) {
		t.Errorf("%d unknown attributes: answer of %d bytes", len(many)/4, len(answer))
	}
}

// Over real sockets: the answer leaves from the socket that was asked, and who wants to know is
// told.
func TestKeepAlivesOverUDP(t *testing.T) {
	w := &watcher{newRecorder(nil), make(chan kept, 10)}
	s := serve(t, w, Options{}, "udp:127.0.0.1:0", "udp:127.0.0.1:0", "udp:0.0.0.0:0")
	c := udpClient(t, "127.0.0.1:0")
	self := addrPortOf(c.LocalAddr())
	for i, l := range s.Locals() {
		to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), l.Addr.Port())
		sendTo(t, c, to, string(stun(0x11))) // neither answered nor told
		sendTo(t, c, to, string(stun(1, 0, 2, 0, 0)))
		if text, from := receiveFrom(t, c); !strings.HasPrefix(text, "\x01\x11") || from != to {
			t.Errorf("listener %d: %x from %v", i, text, from)
		}
		sendTo(t, c, to, string(stun(1)))
		want, _ := answerSTUN(nil, stun(1), self)
		if text, from := receiveFrom(t, c); text != string(want) || from != to {
			t.Errorf("listener %d: %x from %v, not %x", i, text, from, want)
		}
		if k := await(t, w.kept); k.from != self || k.on != l {
			t.Errorf("listener %d: told %+v", i, k)
		}
		sendTo(t, c, to, "\r\n\r\n")
		if k := await(t, w.kept); k.from != self || k.on != l {
			t.Errorf("listener %d: told %+v", i, k)
		}
	}
	if len(w.kept) > 0 {
		t.Errorf("told %+v as well", <-w.kept)
	}
}

func FuzzAnswerSTUN(f *testing.F) {
	f.Add(stun(1))
	f.Add(fingerprinted(stun(1, 0, 6, 0, 1, 'u', 0, 0, 0)))
	f.Add(unhex(f, sampleRequest))
	f.Fuzz(func(t *testing.T, b []byte) {
		answer, ok := answerSTUN(nil, b, netip.MustParseAddrPort("[2001:db8::1]:1"))
		if len(answer) > len(b)+32 {
			t.Fatalf("%d bytes answered with %d", len(b), len(answer))
		}
		if (len(answer) > 0 || ok) && (binary.BigEndian.Uint16(b) != stunBindingRequest || !bytes.Equal(answer[4:20], b[4:20]) ||
			int(binary.BigEndian.Uint16(answer[2:])) != len(answer)-stunHeader) {
			t.Fatalf("%x answered with %x", b, answer)
		}
	})
}
