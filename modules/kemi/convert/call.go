package convert

// Calls: of KSR, of the script's own functions, and of others.

import (
	"fmt"
	"strings"

	"github.com/sipscript/sipscript/luabind/syntax"
	"github.com/sipscript/sipscript/modules/kemi"
)

// ksrName is NAME of KSR.NAME, without a call.
func ksrName(e *syntax.Get) (string, bool) {
	id, ok := e.Object.(*syntax.Ident)
	s, constant := e.Key.(*syntax.String)
	if !ok || !constant || id.Value != "KSR" {
		return "", false
	}
	return s.Value, true
}

// ksrCall is the function of KSR that an expression calls, "" for none.
func ksrCall(e syntax.Expr) (name string, args []syntax.Expr) {
	call, ok := e.(*syntax.Call)
	if !ok || call.Func == nil {
		return "", nil
	}
	get, ok := call.Func.(*syntax.Get)
	if !ok {
		return "", nil
	}
	last, ok := get.Key.(*syntax.String)
	if !ok {
		return "", nil
	}
	if name, ok := ksrName(get); ok {
		return name, call.Args
	}
	if module, ok := get.Object.(*syntax.Get); ok {
		if name, ok := ksrName(module); ok {
			return name + "." + last.Value, call.Args
		}
	}
	return "", nil
}

// own is the function of the script that a call calls, nil if it calls another, or one that has
// nothing to do with KSR.
func (f *fn) own(call *syntax.Call) (string, *definition) {
	id, ok := call.Func.(*syntax.Ident)
	if !ok {
		return "", nil
	}
	if d := f.c.defs[id.Value]; d != nil && d.ksr {
		return id.Value, d
	}
	return "", nil
}

// call translates a call whose value is wanted.
func (f *fn) call(e *syntax.Call) expr {
	if name, args := ksrCall(e); name != "" {
		return f.ksr(name, args, e.Line())
	}
	if name, d := f.own(e); d != nil {
		return f.ownValue(name, e)
	}
	return f.foreign(e)
}

// foreign is a call of what is not the script's, or has nothing to do with requests.
func (f *fn) foreign(e *syntax.Call) expr {
	args := make([]string, len(e.Args))
	pure := false
	for i, a := range e.Args {
		args[i] = asText(f.value(a))
	}
	if e.Func == nil {
		return word(prefix(f.value(e.Receiver)) + ":" + e.Method + "(" + strings.Join(args, ", ") + ")")
	}
	name := f.value(e.Func)
	for _, known := range []string{"string.", "math.", "tostring", "tonumber", "type", "#"} {
		pure = pure || strings.HasPrefix(name.text, known)
	}
	if name.text == "require" && len(args) == 1 {
		f.decide("a library of the script's own: KSR is not there in it; convert its file too")
	}
	return expr{text: prefix(name) + "(" + strings.Join(args, ", ") + ")", level: atom, pure: pure}
}

// callStatement is a call for what it does.
func (f *fn) callStatement(s *syntax.CallStmt) []node {
	call, ok := s.Expr.(*syntax.Call)
	if !ok {
		return nil
	}
	return f.callNodes(call)
}

func (f *fn) callNodes(call *syntax.Call) []node {
	if name, args := ksrCall(call); name != "" {
		if do, ok := f.c.effects[name]; ok {
			return do(f, args, call.Line())
		}
		x := f.ksr(name, args, call.Line())
		if x.nothing || x.pure || x.text == "" {
			return nil
		}
		n := node{head: x.text}
		if x.level < atom || strings.HasPrefix(x.text, "not ") {
			n.head = "local _ = " + x.text
		}
		if x.deciding {
			if f.decided = decided; f.main {
				n.calls = x.text
			}
		}
		return []node{n}
	}
	if name, d := f.own(call); d != nil {
		return f.ownStatement(name, call)
	}
	x := f.foreign(call)
	if strings.HasPrefix(x.text, "require(") {
		return one(x.text)
	}
	return one(x.text)
}

// ownCall is the text of a call of a function of the script.
func (f *fn) ownCall(name string, call *syntax.Call) (string, summary) {
	k := key{name, f.key.at}
	f.c.next.runs(name, k.at)
	f.c.next.calls[k]++
	sum := f.c.facts.sum[k]
	var args []string
	if given[k.at] != "" {
		args = append(args, given[k.at])
	}
	for _, a := range call.Args {
		args = append(args, f.value(a).text)
	}
	if sum.Relays && f.key.at == inRequest {
		note := summary{Targets: f.dest != "" || sum.Targets, Along: f.dest == along}
		f.c.next.heard(k, note)
		switch {
		case f.dest == along:
		case sum.Targets:
			args = append(args, f.destination())
		}
	}
	return f.c.nameOf(k) + "(" + strings.Join(args, ", ") + ")", sum
}

// heard is what a caller finds out about a function.
func (f *facts) heard(k key, s summary) {
	old := f.sum[k]
	old.Targets, old.Along, old.Valued = old.Targets || s.Targets, old.Along || s.Along, old.Valued || s.Valued
	f.sum[k] = old
}

func (f *fn) ownValue(name string, call *syntax.Call) expr {
	text, sum := f.ownCall(name, call)
	f.c.next.heard(key{name, f.key.at}, summary{Valued: true})
	if sum.Exits != undecided {
		f.decide("%s may end the route by KSR.x.exit(), and its value is used too: it returns true then", name)
	}
	f.decided = max(f.decided, min(sum.Decides, perhaps))
	return word(text)
}

// ownStatement calls a function of the script. One that ends the route returns true.
func (f *fn) ownStatement(name string, call *syntax.Call) []node {
	if f.c.inline[name] && f.key.at == inRequest {
		d := f.c.defs[name]
		return f.block(d.guarded(), d.from, d.to, nil)
	}
	text, sum := f.ownCall(name, call)
	f.sum.Relays = f.sum.Relays || sum.Relays
	switch {
	case sum.Empty:
		return nil
	case sum.Exits == decided:
		f.decided = decided
		if f.main {
			return []node{{head: "return " + text, ends: true}}
		}
		f.sum.Exits = max(f.sum.Exits, perhaps)
		return []node{{head: "return " + text, ends: true}}
	case sum.Exits == perhaps:
		back := "return true"
		if f.main {
			back = "return"
		}
		f.sum.Exits = max(f.sum.Exits, perhaps)
		return []node{{head: "if " + text + " then", block: true, body: []node{{head: back, ends: true}}, tail: "end"}}
	}
	f.decided = max(f.decided, sum.Decides)
	n := node{head: text}
	return []node{n}
}

// ksr is a call of a function of KSR.
func (f *fn) ksr(name string, args []syntax.Expr, line int) expr {
	if make, ok := f.c.questions[name]; ok {
		return make(f, args, line)
	}
	if why, ok := idle[name]; ok {
		f.c.leave(name, line, why)
		x := known(true)
		x.status, x.good, x.bad, x.nothing = f.isStatus(name), 1, -1, true
		return x
	}
	if module, _, ok := strings.Cut(name, "."); ok && (module == "pv" || module == "pvx") {
		return f.variableCall(name, args, line)
	}
	if short, ok := strings.CutPrefix(name, "kx.get"); ok {
		return f.kx(name, short)
	}
	hint := kemi.Instead(name)
	f.decide("KSR.%s has no translation%s", name, hint)
	x := nilExpr()
	x.text, x.pure = "nil", true
	if f.isStatus(name) {
		x = known(false)
		x.status, x.good, x.bad = true, 1, -1
	}
	x.nothing = true
	return x
}

// isStatus reports whether a function returns Kamailio's number for success or failure.
func (f *fn) isStatus(name string) bool {
	if r, ok := f.c.rows[name]; ok {
		return r.Result == "int"
	}
	return kemi.API()[name].Result == "int"
}

// usesKSR reports whether statements use KSR, and which functions they call by name.
func usesKSR(list []syntax.Stmt) (ksr bool, calls []string) {
	syntax.Walk(list, func(e syntax.Expr) {
		switch e := e.(type) {
		case *syntax.Ident:
			ksr = ksr || e.Value == "KSR"
		case *syntax.Call:
			if id, ok := e.Func.(*syntax.Ident); ok {
				calls = append(calls, id.Value)
			}
		}
	})
	return ksr, calls
}

// arm is a function that t_on_branch and the like named.
type arm struct {
	name  string
	guard string // a question for the method, "" for always
}

// slots are the callbacks of relays, with the places they run at.
var slots = map[string]struct {
	option string
	at     place
}{"tm.t_on_branch": {"on_branch", inBranch}, "tm.t_on_reply": {"on_response", inReply}, "tm.t_on_failure": {"on_failure", inFailure}}

// arms translates t_on_branch, t_on_reply and t_on_failure: what they name is an option of the
// relay that follows in the same function.
func arms(name string) func(f *fn, args []syntax.Expr, line int) []node {
	slot := slots[name]
	return func(f *fn, args []syntax.Expr, line int) []node {
		s, ok := args[0].(*syntax.String)
		if !ok {
			f.decide("KSR.%s with a name that is made at run time: give req:relay the option %s", name, slot.option)
			return nil
		}
		if s.Value == "" {
			delete(f.armed, slot.option)
			return nil
		}
		d := f.c.defs[s.Value]
		if d == nil {
			f.decide("KSR.%s(%q): the script has no such function", name, s.Value)
			return nil
		}
		if slot.at == inFailure && f.key.at == inRequest && f.c.failover(s.Value) != "" {
			f.armed[slot.option] = arm{name: s.Value} // the list of targets does it
			f.c.leave("function "+s.Value, d.from, "req:relay tries the list of dispatch.targets, and failover says after which codes")
			return nil
		}
		f.c.next.runs(s.Value, slot.at)
		f.c.next.slots[fmt.Sprint(s.Value, slot.at)] = true
		guard := expr{text: "true", truth: always, pure: true}
		for _, cond := range f.conditions {
			if !isMethod.MatchString(cond.text) {
				guard.text = ""
				break
			}
			guard = both(guard, cond)
		}
		if was, ok := f.armed[slot.option]; ok && was.name != s.Value {
			f.decide("KSR.%s(%q) takes the place of %s for some requests: see that req:relay has the option %s that is right for each", name, s.Value, was.name, slot.option)
		}
		switch guard.text {
		case "":
			f.decide("KSR.%s(%q) holds for some requests only: see that req:relay has the option %s for these", name, s.Value, slot.option)
			f.armed[slot.option] = arm{name: s.Value}
		case "true":
			f.armed[slot.option] = arm{name: s.Value}
		default:
			f.armed[slot.option] = arm{s.Value, guard.text}
		}
		return nil
	}
}
