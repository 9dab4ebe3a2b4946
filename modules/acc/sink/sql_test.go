//go:build unix

package sink

// This file tests databases: SQLite, PostgreSQL and MariaDB.

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/internal/mariadbtest"
	"github.com/sipscript/sipscript/internal/pgtest"
	"github.com/sipscript/sipscript/modules/acc/cdr"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/drivers"
	"github.com/sipscript/sipscript/modules/internal/spool"
)

// database is one kind, and how it is stopped and started.
type database struct {
	url         string
	stop, start func()
}

// eachDatabase runs a test with each kind.
func eachDatabase(t *testing.T, test func(t *testing.T, d database, open func(layout string) Sink, db *clients.DB)) {
	for kind, start := range map[string]func(t *testing.T) database{
		"sqlite": func(t *testing.T) database { return database{url: "sqlite:" + filepath.Join(t.TempDir(), "acc.db")} },
		"postgres": func(t *testing.T) database {
			s := pgtest.Start(t)
			return database{s.URL, s.Stop, s.Start}
		},
		"mysql": func(t *testing.T) database {
			s := mariadbtest.Start(t)
			return database{s.URL, s.Stop, s.Start}
		},
	} {
		t.Run(kind, func(t *testing.T) {
			d := start(t)
			pool := clients.New(clients.Options{Drivers: drivers.All()})
			handle := func() *clients.DB {
				db, err := pool.DB(d.url, clients.DBOptions{Create: true})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = db.Close() })
				return db
			}
			test(t, d, func(layout string) Sink { return Rows(handle(), layout) }, handle())
		})
	}
}

func exec(t *testing.T, db *clients.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		err := db.Do(t.Context(), func(ctx context.Context, h *sql.DB) error {
			_, err := h.ExecContext(ctx, s)
			return err
		})
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// table is what a query finds, each row a line.
func table(t *testing.T, db *clients.DB, query string) (lines string) {
	t.Helper()
	err := db.Query(t.Context(), func(rows *sql.Rows) error {
		names, err := rows.Columns()
		if err != nil {
			return err
		}
		values, into := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		var line []string
		for _, v := range values {
			line = append(line, v.String)
		}
		lines += strings.Join(line, "|") + "\n"
		return nil
	}, query)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// Our own table: every column, records that come again, a field with a column of its own, a record
// that is refused, a table that is missing, a database that is away.
func TestDatabases(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database, open func(layout string) Sink, db *clients.DB) {
		s := open("")
		if d.stop != nil {
			if err := s.Write(t.Context(), spooled(t, recordOf(0))); err == nil || errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "sipscript schema acc") {
				t.Errorf("without a table: %v", err)
			}
			exec(t, db, Schema("", db.Kind())...)
		}
		hostile := recordOf(1)
		hostile.UserAgent, hostile.ToURI = "é 🎉 ' \" \\ ; DROP TABLE acc_records", "sip:"+strings.Repeat("x", 900)+"@h"
		write(t, s, recordOf(0), hostile)
		write(t, s, recordOf(0), hostile, failed(2))
		var many []*cdr.Record
		for n := range 1100 {
			many = append(many, recordOf(n))
		}
		write(t, s, many...)
		if got := table(t, db, "SELECT count(*), count(DISTINCT id) FROM acc_records"); got != "1100|1100\n" {
			t.Error(got)
		}
		if got := table(t, db, "SELECT user_agent, to_uri FROM acc_records WHERE call_id = '"+hostile.CallID+"'"); got != hostile.UserAgent+"|"+hostile.ToURI+"\n" {
			t.Error(got)
		}
		got := table(t, db, "SELECT type, from_uri, duration, code, cause, ended_by, reason, legs, fields FROM acc_records WHERE id IN ('"+recordOf(0).ID+"', '"+failed(2).ID+"') ORDER BY id")
		legs := `[{"target":"sip:bob@10.0.0.3","began":"2026-11-30T12:00:0%d.123Z","code":200}]|{"customer":"7","rate":0.5}` + "\n"
		want := fmt.Sprintf("call|sip:alice@example.com|10.5|200|answered|caller||"+legs, 0) + fmt.Sprintf("call|sip:alice@example.com|0|486|busy|caller|Busy \"Here\",\nnow|"+legs, 2)
		if got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
		if got := table(t, db, "SELECT count(*) FROM acc_records WHERE answered IS NULL"); got != "1\n" {
			t.Error(got)
		}
		exec(t, db, "ALTER TABLE acc_records ADD COLUMN customer VARCHAR(2) CHECK (length(customer) < 3)")
		fresh := open("")
		// PostgreSQL's driver may have other columns in mind
		_ = fresh.Write(t.Context(), spooled(t, recordOf(2000)))
		write(t, fresh, recordOf(2000))
		bad := recordOf(2001)
		bad.Fields["customer"] = "much too long"
		if err := fresh.Write(t.Context(), spooled(t, recordOf(2002), bad)); !errors.Is(err, ErrValues) {
			t.Errorf("too long for its column: %v", err)
		}
		oneRefused(t, fresh, recordOf(2004), bad, recordOf(2005))
		exec(t, db, "ALTER TABLE acc_records RENAME COLUMN reason TO why")
		if err := fresh.Write(t.Context(), spooled(t, recordOf(2006))); !errors.Is(err, ErrRefused) || errors.Is(err, ErrValues) {
			t.Errorf("a column is gone: %v", err)
		}
		exec(t, db, "ALTER TABLE acc_records RENAME COLUMN why TO reason")
		if got := table(t, db, "SELECT customer FROM acc_records WHERE id = '"+recordOf(2000).ID+"'"); got != "7\n" {
			t.Error(got)
		}
		if d.stop == nil {
			return
		}
		d.stop()
		if err := fresh.Write(t.Context(), spooled(t, recordOf(2003))); err == nil || errors.Is(err, ErrRefused) {
			t.Errorf("away: %v", err)
		}
		d.start()
		for err := errors.New(""); err != nil; {
			if err = fresh.Write(t.Context(), spooled(t, recordOf(2003))); err != nil && !errors.Is(err, clients.ErrAway) {
				t.Fatal(err)
			}
		}
	})
}

// oneRefused has a worker bring records to a database, the second of which it refuses.
func oneRefused(t *testing.T, to Sink, list ...*cdr.Record) {
	t.Helper()
	s, _, err := spool.Open(spool.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := s.Reader("database")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range spooled(t, list...) {
		if err := s.Append(spool.Key{}, r.Data); err != nil {
			t.Fatal(err)
		}
	}
	dead := make(chan spool.Record, len(list))
	w := NewWorker(Options{Name: "database", Reader: r, Sink: open{to}, Log: slog.New(slog.DiscardHandler),
		Dead: func(r spool.Record, _ error) error { dead <- r; return nil }})
	if r := <-dead; !strings.Contains(string(r.Data), list[1].CallID) {
		t.Errorf("set aside: %s", r.Data)
	}
	if err := w.Close(false); err != nil {
		t.Error(err)
	}
	if f := w.Figures(); f.Written != uint64(len(list)-1) || f.Dead != 1 || f.Away != "" {
		t.Errorf("%+v", f)
	}
}

// open is a sink that stays open.
type open struct{ Sink }

func (open) Close() error { return nil }

// Kamailio's tables, with columns that an administrator added.
func TestKamailio(t *testing.T) {
	eachDatabase(t, func(t *testing.T, _ database, open func(layout string) Sink, db *clients.DB) {
		exec(t, db, Schema("kamailio", db.Kind())...)
		exec(t, db, "ALTER TABLE acc ADD COLUMN src_user VARCHAR(64) DEFAULT '' NOT NULL", "ALTER TABLE acc ADD COLUMN src_ip VARCHAR(64) DEFAULT '' NOT NULL",
			"ALTER TABLE acc ADD COLUMN customer VARCHAR(64) DEFAULT '' NOT NULL", "ALTER TABLE acc_cdrs ADD COLUMN callid VARCHAR(64) DEFAULT '' NOT NULL")
		s := open("kamailio")
		event := &cdr.Record{ID: "e", Type: cdr.Event}
		write(t, s, recordOf(0), failed(1), event)
		write(t, s, recordOf(0), failed(1), event) // as after a kill
		lost := recordOf(2)
		lost.Cause = "lost"
		write(t, open("kamailio"), recordOf(0), lost)
		for query, want := range map[string]string{
			"SELECT method, from_tag, to_tag, callid, sip_code, sip_reason, src_user, src_ip, customer FROM acc ORDER BY id": "INVITE|a1|b1|call-0@10.0.0.2|200|OK|alice|10.0.0.2|7\n" +
				"BYE|a1|b1|call-0@10.0.0.2|200|OK|alice|10.0.0.2|7\nINVITE|a1|b1|call-2@10.0.0.2|200|OK|alice|10.0.0.2|7\n",
			"SELECT method, callid, sip_code FROM missed_calls": "INVITE|call-1@10.0.0.2|486\n",
			"SELECT callid, duration FROM acc_cdrs ORDER BY id": "call-0@10.0.0.2|10.5\ncall-2@10.0.0.2|10.5\n",
		} {
			t.Run(query, func(t *testing.T) {
				if got := table(t, db, query); got != want {
					t.Errorf("%s\nwant\n%s", got, want)
				}
			})
		}
		if got := table(t, db, "SELECT count(*) FROM acc WHERE time = '2026-11-30 12:00:02'"); got != "1\n" {
			t.Error(got)
		}
	})
}

func TestParts(t *testing.T) {
	for uri, want := range map[string]string{"sip:alice@example.com": "alice|example.com", "sip:a:pw@[2001:db8::1]:5060;lr": "a|[2001:db8::1]", "tel:+49301": "|+49301",
		"sip:example.com:5070;x=1": "|example.com", "sip:a;b=c@h": "a;b=c|h", "": "|"} {
		t.Run(uri, func(t *testing.T) {
			if got := userOf(uri) + "|" + hostOf(uri); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
	if got := addressOf("udp:[2001:db8::1]:5060"); got != "2001:db8::1" {
		t.Error(got)
	}
	if got := cut("äöüß", 2); got != "äö" {
		t.Error(got)
	}
}
