package transport

import (
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// guarded is a recorder with a door.
type guarded struct {
	*recorder
	admit func(k Kind, from netip.AddrPort, data []byte) Verdict
}

func (g *guarded) Admit(k Kind, from netip.AddrPort, data []byte) Verdict {
	return g.admit(k, from, data)
}

func TestUnheardDatagrams(t *testing.T) {
	g := &guarded{newRecorder(nil), func(_ Kind, _ netip.AddrPort, data []byte) Verdict {
		switch {
		case strings.Contains(string(data), "doubt"):
			return Doubt
		case strings.Contains(string(data), "drop"):
			return Drop
		}
		return Pass
	}}
	s := serve(t, g, Options{}, "udp:127.0.0.1:0")
	to, c := s.Locals()[0].Addr, udpClient(t, "127.0.0.1:0")
	for _, text := range []string{"drop", "INVITE doubt SIP/2.0\r\n\r\n", "INVITE drop SIP/2.0\r\n\r\n", "INVITE pass SIP/2.0\r\n\r\n"} {
		sendTo(t, c, to, text)
	}
	if m := await(t, g.msgs); !m.Doubtful || !strings.Contains(m.text, "doubt") {
		t.Errorf("%+v", m)
	}
	if m := await(t, g.msgs); m.Doubtful || !strings.Contains(m.text, "pass") {
		t.Errorf("%+v", m)
	}
	if n := s.Stats(UDP).Unheard; n != 2 {
		t.Errorf("%d unheard", n)
	}
}

// A connection is refused before its handshake, and ends with the first message that is not heard.
func TestUnheardConnections(t *testing.T) {
	for _, kind := range []string{"tcp", "ws"} {
		t.Run(kind+" refused", func(t *testing.T) {
			g := &guarded{newRecorder(nil), func(k Kind, from netip.AddrPort, data []byte) Verdict {
				if k.String() != kind || !from.IsValid() || data != nil {
					t.Errorf("%v %v %q", k, from, data)
				}
				return Drop
			}}
			s := serve(t, g, Options{}, kind+":127.0.0.1:0")
			closedByPeer(t, dial(t, s.Locals()[0].Addr))
			if n := s.Stats(s.Locals()[0].Kind); n.Unheard != 1 || n.Accepted != 0 {
				t.Errorf("%+v", n)
			}
		})
	}
	for name, text := range map[string]string{"message": request(1, 10), "no message": strings.Repeat("x", 5000) + "\r\n\r\n"} {
		t.Run(name, func(t *testing.T) {
			g := &guarded{newRecorder(nil), func(_ Kind, _ netip.AddrPort, data []byte) Verdict {
				if data == nil || strings.HasPrefix(string(data), "HEARD") {
					return Pass
				}
				return Drop
			}}
			s := serve(t, g, Options{}, "tcp:127.0.0.1:0")
			c := dial(t, s.Locals()[0].Addr)
			write(t, c, strings.Replace(request(0, 10), "OPTIONS", "HEARD", 1))
			write(t, c, text)
			c.SetReadDeadline(time.Now().Add(patient))
			if b, err := io.ReadAll(c); err != nil && !isReset(err) || len(b) > 0 {
				t.Errorf("%q %v", b, err)
			}
			until(t, "it is counted", func() bool { return s.Stats(TCP).Unheard == 1 })
			if len(g.bad) > 0 {
				t.Error("it was answered")
			}
		})
	}
}

func isReset(err error) bool {
	_, ok := err.(*net.OpError)
	return ok
}
