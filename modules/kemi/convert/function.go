package convert

// Functions: the routes become functions that are given the request, and what they are called for.

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/luabind/syntax"
)

// place is what a function runs for.
type place int8

const (
	atFile place = iota
	inRequest
	inBranch
	inReply
	inFailure
)

// given are the parameters at each place.
var given = [...]string{"", "req", "branch, req", "res, req", "res, req"}

// suffix tells the functions apart that one function of the old script becomes.
var suffix = [...]string{"", "", "_branch", "_reply", "_failure"}

// key is a function of the script at a place.
type key struct {
	name string
	at   place
}

// summary is what is known of a function.
type summary struct {
	Exits   decision // whether it ends the route that calls it
	Decides decision
	Empty   bool // nothing is left of it
	Relays  bool
	Targets bool // it is told where to relay to
	Along   bool // and some who call it mean the Route
	Valued  bool // its value is used
}

// fn is a function that is translated.
type fn struct {
	c        *conv
	key      key
	main     bool // the script's own route, or a function that the server calls
	sum      summary
	decided  decision
	plain    bool   // it may end without ending the route
	dest     string // where a relay goes: "" the Request-URI, along, or an expression
	declared bool   // dest is a variable of the function
	notes    []string
	pre      []node // before the present statement
	statuses map[string]expr
	// conditions are those that hold where a statement is
	conditions []expr
	armed      map[string]arm
	relays     bool     // with what was armed
	answers    []string // headers for the next answer
	rrParams   []string // parameters for the Record-Route
	params     map[string]bool
}

// along is a relay along our Route.
const along = "\x00along"

// translate makes a function of the new script. ok is false if nothing is left of it.
func (c *conv) translate(k key, def *definition) (nodes []node, ok bool) {
	f := &fn{c: c, key: k, main: c.isEntry(k), statuses: map[string]expr{}, armed: map[string]arm{}, params: map[string]bool{}}
	if k.at == inRequest && c.facts.sum[k].Targets {
		f.dest = "targets"
	}
	for _, p := range def.fun.ParList.Names {
		f.params[p] = true
	}
	var rest syntax.Stmt
	if f.main && k.at == inRequest {
		rest = &syntax.Return{} // nothing was decided: nothing is answered, as there
	}
	body := f.block(def.fun.Stmts, def.from, def.to, rest)
	f.plain = f.plain || !ends(body)
	body = withoutLast(body)
	// What a human is told stays, with the function it is about.
	f.sum.Empty = empty(body) && (f.main || len(f.notes) == 0 && (f.relays || len(f.armed) == 0))
	f.sum.Valued = c.facts.sum[k].Valued
	switch {
	case f.sum.Exits == undecided:
	case f.plain:
		f.sum.Exits = perhaps
	default:
		f.sum.Exits = decided
	}
	f.sum.Decides = f.decided
	c.next.note(k, f.sum)
	w := &writer{}
	w.nodes(body, 1)
	c.next.sizes[k] = codeLines(w.lines)
	if f.sum.Empty && !f.main {
		return nil, false
	}
	if c.facts.hoisted[k] && !c.facts.sum[k].Targets {
		body = append([]node{{head: "local targets"}}, body...)
	}
	if !f.relays && !f.main {
		for _, option := range slices.Sorted(maps.Keys(f.armed)) {
			told := fmt.Sprintf("%s is armed here and relayed elsewhere: give req:relay the option %s there", f.armed[option].name, option)
			body = append([]node{{lead: c.decision(told)}}, body...)
		}
	}
	head := "function " + c.nameOf(k) + "(" + c.parameters(k, def) + ")"
	if def.local {
		head = "local " + head
	}
	return []node{{head: head, block: true, body: body, tail: "end"}}, true
}

// idleEnd is a question after which nothing more would be done.
var idleEnd = regexp.MustCompile(`^if (not )?[\w.]+ then$`)

// withoutLast drops a return without a value at the end of a function, and a question for one.
func withoutLast(list []node) []node {
	n := len(list)
	if n == 0 || len(list[n-1].lead) > 0 {
		return list
	}
	last := list[n-1]
	if last.head == "return" || last.block && idleEnd.MatchString(last.head) && len(last.more) == 0 && len(last.body) == 1 && last.body[0].head == "return" && len(last.body[0].lead) == 0 {
		return withoutLast(list[:n-1])
	}
	return list
}

// parameters of a function: what it runs for, those of the script, and where to relay to.
func (c *conv) parameters(k key, def *definition) string {
	list := []string{}
	if given[k.at] != "" {
		list = append(list, given[k.at])
	}
	list = append(list, def.fun.ParList.Names...)
	if def.fun.ParList.HasVargs {
		list = append(list, "...")
	}
	if c.facts.sum[k].Targets {
		list = append(list, "targets")
	}
	return strings.Join(list, ", ")
}

// nameOf is a function's name in the new script.
func (c *conv) nameOf(k key) string {
	if k.name == "ksr_request_route" {
		return "route"
	}
	if len(c.facts.places[k.name]) > 1 {
		return k.name + suffix[k.at]
	}
	return k.name
}

// scope begins a block: what its locals hide is known again when it ends.
func (f *fn) scope() func() {
	saved := map[string]expr{}
	for k, v := range f.statuses {
		saved[k] = v
	}
	return func() { f.statuses = saved }
}

// returns translates a return.
func (f *fn) returns(s *syntax.Return, following []syntax.Stmt) []node {
	if f.key.at == atFile || f.c.facts.sum[f.key].Valued && f.sum.Exits == undecided && len(s.Exprs) > 0 && !f.main {
		f.plain = true
		return []node{{head: strings.TrimSpace("return " + f.values(s.Exprs)), ends: true}}
	}
	if f.main {
		out := f.effects(s.Exprs)
		return append(out, f.exit()...)
	}
	f.plain = true
	return append(f.effects(s.Exprs), node{head: "return", ends: true})
}

// effects are the calls in expressions whose values are of no use.
func (f *fn) effects(list []syntax.Expr) (out []node) {
	for _, e := range list {
		if call, ok := e.(*syntax.Call); ok {
			out = append(out, f.callNodes(call)...)
		}
	}
	return out
}

// exit ends the route: KSR.x.exit(), and a return in the route itself.
func (f *fn) exit() []node {
	if f.main {
		if f.key.at != inRequest || f.decided == decided {
			return []node{{head: "return", ends: true}}
		}
		if f.decided == perhaps {
			f.decide("on some of the ways to this place nothing was answered: there nothing is then, here 500; req:drop() answers nothing")
			return []node{{head: "return", ends: true}}
		}
		return []node{{head: "return req:drop()", ends: true}}
	}
	f.sum.Exits = max(f.sum.Exits, perhaps)
	if f.key.at != inRequest || f.decided != undecided {
		return []node{{head: "return true", ends: true}}
	}
	return []node{{head: "return req:drop()", ends: true}}
}

// local declares variables. One that has what a call succeeded with is asked by its comparisons.
func (f *fn) local(s *syntax.Local) []node {
	for _, n := range s.Names {
		delete(f.statuses, n)
	}
	if len(s.Names) == 1 && len(s.Exprs) == 1 {
		if _, ok := s.Exprs[0].(*syntax.Call); ok {
			x := f.expr(s.Exprs[0])
			if x.status {
				return f.keepStatus(s.Names[0], x)
			}
			if x.pure && f.c.unused(s.Names[0]) {
				return nil
			}
			return []node{{head: "local " + s.Names[0] + " = " + x.text}}
		}
	}
	if len(s.Exprs) == 0 {
		return []node{{head: "local " + strings.Join(s.Names, ", ")}}
	}
	return []node{{head: "local " + strings.Join(s.Names, ", ") + " = " + f.values(s.Exprs)}}
}

// keepStatus has a variable stand for a condition: what is written at its place is what is done at
// once.
func (f *fn) keepStatus(name string, x expr) []node {
	if x.pure {
		f.statuses[name] = x
		return nil
	}
	ok := expr{text: name, level: atom, pure: true, status: true, good: x.good, bad: x.bad}
	f.statuses[name] = ok
	return []node{{head: "local " + name + " = " + x.text}}
}

// assign sets variables.
func (f *fn) assign(s *syntax.Assign) string {
	var names []string
	for i, l := range s.Lhs {
		if id, ok := l.(*syntax.Ident); ok {
			if f.key.at == atFile && f.c.unused(id.Value) && i == 0 && len(s.Lhs) == 1 {
				return "" // a flag's number
			}
			delete(f.statuses, id.Value)
			names = append(names, id.Value)
			continue
		}
		names = append(names, f.value(l).text)
	}
	return strings.Join(names, ", ") + " = " + f.values(s.Rhs)
}

// closure is a function within another: it has the request of the one around it.
func (f *fn) closure(e *syntax.Function) expr {
	inner := &fn{c: f.c, key: key{f.key.name, f.key.at}, statuses: map[string]expr{}, armed: map[string]arm{}, params: map[string]bool{}}
	body := inner.block(e.Stmts, e.Line(), e.LastLine(), nil)
	if inner.sum.Exits != undecided {
		f.decide("KSR.x.exit() ends the whole route there; here a function within another only ends itself")
	}
	w := &writer{}
	list := append([]string{}, e.ParList.Names...)
	if e.ParList.HasVargs {
		list = append(list, "...")
	}
	w.node(node{head: "function(" + strings.Join(list, ", ") + ")", block: true, body: body, tail: "end"}, 0)
	return expr{text: strings.Join(w.lines, "\n"), level: orLevel, pure: true, truth: always}
}

// inner is a function that is defined within another, or in a table.
func (f *fn) inner(s *syntax.FuncDef) []node {
	x := f.closure(s.Func)
	name := ""
	if s.Name.Func != nil {
		name = f.value(s.Name.Func).text
	} else {
		name = f.value(s.Name.Receiver).text + ":" + s.Name.Method
	}
	return []node{{head: "function " + name + strings.TrimPrefix(x.text, "function")}}
}
