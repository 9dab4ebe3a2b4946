package main

// Sockets that systemd has opened.

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
)

// pass makes sockets that stand where systemd's do, and what it says of them.
func pass(t *testing.T, units ...string) (lookup func(string) (string, bool), open func(uintptr, string) *os.File, at []string) {
	t.Helper()
	var files []*os.File
	var names []string
	for _, u := range units {
		name, network, _ := strings.Cut(u, "=")
		network, address, _ := strings.Cut(network, ":")
		var s interface{ File() (*os.File, error) }
		var bound string
		switch network {
		case "udp4", "udp6", "unixgram":
			pc, err := net.ListenPacket(network, address)
			if err != nil {
				t.Skipf("%s: %v", u, err)
			}
			defer pc.Close()
			bound = pc.LocalAddr().String()
			s = pc.(interface{ File() (*os.File, error) })
		default:
			ln, err := net.Listen(network, address)
			if err != nil {
				t.Skipf("%s: %v", u, err)
			}
			defer ln.Close()
			bound = ln.Addr().String()
			s = ln.(interface{ File() (*os.File, error) })
		}
		f, err := s.File()
		if err != nil {
			t.Fatal(err)
		}
		files, names, at = append(files, f), append(names, name), append(at, bound)
	}
	variables := map[string]string{"LISTEN_PID": "7", "LISTEN_FDS": strconv.Itoa(len(units)), "LISTEN_FDNAMES": strings.Join(names, ":")}
	return func(n string) (string, bool) { v, ok := variables[n]; return v, ok }, func(fd uintptr, _ string) *os.File { return files[fd-firstSocket] }, at
}

func TestSocketsOfSystemd(t *testing.T) {
	for name, row := range map[string]struct {
		units []string
		want  string // the listeners, where AT0 is the address of the first; or what is wrong
	}{
		"by name":          {[]string{"udp=udp4:127.0.0.1:0", "tls-edge=tcp4:127.0.0.1:0", "wss=tcp4:127.0.0.1:0", "ws=tcp4:127.0.0.1:0"}, "udp:AT0 tls:AT1 wss:AT2 ws:AT3"},
		"by kind":          {[]string{"sipscript.socket=udp4:127.0.0.1:0", "sipscript.socket=tcp4:127.0.0.1:0"}, "udp:AT0 tcp:AT1"},
		"admin":            {[]string{"admin=tcp4:127.0.0.1:0"}, "admin AT0"},
		"IPv6":             {[]string{"udp=udp6:[::1]:0"}, "udp:AT0"},
		"both families":    {[]string{"tcp=tcp:[::]:0"}, "BindIPv6Only=ipv6-only"},
		"two for admin":    {[]string{"admin=tcp4:127.0.0.1:0", "admin=tcp4:127.0.0.1:0"}, "there is one for the admin interface already"},
		"tls of datagrams": {[]string{"tls=udp4:127.0.0.1:0"}, "tls needs ListenStream="},
		"udp of streams":   {[]string{"udp=tcp4:127.0.0.1:0"}, "udp needs ListenDatagram="},
		"no address":       {[]string{"tcp=unix:" + t.TempDir() + "/s"}, "expected an IP address and a port"},
	} {
		t.Run(name, func(t *testing.T) {
			lookup, open, at := pass(t, row.units...)
			s, err := readSockets(lookup, 7, open)
			got := ""
			if err != nil {
				got = err.Error()
			} else {
				defer s.close()
				for _, l := range s.listen {
					got += l.text + " "
				}
				if s.admin != nil {
					got += "admin " + s.admin.Addr().String()
				}
			}
			want := row.want
			for i, a := range at {
				want = strings.ReplaceAll(want, "AT"+strconv.Itoa(i), a)
			}
			if !strings.Contains(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
	lookup, open, _ := pass(t, "udp=udp4:127.0.0.1:0")
	if s, err := readSockets(lookup, 8, open); s != nil || err != nil {
		t.Error("it took another's sockets for its own")
	}
	if _, err := readSockets(func(n string) (string, bool) { return map[string]string{"LISTEN_PID": "7", "LISTEN_FDS": "x"}[n], true }, 7, nil); err == nil {
		t.Error("LISTEN_FDS=x is a number")
	}
}

// What systemd passes takes the place of the default listeners, stands beside those of flags, and
// is the listener that a flag names, with its options.
func TestListenersOfSystemd(t *testing.T) {
	at := func(n int) *sockets {
		return &sockets{listen: []passedListener{{"udp:127.0.0.1:5060", true}, {"tcp:127.0.0.1:5061", false}}[:n]}
	}
	for name, row := range map[string]struct {
		flags  []string
		given  bool
		passed *sockets
		want   string
	}{
		"none":         {defaultListen(), false, nil, "udp:127.0.0.1:5060 tcp:127.0.0.1:5060"},
		"in place":     {defaultListen(), false, at(1), "udp:127.0.0.1:5060"},
		"beside":       {[]string{"tcp:127.0.0.1:5080"}, true, at(1), "tcp:127.0.0.1:5080 udp:127.0.0.1:5060"},
		"named":        {[]string{"udp:127.0.0.1:5060"}, true, at(1), "udp:127.0.0.1:5060"},
		"with options": {[]string{"tls:127.0.0.1:5061?proxy_protocol=10.0.0.5/32"}, true, at(2), "tls:127.0.0.1:5061?proxy_protocol=10.0.0.5/32 udp:127.0.0.1:5060"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &settings{listen: row.flags}
			if err := s.serveOn(row.passed, row.given); err != nil || strings.Join(s.listen, " ") != row.want {
				t.Errorf("%v %v, want %s", s.listen, err, row.want)
			}
		})
	}
}

// A server serves on the sockets that it was given: a datagram that came before it started is read.
func TestServesOnPassedSockets(t *testing.T) {
	lookup, open, at := pass(t, "udp=udp4:127.0.0.1:0", "ws=tcp4:127.0.0.1:0", "admin=tcp4:127.0.0.1:0")
	passed, err := readSockets(lookup, 7, open)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("udp", at[0])
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	request := "OPTIONS sip:x@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKa;rport\r\nFrom: <sip:a@example.com>;tag=a\r\nTo: <sip:x@example.com>\r\n" +
		"Call-ID: a\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
	if _, err := c.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	set, err := parse(t, []string{"--drain", "0s", "--lanes", "1"}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := set.serveOn(passed, false); err != nil {
		t.Fatal(err)
	}
	out := &lockedBuffer{}
	s := newServer(set, out)
	defer s.close()
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.drain()
	s.announce(t.Context())
	for _, want := range []string{"listening udp " + at[0] + "\n", "listening ws " + at[1] + "\n", "admin http://" + at[2] + "\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	b := make([]byte, 2000)
	if n, err := c.Read(b); err != nil || !strings.HasPrefix(string(b[:n]), "SIP/2.0 ") {
		t.Errorf("%q %v", b[:n], err)
	}
	if passed.Packets(netip.MustParseAddrPort(at[0])) != nil || passed.Stream(netip.MustParseAddrPort(at[1])) != nil {
		t.Error("the server has opened sockets of its own")
	}
}
