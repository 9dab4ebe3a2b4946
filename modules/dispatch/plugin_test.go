package dispatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/ops/openapi"
)

// serving is a server with two sets.
func serving(t *testing.T) (*Dispatch, *luabindtest.World) {
	t.Helper()
	d := New(Options{Quiet: true})
	w := luabindtest.New(t, `local dispatch = require "dispatch"
dispatch.configure { sets = { a = { "sip:10.0.0.1", { next_hop = "sip:10.0.0.2", max_calls = 3 } }, b = { "sip:10.0.0.3" } } }
function route(req) req:reply(404) end`, luabindtest.Modules(d))
	return d, w
}

func TestAPI(t *testing.T) {
	d, _ := serving(t)
	for _, tt := range []struct {
		name, method, path, body string
		code                     int
		want                     string
	}{
		{"all", "GET", "/gateways", "", 200, `"uri": "sip:10.0.0.3"`},
		{"a set", "GET", "/gateways?set=a", "", 200, `"max_calls": 3`},
		{"no set", "GET", "/gateways?set=x", "", 404, `there is no set \"x\"`},
		{"mark", "POST", "/mark", `{"set": "a", "uri": "sip:10.0.0.1", "state": "draining", "seconds": 60}`, 200, `"state": "draining"`},
		{"it is marked", "GET", "/gateways", "", 200, `"state": "draining", "why": "marked draining", "since_seconds": 0, "for_seconds": 60`},
		{"mark nobody", "POST", "/mark", `{"set": "a", "uri": "sip:x", "state": "up"}`, 404, "no such gateway"},
		{"mark of no set", "POST", "/mark", `{"set": "x", "uri": "sip:x", "state": "up"}`, 404, `there is no set \"x\"`},
		{"no state", "POST", "/mark", `{"set": "a", "uri": "sip:10.0.0.1", "state": "gone"}`, 400, "expected a state"},
		{"no time", "POST", "/mark", `{"set": "a", "uri": "sip:10.0.0.1", "state": "up", "seconds": -1}`, 400, "number of seconds"},
		{"no JSON", "POST", "/mark", `set=a`, 400, "expected {"},
		{"an unknown key", "POST", "/mark", `{"sets": "a"}`, 400, "unknown field"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rec := httptest.NewRecorder()
			openapi.Handler(d.API()).ServeHTTP(rec, httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body)))
			if text := strings.Join(strings.Fields(rec.Body.String()), " "); rec.Code != tt.code || !strings.Contains(text, tt.want) {
				t.Errorf("%d %s\nwant %d %s", rec.Code, text, tt.code, tt.want)
			}
		})
	}
}

// run runs a command against the API of d; it asks as often as again allows.
func run(d *Dispatch, again func(n int) bool, flags map[string]any, args ...string) (string, error) {
	var out bytes.Buffer
	c := &host.Invocation{Context: context.Background(), Command: "dispatch " + args[0], Args: args[1:], Flags: host.NewValues(flags), Stdout: &out,
		Ask: func(method, path string, body io.Reader) ([]byte, error) {
			if body == nil {
				body = http.NoBody
			}
			rec := httptest.NewRecorder()
			http.StripPrefix("/api/v1/dispatch", openapi.Handler(d.API())).ServeHTTP(rec, httptest.NewRequest(method, path, body))
			if rec.Code != 200 {
				return nil, errors.New(rec.Body.String())
			}
			return rec.Body.Bytes(), nil
		}}
	n := 0
	c.Again = func(context.Context) bool { n++; return again(n) }
	root := command()
	for _, sub := range root.Sub {
		if sub.Name == args[0] {
			err := sub.Run(c)
			return out.String(), err
		}
	}
	c.Args = args
	err := root.Run(c)
	return out.String(), err
}

func TestCommand(t *testing.T) {
	never := func(int) bool { return false }
	for _, tt := range []struct {
		name string
		args []string
		json bool
		want string
	}{
		{"list", []string{"list"}, false, "a    sip:10.0.0.2  up     0s   0/3    0     0"},
		{"no sub-command", []string{"lst"}, false, `unknown command "lst"; the commands are list, mark`},
		{"one set", []string{"list", "b"}, false, "b    sip:10.0.0.3"},
		{"JSON", []string{"list", "b"}, true, `"address": "udp:10.0.0.3:5060"`},
		{"no set", []string{"list", "x"}, false, "there is no set"},
		{"two sets", []string{"list", "a", "b"}, false, `dispatch list: one set at a time: found "b" after "a"`},
		{"no state", []string{"mark", "a", "sip:10.0.0.1", "gone"}, false, `"gone" is not a state`},
		{"no seconds", []string{"mark", "a", "sip:10.0.0.1", "up", "x"}, false, `"x" is not a number of seconds`},
		{"nothing", []string{"mark", "a"}, false, "expected SET URI STATE"},
		{"nobody", []string{"mark", "a", "sip:x", "up"}, false, "no such gateway"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, _ := serving(t)
			out, err := run(d, never, map[string]any{"json": tt.json}, tt.args...)
			if got := out + fmt.Sprint(err); !strings.Contains(got, tt.want) {
				t.Errorf("%s\nwant %s", got, tt.want)
			}
		})
	}
	t.Run("mark", func(t *testing.T) {
		d, _ := serving(t)
		if _, err := run(d, never, nil, "mark", "a", "sip:10.0.0.1", "disabled", "60"); err != nil {
			t.Fatal(err)
		}
		if s := d.Sets()[0].List()[0]; s.State != "disabled" || s.Left != 60 {
			t.Errorf("%+v", *s)
		}
	})
	t.Run("watch", func(t *testing.T) {
		d, _ := serving(t)
		out, err := run(d, func(n int) bool {
			if n == 3 {
				_ = d.Sets()[0].Mark("sip:10.0.0.1", 2, 0)
			}
			return n < 6
		}, map[string]any{"watch": true}, "list", "a")
		if err != nil || strings.Count(out, "SET") != 2 || strings.Count(out, "draining") != 2 {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

func TestMetrics(t *testing.T) {
	d, w := serving(t)
	if _, err := w.Eval(`require("dispatch").mark("b", "sip:10.0.0.3", "down") return require("dispatch").targets("b")`); err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, m := range d.Metrics() {
		got[fmt.Sprint(m.Name, " ", m.Labels["set"], m.Labels["list"], " ", m.Labels["state"], m.Labels["gateway"], m.Labels["result"])] = m.Value()
	}
	for name, want := range map[string]float64{"dispatch_gateways a up": 2, "dispatch_gateways b down": 1, "dispatch_gateways b up": 0, "dispatch_none_up_total b ": 1,
		"dispatch_changes_total b ": 1, "dispatch_gateway_up b sip:10.0.0.3": 0, "dispatch_gateway_up a sip:10.0.0.1": 1, "list_entries dispatch.a ": 2,
		"dispatch_probes_total a ok": 0, "dispatch_calls a ": 0, "dispatch_gateway_full_total a sip:10.0.0.2": 0} {
		t.Run(name, func(t *testing.T) {
			if v, ok := got[name]; !ok || v != want {
				t.Errorf("%v %v, want %v", v, ok, want)
			}
		})
	}
}
