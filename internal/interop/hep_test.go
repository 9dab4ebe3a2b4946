package interop

// HEP as a decoder of Homer's makers reads it.

import (
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/ring"
	"github.com/sipscript/sipscript/engine/transport"
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
	for _, c := range []struct {
		name, peer, local string
		kind              ring.Kind
		want              map[string]any
	}{
		{"IPv4", "192.0.2.7:5070", "192.0.2.1:5060", ring.Received, map[string]any{"srcIp": "192.0.2.7", "dstIp": "192.0.2.1", "srcPort": 5070., "dstPort": 5060.}},
		{"sent", "192.0.2.7:5070", "192.0.2.1:5060", ring.Sent, map[string]any{"srcIp": "192.0.2.1", "dstIp": "192.0.2.7", "srcPort": 5060., "dstPort": 5070.}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &ring.Record{Kind: c.kind, At: at, Transport: transport.UDP, Peer: netip.MustParseAddrPort(c.peer), Local: netip.MustParseAddrPort(c.local), Text: []byte(text)}
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
			want := map[string]any{"timeSeconds": 1.8e9, "timeUseconds": 123456., "payloadType": 1., "captureId": 2001., "correlation_id": "a@b", "protocolFamily": 2., "protocol": 17.}
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
