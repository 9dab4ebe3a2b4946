//go:build linux

package main

// The servers: how they are started, and what they cost.

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "modernc.org/sqlite" // the driver
)

// script serves everybody, as Kamailio's configuration does.
const script = `
local presence = require "presence"
presence.configure { interval = 0, authorize = function() return true end, max_per_watcher = 1000000 }
function route(req)
  if req.method == "PUBLISH" then return presence.publish(req, { trusted = true }) end
  if req.method == "SUBSCRIBE" then return presence.subscribe(req, { trusted = true }) end
  req:reply(404)
end`

// kamailio is a configuration: port, directory of the modules, database, and how subscriptions are
// kept.
const kamailio = `#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
children=1
listen=udp:127.0.0.1:%d
disable_tcp=yes
auto_aliases=no
alias="example.com"
mpath="%s"
loadmodule "db_sqlite.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "presence.so"
loadmodule "presence_xml.so"
modparam("db_sqlite", "db_set_journal_mode", "%s=WAL;")
modparam("presence", "db_url", "sqlite:///%s")
modparam("presence_xml", "db_url", "sqlite:///%s")
modparam("presence_xml", "force_active", 1)
modparam("presence", "server_address", "sip:127.0.0.1:%d")
modparam("presence", "notifier_processes", 0)
modparam("presence", "subs_db_mode", %d)
modparam("presence", "publ_cache", %d)
request_route {
  if (is_method("PUBLISH")) { if (!t_newtran()) { sl_reply_error(); exit; } handle_publish(); t_release(); exit; }
  if (is_method("SUBSCRIBE")) { if (!t_newtran()) { sl_reply_error(); exit; } handle_subscribe(); t_release(); exit; }
  sl_send_reply("404", "Not Found");
}
`

// contender is one server: its command line for a port, in a directory of its own.
type contender struct {
	name string
	args func(port int, dir string) ([]string, error)
}

func (b *bench) contenders() (list []contender, err error) {
	if out, err := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(b.dir, "sipscript"), "./cmd/sipscript").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build: %w\n%s", err, out)
	}
	route := filepath.Join(b.dir, "route.lua")
	if err := os.WriteFile(route, []byte(script), 0o600); err != nil {
		return nil, err
	}
	modules, _ := filepath.Glob("/usr/lib/*/kamailio/modules/presence_xml.so")
	if len(modules) == 1 {
		for _, k := range []struct {
			name            string
			subs, published int
		}{{"kamailio, subscriptions in database", 3, 1}, {"kamailio, write-through", 1, 1}, {"kamailio, write-back (not durable)", 2, 1}} {
			list = append(list, contender{k.name, func(port int, dir string) ([]string, error) {
				db := filepath.Join(dir, "kamailio.db")
				file := filepath.Join(dir, "kamailio.cfg")
				text := fmt.Sprintf(kamailio, port, filepath.Dir(modules[0])+"/", db, db, db, port, k.subs, k.published)
				return []string{"kamailio", "-DD", "-E", "-m", "256", "-M", "32", "-f", file}, errors.Join(tables(db), os.WriteFile(file, []byte(text), 0o600))
			}})
		}
	} else {
		fmt.Println("Kamailio's presence is not installed (Debian: kamailio-presence-modules, kamailio-sqlite-modules): ours alone")
	}
	list = append(list, ours("ours", filepath.Join(b.dir, "sipscript"), route))
	if b.beside != "" {
		list = append(list, ours("ours, "+filepath.Base(b.beside), b.beside, route))
	}
	return list, nil
}

// ours is a build of our server.
func ours(name, program, route string) contender {
	return contender{name, func(port int, dir string) ([]string, error) {
		return []string{program, "run", "--no-watch", "-d", "example.com", "-l", "udp:127.0.0.1:" + strconv.Itoa(port), "--data", dir, route}, nil
	}}
}

// tables makes Kamailio's database.
func tables(path string) error {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, name := range []string{"standard", "presence"} {
		text, err := os.ReadFile("/usr/share/kamailio/db_sqlite/" + name + "-create.sql")
		if err != nil {
			return err
		}
		if _, err := db.ExecContext(context.Background(), string(text)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// server is one that runs.
type server struct {
	cmd  *exec.Cmd
	addr string
	out  string // a file
}

// start starts a server on a port that is free, and waits until it answers.
func (b *bench) start(c contender) (*server, error) {
	free, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := free.LocalAddr().(*net.UDPAddr).Port
	_ = free.Close()
	dir, err := os.MkdirTemp(b.dir, "data")
	if err != nil {
		return nil, err
	}
	args, err := c.args(port, dir)
	if err != nil {
		return nil, err
	}
	s := &server{addr: fmt.Sprintf("127.0.0.1:%d", port), out: filepath.Join(dir, "out")}
	out, err := os.Create(s.out)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	s.cmd = exec.Command("taskset", append([]string{"-c", "0"}, args...)...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = dir, out, out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if err := s.await(); err != nil {
		s.stop()
		return nil, fmt.Errorf("%w; %s", err, s.log())
	}
	return s, nil
}

// await asks until there is an answer.
func (s *server) await() error {
	conn, err := net.Dial("udp4", s.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	b := make([]byte, 4096)
	for i, end := 0, time.Now().Add(20*time.Second); time.Now().Before(end); i++ {
		_, _ = fmt.Fprintf(conn, "OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKo%d\r\nMax-Forwards: 70\r\nFrom: <sip:x@example.com>;tag=f\r\nTo: <sip:example.com>\r\nCall-ID: o%d\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
			conn.LocalAddr(), i, i)
		_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := conn.Read(b); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("no answer from %s", s.addr)
}

// stop ends the whole group: Kamailio has several processes.
func (s *server) stop() {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	_ = s.cmd.Wait()
}

// log is the end of what the server said.
func (s *server) log() string {
	text, _ := os.ReadFile(s.out)
	return string(text[max(0, len(text)-1500):])
}

// cpuOf is the CPU of all processes in a group, in seconds.
func cpuOf(group int) (s float64) {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		f := strings.Fields(rest) // from the state, field 3 of proc(5), on
		if len(f) < 13 || f[2] != strconv.Itoa(group) {
			continue
		}
		for _, i := range []int{11, 12} {
			ticks, _ := strconv.ParseFloat(f[i], 64)
			s += ticks / 100
		}
	}
	return s
}
