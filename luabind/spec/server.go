package spec

import (
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
	Budget  time.Duration     `lua:"budget" doc:"how many seconds a handler may compute; default 5"`
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
	addr   netip.AddrPort
	listen []transport.ListenSpec
	engine *engine.Engine
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

// start starts a server; the error is for the spec's author.
func (w *world) start(o serverOptions) (*server, error) {
	addr, err := address(o.Addr)
	if err != nil {
		return nil, err
	}
	script, err := w.script(&o)
	if err != nil {
		return nil, err
	}
	for _, s := range w.servers {
		if s.addr == addr {
			return nil, fmt.Errorf("there is already a server at %s: t.server comes before the first t.ua; a second server needs another addr", addr)
		}
	}
	s := &server{w: w, addr: addr}
	listen, err := s.listeners(&o)
	if err != nil {
		return nil, err
	}
	dns, err := w.names(o.Hosts)
	if err != nil {
		return nil, err
	}
	name := "server"
	if n := len(w.servers); n > 0 {
		name = fmt.Sprintf("server %d", n+1)
	}
	logger := w.log.logger(name)
	script.Args, script.Budget, script.Log, script.Seed = o.Args, o.Budget, logger, 1
	script.Cover = w.opts.Cover
	script.Steps = func(step luabind.Step) func() { return w.ladder.steps.at(addr.Addr(), step) }
	script.Env = func(name string) string { return o.Env[name] }
	w.outside.probes = o.Probes
	if w.opts.Modules != nil {
		if script.Modules, err = w.opts.Modules(&w.outside); err != nil {
			return nil, err
		}
		w.modules = append(w.modules, script.Modules...)
	}
	w.read(script.Script)
	router, err := luabind.NewRouter(script)
	if err != nil {
		return nil, err
	}
	w.routers = append(w.routers, router)
	var wire transport.Wire
	network := func(r transport.Receiver) (transport.Wire, error) {
		var err error
		wire, err = w.sim.Network(listen...)(r)
		return wire, err
	}
	s.engine, err = engine.New(engine.Config{Clock: w.sim, Meter: w.sim, Network: network, Seed: 2,
		Lanes: o.Lanes, Domains: o.Domains, Router: router, Log: logger, DNS: dns, Secret: []byte("a secret that is known, for tests: " + addr.String())})
	if err == nil {
		err = s.engine.Start()
	}
	if err != nil {
		if wire, ok := wire.(*sim.Wire); ok {
			wire.Remove() // the address is free for another try
		}
		return nil, err
	}
	w.sim.Drive(s.engine.Lanes()...)
	w.sim.Drive(s.engine.Background())
	w.servers = append(w.servers, s)
	w.ladder.servers = append(w.ladder.servers, party{name, addr.Addr(), addr.Port()})
	return s, nil
}
