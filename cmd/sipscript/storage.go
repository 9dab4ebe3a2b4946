package main

// Where state lives: in memory, in the directory of --data, or in the Redis server of --redis.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/sipscript/sipscript/modules/registrar"
	"github.com/sipscript/sipscript/modules/registrar/redisstore"
	"github.com/sipscript/sipscript/modules/registrar/sqlitestore"
)

// storage is what outlives scripts.
type storage struct {
	registrar *registrar.Registrar
	line      string // tells the operator where state is kept
}

// makeData makes the directory of --data. It is this user's alone: it says who is where, and has the key.
func (s *server) makeData() error {
	if s.set.data == "" {
		return nil
	}
	if err := os.MkdirAll(s.set.data, 0o700); err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	info, err := os.Stat(s.set.data)
	if err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		s.log.Warn("the directory of --data is accessible to other users; chmod 700 it", "dir", s.set.data)
	}
	return nil
}

// openStorage opens the stores.
func (s *server) openStorage() error {
	open := s.openMemory
	switch {
	case s.set.redis != "":
		open = s.openRedis
	case s.set.data != "":
		open = s.openFile
	}
	store, line, err := open()
	if err != nil {
		return err
	}
	s.storage = &storage{registrar.New(registrar.Options{Store: store}), line}
	return nil
}

func (s *server) openMemory() (registrar.Store, string, error) {
	return registrar.NewMemory(), "state is kept in memory: registrations are lost on restart", nil
}

func (s *server) openFile() (_ registrar.Store, _ string, err error) {
	path := s.set.locationFile()
	var store *sqlitestore.Store
	undisturbed(func() { store, err = sqlitestore.Open(path, sqlitestore.Options{Log: s.log}) })
	if errors.Is(err, sqlitestore.ErrInUse) {
		return nil, "", fmt.Errorf("--data: %w: each sipscript process needs its own directory", err)
	}
	if err != nil {
		return nil, "", fmt.Errorf("--data: %w", err)
	}
	n, _ := store.Count(context.Background())
	return store, fmt.Sprintf("state is kept in %s: %d bindings", path, n), nil
}

func (s *server) openRedis() (registrar.Store, string, error) {
	store, err := redisstore.Open(s.set.redis, redisstore.Options{Log: s.log})
	if err != nil {
		return nil, "", s.explainRedis(err)
	}
	n, err := store.Count(context.Background())
	if err != nil {
		return nil, "", errors.Join(s.explainRedis(err), store.Close())
	}
	return store, fmt.Sprintf("state is kept in redis at %s: %d bindings", s.set.redisName, n), nil
}

// explainRedis adds what to do to an error of Redis at the start.
func (s *server) explainRedis(err error) error {
	todo := "start Redis there, or correct the URL"
	switch text := err.Error(); {
	case strings.Contains(text, "NOAUTH"), strings.Contains(text, "WRONGPASS"):
		todo = "put the password in the URL: redis://:PASSWORD@HOST:PORT/0, or redis://USER:PASSWORD@…"
	case strings.Contains(text, "DB index"):
		todo = "the number at the end of the URL selects the database: 0 to 15, unless Redis is configured otherwise"
	case strings.HasPrefix(s.set.redis, "rediss:"):
		todo = "rediss:// is Redis over TLS; use redis:// without TLS"
	}
	return fmt.Errorf("--redis %s: %w; %s", s.set.redisName, err, todo)
}

func (s *settings) locationFile() string { return filepath.Join(s.data, "location.db") }

// storageName is where state is kept, for /status.
func (s *settings) storageName() string {
	switch {
	case s.redis != "":
		return s.redisName
	case s.data != "":
		return "sqlite:" + s.locationFile()
	}
	return "memory"
}
