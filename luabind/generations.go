package luabind

// The generations of a script that are there: the one that serves, and those that finish what they
// began.

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// GenerationInfo is a generation at one moment.
type GenerationInfo struct {
	Number  uint64    // counted from the start of the server, refused ones included
	Serving bool      // new requests go to it
	Trial   bool      // some of them go to it ([Router.Try])
	Loaded  time.Time // when it took over
	// Held is how many handlers, timers, tasks and transactions with callbacks keep it.
	Held int64
}

// Generations are those that are there, the newest first. A transaction with callbacks counts until
// the garbage collector has found that it is over.
func (r *Router) Generations() []GenerationInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []GenerationInfo
	if t := r.trial.Load(); t != nil && r.lastTrial == nil {
		i := t.gen.info(false)
		i.Trial = true
		list = append(list, i)
	}
	if r.current != nil {
		list = append(list, r.current.info(true))
	}
	for _, g := range slices.Backward(r.leaving) {
		list = append(list, g.info(false))
	}
	return list
}

func (g *generation) info(serving bool) GenerationInfo {
	i := GenerationInfo{Number: g.number, Serving: serving, Loaded: g.loaded}
	for _, v := range g.all() {
		i.Held += int64(v.refs.Load()) + int64(v.tasks.Load())
	}
	return i
}

// left forgets a generation that was closed.
func (r *Router) left(g *generation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leaving = slices.DeleteFunc(r.leaving, func(other *generation) bool { return other == g })
}

// SetArgs is Reload with other arguments (sip.args). A script that is refused leaves them as they
// were.
func (r *Router) SetArgs(ctx context.Context, args map[string]string) error {
	r.building.Lock()
	o := r.opts
	r.building.Unlock()
	o.Args = args
	return r.ReloadAs(ctx, o)
}

// String names the router in logs.
func (r *Router) String() string { return fmt.Sprintf("script %s%s", r.opts.Script, r.opts.Name) }
