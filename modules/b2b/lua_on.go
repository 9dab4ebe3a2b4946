package b2b

// This file has functions that hear all that a party sends within its call: digits and requests.

import (
	"sync"

	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/luabind"
)

// mostHeard is how many things wait for a function that takes its time.
const mostHeard = 32

// listener is one of them. It is called for one thing after the other, in order.
type listener struct {
	x    *leg
	what string
	fn   *luabind.Func

	mu    sync.Mutex
	queue []dialog.Heard // guarded by mu
	runs  bool           // guarded by mu: the function does, or will
	over  bool           // guarded by mu: its generation is, or another one has taken its place
}

// hears is called on the leg's lane.
func (s *listener) hears(h dialog.Heard) {
	s.mu.Lock()
	if s.over || len(s.queue) >= mostHeard {
		s.mu.Unlock()
		return
	}
	s.queue = append(s.queue, h)
	idle := !s.runs
	s.runs = true
	s.mu.Unlock()
	if idle {
		s.next()
	}
}

// next has the function called for what has waited longest.
func (s *listener) next() {
	s.mu.Lock()
	if s.over || len(s.queue) == 0 {
		s.queue, s.runs = nil, false
		s.mu.Unlock()
		return
	}
	h := s.queue[0]
	s.queue = s.queue[1:]
	s.mu.Unlock()
	var kind any
	if h.Type != "" {
		kind = h.Type
	}
	var ignored bool
	s.fn.Start("leg:on "+s.what, &ignored, s.done, s.x, string(h.Value), kind)
}

// done is told that the function has returned, or that its generation is over: then nobody hears
// any more.
func (s *listener) done(err error) {
	if err == luabind.ErrNotStarted && s.end() {
		s.x.on(nil, func(*lane.Lane) { s.x.forget(s) })
	}
	s.next()
}

// end has nothing more be told; false: that was so.
func (s *listener) end() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.over
	s.over = true
	return !was
}

// listen puts a listener, or with nil nobody, in the place of the one for something. The leg's lane
// is held. false: the leg has ended.
func (x *leg) listen(what string, s *listener) bool {
	if before := x.listeners[what]; before != nil {
		before.end()
		delete(x.listeners, what)
	}
	if s == nil {
		return x.l.Listen(what, nil)
	}
	if !x.l.Listen(what, s.hears) {
		return false
	}
	if x.listeners == nil {
		x.listeners = map[string]*listener{}
	}
	x.listeners[what] = s
	return true
}

// forget ends a listener whose generation is over.
func (x *leg) forget(s *listener) {
	if x.listeners[s.what] == s {
		x.listen(s.what, nil)
	}
}

// listenerArg is a function, or nil.
var listenerArg = luabind.ArgOf(func(c *luabind.Call, n int) *luabind.Func {
	if c.IsNil(n) {
		return nil
	}
	return c.Func(n)
}, luabind.Param{Name: "fn", Type: luabind.FunctionType, Or: []luabind.Type{luabind.Nil}, Callback: "function(leg, value, type)", Runs: luabind.InHandler,
	Doc: "gets the leg, the key or the body, and the Content-Type or nil; nil: nobody hears it any more"})

var onMethod = luabind.Act3(luabind.Function{Name: "on", Where: luabind.InHandler, Waits: true,
	Doc: "Calls a function for each key that the party presses, or each request that it sends, as long as the leg lives: also when it is joined, and when the handler has ended. It takes the place of the one before. " +
		"The function runs where the script ran that has called on, for one after the other; it may wait, and up to 32 wait for it meanwhile. wait hears them as well, a bridge passes what it passes; keys that a function has heard are not kept. " +
		"When the generation of the script is over nothing is heard. A MESSAGE that is not passed is answered 200. nil, err if the leg has ended.",
	Raises:  "for anything else to hear",
	Example: answered200 + "b:on(\"dtmf\", function(leg, key) if key == \"#\" then leg:hang_up() end end)\na:join(b)"},
	luabind.Self[*leg](), luabind.TextArg("what", "\"dtmf\", \"INFO\" or \"MESSAGE\"; keys as wait has them"), listenerArg,
	func(c *luabind.Call, x *leg, what string, fn *luabind.Func) error {
		check(c, checkWanted([]string{what}))
		var s *listener
		if fn != nil {
			s = &listener{x: x, what: what, fn: fn}
		}
		_, err := do(x, c, func() (struct{}, error) {
			if !x.listen(what, s) {
				return struct{}{}, dialog.ErrState
			}
			return struct{}{}, nil
		})
		return err
	})
