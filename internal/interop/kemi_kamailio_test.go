package interop

// Kamailio, started with a KEMI script.

import (
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/sipscript/sipscript/internal/child"
)

// Kamailio's own files, where Debian puts them.
const (
	stockDir  = "/usr/share/doc/kamailio/examples/kemi/"
	tablesDir = "/usr/share/kamailio/db_sqlite/"
)

// replacements are what differs from the stock kamailio-basic-kemi.cfg: where the script is, one
// worker, so that messages are dealt with one after another, and the socket of a media proxy that
// there is not.
var replacements = [][2]string{
	{`modparam("app_lua", "load", "/usr/local/etc/kamailio/kamailio-basic-kemi-lua.lua")`, `modparam("app_lua", "load", "{DIR}/kamailio-basic-kemi-lua.lua")`},
	{"children=2", "children=1\ndisable_tcp=yes\nauto_aliases=no\nalias=\"example.com\"\ndebug=-1\nmemlog=9"},
	{"debug=2\nlog_stderror=no", "log_stderror=yes"},
	{"\nmemdbg=5\nmemlog=5", ""},
	{"loadmodule \"rtpproxy.so\"\n", ""},
	{"modparam(\"rtpproxy\", \"rtpproxy_sock\", \"udp:127.0.0.1:7722\")\n", ""},
	{`modparam("nathelper", "natping_interval", 30)`, `modparam("nathelper", "natping_interval", 0)`},
}

// localConfig is the file that the stock configuration reads first.
const localConfig = `#!define WITH_CFGLUA
#!define DBURL "sqlite:///{DIR}/kamailio.db"
loadmodule "db_sqlite.so"
`

// users of the database, with their passwords.
var kemiUsers = [][2]string{{"alice", "secret"}, {"bob", "secret"}, {"carol", "secret"}, {"dave", "secret"}}

// needKamailio skips the test where Kamailio is missing, and fails it where that is not an excuse.
func needKamailio(t *testing.T) {
	t.Helper()
	missing := func(format string, args ...any) {
		t.Helper()
		if os.Getenv("SIPSCRIPT_INTEROP") == "required" {
			t.Fatalf(format, args...)
		}
		t.Skipf(format, args...)
	}
	if _, err := exec.LookPath("kamailio"); err != nil {
		missing("kamailio is missing: install kamailio kamailio-lua-modules kamailio-sqlite-modules kamailio-mysql-modules to run this test")
	}
	for _, m := range []string{"app_lua", "db_sqlite", "db_mysql"} {
		if found, _ := filepath.Glob("/usr/lib/*/kamailio/modules/" + m + ".so"); len(found) == 0 {
			missing("Kamailio's module %s is missing: install kamailio-lua-modules kamailio-sqlite-modules kamailio-mysql-modules to run this test", m)
		}
	}
	for _, f := range []string{stockDir + "kamailio-basic-kemi-lua.lua", stockDir + "kamailio-basic-kemi.cfg", tablesDir + "standard-create.sql"} {
		if _, err := os.Stat(f); err != nil {
			t.Skipf("this system leaves out the documentation of packages, and the stock script with it: %v", err)
		}
	}
}

// stockFiles writes the stock configuration and script, and the database, into a new directory.
func stockFiles(t *testing.T) (config string) {
	t.Helper()
	dir := t.TempDir()
	read := func(name string) string {
		text, err := os.ReadFile(stockDir + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	text := read("kamailio-basic-kemi.cfg")
	for _, r := range replacements {
		if strings.Count(text, r[0]) != 1 {
			t.Fatalf("the stock configuration is another one: %q is not there once", r[0])
		}
		text = strings.Replace(text, r[0], r[1], 1)
	}
	config = filepath.Join(dir, "kamailio.cfg")
	writeFiles(t, dir, map[string]string{
		"kamailio.cfg": text, "kamailio-local.cfg": localConfig, "kamailio-basic-kemi-lua.lua": read("kamailio-basic-kemi-lua.lua"),
	})
	makeTables(t, filepath.Join(dir, "kamailio.db"))
	return config
}

// writeFiles writes files into a directory, whose name stands in them as {DIR}.
func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(text, "{DIR}", dir)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// makeTables makes the tables that Kamailio's packages describe, with users and a trusted address.
func makeTables(t *testing.T, path string, more ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var statements []string
	for _, name := range []string{"standard", "auth_db", "permissions", "usrloc", "acc"} {
		text, err := os.ReadFile(tablesDir + name + "-create.sql")
		if err != nil {
			t.Fatal(err)
		}
		statements = append(statements, strings.Split(string(text), ";\n")...)
	}
	for _, table := range []string{"acc", "missed_calls"} {
		for _, column := range []string{"src_user", "src_domain", "src_ip", "dst_ouser", "dst_user", "dst_domain"} {
			statements = append(statements, "ALTER TABLE "+table+" ADD COLUMN "+column+" VARCHAR(128) NOT NULL DEFAULT ''")
		}
	}
	for _, u := range kemiUsers {
		statements = append(statements, fmt.Sprintf("INSERT INTO subscriber (username, domain, password) VALUES ('%s', 'example.com', '%s')", u[0], u[1]))
	}
	statements = append(statements, "INSERT INTO address (grp, ip_addr, mask, port) VALUES (1, '"+trunkAddress+"', 32, 0)")
	for _, s := range slices.Concat([]string{"PRAGMA journal_mode=WAL", "PRAGMA synchronous=OFF"}, statements, more) {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// kamailio starts one with a configuration and returns its address. A port that is taken before it
// has it costs another start.
func kamailio(t *testing.T, config string) string {
	t.Helper()
	dir := filepath.Dir(config)
	for range 5 {
		addr := fmt.Sprintf("127.0.0.1:%d", child.FreePort(t))
		cmd := exec.Command("kamailio", "-DD", "-E", "-m", "64", "-M", "8", "-w", dir, "-Y", dir, "-l", "udp:"+addr, "-l", fmt.Sprintf("udp:%s:%d", trunkAddress, child.FreePort(t)), "-f", config)
		out := newLines()
		cmd.Stdout, cmd.Stderr = out, out
		wait, err := child.Start(cmd)
		if err != nil {
			t.Fatal(err)
		}
		up, failed := answers(t, addr, wait)
		if up {
			t.Cleanup(func() {
				_ = cmd.Process.Signal(syscall.SIGTERM) // it ends its workers
				<-wait
				if t.Failed() {
					t.Logf("kamailio:\n%s", tail(out.text(), 30))
				}
			})
			return addr
		}
		_ = cmd.Process.Kill()
		t.Logf("kamailio did not start: %v\n%s", failed, tail(out.text(), 10))
	}
	t.Fatal("kamailio does not start")
	return ""
}

// answers waits until a server answers over UDP, or has ended.
func answers(t *testing.T, addr string, ended <-chan error) (up bool, failed error) {
	t.Helper()
	c, err := net.Dial("udp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	buf := make([]byte, 2048)
	for i := range 1200 {
		select {
		case err := <-ended:
			return false, fmt.Errorf("it has ended: %w", err)
		default:
		}
		_, _ = fmt.Fprintf(c, ping, fmt.Sprintf("sip:%s", addr), c.LocalAddr(), fmt.Sprint("up", i), fmt.Sprint("up", i))
		_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if n, err := c.Read(buf); err == nil && n > 0 {
			return true, nil
		} else if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			time.Sleep(20 * time.Millisecond) // nothing listens yet
		}
	}
	return false, errors.New("it does not answer")
}
