package luabind

import (
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// Whatever a script can name is declared, and what is declared is there.
func TestWhatScriptsCanNameIsDeclared(t *testing.T) {
	v := newTestVM(t, "")
	there := map[string]bool{}
	var walk func(prefix string, table *lua.LTable)
	walk = func(prefix string, table *lua.LTable) {
		table.ForEach(func(k, x lua.LValue) {
			name := prefix + k.String()
			if inner, ok := x.(*lua.LTable); ok && inner != v.main.G.Global && name != "sip.args" {
				walk(name+".", inner)
				return
			}
			there[name] = true
		})
	}
	walk("", v.main.G.Global)
	declared := map[string]bool{}
	for _, l := range append(Standard(), Core()) {
		prefix := l.Name + "."
		if l.Name == "" {
			prefix = ""
		}
		for _, f := range l.Functions {
			declared[prefix+f.Name] = true
		}
		for _, f := range l.Fields {
			declared[prefix+f.Name] = true
		}
	}
	for name := range there {
		if !declared[name] {
			t.Errorf("%s can be used and is not declared", name)
		}
	}
	for name := range declared {
		if !there[name] {
			t.Errorf("%s is declared and not there", name)
		}
	}
	if len(there) < 100 {
		t.Errorf("only %d names were looked at", len(there))
	}
}

// Each metatable of the core is made from a declaration.
func TestObjectsOfTheCoreAreDeclared(t *testing.T) {
	v := newTestVM(t, "")
	k := &v.kinds
	for name, mt := range map[string]*lua.LTable{"request": k.request, "response": k.response, "branch": k.branch, "uri": k.uri, "address": k.address,
		"params": k.params, "dictionary": k.dict, "task": k.task, "timer": k.timer} {
		t.Run(name, func(t *testing.T) {
			for _, d := range Core().Types {
				if d.Name == name && v.types[d] == mt {
					return
				}
			}
			t.Error("is not declared by a type of Core")
		})
	}
}

// Everything declared says what it is, and how it is used.
func TestDeclarationsAreComplete(t *testing.T) {
	core := Core()
	check := func(t *testing.T, full string, f *Function) {
		if f.Doc == "" || f.Example == "" {
			t.Errorf("%s has no text or no example", full)
		}
		if f.Call == nil {
			t.Errorf("%s can't be called", full)
		}
		if i := strings.LastIndexByte(f.Name, '.'); !strings.Contains(f.Example, f.Name[i+1:]) {
			t.Errorf("%s: its example does not call it", full)
		}
		for i, p := range f.Params {
			if p.Name == "" || p.Optional && i+1 < len(f.Params) && !f.Params[i+1].Optional {
				t.Errorf("%s: parameter %d: %+v", full, i+1, p)
			}
		}
	}
	for i := range core.Functions {
		check(t, "sip."+core.Functions[i].Name, &core.Functions[i])
	}
	for _, o := range core.Types {
		if o.Doc == "" {
			t.Errorf("%s has no text", o.Name)
		}
		for i := range o.Methods {
			check(t, o.Variable()+":"+o.Methods[i].Name, &o.Methods[i])
		}
		for _, f := range o.Fields {
			if f.Doc == "" && o.kind != nil {
				t.Errorf("%s.%s has no text", o.Name, f.Name)
			}
		}
	}
}

func TestSignature(t *testing.T) {
	f := signature("find(s, pattern [, init [, plain]])")
	if f.Name != "find" || len(f.Params) != 4 || f.Params[1].Optional || !f.Params[2].Optional || !f.Params[3].Optional {
		t.Errorf("%+v", f)
	}
	if f := signature("max(x, ...)"); len(f.Params) != 2 || f.Params[0].Optional || !f.Params[1].Rest {
		t.Errorf("%+v", f)
	}
	if f := signature("clock()"); len(f.Params) != 0 {
		t.Errorf("%+v", f)
	}
	if f := signature("date([format [, time]])"); len(f.Params) != 2 || !f.Params[0].Optional {
		t.Errorf("%+v", f)
	}
}
