// Package drivers has the databases that a clients.Pool can open: SQLite, PostgreSQL, and MySQL
// with MariaDB.
package drivers

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/sipscript/sipscript/modules/clients"
)

// All are all of them.
func All() []clients.Driver { return []clients.Driver{SQLite(), Postgres(), MySQL()} }

// SQLite is databases in files: "sqlite:PATH".
func SQLite() clients.Driver {
	return clients.Driver{Name: "sqlite", Schemes: []string{"sqlite"}, Open: openSQLite,
		Missing: func(err error) bool { return strings.Contains(err.Error(), "no such table") },
		Refuses: func(err error) bool {
			var refused *sqlite.Error
			if !errors.As(err, &refused) {
				return false
			}
			switch refused.Code() & 0xff { // without what extends it
			case sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH:
				return true
			}
			return false
		}}
}

// openSQLite opens a file. A new file is accessible only to its owner: with a hash one can log in
// without the password. An existing file keeps its journal mode.
func openSQLite(text string, create bool) (*sql.DB, error) {
	path := strings.TrimPrefix(text, "sqlite:")
	if create {
		// SQLite makes its other files with the mode of this one
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			err = f.Close()
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	} else if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	// busy_timeout: writers wait for each other. WAL: readers don't wait for writers, nor these for
	// them.
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=busy_timeout(5000)"
	if create {
		dsn += "&_pragma=journal_mode(WAL)&_txlock=immediate"
	} else {
		dsn += "&mode=rw"
	}
	return sql.Open("sqlite", dsn)
}

// Postgres is PostgreSQL: "postgres://…".
func Postgres() clients.Driver {
	return clients.Driver{
		Name: "postgres", Schemes: []string{"postgres", "postgresql"},
		Open: func(text string, _ bool) (*sql.DB, error) {
			config, err := pgx.ParseConfig(text)
			if err != nil {
				return nil, err // pgx leaves the password out of it
			}
			return stdlib.OpenDB(*config, stdlib.OptionAfterConnect(lenient)), nil
		},
		Bind: func(n int) string { return "$" + strconv.Itoa(n) },
		Away: func(err error) bool {
			var refused *pgconn.PgError
			if errors.As(err, &refused) {
				// operator intervention (it starts, or stops), connection exceptions, too many of
				// them
				return strings.HasPrefix(refused.Code, "57P") || strings.HasPrefix(refused.Code, "08") || refused.Code == "53300"
			}
			var connect *pgconn.ConnectError
			return errors.As(err, &connect) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
		},
		Missing: func(err error) bool {
			var refused *pgconn.PgError
			return errors.As(err, &refused) && refused.Code == "42P01"
		},
		Refuses: func(err error) bool {
			var refused *pgconn.PgError
			if errors.As(err, &refused) {
				// data exceptions, constraints, a row too large for an index
				return strings.HasPrefix(refused.Code, "22") || strings.HasPrefix(refused.Code, "23") || refused.Code == "54000"
			}
			// pgx says no more
			return err != nil && strings.Contains(err.Error(), "failed to encode args[")
		},
		Again: func(err error) bool {
			var refused *pgconn.PgError
			// serialization, deadlock
			return errors.As(err, &refused) && (refused.Code == "40001" || refused.Code == "40P01")
		},
	}
}

// MySQL is MySQL and MariaDB: "mysql://USER:PASSWORD@HOST:PORT/DATABASE". A socket is named by a
// parameter: "mysql://USER@/DATABASE?socket=/run/mysqld/mysqld.sock"; others are the driver's.
func MySQL() clients.Driver {
	return clients.Driver{
		Name: "mysql", Schemes: []string{"mysql", "mariadb"}, Open: openMySQL,
		Away: func(err error) bool {
			var refused *mysql.MySQLError
			if errors.As(err, &refused) {
				// Too many connections, it stops
				return refused.Number == 1040 || refused.Number == 1053
			}
			return errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, io.EOF)
		},
		Missing: func(err error) bool {
			var refused *mysql.MySQLError
			return errors.As(err, &refused) && refused.Number == 1146
		},
		Refuses: func(err error) bool {
			var refused *mysql.MySQLError
			if !errors.As(err, &refused) {
				return errors.Is(err, mysql.ErrPktTooLarge)
			}
			switch refused.Number {
			// too large, cut, not of the type, no partition, a constraint
			case 1153, 1265, 1366, 1526, 3819:
				return true
			}
			state := string(refused.SQLState[:])
			return strings.HasPrefix(state, "22") || strings.HasPrefix(state, "23")
		},
		Again: func(err error) bool {
			var refused *mysql.MySQLError
			return errors.As(err, &refused) && refused.Number == 1213 // deadlock
		},
	}
}

func openMySQL(text string, _ bool) (*sql.DB, error) {
	config, err := mysqlConfig(text)
	if err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// mysqlConfig reads a URL. Errors leave the password out.
func mysqlConfig(text string) (*mysql.Config, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("expected mysql://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	config := mysql.NewConfig()
	config.InterpolateParams = true // one way there and back, not three
	config.ClientFoundRows = true   // an UPDATE counts rows as in the other databases
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	config.DBName = strings.TrimPrefix(u.Path, "/")
	if config.DBName == "" {
		return nil, errors.New("the URL names no database: mysql://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	params := u.Query()
	config.Net, config.Addr = "tcp", u.Host
	if u.Port() == "" {
		config.Addr = u.Host + ":3306"
	}
	if socket := params.Get("socket"); socket != "" {
		config.Net, config.Addr = "unix", socket
	}
	params.Del("socket")
	// The driver reads its parameters only from its own kind of string.
	dsn := config.FormatDSN()
	if len(params) > 0 {
		joint := "?"
		if strings.Contains(dsn, "?") {
			joint = "&"
		}
		if config, err = mysql.ParseDSN(dsn + joint + params.Encode()); err != nil {
			return nil, fmt.Errorf("the URL's parameters: %w", err)
		}
	}
	config.Logger = &mysql.NopLogger{} // errors are returned as well
	return config, nil
}
