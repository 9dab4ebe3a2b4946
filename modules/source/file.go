package source

// Lists in files.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/sipscript/sipscript/modules/internal/exact"
)

// maxFile bounds what is read of a file, in bytes.
const maxFile = 1 << 30

// readFile reads a file whole.
func readFile[T any](c *collector[T], path string) (os.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("%s is a directory", path)
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%s has more than %d MB", path, maxFile>>20)
	}
	c.place = func(n int) string { return fmt.Sprintf("%s:%d", path, n) }
	r, err := unmarked(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".csv":
		err = readCSV(c, r, path)
	case ".json":
		err = readJSON(c, r, path)
	default:
		err = readLines(c, r)
	}
	if err == nil {
		err = c.err()
	}
	return info, err
}

// byteOrderMark is what spreadsheets and some editors put before UTF-8 (Unicode §23.8).
const byteOrderMark = "\ufeff"

// unmarked is r without a byte order mark.
func unmarked(r io.Reader) (io.Reader, error) {
	var head [len(byteOrderMark)]byte
	n, err := io.ReadFull(r, head[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	if string(head[:n]) == byteOrderMark {
		n = 0
	}
	return io.MultiReader(bytes.NewReader(head[:n]), r), nil
}

func readLines[T any](c *collector[T], r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), 1<<20)
	n := 1
	for ; lines.Scan(); n++ {
		if !c.line(n, lines.Text()) {
			return nil
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", c.place(n), err)
	}
	return nil
}

// readJSON reads a list of entries, or an object of entries by name, one after another.
func readJSON[T any](c *collector[T], r io.Reader, path string) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	at := &lineCounter{text: text, line: 1}
	d := json.NewDecoder(bytes.NewReader(text))
	fail := func(err error) error { return fmt.Errorf("%s:%d: %w", path, at.to(d.InputOffset()), err) }
	first, err := d.Token()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return fail(err)
	}
	named := first == json.Delim('{')
	if !named && first != json.Delim('[') {
		return fail(errors.New("expected a list of entries, or an object"))
	}
	if named && c.typ.key < 0 {
		return fail(errors.New("expected a list of entries, not an object"))
	}
	for d.More() {
		name := ""
		if named {
			key, err := d.Token()
			if err != nil {
				return fail(err)
			}
			name, _ = key.(string)
		}
		line := at.to(start(text, d.InputOffset()))
		value, err := exact.Decode(d)
		if err != nil {
			return fail(err)
		}
		if !c.value(line, name, value) {
			return nil
		}
	}
	if _, err := d.Token(); err != nil {
		return fail(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fail(errors.New("expected nothing after the list"))
	}
	return nil
}

// start is where the next value begins, after commas, colons and white space.
func start(text []byte, at int64) int64 {
	for at < int64(len(text)) && strings.IndexByte(" \t\r\n,:", text[at]) >= 0 {
		at++
	}
	return at
}

// lineCounter counts lines up to offsets that only grow.
type lineCounter struct {
	text []byte
	at   int64
	line int
}

func (l *lineCounter) to(offset int64) int {
	offset = min(max(offset, l.at), int64(len(l.text)))
	l.line += bytes.Count(l.text[l.at:offset], []byte{'\n'})
	l.at = offset
	return l.line
}
