package engine_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
)

// Parameters of Record-Route are what a URI can carry, and none of the engine's own.
func TestRouteParamsAreChecked(t *testing.T) {
	for _, c := range []struct {
		name   string
		params []engine.RouteParam
		want   string // of the error; "" for none
	}{
		{"none", nil, ""},
		{"one", []engine.RouteParam{{Name: "x", Value: "1"}}, ""},
		{"a name alone", []engine.RouteParam{{Name: "x"}, {Name: "y", Value: "a=b"}}, ""},
		{"no name", []engine.RouteParam{{Value: "1"}}, "taken or empty"},
		{"the engine's", []engine.RouteParam{{Name: "LR"}}, "taken or empty"},
		{"another one in the name", []engine.RouteParam{{Name: "x;y"}}, "no spaces"},
		{"a value in the name", []engine.RouteParam{{Name: "x=y"}}, "no spaces"},
		{"another one in the value", []engine.RouteParam{{Name: "x", Value: "1;maddr=192.0.2.1"}}, "no spaces"},
		{"the end of the URI", []engine.RouteParam{{Name: "x", Value: "1>"}}, "no spaces"},
		{"a line break", []engine.RouteParam{{Name: "x", Value: "1\r\nX: y"}}, "no spaces"},
		{"too long", []engine.RouteParam{{Name: "x", Value: strings.Repeat("y", 300)}}, "at most 256"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var err error
			b := newBench(t, 1, func(r *engine.Request) error {
				err = r.RecordRoute(c.params...)
				_, e := r.Reply(404, "", nil)
				return e
			})
			alice := b.phone("10.0.0.2:5060")
			alice.call("c1", "sip:bob@example.com").send("INVITE")
			alice.expect("404")
			var wrong *engine.MisuseError
			switch {
			case c.want == "" && err != nil, c.want != "" && !(errors.As(err, &wrong) && strings.Contains(wrong.Text, c.want)):
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
