package spec

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/sipscript/sipscript/luabind"
)

// This file is what stands for servers outside of the test: t.http, t.sql and t.redis. Nothing
// leaves the process: what a script asks for and a spec has not provided fails the test.

// Outside answers what scripts under test ask other servers. Its methods may be called from any
// goroutine.
type Outside interface {
	// HTTP answers a request whose body is given.
	HTTP(r *http.Request, body string) (*HTTPAnswer, error)
	// SQL answers a query to the database of a URL. A statement that finds nothing tells how many
	// rows it changed.
	SQL(url, query string, args []any) (*SQLAnswer, error)
	// Redis is the address of a server for a URL, which may be [Dictionaries].
	Redis(url string) (addr string, err error)
	// Media has the rtpengine at a URI carry out a command of its protocol. Values are string,
	// float64, []any and map[string]any.
	Media(uri string, command map[string]any) (answer map[string]any, err error)
	// Record takes the record of a call, in JSON.
	Record(text []byte)
	// Probes reports whether the server that is being started sends probes by itself: t.server{
	// probes = true }.
	Probes() bool
	// Storage is where the server keeps its state.
	Storage() Storage
	// Common is something that the servers of one test have in common: what first was, which is
	// called once for each name.
	Common(name string, first func() any) any
}

// Storage is where a server keeps its state.
type Storage struct {
	Data  string           // the directory of --data, "" for none
	Redis string           // the server of --redis, "" for none
	Now   func() time.Time // the time of day
}

// Dictionaries is the URL of the server that keeps what sip.shared has with redis = true. It is
// there without t.redis.
const Dictionaries = "redis://dictionaries"

// HTTPAnswer is what an HTTP server answers, as the function of t.http returns it.
type HTTPAnswer struct {
	Status  int               `lua:"status" min:"100" max:"599" default:"200"` // of the answer
	Headers map[string]string `lua:"headers" doc:"{Name = text}"`
	Body    string            `lua:"body"` // "" for none
	JSON    luabind.JSON      `lua:"json" doc:"a value that is sent as JSON, in the place of body"`
	Error   string            `lua:"error" doc:"in the place of an answer: why none comes"`
}

// SQLAnswer is what a database answers.
type SQLAnswer struct {
	Columns []string // the names of what Rows hold, in order
	Rows    [][]any  // string, float64, bool or nil
	Changed int64    // how many rows a statement changed
}

// sqlResult is what the function of t.sql returns.
type sqlResult struct {
	Rows    any    `lua:"rows" doc:"a list of tables by column"`
	Changed int    `lua:"changed" doc:"how many rows a statement changed"`
	Error   string `lua:"error" doc:"in the place of an answer: why the query fails"`
}

// outside is that of one test.
type outside struct {
	w     *world
	mux   *http.ServeMux // of t.http
	sql   []sqlMock
	redis *memory
	media *mediaMock // nil: none
	// What servers have in common; guarded by the world's outsideMu
	common map[string]any
	// records of calls, as they were decoded
	records []any
}

// sqlMock is one t.sql.
type sqlMock struct {
	part string // of the query, in lower case
	fn   *luabind.Func
	rows *SQLAnswer // in place of fn
}

// patience of a spec's function that stands for a server. It has to answer at once: while a script
// waits for what is outside, virtual time stands still.
const mockTime = 2 * time.Second

// call calls a spec's function and waits for it.
func (o *outside) call(what string, fn *luabind.Func, into any, args ...any) error {
	done := make(chan error, 1)
	fn.Start(what, into, func(err error) { done <- err }, args...)
	timer := time.NewTimer(mockTime)
	defer timer.Stop()
	select {
	case err := <-done:
		if err != nil {
			o.fail("%s: %v", what, err)
		}
		return err
	case <-timer.C:
		o.fail("%s: its function waits, which it can't: virtual time stands still meanwhile", what)
		return errors.New("the function did not return")
	}
}

// fail fails the test, and is the error of what was asked.
func (o *outside) fail(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	o.w.trouble(err)
	return err
}

// answerWriter takes what a mux writes if it has no handler, and the answer of one that it has.
type answerWriter struct {
	header http.Header
	status int
	answer *HTTPAnswer
	err    error
}

func (a *answerWriter) Header() http.Header         { return a.header }
func (a *answerWriter) Write(b []byte) (int, error) { return len(b), nil }
func (a *answerWriter) WriteHeader(status int)      { a.status = status }

// HTTP answers by the functions of t.http.
func (o *outside) HTTP(r *http.Request, body string) (*HTTPAnswer, error) {
	in := r.Clone(r.Context())
	in.RequestURI, in.Host = r.URL.RequestURI(), r.URL.Host
	out := &answerWriter{header: http.Header{}}
	ask := &httpAsked{r: r, body: body}
	if _, pattern := o.mux.Handler(in); pattern == "" {
		return nil, o.fail("the script sends %s %s, which nothing answers: t.http(\"%s %s\", function(hreq) return { json = … } end)", r.Method, r.URL, r.Method, r.URL.Path)
	}
	o.mux.ServeHTTP(out, in.WithContext(withAsked(in.Context(), ask)))
	switch {
	case out.err != nil:
		return nil, out.err
	case out.answer == nil: // 405, a redirect to a cleaned path
		return &HTTPAnswer{Status: out.status}, nil
	case out.answer.Error != "":
		return nil, errors.New(out.answer.Error)
	}
	if out.answer.Status == 0 {
		out.answer.Status = http.StatusOK
	}
	return out.answer, nil
}

// portIn finds the port in a pattern of t.http.
var portIn = regexp.MustCompile(`^(?:[A-Z]+ +)?[^/ ]+:\d+/`)

func (o *outside) handleHTTP(c *luabind.Call, pattern string, fn *luabind.Func) {
	// ServeMux compares names without their ports: such a pattern would never fit.
	if portIn.MatchString(pattern) {
		c.Raise("the pattern %q has a port: leave it out", pattern)
	}
	defer func() {
		if bad := recover(); bad != nil { // of ServeMux, for what is not a pattern
			text, _, _ := strings.Cut(fmt.Sprint(bad), "\n")
			c.Raise("the pattern %q: %s", pattern, text)
		}
	}()
	o.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		out, ask := w.(*answerWriter), askedOf(r.Context())
		out.answer = &HTTPAnswer{}
		out.err = o.call("t.http "+pattern, fn, out.answer, ask)
	})
}

// SQL answers by t.sql: the last that fits counts.
func (o *outside) SQL(db, query string, args []any) (*SQLAnswer, error) {
	o.w.outsideMu.Lock()
	mocks := slices.Clone(o.sql)
	o.w.outsideMu.Unlock()
	for _, m := range slices.Backward(mocks) {
		if !strings.Contains(strings.ToLower(query), m.part) {
			continue
		}
		if m.rows != nil {
			return m.rows, nil
		}
		var r sqlResult
		if err := o.call("t.sql", m.fn, &r, append([]any{query}, args...)...); err != nil {
			return nil, err
		}
		if r.Error != "" {
			return nil, errors.New(r.Error)
		}
		a, err := tableOf(r.Rows)
		if err != nil {
			return nil, o.fail("t.sql: rows %v", err)
		}
		a.Changed = int64(r.Changed)
		return a, nil
	}
	return nil, o.fail("the script asks %s: %s; which nothing answers: t.sql({ { column = value } })", redacted(db), query)
}

// tableOf reads a list of tables by column.
func tableOf(rows any) (*SQLAnswer, error) {
	a := &SQLAnswer{}
	list, ok := rows.([]any)
	if m, isMap := rows.(map[string]any); isMap && len(m) == 0 || rows == nil {
		return a, nil
	}
	for _, x := range list {
		row, is := x.(map[string]any)
		if !is {
			ok = false
			break
		}
		for _, name := range sortedKeys(row) {
			if !slices.Contains(a.Columns, name) {
				a.Columns = append(a.Columns, name)
			}
		}
	}
	if !ok {
		return nil, errors.New("must be a list of tables, {{column = value}}")
	}
	for _, x := range list {
		row := make([]any, len(a.Columns))
		for i, name := range a.Columns {
			row[i] = x.(map[string]any)[name]
		}
		a.Rows = append(a.Rows, row)
	}
	return a, nil
}

// redacted is a URL without its password.
func redacted(text string) string {
	if u, err := url.Parse(text); err == nil {
		return u.Redacted()
	}
	return "a database"
}

// Redis is the address of the server in memory, if the spec or a dictionary wants one.
func (o *outside) Redis(url string) (string, error) {
	o.w.outsideMu.Lock()
	r := o.redis
	var err error
	if r == nil && url == Dictionaries {
		r, err = o.memory()
	}
	o.w.outsideMu.Unlock()
	switch {
	case err != nil:
		return "", err
	case r == nil:
		return "", o.fail("the script asks Redis at %s, which nothing answers: t.redis()", redacted(url))
	}
	return r.at, nil
}

// memory is the server in memory. outsideMu is held.
func (o *outside) memory() (*memory, error) {
	if o.redis == nil {
		r := miniredis.NewMiniRedis()
		if err := r.Start(); err != nil {
			return nil, err
		}
		o.redis = &memory{r: r, at: r.Addr(), at0: o.w.sim.Elapsed()}
		o.tick()
	}
	return o.redis, nil
}

// tick lets the time that has passed pass in the server in memory. Whoever waits in the spec calls
// it; nobody asks the server meanwhile, or time would stand still.
func (o *outside) tick() {
	m := o.redis
	if m == nil {
		return
	}
	m.r.SetTime(o.w.sim.Wall())
	if now := o.w.sim.Elapsed(); now > m.at0 {
		m.r.FastForward(now - m.at0)
		m.at0 = now
	}
}

// Common implements Outside.
func (o *outside) Common(name string, first func() any) any {
	o.w.outsideMu.Lock()
	defer o.w.outsideMu.Unlock()
	if o.common == nil {
		o.common = map[string]any{}
	}
	if o.common[name] == nil {
		o.common[name] = first()
	}
	return o.common[name]
}
