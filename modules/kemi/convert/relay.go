package convert

// Where requests go, and what a relay is given.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/luabind/syntax"
)

// setDestination has later relays go to what an expression finds. list: it may find nothing, and
// what is returned is whether it did.
func (f *fn) setDestination(call string, single bool) expr {
	if f.dest == "targets" || f.c.facts.hoisted[f.key] || f.declared {
		f.pre = append(f.pre, node{head: "targets = " + call})
	} else {
		f.pre = append(f.pre, node{head: "local targets = " + call})
		f.declared = true
	}
	f.dest = "targets"
	if single {
		return reading("targets")
	}
	return expr{text: "#targets > 0", level: compareLevel, pure: true}
}

// destination is where a relay goes.
func (f *fn) destination() string {
	switch {
	case f.dest == "" && f.c.facts.hoisted[f.key] && !f.c.facts.sum[f.key].Targets:
		return "targets or req.ruri"
	case f.dest == "" || f.dest == along:
		return "req.ruri"
	}
	return f.dest
}

// joinDestination follows the first part of an if: what it found is lost where it does not end,
// unless the variable belongs to the whole function.
func (f *fn) joinDestination(before string, ended bool) {
	if ended {
		if f.dest == "targets" && before != "targets" {
			f.declared = false
		}
		f.dest = before
		return
	}
	if f.dest != before && f.dest == "targets" {
		f.c.next.hoisted[f.key] = true
		switch {
		case !f.c.facts.hoisted[f.key]:
			f.dest = before
		case !f.c.facts.sum[f.key].Targets:
			f.dest = "targets or req.ruri"
		}
	}
}

// lookup finds the contacts of the Request-URI.
func lookup(f *fn, _ []syntax.Expr, _ int) expr {
	f.c.next.modules["registrar"] = true
	return statusOf(f.setDestination("registrar.lookup(req.ruri) or {}", false))
}

// save answers a REGISTER.
func save(f *fn, _ []syntax.Expr, _ int) expr {
	f.c.next.modules["registrar"] = true
	text := "registrar.save(req"
	if h := f.takeAnswers(); h != "" {
		text += ", { " + h + " }"
	}
	return expr{text: text + ")", level: atom, status: true, good: 1, bad: -1, deciding: true}
}

// relayValue is a relay whose result is wanted.
func relayValue(f *fn, _ []syntax.Expr, _ int) expr {
	f.sum.Relays = true
	if f.key.at == inReply || f.key.at == inBranch {
		f.decide("a relay in a function for branches or responses: req:relay belongs in route, or in on_failure")
	}
	return expr{text: f.relayText(), level: atom, status: true, good: 1, bad: -1, deciding: true}
}

// relayText is a relay to the present destination, with what was armed.
func (f *fn) relayText() string {
	f.relays = true
	var args []string
	if f.dest != along {
		args = append(args, f.destination())
	}
	if o := f.relayOptions(); o != "" {
		args = append(args, o)
	}
	if len(args) == 1 && strings.HasPrefix(args[0], "{") {
		return "req:relay" + strings.Replace(args[0], "{", " {", 1)
	}
	return "req:relay(" + strings.Join(args, ", ") + ")"
}

// relay is t_relay as a statement.
func relay(f *fn, args []syntax.Expr, line int) []node {
	text := relayValue(f, args, line).text
	f.decided = decided
	var before []node
	if m := f.c.facts.media; m[inReply] && !m[inRequest] && f.key.at == inRequest && f.dest != along {
		f.c.next.modules["rtpengine"] = true
		before = manageInvite(f.c)
	}
	if f.c.facts.sum[f.key].Targets && f.c.facts.sum[f.key].Along && f.dest == "targets" {
		f.dest = along
		alone := f.relayText()
		f.dest = "targets"
		before = append([]node{{head: "if not targets then", block: true, body: []node{{head: "return " + alone, ends: true}}, tail: "end"}}, before...)
	}
	return append(before, node{head: text, calls: text})
}

// relayOptions are what was armed, as a table, or the name of one.
func (f *fn) relayOptions() string {
	var list []string
	if a, ok := f.armed["on_branch"]; ok && f.c.left(a.name, inBranch) {
		list = append(list, "on_branch = "+f.callback("branch", []arm{a}, inBranch))
	}
	replies := []arm{}
	if f.c.left("ksr_reply_route", inReply) {
		replies = append(replies, arm{name: "ksr_reply_route"})
	}
	if a, ok := f.armed["on_response"]; ok && f.c.left(a.name, inReply) {
		replies = append(replies, a)
	}
	if len(replies) > 0 {
		list = append(list, "on_response = "+f.callback("res", replies, inReply))
	}
	if a, ok := f.armed["on_failure"]; ok {
		if cond := f.c.failover(a.name); cond != "" && f.key.at == inRequest {
			f.c.next.flags["ds_next"] = true
			list = append(list, "failover = function(res) return "+cond+" end")
		} else if f.c.left(a.name, inFailure) {
			list = append(list, "on_failure = "+f.callback("res", []arm{a}, inFailure))
		}
	}
	if len(list) == 0 {
		return ""
	}
	if len(list) == 1 && len(list[0]) < 50 {
		return "{ " + list[0] + " }"
	}
	return f.c.named(list)
}

// left reports whether anything is left of a function at a place.
func (c *conv) left(name string, at place) bool {
	s, known := c.facts.sum[key{name, at}]
	return c.defs[name] != nil && (!known || !s.Empty)
}

// callback is a function that calls those that were armed.
func (f *fn) callback(param string, arms []arm, at place) string {
	if len(arms) == 1 && arms[0].guard == "" {
		name := f.c.nameOf(key{arms[0].name, at})
		if f.c.defs[arms[0].name].local {
			return name
		}
		return "function(" + param + ", req) " + name + "(" + param + ", req) end"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "function(%s, req)\n", param)
	for _, a := range arms {
		call := f.c.nameOf(key{a.name, at}) + "(" + param + ", req)"
		if a.guard != "" {
			call = "if " + a.guard + " then " + call + " end"
		}
		b.WriteString("    " + call + "\n")
	}
	b.WriteString("  end")
	return b.String()
}

// named is the name of a table of options: one that stays saves each request from making it.
func (c *conv) named(list []string) string {
	text := strings.Join(list, ",\n  ")
	for _, name := range c.next.order {
		if c.next.options[name] == text {
			return name
		}
	}
	name := "relayed"
	if n := len(c.next.order); n > 0 {
		name = fmt.Sprint(name, n+1)
	}
	c.next.order = append(c.next.order, name)
	c.next.options[name] = text
	return name
}

// failover is the condition of a failure route that only tries the next gateway, "" for another.
func (c *conv) failover(name string) string {
	d := c.defs[name]
	if d == nil {
		return ""
	}
	f := &fn{c: &conv{name: c.name, file: c.file, config: c.config, rows: c.rows, defs: c.defs, questions: c.questions, effects: c.effects, facts: c.facts, next: newFacts()}, key: key{name, inFailure}, statuses: map[string]expr{}, armed: map[string]arm{}, params: map[string]bool{}}
	found := ""
	for _, s := range d.fun.Stmts {
		i, ok := s.(*syntax.If)
		switch {
		case !ok:
			if r, ok := s.(*syntax.Return); !ok || !plainReturn(r) {
				return ""
			}
		case len(i.Else) > 0:
			return ""
		case asksFor(i.Condition, "tm.t_is_canceled"):
		case found == "" && relaysOnly(i.Then):
			cond, ok := withoutNext(i.Condition)
			if !ok {
				return ""
			}
			found = "true"
			if cond != nil {
				found = f.condition(cond).text
			}
		default:
			return ""
		}
	}
	return found
}

// asksFor reports whether a condition calls only one function of KSR.
func asksFor(e syntax.Expr, names ...string) bool {
	r, ok := e.(*syntax.Relational)
	if !ok {
		return false
	}
	name, _ := ksrCall(r.Lhs)
	return slices.Contains(names, name)
}

// withoutNext is a condition without its call of ds_next_dst; nil if that is all.
func withoutNext(e syntax.Expr) (syntax.Expr, bool) {
	next := []string{"dispatcher.ds_next_dst", "dispatcher.ds_next_domain"}
	if asksFor(e, next...) {
		return nil, true
	}
	l, ok := e.(*syntax.Logical)
	if !ok || l.Operator != "and" || !asksFor(l.Rhs, next...) {
		return nil, false
	}
	return l.Lhs, true
}

// relaysOnly reports whether statements arm routes and relay, and do nothing more.
func relaysOnly(list []syntax.Stmt) bool {
	relays := false
	for _, s := range list {
		switch s := s.(type) {
		case *syntax.CallStmt:
			name, _ := ksrCall(s.Expr)
			if name == "tm.t_relay" {
				relays = true
			} else if slots[name].option == "" && name != "x.exit" {
				return false
			}
		case *syntax.Return:
			if !plainReturn(s) {
				return false
			}
		default:
			return false
		}
	}
	return relays
}
