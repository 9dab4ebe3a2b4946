package sink

// Kamailio's tables, as Debian's kamailio makes them: acc has a row for the INVITE and the BYE of
// each call that was answered, missed_calls one for each that was not, and acc_cdrs its times.

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/modules/acc/cdr"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/internal/spool"
)

// kamailio is a database with Kamailio's tables. These have no key by which a record would be
// known: calls whose Call-ID, tag and time are there are left out.
type kamailio struct {
	db                *clients.DB
	acc, missed, cdrs []string // the columns that are filled; nil: not asked yet
}

// row is a row of acc or missed_calls.
type row struct {
	r      *cdr.Record
	method string
	code   int
	reason string
	at     cdr.Time
}

// Write inserts rows for the calls, in one transaction.
func (s *kamailio) Write(ctx context.Context, list []spool.Record) error {
	records, err := decode(list)
	if err != nil {
		return err
	}
	records = slices.DeleteFunc(records, func(r *cdr.Record) bool { return r.Type != cdr.Call })
	if err := s.look(ctx); err != nil || len(records) == 0 {
		return err
	}
	err = s.db.Tx(ctx, func(ctx context.Context, tx *sql.Tx) error { return s.write(ctx, tx, records) })
	if err != nil {
		s.acc = nil
	}
	return refusal(s.db, err)
}

// Close gives the database back.
func (s *kamailio) Close() error { return s.db.Close() }

// look finds out which columns there are.
func (s *kamailio) look(ctx context.Context) (err error) {
	if s.acc != nil {
		return nil
	}
	for _, t := range []struct {
		name  string
		names *[]string
	}{{"missed_calls", &s.missed}, {"acc_cdrs", &s.cdrs}, {"acc", &s.acc}} {
		all, err := columnsOf(ctx, s.db, t.name)
		if err != nil {
			return err
		}
		*t.names = slices.DeleteFunc(all, func(n string) bool { return n == "id" })
	}
	return nil
}

func (s *kamailio) write(ctx context.Context, tx *sql.Tx, records []*cdr.Record) error {
	there, err := s.known(ctx, tx, records)
	if err != nil {
		return err
	}
	var acc, missed []row
	var done []*cdr.Record
	for _, r := range records {
		k := keyOf(r.CallID, r.FromTag, kamailioTime(r))
		if there[k] {
			continue
		}
		there[k] = true
		if r.Answered.IsZero() {
			missed = append(missed, row{r, "INVITE", r.Code, r.Reason, r.Ended})
			continue
		}
		acc = append(acc, row{r, "INVITE", 200, "OK", r.Answered})
		if r.Cause != "lost" {
			acc = append(acc, row{r, "BYE", 200, "OK", r.Ended})
		}
		done = append(done, r)
	}
	err = insert(ctx, s.db, tx, "acc", s.acc, len(acc), func(i int, name string) any { return s.value(acc[i], name) }, false)
	if err == nil {
		err = insert(ctx, s.db, tx, "missed_calls", s.missed, len(missed), func(i int, name string) any { return s.value(missed[i], name) }, false)
	}
	if err == nil {
		err = insert(ctx, s.db, tx, "acc_cdrs", s.cdrs, len(done), func(i int, name string) any { return s.cdrValue(done[i], name) }, false)
	}
	return err
}

// kamailioTime is the time of the first row of a call, in seconds as the tables have it.
func kamailioTime(r *cdr.Record) string {
	at := r.Answered
	if at.IsZero() {
		at = r.Ended
	}
	return at.UTC().Format("2006-01-02 15:04:05")
}

func keyOf(callID, tag, at string) string {
	return cut(callID, 255) + "\x00" + cut(tag, 128) + "\x00" + at
}

// known are the keys of the calls that are there.
func (s *kamailio) known(ctx context.Context, tx *sql.Tx, records []*cdr.Record) (map[string]bool, error) {
	there := map[string]bool{}
	var ids []any
	for _, r := range records {
		ids = append(ids, cut(r.CallID, 255))
	}
	places := "?" + strings.Repeat(", ?", len(ids)-1)
	for _, table := range []string{"acc", "missed_calls"} {
		found, err := tx.QueryContext(ctx, s.db.Bind("SELECT callid, from_tag, time FROM "+table+" WHERE method = 'INVITE' AND callid IN ("+places+")"), ids...)
		if err != nil {
			return nil, err
		}
		for found.Next() {
			var id, tag string
			var at any
			if err := found.Scan(&id, &tag, &at); err != nil {
				_ = found.Close()
				return nil, err
			}
			there[keyOf(id, tag, timeText(at))] = true
		}
		if err := found.Err(); err != nil {
			return nil, err
		}
		_ = found.Close()
	}
	return there, nil
}

// value is a column of a row of acc or missed_calls.
func (s *kamailio) value(x row, name string) any {
	switch name {
	case "method":
		return x.method
	case "from_tag":
		return cut(x.r.FromTag, 128)
	case "to_tag":
		return cut(x.r.ToTag, 128)
	case "callid":
		return cut(x.r.CallID, 255)
	case "sip_code":
		return strconv.Itoa(x.code)
	case "sip_reason":
		return cut(x.reason, 128)
	case "time":
		return s.time(x.at)
	}
	return extra(x.r, name)
}

// cdrValue is a column of acc_cdrs.
func (s *kamailio) cdrValue(r *cdr.Record, name string) any {
	switch name {
	case "start_time":
		return s.time(r.Answered)
	case "end_time":
		return s.time(r.Ended)
	case "duration":
		return r.Duration
	}
	return extra(r, name)
}

func (s *kamailio) time(t cdr.Time) any { return t.UTC().Format("2006-01-02 15:04:05") }

// extra is a column that an administrator added, for Kamailio's db_extra and cdr_extra: those of
// its documentation, and the script's fields.
func extra(r *cdr.Record, name string) any {
	if v, ok := r.Fields[name]; ok {
		return fieldValue(v)
	}
	switch name {
	case "callid", "call_id":
		return r.CallID
	case "src_user":
		return userOf(r.FromURI)
	case "src_domain":
		return hostOf(r.FromURI)
	case "src_ip":
		return addressOf(r.Source)
	case "dst_ouser":
		return userOf(r.ToURI)
	case "dst_user":
		return userOf(r.RequestURI)
	case "dst_domain":
		return hostOf(r.RequestURI)
	}
	if isColumn(name) {
		if t, ok := valueOf(r, name).(cdr.Time); ok {
			return timeValue("sqlite", t)
		}
		return valueOf(r, name)
	}
	return ""
}
