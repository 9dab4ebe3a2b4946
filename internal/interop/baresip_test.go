package interop

// Running baresip, a phone in C: its configuration, its commands on standard input, and what it
// prints.

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/child"
)

// needBaresip skips the test where baresip is missing, and fails it where that is not an excuse.
func needBaresip(t *testing.T) (path, modules string) {
	t.Helper()
	path, err := exec.LookPath("baresip")
	found, _ := filepath.Glob("/usr/lib/baresip/modules/menu.so") // where Debian puts them
	switch {
	case err == nil && len(found) > 0:
		return path, filepath.Dir(found[0])
	case os.Getenv("SIPSCRIPT_INTEROP") == "required":
		t.Fatal("baresip is required (SIPSCRIPT_INTEROP=required) and missing: install baresip-core")
	default:
		t.Skip("baresip is missing: install baresip-core (Debian) to run this test")
	}
	return "", ""
}

type baresip struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *lines
	ended chan struct{} // closed when the process has been waited for
	// account is the line of its account, with its end
	account string
}

// startBaresip runs a phone of user@example.com that sends everything to the server over the
// transport. It is given the authorities in the file ca; version 1.0.0 loads them but takes any
// certificate. It has no sound devices: what it hears it says. It ends with the test.
func startBaresip(t *testing.T, s *server, transport, user, ca string) *baresip {
	t.Helper()
	return startBaresipWith(t, s, transport, user, ca, "")
}

// startBaresipWith adds parameters to its account: ";auth_pass=…".
func startBaresipWith(t *testing.T, s *server, transport, user, ca, params string) *baresip {
	t.Helper()
	return startBaresipAt(t, place{"", "127.0.0.1"}, s.addrs[transport], transport, user, ca, params)
}

// place is where a phone runs: a network namespace, "" for that of the test, and its address there.
type place struct{ namespace, ip string }

// startBaresipAt runs a phone elsewhere; proxy is the server's host:port, and more are modules that
// it loads too: "srtp"; with "ausine" it says a tone instead, as the bridge falls silent after a
// hold. One that begins with a quote is a contact of its user.
func startBaresipAt(t *testing.T, at place, proxy, transport, user, ca, params string, more ...string) *baresip {
	t.Helper()
	path, modules := needBaresip(t)
	dir := t.TempDir()
	config := fmt.Sprintf(`sip_listen %s:0
sip_cafile %s
net_interface %s
audio_source aubridge,none
audio_player aubridge,none
audio_alert aubridge,none
audio_path %s
statmode_default off
module_path %s
module stdio.so
module g711.so
module aubridge.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
`, at.ip, ca, at.ip, dir, modules)
	contacts := ""
	for _, name := range more {
		if strings.HasPrefix(name, "\"") {
			contacts += name + "\n"
			continue
		}
		if name == "ausine" {
			config = strings.Replace(config, "audio_source aubridge,none", "ausrc_srate 48000\nausrc_channels 2\naudio_source ausine,440", 1)
		}
		config += "module " + name + ".so\n"
	}
	account := fmt.Sprintf("<sip:%s@example.com;transport=%s>;outbound=\"sip:%s;transport=%s\";regint=600;answermode=manual%s\n", user, transport, proxy, transport, params)
	for name, text := range map[string]string{"config": config, "accounts": account, "contacts": contacts} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
	b := &baresip{t: t, out: newLines(), ended: make(chan struct{}), account: account}
	b.cmd = exec.Command(path, "-f", dir)
	if at.namespace != "" {
		b.cmd = in(at.namespace, path, "-f", dir)
	}
	b.cmd.Stdout, b.cmd.Stderr = b.out, b.out
	var err error
	if b.in, err = b.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	wait, err := child.Start(b.cmd)
	if err != nil {
		t.Fatal(err)
	}
	go func() { <-wait; close(b.ended) }() // ends with the process
	t.Cleanup(b.stop)
	return b
}

// stop ends the process, which takes its registration back first.
func (b *baresip) stop() {
	_ = b.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-b.ended:
	case <-time.After(patience):
		_ = b.cmd.Process.Kill()
		<-b.ended
		b.t.Error("baresip did not end by itself")
	}
	if b.t.Failed() {
		b.t.Logf("baresip's output:\n%s", tail(b.out.text(), 60))
	}
}

// command has a long command of its menu done: "/dial …".
func (b *baresip) command(text string) {
	b.t.Helper()
	if _, err := io.WriteString(b.in, "/"+text+"\n"); err != nil {
		b.t.Fatalf("baresip: %s: %v", text, err)
	}
}

// says waits for a line, of those from number from on, with all of the parts.
func (b *baresip) says(from int, parts ...string) {
	b.t.Helper()
	if _, ok := b.out.awaitOr(b.ended, from, parts...); !ok {
		b.t.Fatalf("baresip does not say %q", strings.Join(parts, " … "))
	}
}
