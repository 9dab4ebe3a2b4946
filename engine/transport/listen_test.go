package transport

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"syscall"
	"testing"
)

func TestParseListen(t *testing.T) {
	for text, want := range map[string]ListenSpec{
		"udp:127.0.0.1:5060": {Kind: UDP, Addr: netip.MustParseAddrPort("127.0.0.1:5060")},
		"tcp:[::1]:0":        {Kind: TCP, Addr: netip.MustParseAddrPort("[::1]:0")},
		"UDP:0.0.0.0:5070":   {Kind: UDP, Addr: netip.MustParseAddrPort("0.0.0.0:5070")},
		"tls:192.0.2.1":      {Kind: TLS, Addr: netip.MustParseAddrPort("192.0.2.1:5061")},
		"udp:[2001:db8::1]":  {Kind: UDP, Addr: netip.MustParseAddrPort("[2001:db8::1]:5060")},
		"wss:192.0.2.1:443?origin=https://a.example&origin=http://b.example:8080": {Kind: WSS, Addr: netip.MustParseAddrPort("192.0.2.1:443"),
			Origins: "https://a.example http://b.example:8080"},
		"wss:192.0.2.1:443?proxy_protocol=10.1.2.3/8,2001:db8::1&origin=https://a.example": {Kind: WSS, Addr: netip.MustParseAddrPort("192.0.2.1:443"),
			Origins: "https://a.example", Proxies: "10.0.0.0/8 2001:db8::1/128"},
	} {
		t.Run(text, func(t *testing.T) {
			got, err := ParseListen(text)
			if err != nil || got != want {
				t.Errorf("%s: %+v, %v", text, got, err)
			}
		})
	}
	for _, text := range []string{"", "udp", "5060", "sctp:127.0.0.1:5060", "udp:example.com:5060", "udp:127.0.0.1:70000", "udp:"} {
		_, err := ParseListen(text)
		if err == nil || !strings.Contains(err.Error(), "127.0.0.1:") {
			t.Errorf("%q: %v, which does not say what to write", text, err)
		}
	}
}

func TestParseListenOptions(t *testing.T) {
	for text, want := range map[string]string{
		"udp:127.0.0.1:5060?origin=https://a.example":  "only ws and wss",
		"ws:127.0.0.1:80?":                             "?origin=https://app.example",
		"ws:127.0.0.1:80?origin=a.example":             "?origin=https://app.example",
		"ws:127.0.0.1:80?origin=https://a/path":        "?origin=https://app.example",
		"ws:127.0.0.1:80?color=red":                    "?origin=https://app.example",
		"udp:127.0.0.1:5060?proxy_protocol=10.0.0.0/8": "udp has no options",
		"tcp:127.0.0.1:5060?proxy_protocol=any":        `"any" is not a network`,
		"tcp:127.0.0.1:5060?proxy_protocol=":           "is not a network",
		"tcp:127.0.0.1:5060?origin=https://a.example":  "only ws and wss",
	} {
		t.Run(text, func(t *testing.T) {
			if _, err := ParseListen(text); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAddressInUse(t *testing.T) {
	for _, kind := range []string{"udp", "tcp"} {
		s := serve(t, newRecorder(nil), Options{}, kind+":127.0.0.1:0")
		addr := s.Locals()[0].Addr
		again := NewStack(newRecorder(nil), Options{})
		spec, _ := ParseListen(kind + ":" + addr.String())
		free, _ := ParseListen(kind + ":127.0.0.1:0")
		err := again.Listen([]ListenSpec{free, spec})
		want := "listen " + kind + " " + addr.String() + ": address already in use: is another server running?"
		if !errors.Is(err, syscall.EADDRINUSE) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v", err)
		}
		if len(again.Locals()) != 0 || len(again.Known()) != 0 {
			t.Error("a listener was left")
		}
		again.Close(context.Background())
	}
}

func TestListenErrors(t *testing.T) {
	s := NewStack(newRecorder(nil), Options{})
	defer s.Close(context.Background())
	for _, text := range []string{"wss:127.0.0.1:0", "udp:192.0.2.77:0"} {
		spec, err := ParseListen(text)
		if err != nil {
			t.Fatal(err)
		}
		if err = s.Listen([]ListenSpec{spec}); err == nil || !strings.Contains(err.Error(), "listen ") {
			t.Errorf("%s: %v", text, err)
		}
	}
	s.Serve()
	if err := s.Listen(nil); err == nil {
		t.Error("listening after Serve")
	}
}

func TestLocalsAndChoose(t *testing.T) {
	s := NewStack(newRecorder(nil), Options{})
	defer s.Close(context.Background())
	if err := s.Listen([]ListenSpec{
		{Kind: UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0")},
		{Kind: UDP, Addr: netip.MustParseAddrPort("0.0.0.0:0"), AdvertisedHost: "sip.example.com", AdvertisedPort: 5080},
		{Kind: UDP, Addr: netip.MustParseAddrPort("[::1]:0")},
		{Kind: TCP, Addr: netip.MustParseAddrPort("127.0.0.1:0")},
	}); err != nil {
		t.Fatal(err)
	}
	l := s.Locals()
	if l[1].SentBy != "sip.example.com:5080" || l[1].Addr.Port() == 0 || l[1].Index != 1 {
		t.Errorf("%+v", l[1])
	}
	if l[2].Host != "::1" || !strings.HasPrefix(l[2].SentBy, "[::1]:") || l[2].Name != "udp:[::1]:0" {
		t.Errorf("%+v", l[2])
	}
	for addr, want := range map[string]*Local{
		"127.0.0.1:5060": l[0], "192.0.2.1:5060": l[1], "[::1]:5060": l[2], "[2001:db8::1]:5060": l[2],
	} {
		t.Run(addr, func(t *testing.T) {
			if got := s.Choose(&Peer{Kind: UDP, Addr: netip.MustParseAddrPort(addr)}); got != want {
				t.Errorf("%s: %+v", addr, got)
			}
		})
	}
	if got := s.Choose(&Peer{Kind: TCP, Addr: netip.MustParseAddrPort("[::1]:5060")}); got != nil {
		t.Errorf("chosen %+v", got)
	}
	if got := s.Choose(&Peer{Kind: TCP, Local: l[0]}); got != l[0] {
		t.Errorf("chosen %+v", got)
	}
}
