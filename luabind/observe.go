package luabind

// What scripts ask and decide about a request, told to an observer of the engine: the line, the
// function and what came of it. Without an observer nothing of this runs.

import (
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/engine"
	lua "github.com/yuin/gopher-lua"
)

const (
	mostToldSteps = 64 // of one request; a loop tells no more
	mostToldText  = 80 // bytes of an answer
)

// observes reports whether calls of a function are told to the engine's observer: of those that
// decide, and of the functions of modules.
func (v *vm) observes(f *Function, full string) bool {
	e := v.gen.router.engine()
	if e == nil || !e.Observed() || f.Where == AtLoad || f.Untold {
		return false
	}
	return determines(f) || strings.ContainsAny(full, ".:") && !strings.HasPrefix(full, "sip.") && !coreMethod(full)
}

// determines reports whether calls of a function determine what is sent.
func determines(f *Function) bool {
	return f.Decides || f.Effects&(Forks|DecidesOnFalse) != 0 || f.Name == "cancel"
}

// coreMethod reports whether a method is one of the core's objects, whose calls find nothing out.
func coreMethod(full string) bool {
	object, _, ok := strings.Cut(full, ":")
	switch object {
	case "req", "res", "uri", "address", "branch":
		return ok
	}
	return false
}

// observing is a function whose calls are told: before them that it may decide, after them what it
// found.
func (v *vm) observing(f Function, full string) func(c *Call) int {
	call, name := f.Call, strings.TrimPrefix(full, "req:")
	deciding, finds := determines(&f), !determines(&f) || f.Effects&DecidesOnFalse != 0
	return func(c *Call) int {
		o := v.told(deciding)
		if o == nil {
			return call(c)
		}
		if deciding {
			step := engine.ObservedStep{Function: name, Place: c.place(), Decides: true}
			if o.req.Shown() {
				step.Answer = argument(c, 2)
			}
			o.req.Observe(step)
		}
		n := call(c)
		if finds {
			v.found(c, o, name, n)
		}
		return n
	}
}

// scriptLine is a line of a script.
type scriptLine struct {
	proto *lua.FunctionProto
	line  int
}

// mostSites bounds the lines whose texts a VM keeps: those of its script that call something.
const mostSites = 4096

// place is position, whose text is made once for each line. What a module's own text does, it does
// for the script's line that called it.
func (c *Call) place() string { return c.vm.placeIn(c.l) }

func (v *vm) placeIn(l *lua.LState) string {
	f := frameOf(l)
	for depth := 0; depth < 8 && f != nil && (f.fn == nil || f.fn.IsG || v.own != "" && f.fn.Proto.SourceName == v.own && f.parent != nil); depth++ {
		f = f.parent
	}
	if f == nil || f.fn == nil || f.fn.IsG || int(f.pc) < 1 || int(f.pc) > len(f.fn.Proto.DbgSourcePositions) {
		return position(l)
	}
	at := scriptLine{f.fn.Proto, f.fn.Proto.DbgSourcePositions[f.pc-1]}
	text, ok := v.sites[at]
	if !ok {
		text = at.proto.SourceName + ":" + strconv.Itoa(at.line)
		if v.sites == nil {
			v.sites = map[scriptLine]string{}
		}
		if len(v.sites) < mostSites {
			v.sites[at] = text
		}
	}
	return text
}

// told is the request whose handler runs, if a step of it may be told; nil if not.
func (v *vm) told(deciding bool) *reqObj {
	t := v.current
	if t == nil || t.req == nil || t.req.req == nil || !t.req.req.Observed() {
		return nil
	}
	if !deciding && !t.req.req.Shown() {
		return nil
	}
	if t.req.told++; t.req.told > mostToldSteps && !deciding {
		return nil
	}
	return t.req
}

// found tells what a function returned, which is on top of the stack.
func (v *vm) found(c *Call, o *reqObj, name string, n int) {
	if o.req != nil && o.req.Shown() {
		o.req.Observe(engine.ObservedStep{Function: name, Place: c.place(), Answer: outcome(c, n)})
	}
}

// foundLater is found for a function that was waited for.
func (c *Call) foundLater(n int) {
	if o := c.vm.told(false); o != nil && c.vm.observes(&c.fn.Function, c.fn.full) {
		c.vm.found(c, o, c.fn.full, n)
	}
}

// argument is what argument n says about where a request goes, "" if it says nothing.
func argument(c *Call, n int) string {
	if c.l.GetTop() < n {
		return ""
	}
	switch x := c.l.Get(n).(type) {
	case lua.LNumber: // the code of reply
		if s, ok := c.l.Get(n + 1).(lua.LString); ok {
			return x.String() + " " + shorten(string(s))
		}
		return x.String()
	case lua.LString:
		return shorten(string(x))
	case lua.LBool:
		return ""
	default:
		return brief(x)
	}
}

// outcome is what a function returned: values of which it is known that they are no secrets.
func outcome(c *Call, n int) string {
	if n == 0 {
		return ""
	}
	first := c.l.Get(-n)
	text := brief(first)
	if n > 1 && (first == lua.LNil || first == lua.LFalse) { // nil, why
		if why, ok := c.l.Get(1 - n).(lua.LString); ok {
			text += ", " + shorten(string(why))
		}
	}
	return text
}

// brief is a value in a few words. Texts that are no addresses are not shown: one could be a
// password or a token.
func brief(x lua.LValue) string {
	switch x := x.(type) {
	case lua.LString:
		if s := string(x); isAddress(s) {
			return shorten(s)
		}
		return "a text"
	case *lua.LTable:
		if uri, ok := x.RawGetString("uri").(lua.LString); ok {
			return shorten(string(uri))
		}
		n := x.Len()
		if n == 0 {
			return "a table"
		}
		if first := firstOf(x.RawGetInt(1)); first != "" {
			return strconv.Itoa(n) + " in a list: " + first + " …"
		}
		return strconv.Itoa(n) + " in a list"
	case *lua.LUserData:
		switch o := x.Value.(type) {
		case *uriObj:
			return shorten(string(o.text))
		case TargetNamer:
			return shorten(o.TargetName())
		case Targeter:
			if t := o.Target(); t != nil {
				return shorten(t.String())
			}
		}
		return objectBriefly(x.Value)
	case *lua.LFunction:
		return "a function"
	}
	return x.String()
}

// objectBriefly is a value that is not Lua's.
func objectBriefly(x any) string {
	switch o := x.(type) {
	case *resObj:
		if o.res != nil {
			return strconv.Itoa(o.res.Code())
		}
		return "a response"
	case Object:
		return "a " + o.ObjectType().Name
	}
	return "an object"
}

// firstOf is the first of a list in a few words, "" if it says nothing.
func firstOf(x lua.LValue) string {
	switch s := x.(type) {
	case *lua.LTable, *lua.LUserData:
		return brief(x)
	case lua.LString:
		if isAddress(string(s)) {
			return shorten(string(s))
		}
	}
	return ""
}

// isAddress reports whether a text is a URI of SIP or a telephone number.
func isAddress(s string) bool {
	return strings.HasPrefix(s, "sip:") || strings.HasPrefix(s, "sips:") || strings.HasPrefix(s, "tel:") || strings.HasPrefix(s, "+")
}

// shorten bounds a text.
func shorten(s string) string {
	if len(s) > mostToldText {
		return strings.ToValidUTF8(s[:mostToldText], "") + "…"
	}
	return s
}
