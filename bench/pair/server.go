//go:build linux

package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/ring"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/acc"
	"github.com/sipscript/sipscript/modules/b2b"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/drivers"
	"github.com/sipscript/sipscript/modules/dialog"
	"github.com/sipscript/sipscript/modules/registrar"
)

// server is one engine, with the modules that the scripts of this directory need.
type server struct {
	addr, callee string
	ring         *ring.Ring // nil: none
	size         int        // of the ring
	engine       *engine.Engine
	records      *acc.Accounts
}

// serve starts one.
func (b *bench) serve(o options) (s *server, err error) {
	users, err := registrar.New(registrar.Options{})
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	calls, err := dialog.New(dialog.Options{Log: log})
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.dir, "server")
	if err != nil {
		return nil, err
	}
	s = &server{size: o.ring, records: acc.New(acc.Options{Log: log, Data: dir, Dialogs: calls, Clients: clients.New(clients.Options{Drivers: drivers.All()})})}
	legs := b2b.NewWith(b2b.Options{Log: log, Dialogs: func() *dialog.Dialogs { return calls }})
	router, err := luabind.NewRouter(luabind.Options{Script: o.script, Log: log, Modules: []luabind.Opener{users, calls, s.records, legs},
		Args: map[string]string{"to": strings.ReplaceAll(o.to, "DIR", dir)}})
	if err != nil {
		return nil, err
	}
	c := engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Domains: []string{"example.com"}, Router: router, Lanes: 1, Log: log}
	if o.ring > 0 {
		s.ring = ring.New(ring.Options{Size: o.ring})
		c.Observe = func(l *lane.Lane) engine.Observer { return s.ring.Observe(l) }
	}
	if s.engine, err = engine.New(c); err != nil {
		return nil, err
	}
	if err := s.engine.Start(); err != nil {
		return nil, err
	}
	callee, err := net.ListenPacket("udp4", "127.0.0.1:0") // the load takes it
	if err != nil {
		return nil, err
	}
	defer callee.Close()
	s.addr, s.callee = s.engine.Locals()[0].Addr.String(), callee.LocalAddr().String()
	return s, nil
}

// full reports whether each page of the ring was used once: new ones cost more.
func (s *server) full() bool { return s.ring == nil || s.ring.Written() >= uint64(s.size) }

func (s *server) close() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // no call is in progress
	_ = s.engine.Shutdown(ctx)
	_ = s.records.Close()
}
