package interop

// A restart with many rows in the file: how long until calls are relayed by what it says.

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/modules/registrar"
	"github.com/sipscript/sipscript/modules/registrar/sqlitestore"
)

// restartWithin is what the engine promises for a million rows.
const restartWithin = 5 * time.Second

// TestRestartWithManyRows: the binary serves in time. SIPSCRIPT_INTEROP_ROWS=1000000 asks for the
// promised number; the ordinary run has a tenth.
func TestRestartWithManyRows(t *testing.T) {
	if raceBuild() {
		return // the binary without the detector was timed
	}
	rows := 100_000
	if text := os.Getenv("SIPSCRIPT_INTEROP_ROWS"); text != "" {
		var err error
		if rows, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	bob, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer bob.Close()
	dir := t.TempDir()
	fill(t, filepath.Join(dir, "location.db"), rows, "sip:bob@"+bob.LocalAddr().String())

	debug.FreeOSMemory() // of what filled it: the collector would run beside the server

	// A machine that does something else at that moment is asked again
	for attempt := 1; ; attempt++ {
		took := restart(t, dir, bob, rows)
		if took <= restartWithin {
			break
		}
		if attempt == 3 {
			t.Fatalf("it took %v, and as long before; want at most %v", took, restartWithin)
		}
	}
}

// restart starts a server over the file, has it relay a call to bob, and ends it. It returns how
// long it took from the start to the call.
func restart(t *testing.T, dir string, bob net.PacketConn, rows int) (relayed time.Duration) {
	t.Helper()
	began := time.Now()
	s := start(t, "--data", dir)
	ready := time.Since(began)
	alice, id := newRegistrant(t, 1, s.addrs["udp"]), fmt.Sprint(began.UnixNano())
	_, err := fmt.Fprintf(alice.conn, "INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=1\r\n"+
		"To: <sip:bob@example.com>\r\nCall-ID: %[2]s\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@%[1]s>\r\nContent-Length: 0\r\n\r\n", alice.conn.LocalAddr(), id)
	if err != nil {
		t.Fatal(err)
	}
	got, size := make([]byte, 4096), 0
	_ = bob.SetReadDeadline(time.Now().Add(patience))
	// What an earlier attempt left is skipped
	for !strings.Contains(string(got[:size]), "Call-ID: "+id+"\r\n") {
		if size, _, err = bob.ReadFrom(got); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.HasPrefix(string(got[:size]), "INVITE sip:bob@"+bob.LocalAddr().String()) {
		t.Fatalf("%s", got[:size])
	}
	relayed = time.Since(began)
	t.Logf("%d rows: ready after %.2f s, an INVITE relayed after %.2f s; at most %d MB", rows, ready.Seconds(), relayed.Seconds(), peakMemory(s.cmd.Process.Pid))
	if n := s.metric("sipscript_registrar_bindings"); int(n) != rows {
		t.Errorf("%v bindings, want %d", n, rows)
	}
	if _, err := bob.WriteTo([]byte(busy(string(got[:size]))), alice.conn.RemoteAddr()); err != nil { // or the drain would wait for the call
		t.Error(err)
	}
	s.stop()
	return relayed
}

// busy is a 486 to a request.
func busy(request string) string {
	head, _, _ := strings.Cut(request, "\r\n\r\n")
	answer := "SIP/2.0 486 Busy Here\r\n"
	for _, line := range strings.Split(head, "\r\n")[1:] {
		switch name, _, _ := strings.Cut(line, ":"); name {
		case "Via", "From", "To", "Call-ID", "CSeq":
			answer += line + "\r\n"
		}
	}
	return answer + "Content-Length: 0\r\n\r\n"
}

// fill makes a file with so many rows: typical ones, and bob's.
func fill(t *testing.T, path string, rows int, bob string) {
	t.Helper()
	s, err := sqlitestore.Open(path, sqlitestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	put := func(user, contact string, i int) {
		b := []*registrar.Binding{registrar.NewBinding(&registrar.Record{Contact: contact, Q: 1, CSeq: 1, Expires: now.Add(time.Hour), Updated: now,
			Params: fmt.Sprintf(`;+sip.instance="<urn:uuid:%08x-0000-1000-8000-000A95A0E128>"`, i), CallID: fmt.Sprintf("%016x%016x", i*7919, i*104729), UserAgent: "Softphone/5.6.1 (Linux)"})}
		err := s.Update(context.Background(), "sip:"+user+"@example.com", registrar.Relaxed, func([]*registrar.Binding) ([]*registrar.Binding, error) { return b, nil })
		if err != nil {
			t.Error(err)
		}
	}
	const writers = 8
	var done sync.WaitGroup
	for w := range writers {
		done.Go(func() {
			for i := w; i < rows-1; i += writers {
				put(fmt.Sprintf("user%07d", i), fmt.Sprintf("sip:user%07d@10.%d.%d.%d:5060;transport=udp", i, i>>16&255, i>>8&255, i&255), i)
			}
		})
	}
	done.Wait()
	put("bob", bob, rows)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// peakMemory is the most that a process has had, in MB; 0 where the system doesn't tell.
func peakMemory(pid int) (mb int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmHWM:" {
			kb, _ := strconv.Atoi(f[1])
			mb = kb / 1024
		}
	}
	return mb
}
