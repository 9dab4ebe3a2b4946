//go:build unix

package passport_test

// Kamailio's module secsipid signs for us and verifies ours.

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/child"
	"github.com/sipscript/sipscript/modules/stir/passport"
)

const kamailioScript = `
debug=0
log_stderror=yes
fork=no
children=1
listen=udp:127.0.0.1:%[1]d
loadmodule "pv.so"
loadmodule "sl.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "secsipid.so"
modparam("secsipid", "expire", 60)
request_route {
  if (is_present_hf("Identity")) {
    if (secsipid_check_identity("%[2]s/public.pem")) { sl_send_reply("200", "right"); } else { sl_send_reply("438", "wrong"); }
    exit;
  }
  secsipid_build_identity("$fU", "$rU", "A", "", "https://cert.example.org/a.pem", "%[2]s/key.pem");
  append_to_reply("X-Identity: $secsipid(val)\r\n");
  sl_send_reply("200", "OK");
}
`

func TestKamailio(t *testing.T) {
	path, err := exec.LookPath("kamailio")
	if found, _ := filepath.Glob("/usr/lib/*/kamailio/modules/secsipid.so"); err != nil || found == nil {
		t.Skip("needs kamailio with its module secsipid: apt-get install kamailio kamailio-secsipid-modules")
	}
	dir, port := t.TempDir(), child.FreePort(t)
	key := keyOf(rfcKey)
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, text []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("key.pem", []byte(rfcKey+"\n"))
	write("public.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
	write("kamailio.cfg", fmt.Appendf(nil, kamailioScript, port, dir))
	cmd := exec.Command(path, "-f", filepath.Join(dir, "kamailio.cfg"), "-DD", "-E", "-m", "16", "-M", "4", "-Y", dir)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.WaitDelay = 5 * time.Second // for its children, who have the log too
	result, err := child.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { err = <-result; close(ended) }() // ends with the process
	defer func() { _ = cmd.Process.Signal(syscall.SIGTERM); <-ended }()
	conn, dialled := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", port))
	if dialled != nil {
		t.Fatal(dialled)
	}
	defer conn.Close()
	n := 0
	ask := func(header string) string {
		t.Helper()
		n++
		text := fmt.Sprintf("OPTIONS sip:4930123457@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%d\r\nFrom: <sip:4930123456@a>;tag=1\r\nTo: <sip:4930123457@b>\r\nCall-ID: %d\r\n"+
			"CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n%sContent-Length: 0\r\n\r\n", conn.LocalAddr(), n, n, header)
		b := make([]byte, 8<<10)
		for range 200 { // it starts
			if _, err := conn.Write([]byte(text)); err != nil {
				continue // an ICMP error of the one before
			}
			_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
			if k, err := conn.Read(b); err == nil {
				return string(b[:k])
			}
			select {
			case <-ended:
				t.Skipf("kamailio does not run here: %v\n%s", err, log.String())
			case <-time.After(50 * time.Millisecond): // a refusal comes at once
			}
		}
		t.Fatalf("kamailio does not answer\n%s", log.String())
		return ""
	}
	theirs := ask("")
	_, theirs, _ = strings.Cut(theirs, "X-Identity: ")
	theirs, _, _ = strings.Cut(theirs, "\r\n")
	p := passport.Policy{MaxAge: time.Minute, AnyNumber: true, Certificate: func(string) (*passport.Certificate, error) {
		return &passport.Certificate{Key: &key.PublicKey, NotBefore: now, NotAfter: time.Now().AddDate(1, 0, 0)}, nil
	}}
	r := passport.Request{Orig: passport.Identity{TN: "4930123456"}, To: passport.Identity{TN: "4930123457"}}
	r.Read([][]byte{[]byte(theirs)})
	v, err := p.Verify(&r, time.Now())
	if err != nil || v.Token.Claims.Attest != "A" || v.Token.Claims.OrigID == "" {
		t.Errorf("%v\n%s", err, theirs)
	}
	for want, at := range map[string]time.Time{"SIP/2.0 200 right": time.Now(), "SIP/2.0 438 wrong": time.Now().Add(-time.Hour)} {
		t.Run(want, func(t *testing.T) {
			token := passport.Token{Type: passport.Shaken, X5U: "https://cert.example.org/a.pem", Claims: passport.Claims{Attest: "B", OrigID: "3a47ca23-d7ab-446b-821d-33d5deedbed4",
				IssuedAt: at.Unix(), Orig: r.Orig, Dest: passport.To(r.To)}}
			ours, err := token.Sign(key, passport.Full)
			if err != nil {
				t.Fatal(err)
			}
			if got := ask("Identity: " + ours + "\r\n"); !strings.HasPrefix(got, want) {
				t.Errorf("%s\n%s", got, ours)
			}
		})
	}
}
