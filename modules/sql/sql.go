// Package sql is the module "sql": databases for scripts. SQLite, PostgreSQL, and MySQL with
// MariaDB are used through the clients that modules share (package clients): pooled, with
// deadlines, and with a circuit for a server that is unavailable.
//
// Go programs use package clients itself, or database/sql.
package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/sipscript/sipscript/modules/clients"
)

const (
	// maxRows and maxBytes bound one result.
	maxRows  = 10_000
	maxBytes = 8 << 20
	// txTime bounds a transaction from its begin to its end.
	txTime = 30 * time.Second
)

// asker is what a query can be sent with: a database, or a transaction.
type asker interface {
	do(ctx context.Context, f func(ctx context.Context, q queryer) error) error
	bind(query string) string
}

// queryer is what *sql.DB and *sql.Tx have in common.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// database is one that a script has opened.
type database struct{ db *clients.DB }

func (d *database) bind(query string) string { return d.db.Bind(query) }

func (d *database) do(ctx context.Context, f func(context.Context, queryer) error) error {
	return d.db.Do(ctx, func(ctx context.Context, db *sql.DB) error { return f(ctx, db) })
}

// transaction is one that runs. It belongs to the handler that began it.
type transaction struct {
	d    *database
	tx   *sql.Tx
	end  context.CancelFunc
	over bool
}

var errOver = errors.New("the transaction is over: it lives until its function ends")

// begin begins a transaction, which its own deadline ends.
func (d *database) begin(ctx context.Context) (*transaction, error) {
	t := &transaction{d: d}
	whole, end := context.WithTimeout(context.Background(), txTime)
	t.end = end
	err := d.db.Do(ctx, func(_ context.Context, db *sql.DB) (err error) {
		t.tx, err = db.BeginTx(whole, nil)
		return err
	})
	if err != nil {
		end()
		return nil, err
	}
	return t, nil
}

func (t *transaction) bind(query string) string { return t.d.bind(query) }

func (t *transaction) do(ctx context.Context, f func(context.Context, queryer) error) error {
	if t.over {
		return errOver
	}
	return t.d.db.Do(ctx, func(ctx context.Context, _ *sql.DB) error { return f(ctx, t.tx) })
}

// finish ends the transaction.
func (t *transaction) finish(ctx context.Context, commit bool) error {
	t.over = true
	defer t.end()
	return t.d.db.Do(ctx, func(context.Context, *sql.DB) error {
		if commit {
			return t.tx.Commit()
		}
		err := t.tx.Rollback()
		if errors.Is(err, sql.ErrTxDone) { // its deadline was faster
			return nil
		}
		return err
	})
}

// result is the result of a query: rows by column.
type result struct {
	columns []string
	rows    [][]any
}

var errMany = fmt.Errorf("more than %d rows: the query needs a LIMIT", maxRows)
var errLarge = fmt.Errorf("a result of more than %d MiB: the query needs a LIMIT", maxBytes>>20)

// ask sends a query and reads at most that many rows. More than maxRows is an error.
func ask(ctx context.Context, a asker, query string, args []any, most int) (r result, err error) {
	err = a.do(ctx, func(ctx context.Context, q queryer) error {
		rows, err := q.QueryContext(ctx, a.bind(query), args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		r = result{}
		if r.columns, err = rows.Columns(); err != nil {
			return err
		}
		size := 0
		var singles clients.Singles
		for rows.Next() {
			if len(r.rows) == most {
				return nil
			}
			if len(r.rows) == maxRows {
				return errMany
			}
			row := make([]any, len(r.columns))
			into := make([]any, len(row))
			for i := range row {
				into[i] = &row[i]
			}
			if err := rows.Scan(into...); err != nil {
				return err
			}
			singles.Correct(rows, row)
			for i := range row {
				var n int
				row[i], n = value(row[i])
				if size += n; size > maxBytes {
					return errLarge
				}
			}
			r.rows = append(r.rows, row)
		}
		return rows.Err()
	})
	return r, err
}

// change sends a statement and returns how many rows it changed.
func change(ctx context.Context, a asker, query string, args []any) (n int64, err error) {
	err = a.do(ctx, func(ctx context.Context, q queryer) error {
		res, err := q.ExecContext(ctx, a.bind(query), args...)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return n, err
}

// exact is the limit up to which a script's numbers represent all whole numbers.
const exact = 1 << 53

// value is a database's value in the form scripts have it: a string, a number, a boolean or nil. A
// whole number that a script's numbers cannot represent exactly is a string; a time is seconds
// since 1970. n is approximately its size in bytes.
func value(v any) (out any, n int) {
	switch v := v.(type) {
	case nil:
		return nil, 16
	case int64:
		if v > exact || v < -exact {
			return strconv.FormatInt(v, 10), 32
		}
		return float64(v), 16
	case uint64:
		if v > exact {
			return strconv.FormatUint(v, 10), 32
		}
		return float64(v), 16
	case float64:
		return v, 16
	case bool:
		return v, 16
	case string:
		return v, 16 + len(v)
	case []byte:
		return string(v), 16 + len(v)
	case time.Time:
		return float64(v.UnixMicro()) / 1e6, 16
	}
	s := fmt.Sprint(v)
	return s, 16 + len(s)
}

// argument is a value of a script as databases take it: whole numbers are integers.
func argument(v any) any {
	if f, ok := v.(float64); ok && f == math.Trunc(f) && math.Abs(f) <= exact {
		return int64(f)
	}
	return v
}
