package resolver

// This file tests the hosts file and the names that need no DNS.

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/transport"
)

func TestHosts(t *testing.T) {
	s := serve(t, `
_sip._udp.example.com. 60 IN SRV 1 0 5070 pbx.
_sip._udp.pbx.         60 IN SRV 1 0 5070 elsewhere.example.com.
pbx.                   60 IN A 192.0.2.66`)
	file := filepath.Join(t.TempDir(), "hosts")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("127.0.0.1 localhost\n# 192.0.2.9 no\nbad line\n999.1.1.1 bad\n192.0.2.1\tPBX pbx.example.com # the exchange\n2001:db8::1 pbx\n")
	c := newClock()
	o := options(c, s.addr)
	o.HostsFile = file
	o.Hosts = map[string][]netip.Addr{"Fixed.": {netip.MustParseAddr("192.0.2.7")}}
	r := start(t, o)
	for uri, want := range map[string]string{
		"sip:pbx":                   "udp 192.0.2.1:5060|udp [2001:db8::1]:5060", // not its SRV
		"sip:Pbx.;transport=tcp":    "tcp 192.0.2.1:5060|tcp [2001:db8::1]:5060",
		"sips:pbx.example.com:5071": "tls 192.0.2.1:5071/pbx.example.com",
		"sip:localhost:5080":        "udp 127.0.0.1:5080",
		"sip:x.localhost":           "udp 127.0.0.1:5060|udp [::1]:5060",
		"sip:fixed":                 "udp 192.0.2.7:5060",
		// The target of an SRV
		"sip:example.com;transport=udp": "udp 192.0.2.1:5070|udp [2001:db8::1]:5070",
	} {
		t.Run(uri, func(t *testing.T) {
			peers, now, err := resolve(r, query(t, uri))
			if got := strings.Join(list(peers), "|"); got != want || err != nil || now == strings.Contains(uri, "transport=udp") {
				t.Errorf("%s: %s %v, at once %v; want %s", uri, got, err, now, want)
			}
		})
	}
	same(t, "asked", s.questions(), []string{"SRV _sip._udp.example.com"})

	// A name that DNS gave an hour ago may be in the file now.
	s.load(t, "dns.example.com. 3600 IN A 192.0.2.8")
	resolve(r, Query{Host: "dns.example.com", Port: 5060})

	// A change is seen some seconds later: the lookup that finds the table old starts the look.
	write("192.0.2.2 pbx dns.example.com\n")
	c.pass(hostsLook)
	resolve(r, Query{Host: "pbx"})
	r.running.Wait()
	peers, _, err := resolve(r, Query{Host: "pbx"})
	same(t, "after the change", list(peers), []string{"udp 192.0.2.2:5060"})
	if err != nil {
		t.Error(err)
	}
	peers, _, _ = resolve(r, Query{Host: "dns.example.com", Port: 5060})
	same(t, "after the change", list(peers), []string{"udp 192.0.2.2:5060"})
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if !r.hosts.reload() || r.hosts.reload() {
		t.Error("a file that is gone is a change, once")
	}
}

func TestNamesWithoutDNS(t *testing.T) {
	s := serve(t, "")
	r := start(t, options(newClock(), s.addr))
	if peers, now, err := resolve(r, Query{Host: "localhost", Kind: transport.TCP}); !now || err != nil || len(peers) != 2 {
		t.Errorf("%v %v", list(peers), err)
	}
	if _, now, err := resolve(r, Query{Host: "df7jal23ls0d.invalid"}); !now || !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
	same(t, "asked", s.questions(), nil)
}

func TestHostsFileMissing(t *testing.T) {
	c := newClock()
	o := options(c)
	o.Servers, o.HostsFile = []string{"192.0.2.53"}, filepath.Join(t.TempDir(), "none")
	r := start(t, o)
	c.pass(time.Minute)
	if _, now, err := resolve(r, Query{Host: "localhost"}); !now || err != nil {
		t.Error(err)
	}
}
