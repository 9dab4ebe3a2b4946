package spec

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/sipscript/sipscript/luabind"
)

// This file is t.request: requests to the HTTP handlers of the script.

// answerer is a module that has the script's HTTP handlers.
type answerer interface {
	// Answer answers a request. busy is called with -1 when it begins to wait for a script, and
	// with 1 when it goes on.
	Answer(w http.ResponseWriter, r *http.Request, busy func(delta int))
}

// webOptions are those of t.request.
type webOptions struct {
	Method      string            `lua:"method" doc:"default GET, or POST if there is a body"`
	Path        string            `lua:"path,required" doc:"\"/calls/7\", perhaps with a query"`
	Query       map[string]string `lua:"query" doc:"{name = text}, added to the path, escaped as it must be"`
	Headers     map[string]string `lua:"headers" doc:"{Name = text}"`
	Body        string            `lua:"body" doc:"text or any bytes"`
	ContentType string            `lua:"content_type" doc:"of body"`
	JSON        luabind.JSON      `lua:"json" doc:"a value that is sent as JSON, in the place of body"`
	Auth        webCredentials    `lua:"auth" doc:"{user=, password=} or {bearer=}"`
	Source      string            `lua:"source" doc:"the client's address; default 127.0.0.1, from which handlers without auth answer"`
	Server      *server           `lua:"server" doc:"whose script is asked; default: the test's first"`
}

// webCredentials are the option auth.
type webCredentials struct {
	User     string `lua:"user"`
	Password string `lua:"password"`
	Bearer   string `lua:"bearer" doc:"a token"`
}

func (w *world) requestFunction() luabind.Function {
	return luabind.Func1(luabind.Function{Name: "request", Where: luabind.InHandler,
		Doc: "Sends a request to the HTTP handlers of the script (http.handle), and returns at once; expect waits for the answer. --http need not be given: nothing leaves the process.",
		Example: "t.server({ addr = \"10.0.0.2\", source = [[\n  local http = require \"http\"\n  http.handle(\"POST /calls/{id}\", function(hreq)\n" +
			"    return { json = { id = hreq.params.id, to = hreq:json().to } }\n  end)\n  function route(req) req:reply(404) end\n]] })\n" +
			"t.request({ path = \"/nothing\" }):expect(404)"},
		luabind.RequiredOptionsArg("request", webOptions{Source: "127.0.0.1"}), luabind.ReturnsObject[*webAsked](webAskedType, ""), w.webRequest)
}

// webRequest is t.request{…}.
func (w *world) webRequest(c *luabind.Call, o webOptions) *webAsked {
	if o.Server == nil {
		w.begin(c)
		o.Server = w.servers[0]
	}
	x := &webAsked{w: w, r: o.request(c), out: &webAnswer{header: http.Header{}}}
	for _, m := range o.Server.modules {
		if a, ok := m.(answerer); ok {
			x.start(a)
			return x
		}
	}
	c.Raise("no module of the server has HTTP handlers")
	return nil
}

// webAsked is a request that was sent to the script.
type webAsked struct {
	w    *world
	r    *http.Request
	out  *webAnswer
	done bool // written by an event of the world
}

// start sends it. While nobody waits for a script, no time passes.
func (x *webAsked) start(a answerer) {
	x.w.sim.Add(1)
	go func() { // ends with the handler, which ends with its server at the latest
		defer x.w.sim.Add(-1)
		a.Answer(x.out, x.r, x.w.sim.Add)
		x.w.sim.After(0, func() {
			x.done = true
			x.w.changed()
		})
	}()
}

// webAskedType is never changed.
var webAskedType = &luabind.ObjectType{
	Name: "asked", Doc: "A request to the HTTP handlers of the script: what t.request returns.",
	Methods: []luabind.Function{
		luabind.Func2(luabind.Function{Name: "expect", Waits: true, Doc: "Waits for the answer, which must have that status, or one of that class (\"2xx\").",
			Example: `local answer = t.request({ path = "/nothing" }):expect(404)`},
			luabind.Self[*webAsked](), wantedArg, luabind.ReturnsObject[*webAnswer](webAnswerType, ""), webExpect),
	},
}

// ObjectType makes it an object of scripts.
func (*webAsked) ObjectType() *luabind.ObjectType { return webAskedType }

func webExpect(c *luabind.Call, x *webAsked, want wanted) *webAnswer {
	what := x.r.Method + " " + x.r.URL.RequestURI()
	switch {
	case want.method != "":
		c.Raise("an answer has a status: expect(200)")
	case !x.w.wait(c, want.within, func() bool { return x.done }):
		c.Raise("%s: no answer came within %s", what, seconds(want.within))
	case x.out.status < want.low || x.out.status > want.high:
		c.Raise("%s was answered %d, want %s; %.200s", what, x.out.status, want.text, x.out.body.String())
	}
	return x.out
}

// request is the request that the options describe.
func (o *webOptions) request(c *luabind.Call) *http.Request {
	if o.JSON != nil {
		if o.Body != "" {
			c.Raise("give body or json")
		}
		o.Body = string(o.JSON)
		if o.ContentType == "" {
			o.ContentType = "application/json"
		}
	}
	if o.Method == "" {
		o.Method = http.MethodGet
		if o.Body != "" {
			o.Method = http.MethodPost
		}
	}
	target, err := url.ParseRequestURI(o.Path)
	if err != nil || !strings.HasPrefix(o.Path, "/") {
		c.Raise("%q is not a path: write \"/calls\"", o.Path)
	}
	query := target.Query()
	for name, value := range o.Query {
		query.Set(name, value)
	}
	target.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(context.Background(), o.Method, "http://localhost"+target.String(), bytes.NewReader([]byte(o.Body)))
	if err != nil {
		c.Raise("%v", err)
	}
	source, err := netip.ParseAddr(o.Source)
	if err != nil {
		c.Raise("%q is not an address", o.Source)
	}
	r.RemoteAddr, r.RequestURI = netip.AddrPortFrom(source, 40000).String(), target.String()
	if o.ContentType != "" {
		r.Header.Set("Content-Type", o.ContentType)
	}
	switch a := o.Auth; {
	case a.Bearer != "":
		r.Header.Set("Authorization", "Bearer "+a.Bearer)
	case a.User != "":
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(a.User+":"+a.Password)))
	}
	for name, value := range o.Headers {
		r.Header.Set(name, value)
		if strings.EqualFold(name, "Host") {
			r.Host = value
		}
	}
	return r
}

// webAnswer is what a handler answered. It is an http.ResponseWriter until then.
type webAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header is part of http.ResponseWriter.
func (a *webAnswer) Header() http.Header { return a.header }

// WriteHeader is part of http.ResponseWriter.
func (a *webAnswer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write is part of http.ResponseWriter.
func (a *webAnswer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

// webAnswerType is never changed.
var webAnswerType = &luabind.ObjectType{
	Name: "answer", Doc: "What an HTTP handler of the script answered.",
	Fields: []luabind.Field{
		luabind.FieldOf("status", luabind.ReturnsInt("200, 404 …"), func(_ *luabind.Call, a *webAnswer) int { return a.status }),
		luabind.FieldOf("headers", luabind.ReturnsValue(luabind.Table, "by name in lower case"), func(_ *luabind.Call, a *webAnswer) any {
			h := map[string]any{}
			for name, values := range a.header {
				h[strings.ToLower(name)] = strings.Join(values, ", ")
			}
			return h
		}),
		luabind.FieldOf("body", luabind.ReturnsText("any bytes"), func(_ *luabind.Call, a *webAnswer) string { return a.body.String() }),
	},
	Methods: []luabind.Function{
		luabind.Func1(luabind.Function{Name: "json", Doc: "The value of a body that is JSON; nil, err for another.",
			Example: `local value, err = t.request({ path = "/nothing" }):expect(404):json()`},
			luabind.Self[*webAnswer](), luabind.ReturnsOf(func(_ *luabind.Call, n int) int { return n },
				luabind.Result{Type: luabind.Any, OrNil: true}, luabind.Result{Name: "err", Type: luabind.String, OrNil: true}),
			func(c *luabind.Call, a *webAnswer) int {
				n, err := c.PushJSON(luabind.JSON(a.body.Bytes()))
				if err != nil {
					return c.Fail(err)
				}
				return n
			}),
	},
}

// ObjectType makes it an object of scripts.
func (*webAnswer) ObjectType() *luabind.ObjectType { return webAnswerType }
