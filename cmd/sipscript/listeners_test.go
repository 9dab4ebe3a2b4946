package main

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/transport"
)

// Listeners are added, listed and removed by commands, of every protocol.
func TestListenersCommand(t *testing.T) {
	cert, key := pair(t, time.Now().Add(time.Hour))
	s, log := served(t)
	last := "" // address of the listener that was added last
	for _, row := range []struct {
		words string
		code  int
		want  string // a regular expression
	}{
		{"listeners list", 0, `udp +127\.0\.0\.1:\d+ +127\.0\.0\.1:\d+ +serving +0`},
		{"listeners add tcp:127.0.0.1:0", 0, `listening tcp 127\.0\.0\.1:[1-9]`},
		{"listeners", 0, `tcp +127\.0\.0\.1:\d+ +127\.0\.0\.1:\d+ +serving`},
		{"listeners remove tcp:LAST --drain 1h", 0, `leaves, and is closed after 20`},
		{"listeners --json", 0, `"state": "leaving"`},
		{"listeners remove tcp:LAST --drain 0s", 0, `leaves`},
		{"listeners add ws:127.0.0.1:0?origin=https://app.example.com", 0, `listening ws`},
		{"listeners add tcp:127.0.0.1:0?proxy_protocol=10.0.0.0/8 --advertise sip.example.net", 0, `listening tcp`},
		{"listeners", 0, `sip\.example\.net:\d`},
		{"listeners add udp:[::1]:0", 0, `listening udp \[::1\]:`},
		{"listeners add udp:0.0.0.0:0", 0, `listening udp 0\.0\.0\.0:`},
		{"listeners add tls:127.0.0.1:0", 1, `--tls-cert and --tls-key`},
		{"listeners add tls:127.0.0.1:0 --tls-cert " + cert + " --tls-key nowhere", 1, `no such file`},
		// What is added with a listener that can't be opened is not there either
		{"listeners add tls:192.0.2.77:5061 --tls-cert " + cert + " --tls-key " + key, 1, `no interface of this machine has the address; choose another, or`},
		{"listeners add tls:127.0.0.1:0", 1, `--tls-cert and --tls-key`},
		{"listeners add tls:127.0.0.1:0 --tls-cert " + cert + " --tls-key " + key, 0, `listening tls`},
		{"listeners add wss:127.0.0.1:0", 0, `listening wss`},
		{"listeners add udp:127.0.0.1:0 --tls-cert " + cert + " --tls-key " + key, 2, `udp has no certificate`},
		{"listeners add tls:127.0.0.1:0 --tls-cert " + cert, 2, `belong together`},
		{"listeners add stun:127.0.0.1:0", 2, `cannot be added while the server runs`},
		{"listeners add turn:127.0.0.1:0", 2, `add --listen turn:127\.0\.0\.1:0 and start the server again`},
		{"listeners add", 2, `expected one PROTO:HOST:PORT`},
		{"listeners add nonsense", 2, `write PROTO:IP:PORT`},
		{"listeners add udp:192.0.2.77:5060", 1, `no interface of this machine has the address`},
		{"listeners remove udp:127.0.0.1:1", 1, `there is no such listener as udp:127\.0\.0\.1:1; there are udp:`},
		{"listeners remove udp:127.0.0.1:1 --drain soon", 2, `expected a time`},
		{"listeners remove udp:127.0.0.1:1 --drain 900h", 1, `from 0s to 24h`},
		{"listeners away", 2, `the commands are list, add, remove`},
	} {
		t.Run(row.words, func(t *testing.T) {
			var out bytes.Buffer
			env := environment{lookup: only("SIPSCRIPT_ADMIN", s.admin.Addr().String()), stdout: &out, stderr: &out}
			words := strings.Fields(strings.ReplaceAll(row.words, "LAST", last))
			if code := execute(append([]string{"sipscript"}, words...), env); code != row.code || !regexp.MustCompile(row.want).MatchString(out.String()) {
				t.Errorf("%d %s, want %d %s", code, &out, row.code, row.want)
			}
			if text, ok := strings.CutPrefix(out.String(), "listening "); ok {
				_, at, _ := strings.Cut(strings.TrimSpace(text), " ")
				last = at
			}
		})
	}
	for _, want := range []string{`request="POST /api/v1/listeners"`, `request="DELETE /api/v1/listeners`, "a listener was added", "a listener leaves", "listening tcp 127.0.0.1:"} {
		t.Run(want, func(t *testing.T) {
			if !strings.Contains(log.String(), want) {
				t.Errorf("it is not in the log: %s", log)
			}
		})
	}
	t.Run("the certificate that was added", func(t *testing.T) {
		for _, l := range s.engine.Locals() {
			if l.Kind != transport.TLS {
				continue
			}
			c, err := tls.Dial("tcp", l.Addr.String(), &tls.Config{InsecureSkipVerify: true})
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
		}
		if _, err := s.reload(t.Context()); err != nil { // which reads it again
			t.Error(err)
		}
	})
	t.Run("figures", func(t *testing.T) {
		res, err := http.Get("http://" + s.admin.Addr().String() + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if want := `sipscript_listeners{state="serving",transport="tls"} 1`; err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s is missing: %v", want, err)
		}
		if want := `sipscript_certificate_expiry_timestamp_seconds{file="` + cert + `"}`; !strings.Contains(string(text), want) {
			t.Errorf("%s is missing", want)
		}
	})
}

// A server that is about to stop opens nothing, and the last listener stays.
func TestListenersOfAServerThatDrains(t *testing.T) {
	s, _ := served(t)
	run := func(words string) string {
		var out bytes.Buffer
		execute(append([]string{"sipscript"}, strings.Fields(words)...), environment{lookup: only("SIPSCRIPT_ADMIN", s.admin.Addr().String()), stdout: &out, stderr: &out})
		return out.String()
	}
	if got := run("listeners remove udp:" + s.engine.Locals()[0].Addr.String()); !strings.Contains(got, "add another one first") {
		t.Error(got)
	}
	s.state.Store(draining)
	if got := run("listeners add udp:127.0.0.1:0"); !strings.Contains(got, "draining") {
		t.Error(got)
	}
	s.state.Store(serving)
}
