package interop

// Records of calls when the server is killed under load.

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/child"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/drivers"
)

// recording relays every call to one phone and records it.
const recording = `
local acc = require "acc"
acc.configure { to = { "sqlite:%[1]s/cdr.db", "json:%[1]s/cdr.jsonl" } }
function route(req)
  acc.record(req)
  if req.in_dialog then return req:relay() end
  req:relay("sip:callee@%[2]s")
end
`

// TestRecordsAfterKill: the server is killed with SIGKILL, twice, while calls begin, are answered
// and end. Each call whose BYE got its 200 is in the database and in the file, once.
func TestRecordsAfterKill(t *testing.T) {
	if raceBuild() {
		return // the binary without the detector was killed
	}
	const calls, rate = 600, 100
	dir := t.TempDir()
	callee := startSipp(t, sippOptions{scenario: "callee", transport: "udp"})
	script := filepath.Join(dir, "records.lua")
	if err := os.WriteFile(script, fmt.Appendf(nil, recording, dir, callee.addr()), 0o600); err != nil {
		t.Fatal(err)
	}
	at := fmt.Sprintf("127.0.0.1:%d", child.FreePort(t))
	run := func() *server {
		s := spawn(t, "run", "-l", "udp:"+at, "--admin", "127.0.0.1:0", "-d", "example.com", "--data", filepath.Join(dir, "data"), script)
		s.ready()
		return s
	}
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := run()
	caller := startSipp(t, sippOptions{scenario: "billed", transport: "udp", server: at, calls: calls, rate: rate, fields: users(10, "x", "udp"), pause: 500 * time.Millisecond, logs: true})
	for _, after := range []int{100, 300} {
		eventually(t, "calls have ended", func() bool { return len(billed(t, caller)) >= after })
		if err := s.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-s.ended
		s = run()
	}
	<-caller.ended
	eventually(t, "all destinations have all records", func() bool { return s.metric("sipscript_acc_waiting") == 0 })
	want := billed(t, caller)
	if len(want) < calls/2 {
		t.Errorf("only %d calls ended: %s", len(want), caller.errors())
	}
	missing, twice := compare(want, inDatabase(t, filepath.Join(dir, "cdr.db")))
	t.Logf("%d of %d calls had their BYE answered", len(want), calls)
	if len(missing)+len(twice) > 0 {
		t.Errorf("the database: %d calls are missing, %d are there twice: %q %q", len(missing), len(twice), missing, twice)
	}
	text, err := os.ReadFile(filepath.Join(dir, "cdr.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	inFile := map[string]int{}
	for line := range strings.Lines(string(text)) {
		if _, rest, ok := strings.Cut(line, `"call_id":"`); ok {
			id, _, _ := strings.Cut(rest, `"`)
			inFile[id]++
		}
	}
	if missing, twice := compare(want, inFile); len(missing)+len(twice) > 0 {
		t.Errorf("the file: %d calls are missing, %d are there twice: %q %q", len(missing), len(twice), missing, twice)
	}
}

// billed are the Call-IDs of calls whose BYE was answered.
func billed(t *testing.T, caller *sipp) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(caller.dir, "log"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if strings.HasSuffix(line, "\n") {
			ids[strings.TrimSpace(line)] = true
		}
	}
	return ids
}

// inDatabase is how many records a file of SQLite has, by Call-ID.
func inDatabase(t *testing.T, path string) map[string]int {
	t.Helper()
	pool := clients.New(clients.Options{Drivers: drivers.All()})
	db, err := pool.DB("sqlite:"+path, clients.DBOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	found := map[string]int{}
	err = db.Query(context.Background(), func(rows *sql.Rows) error {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		found[id]++
		return nil
	}, "SELECT call_id FROM acc_records WHERE cause = 'bye'")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// compare says which calls have no record, and which have several.
func compare(want map[string]bool, found map[string]int) (missing, twice []string) {
	for id := range want {
		switch n := found[id]; {
		case n == 0:
			missing = append(missing, id)
		case n > 1:
			twice = append(twice, id)
		}
	}
	return missing, twice
}
