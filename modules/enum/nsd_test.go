package enum_test

// This file tests lookups in a real name server: NSD, which is authoritative for a zone of numbers.

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/internal/child"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/enum"
)

// numbers is a zone file, as a carrier writes one.
const numbers = `$ORIGIN 9.4.e164.arpa.
$TTL 3600
@ IN SOA ns.example.net. hostmaster.example.net. 1 3600 600 86400 300
@ IN NS ns.example.net.
6.5.4.3.2.1.0.3 IN NAPTR 100 10 "u" "E2U+sip" "!^\\+49(.*)$!sip:\\1@pbx.example.com!" .
6.5.4.3.2.1.0.3 IN NAPTR 100 20 "u" "E2U+email:mailto" "!^.*$!mailto:info@example.com!" .
; the rest of a block of numbers
*.7.5.4.3.2.1.0.3 IN NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:desk@example.com!" .
; a number that leads on, within the zone
8.5.4.3.2.1.0.3 IN NAPTR 100 10 "" "" "" ported
ported IN NAPTR 100 10 "u" "E2U+sip" "!^(.*)$!sip:\\1@other.example.net!" .
alias.0.3 IN CNAME 6.5.4.3.2.1.0.3
1.0.0.3 IN CNAME alias.0.3
`

// nsd starts the server and returns its address.
func nsd(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("nsd")
	if err != nil {
		path = "/usr/sbin/nsd"
		_, err = os.Stat(path)
	}
	switch {
	case err == nil:
	case os.Getenv("SIPSCRIPT_INTEROP") == "required":
		t.Fatal("nsd is required (SIPSCRIPT_INTEROP=required) and missing: install nsd")
	default:
		t.Skip("nsd is missing: install nsd (Debian) to run this test")
	}
	dir := t.TempDir()
	var zone strings.Builder
	zone.WriteString(numbers)
	for i := range 60 { // more than a datagram takes
		fmt.Fprintf(&zone, "9.5.4.3.2.1.0.3 IN NAPTR 100 %d \"u\" \"E2U+sip\" \"!^.*$!sip:user%d@a-rather-long-name.example.com!\" .\n", i, i)
	}
	if err := os.WriteFile(filepath.Join(dir, "zone"), []byte(zone.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 5 { // somebody else may take the port meanwhile
		addr := fmt.Sprint("127.0.0.1:", child.FreePort(t))
		conf := filepath.Join(dir, "nsd.conf")
		text := fmt.Sprintf("server:\n ip-address: %s\n username: \"\"\n chroot: \"\"\n zonesdir: %q\n database: \"\"\n pidfile: %q\n xfrdfile: %q\n zonelistfile: %q\n server-count: 1\n"+
			"remote-control:\n control-enable: no\nzone:\n name: 9.4.e164.arpa\n zonefile: zone\n", strings.Replace(addr, ":", "@", 1), dir, dir+"/pid", dir+"/xfrd", dir+"/zones")
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(path, "-d", "-c", conf)
		var said strings.Builder
		cmd.Stdout, cmd.Stderr = &said, &said
		ended, err := child.Start(cmd)
		if err != nil {
			t.Fatal(err)
		}
		for {
			select {
			case <-ended:
				t.Log(said.String())
			default:
				if in, err := dns.Exchange(new(dns.Msg).SetQuestion("9.4.e164.arpa.", dns.TypeSOA), addr); err != nil || len(in.Answer) == 0 {
					time.Sleep(5 * time.Millisecond) // it is starting
					continue
				}
				t.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt); <-ended })
				return addr
			}
			break
		}
	}
	t.Fatal("nsd does not start")
	return ""
}

func TestRealNameServer(t *testing.T) {
	at := nsd(t)
	w := luabindtest.New(t, `enum = require "enum" function route(req) end`, luabindtest.Modules(enum.NewModule()),
		luabindtest.Engine(func(c *engine.Config) { c.Resolver = nil; c.DNS.Servers = []string{at} }))
	var all []any
	for i := range 16 {
		all = append(all, fmt.Sprintf("sip:user%d@a-rather-long-name.example.com", i))
	}
	for source, want := range map[string][]any{
		`enum.lookup("+49 30 123456")`:                             {[]any{"sip:30123456@pbx.example.com"}},
		`enum.lookup("+4930123456", { service = "email:mailto" })`: {[]any{"mailto:info@example.com"}},
		`enum.lookup("+493012345712")`:                             {[]any{"sip:desk@example.com"}}, // a wildcard
		`enum.lookup("+4930123458")`:                               {[]any{"sip:+4930123458@other.example.net"}},
		`enum.lookup("+493001")`:                                   {[]any{"sip:3001@pbx.example.com"}},                                        // along two aliases
		`enum.lookup("+493012345")`:                                {nil, "there is no such record: the name does not exist, or has no NAPTR"}, // it has others below
		`enum.lookup("+4999")`:                                     {nil, "there is no such record: the name does not exist, or has no NAPTR"},
		`enum.lookup("+4930123459")`:                               {all}, // over TCP
	} {
		t.Run(source, func(t *testing.T) {
			got, err := w.Eval("return " + source)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%v %v, want %v", got, err, want)
			}
		})
	}
	// A number of another's zone is refused by the server: that is no answer about the number
	if got, err := w.Eval(`return enum.lookup("+33123")`); err != nil || got[0] != nil || strings.Contains(fmt.Sprint(got[1]), "no such record") {
		t.Errorf("%v %v", got, err)
	}
}
