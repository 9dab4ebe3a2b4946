package sink

// This file tests files.

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/modules/acc/cdr"
)

// kinds of files.
var kinds = map[string]func(path string, r Rotation, now func() time.Time) Sink{
	"json": JSON,
	"csv": func(path string, r Rotation, now func() time.Time) Sink {
		return CSV(path, []string{"customer"}, r, now)
	},
}

// idsIn are the ids of records in a file, in order.
func idsIn(t *testing.T, kind, path string) (ids []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if kind == "json" {
		for line := range strings.Lines(string(text)) {
			r, err := cdr.Read([]byte(line))
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			ids = append(ids, r.ID)
		}
		return ids
	}
	rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil || rows[0][0] != "id" {
		t.Fatalf("%v: %s", err, text)
	}
	for _, row := range rows[1:] {
		ids = append(ids, row[0])
	}
	return ids
}

func wantIDs(t *testing.T, kind, path string, list ...int) {
	t.Helper()
	var want []string
	for _, n := range list {
		want = append(want, recordOf(n).ID)
	}
	if got := idsIn(t, kind, path); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s has %v, want %v", filepath.Base(path), got, want)
	}
}

func eachKind(t *testing.T, test func(t *testing.T, kind string, path string, open func(r Rotation) Sink, clock *time.Time)) {
	for kind, make := range kinds {
		t.Run(kind, func(t *testing.T) {
			clock := began
			path := filepath.Join(t.TempDir(), "cdr."+kind)
			test(t, kind, path, func(r Rotation) Sink {
				s := make(path, r, func() time.Time { return clock })
				t.Cleanup(func() { _ = s.Close() })
				return s
			}, &clock)
		})
	}
}

// A file goes on after a restart; what a killed process has written comes again and is not written
// again, and half a line is cut off, at any byte.
func TestFilesAfterKill(t *testing.T) {
	eachKind(t, func(t *testing.T, kind, path string, open func(r Rotation) Sink, _ *time.Time) {
		write(t, open(Rotation{}), recordOf(0))
		one, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, open(Rotation{}), recordOf(1), failed(2))
		all, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for size := len(one); size <= len(all); size += 7 {
			if err := os.WriteFile(path, all[:size], 0o600); err != nil {
				t.Fatal(err)
			}
			s := open(Rotation{})
			write(t, s, recordOf(1), failed(2))
			write(t, s, recordOf(3))
			wantIDs(t, kind, path, 0, 1, 2, 3)
			_ = s.Close()
		}
	})
}

// A file is set aside by size and by time, and begun again when somebody has moved it.
func TestRotation(t *testing.T) {
	eachKind(t, func(t *testing.T, kind, path string, open func(r Rotation) Sink, clock *time.Time) {
		name := func(suffix string) string { return strings.TrimSuffix(path, "."+kind) + suffix + "." + kind }
		s := open(Rotation{Size: 100})
		write(t, s, recordOf(0), recordOf(1))
		write(t, s, recordOf(2))
		write(t, s, recordOf(3))
		wantIDs(t, kind, name("-20261130T120000"), 0, 1)
		wantIDs(t, kind, name("-20261130T120000.2"), 2)
		wantIDs(t, kind, path, 3)
		_ = s.Close()
		s = open(Rotation{Every: 24 * time.Hour})
		write(t, s, recordOf(4))
		*clock = began.Add(11*time.Hour + 59*time.Minute)
		write(t, s, recordOf(5))
		wantIDs(t, kind, path, 3, 4, 5)
		*clock = began.Add(12 * time.Hour)
		write(t, s, recordOf(6))
		wantIDs(t, kind, name("-20261201T000000"), 3, 4, 5)
		wantIDs(t, kind, path, 6)
		if err := os.Rename(path, name("-moved")); err != nil { // as logrotate does
			t.Fatal(err)
		}
		write(t, s, recordOf(7))
		wantIDs(t, kind, name("-moved"), 6)
		wantIDs(t, kind, path, 7)
	})
}

// A file with other columns is set aside.
func TestOtherColumns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cdr.csv")
	now := func() time.Time { return began }
	for i, fields := range [][]string{{"customer"}, {"customer", "rate"}} {
		s := CSV(path, fields, Rotation{}, now)
		write(t, s, recordOf(i))
		_ = s.Close()
	}
	wantIDs(t, "csv", path, 1)
	wantIDs(t, "csv", strings.TrimSuffix(path, ".csv")+"-20261130T120000.csv", 0)
}

// Values are quoted, and none is a formula.
func TestCSVValues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cdr.csv")
	s := CSV(path, []string{"customer"}, Rotation{}, func() time.Time { return began })
	r := failed(0)
	r.Fields["customer"] = "+49301234"
	write(t, s, r)
	_ = s.Close()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	got := map[string]string{}
	for i, name := range rows[0] {
		got[name] = rows[1][i]
	}
	for name, want := range map[string]string{"reason": "Busy \"Here\", now", "user_agent": "'=1+1", "customer": "+49301234", "fields": `{"rate":0.5}`, "answered": "",
		"began": "2026-11-30T12:00:00.123Z", "duration": "0.000", "code": "486"} {
		t.Run(name, func(t *testing.T) {
			if got[name] != want {
				t.Errorf("%q, want %q", got[name], want)
			}
		})
	}
	for text, want := range map[string]string{"": "", "-5.5": "-5.5", "+1": "+1", "+": "'+", "-cmd": "'-cmd", "@SUM(A1)": "'@SUM(A1)", "\tx": "'\tx", "sip:a@b": "sip:a@b"} {
		t.Run(fmt.Sprintf("%q", text), func(t *testing.T) {
			if got := harmless(text); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

// What can't be written is an error, and not half written.
func TestFileThatCannotBeWritten(t *testing.T) {
	s := JSON(filepath.Join(t.TempDir(), "none", "cdr.jsonl"), Rotation{}, time.Now)
	if err := s.Write(t.Context(), spooled(t, recordOf(0))); err == nil {
		t.Error("written to a directory that is not there")
	}
}

// A file that somebody has cut (logrotate's copytruncate) goes on where it ends now, with a header.
func TestCopyTruncate(t *testing.T) {
	eachKind(t, func(t *testing.T, kind, path string, open func(r Rotation) Sink, _ *time.Time) {
		s := open(Rotation{})
		write(t, s, recordOf(0), recordOf(1))
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
		write(t, s, recordOf(2))
		write(t, s, recordOf(3))
		wantIDs(t, kind, path, 2, 3)
	})
}

// A line is what encoding/csv writes.
func TestCSVLineIsEncodingCSV(t *testing.T) {
	parts := []string{"", "a", " ", ",", "\"", "\r", "\n", "\r\n", "é", "\u00a0", "\u2003", "\\.", "\t", "\v", "'", "\xff", "\x85"}
	for _, a := range parts {
		for _, b := range parts {
			values := []string{a + b, b, a}
			var want bytes.Buffer
			w := csv.NewWriter(&want)
			w.UseCRLF = true
			_ = w.Write(values) // to memory
			w.Flush()
			if got := csvRow(nil, values); !bytes.Equal(got, want.Bytes()) {
				t.Errorf("%q: %q, want %q", values, got, want.Bytes())
			}
		}
	}
}
