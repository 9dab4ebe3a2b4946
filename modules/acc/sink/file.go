package sink

// Files: JSON, a record a line, and CSV.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sipscript/sipscript/modules/acc/cdr"
	"github.com/sipscript/sipscript/modules/internal/spool"
)

// Rotation says when a file is set aside, under a name with the time, and a new one begun. The zero
// value never does. A file that somebody else has moved (logrotate) is begun again in any case.
type Rotation struct {
	Size  int64         // bytes; 0: whatever its size
	Every time.Duration // at each multiple of it since midnight UTC; 0: never
}

// format is what distinguishes kinds of files.
type format struct {
	head func() []byte                                   // the first line, or nothing
	line func(b []byte, r *spool.Record) ([]byte, error) // appends a record
	idOf func(line []byte) string                        // of a record that is there
}

// file is a destination on disk.
type file struct {
	path   string
	f      *os.File
	format format
	rotate Rotation
	now    func() time.Time
	size   int64
	text   []byte          // of a batch; it serves again
	turn   time.Time       // when it is rotated next
	seen   map[string]bool // what was at the end of it when it was opened: it may come again
}

// JSON is a file with a record of JSON a line.
func JSON(path string, r Rotation, now func() time.Time) Sink {
	return &file{path: path, rotate: r, now: now, format: format{
		head: func() []byte { return nil },
		line: func(b []byte, r *spool.Record) ([]byte, error) { return append(append(b, r.Data...), '\n'), nil },
		idOf: func(line []byte) string {
			var r struct{ ID string }
			_ = json.Unmarshal(line, &r) // what is not a record has no id
			return r.ID
		},
	}}
}

// CSV is a file of comma-separated values (RFC 4180) with a header. Columns are those of
// [cdr.Record] and then the script's fields of these names; "fields" has the others.
func CSV(path string, fields []string, r Rotation, now func() time.Time) Sink {
	head := csvRow(nil, append(slices.Clone(columns), fields...))
	return &file{path: path, rotate: r, now: now, format: format{
		head: func() []byte { return head },
		line: func(b []byte, r *spool.Record) ([]byte, error) {
			rec, err := read(r)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrRefused, err)
			}
			return csvLine(b, rec, fields), nil
		},
		idOf: func(line []byte) string { id, _, _ := bytes.Cut(line, []byte(",")); return string(id) },
	}}
}

// Write appends the records and syncs.
func (f *file) Write(_ context.Context, list []spool.Record) error {
	if err := f.ready(); err != nil {
		return err
	}
	text := f.text[:0]
	for i := range list {
		r := &list[i]
		if f.seen != nil && f.seen[idIn(r.Data)] {
			continue
		}
		var err error
		if text, err = f.format.line(text, r); err != nil {
			return err
		}
	}
	f.seen = nil // records come in order: what follows is new
	if cap(text) <= 2*batchBytes {
		f.text = text
	}
	if len(text) == 0 {
		return nil
	}
	_, err := f.f.WriteAt(text, f.size)
	if err == nil {
		err = f.f.Sync()
	}
	if err != nil {
		_ = f.f.Truncate(f.size)
		return err
	}
	f.size += int64(len(text))
	return nil
}

// idIn is the id of a record.
func idIn(data []byte) string {
	const before = `{"id":"`
	rest, _ := bytes.CutPrefix(data, []byte(before))
	id, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(id)
}

// ready opens the file, another one if it is time for that or it was moved, and the same one if it
// was cut.
func (f *file) ready() error {
	if f.f != nil {
		there, err := os.Stat(f.path)
		ours, err2 := f.f.Stat()
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		case err != nil || err2 != nil || !os.SameFile(there, ours):
			f.close()
		case ours.Size() < f.size: // logrotate's copytruncate: it has no header either
			f.close()
		case f.rotate.Size > 0 && f.size >= f.rotate.Size, !f.turn.IsZero() && !f.now().Before(f.turn):
			if err := f.setAside(); err != nil {
				return err
			}
		}
	}
	if f.f != nil {
		return nil
	}
	return f.open()
}

func (f *file) close() {
	if f.f != nil {
		_ = f.f.Close() // all of it was synced
		f.f = nil
	}
}

// setAside gives the file a name with the time in it.
func (f *file) setAside() error {
	f.close()
	ext := filepath.Ext(f.path)
	base := strings.TrimSuffix(f.path, ext) + f.now().UTC().Format("-20060102T150405")
	to := base + ext
	for n := 2; ; n++ {
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			break
		}
		to = fmt.Sprintf("%s.%d%s", base, n, ext)
	}
	return os.Rename(f.path, to)
}

// open opens the file, cuts off half a line that a killed process left, and looks at what is there.
func (f *file) open() error {
	h, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	f.f = h
	if err = f.look(); err != nil {
		f.close()
		return err
	}
	if every := f.rotate.Every; every > 0 {
		f.turn = f.now().UTC().Truncate(every).Add(every)
	}
	return nil
}

func (f *file) look() error {
	info, err := f.f.Stat()
	if err != nil {
		return err
	}
	f.size = info.Size()
	head := f.format.head()
	first := make([]byte, min(int64(len(head)), f.size))
	if _, err := f.f.ReadAt(first, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if f.size > 0 && !bytes.Equal(first, head[:len(first)]) || f.size > 0 && f.size < int64(len(head)) {
		// It has other columns, or only half its header
		if err := f.setAside(); err != nil {
			return err
		}
		return f.open()
	}
	end := make([]byte, min(f.size, 2*batchBytes+spool.MaxRecord))
	if _, err := f.f.ReadAt(end, f.size-int64(len(end))); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if cut := len(end) - (bytes.LastIndexByte(end, '\n') + 1); cut > 0 {
		f.size -= int64(cut)
		end = end[:len(end)-cut]
		if err := f.f.Truncate(f.size); err != nil {
			return err
		}
	}
	f.seen = map[string]bool{}
	for line := range bytes.Lines(end) {
		f.seen[f.format.idOf(line)] = true
	}
	if f.size == 0 {
		if _, err = f.f.WriteAt(head, 0); err != nil {
			return err
		}
		f.size = int64(len(head))
	}
	return nil
}

// Close closes the file.
func (f *file) Close() error {
	f.close()
	return nil
}

// csvRow appends a line (RFC 4180).
func csvRow(b []byte, values []string) []byte {
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendCSV(b, v)
	}
	return append(b, '\r', '\n')
}

// csvLine appends the line of a record, with these of its fields after the columns.
func csvLine(b []byte, r *cdr.Record, fields []string) []byte {
	for i, c := range columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = csvColumn(b, r, c, fields)
	}
	for _, name := range fields {
		b = appendCSV(append(b, ','), harmless(fieldText(r.Fields[name])))
	}
	return append(b, '\r', '\n')
}

// csvColumn appends one that has a name in columns. There is no interface between, which takes
// memory for each value.
func csvColumn(b []byte, r *cdr.Record, column string, fields []string) []byte {
	switch column {
	case "began":
		return r.Began.Append(b)
	case "rang":
		return r.Rang.Append(b)
	case "answered":
		return r.Answered.Append(b)
	case "ended":
		return r.Ended.Append(b)
	case "duration":
		return strconv.AppendFloat(b, r.Duration, 'f', 3, 64)
	case "code":
		return strconv.AppendInt(b, int64(r.Code), 10)
	case "legs":
		if len(r.Legs) == 0 {
			return b
		}
		var space [1 << 10]byte
		return appendCSV(b, cdr.AppendLegs(space[:0], r.Legs))
	case "fields":
		others := r.Fields
		if len(fields) > 0 {
			others = maps.Clone(others)
		}
		for _, name := range fields {
			delete(others, name)
		}
		if len(others) == 0 {
			return b
		}
		var space [1 << 10]byte
		return appendCSV(b, cdr.AppendFields(space[:0], others))
	}
	return appendCSV(b, harmless(*r.TextOf(column)))
}

// appendCSV appends a value, in quotes where encoding/csv puts them: its writer has a buffer of 4
// kB, which costs more than all else of a line.
func appendCSV[T string | []byte](b []byte, v T) []byte {
	quoted := string(v) == `\.` // the end of data to PostgreSQL
	for i := range len(v) {
		switch c := v[i]; {
		case c == ',' || c == '"' || c == '\r' || c == '\n':
			quoted = true
		case i == 0 && (c == ' ' || c >= '\t' && c <= '\r' || c >= 0x80):
			r, _ := utf8.DecodeRuneInString(string(v[:min(len(v), utf8.UTFMax)]))
			quoted = quoted || unicode.IsSpace(r)
		}
	}
	if !quoted {
		return append(b, v...)
	}
	b = append(b, '"')
	for i := range len(v) {
		switch c := v[i]; c {
		case '"':
			b = append(b, '"', '"')
		case '\r': // the end of a line has its own
		case '\n':
			b = append(b, '\r', '\n')
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// harmless keeps a text on one line, so that half a record is half a line, and from being a formula
// where the file is opened as a spreadsheet: somebody else has chosen it. A number may begin with a
// sign.
func harmless(text string) string {
	if strings.ContainsAny(text, "\r\n") {
		text = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ").Replace(text)
	}
	if text == "" {
		return text
	}
	switch text[0] {
	case '+', '-':
		if len(text) > 1 && strings.Trim(text[1:], "0123456789.") == "" {
			return text
		}
	case '=', '@', '\t', '|', '%':
	default:
		return text
	}
	return "'" + text
}
