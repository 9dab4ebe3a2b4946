package luabind

import (
	"github.com/sipscript/sipscript/engine/lane"
	lua "github.com/yuin/gopher-lua"
)

// Eval compiles source and runs it on a lane's VM as a handler of no request; done gets its results
// copied into Go, with the lane's token. It is for tests and consoles.
func (r *Router) Eval(l *lane.Lane, source string, done func(results []any, err error)) {
	proto, err := compile(source, "eval")
	if err != nil {
		done(nil, err)
		return
	}
	l.Post(lane.Func(func(*lane.Lane) {
		v := r.enter(l)
		defer v.end()
		var out []lua.LValue
		if err := v.invoke(nil, v.main.NewFunctionFromProto(proto), &out); err != nil {
			done(nil, err)
			return
		}
		results := make([]any, len(out))
		for i, lv := range out {
			x, err := resultToGo(lv)
			if err != nil {
				x = lv.String()
			}
			results[i] = x
		}
		done(results, nil)
	}))
}
