// Command callcontrol is a program that controls calls of a sipscript server from elsewhere, over
// the admin port (docs/control.md): each call that a script hands over to it rings, is dialled on,
// and joined with whoever answers.
//
//	function route(req)
//	  local a = require("b2b").incoming(req)
//	  if a and a:handover("desk") == "nobody" then a:reject(480) end
//	end
//
//	sipscript run --admin 127.0.0.1:8060 route.lua
//	go run ./examples/callcontrol -server ws://127.0.0.1:8060 -app desk -to sip:bob@192.0.2.7
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	server := flag.String("server", "ws://127.0.0.1:8060", "where the admin port is; wss:// with TLS")
	app := flag.String("app", "desk", "the app that scripts hand legs over to")
	to := flag.String("to", "sip:bob@192.0.2.7", "who is called")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := &Client{Server: *server, Token: os.Getenv("SIPSCRIPT_ADMIN_TOKEN")}
	if err := serve(ctx, os.Stdout, c, *app, *to); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "callcontrol:", err)
		os.Exit(1)
	}
}

// leg is what this program wants to know of one.
type leg struct {
	ID    string `json:"id"`
	From  string `json:"from"`
	State string `json:"state"`
}

// serve serves the app until ctx ends.
func serve(ctx context.Context, out io.Writer, c *Client, app, to string) error {
	return c.Run(ctx, Order{"apps": []string{app}, "name": "callcontrol"}, func(e Event) {
		switch e.Kind {
		case "synced":
			fmt.Fprintln(out, "ready")
		case "handed_over":
			var l leg
			if json.Unmarshal(e.Leg, &l) == nil {
				go answer(ctx, out, c, l, to) // ends with its call, or ctx
			}
		case "b2b.ended":
			fmt.Fprintf(out, "ended %s\n", e.Why)
		}
	})
}

// answer has somebody called for a leg, and the two joined.
func answer(ctx context.Context, out io.Writer, c *Client, l leg, to string) {
	fmt.Fprintln(out, "call from", l.From)
	_ = c.Do(ctx, Order{"do": "reply", "leg": l.ID, "code": 180}, nil) // that it fails is seen next
	var dialled struct {
		Leg      *leg
		Response struct {
			Code   int
			Reason string
		}
	}
	// Somebody answers, or not: both are results. An error is that of the order.
	err := c.Do(ctx, Order{"do": "dial", "leg": l.ID, "targets": to, "timeout": 30}, &dialled)
	switch {
	case err != nil:
		fmt.Fprintln(out, "dial:", err)
		return
	case dialled.Leg == nil:
		fmt.Fprintln(out, "nobody answers:", dialled.Response.Code)
		err = c.Do(ctx, Order{"do": "reject", "leg": l.ID, "code": max(dialled.Response.Code, 400)}, nil)
	default:
		err = c.Do(ctx, Order{"do": "join", "leg": l.ID, "other": dialled.Leg.ID}, nil)
	}
	if err != nil { // the caller has hung up meanwhile, which the server has seen to
		fmt.Fprintln(out, "too late:", err)
		return
	}
	fmt.Fprintln(out, "done")
}
