// Package engine is the embedding API of sipscript: a SIP routing engine whose decisions are taken
// by a [Router].
//
//	eng, err := engine.New(engine.Config{
//		Listen:  []string{"udp:127.0.0.1:5060"},
//		Domains: []string{"example.com"},
//		Router:  router,
//	})
//	err = eng.Run(ctx) // returns after the drain
//
// The engine owns transports, transactions and the proxy of RFC 3261 §16. For each new request it
// calls the Router, on the lane that the request's Call-ID belongs to, with a [Request] that the
// Router answers, redirects, relays, forks, forwards or drops. Package luabind makes a Router of a
// Lua script; a Go program may be one.
//
// Before a Router sees a request: bad syntax is answered 400 and the like, retransmissions are
// absorbed, the ACK of our own non-2xx is consumed, CANCEL of a known INVITE is executed, loops are
// answered 482 (§16.3, RFC 5393), Max-Forwards 0 483, an unknown Proxy-Require 420; received and
// rport are set, and our own Route entries are removed (§16.4).
package engine
