package check

import (
	"github.com/sipscript/sipscript/luabind"
	"github.com/yuin/gopher-lua/ast"
)

// The paths of a script to its decisions. A function is walked with the set of states that a
// request can be in: each branch splits a state, each end of a branch joins them again. Functions
// of the script are entered where they are called. Code that cannot be followed taints the request:
// it may have been decided, checked and record-routed, and nothing more is reported.

// decision reports whether a request was decided.
type decision uint8

const (
	undecided decision = iota
	decided
	perhaps // it can't be told
)

// What a state says in addition.
const (
	forked uint8 = 1 << iota
	recordRouted
	vetted
	rewritten // the script assigned the Request-URI, or a part of it
	// doubtful: conditions that contradict each other, as far as can be seen, led here. Nothing is
	// said of it.
	doubtful
)

// state is what is known about the request at a point of a path.
type state struct {
	decided decision
	flags   uint8
	// guards are the branches, by their depth, that were entered since the decision: code in them
	// may run only if the decision was not taken.
	guards  uint64
	dialog  truth  // req.in_dialog
	methods uint64 // it can have, by the bits of analysis.methods
	facts
}

// facts are the variables and conditions, by the bits of a function's facts, that are known to be
// true or false.
type facts struct{ truthy, falsy uint64 }

// truth is what is known about a condition.
type truth uint8

const (
	unknown truth = iota
	yes
	no
)

// taint makes everything possible.
func (s state) taint() state {
	if s.decided == undecided {
		s.decided = perhaps
	}
	s.flags |= recordRouted | vetted
	s.guards = 0
	return s
}

// states is a set, in the order in which they came.
type states []state

// mostStates bounds a set.
const mostStates = 40

func (set states) add(more ...state) states {
next:
	for _, s := range more {
		for _, have := range set {
			if have == s {
				continue next
			}
		}
		set = append(set, s)
	}
	return set.bounded()
}

// bounded forgets what it must to keep a set small: first the variables, then everything.
func (set states) bounded() states {
	if len(set) <= mostStates {
		return set
	}
	var small states
	for _, s := range set {
		s.facts, s.guards = facts{}, 0
		s.flags |= doubtful
		if s.decided == decided {
			s.decided = perhaps
		}
		small = appendNew(small, s)
	}
	if len(small) <= mostStates/2 {
		return small
	}
	one := small[0]
	for _, s := range small[1:] {
		one.methods |= s.methods
	}
	one.dialog = unknown
	return states{one.taint()}
}

func appendNew(set states, s state) states {
	for _, have := range set {
		if have == s {
			return set
		}
	}
	return append(set, s)
}

// each is the set of the results of fn for each state.
func (set states) each(fn func(state) state) (out states) {
	for _, s := range set {
		out = out.add(fn(s))
	}
	return out
}

// exit is a way out of a function: the state, and whether the first value returned is true.
type exit struct {
	state
	gives truth
}

// analysis follows the paths of a program.
type analysis struct {
	*program
	named map[string]bool // methods that the script names
	// The bits of the methods that the script names, and of others that matter
	methods map[string]uint64
	all     uint64
	steps   int // that are left
	memo    map[visit][]exit
	running map[*function]bool
	entered map[*function]bool
	reached map[*ast.FuncCallExpr]bool
	lost    bool // steps have run out
}

type visit struct {
	fn *function
	state
}

// mostSteps bounds how much is followed in one program.
const mostSteps = 400_000

// flows follows route, and then each function that takes the request and was not entered from
// there.
func (p *program) flows() {
	a := &analysis{program: p, steps: mostSteps, memo: map[visit][]exit{}, running: map[*function]bool{},
		entered: map[*function]bool{}, reached: map[*ast.FuncCallExpr]bool{}}
	a.nameMethods()
	if v := p.globals["route"]; v != nil {
		for _, d := range v.defs {
			if fn := p.defined(d).fn; fn != nil && fn.node != nil {
				a.enter(fn, state{methods: a.all}, 0, true)
			}
		}
	}
	for _, fn := range p.functions {
		if fn.node != nil && !a.entered[fn] && fn.takesRequest() {
			a.enter(fn, state{methods: a.all, flags: recordRouted | vetted}, 0, false)
		}
	}
	for _, fn := range p.functions { // a function without callers may still be meant for others
		if a.entered[fn] {
			a.enter(fn, state{methods: a.all, flags: recordRouted | vetted}, 0, false)
		}
	}
	if a.lost {
		return
	}
	for _, fn := range p.functions {
		if a.entered[fn] {
			a.unreachable(fn)
		}
	}
}

// takesRequest reports whether a parameter is the request.
func (fn *function) takesRequest() bool {
	for _, v := range fn.params {
		if fn.file.variable(v).typ == luabind.RequestType {
			return true
		}
	}
	return false
}

// unreachable reports decisions that no path leads to.
func (a *analysis) unreachable(fn *function) {
	if fn.jumps() {
		return
	}
	own(fn.stmts, func(e ast.Expr) {
		call, ok := e.(*ast.FuncCallExpr)
		if !ok || a.reached[call] {
			return
		}
		if m := fn.file.callee(call).member; m != nil && m.fn != nil && (m.fn.Decides || m.fn.Effects&luabind.Forks != 0) {
			a.report(fn.file, call, Error, "unreachable", "no path leads here: %s is never called", m.full)
		}
	})
}

// frame is a function that is gone through.
type frame struct {
	*analysis
	fn    *function
	file  *file
	bits  *factBits
	depth int // of branches
	from  int // the depth at which the function was entered
	top   bool
	exits []exit
	loops []states // those that leave the loops that are open
}

// enter goes through a function and returns its ways out.
func (a *analysis) enter(fn *function, s state, depth int, top bool) []exit {
	a.entered[fn] = true
	if a.running[fn] || a.lost || fn.jumps() || depth > 60 || len(a.running) > 20 {
		return []exit{{s.taint(), unknown}}
	}
	s.facts = facts{}
	key := visit{fn, s}
	if list, ok := a.memo[key]; ok && !top {
		return list
	}
	a.running[fn] = true
	f := &frame{analysis: a, fn: fn, file: fn.file, depth: depth, from: depth, top: top}
	f.findBits()
	out := f.block(fn.stmts, states{s})
	for _, s := range out {
		f.leaves(s, no)
	}
	if top {
		f.ends(out, endOf{fn.node})
	}
	delete(a.running, fn)
	a.memo[key] = f.exits
	return f.exits
}

// leaves adds a way out.
func (f *frame) leaves(s state, gives truth) {
	s.facts = facts{}
	s.guards &= 1<<f.from - 1
	e := exit{s, gives}
	for _, have := range f.exits {
		if have == e {
			return
		}
	}
	if len(f.exits) >= mostStates {
		e = exit{s.taint(), unknown}
		f.exits = f.exits[:0]
	}
	f.exits = append(f.exits, e)
}

// ends reports paths of route that end without a decision.
func (f *frame) ends(out states, at any) {
	quiet := f.methods["ACK"] | f.methods["CANCEL"]
	for _, s := range out {
		if s.decided == undecided && s.flags&(forked|doubtful) == 0 && s.methods&^quiet != 0 {
			f.report(f.file, at, Warning, "no-decision", "%s can end here without a decision: the request is then answered 500",
				"route")
			return
		}
	}
}

// jumps reports whether a function has a goto, whose paths are not followed.
func (fn *function) jumps() bool {
	if fn.goes == unknown {
		fn.goes = no
		if hasGoto(fn.stmts) {
			fn.goes = yes
		}
	}
	return fn.goes == yes
}

func hasGoto(list []ast.Stmt) bool {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.GotoStmt, *ast.LabelStmt:
			return true
		case *ast.DoBlockStmt:
			if hasGoto(s.Stmts) {
				return true
			}
		case *ast.WhileStmt:
			if hasGoto(s.Stmts) {
				return true
			}
		case *ast.RepeatStmt:
			if hasGoto(s.Stmts) {
				return true
			}
		case *ast.NumberForStmt:
			if hasGoto(s.Stmts) {
				return true
			}
		case *ast.GenericForStmt:
			if hasGoto(s.Stmts) {
				return true
			}
		case *ast.IfStmt:
			if hasGoto(s.Then) || hasGoto(s.Else) {
				return true
			}
		}
	}
	return false
}
