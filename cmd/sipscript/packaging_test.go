package main

// What helps those who install and type.

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"
)

func TestMeant(t *testing.T) {
	for _, row := range []struct {
		words string
		code  int
		want  string
	}{
		{"--version", 0, "sipscript "},
		{"relaod", 2, `unknown command "relaod"; did you mean reload? `},
		{"run --lisen udp:127.0.0.1:0", 2, "there is no flag --lisen; did you mean --listen?"},
		{"run --nothing-like-it", 2, "there is no flag --nothing-like-it; see"},
		{"completion", 2, "expected bash, zsh or fish"},
	} {
		t.Run(row.words, func(t *testing.T) {
			var out bytes.Buffer
			env := environment{lookup: only("", ""), stdout: &out, stderr: &out}
			if code := execute(append([]string{"sipscript"}, strings.Fields(row.words)...), env); code != row.code || !strings.Contains(out.String(), row.want) {
				t.Errorf("%d %s", code, &out)
			}
		})
	}
}

// The library's own help command contains itself once it has run.
func TestWordsEnd(t *testing.T) {
	help := &cli.Command{Name: "help"}
	help.Subcommands = []*cli.Command{help}
	words := shellWords([]*cli.Command{{Name: "acl", Subcommands: []*cli.Command{{Name: "block"}, help}}})
	if want := "map[:[acl] acl:[block help]]"; fmt.Sprint(words) != want {
		t.Errorf("%v", words)
	}
}

func TestMisspeltVariables(t *testing.T) {
	var out bytes.Buffer
	tellUnknown(lineTeller(&out, false), []string{"SIPSCRIPT_LISTEN=x", "SIPSCRIPT_LISEN=y", "SIPSCRIPT_ADMIN_TOKEN=z", "SIPSCRIPT_SOMETHING_ELSE_ALTOGETHER=1", "PATH=/bin"})
	if got := out.String(); got != "no setting is called SIPSCRIPT_LISEN; did you mean SIPSCRIPT_LISTEN?\n" {
		t.Error(got)
	}
}

func TestAdvertiseWithoutPort(t *testing.T) {
	for _, row := range []struct{ name, args, want string }{
		{"one listener", "-l udp:127.0.0.1:5070 --advertise udp:127.0.0.1=sip.example.com", "udp:127.0.0.1:5070=sip.example.com"},
		{"of each protocol", "-l udp:127.0.0.1:5070 -l tcp:127.0.0.1:5070 --advertise tcp:127.0.0.1=sip.example.com", "tcp:127.0.0.1:5070=sip.example.com"},
		{"IPv6", "-l udp:[::1]:5070 --advertise udp:[::1]=sip.example.com", "udp:[::1]:5070=sip.example.com"},
		{"two", "-l udp:127.0.0.1:5070 -l udp:127.0.0.1:5080 --advertise udp:127.0.0.1=sip.example.com", "there is no --listen udp:127.0.0.1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			set, err := parse(t, strings.Fields(row.args), nil, "")
			got := ""
			if err != nil {
				got = err.Error()
			} else {
				for listener, public := range set.advertise {
					got = listener + "=" + public
				}
			}
			if !strings.Contains(got, row.want) {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
}

// A real shell takes what we print, and completes by it.
func TestBashCompletion(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	var script bytes.Buffer
	if code := execute([]string{"sipscript", "completion", "bash"}, environment{stdout: &script, stderr: &script}); code != 0 {
		t.Fatal(script.String())
	}
	for line, want := range map[string]string{"sipscript relo": "reload", "sipscript acl bl": "block", "sipscript run --lis": "--listen", "sipscript acl block --tt": "--ttl"} {
		t.Run(line, func(t *testing.T) {
			words := strings.Fields(line)
			text := script.String() + "\nCOMP_WORDS=(" + line + ")\nCOMP_CWORD=" + string(rune('0'+len(words)-1)) + "\n_sipscript\necho \"${COMPREPLY[@]}\"\n"
			out, err := exec.Command(bash, "-c", "complete() { :; }\n"+text).CombinedOutput()
			if got := strings.TrimSpace(string(out)); err != nil || got != want {
				t.Errorf("%s %v, want %s", got, err, want)
			}
		})
	}
}

func TestSupervisor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	hear := func() string {
		b := make([]byte, 100)
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	variables := map[string]string{"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2000", "WATCHDOG_PID": "7"}
	lookup := func(name string) (string, bool) { v, ok := variables[name]; return v, ok }
	if s := newSupervisor(lookup, 8); s.interval != 0 {
		t.Error("it took another's watchdog for its own")
	}
	s := newSupervisor(lookup, 7)
	s.say("READY=1")
	if got := hear(); got != "READY=1" {
		t.Error(got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.watchdog(ctx, func(context.Context) bool { return true }) }()
	if got := hear(); got != "WATCHDOG=1" {
		t.Error(got)
	}
	cancel()
	<-done
	supervisor{}.say("READY=1") // nobody listens
}

// A server whose lanes work is alive.
func TestAlive(t *testing.T) {
	s, _ := served(t)
	if !s.alive(t.Context()) {
		t.Error("it is not alive")
	}
}

// systemd finds nothing wrong with the unit, and little that the service could do beyond its work.
func TestUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze: the unit was not checked")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"sipscript.service", "sipscript.socket"} {
		text, err := os.ReadFile("../../contrib/systemd/" + name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(string(text), "/usr/bin/sipscript", self)), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	unit := filepath.Join(dir, "sipscript.service")
	for name, args := range map[string][]string{"verify": {"verify", "--man=no", unit, filepath.Join(dir, "sipscript.socket")}, "security": {"security", "--offline=true", "--threshold=20", unit}} {
		t.Run(name, func(t *testing.T) {
			switch out, err := exec.Command(analyze, args...).CombinedOutput(); {
			case err != nil && (strings.Contains(string(out), "unrecognized option") || strings.Contains(string(out), "Unknown operation")):
				t.Skipf("this systemd-analyze can't: %s", out)
			case err != nil || name == "verify" && len(out) > 0:
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
