package main

// Where state lives: in memory, in the directory of --data, or in the Redis server of --redis.

import (
	"fmt"
	"os"

	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/dictstore"
	"github.com/sipscript/sipscript/modules/clients/drivers"
	"github.com/sipscript/sipscript/modules/host"
)

// makeData creates the directory of --data, and keeps other processes from it before anything there
// is read or written. Only this user may enter it: it says who is where, and contains the key.
func (s *server) makeData() (err error) {
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
	s.lock, err = lockData(s.set.data, lockFile, s.log.Warn)
	return err
}

// openModules makes the modules, with the stores they have.
func (s *server) openModules() (err error) {
	s.clients = clients.New(clients.Options{Drivers: drivers.All(), DB: string(s.set.db), Log: s.log})
	s.modules, err = host.Open(s.plugins, host.Environment{Log: s.log, Data: s.set.data, Redis: s.set.redis, DB: s.set.db, Dictionaries: s.set.redis,
		Clients: s.clients, Flags: s.set.flags, Listeners: s.set.served, Bulk: undisturbed})
	if err == nil && s.set.data != "" {
		s.dictionaries, err = dictstore.Open(s.clients, s.set.data)
	}
	return err
}

// storageName says where state is kept, for /status.
func (s *settings) storageName() string {
	switch {
	case s.redis != "":
		return s.redis.String()
	case s.data != "":
		return "sqlite:" + s.data
	}
	return "memory"
}
