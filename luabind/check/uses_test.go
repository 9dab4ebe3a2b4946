package check_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind/check"
)

func TestUses(t *testing.T) {
	for text, want := range map[string]string{
		`KSR.tm.t_relay()`:                     "KSR.tm.t_relay@1 call0",
		`if not KSR.auth then return end`:      "KSR.auth@1",
		"\nKSR.hdr.append('X: 1')":             "KSR.hdr.append@2 call1[X: 1]",
		`local KSR = {} KSR.x.y()`:             "",
		`local t = KSR.pv t.get('$ru')`:        "KSR.pv@1",
		`function KSR.mine() end`:              "KSR.mine@1 set",
		`KSR.tm.t_relay = nil`:                 "KSR.tm.t_relay@1 set",
		`local n = 'x' KSR[n].y()`:             "KSR@1",
		`KSR.f(g())`:                           "KSR.f@1 call1[] open, g@1 call0",
		`function f() local x = os.time() end`: "f@1 set, os.time@1 call0",
		`x = `:                                 "! expected an expression",
	} {
		t.Run(text, func(t *testing.T) {
			uses, bad := check.Uses("t.lua", text)
			var got []string
			for _, u := range uses {
				s := fmt.Sprintf("%s@%d", u.Name, u.Line)
				if u.Called {
					s += fmt.Sprintf(" call%d", u.Args)
					if u.Args > 0 {
						s += fmt.Sprint(u.Texts)
					}
				}
				if u.Assigned {
					s += " set"
				}
				if u.Open {
					s += " open"
				}
				got = append(got, s)
			}
			slices.Sort(got)
			if len(bad) > 0 {
				got = []string{"! " + bad[0].Message}
			}
			if g := strings.Join(got, ", "); g != want && (len(bad) == 0 || !strings.HasPrefix(want, "!")) {
				t.Errorf("got  %s\nwant %s", g, want)
			}
		})
	}
}
