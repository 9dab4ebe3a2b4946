package check

import (
	"slices"
	"strings"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/syntax"
	"github.com/yuin/gopher-lua/ast"
)

// Calls on a path: what they mean to the request.

func (f *frame) evals(list []ast.Expr, in states) states {
	for _, e := range list {
		in = f.eval(e, in)
	}
	return in
}

// eval goes through an expression for what it does.
func (f *frame) eval(e ast.Expr, in states) states {
	switch e := e.(type) {
	case nil, *ast.IdentExpr:
		return in
	case *ast.FuncCallExpr:
		var out states
		m := f.file.callee(e).member
		certain := m != nil && m.fn != nil && m.fn.Decides && m.fn.Effects&luabind.DecidesOnFalse == 0
		for _, x := range f.apply(e, in) {
			if !certain || x.gives != no {
				out = out.add(x.state)
			}
		}
		return out
	case *ast.LogicalOpExpr:
		t, no := f.cond(e.Lhs, in)
		if e.Operator == "and" {
			return append(states{}, no...).add(f.eval(e.Rhs, t)...)
		}
		return append(states{}, t...).add(f.eval(e.Rhs, no)...)
	case *ast.TableExpr:
		for _, field := range e.Fields {
			in = f.eval(field.Value, f.eval(field.Key, in))
		}
		return in
	case *ast.AttrGetExpr:
		in = f.eval(e.Key, f.eval(e.Object, in))
		if v := f.file.value(e); v.field != nil && v.field.Effects&luabind.Vets != 0 {
			in = in.each(func(s state) state { s.flags |= vetted; return s })
		}
		return in
	case *ast.FunctionExpr:
		if fn := f.file.functions[e]; fn.escapes && f.mentions(fn) {
			return in.each(state.taint)
		}
		return in
	}
	syntax.EachPart(e, func(part ast.Expr) { in = f.eval(part, in) })
	return in
}

// mentions reports whether a function has to do with the request.
func (f *frame) mentions(fn *function) bool {
	if fn.touches != unknown {
		return fn.touches == yes
	}
	fn.touches = no
	syntax.Walk(fn.stmts, func(e ast.Expr) {
		if id, ok := e.(*ast.IdentExpr); ok && fn.touches == no && fn.file.value(id).typ == luabind.RequestType {
			fn.touches = yes
		}
	})
	return fn.touches == yes
}

// apply goes through a call.
func (f *frame) apply(call *ast.FuncCallExpr, in states) (out []exit) {
	callee := f.file.callee(call)
	m := callee.member
	in = f.callArgs(call, m, in)
	switch {
	case callee.fn != nil && callee.fn.node != nil:
		for _, s := range in {
			for _, x := range f.enter(callee.fn, s, f.depth, false) {
				x.facts = s.facts
				out = append(out, x)
			}
		}
		return dedupe(out)
	case m != nil && m.fn != nil && m.fn.Call == nil:
		if m.full == "error" {
			return nil
		}
		if slices.ContainsFunc(call.Args, f.handsOver) || callsWhatItGets(m) && slices.ContainsFunc(call.Args, f.mayHold) {
			in = in.each(state.taint)
		}
	case m != nil && m.fn != nil:
		return f.declared(call, m, in)
	case slices.ContainsFunc(append([]ast.Expr{call.Receiver}, call.Args...), f.isRequestOrOver):
		in = in.each(state.taint)
	}
	for _, s := range in {
		out = append(out, exit{s, unknown})
	}
	return out
}

func dedupe(list []exit) (out []exit) {
	for _, e := range list {
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	if len(out) > mostStates {
		return []exit{{out[0].taint(), unknown}}
	}
	return out
}

// handsOver reports whether an argument is a function that can decide.
func (f *frame) handsOver(e ast.Expr) bool {
	v := f.file.value(e)
	return v.member != nil && v.member.fn != nil && v.member.fn.Call != nil || v.fn != nil && f.mentions(v.fn)
}

// callsWhatItGets tells whether a function of Lua's own calls any function that it is given.
func callsWhatItGets(m *member) bool {
	return m.full == "pcall" || m.full == "xpcall" || strings.HasPrefix(m.full, "coroutine.")
}

// mayHold tells whether an argument is the request, or could be a function that decides.
func (f *frame) mayHold(e ast.Expr) bool { return f.isRequest(e) || !f.file.value(e).known() }

func (f *frame) isRequestOrOver(e ast.Expr) bool {
	return e != nil && (f.isRequest(e) || f.handsOver(e))
}

// callArgs evaluates what comes before the call itself. The callbacks of options run later.
func (f *frame) callArgs(call *ast.FuncCallExpr, m *member, in states) states {
	in = f.eval(call.Receiver, f.eval(call.Func, in))
	for _, arg := range call.Args {
		if t, ok := arg.(*ast.TableExpr); ok && m != nil && m.fn != nil && m.fn.Effects&luabind.Sends != 0 {
			for _, field := range t.Fields {
				if _, is := field.Value.(*ast.FunctionExpr); !is {
					in = f.eval(field.Value, f.eval(field.Key, in))
				}
			}
			continue
		}
		in = f.eval(arg, in)
	}
	return in
}

// declared is a call of a declared function.
func (f *frame) declared(call *ast.FuncCallExpr, m *member, in states) (out []exit) {
	fn := m.fn
	has := func(e luabind.Effect) bool { return fn.Effects&e != 0 }
	if fn.Decides || has(luabind.Forks) {
		f.reached[call] = len(in) > 0 || f.reached[call]
	}
	for _, s := range in {
		if has(luabind.Vets) {
			s.flags |= vetted
		}
		if has(luabind.RecordRoutes) {
			s.flags |= recordRouted
		}
		if has(luabind.Sends) {
			f.sends(call, m, s)
		}
		switch first := f.firstCode(call, m); {
		case fn.Decides && first == provisional:
		case fn.Decides && has(luabind.DecidesOnFalse):
			s = f.second(call, m, s)
			granted := s
			s.decided, s.guards = decided, 0
			out = append(out, exit{granted, yes}, exit{s, no})
			continue
		case fn.Decides:
			if s = f.second(call, m, s); s.decided != perhaps {
				s.decided, s.guards = decided, 0
			}
			over := s // false says that the request was over
			over.decided = perhaps
			out = append(out, exit{s, yes}, exit{over, no})
			continue
		case has(luabind.Forks):
			s = f.second(call, m, s)
			s.flags |= forked
		}
		out = append(out, exit{s, unknown})
	}
	return dedupe(out)
}

// provisional is firstCode's result for a code that decides nothing.
const provisional = -1

// firstCode looks at the code of a function whose code decides.
func (f *frame) firstCode(call *ast.FuncCallExpr, m *member) int {
	args := arguments(call, m)
	if m.fn.DecidesFrom == 0 || len(args) == 0 {
		return 0
	}
	if v := f.file.value(args[0]); v.literal && v.typ == luabind.Number && v.number < float64(m.fn.DecidesFrom) {
		return provisional
	}
	return 0
}

// second reports a decision after a decision. It raises an error at run time, so nothing is
// reported for the code after it.
func (f *frame) second(call *ast.FuncCallExpr, m *member, s state) state {
	if s.decided != decided || s.guards != 0 || s.flags&doubtful != 0 {
		return s
	}
	f.report(f.file, call, Error, "second-decision",
		"%s comes after a decision on the same path: a request takes one; is a return missing?", m.full)
	s.decided = perhaps
	return s
}

// dialogStarters are the methods that can start a dialog (RFC 3261 §12, RFC 6665 §4.1, RFC 3515).
// REFER and NOTIFY outside a dialog are rare: they are considered only if the script names them.
var dialogStarters = []string{"INVITE", "SUBSCRIBE", "REFER", "NOTIFY"}

// sends looks at where a request is sent.
func (f *frame) sends(call *ast.FuncCallExpr, m *member, s state) {
	var target ast.Expr
	for _, g := range f.file.given(call, m) {
		for _, l := range f.file.optionsIn(g) {
			l.each(func(o *luabind.Option, _, val ast.Expr) {
				if o != nil && o.Kind == luabind.FunctionType {
					f.callback(val, s)
				}
			})
		}
		if g.param.Type == luabind.TargetType && f.file.value(g.arg).typ != luabind.Nil {
			target = g.arg
		}
	}
	if target == nil && s.flags&rewritten == 0 || s.flags&doubtful != 0 {
		return // only where this server vouches for it
	}
	if target != nil && s.flags&vetted == 0 && f.asAsked(target, s) {
		f.report(f.file, target, Warning, "open-relay",
			"%s sends the request wherever its sender asked, and nothing on this path looks at who that is: "+
				"an open relay; call auth.require, auth.trusted or sip.is_local before", m.full)
	}
	if s.flags&recordRouted != 0 || s.dialog == yes || m.fn.Effects&luabind.Stateless != 0 || s.decided == decided {
		return
	}
	var passing []string
	for i, name := range dialogStarters {
		if s.methods&f.methods[name] != 0 && (i < 2 || f.named[name]) {
			passing = append(passing, name)
		}
	}
	if len(passing) > 0 {
		f.report(f.file, call, Warning, "record-route",
			"%s can pass here without req:record_route(): later requests of its dialog won't come through this server",
			strings.Join(passing, " or "))
	}
}

// asAsked reports whether a target is where the sender asked to go.
func (f *frame) asAsked(target ast.Expr, s state) bool {
	v := f.file.value(target)
	if v.sender {
		return s.flags&rewritten == 0
	}
	if v.table == nil {
		return false
	}
	keys := luabind.RequestType.Object()
	uri, own := false, false
	for _, field := range v.table.Fields {
		key, ok := field.Key.(*ast.StringExpr)
		val := v.file.value(field.Value)
		switch {
		case field.Key == nil:
			own = own || f.asAsked(field.Value, s)
		case !ok || keys == nil:
		case key.Value == "path" && val.sender:
			return true
		case key.Value == "uri":
			uri = val.sender && s.flags&rewritten == 0
		case isDestination(key.Value):
			return false
		}
	}
	return uri || own
}

// isDestination reports whether a key of a target says where it is sent, whatever its uri is.
func isDestination(key string) bool { return key == "next_hop" || key == "flow" || key == "received" }

// callback goes through a function that is called when the request was sent and has failed.
func (f *frame) callback(e ast.Expr, s state) {
	fn := f.file.value(e).fn
	if fn == nil || fn.node == nil {
		return
	}
	s.decided, s.guards = undecided, 0
	s.flags |= forked
	f.enter(fn, s, 0, false)
}
