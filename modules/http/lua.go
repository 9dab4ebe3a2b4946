package http

// This file is the module "http" of scripts. It only translates; README.md describes what scripts
// see.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/clients"
)

// Doc describes the module.
func (*HTTP) Doc() string { return "Asks HTTP servers, and answers requests on --http." }

// Name is "http".
func (*HTTP) Name() string { return "http" }

// Open makes the module of one script generation.
func (h *HTTP) Open(host *luabind.Host) (luabind.Module, error) {
	return &module{h: h, host: host, routes: map[string]*route{}, mux: http.NewServeMux()}, nil
}

// module is http within one script generation. All of it is written while the file loads.
type module struct {
	h      *HTTP
	host   *luabind.Host
	routes map[string]*route
	mux    *http.ServeMux
	tokens tokens
	turn   atomic.Uint64
}

// Activate lets the handlers of this generation answer.
func (m *module) Activate() error {
	m.h.serving.Store(m)
	if m.h.server == nil && len(m.routes) > 0 {
		m.host.Log().Warn("the script has HTTP handlers, and --http names no port to serve them on")
	}
	return nil
}

// Close ends the handlers, unless another generation has taken over.
func (m *module) Close() error {
	m.h.serving.CompareAndSwap(m, nil)
	return nil
}

// configureOptions are those of configure.
type configureOptions struct {
	Tokens []string `lua:"tokens,reloadable" doc:"the tokens that handlers with auth = \"bearer\" accept"`
}

// requestOptions are those of get, post and request.
type requestOptions struct {
	Headers   []engine.HeaderEdit `lua:"headers" doc:"{Name = text | list}"`
	Query     map[string]string   `lua:"query" doc:"{name = text}, added to the URL, escaped as it must be"`
	Timeout   time.Duration       `lua:"timeout" min:"0.001" max:"300" default:"5" doc:"of the whole exchange, retries included"`
	Auth      *credentials        `lua:"auth" doc:"{user=, password=} or {bearer=}"`
	TLS       tlsOptions          `lua:"tls" doc:"for https"`
	Retries   int                 `lua:"retries" min:"0" max:"10" default:"0" doc:"how often a request that failed, or was answered 502, 503 or 504, is sent again; only for methods that are idempotent"`
	Redirects *int                `lua:"redirects" min:"0" max:"20" default:"3" doc:"how many are followed; never from https to http"`
	MaxBody   int                 `lua:"max_body" min:"1" max:"104857600" default:"1048576" doc:"bytes that an answer may have"`
}

// credentials are the options auth.
type credentials struct {
	User     string `lua:"user"`
	Password string `lua:"password"`
	Bearer   string `lua:"bearer" doc:"a token"`
}

// contentOptions are those of a request with a body.
type contentOptions struct {
	requestOptions
	JSON        luabind.JSON      `lua:"json" doc:"a value that is sent as JSON"`
	Form        map[string]string `lua:"form" doc:"{name = text}, sent as a form"`
	Body        string            `lua:"body" doc:"text or any bytes"`
	ContentType string            `lua:"content_type" doc:"of body"`
}

// wholeOptions are those of http.request.
type wholeOptions struct {
	contentOptions
	Method string `lua:"method" default:"\"GET\"" doc:"in capitals"`
	URL    string `lua:"url,required"`
}

// handleOptions are those of http.handle.
type handleOptions struct {
	Auth luabind.FuncOrValue `lua:"auth" oneof:"bearer" also:"function" default:"only from this machine" doc:"\"bearer\": with one of the tokens of configure; function(hreq): whether it may, true or false"`
}

// Functions of the module.
func (m *module) Functions() []luabind.Function {
	url := luabind.TextArg("url", "http://… or https://…")
	answer := luabind.ReturnsObject[*response](responseType, "whatever its status is")
	return []luabind.Function{
		luabind.Configure(luabind.Function{Example: `http.configure({ tokens = { sip.env("API_TOKEN") or "a long secret" } })`}, configureOptions{},
			func(o configureOptions) error { m.tokens = newTokens(o.Tokens); return nil }),
		luabind.Later2(luabind.Function{Name: "get", Doc: "Requests a URL. nil, err if there was no answer: the server is unavailable or too slow, or the answer too large.",
			Example: `local res, err = http.get("http://127.0.0.1:8080/route", { query = { to = req.ruri.user }, timeout = 1 })`},
			url, luabind.OptionsArg(requestOptions{}), answer, func(c *luabind.Call, url string, o requestOptions) luabind.Pending[*response] {
				return m.do(c, http.MethodGet, url, &contentOptions{requestOptions: o})
			}),
		luabind.Later3(luabind.Function{Name: "post", Doc: "Sends a body: text, or what options have as json or form.",
			Example: `local res, err = http.post("http://127.0.0.1:8080/calls", nil, { json = { from = req.from.uri.aor } })`},
			url, luabind.TextArg("body", "").Optional(), luabind.OptionsArg(contentOptions{}), answer,
			func(c *luabind.Call, url, body string, o contentOptions) luabind.Pending[*response] {
				if body != "" {
					if o.Body != "" {
						c.Raise("the body is there twice")
					}
					o.Body = body
				}
				return m.do(c, http.MethodPost, url, &o)
			}),
		luabind.Later1(luabind.Function{Name: "request", Doc: "Sends a request of any method.",
			Example: `local res, err = http.request({ method = "DELETE", url = "http://127.0.0.1:8080/calls/7" })`},
			luabind.RequiredOptionsArg("request", wholeOptions{}), answer, func(c *luabind.Call, o wholeOptions) luabind.Pending[*response] {
				if o.Method == "" {
					o.Method = http.MethodGet
				}
				return m.do(c, o.Method, o.URL, &o.contentOptions)
			}),
		luabind.Do3(luabind.Function{Name: "handle", Where: luabind.AtLoad,
			Doc: "Answers requests on --http by a function. The pattern is a method and a path, in which {name} stands for one part and {name...} for the rest. " +
				"The function runs on a lane of the module's choice and may wait; a client that leaves cancels nothing.",
			Raises:  "for a pattern that another one contradicts, and auth = \"bearer\" without tokens",
			Example: "http.handle(\"POST /calls/{user}\", function(hreq)\n  return { status = 202, json = { user = hreq.params.user, text = hreq.body } }\nend)"},
			luabind.TextArg("pattern", "\"POST /calls/{id}\""), handleOptionsArg, handlerArg, m.handle),
	}
}

// do prepares a request.
func (m *module) do(c *luabind.Call, method, address string, o *contentOptions) luabind.Pending[*response] {
	ask, err := o.asked(method, address)
	if err != nil {
		c.Raise("%v", err)
	}
	if parent := c.TraceParent(); parent != "" && ask.header.Get("Traceparent") == "" {
		ask.header.Set("Traceparent", parent)
	}
	key := clientKey{redirects: 3, maxBody: 1 << 20, tls: o.TLS}
	if o.Redirects != nil {
		if key.redirects = *o.Redirects; key.redirects == 0 {
			key.redirects = -1
		}
	}
	if o.MaxBody > 0 {
		key.maxBody = int64(o.MaxBody)
	}
	client, err := m.h.client(key)
	if err != nil {
		c.Raise("%v", err)
	}
	return func(ctx context.Context, done func(*response, error)) { m.h.send(ctx, client, ask, done) }
}

// asked makes a request of the options.
func (o *contentOptions) asked(method, address string) (*asked, error) {
	a := &asked{method: method, url: address, header: http.Header{}, body: o.Body, user: o.Auth, timeout: o.Timeout, retries: o.Retries}
	if a.timeout == 0 {
		a.timeout = 5 * time.Second
	}
	if a.retries > 0 && !idempotent(method) {
		return nil, fmt.Errorf("%s is not sent again by itself: what it did the first time is not known", method)
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is not a URL with http or https", clients.Redacted(address))
	}
	a.host = u.Host
	if len(o.Query) > 0 {
		q := u.Query()
		for name, value := range o.Query {
			q.Set(name, value)
		}
		u.RawQuery = q.Encode()
		a.url = u.String()
	}
	contents := 0
	kind := o.ContentType
	if o.Body != "" {
		contents++
	}
	if o.JSON != nil {
		contents++
		a.body, kind = string(o.JSON), "application/json"
	}
	if o.Form != nil {
		contents++
		form := url.Values{}
		for name, value := range o.Form {
			form.Set(name, value)
		}
		a.body, kind = form.Encode(), "application/x-www-form-urlencoded"
	}
	if contents > 1 {
		return nil, errors.New("give one of body, json and form")
	}
	if kind != "" {
		a.header.Set("Content-Type", kind)
	}
	for _, e := range o.Headers {
		name := http.CanonicalHeaderKey(e.Name)
		a.header[name] = e.Values
	}
	return a, nil
}

var responseType = &luabind.ObjectType{
	Name: "answer", Doc: "What an HTTP server answered.",
	Example: "local res, err = http.get(\"http://127.0.0.1:8080/\", { timeout = 0.1 })\nif res and res.status == 200 then sip.log.info(\"%s\", res.body) end",
	Fields: []luabind.Field{
		luabind.FieldFrom("status", luabind.ReturnsInt("200, 404 …"), func(r *response) int { return r.a.Status }),
		luabind.FieldFrom("headers", luabind.ReturnsValue(luabind.Table, "by name in lower case; of several the values are joined by commas"),
			func(r *response) any { return lowerNames(r.a.Header) }),
		luabind.FieldFrom("body", luabind.ReturnsText("any bytes"), func(r *response) string { return string(r.a.Body) }),
	},
	Methods: []luabind.Function{jsonMethod(func(r *response) []byte { return r.a.Body },
		"local res = http.get(\"http://127.0.0.1:8080/\", { timeout = 0.1 })\nlocal value = res and res:json()")},
}

// response is an answer as scripts see it.
type response struct{ a *clients.Answer }

// ObjectType makes it an object of scripts.
func (*response) ObjectType() *luabind.ObjectType { return responseType }

// jsonMethod is o:json(), the value of a body.
func jsonMethod[O luabind.Object](body func(O) []byte, example string) luabind.Function {
	return luabind.Func1(luabind.Function{Name: "json", Doc: "The value of a body that is JSON; nil, err for another.", Example: example},
		luabind.Self[O](), luabind.ReturnsOf(func(_ *luabind.Call, n int) int { return n },
			luabind.Result{Type: luabind.Any, OrNil: true, Doc: "as of sip.json.decode"}, luabind.Result{Name: "err", Type: luabind.String, OrNil: true}),
		func(c *luabind.Call, o O) int {
			n, err := c.PushJSON(luabind.JSON(body(o)))
			if err != nil {
				return c.Fail(err)
			}
			return n
		})
}
