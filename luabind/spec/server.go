package spec

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/luabind"
)

// This file starts the servers of a test.

// serverOptions are those of t.server.
type serverOptions struct {
	Script  string            `lua:"script" doc:"the script's file, from the spec's directory; default: x.lua next to x_spec.lua"`
	Source  string            `lua:"source" doc:"the script's text, in place of a file"`
	Domains []string          `lua:"domains" doc:"local domains; default example.com"`
	Args    map[string]string `lua:"args" doc:"sip.args"`
	Env     map[string]string `lua:"env" doc:"the environment for sip.env"`
	Hosts   map[string]string `lua:"hosts" doc:"{name = address}: names that this server knows; more in t.dns"`
	Lanes   int               `lua:"lanes" min:"1" max:"16" doc:"default 1; with more, a run is not repeated exactly by its seed"`
	Addr    string            `lua:"addr" doc:"where it listens, UDP and TCP; default 10.0.0.1. At port 5060, also TLS at 5061, ws at 80 and wss at 443"`
	Listen  []string          `lua:"listen" doc:"further listeners, in the place of those: {\"wss:10.0.0.1:8443\"}"`
	Probes  bool              `lua:"probes" doc:"modules also send probes by themselves, which phones then receive; default false"`
	Data    bool              `lua:"data" doc:"keeps in a directory of its own what --data keeps, so that it survives a restart"`
	Redis   bool              `lua:"redis" doc:"keeps with the test's Redis in memory what --redis shares, as t.node does; all such servers have one secret"`
	Budget  time.Duration     `lua:"budget" doc:"how many seconds a handler may compute; default 5"`

	name   string // of the source, at a console
	memory int    // at a console
}

const (
	serverAddr = "10.0.0.1"
	// Budgets are on the machine's clock, and a machine that runs tests is busy.
	serverBudget = 5 * time.Second
	specBudget   = 5 * time.Second
)

func defaultServer(file string) serverOptions {
	return serverOptions{Domains: []string{"example.com"}, Lanes: 1, Addr: serverAddr, Budget: serverBudget}
}

// server is one running server.
type server struct {
	w      *world
	o      serverOptions
	name   string // in logs and ladders
	addr   netip.AddrPort
	listen []transport.ListenSpec
	starts uint64
	data   string  // its directory, with one in it for each process; "" before there is one
	dir    string  // that of the process that runs, or ran last
	kept   *keeper // of its durable dictionaries; nil: none

	// Of the process that runs; engine is nil if none does
	engine  *engine.Engine
	router  *luabind.Router
	modules []luabind.Opener
	wire    *sim.Wire
}

// script is what a server runs.
func (w *world) script(o *serverOptions) (s luabind.Options, err error) {
	dir := filepath.Dir(w.file)
	if o.Script != "" && o.Source != "" {
		return s, errors.New("give either script or source")
	}
	if o.Source != "" {
		s.Source, s.Name, s.Files = o.Source, "source", os.DirFS(dir)
		return s, nil
	}
	s.Script = o.Script
	if s.Script == "" {
		s.Script = strings.TrimSuffix(filepath.Base(w.file), "_spec.lua") + ".lua"
	}
	if !filepath.IsAbs(s.Script) {
		s.Script = filepath.Join(dir, s.Script)
	}
	if _, err := os.Stat(s.Script); errors.Is(err, fs.ErrNotExist) && o.Script == "" {
		return s, fmt.Errorf("there is no %s next to the spec: put it there, or use t.server{script = …}", filepath.Base(s.Script))
	}
	return s, nil
}

// start adds a server and starts it; the error is for the spec's author.
func (w *world) start(c *luabind.Call, o serverOptions) (*server, error) {
	addr, err := address(o.Addr)
	if err != nil {
		return nil, err
	}
	for _, s := range w.servers {
		if s.addr == addr {
			return nil, fmt.Errorf("there is already a server at %s: t.server comes before the first t.ua; a second server needs another addr", addr)
		}
	}
	s := &server{w: w, o: o, addr: addr, name: "server"}
	if n := len(w.servers); n > 0 {
		s.name = fmt.Sprintf("server %d", n+1)
	}
	if err := s.listeners(); err != nil {
		return nil, err
	}
	if o.Data {
		s.kept = newKeeper()
	}
	if err := s.launch(c); err != nil {
		s.close()
		return nil, err
	}
	w.servers = append(w.servers, s)
	w.ladder.servers = append(w.ladder.servers, party{Name: s.name, IP: addr.Addr(), Port: addr.Port()})
	return s, nil
}

// launch starts a server that does not run, with the spec's lane lent: functions of the spec may
// have to answer what the file asks for while it loads.
func (s *server) launch(c *luabind.Call) (err error) {
	if c == nil { // at a console there is no spec
		return s.run()
	}
	c.Await(func(context.Context) { err = s.run() })
	return err
}

// run is launch without a lane. Nothing else of the spec's does anything meanwhile: whatever could
// wait for it is what waits.
func (s *server) run() error {
	w, logger := s.w, s.w.log.logger(s.name)
	script, err := w.script(&s.o)
	if err != nil {
		return err
	}
	dns, err := w.names(s.o.Hosts)
	if err != nil {
		return err
	}
	script.Args, script.Budget, script.Log, script.Seed = s.o.Args, s.o.Budget, logger, 1+s.starts<<32
	script.Cover, script.Console = w.opts.Cover, w.console
	if w.console != nil {
		script.Name, script.Memory = either(s.o.name, script.Name), s.o.memory
	}
	script.Steps = func(step luabind.Step) func() { return w.ladder.steps.at(s.addr.Addr(), step) }
	script.Env = func(name string) string { return s.o.Env[name] }
	if s.kept != nil {
		script.Dictionaries = s.kept
	}
	if w.opts.Modules != nil {
		if script.Modules, err = w.opts.Modules(serverOutside{&w.outside, s}); err != nil {
			return err
		}
	}
	s.modules = script.Modules
	w.read(script.Script)
	if s.router, err = luabind.NewRouter(script); err != nil {
		return errors.Join(err, s.closeModules())
	}
	w.routers = append(w.routers, s.router)
	e, err := engine.New(engine.Config{Clock: w.sim, Meter: w.sim, Network: s.network, Seed: 2 + s.starts<<32,
		Lanes: s.o.Lanes, Domains: s.o.Domains, Router: s.router, Log: logger, DNS: dns, Secret: s.secret(), Observe: w.opts.Observe})
	if err == nil {
		err = e.Start()
	}
	if err != nil {
		if s.wire != nil {
			s.wire.Remove() // the address is free for another try
		}
		return errors.Join(err, s.closeModules())
	}
	s.engine = e
	s.starts++
	w.sim.Drive(e.Lanes()...)
	w.sim.Drive(e.Background())
	return nil
}

// network brings what arrives to an engine.
func (s *server) network(r transport.Receiver) (transport.Wire, error) {
	var texts []string
	for _, l := range s.listen {
		text := l.String()
		if l.Origins != "" {
			text += "?origin=" + strings.ReplaceAll(l.Origins, " ", "&origin=")
		}
		texts = append(texts, text)
	}
	wire, err := s.w.sim.Network(texts...)(r)
	s.wire, _ = wire.(*sim.Wire)
	return wire, err
}

// secret is the key of signatures and tokens: without data it is another after each start, as that
// of a process is. Nodes have it in common.
func (s *server) secret() []byte {
	if s.o.Redis {
		return []byte("a secret that is known, for tests, and that all nodes have")
	}
	text := "a secret that is known, for tests: " + s.addr.String()
	if s.starts > 0 && !s.o.Data {
		text += fmt.Sprint(" ", s.starts)
	}
	return []byte(text)
}
