//go:build unix

// Package rtpenginetest starts real rtpengine daemons for tests, in userspace.
package rtpenginetest

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sipscript/sipscript/internal/child"
)

// Daemon is one that runs. It ends with the test.
type Daemon struct {
	UDP, TCP, WS string // where it takes commands: URIs

	t     testing.TB
	cmd   *exec.Cmd
	ended <-chan error
	args  []string
}

// Start starts a daemon with more arguments. Its media ports are on 127.0.0.1. A test is skipped
// without Debian's package rtpengine-daemon, or fails if SIPSCRIPT_INTEROP=required.
func Start(t testing.TB, args ...string) *Daemon {
	t.Helper()
	path, err := exec.LookPath("rtpengine")
	if err != nil {
		if os.Getenv("SIPSCRIPT_INTEROP") == "required" {
			t.Fatal("rtpengine is required (SIPSCRIPT_INTEROP=required) and missing: install rtpengine-daemon")
		}
		t.Skip("rtpengine is missing: install rtpengine-daemon (Debian) to run this test")
	}
	for range 10 {
		ng, tcp, web, media := child.FreePort(t), child.FreePort(t), child.FreePort(t), child.FreePort(t)
		low := 33000 + media%20000/2*2
		d := &Daemon{t: t, UDP: at("udp:", ng), TCP: at("tcp:", tcp), WS: at("ws://", web) + "/ws"}
		d.args = append([]string{path, "--foreground", "--log-stderr", "--log-level=3", "--table=-1", "--config-file=none", "--interface=127.0.0.1",
			"--listen-ng=127.0.0.1:" + strconv.Itoa(ng), "--listen-tcp-ng=127.0.0.1:" + strconv.Itoa(tcp), "--listen-http=127.0.0.1:" + strconv.Itoa(web),
			"--port-min=" + strconv.Itoa(low), "--port-max=" + strconv.Itoa(low+2000), "--num-threads=2"}, args...)
		if d.run() {
			t.Cleanup(d.Kill)
			return d
		}
	}
	t.Fatal("rtpengine does not start")
	return nil
}

func at(scheme string, port int) string { return fmt.Sprintf("%s127.0.0.1:%d", scheme, port) }

// run starts the process and waits until it listens; false if it ended.
func (d *Daemon) run() bool {
	d.cmd = exec.Command(d.args[0], d.args[1:]...)
	ended, err := child.Start(d.cmd)
	if err != nil {
		d.t.Fatal(err)
	}
	d.ended = ended
	// It opens one port after the other
	web := strings.TrimSuffix(strings.TrimPrefix(d.WS, "ws://"), "/ws")
	return child.Listens(d.TCP[len("tcp:"):], ended) && child.Listens(web, ended)
}

// Again starts a daemon that was killed, with the same ports.
func (d *Daemon) Again() {
	d.t.Helper()
	if !d.run() {
		d.t.Fatal("rtpengine does not start again")
	}
}

// Kill ends the daemon at once. It may be called again.
func (d *Daemon) Kill() {
	if d.cmd != nil {
		_ = d.cmd.Process.Signal(syscall.SIGKILL)
		<-d.ended
		d.cmd = nil
	}
}

// Stop has the daemon stand still, as one that hangs; Continue has it go on.
func (d *Daemon) Stop() { _ = d.cmd.Process.Signal(syscall.SIGSTOP) }

// Continue is the end of Stop.
func (d *Daemon) Continue() { _ = d.cmd.Process.Signal(syscall.SIGCONT) }
