package http

// This file is http.handle: the handlers of a generation, and their arguments.

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/sipscript/sipscript/luabind"
)

// route is one handler, the same on all lanes.
type route struct {
	pattern  string
	names    []string // of the parts in braces
	handlers []*luabind.Func
	checks   []*luabind.Func // auth = function; nil for none
	bearer   bool
}

// handlerArg reads the last two arguments of handle, in either order of options and function: the
// options may be left out.
var handleOptionsArg = luabind.ArgOf(func(c *luabind.Call, n int) handleOptions {
	var o handleOptions
	if c.Kind(n) == luabind.Table {
		c.Decode(n, &o)
	}
	return o
}, luabind.Param{Name: "options", Type: luabind.Table, Or: []luabind.Type{luabind.FunctionType}, LeftOut: true, Options: handleOptions{},
	Doc: "may be left out: then the function stands here"})

var handlerArg = luabind.ArgOf(func(c *luabind.Call, n int) *luabind.Func {
	if c.Kind(n-1) == luabind.FunctionType {
		n--
	}
	return c.Func(n)
}, luabind.Param{Name: "fn", Type: luabind.FunctionType, Callback: "function(hreq)", Runs: luabind.InHandler, Optional: true, Object: requestType,
	Doc: "returns {status=, headers=, body= | json=}, or nothing for 204"})

var braces = regexp.MustCompile(`\{([A-Za-z_][A-Za-z0-9_]*)(\.\.\.)?\}`)

// handle records a handler. The first lane's call defines it; the others add their functions.
func (m *module) handle(c *luabind.Call, pattern string, o handleOptions, fn *luabind.Func) {
	rt := m.routes[pattern]
	if rt == nil {
		rt = &route{pattern: pattern}
		for _, found := range braces.FindAllStringSubmatch(pattern, -1) {
			rt.names = append(rt.names, found[1])
		}
		switch {
		case o.Auth.Func != nil:
			rt.checks = []*luabind.Func{}
		case o.Auth.Value == "bearer":
			if rt.bearer = true; m.tokens == nil {
				c.Raise("auth = \"bearer\" needs http.configure{ tokens = … } before it")
			}
		case o.Auth.Value != nil:
			c.Raise("option auth must be \"bearer\" or function(hreq)")
		}
		if err := m.register(rt); err != nil {
			c.Raise("%v", err)
		}
		m.routes[pattern] = rt
	}
	for _, other := range rt.handlers {
		if other.VM() == fn.VM() {
			c.Raise("%q has a handler already", pattern)
		}
	}
	if c.Background() { // which has its own work
		return
	}
	rt.handlers = append(rt.handlers, fn)
	if rt.checks != nil {
		rt.checks = append(rt.checks, o.Auth.Func)
	}
}

// register adds the route. ServeMux panics for a pattern that is none.
func (m *module) register(rt *route) (err error) {
	defer func() {
		if bad := recover(); bad != nil {
			text, _, _ := strings.Cut(fmt.Sprint(bad), "\n")
			err = fmt.Errorf("the pattern %q: %s", rt.pattern, text)
		}
	}()
	m.mux.HandleFunc(rt.pattern, func(w http.ResponseWriter, r *http.Request) { m.h.server.handle(m, rt, w, r) })
	return nil
}

// call calls a function on one lane after the other, and waits for its result.
func (m *module) call(ctx context.Context, fs []*luabind.Func, what string, into any, hreq *request) error {
	f := fs[m.turn.Add(1)%uint64(len(fs))]
	done := make(chan error, 1)
	busy := busyOf(ctx)
	f.Start(what, into, func(err error) {
		busy(1)
		done <- err
	}, hreq)
	busy(-1)
	timer := time.NewTimer(mostHandling)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		busy(1)
		return fmt.Errorf("%s: no answer within %v", what, mostHandling)
	}
}

// tokens are hashes, so that the time of a comparison reveals nothing.
type tokens [][sha256.Size]byte

func newTokens(texts []string) tokens {
	t := tokens{}
	for _, text := range texts {
		if text != "" {
			t = append(t, sha256.Sum256([]byte(text)))
		}
	}
	return t
}

func (t tokens) has(text string) bool {
	sum, found := sha256.Sum256([]byte(text)), 0
	for i := range t {
		found |= subtle.ConstantTimeCompare(t[i][:], sum[:])
	}
	return found == 1 && text != ""
}

// request is a request as handlers see it. It does not change any more.
type request struct {
	method, path, target, body string
	query, params              map[string]any
	headers                    map[string]any
	source                     map[string]any
}

func newRequest(r *http.Request, body string, names []string) *request {
	q := &request{method: r.Method, path: r.URL.Path, target: r.URL.RequestURI(), body: body, query: map[string]any{}, params: map[string]any{}, headers: lowerNames(r.Header),
		source: map[string]any{}}
	for name, values := range r.URL.Query() {
		q.query[name] = values[0]
	}
	for _, name := range names {
		q.params[name] = r.PathValue(name)
	}
	q.headers["host"] = r.Host
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		q.source["ip"], q.source["port"] = at.Addr().Unmap().WithZone("").String(), float64(at.Port())
	}
	return q
}

// lowerNames are headers as scripts have them.
func lowerNames(h http.Header) map[string]any {
	m := make(map[string]any, len(h))
	for name, values := range h {
		m[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return m
}

var requestType = &luabind.ObjectType{
	Name: "hreq", Doc: "A request to the script's HTTP port.",
	Fields: []luabind.Field{
		field("method", luabind.ReturnsText("GET, POST …"), func(q *request) string { return q.method }),
		field("path", luabind.ReturnsText("without the query"), func(q *request) string { return q.path }),
		field("target", luabind.ReturnsText("the path with the query, as they came"), func(q *request) string { return q.target }),
		field("params", luabind.ReturnsValue(luabind.Table, "what stood for the names in braces of the pattern"), func(q *request) any { return q.params }),
		field("query", luabind.ReturnsValue(luabind.Table, "the parameters after \"?\", the first of each name"), func(q *request) any { return q.query }),
		field("headers", luabind.ReturnsValue(luabind.Table, "by name in lower case"), func(q *request) any { return q.headers }),
		field("body", luabind.ReturnsText("any bytes"), func(q *request) string { return q.body }),
		field("source", luabind.ReturnsValue(luabind.Table, "{ip, port} of the client"), func(q *request) any { return q.source }),
	},
	Methods: []luabind.Function{jsonMethod(func(q *request) []byte { return []byte(q.body) },
		"http.handle(\"PUT /x\", function(hreq)\n  return { json = hreq:json() }\nend)")},
}

func field[R any](name string, r luabind.Returns[R], get func(*request) R) luabind.Field {
	return luabind.FieldFrom(name, r, func(q *request) R { return get(q) })
}

// ObjectType makes it an object of scripts.
func (*request) ObjectType() *luabind.ObjectType { return requestType }
