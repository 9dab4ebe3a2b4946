package message

import (
	"net/netip"
	"testing"
)

func TestParseVia(t *testing.T) {
	for _, c := range []struct {
		text, version, transport, host string
		port                           uint16
		branch                         string
	}{
		{"SIP/2.0/UDP host", "SIP/2.0", "UDP", "host", 0, ""},
		{"SIP/2.0/UDP host:5060;branch=x", "SIP/2.0", "UDP", "host", 5060, "x"},
		{"SIP / 2.0 / UDP host:5060 ;branch=x", "SIP/2.0", "UDP", "host", 5060, "x"},
		{"SIP  / 2.0\r\n /UDP\r\n  host : 5060 ; Branch = x", "SIP/2.0", "UDP", "host", 5060, "x"},
		{"sip/2.0/tls Host.Example.com;BRANCH=x", "sip/2.0", "tls", "Host.Example.com", 0, "x"},
		{"SIP/2.0/WSS df7jal23ls0d.invalid;branch=x", "SIP/2.0", "WSS", "df7jal23ls0d.invalid", 0, "x"},
		{"SIP/2.0/UDP [2001:db8::9:1]:5060;branch=x", "SIP/2.0", "UDP", "2001:db8::9:1", 5060, "x"},
		{"SIP/2.0/UDP [::ffff:192.0.2.1];branch=x", "SIP/2.0", "UDP", "::ffff:192.0.2.1", 0, "x"},
		{"SIP/2.0/UDP h;x=\"a;branch=no\";branch=yes", "SIP/2.0", "UDP", "h", 0, "yes"},
		{"SIP/2.0/UDP h;branch=x;;", "SIP/2.0", "UDP", "h", 0, "x"},
	} {
		t.Run(c.text, func(t *testing.T) {
			v, err := ParseVia([]byte(c.text))
			if err != nil {
				t.Errorf("%q: %v", c.text, err)
				return
			}
			same(t, c.text+" version", v.Version, c.version)
			same(t, c.text+" transport", v.Transport, c.transport)
			same(t, c.text+" host", v.Host, c.host)
			same(t, c.text+" branch", v.Branch(), c.branch)
			if v.Port != c.port {
				t.Errorf("%q: port %d, want %d", c.text, v.Port, c.port)
			}
		})
	}
	for _, text := range []string{
		"", " ", ";", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0/UDP ;branch=x", "SIP/2.0 host", "SIP/2.0/ host", "UDP host",
		"SIP/2.0/UDPhost", "SIP/2.0/UDP host:", "SIP/2.0/UDP host:0", "SIP/2.0/UDP host:65536", "SIP/2.0/UDP host:5060x",
		"SIP/2.0/UDP 2001:db8::9:1", "SIP/2.0/UDP [2001:db8::9:1", "SIP/2.0/UDP []", "SIP/2.0/UDP [1:2:3]",
		"SIP/2.0/UDP host;x=\"a", "SIP/2.0/UDP host;branch x", "SIP/2.0/UDP host;=x", "SIP/2.0/UDP ho st",
	} {
		if v, err := ParseVia([]byte(text)); err == nil {
			t.Errorf("%q: no error, host %q", text, v.Host)
		}
	}
}

func TestViaParams(t *testing.T) {
	v, err := ParseVia([]byte("SIP/2.0/UDP h;Received=[2001:db8::9:255];RPORT=99;branch=x"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "received", v.Received(), "2001:db8::9:255")
	if port, present := v.RPort(); port != 99 || !present {
		t.Error("rport", port, present)
	}
	v, _ = ParseVia([]byte("SIP/2.0/UDP h;RPORT"))
	if port, present := v.RPort(); port != 0 || !present {
		t.Error("rport without value", port, present)
	}
	v, _ = ParseVia([]byte("SIP/2.0/UDP h"))
	if _, present := v.RPort(); present || v.Branch() != nil || v.Received() != nil {
		t.Error("parameters of a Via without any")
	}
}

func TestSetReceived(t *testing.T) {
	for _, c := range []struct{ via, src, want string }{
		{"SIP/2.0/UDP 192.0.2.1:5060;branch=x", "192.0.2.1:5060", "SIP/2.0/UDP 192.0.2.1:5060;branch=x"},
		{"SIP/2.0/UDP 192.0.2.1:5060;branch=x", "192.0.2.2:5060", "SIP/2.0/UDP 192.0.2.1:5060;branch=x;received=192.0.2.2"},
		{"SIP/2.0/UDP host;branch=x", "192.0.2.2:5060", "SIP/2.0/UDP host;branch=x;received=192.0.2.2"},
		{"SIP/2.0/UDP host", "192.0.2.2:5060", "SIP/2.0/UDP host;received=192.0.2.2"},
		{"SIP/2.0/UDP 192.0.2.1;rport;branch=x", "192.0.2.1:4000", "SIP/2.0/UDP 192.0.2.1;rport=4000;branch=x;received=192.0.2.1"},
		{"SIP/2.0/UDP h ; RPORT ;branch=x", "192.0.2.1:4000", "SIP/2.0/UDP h ; RPORT=4000 ;branch=x;received=192.0.2.1"},
		{"SIP/2.0/UDP h;rport=1;received=10.0.0.1;branch=x", "192.0.2.1:4000", "SIP/2.0/UDP h;rport=4000;branch=x;received=192.0.2.1"},
		{"SIP/2.0/UDP a;rport, SIP/2.0/UDP b", "192.0.2.1:4000", "SIP/2.0/UDP a;rport=4000;received=192.0.2.1, SIP/2.0/UDP b"},
		{"SIP/2.0/UDP [2001:DB8::1]", "[2001:db8::1]:5060", "SIP/2.0/UDP [2001:DB8::1]"},
		{"SIP/2.0/UDP h", "[::ffff:192.0.2.1]:5060", "SIP/2.0/UDP h;received=192.0.2.1"},
		{"SIP/2.0/UDP h", "[fe80::1%eth0]:5060", "SIP/2.0/UDP h;received=fe80::1"},
	} {
		t.Run(c.via, func(t *testing.T) {
			m := parse(t, "OPTIONS sip:h SIP/2.0\r\nVia: "+c.via+"\r\n\r\n")
			m.SetReceived(netip.MustParseAddrPort(c.src))
			same(t, c.via, m.AppendTo(nil), "OPTIONS sip:h SIP/2.0\r\nVia: "+c.want+"\r\n\r\n")
			v, err := m.TopVia()
			if err != nil {
				t.Error(err)
			}
			if len(v.Received()) > 0 {
				same(t, "received", v.Received(), netip.MustParseAddrPort(c.src).Addr().Unmap().WithZone("").String())
			}
		})
	}
}
