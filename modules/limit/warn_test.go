package limit

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// Each ban is one warning with the source's address, however much that goes on to send.
func TestBansAreWarnedOf(t *testing.T) {
	for _, row := range []struct{ name, from, agent, want string }{
		{"a flood", "192.0.2.1:5060", "", "source=192.0.2.1 offence=flood seconds=300"},
		{"a flood by IPv6", "[2001:db8::1]:5060", "", "source=2001:db8:: offence=flood seconds=300"},
		{"a scanner", "192.0.2.2:5060", "User-Agent: friendly-scanner\r\n", "source=192.0.2.2 offence=scanner seconds=300"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var log strings.Builder
			l := New(Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
			if err := l.Use(Policy{Flood: &Flood{Requests: 3, Ban: defaultBan}}); err != nil {
				t.Fatal(err)
			}
			request := []byte("OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n" + row.agent + "Content-Length: 0\r\n\r\n")
			var m message.Message
			if err := m.Parse(request, &message.Limits{}); err != nil {
				t.Fatal(err)
			}
			for range 20 {
				from := netip.MustParseAddrPort(row.from)
				if (gate{l}).Admit(transport.UDP, from, request) == transport.Pass {
					(gate{l}).Hear(transport.UDP, from, &m)
				}
			}
			if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), row.want) {
				t.Errorf("%d warnings, want one with %q: %s", n, row.want, log.String())
			}
		})
	}
}
