package interop

// Running sipp and reading what it counted.

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/child"
)

// sippOptions is one sipp process.
type sippOptions struct {
	scenario  string // of testdata, without .xml; with builtin, one that sipp brings along
	builtin   bool
	transport string // "udp", "tcp", or "tls" through a pipe
	tls       *tls.Config
	server    string   // host:port; "" for a callee
	port      int      // where it listens; 0 picks one
	calls     int      // 0: until the test ends
	rate      int      // calls a second, for a caller
	fields    []string // lines of the injection file, used in turn
	pause     time.Duration
	service   string // whom a caller of one user calls
	logs      bool   // what the scenario logs is in the file "log"
}

type sipp struct {
	t     *testing.T
	o     sippOptions
	cmd   *exec.Cmd
	dir   string
	pipe  string // a callee's address over TLS
	ended chan struct{}
	err   error // of the process; valid once ended is closed
}

// startSipp runs sipp; it ends by itself after its calls. A port that is taken before sipp has it
// costs another start with other ports.
func startSipp(t *testing.T, o sippOptions) *sipp {
	t.Helper()
	for range 5 {
		s := &sipp{t: t, o: o, dir: t.TempDir(), ended: make(chan struct{})}
		if s.o.port == 0 {
			s.o.port = child.FreePort(t)
		}
		if s.run(child.FreePort(t)) {
			return s
		}
	}
	t.Fatalf("sipp %s finds its ports taken again and again", o.scenario)
	return nil
}

// run starts the process with a port for remote control; false if one of its ports is taken.
func (s *sipp) run(control int) bool {
	s.t.Helper()
	server := s.o.server
	switch {
	case s.o.transport != "tls":
	case server == "":
		s.pipe = serverPipe(s.t, s.o.tls, s.addr())
	default:
		server = clientPipe(s.t, s.o.tls, server)
	}
	s.cmd = exec.Command(needSipp(s.t), s.args(server, control)...)
	s.cmd.Dir = s.dir
	wait, err := child.Start(s.cmd)
	if err != nil {
		s.t.Fatal(err)
	}
	go func() { s.err = <-wait; close(s.ended) }() // ends with the process
	s.t.Cleanup(func() {
		select {
		case <-s.ended:
		default:
			_ = s.cmd.Process.Kill()
			<-s.ended
		}
	})
	// The socket of remote control is the last that it opens, before it calls.
	if !s.bound("udp", control) {
		return false
	}
	return s.o.server != "" || s.bound(strings.Replace(s.o.transport, "tls", "tcp", 1), s.o.port)
}

// args are what the process is told.
func (s *sipp) args(server string, control int) []string {
	s.t.Helper()
	mode := map[string]string{"udp": "u1", "tcp": "t1", "tls": "t1"}[s.o.transport]
	args := append(s.scenario(), "-i", "127.0.0.1", "-bind_local", "-p", strconv.Itoa(s.o.port), "-cp", strconv.Itoa(control), "-mp", strconv.Itoa(child.FreePort(s.t)),
		"-t", mode, "-l", "100000", "-d", strconv.FormatInt(s.o.pause.Milliseconds(), 10), "-nostdin", "-buff_size", "4194304",
		"-timeout", "180s", "-timeout_error", "-trace_stat", "-stf", filepath.Join(s.dir, "stat.csv"), "-fd", "1", "-trace_err", "-error_file", filepath.Join(s.dir, "errors.log"))
	if s.o.calls > 0 {
		args = append(args, "-m", strconv.Itoa(s.o.calls))
	}
	if os.Getenv("SIPSCRIPT_SIPP_TRACE") != "" {
		args = append(args, "-trace_msg", "-message_file", filepath.Join(os.TempDir(), fmt.Sprintf("sipp-%s-%d.log", s.o.scenario, s.o.port)))
	}
	if s.o.service != "" {
		args = append(args, "-s", s.o.service)
	}
	if s.o.logs {
		args = append(args, "-trace_logs", "-log_file", filepath.Join(s.dir, "log"))
	}
	if server != "" {
		args = append(args, "-r", strconv.Itoa(s.o.rate), server)
	}
	if s.o.fields != nil {
		path := filepath.Join(s.dir, "fields.csv")
		if err := os.WriteFile(path, []byte("SEQUENTIAL\n"+strings.Join(s.o.fields, "\n")+"\n"), 0o600); err != nil {
			s.t.Fatal(err)
		}
		args = append(args, "-inf", path)
	}
	return args
}

// scenario names the file; over TLS it is a copy that says so (tlspipe_test.go).
func (s *sipp) scenario() []string {
	if s.o.builtin {
		return []string{"-sn", s.o.scenario}
	}
	path, err := filepath.Abs(filepath.Join("testdata", s.o.scenario+".xml"))
	if err != nil {
		s.t.Fatal(err)
	}
	if s.o.transport != "tls" {
		return []string{"-sf", path}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte("[local_ip]:[local_port];transport=[transport]"), []byte(s.addr()+";transport=tls"))
	path = filepath.Join(s.dir, s.o.scenario+".xml")
	if err := os.WriteFile(path, bytes.ReplaceAll(text, []byte("SIP/2.0/[transport]"), []byte("SIP/2.0/TLS")), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return []string{"-sf", path}
}

// bound waits until the process has the port, or is through with its calls; false if it ended
// because another one has a port of it.
func (s *sipp) bound(network string, port int) (ok bool) {
	s.t.Helper()
	want := fmt.Sprintf(":%04X ", port)
	eventually(s.t, "sipp listens", func() bool {
		select {
		case <-s.ended:
			ok = !strings.Contains(s.errors(), "Unable to bind")
			if ok && s.err != nil && s.o.server == "" { // a caller's end is judged by its figures
				s.t.Fatalf("%s ended: %v\n%s", s.o.scenario, s.err, s.errors())
			}
			return true
		default:
		}
		table, err := os.ReadFile("/proc/net/" + network)
		if err != nil {
			s.t.Fatal(err)
		}
		for line := range strings.SplitSeq(string(table), "\n") {
			f := strings.Fields(line)
			if len(f) > 9 && strings.HasSuffix(f[1]+" ", want) && (network == "udp" || f[3] == "0A") && s.owns(f[9]) {
				ok = true
			}
		}
		return ok
	})
	return ok
}

// owns reports whether a socket is the process's, and not that of whoever took its port.
func (s *sipp) owns(inode string) bool {
	dir := fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid)
	list, _ := os.ReadDir(dir) // none: it has ended
	return slices.ContainsFunc(list, func(e os.DirEntry) bool {
		to, _ := os.Readlink(filepath.Join(dir, e.Name()))
		return to == "socket:["+inode+"]"
	})
}

// addr is where the process listens.
func (s *sipp) addr() string {
	if s.pipe != "" {
		return s.pipe
	}
	return fmt.Sprintf("127.0.0.1:%d", s.o.port)
}

// wait waits for the end and requires all calls to have succeeded, with hardly a retransmission: on
// a machine that is busy with something else an answer may take the half second after which there
// is one.
func (s *sipp) wait() {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(200 * time.Second):
		s.t.Fatalf("sipp %s does not end\n%s", s.o.scenario, s.errors())
	}
	figures := s.figures()
	done, failed, again := figures["SuccessfulCall(C)"], figures["FailedCall(C)"], figures["Retransmissions(C)"]
	s.t.Logf("sipp %s over %s: %s calls succeeded, %s failed, %s retransmissions", s.o.scenario, s.o.transport, done, failed, again)
	if s.err != nil || done != strconv.Itoa(s.o.calls) || failed != "0" {
		s.t.Errorf("sipp %s: %v: %s of %d calls succeeded, %s failed\n%s", s.o.scenario, s.err, done, s.o.calls, failed, s.errors())
	}
	if n, err := strconv.Atoi(again); err != nil || n > s.o.calls/5 && !raceBuild() {
		s.t.Errorf("sipp %s retransmitted %s times", s.o.scenario, again)
	}
	if s.t.Failed() {
		s.t.FailNow() // whoever waits for the calls that failed would wait in vain
	}
}

// figures are the last line of the statistics by the names of the first.
func (s *sipp) figures() map[string]string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "stat.csv"))
	if err != nil {
		s.t.Fatalf("sipp %s: %v\n%s", s.o.scenario, err, s.errors())
	}
	rows := strings.Split(strings.TrimSpace(string(text)), "\n")
	names, values := strings.Split(rows[0], ";"), strings.Split(rows[len(rows)-1], ";")
	figures := map[string]string{}
	for i := range min(len(names), len(values)) {
		figures[names[i]] = values[i]
	}
	return figures
}

func (s *sipp) errors() string {
	text, err := os.ReadFile(filepath.Join(s.dir, "errors.log"))
	if err != nil {
		return "(sipp wrote no errors)"
	}
	return tail(string(text), 40)
}

// users are lines for register.xml and caller.xml: n users with one contact each.
func users(n int, contact, transport string) (fields []string) {
	for i := range n {
		fields = append(fields, fmt.Sprintf("user%05d;%s;%s", i, contact, transport))
	}
	return fields
}

// A port that somebody took meanwhile is seen, so that startSipp looks for others.
func TestPortsOfSippAreTaken(t *testing.T) {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	taken := c.LocalAddr().(*net.UDPAddr).Port
	for _, row := range []struct {
		name          string
		port, control int
		want          bool
	}{
		{"its own", taken, child.FreePort(t), false},
		{"remote control", child.FreePort(t), taken, false},
		{"neither", child.FreePort(t), child.FreePort(t), true},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := &sipp{t: t, o: sippOptions{scenario: "callee", transport: "udp", port: row.port}, dir: t.TempDir(), ended: make(chan struct{})}
			if got := s.run(row.control); got != row.want {
				t.Errorf("%v %s", got, s.errors())
			}
		})
	}
}
