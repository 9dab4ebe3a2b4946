// Command gorouter is a SIP registrar and proxy whose routing is written in Go: the engine without
// Lua.
//
//	go run ./examples/gorouter -listen udp:127.0.0.1:5060 -domain example.com
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/registrar"
)

func main() {
	listen := flag.String("listen", "udp:127.0.0.1:5060", "PROTO:HOST:PORT")
	domain := flag.String("domain", "example.com", "the domain served")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, os.Stdout, *listen, *domain); err != nil {
		fmt.Fprintln(os.Stderr, "gorouter:", err)
		os.Exit(1)
	}
}

// serve runs the engine until ctx ends and the calls under way have finished.
func serve(ctx context.Context, out io.Writer, listen, domain string) error {
	users, err := registrar.New(registrar.Options{}) // bindings in memory
	if err != nil {
		return err
	}
	eng, err := engine.New(engine.Config{Listen: []string{listen}, Domains: []string{domain}, Router: &router{users},
		// It sweeps what has expired, and resolves GRUUs within dialogs
		Parts: []engine.Part{users}})
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

// router decides what happens to each new request. The engine calls it on many lanes at once, so
// what it shares must be safe for that; a Registrar is.
type router struct{ users *registrar.Registrar }

// Route takes one decision. It must not block; waiting is done through req (Fork, Await, Sleep).
func (r *router) Route(req *engine.Request) error {
	// Within a dialog a request follows the Record-Route we signed; without it, it is answered 481.
	if req.InDialog() {
		return done(req.Relay(nil, nil))
	}
	if req.Method() == message.MethodRegister {
		// It has answered; the error says why not with 200, which the client has been told
		_, _ = r.users.Save(req, nil)
		return nil
	}
	uri, err := message.ParseURI(req.Message().RequestURI())
	if err != nil {
		return err
	}
	if !req.Engine().IsLocal(string(uri.Host), uri.Port) {
		return done(req.Reply(404, "", nil))
	}
	// The bindings of the user become the targets of a parallel fork; an empty list is answered
	// 480.
	bindings, err := r.users.Lookup(req.Context(), &uri, req.Engine().Clock().Wall())
	if err != nil {
		return err // the engine answers 500 and logs it
	}
	targets := make([]*engine.Target, 0, len(bindings))
	for _, b := range bindings {
		targets = append(targets, b.Target())
	}
	if err := req.RecordRoute(); err != nil {
		return err
	}
	return done(req.Relay(targets, nil))
}

// done ignores decisions on a request that was already over: the caller hung up, and nothing is
// left to do.
func done(_ bool, err error) error { return err }
