// Package outside makes a pool of clients whose servers are functions of a spec: nothing leaves the
// process.
package outside

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/sipscript/sipscript/luabind/spec"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/drivers"
)

// Pool is a pool of clients that call the spec.
func Pool(out spec.Outside) *clients.Pool {
	return clients.New(clients.Options{
		DB:        "postgres://db",
		Drivers:   []clients.Driver{files(out), database(out, "postgres", "postgres", "postgresql"), database(out, "mysql", "mysql")},
		Transport: transport{out},
		Redis:     out.Redis,
	})
}

// transport is HTTP.
type transport struct{ out spec.Outside }

// RoundTrip answers a request.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	var body string
	if r.Body != nil {
		text, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil {
			return nil, err
		}
		body = string(text)
	}
	a, err := t.out.HTTP(r, body)
	if err != nil {
		return nil, err
	}
	h := http.Header{}
	for name, value := range a.Headers {
		h.Set(name, value)
	}
	text := a.Body
	if a.JSON != nil {
		text = string(a.JSON)
		if h.Get("Content-Type") == "" {
			h.Set("Content-Type", "application/json")
		}
	}
	return &http.Response{StatusCode: a.Status, Status: fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text)), Request: r}, nil
}

// database is the driver of one kind of database.
func database(out spec.Outside, name string, schemes ...string) clients.Driver {
	return clients.Driver{Name: name, Schemes: schemes, Open: func(url string, _ bool) (*sql.DB, error) {
		return sql.OpenDB(connector{out, url}), nil
	}}
}

// files are databases in files. Those in the directory of --data are the modules' own, and are
// opened: what a spec answers for is the script's.
func files(out spec.Outside) clients.Driver {
	asked, dir := database(out, "sqlite", "sqlite"), out.Storage().Data
	open := asked.Open
	asked.Open = func(url string, create bool) (*sql.DB, error) {
		if dir != "" && filepath.Dir(strings.TrimPrefix(url, "sqlite:")) == filepath.Clean(dir) {
			return drivers.SQLite().Open(url, create)
		}
		return open(url, create)
	}
	return asked
}

type connector struct {
	out spec.Outside
	url string
}

// Connect is a connection.
func (c connector) Connect(context.Context) (driver.Conn, error) { return conn(c), nil }

// Driver is asked for by nobody who matters.
func (c connector) Driver() driver.Driver { return noDriver{} }

type noDriver struct{}

// Open opens nothing.
func (noDriver) Open(string) (driver.Conn, error) {
	return nil, errors.New("outside: opened by its connector only")
}

// conn answers queries. A transaction is a matter of the spec's functions, which know no others.
type conn connector

func (c conn) Prepare(string) (driver.Stmt, error) {
	return nil, errors.New("outside: nothing is prepared")
}
func (c conn) Close() error              { return nil }
func (c conn) Begin() (driver.Tx, error) { return tx{}, nil }

type tx struct{}

func (tx) Commit() error   { return nil }
func (tx) Rollback() error { return nil }

func (c conn) ask(query string, args []driver.NamedValue) (*spec.SQLAnswer, error) {
	values := make([]any, len(args))
	for i, a := range args {
		values[i] = a.Value
	}
	return c.out.SQL(c.url, query, values)
}

// QueryContext answers a query.
func (c conn) QueryContext(_ context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	a, err := c.ask(query, args)
	if err != nil {
		return nil, err
	}
	return &rows{a: a}, nil
}

// ExecContext answers a statement.
func (c conn) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	a, err := c.ask(query, args)
	if err != nil {
		return nil, err
	}
	return driver.RowsAffected(a.Changed), nil
}

type rows struct {
	a    *spec.SQLAnswer
	next int
}

func (r *rows) Columns() []string { return r.a.Columns }
func (r *rows) Close() error      { return nil }

func (r *rows) Next(into []driver.Value) error {
	if r.next == len(r.a.Rows) {
		return io.EOF
	}
	for i, v := range r.a.Rows[r.next] {
		into[i] = v
	}
	r.next++
	return nil
}
