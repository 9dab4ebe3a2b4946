package convert

// Statements.

import (
	"strings"

	"github.com/sipscript/sipscript/luabind/syntax"
)

// decision is whether the request has been decided at a place.
type decision int8

const (
	undecided decision = iota
	perhaps
	decided
)

// block translates statements. from is the line that the block begins on, to the one it ends on;
// rest, unless nil, is a statement that follows it where it does not end by itself.
func (f *fn) block(list []syntax.Stmt, from, to int, rest syntax.Stmt) (out []node) {
	own := f.scope()
	defer own()
	last := from
	var kept []string // comments before what was left out of the same paragraph
	for i, s := range list {
		lead := f.comments(last, s.Line())
		blank := f.blankBefore(last, s.Line())
		if len(kept) > 0 && !blank {
			lead, blank = append(kept, lead...), true
		}
		kept = nil
		n := len(f.notes)
		pre := f.pre
		f.pre = nil
		following := list[i+1:]
		if len(following) == 0 && rest != nil {
			following = []syntax.Stmt{rest}
		}
		nodes := f.statement(s, following)
		nodes = append(f.pre, nodes...)
		f.pre = pre
		last = max(last, syntax.Last(s))
		if len(nodes) == 0 {
			out = append(out, f.told(n)...)
			kept = lead
			continue
		}
		nodes[0].lead = append(append(lead, f.toldLines(n)...), nodes[0].lead...)
		nodes[0].blank = nodes[0].blank || blank
		end := &nodes[len(nodes)-1]
		if t := f.trailing(s, last); t != "" && end.trail == "" {
			end.trail = t
		}
		out = append(out, nodes...)
		if end.ends {
			return merged(out)
		}
	}
	if rest != nil {
		out = append(out, f.statement(rest, nil)...)
	}
	if lead := f.comments(last, to); len(lead) > 0 && len(list) > 0 && f.keepEnd(out) {
		out = append(out, node{lead: lead})
	}
	return merged(out)
}

// keepEnd reports whether comments at the end of a block belong to something.
func (f *fn) keepEnd(out []node) bool { return len(out) > 0 && !out[len(out)-1].ends }

// merged has a decision that is followed by a return be returned.
func merged(list []node) []node {
	n := len(list)
	if n < 2 || list[n-1].head != "return true" && list[n-1].head != "return" || list[n-2].calls == "" || len(list[n-1].lead) > 0 {
		return list
	}
	d := list[n-2]
	d.head, d.ends = "return "+d.calls, true
	if d.trail == "" {
		d.trail = list[n-1].trail
	}
	return append(list[:n-2], d)
}

// statement translates one; following are those after it in its block.
func (f *fn) statement(s syntax.Stmt, following []syntax.Stmt) []node {
	switch s := s.(type) {
	case *syntax.CallStmt:
		return f.callStatement(s)
	case *syntax.Local:
		return f.local(s)
	case *syntax.Assign:
		return one(f.assign(s))
	case *syntax.If:
		return f.ifStatement(s, following)
	case *syntax.Return:
		return f.returns(s, following)
	case *syntax.Break:
		return []node{{head: "break", ends: true}}
	case *syntax.FuncDef:
		return f.inner(s)
	}
	return f.loop(s)
}

func one(text string) []node {
	if text == "" {
		return nil
	}
	return []node{{head: text}}
}

func (f *fn) loop(s syntax.Stmt) []node {
	before := f.decided
	after := func() { f.decided = max(before, min(f.decided, perhaps)) }
	defer after()
	switch s := s.(type) {
	case *syntax.Do:
		return []node{{head: "do", block: true, body: f.block(s.Stmts, s.Line(), syntax.Last(s), nil), tail: "end"}}
	case *syntax.While:
		return []node{{head: "while " + f.condition(s.Condition).text + " do", block: true, body: f.block(s.Stmts, s.Line(), syntax.Last(s), nil), tail: "end"}}
	case *syntax.Repeat:
		body := f.block(s.Stmts, s.Line(), syntax.Last(s), nil)
		return []node{{head: "repeat", block: true, body: body, tail: "until " + f.condition(s.Condition).text}}
	case *syntax.NumberFor:
		head := "for " + s.Name + " = " + f.value(s.Init).text + ", " + f.value(s.Limit).text
		if s.Step != nil {
			head += ", " + f.value(s.Step).text
		}
		return []node{{head: head + " do", block: true, body: f.block(s.Stmts, s.Line(), syntax.Last(s), nil), tail: "end"}}
	case *syntax.GenericFor:
		head := "for " + strings.Join(s.Names, ", ") + " in " + f.values(s.Exprs) + " do"
		return []node{{head: head, block: true, body: f.block(s.Stmts, s.Line(), syntax.Last(s), nil), tail: "end"}}
	}
	return nil
}

// ifStatement folds what is known before the script runs.
func (f *fn) ifStatement(s *syntax.If, following []syntax.Stmt) []node {
	if nodes, ok := f.challenge(s); ok {
		return nodes
	}
	notes, was := len(f.notes), f.decided
	nodes := f.branches(s, nil)
	// Where one part decides and another does not, the exit that follows is written in each
	if len(following) == 1 && f.decided == perhaps && was == undecided && isExit(following[0]) {
		f.notes, f.decided = f.notes[:notes], was
		nodes = f.branches(s, following[0])
		if len(nodes) > 0 && nodes[len(nodes)-1].block && len(nodes[len(nodes)-1].more) == 0 {
			f.decided = was
		}
	}
	return nodes
}

// isExit reports whether a statement ends a route: KSR.x.exit(), or a return of no value of use.
func isExit(s syntax.Stmt) bool {
	switch s := s.(type) {
	case *syntax.CallStmt:
		name, _ := ksrCall(s.Expr)
		return name == "x.exit"
	case *syntax.Return:
		return plainReturn(s)
	}
	return false
}

// plainReturn reports whether nothing is returned, or a literal that Kamailio ignores.
func plainReturn(s *syntax.Return) bool {
	if len(s.Exprs) == 0 {
		return true
	}
	if len(s.Exprs) > 1 {
		return false
	}
	switch s.Exprs[0].(type) {
	case *syntax.Number, *syntax.True, *syntax.False, *syntax.Nil, *syntax.Minus:
		return true
	}
	return false
}

// branches translates the parts of an if. rest follows each part that does not end.
func (f *fn) branches(s *syntax.If, rest syntax.Stmt) []node {
	cond := f.condition(s.Condition)
	if cond.deciding {
		return f.decidingIf(s, cond, rest)
	}
	from, to := s.Line(), syntax.Last(s)
	split := to
	if len(s.Else) > 0 {
		split = s.Else[0].Line()
	}
	switch {
	case cond.truth == always && cond.pure:
		return f.block(s.Then, from, split, rest)
	case cond.truth == never && cond.pure:
		return f.block(s.Else, split-1, to, rest)
	}
	switch f.holds(cond) {
	case always:
		return f.block(s.Then, from, split, rest)
	case never:
		return f.block(s.Else, split-1, to, rest)
	}
	was, dest := f.decided, f.dest
	f.conditions = append(f.conditions, cond)
	then := f.block(s.Then, from, split, rest)
	f.conditions = f.conditions[:len(f.conditions)-1]
	first, firstEnds := f.decided, ends(then)
	f.joinDestination(dest, firstEnds)
	f.decided = was
	f.conditions = append(f.conditions, not(cond))
	other := f.block(s.Else, split-1, to, rest)
	f.conditions = f.conditions[:len(f.conditions)-1]
	f.decided = joined(first, f.decided, firstEnds, ends(other))
	return f.assemble(cond, then, other)
}

// holds is what the ifs around a condition say of it.
func (f *fn) holds(cond expr) truth {
	if !cond.pure {
		return unknown
	}
	opposite := not(cond).text
	for _, c := range f.conditions {
		switch c.text {
		case cond.text:
			return always
		case opposite:
			return never
		}
	}
	return unknown
}

// joined is what is known after two parts that meet.
func joined(a, b decision, aEnds, bEnds bool) decision {
	switch {
	case aEnds:
		return b
	case bEnds:
		return a
	case a == b:
		return a
	}
	return perhaps
}

func ends(list []node) bool { return len(list) > 0 && list[len(list)-1].ends }

// assemble is the if of its parts, without those that are empty.
func (f *fn) assemble(cond expr, then, other []node) []node {
	if empty(then) && empty(other) {
		if cond.pure {
			return onlyComments(then, other)
		}
		return []node{{head: "local _ = " + cond.text}}
	}
	if empty(then) {
		if len(other) == 1 && other[0].block && strings.HasPrefix(other[0].head, "if ") && exclusive(cond.text, other[0].head) {
			return other
		}
		cond, then, other = not(cond), other, nil
	}
	n := node{head: "if " + cond.text + " then", block: true, body: then, tail: "end"}
	if inner, ok := onlyIf(then); ok && empty(other) {
		n.head, n.body, n.lead = "if "+in(cond, andLevel)+" and "+inner.cond+" then", inner.body, then[0].lead
	}
	switch {
	case empty(other):
	case ends(then) && len(other) > 0 && f.flat(other):
		n.ends = false
		return append([]node{n}, other...)
	case len(other) == 1 && other[0].block && strings.HasPrefix(other[0].head, "if ") && len(other[0].lead) == 0:
		o := other[0]
		n.more = append([]clause{{"else" + o.head, o.body}}, o.more...)
	default:
		n.more = []clause{{"else", other}}
	}
	if len(n.more) > 0 && n.more[len(n.more)-1].head == "else" {
		n.ends = ends(then)
		for _, c := range n.more {
			n.ends = n.ends && ends(c.body)
		}
	}
	return []node{n}
}

// flat reports whether what stood in an else may stand behind the if: it is one short statement.
func (f *fn) flat(other []node) bool { return len(other) == 1 && other[0].simple() }

// exclusive reports whether two questions for methods cannot both hold.
func exclusive(a, head string) bool {
	x := isMethod.FindStringSubmatch(strings.TrimPrefix(a, "not "))
	y := isMethod.FindStringSubmatch(strings.TrimSuffix(strings.TrimPrefix(head, "if "), " then"))
	if x == nil || y == nil {
		return false
	}
	for m := range strings.SplitSeq(x[1], ", ") {
		if strings.Contains(y[1], m) {
			return false
		}
	}
	return true
}

// empty reports whether nothing is done.
func empty(list []node) bool {
	for _, n := range list {
		if n.head != "" || n.block {
			return false
		}
	}
	return true
}

// onlyComments are notes for the reader that are left of statements without effect.
func onlyComments(lists ...[]node) (out []node) {
	for _, list := range lists {
		for _, n := range list {
			if hasDecide(n.lead) {
				out = append(out, n)
			}
		}
	}
	return out
}

func hasDecide(lines []string) bool {
	for _, l := range lines {
		if strings.Contains(l, "DECIDE") {
			return true
		}
	}
	return false
}

// decidingIf is an if that asks whether a relay, or a save, failed: the server answers then.
func (f *fn) decidingIf(s *syntax.If, cond expr, rest syntax.Stmt) []node {
	failed := strings.HasPrefix(cond.text, "not ")
	text := strings.TrimPrefix(cond.text, "not ")
	onSuccess := s.Then
	if failed {
		onSuccess = s.Else
		f.c.leave("an answer where a relay or a registration fails", s.Line(), "the server gives it")
	}
	f.decided = decided
	nodes := []node{{head: text, calls: text}}
	if name, _ := ksrCall(calledIn(s.Condition)); name == "tm.t_relay" {
		nodes = relay(f, nil, s.Line())
	} else if !f.main {
		nodes[0].calls = "" // what it returns may be nil
	}
	return merged(append(nodes, f.block(onSuccess, s.Line(), syntax.Last(s), rest)...))
}

// onlyIf is the if that is all of a block, if it has one part: its condition joins the outer one.
func onlyIf(list []node) (in struct {
	cond string
	body []node
}, ok bool) {
	if len(list) != 1 || !list[0].block || len(list[0].more) > 0 || list[0].trail != "" {
		return in, false
	}
	cond, found := strings.CutPrefix(list[0].head, "if ")
	if !found {
		return in, false
	}
	in.cond, in.body = strings.TrimSuffix(cond, " then"), list[0].body
	if strings.Contains(in.cond, " or ") {
		in.cond = "(" + in.cond + ")"
	}
	return in, true
}

// calledIn is the call that a condition compares.
func calledIn(e syntax.Expr) syntax.Expr {
	switch e := e.(type) {
	case *syntax.Relational:
		if _, ok := e.Lhs.(*syntax.Call); ok {
			return e.Lhs
		}
		return e.Rhs
	case *syntax.Not:
		return calledIn(e.Expr)
	}
	return e
}
