// Package plugin is the registrar as the command has it: with its stores, by the flags.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/registrar"
	"github.com/sipscript/sipscript/modules/registrar/redisstore"
	"github.com/sipscript/sipscript/modules/registrar/sqlitestore"
)

// Plugin is the module "registrar".
func Plugin() host.Plugin {
	return host.Plugin{Name: "registrar", Commands: []host.Command{registrationsCommand()}, New: open}
}

// plugged is a registrar that knows where its bindings are kept.
type plugged struct {
	*registrar.Registrar
	line string
	// All bindings are in this process, so that they can be listed
	listed bool
	engine atomic.Pointer[engine.Engine] // once it is attached
}

// Storage implements host.Storer.
func (p *plugged) Storage() string { return p.line }

// open opens the store: in memory, in the directory of --data, or in the Redis server of --redis.
func open(env *host.Environment) (luabind.Opener, error) {
	store, line, err := openStore(env)
	if err != nil {
		return nil, err
	}
	r, err := registrar.New(registrar.Options{Store: store})
	return &plugged{Registrar: r, line: line, listed: env.Redis == ""}, err
}

func openStore(env *host.Environment) (store registrar.Store, line string, err error) {
	switch {
	case env.Redis != "":
		return openRedis(env)
	case env.Data != "":
		return openFile(env)
	}
	return registrar.NewMemory(), "state is kept in memory: registrations are lost on restart", nil
}

func openFile(env *host.Environment) (_ registrar.Store, line string, err error) {
	path := filepath.Join(env.Data, "location.db")
	var store *sqlitestore.Store
	env.Bulk(func() { store, err = sqlitestore.Open(path, sqlitestore.Options{Log: env.Log, Now: env.Now}) })
	if errors.Is(err, sqlitestore.ErrInUse) {
		return nil, "", fmt.Errorf("--data: %w: each sipscript process needs its own directory", err)
	}
	if err != nil {
		return nil, "", fmt.Errorf("--data: %w", err)
	}
	n, _ := store.Count(context.Background())
	return store, fmt.Sprintf("state is kept in %s: %d bindings", path, n), nil
}

func openRedis(env *host.Environment) (registrar.Store, string, error) {
	o := redisstore.Options{Log: env.Log}
	if env.Common != nil {
		o.Hub = env.Common("registrar", func() any { return &redisstore.Hub{} }).(*redisstore.Hub)
	}
	store, err := redisstore.Open(string(env.Redis), o)
	if err != nil {
		return nil, "", env.Redis.Explain("redis", err)
	}
	n, err := store.Count(context.Background())
	if err != nil {
		return nil, "", errors.Join(env.Redis.Explain("redis", err), store.Close())
	}
	return store, fmt.Sprintf("state is kept in redis at %s: %d bindings", env.Redis, n), nil
}
