package interop

// linphone's console program as a phone: it registers, publishes, watches, writes and calls.

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/child"
)

// linphone is a linphonec, whose commands come on its standard input.
type linphone struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *lines
	ended chan struct{} // closed when the process has been waited for
}

// linphoneConfig is that of a user with a friend. Port 0 is no port at all: -1 takes any. It knows
// its network's state by a service that isn't here; and it wants no sound devices.
const linphoneConfig = `[sip]
sip_port=-1
sip_tcp_port=-1
sip_tls_port=0
register_only_when_network_is_up=0
use_ipv6=0
guess_hostname=0
default_proxy=0
contact=<sip:%[1]s@127.0.0.1>
[proxy_0]
reg_proxy=<sip:%[3]s;transport=udp>
reg_route=<sip:%[3]s;lr>
reg_identity=sip:%[1]s@example.com
reg_expires=600
reg_sendregister=1
publish=1
[friend_0]
url=<sip:%[2]s@example.com>
pol=accept
subscribe=1
[rtp]
audio_rtp_port=-1
`

// startLinphone runs a user's phone, with a home of its own.
func startLinphone(t *testing.T, s *server, user, friend string) *linphone {
	t.Helper()
	path, err := exec.LookPath("linphonec")
	switch {
	case err == nil:
	case os.Getenv("SIPSCRIPT_INTEROP") == "required":
		t.Fatal("linphonec is required (SIPSCRIPT_INTEROP=required) and missing: install linphone-cli")
	default:
		t.Skip("linphonec is missing: install linphone-cli (Debian) to run this test")
	}
	home := t.TempDir()
	config := filepath.Join(home, "linphonerc")
	if err := os.WriteFile(config, fmt.Appendf(nil, linphoneConfig, user, friend, s.addrs["udp"]), 0o600); err != nil {
		t.Fatal(err)
	}
	// Of its messages
	if err := os.MkdirAll(filepath.Join(home, ".local", "share", "linphone"), 0o700); err != nil {
		t.Fatal(err)
	}
	p := &linphone{t: t, out: newLines(), ended: make(chan struct{})}
	p.cmd = exec.Command(path, "-c", config)
	p.cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME=", "XDG_DATA_HOME=")
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	wait, err := child.Start(p.cmd)
	if err != nil {
		t.Fatal(err)
	}
	go func() { <-wait; close(p.ended) }() // ends with the process
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("%s's linphone:\n%s", user, p.out.text())
		}
	})
	p.does("soundcard use files")
	return p
}

// does has a command done.
func (p *linphone) does(command string) {
	p.t.Helper()
	if _, err := io.WriteString(p.in, command+"\n"); err != nil {
		p.t.Fatalf("linphone: %s: %v", command, err)
	}
}

// says waits for a line, of those from number from on, with all of the parts.
func (p *linphone) says(from int, parts ...string) {
	p.t.Helper()
	if _, ok := p.out.awaitOr(p.ended, from, parts...); !ok {
		p.t.Fatalf("linphone does not say %q", strings.Join(parts, " … "))
	}
}

// quit ends it, and takes back what it registered, published and watches.
func (p *linphone) quit() {
	p.t.Helper()
	p.does("quit")
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatal("linphone does not end")
	}
}

// Two linphones see each other come and go, write, and call; what is written to one that is away
// comes when it is back. Their Contacts are the GRUUs that they were given.
func TestLinphone(t *testing.T) {
	if raceBuild() {
		return // once is enough
	}
	s := start(t, script(t, socialScript))
	alice := startLinphone(t, s, "alice", "bob")
	alice.says(0, `"bob"`, "is Offline")
	bob := startLinphone(t, s, "bob", "alice")
	alice.says(0, `"bob"`, "is Online")
	bob.says(0, `"alice"`, "is Online")

	alice.does(`chat sip:bob@example.com "hello"`)
	bob.says(0, "Message received from sip:alice@example.com", "hello")

	alice.does("call sip:bob@example.com")
	bob.says(0, "incoming call from sip:alice@example.com")
	alice.says(0, "ringing")
	bob.does("answer 1")
	for _, p := range []*linphone{alice, bob} {
		p.says(0, "Media streams established")
	}
	alice.does("terminate")
	bob.says(0, "Call 1 with sip:alice@example.com ended")

	if n := s.metric("sipscript_presence_notifies_failed_total"); n != 0 {
		t.Errorf("%v NOTIFYs were not answered 2xx", n)
	}
	// It ends its subscription, and does not wait for the last NOTIFY
	from := alice.out.count()
	bob.quit()
	alice.says(from, `"bob"`, "is Offline")
	alice.does(`chat sip:bob@example.com "later"`)
	eventually(t, "the message is kept", func() bool { return s.metric("sipscript_messages_stored_total") == 1 })
	from = alice.out.count()
	bob = startLinphone(t, s, "bob", "alice")
	bob.says(0, "Message received from sip:alice@example.com", "later")
	alice.says(from, `"bob"`, "is Online")
}
