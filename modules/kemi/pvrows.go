package kemi

// KSR.pv and KSR.pvx.

import (
	"sort"
	"strings"

	"github.com/sipscript/sipscript/modules/kemi/pv"
)

func pvRows() []Row {
	return []Row{
		{Name: "pv.get", Params: "s", Result: "xval", Does: "the value of a variable", call: func(k *call) int { return k.push(k.named(1)) }},
		{Name: "pv.gete", Params: "s", Result: "xval", Does: `as get, "" for none`, call: func(k *call) int { return k.push(or(k.named(1), "")) }},
		{Name: "pv.getw", Params: "s", Result: "xval", Does: `as get, "<null>" for none`, call: func(k *call) int { return k.push(or(k.named(1), "<null>")) }},
		{Name: "pv.getvs", Params: "ss", Result: "xval", Does: "as get, with a default", call: func(k *call) int { return k.push(or(k.named(1), k.str(2))) }},
		{Name: "pv.getvn", Params: "si", Result: "xval", Does: "as get, with a default number", call: func(k *call) int {
			v := k.named(1)
			if v.Kind == pv.Null {
				v = pv.Num(int64(k.int(2)))
			}
			return k.push(v)
		}},
		{Name: "pv.geti", Params: "s", Result: "int", Does: "the value as a number, 0 for others", call: func(k *call) int { return k.num(asInt(k.named(1))) }},
		{Name: "pv.is_null", Params: "s", Result: "bool", Does: "whether it has no value", call: func(k *call) int { return k.bool(k.named(1).Kind == pv.Null) }},
		{Name: "pv.sets", Params: "ss", Result: "bool", Does: "sets a variable to text", call: func(k *call) int { return k.bool(k.setNamed(1, pv.Str(k.str(2)))) }},
		{Name: "pv.seti", Params: "si", Result: "bool", Does: "sets a variable to a number", call: func(k *call) int { return k.bool(k.setNamed(1, pv.Num(int64(k.int(2))))) }},
		{Name: "pv.unset", Params: "s", Result: "bool", Does: "takes a variable's value away", call: func(k *call) int { return k.bool(k.setNamed(1, pv.Value{})) }},
		{Name: "pvx.var_get", Params: "s", Result: "xval", Does: "$var(name)", Differs: differsVar, call: func(k *call) int { return k.push(k.of("var", k.str(1))) }},
		{Name: "pvx.var_sets", Params: "ss", Result: "int", Does: "sets $var(name)", Differs: differsVar, call: func(k *call) int { return k.assign("var", k.str(1), pv.Str(k.str(2))) }},
		{Name: "pvx.var_seti", Params: "si", Result: "int", Does: "sets $var(name)", Differs: differsVar, call: func(k *call) int { return k.assign("var", k.str(1), pv.Num(int64(k.int(2)))) }},
		{Name: "pvx.shv_get", Params: "s", Result: "xval", Does: "$shv(name)", call: func(k *call) int { return k.push(k.of("shv", k.str(1))) }},
		{Name: "pvx.shv_sets", Params: "ss", Result: "int", Does: "sets $shv(name)", call: func(k *call) int { return k.assign("shv", k.str(1), pv.Str(k.str(2))) }},
		{Name: "pvx.shv_seti", Params: "si", Result: "int", Does: "sets $shv(name)", call: func(k *call) int { return k.assign("shv", k.str(1), pv.Num(int64(k.int(2)))) }},
		{Name: "pvx.evalx", Params: "ss", Result: "int", Does: "sets a variable to a text, with the variables in it", call: func(k *call) int {
			t, err := k.sh.text(k.str(2))
			if err != nil {
				k.log(err.Error())
				return k.num(-1)
			}
			return k.is(k.setNamed(1, pv.Str(t.Expand(k.value))))
		}},
		{Name: "pvx.xavp_get", Params: "s", Result: "xval", Does: "$xavp(name)", call: func(k *call) int { return k.push(k.xavp(&pv.Var{Arg: k.str(1)})) }},
		{Name: "pvx.xavp_gete", Params: "s", Result: "xval", Does: `as xavp_get, "" for none`, call: func(k *call) int { return k.push(or(k.xavp(&pv.Var{Arg: k.str(1)}), "")) }},
		{Name: "pvx.xavp_child_get", Params: "ss", Result: "xval", Does: "$xavp(name=>child)", call: func(k *call) int { return k.push(k.child()) }},
		{Name: "pvx.xavp_child_gete", Params: "ss", Result: "xval", Does: `as xavp_child_get, "" for none`, call: func(k *call) int { return k.push(or(k.child(), "")) }},
		{Name: "pvx.xavp_child_getw", Params: "ss", Result: "xval", Does: `as xavp_child_get, "<null>" for none`, call: func(k *call) int { return k.push(or(k.child(), "<null>")) }},
		{Name: "pvx.xavp_child_sets", Params: "sss", Result: "int", Does: "sets a child of the newest", call: func(k *call) int { return k.setChild(pv.Str(k.str(3))) }},
		{Name: "pvx.xavp_child_seti", Params: "ssi", Result: "int", Does: "sets a child of the newest", call: func(k *call) int { return k.setChild(pv.Num(int64(k.int(3)))) }},
		{Name: "pvx.xavp_is_null", Params: "s", Result: "int", Does: "whether there is none of the name", call: func(k *call) int { return k.is(len(k.s.xavps[k.str(1)]) == 0) }},
		{Name: "pvx.xavp_rm", Params: "s", Result: "int", Does: "removes the newest of the name", call: func(k *call) int {
			if list := k.s.xavps[k.str(1)]; len(list) > 0 {
				k.s.xavps[k.str(1)] = list[1:]
			}
			return k.num(1)
		}},
		{Name: "pvx.xavp_getd", Params: "s", Result: "xval", Does: "all of the name as a list of tables", call: func(k *call) int { return k.pushXAVPs(k.s.xavps[k.str(1)]) }},
		{Name: "pvx.xavp_getd_p1", Params: "si", Result: "xval", Does: "one of the name as a table", call: func(k *call) int {
			list, i := k.s.xavps[k.str(1)], k.int(2)
			if i < 0 || i >= len(list) {
				return k.c.PushNil()
			}
			return k.c.Push(table(list[i]))
		}},
	}
}

const differsVar = "begins with 0 for each request: there it keeps what an earlier request of the process left"

// maxStack bounds the values of an AVP, and the names of a request's variables.
const maxStack = 1000

// named is the value of the variable that an argument names; an unknown one is logged, and Null.
func (k *call) named(n int) pv.Value {
	name := k.str(n)
	v, err := k.sh.variable(name)
	if err != nil {
		k.log("the variable " + name + ": " + err.Error())
		return pv.Value{}
	}
	return k.value(v)
}

func (k *call) of(name, arg string) pv.Value { return k.raw(&pv.Var{Name: name, Arg: arg}) }

func (k *call) child() pv.Value {
	return k.xavp(&pv.Var{Arg: k.str(1), HasKey: true, Key: pv.Text{{Literal: k.str(2)}}})
}

func or(v pv.Value, def string) pv.Value {
	if v.Kind == pv.Null {
		return pv.Str(def)
	}
	return v
}

// asInt is a value as a number: text counts if it is one.
func asInt(v pv.Value) int {
	if v.Kind == pv.Number {
		return int(v.N)
	}
	n := 0
	for i, c := range v.Text {
		if c < '0' || c > '9' || i > 8 {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}

func (k *call) push(v pv.Value) int {
	switch v.Kind {
	case pv.String:
		return k.c.PushString(v.Text)
	case pv.Number:
		return k.c.PushNumber(float64(v.N))
	}
	return k.c.PushNil()
}

func goValue(v pv.Value) any {
	if v.Kind == pv.Number {
		return float64(v.N)
	}
	return v.Text
}

// table is an XAVP's children, each a list of values.
func table(x map[string][]pv.Value) map[string]any {
	out := map[string]any{}
	for name, list := range x {
		values := make([]any, len(list))
		for i, v := range list {
			values[i] = goValue(v)
		}
		out[name] = values
	}
	return out
}

func (k *call) pushXAVPs(list []map[string][]pv.Value) int {
	if len(list) == 0 {
		return k.c.PushNil()
	}
	out := make([]any, len(list))
	for i, x := range list {
		out[i] = table(x)
	}
	return k.c.Push(out)
}

func (k *call) assign(name, arg string, v pv.Value) int {
	return k.is(k.setVar(&pv.Var{Name: name, Arg: arg}, v))
}

// setNamed sets the variable that an argument names.
func (k *call) setNamed(n int, value pv.Value) bool {
	name := k.str(n)
	v, err := k.sh.variable(name)
	if err != nil {
		k.log("the variable " + name + ": " + err.Error())
		return false
	}
	return k.setVar(v, value)
}

// setVar sets a variable; Null unsets it. A variable that cannot be set is left, and that is a
// success, as there.
func (k *call) setVar(v *pv.Var, value pv.Value) bool {
	s := k.s
	switch v.Name {
	case "var":
		return setIn(&s.vars, v.Arg, value)
	case "shv":
		if value.Kind == pv.Null {
			value = pv.Str("")
		}
		k.sh.module.shared.setVariable(v.Arg, value)
	case "sht":
		return k.sh.module.shared.set(k.sh.module.config, v.Arg, v.Key.Expand(k.value), value, k.c.Now())
	case "avp":
		return k.setAVP(v, value)
	case "xavp":
		return k.setXAVP(v, value)
	case "dlg_var":
		return k.setDialogValue(v.Arg, value)
	case "ru", "rU", "rd", "rp", "du", "dd":
		return k.setDestination(v.Name, value)
	case "fu", "fU", "fd", "fn", "tu", "tU", "td", "tn":
		if value.Kind != pv.Null && k.f.kind != inEvent {
			return k.mask(v.Name, value.String())
		}
	}
	return true
}

func setIn(m *map[string]pv.Value, name string, value pv.Value) bool {
	if value.Kind == pv.Null {
		delete(*m, name)
		return true
	}
	if *m == nil {
		*m = map[string]pv.Value{}
	}
	if _, there := (*m)[name]; !there && len(*m) >= maxStack {
		return false
	}
	(*m)[name] = value
	return true
}

func (k *call) setAVP(v *pv.Var, value pv.Value) bool {
	stack := k.s.avps[v.Arg]
	switch {
	case value.Kind != pv.Null:
		if k.s.avps == nil {
			k.s.avps = map[string][]pv.Value{}
		}
		if v.Has == pv.All {
			stack = nil
		}
		if len(stack) >= maxStack || len(k.s.avps) > maxStack {
			k.log("too many values")
			return false
		}
		k.s.avps[v.Arg] = append([]pv.Value{value}, stack...)
	case v.Has == pv.All:
		delete(k.s.avps, v.Arg)
	case len(stack) > 0:
		k.s.avps[v.Arg] = stack[1:]
	}
	return true
}

// setXAVP sets a child: of a new one on top, unless an index says which.
func (k *call) setXAVP(v *pv.Var, value pv.Value) bool {
	if !v.HasKey {
		if value.Kind == pv.Null && len(k.s.xavps[v.Arg]) > 0 {
			k.s.xavps[v.Arg] = k.s.xavps[v.Arg][1:]
		}
		return true
	}
	if k.s.xavps == nil {
		k.s.xavps = map[string][]map[string][]pv.Value{}
	}
	stack, key := k.s.xavps[v.Arg], v.Key.Expand(k.value)
	if v.HasAt && v.At >= 0 && v.At < len(stack) {
		return setChildOf(stack[v.At], key, value)
	}
	if value.Kind == pv.Null {
		if len(stack) > 0 {
			delete(stack[0], key)
		}
		return true
	}
	if len(stack) >= maxStack || len(k.s.xavps) > maxStack {
		return false
	}
	k.s.xavps[v.Arg] = append([]map[string][]pv.Value{{key: {value}}}, stack...)
	return true
}

func setChildOf(x map[string][]pv.Value, key string, value pv.Value) bool {
	if value.Kind == pv.Null {
		delete(x, key)
		return true
	}
	if len(x) >= maxStack || len(x[key]) >= maxStack {
		return false
	}
	x[key] = append([]pv.Value{value}, x[key]...)
	return true
}

// setChild sets a child of the newest XAVP, which is made if there is none.
func (k *call) setChild(value pv.Value) int {
	name := k.str(1)
	if len(k.s.xavps[name]) == 0 {
		return k.is(k.setXAVP(&pv.Var{Arg: name, HasKey: true, Key: pv.Text{{Literal: k.str(2)}}}, value))
	}
	x := k.s.xavps[name][0]
	delete(x, k.str(2))
	return k.is(setChildOf(x, k.str(2), value))
}

// setDestination sets the Request-URI, a part of it, or $du.
func (k *call) setDestination(name string, value pv.Value) bool {
	s := value.String()
	switch name {
	case "du":
		k.setDestinationURI(s)
		return true
	case "ru":
		if value.Kind == pv.Null {
			return false
		}
		k.setURI(s)
		return true
	case "rU":
		if value.Kind == pv.Number {
			return false
		}
		k.setPart("user", s)
	case "rd":
		k.setPart("host", s)
	case "rp":
		k.setPart("port", strings.TrimPrefix(s, "0"))
	case "dd":
		return false
	}
	return true
}

// encodePairs writes the values of $dlg_var for the Record-Route.
func encodePairs(m map[string]string) string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	var b strings.Builder
	for _, name := range names {
		b.WriteString(name)
		b.WriteByte(0)
		b.WriteString(m[name])
		b.WriteByte(0)
	}
	return b.String()
}

func decodePairs(s string) map[string]string {
	m := map[string]string{}
	parts := strings.Split(s, "\x00")
	for i := 0; i+1 < len(parts); i += 2 {
		m[parts[i]] = parts[i+1]
	}
	return m
}

// carrier is the name under which $dlg_var travels in our Record-Route; maxCarried bounds it.
const (
	carrier    = "kv"
	maxCarried = 200
)

func (k *call) dialogValue(name string) pv.Value {
	if k.f.event != nil {
		return text(k.f.event.values[name])
	}
	if k.s.dialog == nil {
		k.s.dialog = decodePairs(k.s.req.Carried(carrier))
	}
	if s, ok := k.s.dialog[name]; ok {
		return pv.Str(s)
	}
	return pv.Value{}
}

// ofDialog is $dlg(name), and the like: services.lua asks the module that tracks calls.
func (k *call) ofDialog(name string) pv.Value {
	if k.f.event != nil {
		return k.f.event.dialog[name]
	}
	if k.sh.dialogs == nil {
		return pv.Value{}
	}
	out, err := k.sh.dialogs.Call(name)
	if err != nil {
		k.log(err.Error())
		return pv.Value{}
	}
	if len(out) == 0 {
		return pv.Value{}
	}
	return valueOf(out[0])
}

// valueOf is a value of Lua.
func valueOf(x any) pv.Value {
	switch x := x.(type) {
	case string:
		return pv.Str(x)
	case float64:
		return pv.Num(int64(x))
	}
	return pv.Value{}
}

// setDialogValue keeps a value for the dialog: it travels in the Record-Route of the request that
// begins it.
func (k *call) setDialogValue(name string, value pv.Value) bool {
	if k.f.event != nil {
		return false
	}
	k.dialogValue("") // reads
	if k.s.req.InDialog() {
		k.log("$dlg_var can only be set before the dialog begins: it travels in the Record-Route")
		return false
	}
	if value.Kind == pv.Null {
		delete(k.s.dialog, name)
		return true
	}
	old, was := k.s.dialog[name]
	k.s.dialog[name] = value.String()
	if len(encodePairs(k.s.dialog)) > maxCarried {
		if delete(k.s.dialog, name); was {
			k.s.dialog[name] = old
		}
		k.log("the values of $dlg_var are too long for the Record-Route")
		return false
	}
	return true
}
