package interop

// HEP as a decoder of Homer's makers reads it.

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/ring"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/internal/child"
	"github.com/sipscript/sipscript/ops/hep"
)

func TestHEP(t *testing.T) {
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(npmModules, "hep-js"))
	}
	switch {
	case err == nil:
	case os.Getenv("SIPSCRIPT_INTEROP") == "required":
		t.Fatalf("hep-js is required (SIPSCRIPT_INTEROP=required), run make browsers: %v", err)
	default:
		t.Skipf("no hep-js: make browsers installs it: %v", err)
	}
	modules, err := filepath.Abs(npmModules)
	if err != nil {
		t.Fatal(err)
	}
	const text = "OPTIONS sip:bob@example.com SIP/2.0\r\nCall-ID: a@b\r\nContent-Length: 0\r\n\r\n"
	at := time.Unix(1_800_000_000, 123456000)
	there4, here4 := "192.0.2.7:5070", "192.0.2.1:5060"
	there6, here6 := "[2001:db8::7]:5070", "[2001:db8::1]:5061"
	v4 := map[string]any{"protocolFamily": 2., "srcIp": "192.0.2.7", "dstIp": "192.0.2.1", "srcPort": 5070., "dstPort": 5060.}
	// The addresses of IPv6 it leaves out (findings/hep-js-ipv6.sh): Kamailio reads them, below
	v6 := map[string]any{"protocolFamily": 10., "srcPort": 5070., "dstPort": 5061.}
	for _, c := range []struct {
		name, peer, local string
		transport         transport.Kind
		kind              ring.Kind
		protocol          float64
		want              map[string]any
	}{
		{"IPv4", there4, here4, transport.UDP, ring.Received, 17, v4},
		{"sent", here4, there4, transport.UDP, ring.Sent, 17, v4},
		{"over TCP", there4, here4, transport.TCP, ring.Received, 6, v4},
		{"over TLS", there4, here4, transport.TLS, ring.Received, 6, v4},
		{"over WSS", there4, here4, transport.WSS, ring.Received, 6, v4},
		{"IPv6", there6, here6, transport.UDP, ring.Received, 17, v6},
		{"IPv6 over TCP", there6, here6, transport.TCP, ring.Received, 6, v6},
		{"IPv6 over TLS", there6, here6, transport.TLS, ring.Received, 6, v6},
		{"IPv6 over TLS, sent", here6, there6, transport.TLS, ring.Sent, 6, v6},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &ring.Record{Kind: c.kind, At: at, Transport: c.transport, Peer: netip.MustParseAddrPort(c.peer), Local: netip.MustParseAddrPort(c.local), Text: []byte(text)}
			packet := hep.Append(nil, r, &ring.Call{ID: "a@b"}, 2001)
			cmd := exec.Command(node, "-e", `console.log(JSON.stringify(require("hep-js").decapsulate(Buffer.from(process.argv[1], "hex"))))`, hex.EncodeToString(packet))
			cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			var got struct {
				Info    map[string]any `json:"rcinfo"`
				Payload string         `json:"payload"`
			}
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			want := map[string]any{"timeSeconds": 1.8e9, "timeUseconds": 123456., "payloadType": 1., "captureId": 2001., "correlation_id": "a@b", "protocol": c.protocol}
			for k, v := range c.want {
				want[k] = v
			}
			for k, v := range want {
				if x, ok := got.Info[k]; !ok || x != v {
					t.Errorf("%s is %v, want %v", k, x, v)
				}
			}
			if !strings.HasPrefix(got.Payload, "OPTIONS") || got.Payload != text {
				t.Errorf("%q", got.Payload)
			}
			if t.Failed() {
				t.Logf("%s", out)
			}
		})
	}
}

// kamailioReads is a configuration that tells what a HEP packet says of the message in it.
const kamailioReads = `debug=-1
log_stderror=yes
children=1
disable_tcp=yes
auto_aliases=no
loadmodule "pv.so"
loadmodule "xlog.so"
loadmodule "sl.so"
loadmodule "textops.so"
loadmodule "db_text.so"
loadmodule "sipcapture.so"
modparam("sipcapture", "db_url", "text://{DIR}")
modparam("sipcapture", "capture_on", 1)
modparam("sipcapture", "hep_capture_on", 1)
modparam("sipcapture", "table_name", "sip_capture")
listen=udp:127.0.0.1:{PORT}
request_route {
  xlog("L_ALERT", "captured $rm of $ci from [$si]:$sp by $proto\n");
  drop;
}
`

// TestHEPOfKamailio has another capture server read packets: it takes the messages in them for its
// own.
func TestHEPOfKamailio(t *testing.T) {
	needKamailio(t)
	dir, port := t.TempDir(), fmt.Sprint(child.FreePort(t))
	conf := filepath.Join(dir, "kamailio.cfg")
	text := strings.NewReplacer("{DIR}", dir, "{PORT}", port).Replace(kamailioReads)
	if err := errors.Join(os.WriteFile(conf, []byte(text), 0o600), os.WriteFile(filepath.Join(dir, "version"), []byte("table_name(string) table_version(int)\nsip_capture:4\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("kamailio", "-DD", "-E", "-f", conf, "-m", "32", "-M", "4")
	out := newLines()
	cmd.Stderr, cmd.Stdout, cmd.WaitDelay = out, out, time.Second
	wait, err := child.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { <-wait; close(ended) }() // ends with the process
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); <-ended })
	if _, ok := out.awaitOr(ended, 0, "Aliases:"); !ok {
		t.Fatalf("kamailio does not start:\n%s", out.text())
	}
	to, err := net.Dial("udp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	for i, c := range []struct {
		transport transport.Kind
		peer      string
		kind      ring.Kind
		want      string
	}{
		{transport.UDP, "192.0.2.7:5070", ring.Received, "from [192.0.2.7]:5070 by udp"},
		{transport.TCP, "192.0.2.7:5070", ring.Received, "from [192.0.2.7]:5070 by tcp"},
		{transport.UDP, "[2001:db8::7]:5070", ring.Received, "from [2001:db8::7]:5070 by udp"},
		{transport.TCP, "[2001:db8::7]:5070", ring.Received, "from [2001:db8::7]:5070 by tcp"},
		{transport.TLS, "[2001:db8::7]:5071", ring.Received, "from [2001:db8::7]:5071 by tcp"},
		{transport.TLS, "[2001:db8::7]:5071", ring.Sent, "from [2001:db8::1]:5061 by tcp"},
		{transport.WSS, "[2001:db8::7]:5072", ring.Received, "from [2001:db8::7]:5072 by tcp"},
	} {
		t.Run(fmt.Sprintf("%s by %v, %v", c.peer, c.transport, c.kind), func(t *testing.T) {
			peer, local := netip.MustParseAddrPort(c.peer), netip.MustParseAddrPort("[2001:db8::1]:5061")
			if peer.Addr().Is4() {
				local = netip.MustParseAddrPort("192.0.2.1:5060")
			}
			id := fmt.Sprintf("call%d@example.com", i)
			text := "OPTIONS sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: " + id + "\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
			r := &ring.Record{Kind: c.kind, At: time.Unix(1_800_000_000, 0), Transport: c.transport, Peer: peer, Local: local, Text: []byte(text)}
			packet := hep.Append(nil, r, &ring.Call{ID: id}, 2001)
			eventually(t, c.want, func() bool { // it says that it listens before it does
				_, _ = to.Write(packet)
				return strings.Contains(out.text(), "captured OPTIONS of "+id)
			})
			line, ok := out.awaitOr(ended, 0, "captured OPTIONS of "+id)
			if !ok || !strings.Contains(line, c.want) {
				t.Errorf("%s by %v: %q, want %q\n%s", c.peer, c.transport, line, c.want, out.text())
			}
		})
	}
}
