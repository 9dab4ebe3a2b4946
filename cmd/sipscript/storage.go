package main

// Where state lives: in memory, or in the directory of --data.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sipscript/sipscript/modules/registrar"
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
		s.log.Warn("the directory of --data can be entered by others; chmod 700 it", "dir", s.set.data)
	}
	return nil
}

// openStorage opens the stores.
func (s *server) openStorage() error {
	if s.set.data == "" {
		s.storage = &storage{registrar.New(registrar.Options{}), "state is kept in memory: a restart forgets what registered"}
		return nil
	}
	path := s.set.locationFile()
	store, err := sqlitestore.Open(path, sqlitestore.Options{Log: s.log})
	if errors.Is(err, sqlitestore.ErrInUse) {
		return fmt.Errorf("--data: %w: each sipscript needs a directory of its own", err)
	}
	if err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	n, _ := store.Count(context.Background())
	s.storage = &storage{registrar.New(registrar.Options{Store: store}), fmt.Sprintf("state is kept in %s: %d bindings", path, n)}
	return nil
}

func (s *settings) locationFile() string { return filepath.Join(s.data, "location.db") }

// storageName is where state is kept, for /status.
func (s *settings) storageName() string {
	if s.data == "" {
		return "memory"
	}
	return "sqlite:" + s.locationFile()
}
