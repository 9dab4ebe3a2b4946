// Package redis is the module "redis": scripts send commands to Redis servers, alone, behind
// sentinels or in a cluster, through the clients that modules share (package clients/redis).
package redis

// This file is the module "redis" of scripts. It only translates; README.md describes what scripts
// see.

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/dict"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/dictredis"
	client "github.com/sipscript/sipscript/modules/clients/redis"
)

// Redis is the module.
type Redis struct {
	pool    *clients.Pool
	shared  *dictredis.Set // nil where servers have no dictionaries in common
	serving atomic.Pointer[module]
}

var _ luabind.Sharer = (*Redis)(nil)

// share keeps the dictionaries that servers have in common in the server of a URL.
func (r *Redis) share(url string, log *slog.Logger) (err error) {
	r.shared, err = dictredis.Open(r.pool, url, dictredis.Options{Log: log})
	return err
}

// Shared implements luabind.Sharer.
func (r *Redis) Shared() dict.Shared {
	if r.shared == nil {
		return nil
	}
	return r.shared
}

// Metrics are those of the dictionaries that servers have in common.
func (r *Redis) Metrics() []luabind.Metric {
	if r.shared == nil {
		return nil
	}
	return r.shared.Metrics()
}

// Close ends the connection of dictionaries.
func (r *Redis) Close() error {
	if r.shared == nil {
		return nil
	}
	return r.shared.Close()
}

// New makes the module. Its clients are opened in pool.
func New(pool *clients.Pool) *Redis { return &Redis{pool: pool} }

// Doc describes the module.
func (*Redis) Doc() string { return "Redis: one server, sentinels, or a cluster." }

// Name is "redis".
func (*Redis) Name() string { return "redis" }

// Open makes the module of one script generation.
func (r *Redis) Open(h *luabind.Host) (luabind.Module, error) {
	m := &module{r: r, host: h, open: map[string]*server{}}
	m.ctx, m.stop = context.WithCancel(h.Context())
	return m, nil
}

// module is redis within one script generation. open and subscribed are written while the file
// loads.
type module struct {
	r          *Redis
	host       *luabind.Host
	open       map[string]*server
	subscribed []*subscription
	ctx        context.Context // of its subscriptions
	stop       context.CancelFunc
}

// Activate begins to listen to the channels, in place of the generation before.
func (m *module) Activate() error {
	if old := m.r.serving.Swap(m); old != nil {
		old.stop()
	}
	for _, s := range m.subscribed {
		go s.run(m) // ends with m.ctx
	}
	return nil
}

// Close gives the clients back.
func (m *module) Close() error {
	m.stop()
	m.r.serving.CompareAndSwap(m, nil)
	var failed error
	for _, s := range m.open {
		if err := s.client.Close(); err != nil {
			failed = err
		}
	}
	return failed
}

// openOptions are those of redis.open that are not part of a URL.
type openOptions struct {
	Timeout time.Duration `lua:"timeout" min:"0.001" max:"60" default:"2" doc:"of one call"`
}

// place are the addresses of a cluster, or of sentinels.
type place struct {
	Cluster  []string `lua:"cluster" doc:"addresses of a cluster, \"host:port\""`
	Sentinel []string `lua:"sentinel" doc:"addresses of sentinels, \"host:port\""`
	Master   string   `lua:"master" doc:"the name by which sentinels know the master"`
	User     string   `lua:"user"`
	Password string   `lua:"password"`
	TLS      bool     `lua:"tls" default:"false"`
	Database int      `lua:"database" min:"0" max:"1000" default:"0"`
}

// url is the place as a URL of the client.
func (p *place) url() (string, error) {
	u := url.URL{Scheme: "redis"}
	if p.TLS {
		u.Scheme = "rediss"
	}
	if p.User != "" || p.Password != "" {
		u.User = url.UserPassword(p.User, p.Password)
	}
	q := url.Values{}
	list := p.Cluster
	switch {
	case (len(p.Cluster) > 0) == (len(p.Sentinel) > 0):
		return "", fmt.Errorf("give cluster or sentinel, a list of addresses")
	case len(p.Sentinel) > 0 && p.Master == "":
		return "", fmt.Errorf("sentinel needs master, the name of the master")
	case len(p.Sentinel) > 0:
		list = p.Sentinel
		q.Set("master_set", p.Master)
	case p.Master != "" || p.Database != 0:
		return "", fmt.Errorf("a cluster has neither master nor database")
	default:
		q.Set("cluster", "true")
	}
	u.Host = list[0]
	for _, addr := range list[1:] {
		q.Add("addr", addr)
	}
	if p.Database != 0 {
		u.Path = "/" + strconv.Itoa(p.Database)
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

var placeArg = luabind.ArgOf(func(c *luabind.Call, n int) string {
	if c.Kind(n) != luabind.Table {
		return c.String(n)
	}
	var p place
	c.Decode(n, &p)
	text, err := p.url()
	if err != nil {
		c.Raise("%v", err)
	}
	return text
}, luabind.Param{Name: "url", Type: luabind.String, Or: []luabind.Type{luabind.Table}, Options: place{},
	Doc: "\"redis://user:password@host:6379/0\", \"rediss://…\" for TLS, \"unix:///path\", or a table"})

// Functions of the module.
func (m *module) Functions() []luabind.Function {
	return []luabind.Function{
		luabind.Try2(luabind.Function{Name: "open", Where: luabind.AtLoad,
			Doc:    "A server by its URL, a cluster, or a master that sentinels know. It connects with the first call. Connections survive reloads.",
			Raises: "for a URL that can't be read", Example: `local r = redis.open("redis://127.0.0.1:6379/0", { timeout = 0.5 })`},
			placeArg, luabind.OptionsArg(openOptions{}), luabind.ReturnsObject[*server](serverType, ""), m.server),
	}
}

// server is one that a script has opened.
type server struct {
	m      *module
	client *client.Client
}

func (m *module) server(_ *luabind.Call, url string, o openOptions) (*server, error) {
	key := fmt.Sprint(o, url)
	if s := m.open[key]; s != nil { // opened by another lane
		return s, nil
	}
	c, err := client.Open(m.r.pool, url, o.Timeout)
	if err != nil {
		return nil, err
	}
	s := &server{m, c}
	m.open[key] = s
	return s, nil
}

var serverType = &luabind.ObjectType{
	Name: "server", Doc: "What redis.open returns.",
	Methods: []luabind.Function{
		luabind.Try2(luabind.Function{Name: "call", Waits: true, Doc: "Sends a command. A missing value is nil alone.",
			Example: "r:call(\"SET\", \"forward:alice\", \"sip:bob@example.com\", \"EX\", 3600)\nlocal target, err = r:call(\"GET\", \"forward:alice\")"},
			luabind.Self[*server](), wordsArg, luabind.ReturnsValue(luabind.Any, "text, a number, a list, or a table where Redis has a map"),
			func(c *luabind.Call, s *server, words []string) (any, error) {
				m, err := waiting(c, func(ctx context.Context) (rueidis.RedisMessage, error) {
					return s.client.Call(ctx, words[0], words[1:]...)
				})
				if err != nil {
					return nil, err
				}
				return value(m, 0)
			}),
		luabind.Try2(luabind.Function{Name: "pipeline", Waits: true, Doc: "Sends commands at once.",
			Example: `local results, err = r:pipeline({ { "INCR", "calls" }, { "EXPIRE", "calls", 60 } })`},
			luabind.Self[*server](), commandsArg,
			luabind.ReturnsValue(luabind.List, "a result for each: as of call, false for a missing value, {error = text} for a command that was refused"), pipeline),
		luabind.Try4(luabind.Function{Name: "script", Waits: true,
			Doc:     "Runs a Lua script on the server, atomically. It is sent once and then known there by its hash.",
			Example: `local n, err = r:script("return redis.call('INCRBY', KEYS[1], ARGV[1])", { "calls" }, { 5 })`},
			luabind.Self[*server](), luabind.TextArg("text", "of the script"), textsArg("keys"), textsArg("args"), luabind.ReturnsValue(luabind.Any, "as of call"),
			func(c *luabind.Call, s *server, text string, keys, args []string) (any, error) {
				m, err := waiting(c, func(ctx context.Context) (rueidis.RedisMessage, error) {
					return s.client.Script(ctx, rueidis.NewLuaScript(text), keys, args)
				})
				if err != nil {
					return nil, err
				}
				return value(m, 0)
			}),
		luabind.Do3(luabind.Function{Name: "subscribe", Where: luabind.AtLoad, Why: "it runs once in the process, not in the handler's VM",
			Doc:     "Calls fn for each message of a channel, once in the process. A lost connection is made again; what was sent meanwhile is missed.",
			Example: `r:subscribe("reload", function(message) sip.log.info("told: %s", message) end)`},
			luabind.Self[*server](), luabind.TextArg("channel", ""), luabind.FuncArg("fn", "function(message)", "it may wait"),
			func(c *luabind.Call, s *server, channel string, fn *luabind.Func) {
				if c.Background() {
					s.m.subscribed = append(s.m.subscribed, &subscription{s, channel, fn})
				}
			}),
	},
}

// ObjectType makes it an object of scripts.
func (*server) ObjectType() *luabind.ObjectType { return serverType }

// String is the URL without its password.
func (s *server) String() string { return s.client.Name() }

// waiting calls f with the lane lent.
func waiting[T any](c *luabind.Call, f func(ctx context.Context) (T, error)) (out T, err error) {
	c.Await(func(ctx context.Context) { out, err = f(ctx) })
	return out, err
}

func pipeline(c *luabind.Call, s *server, commands [][]string) (any, error) {
	answers, err := waiting(c, func(ctx context.Context) ([]rueidis.RedisResult, error) { return s.client.Pipeline(ctx, commands...) })
	if err != nil {
		return nil, err
	}
	list := make([]any, len(answers))
	for i, a := range answers {
		m, err := a.ToMessage()
		switch {
		case rueidis.IsRedisNil(err):
			list[i] = false
		case err != nil:
			list[i] = map[string]any{"error": err.Error()}
		default:
			if list[i], err = value(m, 0); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// mostDepth bounds nested lists.
const mostDepth = 32
