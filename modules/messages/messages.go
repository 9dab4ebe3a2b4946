package messages

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/drivers"
	"github.com/sipscript/sipscript/modules/host"
)

// Plugin is the module "messages".
func Plugin() host.Plugin {
	return host.Plugin{Name: "messages", Commands: []host.Command{command()}, New: func(env *host.Environment) (luabind.Opener, error) {
		store, line, err := openStore(env)
		if err != nil {
			return nil, err
		}
		s := New(Options{Store: store})
		s.line = line
		return s, nil
	}}
}

// openStore opens the store: in memory, in the directory of --data, or in the server of --redis.
func openStore(env *host.Environment) (store Store, line string, err error) {
	pool := env.Clients
	if pool == nil && (env.Redis != "" || env.Data != "") {
		pool = clients.New(clients.Options{Drivers: drivers.All(), Log: env.Log})
	}
	switch {
	case env.Redis != "":
		if store, err = OpenRedis(pool, string(env.Redis), rand.Text()); err != nil {
			return nil, "", env.Redis.Explain("redis", err)
		}
		return store, fmt.Sprintf("messages are kept in redis at %s", env.Redis), nil
	case env.Data != "":
		if store, err = OpenFile(pool, env.Data); err != nil {
			return nil, "", fmt.Errorf("--data: %w", err)
		}
		n, _ := store.Count(context.Background())
		return store, fmt.Sprintf("messages are kept in %s/messages.db: %d", env.Data, n), nil
	}
	return NewMemory(0), "", nil
}

// Options of New.
type Options struct {
	Store Store // nil: in memory
}

// Messages is the module. It is safe for concurrent use.
type Messages struct {
	store     Store
	line      string // of Storage
	script    luabind.Events[Event]
	serving   atomic.Pointer[Policy] // of the script in force
	deliverer atomic.Pointer[deliverer]
	users     atomic.Pointer[directory] // of the engine; nil: nobody knows who exists
	figures   figures
}

// New makes the module.
func New(o Options) *Messages {
	if o.Store == nil {
		o.Store = NewMemory(0)
	}
	s := &Messages{store: o.Store}
	p := DefaultPolicy()
	s.serving.Store(&p)
	return s
}

// Name is "messages".
func (*Messages) Name() string { return "messages" }

// Doc describes the module.
func (*Messages) Doc() string {
	return "Keeps MESSAGEs for users who are not reachable, and delivers them when they register."
}

// Storage implements host.Storer.
func (s *Messages) Storage() string { return s.line }

// directory knows who is a user: the module auth.
type directory interface {
	Known(ctx context.Context, e *engine.Engine, uri *message.URI) (known, sure bool, err error)
}

// Attach follows the registrar of the engine, if there is one. It makes a Messages an engine.Part.
func (s *Messages) Attach(e *engine.Engine) error {
	d := newDeliverer(s, e)
	if old := s.deliverer.Swap(d); old != nil {
		old.stop()
	}
	for _, p := range e.Parts() {
		if users, ok := p.(directory); ok {
			s.users.Store(&users)
		}
		if where, ok := p.(locator); ok {
			d.where = where
			d.stops = append(d.stops, where.Follow(d.changed))
		}
	}
	e.Background().Post(d)
	return nil
}

// Detach ends deliveries; what was not answered stays. It makes a Messages an engine.Detacher.
func (s *Messages) Detach(_ context.Context, e *engine.Engine) error {
	if d := s.deliverer.Load(); d != nil && d.engine == e {
		d.stop()
	}
	return nil
}

// Close closes the store.
func (s *Messages) Close() error { return s.store.Close() }

// policy is that of the script in force.
func (s *Messages) policy() Policy { return *s.serving.Load() }

// knows reports whether an address is that of a user, as far as anybody can tell.
func (s *Messages) knows(ctx context.Context, e *engine.Engine, aor string) (bool, error) {
	users := s.users.Load()
	uri, err := message.ParseURI([]byte(aor))
	if users == nil || err != nil {
		return err == nil, nil
	}
	known, sure, err := (*users).Known(ctx, e, &uri)
	return known || !sure, err
}

// Keep stores a MESSAGE for the user in its Request-URI and answers it, which is the request's
// decision: 202, or 400, 404, 413, 480 or 503. kept is false, and err says why, if it was not
// stored. wait calls what may block, with the lane lent. An *engine.MisuseError: it is not a
// MESSAGE, or has been decided.
func (s *Messages) Keep(req *engine.Request, p Policy, wait func(f func(ctx context.Context))) (kept bool, err error) {
	if req.Method() != message.MethodMessage {
		return false, &engine.MisuseError{Text: "only MESSAGE requests are kept, not " + string(req.Message().MethodText())}
	}
	if req.Decided() {
		return false, &engine.MisuseError{Text: "this request has been decided already; return after the first decision"}
	}
	e := req.Engine()
	m, why := p.read(e, req.Message(), e.Clock().Wall())
	if why == nil {
		why = context.Canceled // the request was over before it began
		wait(func(ctx context.Context) { why = s.keep(ctx, e, &p, m) })
	}
	code, headers := 202, []engine.HeaderEdit(nil)
	var no *refusal
	switch {
	case why == nil, errors.Is(why, errComposing):
	case errors.As(why, &no):
		code = no.code
		s.figures.rejected.Add(1)
	default:
		code, headers = 503, []engine.HeaderEdit{{Name: "Retry-After", Values: []string{"10"}}}
		s.figures.rejected.Add(1)
		e.Log().Error("a message can't be kept", "error", why)
	}
	if _, err := req.Reply(code, "", &engine.ReplyOptions{Headers: headers}); err != nil {
		return false, err
	}
	return why == nil, why
}
