// Command embedlua is a Go program that embeds the engine with a Lua script, and provides a module
// of its own to the script: "spam", which says how likely a caller is a nuisance.
//
//	go run ./examples/embedlua -listen udp:127.0.0.1:5060 -domain example.com
package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/registrar"
)

// The script may as well be a file: luabind.Options{Script: "route.lua"}, which can be edited and
// reloaded.
//
//go:embed route.lua
var route string

func main() {
	listen := flag.String("listen", "udp:127.0.0.1:5060", "PROTO:HOST:PORT")
	domain := flag.String("domain", "example.com", "the domain served")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, os.Stdout, *listen, *domain); err != nil {
		fmt.Fprintln(os.Stderr, "embedlua:", err)
		os.Exit(1)
	}
}

// serve runs the engine until ctx ends and the calls under way have finished.
func serve(ctx context.Context, out io.Writer, listen, domain string) error {
	users, err := registrar.New(registrar.Options{}) // bindings in memory
	if err != nil {
		return err
	}
	router, err := luabind.NewRouter(luabind.Options{
		Source: route, Name: "route.lua",
		// What the script can require in addition to "sip"
		Modules: []luabind.Opener{users, newSpam()},
	})
	if err != nil {
		return err // a mistake in the script, with file and line
	}
	eng, err := engine.New(engine.Config{Listen: []string{listen}, Domains: []string{domain}, Router: router})
	if err != nil {
		return err
	}
	if err := eng.Start(); err != nil {
		return err
	}
	for _, l := range eng.Locals() {
		fmt.Fprintln(out, "listening", l.Kind, l.Addr)
	}
	<-ctx.Done()
	// For what is still in progress
	drain, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return eng.Shutdown(drain)
}
