package auth

// This file tests the policy: what is refused, and what the zero value stands for.

import (
	"reflect"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

func TestPolicies(t *testing.T) {
	for want, change := range map[string]func(p *Policy){
		"nonce_lifetime":      func(p *Policy) { p.NonceLifetime = 0 },
		"uri must be":         func(p *Policy) { p.CheckURI = "" },
		"info must be":        func(p *Policy) { p.Info = "often" },
		"identity_headers":    func(p *Policy) { p.IdentityHeaders = "all" },
		"must not be neg":     func(p *Policy) { p.PerUser = -1 },
		"window and ban":      func(p *Policy) { p.Ban = 0 },
		"algorithms needs":    func(p *Policy) { p.Algorithms = Algorithms{} },
		"qop needs":           func(p *Policy) { p.QOP = nil },
		"qop must be":         func(p *Policy) { p.QOP = []string{"x"} },
		"a realm must not":    func(p *Policy) { p.Realm = `"` },
		"trusted":             func(p *Policy) { p.Trusted = []string{"x y"} },
		"and cache must not ": func(p *Policy) { p.Cache = -1 },
	} {
		t.Run(want, func(t *testing.T) {
			if err := policyOf(change).Check(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v", err)
			}
		})
	}
	if a, b := luabindtest.Must(New(Options{})).Policy(), luabindtest.Must(New(Options{Policy: DefaultPolicy()})).Policy(); !reflect.DeepEqual(a, b) {
		t.Errorf("the zero policy is\n%+v, the default\n%+v", a, b)
	}
}

// "auth" goes first in a challenge, in whatever order a script has them: linphone takes the first.
func TestOrderOfQOP(t *testing.T) {
	for want, list := range map[string][]string{
		"auth":          {"auth", "none", "auth"},
		"auth-int":      {"auth-int"},
		"auth,auth-int": {"auth-int", "none", "auth"},
		"":              {"none"},
	} {
		t.Run(strings.Join(list, " "), func(t *testing.T) {
			d := newDesk(t, policyOf(func(p *Policy) { p.QOP = list }))
			for _, text := range d.Challenges(Challenge{Realm: "example.com", Source: d.source, Now: d.now}) {
				if got := param(text, "qop"); got != want {
					t.Errorf("%q: %s", list, text)
				}
			}
		})
	}
}

// Every option is marked as one that may change at a reload, and has a text and a default.
func TestOptionsAreDescribed(t *testing.T) {
	list := luabind.OptionsOf(settings{})
	if len(list) != 14 {
		t.Errorf("%d options", len(list))
	}
	for _, o := range list {
		if !o.Reloadable || o.Doc == "" || o.Default == "" {
			t.Errorf("%+v", o)
		}
	}
}
