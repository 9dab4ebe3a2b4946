package b2b_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/b2b/control"
)

// fields of an order or of what is said.
type fields = map[string]any

// client is a program that controls calls, in the simulation: what comes over a WebSocket otherwise
// is handed over.
type client struct {
	w    *world
	conn *control.Conn
	name string // of the operator
	acts bool
	// tells the connection that what the operator may was read again
	reread func()
	got    []fields // not taken yet
	seen   float64  // the last seq
	token  string
	n      int
}

// controlled is a world with a script that hands each call over.
func controlled(t *testing.T, options string, more ...luabindtest.Option) *world {
	return newWorld(t, route+`  local why, err = a:handover("ivr", { `+options+` })
  sip.log.warn("back: %s %s %s", why, err, a.state)
  if why ~= "ended" then a:reject(486) end
end`, more...)
}

// connect begins a connection.
func (w *world) connect() *client {
	return w.connectAs("tester")
}

func (w *world) connectAs(operator string) *client {
	x := &client{w: w, name: operator, acts: true}
	x.again()
	return x
}

// again begins another one, without a hello.
func (x *client) again() {
	x.conn = x.w.m.Control().Connect(control.Asker{Name: x.name, Source: "10.0.9.9", Acts: func() bool { return x.acts }, OnReread: func(f func()) { x.reread = f }})
}

// serving is one that has said hello.
func (w *world) serving(hello fields) *client {
	w.T.Helper()
	x := w.connect()
	x.hello(hello)
	x.event("synced")
	return x
}

func (x *client) hello(o fields) fields {
	x.w.T.Helper()
	ref := x.order("hello", o)
	answer := x.answer(ref)
	if r, ok := answer["result"].(fields); ok {
		x.token = r["session"].(string)
	}
	return answer
}

// order gives one, whose reference it returns.
func (x *client) order(name string, o fields) string {
	x.n++
	ref := fmt.Sprintf("r%d", x.n)
	if given, ok := o["ref"].(string); ok {
		ref = given
	}
	m := fields{"do": name, "ref": ref}
	for k, v := range o {
		m[k] = v
	}
	text, err := json.Marshal(m)
	if err != nil {
		x.w.T.Fatal(err)
	}
	x.conn.Receive(text)
	return ref
}

// read takes what there is to hear. Numbers follow one another.
func (x *client) read() {
	x.w.T.Helper()
	for text := x.conn.Next(); text != nil; text = x.conn.Next() {
		var m fields
		if err := json.Unmarshal(text, &m); err != nil {
			x.w.T.Fatalf("%v: %s", err, text)
		}
		if seq, ok := m["seq"].(float64); ok {
			if seq != x.seen+1 && m["event"] != "resync" {
				x.w.T.Errorf("after %v comes %s", x.seen, text)
			}
			x.seen = seq
		}
		x.got = append(x.got, m)
	}
}

// take is the first message such that, when it comes.
func (x *client) take(what string, such func(m fields) bool) fields {
	x.w.T.Helper()
	for range 4000 {
		x.read()
		for i, m := range x.got {
			if such(m) {
				x.got = append(x.got[:i:i], x.got[i+1:]...)
				return m
			}
		}
		x.w.Run(10 * time.Millisecond)
	}
	x.w.T.Fatalf("%s does not come; there is %v", what, x.got)
	return nil
}

// answer is that to an order.
func (x *client) answer(ref string) fields {
	x.w.T.Helper()
	return x.take("the answer to "+ref, func(m fields) bool { return m["ref"] == ref })
}

// result gives an order and is what it came to.
func (x *client) result(name string, o fields) any {
	x.w.T.Helper()
	m := x.answer(x.order(name, o))
	if m["refused"] != nil {
		x.w.T.Fatalf("%s %v: %v", name, o, m)
	}
	return m["result"]
}

// refused gives an order that is to be refused.
func (x *client) refused(code control.Code, name string, o fields) fields {
	x.w.T.Helper()
	m := x.answer(x.order(name, o))
	if m["refused"] != string(code) {
		x.w.T.Errorf("%s %v: %v, not %s", name, o, m, code)
	}
	return m
}

func (x *client) event(kind string) fields {
	x.w.T.Helper()
	return x.take(kind, func(m fields) bool { return m["event"] == kind })
}

// none checks that nothing such has come.
func (x *client) none(kind string) {
	x.w.T.Helper()
	x.read()
	for _, m := range x.got {
		if m["event"] == kind {
			x.w.T.Errorf("%v has come", m)
		}
	}
}

// of is the id of the leg of an event.
func of(m fields) string { return m["leg"].(fields)["id"].(string) }
