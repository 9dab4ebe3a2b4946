package source_test

// This file makes tables by their schema, and reads lists from them.

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/drivers"
	"github.com/sipscript/sipscript/modules/source"
)

// kinds is an entry with a field of each kind.
type kinds struct {
	Name    string         `lua:"name,required" source:"key" doc:"what it is called"`
	Number  int            `lua:"number"`
	Share   float64        `lua:"share"`
	Up      bool           `lua:"up"`
	Timeout time.Duration  `lua:"timeout"`
	From    *time.Time     `lua:"from"`
	Codecs  []string       `lua:"codecs"`
	Attrs   map[string]any `lua:"attrs"`
	Any     any            `lua:"any"`
}

const kindsQuery = `SELECT name, number, share, up, timeout, from_time AS "from", codecs, attrs, anything AS "any" FROM things WHERE list = 'x' AND zone = 3 ORDER BY id`

func TestSchemaIsRead(t *testing.T) {
	url := "sqlite:" + filepath.Join(t.TempDir(), "x.db")
	pool := clients.New(clients.Options{Drivers: drivers.All()})
	db, err := pool.DB(url, clients.DBOptions{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	exec(t, db, source.Schema[kinds]("sqlite", kindsQuery)...)
	exec(t, db, `INSERT INTO things (list, zone, name, number, share, up, timeout, from_time, codecs, attrs, anything) VALUES
		('x', 3, 'a', 7, 0.5, TRUE, 1.5, '2026-01-31 12:00:00', 'PCMA, PCMU', '{"k": "v"}', 'z'), ('x', 3, 'b', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), ('y', 3, 'c', 1, 1, FALSE, 1, NULL, '', '', '')`)
	l, err := source.Open(t.Context(), source.Spec{URL: url}, source.Options[kinds, []kinds]{Name: "things", Clients: pool, Query: kindsQuery,
		Build: func(list []kinds) ([]kinds, error) { return list, nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	list := l.Get()
	if len(list) != 2 || list[1].Name != "b" || list[1].From != nil {
		t.Fatalf("%+v", list)
	}
	if a := list[0]; a.Number != 7 || a.Share != 0.5 || !a.Up || a.Timeout != 1500*time.Millisecond || a.From == nil || a.From.Hour() != 12 || len(a.Codecs) != 2 ||
		a.Attrs["k"] != "v" || a.Any != "z" {
		t.Errorf("%+v", a)
	}
}

func TestSchemaOfDatabases(t *testing.T) {
	for kind, wants := range map[string][]string{
		"sqlite":   {"id INTEGER PRIMARY KEY", "list VARCHAR(255) NOT NULL", "zone BIGINT NOT NULL", "name VARCHAR(255) NOT NULL, -- what it is called", "share REAL", "from_time TEXT", "CREATE INDEX things_list_zone ON things (list, zone)"},
		"postgres": {"id BIGSERIAL PRIMARY KEY", "share DOUBLE PRECISION", "from_time TIMESTAMPTZ", "up BOOLEAN", "attrs TEXT"},
		"mysql":    {"id BIGINT AUTO_INCREMENT PRIMARY KEY", "name VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL", "timeout DOUBLE", "from_time DATETIME"},
	} {
		t.Run(kind, func(t *testing.T) {
			text := strings.Join(source.Schema[kinds](kind, kindsQuery), ";\n")
			for _, want := range wants {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in\n%s", want, text)
				}
			}
		})
	}
	if text := strings.Join(source.Schema[kinds]("sqlite", `SELECT number FROM things WHERE name = ?`, "name"), "\n"); !strings.Contains(text, "UNIQUE (name)") || strings.Contains(text, "INDEX") {
		t.Errorf("%s", text)
	}
	for _, query := range []string{"DELETE FROM x", "SELECT nothing FROM things", "SELECT max(number) FROM things"} {
		t.Run(query, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it is a schema")
				}
			}()
			source.Schema[kinds]("sqlite", query)
		})
	}
}
