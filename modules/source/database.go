package source

// Lists in databases.

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/internal/exact"
)

// readDatabase reads all rows of a query. keep, if not "", is the file where they are kept.
func readDatabase[T any](ctx context.Context, c *collector[T], db *clients.DB, query, keep string, args ...any) (err error) {
	c.place = func(n int) string { return fmt.Sprintf("%s: row %d", db.Name(), n) }
	var kept *keeper
	if keep != "" {
		if kept, err = newKeeper(keep); err != nil {
			return err
		}
		defer kept.abandon()
	}
	var values, into []any
	var singles clients.Singles
	n := 0
	err = db.Query(ctx, func(rows *sql.Rows) error {
		if n == 0 {
			names, err := rows.Columns()
			if err != nil {
				return err
			}
			if err := c.columns(names); err != nil {
				return err
			}
			values, into = scanInto(len(names))
			if kept != nil {
				kept.put(names)
			}
		}
		n++
		if err := scanRow(rows, &singles, into, values); err != nil {
			return err
		}
		if kept != nil {
			kept.put(values)
		}
		if !c.row(n, values) {
			return errStop
		}
		return nil
	}, query, args...)
	if err != nil && !errors.Is(err, errStop) {
		return err
	}
	if err := c.err(); err != nil || kept == nil {
		return err
	}
	return kept.commit()
}

// scanInto makes room for a row, and pointers into it.
func scanInto(n int) (values, into []any) {
	room := make([]any, 2*n)
	values, into = room[:n], room[n:]
	for i := range values {
		into[i] = &values[i]
	}
	return values, into
}

// errStop ends a query whose rows have enough errors.
var errStop = errors.New("enough")

// scanRow scans a row into values that fields are set from: text, int64, float64, bool, time.Time,
// nil.
func scanRow(rows *sql.Rows, singles *clients.Singles, into, values []any) error {
	if err := rows.Scan(into...); err != nil {
		return err
	}
	singles.Correct(rows, values)
	for i, v := range values {
		if text, ok := v.([]byte); ok {
			values[i] = string(text)
		}
	}
	return nil
}

// keeper writes rows to a file, each a line of JSON, the names of columns first. It takes the place
// of the old file when it is whole.
type keeper struct {
	path string
	f    *os.File
	enc  *json.Encoder
	err  error
	done bool
}

func newKeeper(path string) (*keeper, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	return &keeper{path: path, f: f, enc: json.NewEncoder(f)}, nil
}

func (k *keeper) put(v any) {
	if row, ok := v.([]any); ok {
		v = approximate(row)
	}
	if k.err == nil {
		k.err = k.enc.Encode(v)
	}
}

// approximate has floating-point numbers beyond 2^53 be written with an exponent: the digits of a
// whole one would be read as text.
func approximate(row []any) []any {
	large := func(v any) bool { f, ok := v.(float64); return ok && math.Abs(f) > 1<<53 && !math.IsInf(f, 0) }
	if !slices.ContainsFunc(row, large) {
		return row
	}
	row = slices.Clone(row)
	for i, v := range row {
		if large(v) {
			row[i] = json.RawMessage(strconv.FormatFloat(v.(float64), 'e', -1, 64))
		}
	}
	return row
}

func (k *keeper) commit() error {
	k.done = true
	if err := errors.Join(k.err, k.f.Sync(), k.f.Close()); err != nil {
		return fmt.Errorf("keeping the list: %w", err)
	}
	return os.Rename(k.path+".new", k.path)
}

func (k *keeper) abandon() {
	if !k.done {
		_ = k.f.Close()
		_ = os.Remove(k.path + ".new")
	}
}

// readKept reads what a keeper wrote, and when.
func readKept[T any](c *collector[T], path string) (at time.Time, err error) {
	f, err := os.Open(path)
	if err != nil {
		return at, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return at, err
	}
	c.place = func(n int) string { return fmt.Sprintf("%s:%d", path, n+1) }
	d := json.NewDecoder(f)
	var names []string
	if err := d.Decode(&names); err != nil {
		if errors.Is(err, io.EOF) { // there was no row
			return info.ModTime(), nil
		}
		return at, err
	}
	if err := c.columns(names); err != nil {
		return at, err
	}
	for n := 1; ; n++ {
		row, err := exact.Decode(d)
		if errors.Is(err, io.EOF) {
			return info.ModTime(), c.err()
		}
		values, _ := row.([]any)
		if err == nil && len(values) != len(names) {
			err = errors.New("a row of another length")
		}
		if err != nil {
			return at, fmt.Errorf("%s: %w", c.place(n), err)
		}
		if !c.row(n, values) {
			return at, c.err()
		}
	}
}
