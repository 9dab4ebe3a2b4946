package sink

// Databases.

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sipscript/sipscript/modules/acc/cdr"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/internal/spool"
)

// Table is our own table.
const Table = "acc_records"

// mostRows is how many rows one statement inserts: SQLite takes 32766 values.
const mostRows = 500

// Rows is a database with our own table, or, with the layout "kamailio", Kamailio's.
func Rows(db *clients.DB, layout string) Sink {
	if layout == "kamailio" {
		return &kamailio{db: db}
	}
	return &rows{db: db}
}

// rows is a database with our own table. Records it has are known by their id.
type rows struct {
	db    *clients.DB
	names []string // of the columns of the table, those that are filled; nil: not asked yet
	ready prepared
}

// Write inserts the records, in one transaction.
func (s *rows) Write(ctx context.Context, list []spool.Record) error {
	records, err := decode(list)
	if err != nil {
		return err
	}
	if s.names == nil {
		if s.names, err = s.look(ctx); err != nil {
			return err
		}
	}
	value := func(i int, name string) any { return ownValue(s.db.Kind(), records[i], name) }
	if s.db.Kind() == "sqlite" {
		err = s.ready.prepare(ctx, s.db, s.names)
	}
	if err == nil {
		err = s.db.Tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
			if s.ready.one != nil {
				return s.ready.insert(ctx, tx, s.names, len(records), value)
			}
			return insert(ctx, s.db, tx, Table, s.names, len(records), value, true)
		})
	}
	if err != nil {
		s.names = nil // the table may be another one now
		s.ready.close()
	}
	return refusal(s.db, err)
}

// look finds out which columns there are. A table in a file is made if it is missing: nobody else
// would.
func (s *rows) look(ctx context.Context) ([]string, error) {
	names, err := columnsOf(ctx, s.db, Table)
	if err == nil || s.db.Kind() != "sqlite" || !s.db.Missing(err) {
		return names, err
	}
	err = s.db.Do(ctx, func(ctx context.Context, db *sql.DB) error {
		for _, statement := range ownSchema("sqlite") {
			if _, err := db.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return columnsOf(ctx, s.db, Table)
}

// Close gives the database back.
func (s *rows) Close() error {
	s.ready.close()
	return s.db.Close()
}

// decode reads records.
func decode(list []spool.Record) ([]*cdr.Record, error) {
	records := make([]*cdr.Record, len(list))
	for i := range list {
		var err error
		if records[i], err = read(&list[i]); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrValues, err)
		}
	}
	return records, nil
}

// refusal tells an error of the statement from that of a server that is away, or of a table that is
// missing, and one that is the records' fault from one that may be.
func refusal(db *clients.DB, err error) error {
	if err == nil || errors.Is(err, clients.ErrAway) || db.Missing(err) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if db.Refuses(err) {
		return fmt.Errorf("%w: %w", ErrValues, err)
	}
	return fmt.Errorf("%w: %w", ErrRefused, err)
}

// columnsOf are the columns of a table that is there.
func columnsOf(ctx context.Context, db *clients.DB, table string) (names []string, err error) {
	err = db.Do(ctx, func(ctx context.Context, h *sql.DB) error {
		found, err := h.QueryContext(ctx, "SELECT * FROM "+table+" LIMIT 0")
		if err != nil {
			return err
		}
		defer found.Close()
		if names, err = found.Columns(); err != nil {
			return err
		}
		return found.Err()
	})
	if err != nil && db.Missing(err) {
		err = fmt.Errorf("%w; `sipscript schema acc --database %s` makes the tables", err, db.Kind())
	}
	return names, err
}

// ownValue is a column of our table: a column that is none of a record is a field of the script's.
func ownValue(database string, r *cdr.Record, name string) any {
	switch v := valueOf(r, name).(type) {
	case cdr.Time:
		return timeValue(database, v)
	case string:
		if name == "call_id" {
			return cut(v, 255)
		}
		if v != "" || isColumn(name) {
			return v
		}
	default:
		return v
	}
	return fieldValue(r.Fields[name])
}

func isColumn(name string) bool {
	for _, c := range columns {
		if c == name {
			return true
		}
	}
	return false
}

// fieldValue is a script's field as a database takes it.
func fieldValue(v any) any {
	switch v := v.(type) {
	case nil, string, float64, bool:
		return v
	}
	return jsonText(v)
}

// timeValue is a moment, NULL for none.
func timeValue(database string, t cdr.Time) any {
	switch {
	case t.IsZero():
		return nil
	case database == "sqlite":
		return t.String()
	}
	return t.UTC().Truncate(time.Millisecond) // as in its text
}

// sqliteRows is how many rows a statement of SQLite inserts. There is no round trip to save; one
// that is long takes more for its values than it saves.
const sqliteRows = 16

// prepared are statements of SQLite, which are read once: reading one costs more than its rows.
type prepared struct{ one, many *sql.Stmt }

// prepare reads them, unless that was done.
func (p *prepared) prepare(ctx context.Context, db *clients.DB, names []string) error {
	if p.one != nil {
		return nil
	}
	return db.Do(ctx, func(ctx context.Context, h *sql.DB) (err error) {
		if p.many, err = h.PrepareContext(ctx, insertion(db, Table, names, sqliteRows, true)); err != nil {
			return err
		}
		if p.one, err = h.PrepareContext(ctx, insertion(db, Table, names, 1, true)); err != nil {
			p.close()
		}
		return err
	})
}

func (p *prepared) close() {
	for _, s := range [...]*sql.Stmt{p.one, p.many} {
		if s != nil {
			_ = s.Close() // they are of no more use
		}
	}
	*p = prepared{}
}

// insert inserts n rows.
func (p *prepared) insert(ctx context.Context, tx *sql.Tx, names []string, n int, value func(i int, name string) any) error {
	one, many := tx.StmtContext(ctx, p.one), tx.StmtContext(ctx, p.many)
	args := make([]any, 0, min(n, sqliteRows)*len(names))
	for from, rows := 0, 0; from < n; from += rows {
		statement := one
		if rows = 1; n-from >= sqliteRows {
			statement, rows = many, sqliteRows
		}
		args = args[:0]
		for i := from; i < from+rows; i++ {
			for _, name := range names {
				args = append(args, value(i, name))
			}
		}
		if _, err := statement.ExecContext(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// insert inserts n rows. known: rows whose id is there are left as they are.
func insert(ctx context.Context, db *clients.DB, tx *sql.Tx, table string, names []string, n int, value func(i int, name string) any, known bool) error {
	most, lasting := mostRows, db.Kind() == "sqlite"
	if lasting {
		most = sqliteRows
	}
	var whole *sql.Stmt // of most rows
	args := make([]any, 0, min(n, most)*len(names))
	for from := 0; from < n; from += most {
		to := min(n, from+most)
		args = args[:0]
		for i := from; i < to; i++ {
			for _, name := range names {
				args = append(args, value(i, name))
			}
		}
		var err error
		switch {
		case !lasting || to-from < most:
			_, err = tx.ExecContext(ctx, insertion(db, table, names, to-from, known), args...)
		case whole == nil:
			if whole, err = tx.PrepareContext(ctx, insertion(db, table, names, most, known)); err != nil {
				return err
			}
			defer whole.Close()
			_, err = whole.ExecContext(ctx, args...)
		default:
			_, err = whole.ExecContext(ctx, args...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// insertion is the statement that inserts so many rows.
func insertion(db *clients.DB, table string, names []string, rows int, known bool) string {
	place := "(?" + strings.Repeat(", ?", len(names)-1) + ")"
	text := "INSERT INTO " + table + " (" + quoted(db.Kind(), names) + ") VALUES " + place + strings.Repeat(", "+place, rows-1)
	switch {
	case known && db.Kind() == "mysql": // INSERT IGNORE would hide other errors as well
		text += " ON DUPLICATE KEY UPDATE id = id"
	case known:
		text += " ON CONFLICT (id) DO NOTHING"
	}
	return db.Bind(text)
}

// quoted are names of columns.
func quoted(database string, names []string) string {
	quote := `"`
	if database == "mysql" {
		quote = "`"
	}
	return quote + strings.Join(names, quote+", "+quote) + quote
}
