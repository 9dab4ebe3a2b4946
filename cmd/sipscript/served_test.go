package main

// Listeners of modules.

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestListenersOfModules(t *testing.T) {
	for name, row := range map[string]struct {
		args []string
		want string // of the listeners, or what is wrong
	}{
		"alone":      {[]string{"-l", "turn:127.0.0.1:0"}, "udp:127.0.0.1:5060 tcp:127.0.0.1:5060 + turn:127.0.0.1:0="},
		"beside":     {[]string{"-l", "turn:127.0.0.1:0?transport=udp", "-l", "udp:127.0.0.1:0", "-l", "stun:127.0.0.1"}, "udp:127.0.0.1:0 + turn:127.0.0.1:0?transport=udp= stun:127.0.0.1="},
		"advertised": {[]string{"-l", "turn:127.0.0.1:0", "--advertise", "turn:127.0.0.1:0=turn.example.com"}, "udp:127.0.0.1:5060 tcp:127.0.0.1:5060 + turn:127.0.0.1:0=turn.example.com"},
		"advertised without its options": {[]string{"-l", "udp:127.0.0.1:0", "-l", "turn:127.0.0.1:0?transport=udp", "--advertise", "turn:127.0.0.1:0=192.0.2.1:3478"},
			"udp:127.0.0.1:0 + turn:127.0.0.1:0?transport=udp=192.0.2.1:3478"},
		"advertised badly":  {[]string{"-l", "turn:127.0.0.1:0", "--advertise", "turn:127.0.0.1:0=a b"}, "expected HOST or HOST:PORT"},
		"advertised twice":  {[]string{"-l", "turn:127.0.0.1:0", "--advertise", "turn:127.0.0.1:0=a", "--advertise", "turn:127.0.0.1:0=b"}, "advertised twice"},
		"of another":        {[]string{"-l", "turn:127.0.0.1:0", "--advertise", "stun:127.0.0.1:0=a"}, "there is no --listen stun:127.0.0.1:0"},
		"twice":             {[]string{"-l", "turn:127.0.0.1:3478", "-l", "turn:127.0.0.1:3478"}, "is given twice"},
		"misspelt":          {[]string{"-l", "trun:127.0.0.1:3478"}, "the protocols are udp, tcp, tls, ws, wss, stun, turn, turns"},
		"a name":            {[]string{"-l", "turn:localhost:3478"}, "write an IP address and a port"},
		"another transport": {[]string{"-l", "turn:127.0.0.1:3478?transport=sctp"}, "?transport=udp or ?transport=tcp"},
		"turns over UDP":    {[]string{"-l", "turns:127.0.0.1:3478?transport=udp"}, "over TCP alone"},
		"no certificate":    {[]string{"-l", "turns:127.0.0.1:5349"}, "TLS needs a certificate"},
		"relay":             {[]string{"--turn-relay", "0.0.0.0"}, "--turn-relay 0.0.0.0: expected the IP address that peers see"},
		"relay of a family": {[]string{"--turn-relay", "192.0.2.1/::1"}, "--turn-relay 192.0.2.1/::1"},
		"ports":             {[]string{"--turn-ports", "9-8"}, "--turn-ports 9-8: expected a range of ports"},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := parse(t, row.args, nil, "")
			if err != nil {
				if exitCode(err) != exitUsage || !strings.Contains(err.Error(), row.want) {
					t.Errorf("%v, want %q", err, row.want)
				}
				return
			}
			got := strings.Join(set.listen, " ") + " +"
			for _, l := range set.served {
				got += " " + l.Text + "=" + l.Advertised
			}
			if got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
}

// Listeners of modules are printed with the others, and those over TLS have the server's
// certificates though no listener of SIP has.
func TestListenersOfModulesArePrinted(t *testing.T) {
	cert, key := pair(t, time.Now().Add(time.Hour))
	set, err := parse(t, []string{"-l", "udp:127.0.0.1:0", "-l", "turn:127.0.0.1:0", "-l", "turns:127.0.0.1:0", "--tls-cert", cert, "--tls-key", key, "--drain", "0s"}, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s := newServer(set, &out)
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.close()
	s.announce(t.Context())
	s.drain()
	for _, want := range []string{"listening udp 127.0.0.1:", "listening turn 127.0.0.1:", "listening turns 127.0.0.1:"} {
		before, _, _ := strings.Cut(out.String(), "\nready\n")
		if !strings.Contains(before, want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
}

// What is wrong with a listener is said with what can be done.
func TestListenersOfModulesThatFail(t *testing.T) {
	for name, row := range map[string]struct {
		args []string
		want string
	}{
		"no such address":  {[]string{"-l", "turn:127.0.0.1:0", "--turn-relay", "192.0.2.1"}, "write --turn-relay 192.0.2.1/LOCAL"},
		"no relay address": {[]string{"-l", "turn:0.0.0.0:0"}, "--turn-relay IP"},
		"no secret":        {[]string{"-l", "turn:127.0.0.1:0", "--turn-secret", "/does/not/exist"}, "create one with"},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := parse(t, append(row.args, "-l", "udp:127.0.0.1:0"), nil, "")
			if err != nil {
				t.Fatal(err)
			}
			s := newServer(set, t.Output())
			defer s.close()
			if err := s.start(t.Context()); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
}
