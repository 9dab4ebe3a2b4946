package main

// This file is the server under test.

import (
	"bufio"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"

	"github.com/sipscript/sipscript/engine"
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
// the heap there, "time" asks for the processor time so far, in microseconds.
func proxy(service string, o *options) error {
	if o.profile != "" {
		runtime.MemProfileRate = 1
	}
	m := module.New(module.Options{Clients: clients.New(clients.Options{})})
	quiet := slog.New(slog.DiscardHandler)
	r, err := luabind.NewRouter(luabind.Options{Source: fmt.Sprintf(script, service), Name: "rest.lua", Modules: []luabind.Opener{m}, Log: quiet})
	if err != nil {
		return err
	}
	e, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Router: r, Log: quiet})
	if err != nil {
		return err
	}
	if err := e.Start(); err != nil {
		return err
	}
	fmt.Println(e.Locals()[0].Addr)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if lines.Text() == "time" {
			fmt.Println(processorTime().Microseconds())
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
