package source

// Files of comma-separated values. encoding/csv makes a string of every row, and looks at every
// byte several times; a million rows that are read while calls run should leave nothing behind.

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
	"unsafe"
)

const (
	// csvWindow is how much is read at once.
	csvWindow = 64 << 10
	// mostRow bounds a row, in bytes.
	mostRow = 1 << 20
)

var errLongRow = fmt.Errorf("a row is too large: it has more than %d bytes", mostRow)

// csvRows reads rows as encoding/csv does, with comments that # begins, and without the white space
// before fields.
type csvRows struct {
	r        io.Reader
	buf      []byte
	from, to int   // what of buf was not read yet
	err      error // of r
	line     int   // the number of the last line
	columns  int   // of the first row; 0 before it
	views    bool  // a row's texts are valid until the next row is read
	text     []byte
	ends     []int
	fields   []string
}

func newCSVRows(r io.Reader, views bool) *csvRows {
	return &csvRows{r: r, buf: make([]byte, csvWindow), views: views}
}

// next is the next row, which serves again, and the number of its first line. An error, io.EOF
// aside, is a *csv.ParseError or the reader's.
func (x *csvRows) next() (fields []string, line int, err error) {
	var text []byte
	for {
		if text, err = x.readLine(); err != nil {
			return nil, x.line, err
		}
		if len(text) > 0 && text[0] != '#' {
			break
		}
	}
	line = x.line
	if bytes.IndexByte(text, '"') < 0 {
		x.split(text)
	} else if err := x.unquote(text); err != nil {
		return nil, line, err
	}
	switch {
	case x.columns == 0:
		x.columns = len(x.fields)
	case x.columns != len(x.fields):
		return nil, line, &csv.ParseError{StartLine: line, Line: line, Err: csv.ErrFieldCount}
	}
	return x.fields, line, nil
}

// split makes fields of a row without quotes, most often.
func (x *csvRows) split(text []byte) {
	all := x.string(text)
	x.fields = x.fields[:0]
	for {
		i := strings.IndexByte(all, ',')
		if i < 0 {
			x.fields = append(x.fields, trimmed(all))
			return
		}
		x.fields = append(x.fields, trimmed(all[:i]))
		all = all[i+1:]
	}
}

// trimmed is a field without the white space before it.
func trimmed(field string) string {
	if field == "" || field[0] > ' ' && field[0] < utf8.RuneSelf {
		return field
	}
	return strings.TrimLeftFunc(field, unicode.IsSpace)
}

// unquote makes fields of a row that may have quotes (RFC 4180 §2), and more lines.
func (x *csvRows) unquote(line []byte) error {
	first := x.line
	x.text, x.ends = x.text[:0], x.ends[:0]
	for more := true; more; {
		line = bytes.TrimLeftFunc(line, unicode.IsSpace)
		if len(line) > 0 && line[0] == '"' {
			var err error
			if line, more, err = x.quoted(first, line[1:]); err != nil {
				return err
			}
		} else {
			var field []byte
			field, line, more = bytes.Cut(line, []byte{','})
			if bytes.IndexByte(field, '"') >= 0 {
				return x.wrong(first, csv.ErrBareQuote)
			}
			x.text = append(x.text, field...)
		}
		x.ends = append(x.ends, len(x.text))
	}
	all, from := x.string(x.text), 0
	x.fields = x.fields[:0]
	for _, end := range x.ends {
		x.fields = append(x.fields, all[from:end])
		from = end
	}
	return nil
}

// quoted takes in a field after its first quote. more: another field follows in what is left.
func (x *csvRows) quoted(first int, line []byte) (left []byte, more bool, err error) {
	for {
		i := bytes.IndexByte(line, '"')
		if i < 0 { // it goes on in the next line
			x.text = append(append(x.text, line...), '\n')
			if len(x.text) > mostRow {
				return nil, false, x.wrong(first, errLongRow)
			}
			if line, err = x.readLine(); errors.Is(err, io.EOF) {
				err = x.wrong(first, csv.ErrQuote)
			}
			if err != nil {
				return nil, false, err
			}
			continue
		}
		x.text = append(x.text, line[:i]...)
		line = line[i+1:]
		switch {
		case len(line) == 0:
			return nil, false, nil
		case line[0] == ',':
			return line[1:], true, nil
		case line[0] != '"':
			return nil, false, x.wrong(first, csv.ErrQuote)
		}
		x.text, line = append(x.text, '"'), line[1:]
	}
}

// string is a text that lives as long as rows do.
func (x *csvRows) string(text []byte) string {
	if x.views {
		return unsafe.String(unsafe.SliceData(text), len(text))
	}
	return string(text)
}

func (x *csvRows) wrong(first int, err error) error {
	return &csv.ParseError{StartLine: first, Line: x.line, Err: err}
}

// readLine is the next line, without its end, valid until the next one is read.
func (x *csvRows) readLine() ([]byte, error) {
	for looked := 0; ; {
		if i := bytes.IndexByte(x.buf[x.from+looked:x.to], '\n'); i >= 0 {
			line := x.buf[x.from : x.from+looked+i]
			x.from += len(line) + 1
			x.line++
			if len(line) > mostRow {
				return nil, x.wrong(x.line, errLongRow)
			}
			return bytes.TrimSuffix(line, []byte{'\r'}), nil
		}
		looked = x.to - x.from
		if x.err != nil {
			break
		}
		if looked > mostRow {
			x.line++
			return nil, x.wrong(x.line, errLongRow)
		}
		x.read()
	}
	line := x.buf[x.from:x.to]
	if x.from = x.to; len(line) == 0 || !errors.Is(x.err, io.EOF) {
		return nil, x.err
	}
	if line = bytes.TrimSuffix(line, []byte{'\r'}); len(line) > 0 {
		x.line++
	}
	return line, nil
}

// read reads more behind what is there, which goes to the front.
func (x *csvRows) read() {
	if x.from > 0 {
		x.to = copy(x.buf, x.buf[x.from:x.to])
		x.from = 0
	}
	if x.to == len(x.buf) {
		x.buf = append(x.buf, make([]byte, len(x.buf))...)
	}
	for range 100 { // as bufio does with a reader that returns nothing
		var n int
		n, x.err = x.r.Read(x.buf[x.to:])
		if x.to += n; n > 0 || x.err != nil {
			return
		}
	}
	x.err = io.ErrNoProgress
}

func readCSV[T any](c *collector[T], r io.Reader, path string) error {
	rows := newCSVRows(r, c.fold != nil)
	names, line, err := rows.next()
	if errors.Is(err, io.EOF) {
		return nil // an empty list
	}
	if err != nil {
		return csvError(path, err)
	}
	if err := c.columns(names); err != nil {
		return fmt.Errorf("%s: %w", c.place(line), err)
	}
	for {
		values, line, err := rows.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errors.Join(c.err(), csvError(path, err))
		}
		if !c.texts(line, values) {
			return nil
		}
	}
}

func csvError(path string, err error) error {
	var e *csv.ParseError
	if errors.As(err, &e) {
		return fmt.Errorf("%s:%d: %w", path, e.Line, e.Err)
	}
	return fmt.Errorf("%s: %w", path, err)
}
