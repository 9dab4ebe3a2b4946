package main

// This file is the server under test.

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/internal/collector"
	"github.com/sipscript/sipscript/internal/cputime"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/clients"
	module "github.com/sipscript/sipscript/modules/http"
)

const script = `
local http = require "http"
local function nobody(url, options) return { status = 200 } end
function route(req)
  local user = req.ruri.user
  if user == "plain" then return req:reply(200) end
  local get = user ~= "same" and http.get or nobody
  local res, err = get("http://%s/route", { query = { to = user }, timeout = 60 })
  req:reply(res and res.status or 503)
end`

// proxy runs the server until its standard input ends. It answers each line with what it holds:
// bytes of heap and of stacks, and scripts that wait. The line "profile FILE" writes a profile of
// the heap there, "time" asks for the processor time so far, in microseconds; "clocks" for the
// processor time at which other calls were answered.
func proxy(service string, o *options) error {
	if o.profile != "" {
		runtime.MemProfileRate = 1
	}
	if os.Getenv("GOGC") == "" {
		defer collector.Floor(200, 64<<20)() // as the command does
	}
	m := module.New(module.Options{Clients: clients.New(clients.Options{})})
	quiet := slog.New(slog.DiscardHandler)
	r, err := luabind.NewRouter(luabind.Options{Source: fmt.Sprintf(script, service), Name: "rest.lua", Modules: []luabind.Opener{m}, Log: quiet})
	if err != nil {
		return err
	}
	c := &clocked{Router: r}
	e, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Router: c, Log: quiet})
	if err != nil {
		return err
	}
	if err := e.Start(); err != nil {
		return err
	}
	fmt.Println(e.Locals()[0].Addr, os.Getpid())
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if lines.Text() == "time" {
			fmt.Println(cputime.Used().Microseconds())
			continue
		}
		if lines.Text() == "clocks" {
			fmt.Println(c.take())
			continue
		}
		runtime.GC()
		runtime.GC()
		if path, ok := strings.CutPrefix(lines.Text(), "profile "); ok {
			if err := profile(path); err != nil {
				return err
			}
		}
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		fmt.Println(s.HeapAlloc, s.StackInuse, r.Stats().Suspended)
	}
	return nil // the process ends, and with it what waits
}

func profile(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return pprof.WriteHeapProfile(f)
}

// clocked notes the processor time at which other calls are answered.
type clocked struct {
	*luabind.Router
	mu  sync.Mutex
	ids []byte // guarded by mu: "Call-ID=nanoseconds "
}

// Route makes it an engine.Router.
func (c *clocked) Route(req *engine.Request) error {
	err := c.Router.Route(req)
	if bytes.HasPrefix(req.Message().RequestURI(), []byte("sip:plain@")) {
		now := clockOf(0).now()
		c.mu.Lock()
		c.ids = append(append(c.ids, req.Message().CallID()...), '=')
		c.ids = append(strconv.AppendInt(c.ids, now, 10), ' ')
		c.mu.Unlock()
	}
	return err
}

func (c *clocked) take() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := string(c.ids)
	c.ids = c.ids[:0]
	return text
}
