package spec

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/sipscript/sipscript/luabind"
)

// This file declares t.http, t.sql and t.redis.

func (w *world) outsideFunctions() []luabind.Function {
	return []luabind.Function{
		luabind.Do2(luabind.Function{Name: "http",
			Doc: "Answers the script's HTTP requests that fit a pattern by a function; nothing leaves the process. Patterns are those of http.handle, with or without a " +
				"host. The function answers at once: it cannot wait. A request that nothing answers fails the test.",
			Example: `t.http("GET /route", function(hreq) return { json = { target = "sip:bob@10.0.0.9" } } end)`},
			luabind.TextArg("pattern", "\"GET /calls/{id}\", \"POST api.example/\""), httpMockArg, w.outside.handleHTTP),
		luabind.Do2(luabind.Function{Name: "sql",
			Doc:     "Answers the script's queries that contain a text, in any case, or all: by rows, or by a function. Of several that fit, the last one answers.",
			Example: "t.sql({ { uri = \"sip:bob@10.0.0.9\" } })\nt.sql(\"update targets\", function(query, q, name) return { changed = 1 } end)"},
			sqlPartArg,
			sqlMockArg, w.sqlMock),
		luabind.Func1(luabind.Function{Name: "redis", Doc: "A Redis in memory, which all of the script's clients reach, dictionaries with redis = true among them, and which ends with the test.",
			Example: "local r = t.redis({ [\"forward:alice\"] = \"sip:bob@10.0.0.9\" })\nt.equal(r:get(\"forward:alice\"), \"sip:bob@10.0.0.9\")"},
			luabind.ValueArg("keys", "{key = text}: what is in it at first").Optional(), luabind.ReturnsObject[*memory](memoryType, ""), w.newRedis),
	}
}

// httpAsked is a request of the script, as the function of t.http gets it.
type httpAsked struct {
	r    *http.Request
	body string
}

type askedKey struct{}

func withAsked(ctx context.Context, a *httpAsked) context.Context {
	return context.WithValue(ctx, askedKey{}, a)
}

func askedOf(ctx context.Context) *httpAsked {
	a, _ := ctx.Value(askedKey{}).(*httpAsked)
	return a
}

var httpAskedType = &luabind.ObjectType{
	Name: "hreq", Doc: "An HTTP request of the script.",
	Fields: []luabind.Field{
		luabind.FieldOf("method", luabind.ReturnsText("GET, POST …"), func(_ *luabind.Call, a *httpAsked) string { return a.r.Method }),
		luabind.FieldOf("url", luabind.ReturnsText("the whole URL"), func(_ *luabind.Call, a *httpAsked) string { return a.r.URL.String() }),
		luabind.FieldOf("path", luabind.ReturnsText("without the query"), func(_ *luabind.Call, a *httpAsked) string { return a.r.URL.Path }),
		luabind.FieldOf("query", luabind.ReturnsValue(luabind.Table, "the parameters after \"?\", the first of each name"), func(_ *luabind.Call, a *httpAsked) any {
			q := map[string]any{}
			for name, values := range a.r.URL.Query() {
				q[name] = values[0]
			}
			return q
		}),
		luabind.FieldOf("headers", luabind.ReturnsValue(luabind.Table, "by name in lower case"), func(_ *luabind.Call, a *httpAsked) any {
			h := map[string]any{}
			for name, values := range a.r.Header {
				h[strings.ToLower(name)] = strings.Join(values, ", ")
			}
			return h
		}),
		luabind.FieldOf("body", luabind.ReturnsText("any bytes"), func(_ *luabind.Call, a *httpAsked) string { return a.body }),
	},
	Methods: []luabind.Function{
		luabind.Func1(luabind.Function{Name: "json", Doc: "The value of a body that is JSON; nil, err for another.",
			Example: `t.http("POST /calls", function(hreq) return { json = hreq:json() } end)`},
			luabind.Self[*httpAsked](), luabind.ReturnsOf(func(_ *luabind.Call, n int) int { return n },
				luabind.Result{Type: luabind.Any, OrNil: true}, luabind.Result{Name: "err", Type: luabind.String, OrNil: true}),
			func(c *luabind.Call, a *httpAsked) int {
				n, err := c.PushJSON(luabind.JSON(a.body))
				if err != nil {
					return c.Fail(err)
				}
				return n
			}),
	},
}

// ObjectType makes it an object of scripts.
func (*httpAsked) ObjectType() *luabind.ObjectType { return httpAskedType }

var httpMockArg = luabind.FuncArg("fn", "function(hreq)", "returns {status=, headers=, body= | json=}, or {error = text}: no answer comes").
	Described(func(p *luabind.Param) { p.Object = httpAskedType })

// sqlPartArg is the text of t.sql, "" where it was left out.
var sqlPartArg = luabind.ArgOf(func(c *luabind.Call, n int) string {
	if k := c.Kind(n); k == luabind.Table || k == luabind.FunctionType {
		return ""
	}
	return c.String(n)
}, luabind.Param{Name: "text", Type: luabind.String, Or: []luabind.Type{luabind.Table, luabind.FunctionType}, Doc: "a part of the query; may be left out"})

var sqlMockArg = luabind.ArgOf(func(c *luabind.Call, n int) luabind.FuncOrValue {
	if c.IsNil(n) {
		n--
	}
	if c.Kind(n) == luabind.FunctionType {
		return luabind.FuncOrValue{Func: c.Func(n)}
	}
	return luabind.FuncOrValue{Value: c.Value(n)}
}, luabind.Param{Name: "rows", Type: luabind.Table, Or: []luabind.Type{luabind.FunctionType}, Optional: true,
	Doc: "{{column = value}}, or function(query, ...), which returns {rows=, changed=} or {error = text}"})

func (w *world) sqlMock(c *luabind.Call, part string, answer luabind.FuncOrValue) {
	m := sqlMock{part: strings.ToLower(part), fn: answer.Func}
	if m.fn == nil {
		rows, err := tableOf(answer.Value)
		if err != nil {
			c.Raise("rows %v", err)
		}
		m.rows = rows
	}
	w.outsideMu.Lock()
	w.outside.sql = append(w.outside.sql, m)
	w.outsideMu.Unlock()
}

// memory is a Redis in memory.
type memory struct {
	r   *miniredis.Miniredis
	at  string        // its address, while it is stopped too
	at0 time.Duration // when its time was last that of the world
}

var memoryType = &luabind.ObjectType{
	Name: "redis", Doc: "A Redis in memory.",
	Methods: []luabind.Function{
		luabind.Func2(luabind.Function{Name: "get", Doc: "The text of a key.", Example: `t.equal(t.redis():get("none"), nil)`},
			luabind.Self[*memory](), luabind.TextArg("key", ""), luabind.OrNil(luabind.ReturnsText("")), func(_ *luabind.Call, m *memory, key string) string {
				text, _ := m.r.Get(key)
				return text
			}),
		luabind.Do3(luabind.Function{Name: "set", Doc: "Sets a key to a text.", Example: `t.redis():set("forward:alice", "sip:bob@10.0.0.9")`},
			luabind.Self[*memory](), luabind.TextArg("key", ""), luabind.TextArg("text", ""), func(_ *luabind.Call, m *memory, key, text string) { _ = m.r.Set(key, text) }),
		luabind.Do1(luabind.Function{Name: "stop", Doc: "Takes it away: calls fail from now on.", Example: `t.redis():stop()`},
			luabind.Self[*memory](), func(_ *luabind.Call, m *memory) { m.r.Close() }),
		luabind.Do1(luabind.Function{Name: "restart", Doc: "Brings it back, with what it had.", Example: "local r = t.redis()\nr:stop()\nr:restart()"},
			luabind.Self[*memory](), func(c *luabind.Call, m *memory) {
				if err := m.r.Restart(); err != nil {
					c.Raise("%v", err)
				}
			}),
	},
}

// ObjectType makes it an object of scripts.
func (*memory) ObjectType() *luabind.ObjectType { return memoryType }

func (w *world) newRedis(c *luabind.Call, keys any) *memory {
	w.outsideMu.Lock()
	defer w.outsideMu.Unlock()
	if _, err := w.outside.memory(); err != nil {
		c.Raise("%v", err)
	}
	named, ok := keys.(map[string]any)
	if !ok && keys != nil {
		c.Raise("argument 1 must be a table {key = text}")
	}
	for key, text := range named {
		s, ok := text.(string)
		if !ok {
			c.Raise("the value of %q must be text", key)
		}
		_ = w.outside.redis.r.Set(key, s)
	}
	return w.outside.redis
}
