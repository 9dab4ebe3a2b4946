package luabind_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

func TestAgreed(t *testing.T) {
	var a luabind.Agreed[[]string]
	if _, said := a.Value(); said {
		t.Error("nobody said anything")
	}
	for _, row := range []struct {
		vm    int
		value string
		first bool
		err   error
	}{{1, "a", true, nil}, {1, "a", false, luabind.ErrSaid}, {2, "a", false, nil}, {3, "b", false, luabind.ErrDiffers}, {3, "a", false, luabind.ErrSaid}} {
		t.Run(row.value, func(t *testing.T) {
			first, err := a.Say(row.vm, []string{row.value})
			if first != row.first || !errors.Is(err, row.err) {
				t.Errorf("%+v: %v %v", row, first, err)
			}
		})
	}
	if v, said := a.Value(); !said || v[0] != "a" {
		t.Error(v)
	}
}

// What is said under one name says nothing about another.
func TestAgreedByName(t *testing.T) {
	var a luabind.AgreedByName[int]
	if len(a.Values()) != 0 {
		t.Error("nobody said anything")
	}
	for _, row := range []struct {
		name, of string
		vm       int
		value    int
		first    bool
		err      error
	}{
		{"the first", "b", 1, 20, true, nil}, {"another name", "a", 1, 10, true, nil}, {"the same again", "b", 1, 20, false, luabind.ErrSaid},
		{"another lane", "b", 2, 20, false, nil}, {"a lane that differs", "a", 2, 20, false, luabind.ErrDiffers},
	} {
		t.Run(row.name, func(t *testing.T) {
			first, err := a.Say(row.vm, row.of, row.value)
			if first != row.first || !errors.Is(err, row.err) {
				t.Errorf("%v %v", first, err)
			}
		})
	}
	if got := a.Values(); !slices.Equal(got, []int{10, 20}) {
		t.Error(got)
	}
}

// bounds are options that others take in.
type bounds struct {
	Most int           `lua:"most" min:"1" default:"7" doc:"at most"`
	Wait time.Duration `lua:"wait"`
}

// names decode themselves.
type names []string

func (n *names) DecodeOption(value any) error {
	text, ok := value.(string)
	if !ok {
		return errors.New("must be text")
	}
	*n = strings.Split(text, "+")
	return nil
}

func (n *names) OptionType() string { return "names with + between them" }

// policy has both.
type policy struct {
	bounds
	Names names `lua:"names" doc:"who"`
}

// A struct within a struct has its keys beside the others; a type may decode itself.
func TestOptionsWithinOptions(t *testing.T) {
	var got policy
	m := &declared{functions: []luabind.Function{luabind.Configure(luabind.Function{}, policy{bounds: bounds{Most: 7}}, func(p policy) error { got = p; return nil })}}
	luabindtest.New(t, `require("declared").configure { wait = 2, names = "a+b" } function route() end`, luabindtest.Modules(m))
	if got.Most != 7 || got.Wait != 2*time.Second || strings.Join(got.Names, " ") != "a b" {
		t.Errorf("%+v", got)
	}
	for text, want := range map[string]string{`{ most = 0 }`: "option most must be at least 1", `{ names = 7 }`: "option names must be text",
		`{ mosst = 1 }`: `unknown option "mosst"; did you mean 'most'?`} {
		t.Run(text, func(t *testing.T) {
			_, err := luabindtest.Try(t, `require("declared").configure `+text+` function route() end`, luabindtest.Modules(m))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", text, err)
			}
		})
	}
	list := luabind.OptionsOf(policy{})
	if len(list) != 3 || list[0].Name != "most" || list[0].Default != "7" || list[2].Type != "names with + between them" {
		t.Errorf("%+v", list)
	}
}

// declared is a module with those functions.
type declared struct{ functions []luabind.Function }

func (d *declared) Name() string                               { return "declared" }
func (d *declared) Open(*luabind.Host) (luabind.Module, error) { return &declaredModule{d}, nil }

type declaredModule struct{ *declared }

func (d *declaredModule) Functions() []luabind.Function { return d.functions }
func (d *declaredModule) Close() error                  { return nil }
