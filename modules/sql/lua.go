package sql

// This file is the module "sql" of scripts. It only translates; README.md describes what scripts
// see.

import (
	"context"
	"fmt"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/clients"
)

// SQL is the module.
type SQL struct {
	pool *clients.Pool
}

// New makes the module. Its databases are opened in pool.
func New(pool *clients.Pool) *SQL { return &SQL{pool: pool} }

// Doc describes the module.
func (*SQL) Doc() string { return "Databases: SQLite, PostgreSQL, MySQL and MariaDB." }

// Name is "sql".
func (*SQL) Name() string { return "sql" }

// Open makes the module of one script generation.
func (s *SQL) Open(*luabind.Host) (luabind.Module, error) {
	return &module{pool: s.pool, open: map[string]*database{}}, nil
}

// module is sql within one script generation. open is written while the file loads.
type module struct {
	pool *clients.Pool
	open map[string]*database // by URL and options
}

// Close gives the databases back: those that the next generation has open too stay connected.
func (m *module) Close() error {
	var failed error
	for _, d := range m.open {
		if err := d.db.Close(); err != nil {
			failed = err
		}
	}
	return failed
}

// openOptions are those of sql.open.
type openOptions struct {
	Pool    int           `lua:"pool" min:"1" max:"1000" default:"8" doc:"maximum number of connections; whoever opens a database first decides for all"`
	Timeout time.Duration `lua:"timeout" min:"0.001" max:"300" default:"5" doc:"of one query"`
	Create  bool          `lua:"create" default:"false" doc:"create a SQLite database that does not exist"`
}

// Functions of the module.
func (m *module) Functions() []luabind.Function {
	return []luabind.Function{
		luabind.Try2(luabind.Function{Name: "open", Where: luabind.AtLoad,
			Doc: "A database by its URL: \"sqlite:PATH\", \"postgres://user:password@host/name\" or \"mysql://user:password@host/name\"; without one, or by \"db:\", " +
				"that of --db. It connects with the first query. Connections survive reloads.",
			Raises:  "for a URL of another kind, and a missing SQLite file",
			Example: `local db = sql.open("postgres://sip@127.0.0.1/pbx", { timeout = 2 })`},
			luabind.TextArg("url", "of the database").Default(clients.DefaultDB, "that of --db"), luabind.OptionsArg(openOptions{}), luabind.ReturnsObject[*database](databaseType, ""), m.database),
	}
}

func (m *module) database(_ *luabind.Call, url string, o openOptions) (*database, error) {
	key := fmt.Sprint(o, url)
	if d := m.open[key]; d != nil { // opened by another lane
		return d, nil
	}
	db, err := m.pool.DB(url, clients.DBOptions{Conns: o.Pool, Timeout: o.Timeout, Create: o.Create})
	if err != nil {
		return nil, err
	}
	d := &database{db}
	m.open[key] = d
	return d, nil
}

var databaseType = &luabind.ObjectType{
	Name: "database", Doc: "The result of sql.open. Queries are written with \"?\" for each parameter, whatever the database.",
	Methods: append(queries[*database]("db"), luabind.Func2(luabind.Function{Name: "transaction", Waits: true,
		Doc: "Calls fn with a transaction, commits when fn ends, and returns fn's results. It is rolled back if fn raises an error, which is passed on, if fn returns nil and " +
			"an error, and after 30 s. Nothing is retried automatically.",
		Example: "db:transaction(function(tx)\n  tx:exec(\"UPDATE accounts SET credit = credit - ? WHERE name = ?\", 1, \"alice\")\nend)"},
		luabind.Self[*database](), luabind.FuncArg("fn", "function(tx)", ""),
		luabind.ReturnsOf(func(_ *luabind.Call, n int) int { return n }, luabind.Result{Type: luabind.Any, OrNil: true, Doc: "what fn returned; nil, err if it failed"}),
		transact)),
}

var transactionType = &luabind.ObjectType{
	Name: "transaction", Doc: "What the function of db:transaction gets. It lives until that function ends.",
	Methods: queries[*transaction]("tx"),
}

// ObjectType makes it an object of scripts.
func (*database) ObjectType() *luabind.ObjectType { return databaseType }

// String is the URL without its password.
func (d *database) String() string { return d.db.Name() }

// ObjectType makes it an object of scripts.
func (*transaction) ObjectType() *luabind.ObjectType { return transactionType }

// queries are the methods that databases and transactions share.
func queries[O interface {
	luabind.Object
	asker
}](variable string) []luabind.Function {
	self := luabind.Self[O]()
	query := luabind.TextArg("query", "with \"?\" for each parameter")
	args := parametersArg
	example := func(method, rest string) string { return "local x, err = " + variable + ":" + method + rest }
	return []luabind.Function{
		luabind.Try3(luabind.Function{Name: "rows", Waits: true, Doc: fmt.Sprintf("All rows that a query finds, at most %d, each a table by column. NULL is nil.", maxRows),
			Example: example("rows", `("SELECT uri, q FROM targets WHERE name = ? ORDER BY q DESC", "alice")`)},
			self, query, args, luabind.ReturnsValue(luabind.List, "of tables"), func(c *luabind.Call, o O, query string, args []any) (any, error) {
				r, err := waiting(c, func(ctx context.Context) (result, error) { return ask(ctx, o, query, args, -1) })
				list := make([]any, len(r.rows))
				for i := range r.rows {
					list[i] = r.row(i)
				}
				return list, err
			}),
		luabind.Try3(luabind.Function{Name: "row", Waits: true, Doc: "The first row that a query finds, a table by column; a single nil if it finds none.",
			Example: example("row", `("SELECT uri, q FROM targets WHERE name = ?", "alice")`)},
			self, query, args, luabind.ReturnsValue(luabind.Table, ""), func(c *luabind.Call, o O, query string, args []any) (any, error) {
				r, err := waiting(c, func(ctx context.Context) (result, error) { return ask(ctx, o, query, args, 1) })
				if err != nil || len(r.rows) == 0 {
					return nil, err
				}
				return r.row(0), nil
			}),
		luabind.Try3(luabind.Function{Name: "value", Waits: true, Doc: "The first column of the first row that a query finds; a single nil if it finds none.",
			Example: example("value", `("SELECT count(*) FROM targets WHERE name = ?", "alice")`)},
			self, query, args, luabind.ReturnsValue(luabind.Any, ""), func(c *luabind.Call, o O, query string, args []any) (any, error) {
				r, err := waiting(c, func(ctx context.Context) (result, error) { return ask(ctx, o, query, args, 1) })
				if err != nil || len(r.rows) == 0 || len(r.columns) == 0 {
					return nil, err
				}
				return r.rows[0][0], nil
			}),
		luabind.Try3(luabind.Function{Name: "exec", Waits: true, Doc: "Changes something.",
			Example: example("exec", `("UPDATE targets SET q = ? WHERE name = ?", 0.5, "alice")`)},
			self, query, args, luabind.ReturnsInt("the number of changed rows"), func(c *luabind.Call, o O, query string, args []any) (int, error) {
				n, err := waiting(c, func(ctx context.Context) (int64, error) { return change(ctx, o, query, args) })
				return int(n), err
			}),
	}
}

// parametersArg are the parameters of a query.
var parametersArg = luabind.ArgOf(func(c *luabind.Call, n int) []any {
	var args []any
	for ; n <= c.Len(); n++ {
		switch c.Kind(n) {
		case luabind.URIType:
			args = append(args, c.URIText(n))
		case luabind.Table, luabind.FunctionType:
			c.Raise("a parameter must be a string, a number, a boolean, nil or a uri, not %s", c.Describe(n))
		default:
			args = append(args, argument(c.Value(n)))
		}
	}
	return args
}, luabind.Param{Name: "parameter", Type: luabind.Any, Optional: true, Rest: true, Doc: "a string, a number, a boolean, nil or a uri"})

// waiting calls f with the lane lent.
func waiting[T any](c *luabind.Call, f func(ctx context.Context) (T, error)) (out T, err error) {
	c.Await(func(ctx context.Context) { out, err = f(ctx) })
	return out, err
}

// row is a row as a table by column. Of two columns with one name the first is used.
func (r *result) row(i int) map[string]any {
	m := make(map[string]any, len(r.columns))
	for j, name := range r.columns {
		if _, twice := m[name]; !twice {
			m[name] = r.rows[i][j]
		}
	}
	return m
}

func transact(c *luabind.Call, d *database, fn *luabind.Func) int {
	t, err := waiting(c, func(ctx context.Context) (*transaction, error) { return d.begin(ctx) })
	if err != nil {
		return c.Fail(err)
	}
	done := false
	defer func() { // a script that is stopped
		if !done {
			t.over = true
			t.end()
		}
	}()
	results, failed := fn.Call(t)
	undo := failed != nil || len(results) > 1 && results[0] == nil && results[1] != nil
	_, err = waiting(c, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, t.finish(context.WithoutCancel(ctx), !undo)
	})
	done = true
	switch {
	case failed != nil:
		c.Rethrow(failed)
	case err != nil && !undo:
		return c.Fail(err)
	}
	for _, x := range results {
		c.Push(x)
	}
	return len(results)
}
