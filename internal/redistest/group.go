//go:build unix

package redistest

// This file runs several servers: a cluster, and a master whose replica takes over.

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/child"
)

// Node is a server on a port of this machine.
type Node struct {
	Addr string

	t     testing.TB
	cmd   *exec.Cmd
	ended <-chan error
	port  int
}

// node starts a server, which ends with the test. Ports are found free, and may be taken by
// somebody else a moment later: then another is tried.
func node(t testing.TB, args ...string) *Node {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("SIPSCRIPT_INTEROP") == "required" {
			t.Fatal("redis-server is required (SIPSCRIPT_INTEROP=required) and missing: install redis-server")
		}
		t.Skip("redis-server is missing: install redis-server (Debian) to run this test")
	}
	for range 10 {
		dir := t.TempDir()
		n := &Node{t: t, port: child.FreePort(t)}
		n.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(n.port))
		all := []string{"--port", strconv.Itoa(n.port), "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--cluster-port", strconv.Itoa(child.FreePort(t))}
		// Of a sentinel: the file comes first
		if len(args) > 0 && strings.HasSuffix(args[0], ".conf") {
			text, err := os.ReadFile(args[0])
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, "sentinel.conf")
			if err := os.WriteFile(file, fmt.Appendf(nil, "port %d\nbind 127.0.0.1\ndir %s\n%s", n.port, dir, text), 0o600); err != nil {
				t.Fatal(err)
			}
			all = append([]string{file}, args[1:]...)
		} else {
			all = append(all, args...)
		}
		n.cmd = exec.Command(path, all...)
		ended, err := child.Start(n.cmd)
		if err != nil {
			t.Fatal(err)
		}
		n.ended = ended
		if child.Listens(n.Addr, n.ended) {
			t.Cleanup(n.Kill)
			return n
		}
	}
	t.Fatal("no redis-server listens")
	return nil
}

// Kill ends the server at once. It may be called again.
func (n *Node) Kill() {
	if n.cmd != nil {
		_ = n.cmd.Process.Signal(syscall.SIGKILL)
		<-n.ended
		n.cmd = nil
	}
}

// cli runs a command of redis-cli and returns what it printed.
func (n *Node) cli(args ...string) string {
	n.t.Helper()
	path, err := exec.LookPath("redis-cli")
	if err != nil {
		n.t.Skip("redis-cli is missing: install redis-tools (Debian) to run this test")
	}
	out, err := exec.Command(path, append([]string{"-p", strconv.Itoa(n.port)}, args...)...).CombinedOutput()
	if err != nil {
		n.t.Fatalf("redis-cli %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// until waits for something that the servers settle among themselves.
func (n *Node) until(what string, ok func() bool) {
	n.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			n.t.Fatalf("%s: not within a minute", what)
		}
	}
}

// Forget has the server know no scripts, as after a start.
func (n *Node) Forget() { n.cli("script", "flush") }

// Cluster starts three masters that share the keys.
func Cluster(t testing.TB) []*Node {
	t.Helper()
	var nodes []*Node
	create := []string{"--cluster", "create"}
	for range 3 {
		n := node(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
		nodes = append(nodes, n)
		create = append(create, n.Addr)
	}
	nodes[0].cli(append(create, "--cluster-yes")...)
	for _, n := range nodes {
		n.until("the cluster", func() bool { return strings.Contains(n.cli("cluster", "info"), "cluster_state:ok") })
	}
	return nodes
}

// Sentinel starts a master with a replica, and a sentinel that lets the replica take over. The
// master is called "main".
func Sentinel(t testing.TB) (sentinel, master, replica *Node) {
	t.Helper()
	master = node(t)
	replica = node(t, "--replicaof", "127.0.0.1 "+strconv.Itoa(master.port))
	replica.until("the replica", func() bool { return strings.Contains(replica.cli("info", "replication"), "master_link_status:up") })
	file := filepath.Join(t.TempDir(), "s.conf")
	text := fmt.Sprintf("sentinel monitor main 127.0.0.1 %d 1\nsentinel down-after-milliseconds main 300\nsentinel failover-timeout main 2000\n", master.port)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinel = node(t, file, "--sentinel")
	sentinel.until("the sentinel", func() bool {
		return strings.Contains(sentinel.cli("sentinel", "replicas", "main"), strconv.Itoa(replica.port))
	})
	return sentinel, master, replica
}
