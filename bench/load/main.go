// Load makes calls through a SIP server over UDP on loopback and measures them: INVITE, 180, 200,
// ACK, a pause, BYE, 200, with Record-Route. Caller and callees are in this one process. It prints
// one line of JSON.
//
//	go run ./bench/load -server 127.0.0.1:5060 -rate 2000 -seconds 5
//
// Calls begin at their rate whether or not those before them have ended (an open loop), so that a
// server which falls behind is seen to.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"
)

type options struct {
	server  string
	rate    int
	seconds int
	users   int
	pause   time.Duration
	patient time.Duration
	only    bool
	once    bool // nothing is sent again
	expect  int
	silent  int
	callee  string
	caller  string // the URI in From
	number  string // what numbers begin with that are called in place of users; "" for users
}

func main() {
	var o options
	flag.StringVar(&o.server, "server", "127.0.0.1:5060", "the server, host:port")
	flag.IntVar(&o.rate, "rate", 1000, "calls begun in a second")
	flag.IntVar(&o.seconds, "seconds", 5, "for how long")
	flag.IntVar(&o.users, "users", 1000, "users who are registered first and called in turn")
	flag.DurationVar(&o.pause, "pause", 100*time.Millisecond, "between ACK and BYE")
	flag.DurationVar(&o.patient, "patient", 10*time.Second, "a call not answered by then has failed")
	flag.BoolVar(&o.only, "register-only", false, "register the users and end")
	flag.BoolVar(&o.once, "once", false, "send nothing again: what was lost or refused stays so, and the load is what was asked for")
	flag.IntVar(&o.expect, "expect", 200, "the answer that completes a call; without one of 200 a call ends with it")
	flag.IntVar(&o.silent, "silent", 0, "so many more contacts of each user, which ring and never answer")
	flag.StringVar(&o.callee, "callee", "127.0.0.1:0", "where the users answer; loads one after the other on one server give the same, else calls fork to all of them")
	flag.StringVar(&o.caller, "caller", "sip:alice@example.com", "who calls, a URI")
	flag.StringVar(&o.number, "number", "", "what numbers begin with that are called in place of users; the server knows where they are")
	flag.Parse()
	r, err := run(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(r)
}

func run(o options) (*result, error) {
	callee, err := newCallee(o.callee)
	if err != nil {
		return nil, err
	}
	defer callee.close()
	c, err := newCaller(o)
	if err != nil {
		return nil, err
	}
	defer c.close()
	ready := func() error { return c.register(callee.addr()) }
	if o.number != "" {
		ready = c.ping
	}
	if err := ready(); err != nil {
		return nil, err
	}
	if o.only {
		return &result{}, nil
	}
	return c.calls(), nil
}
