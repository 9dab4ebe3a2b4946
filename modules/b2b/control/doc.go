// Package control is call control from outside: programs elsewhere watch the calls of module b2b
// and give orders, over a WebSocket on the admin port. docs/control.md is the protocol for those
// who write such programs; this is what it rests on.
//
// A [Hub] has sessions. A session outlives its connections: it has a secret name, and numbers what
// it says. Who comes back within its time says what was seen last, and hears the rest; if that is
// no longer kept, the state of all calls instead. So nothing is lost in silence between two
// connections, nor between a connection and what it asks for: on each lane a session hears of
// everything from the same step on in which that lane tells it which legs there are.
//
// A leg has one master, a session, from when a script hands it over ([Hub.HandOver]), a session
// makes it, or claims one that is nobody's. Only the master's orders are carried out. When the
// connection of a master is lost, its legs wait; what happens after that is said where they began.
//
// Orders have a reference that the client chooses. An order that comes again, because its client
// does not know what became of it, is not carried out again: it is answered with what it was
// answered. What refuses it is a [Code].
//
//	hub := control.New(control.Options{…})
//	hub.Handle(control.OrderOf(control.Order{Name: "answer", Leg: true}, answering{}, nil, func(t *control.Turn, a *answering) { … }))
//	hub.Attach(engine)
//	http.HandleFunc("GET /control", hub.ServeHTTP)
//
// Who owns what: the sessions' list is swapped as a whole. What a session has said and heard is
// guarded by its own lock, which is held for an append and nothing that waits. Who is the master of
// a leg belongs to the leg's lane. A connection has two goroutines, which its end ends. Everything
// is bounded: see bounds.go.
package control
