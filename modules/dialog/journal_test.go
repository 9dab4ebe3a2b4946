package dialog

import (
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// fullFile is on a disk with little room.
type fullFile struct {
	file
	room atomic.Int64
}

func (f *fullFile) Write(b []byte) (int, error) {
	fits := min(int64(len(b)), f.room.Load())
	n, err := f.file.Write(b[:fits])
	f.room.Add(-int64(n))
	if err == nil && n < len(b) {
		err = syscall.ENOSPC
	}
	return n, err
}

// journalIn opens the journal of a directory.
func journalIn(t *testing.T, dir string) (*journal, []byte) {
	t.Helper()
	known := &table{}
	known.init()
	j, list, _, err := openJournal(dir, known, false, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.close() })
	var ids []byte
	for _, r := range list {
		ids = append(ids, r.Call.ID[0])
	}
	slices.Sort(ids)
	return j, ids
}

func confirmed(n byte) *Call {
	return &Call{t: track.Call{ID: track.ID{n}, State: track.Confirmed}}
}

// What a full disk has cut off is not in the way of later lines, and is written when there is room.
func TestJournalOnFullDisk(t *testing.T) {
	dir := t.TempDir()
	j, _ := journalIn(t, dir)
	f := &fullFile{file: j.f}
	f.room.Store(1 << 20)
	j.f = f
	put := func(list ...*Call) {
		for _, c := range list {
			j.note(c)
		}
		j.flush()
	}
	a, b, c, d := confirmed(1), confirmed(2), confirmed(3), confirmed(4)
	put(a, b)
	f.room.Store(10)
	a.t.State = track.Ended
	put(a, c)
	before, err := os.ReadFile(j.path)
	if text := string(before); err != nil || strings.Count(text, "\n") != 2 || !strings.HasSuffix(text, "\n") {
		t.Errorf("%v; the file is %q", err, text)
	}
	f.room.Store(1 << 20)
	put(d)
	if err := j.close(); err != nil {
		t.Error(err)
	}
	if _, ids := journalIn(t, dir); !slices.Equal(ids, []byte{2, 3, 4}) {
		t.Errorf("calls %v", ids)
	}
}

// A line that can't be read after one that can costs its own call alone.
func TestJournalBadLines(t *testing.T) {
	dir := t.TempDir()
	j, _ := journalIn(t, dir)
	line := func(n byte) string {
		text, err := confirmed(n).record().encode()
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	long := `{"end":"` + strings.Repeat("0", longestLine) + "\"}\n"
	if err := os.WriteFile(j.path, []byte(line(1)+line(2)[:30]+line(3)+line(4)+long+line(5)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ids := journalIn(t, dir); !slices.Equal(ids, []byte{1, 4, 5}) {
		t.Errorf("calls %v", ids)
	}
}

// A line is never longer than what is read again.
func TestJournalLongLines(t *testing.T) {
	long := strings.Repeat("x", 60_000)
	many := slices.Repeat([]string{"<sip:" + long + ">"}, 20)
	leg := func(s track.State, routes []string) track.Leg {
		l := track.Leg{Tag: "t", State: s, URI: long}
		l.B.Set(engine.Reach{URI: "sip:b@192.0.2.1", Routes: routes})
		return l
	}
	for _, row := range []struct {
		name   string
		legs   []track.Leg
		vars   map[string]any
		left   int // of the legs
		routes int
		err    error
	}{
		{"short", []track.Leg{leg(track.Ended, many[:1]), leg(track.Confirmed, many[:1])}, nil, 2, 1, nil},
		{"legs that are over", append(slices.Repeat([]track.Leg{leg(track.Ended, nil)}, 20), leg(track.Confirmed, many[:1])), nil, 1, 1, nil},
		{"routes", []track.Leg{leg(track.Confirmed, many)}, nil, 1, 0, nil},
		{"all else", []track.Leg{leg(track.Confirmed, nil)}, map[string]any{"x": strings.Repeat(long, 20)}, 1, 0, errTooLong},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := confirmed(1)
			c.t.Legs, c.vars = row.legs, row.vars
			r := c.record()
			text, err := r.encode()
			last := r.Call.Legs[len(r.Call.Legs)-1].B.Reach()
			if !errors.Is(err, row.err) || len(text) > longestLine || len(r.Call.Legs) != row.left || len(last.Routes) != row.routes {
				t.Errorf("%v, %d bytes, %d legs, %d routes", err, len(text), len(r.Call.Legs), len(last.Routes))
			}
			if last.URI != "sip:b@192.0.2.1" || len(c.t.Legs) != len(row.legs) {
				t.Errorf("the call itself was changed, or its Contact: %s", last.URI)
			}
		})
	}
}
