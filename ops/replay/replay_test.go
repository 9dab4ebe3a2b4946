package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/ring"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transport"
)

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// text is a request of a phone at 10.0.1.7.
func text(method, id string, more ...string) string {
	return fmt.Sprintf("%s sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.1.7:5060;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=%s\r\n"+
		"To: <sip:bob@example.com>\r\nCall-ID: %s\r\nCSeq: 1 %s\r\nContact: <sip:alice@10.0.1.7>\r\n%sContent-Length: 0\r\n\r\n", method, id, id, id, method, strings.Join(more, ""))
}

// material are requests that were answered with a code.
func material(n int, method string) *Material {
	m := &Material{Domains: []string{"example.com"}, Listen: []string{"udp:10.0.0.1:5060", "tcp:10.0.0.1:5060"}}
	for i := range n {
		id := fmt.Sprint("call", i)
		m.Requests = append(m.Requests, Request{CallID: id, At: began.Add(time.Duration(i) * time.Second), Transport: "udp", Source: "10.0.1.7:5060", Local: "10.0.0.1:5060",
			Text: []byte(text(method, id)), Then: Decision{Code: 200}})
	}
	return m
}

func code(text string) Code { return Code{Text: text, Name: "route.lua"} }

// replayed is the report of two scripts about ten calls.
func replayed(t *testing.T, m *Material, old, next string) *Report {
	t.Helper()
	r, err := Run(t.Context(), m, code(old), code(next), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const relays = `function route(req) req:record_route() req:relay("sip:a@10.0.2.1") end`

func TestDifferences(t *testing.T) {
	for _, row := range []struct {
		name     string
		old, new string
		kinds    []Kind // of the only row; nil: there is no difference
		want     string // in the text of the report
	}{
		{"the same script", relays, relays, nil, "10 compared: 10 are decided alike"},
		{"its lines have moved", relays, "\n\n" + relays, nil, "10 are decided alike"},
		{"another target", relays, strings.ReplaceAll(relays, "10.0.2.1", "10.0.2.2"), []Kind{Targets}, "→ sip:a@10.0.2.2"},
		{"another order", `function route(req) req:relay({ "sip:a@10.0.2.1", "sip:b@10.0.2.2" }) end`, `function route(req) req:relay({ "sip:b@10.0.2.2", "sip:a@10.0.2.1" }) end`, []Kind{Targets}, "sip:b@10.0.2.2, sip:a@10.0.2.1"},
		{"a script error", relays, `function route(req) req:relay(nil .. "x") end`, []Kind{Errors, Refused, Codes, Targets}, "→ route.lua:1: attempt to concat"},
		{"a reply instead of a relay", relays, `function route(req) req:reply(603) end`, []Kind{Refused, Codes, Targets}, "answered 603"},
		{"nothing instead of a relay", relays, `function route(req) req:drop() end`, []Kind{Refused, Codes, Targets}, "no answer"},
		{"another code", `function route(req) req:reply(404) end`, `function route(req) req:reply(480) end`, []Kind{Codes}, "→ 480"},
		{"another reason", `function route(req) req:reply(404) end`, `function route(req) req:reply(404, "Gone Away") end`, []Kind{Headers}, "reason: Gone Away"},
		{"no record-route", relays, `function route(req) req:relay("sip:a@10.0.2.1") end`, []Kind{RecordRoute}, "record-route  yes"},
		{"a header more", relays, `function route(req) req:record_route() req:set_header("X-Account", "7") req:relay("sip:a@10.0.2.1") end`, []Kind{Headers}, "x-account: 7"},
		{"a header less", relays, `function route(req) req:record_route() req:remove_header("Contact") req:relay("sip:a@10.0.2.1") end`, []Kind{Headers}, "without contact"},
		{"a name", `function route(req) req:relay("sip:a@carrier.example") end`, `function route(req) req:relay("sip:a@carrier.example") end`, nil, "10 are decided alike"},
		{"an error within calls", relays, strings.Replace(relays, "(req)", `(req) if req.method == "BYE" then error("oops") end`, 1), []Kind{Errors}, "oops"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := replayed(t, material(10, "INVITE"), row.old, row.new)
			if text := r.Text(); !strings.Contains(text, row.want) {
				t.Errorf("%q is not in\n%s", row.want, text)
			}
			if row.kinds == nil {
				if len(r.Rows) > 0 || r.Same != 10 {
					t.Errorf("%+v", r)
				}
				return
			}
			if len(r.Rows) != 1 || r.Rows[0].Count != 10 || r.Same != 0 {
				t.Fatalf("%d rows: %s", len(r.Rows), r.Text())
			}
			var got []Kind
			for _, d := range r.Rows[0].Differences {
				got = append(got, d.Kind)
			}
			if !slices.Equal(got, row.kinds) {
				t.Errorf("%v, want %v", got, row.kinds)
			}
		})
	}
}

// A thousand requests take bounded time, and those that differ alike are one row.
func TestThousandRequests(t *testing.T) {
	m := material(1000, "INVITE")
	began := time.Now()
	r := replayed(t, m, relays, `function route(req) if tonumber(req.call_id:match("%d+$")) % 2 == 0 then return req:reply(486) end `+relays[len("function route(req)"):])
	if len(r.Rows) != 1 || r.Rows[0].Count != 500 || r.Same != 500 {
		t.Errorf("%s", r.Text())
	}
	t.Logf("%v", time.Since(began))
}

func TestRules(t *testing.T) {
	for _, row := range []struct {
		rules, new string
		passed     bool
		why        string
	}{
		{DefaultRules, relays, true, ""},
		{DefaultRules, strings.ReplaceAll(relays, "10.0.2.1", "10.0.2.2"), true, ""},
		{"targets", strings.ReplaceAll(relays, "10.0.2.1", "10.0.2.2"), false, "targets: 10 of 10 requests differ, and 0 may"},
		{"targets=10", strings.ReplaceAll(relays, "10.0.2.1", "10.0.2.2"), true, ""},
		{"targets=9", strings.ReplaceAll(relays, "10.0.2.1", "10.0.2.2"), false, "9 may"},
		{"any=50%", strings.ReplaceAll(relays, "10.0.2.1", "10.0.2.2"), false, "5 may"},
		{"any=100%", strings.ReplaceAll(relays, "10.0.2.1", "10.0.2.2"), true, ""},
		{DefaultRules, `function route(req) error("oops") end`, false, "errors: 10 of 10"},
		{"refused", `function route(req) req:reply(403) end`, false, "refused: 10 of 10"},
		{"codes,headers", strings.Replace(relays, "(req)", `(req) req:set_header("X-A", "1")`, 1), false, "headers: 10 of 10"},
	} {
		t.Run(row.rules+" "+row.why, func(t *testing.T) {
			rules, err := ReadRules(row.rules)
			if err != nil {
				t.Fatal(err)
			}
			g := replayed(t, material(10, "INVITE"), relays, row.new).Judge(rules)
			if g.Passed != row.passed || !strings.Contains(strings.Join(g.Why, "\n"), row.why) {
				t.Errorf("%+v", g)
			}
		})
	}
	for text, want := range map[string]string{"": "is not a rule", "target": "is not a rule", "codes=x": "expected how many", "codes=-1": "expected how many", "codes=101%": "expected a share", "codes,codes=1": "given twice"} {
		t.Run("wrong: "+text, func(t *testing.T) {
			if _, err := ReadRules(text); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
}

// A gate that has seen nothing stays shut.
func TestNothingComparedIsNotEnough(t *testing.T) {
	if g := replayed(t, material(0, ""), relays, relays).Judge(nil); g.Passed || !strings.Contains(g.Why[0], "no request could be compared") {
		t.Errorf("%+v", g)
	}
}

// A script that does not start is its author's affair; one that never ends is stopped.
func TestScriptsThatDoNotRun(t *testing.T) {
	for _, row := range []struct{ name, old, new, want string }{
		{"the new one", relays, "function", "route.lua: syntax error"},
		{"the old one", "function", relays, "the script that serves cannot be run here: "},
		{"no route", relays, "local x = 1", "defines no function route"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := Run(t.Context(), material(1, "INVITE"), code(row.old), code(row.new), Options{})
			var load *LoadError
			if !errors.As(err, &load) || load.New != (row.name != "the old one") || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("its time is over", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		_, err := Run(ctx, material(10, "INVITE"), code(relays), code(relays), Options{Progress: func(int, int) {
			if n++; n == 3 {
				cancel()
			}
		}})
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "3 of 10 requests") {
			t.Errorf("%v", err)
		}
	})
	t.Run("a handler without an end", func(t *testing.T) {
		r, err := Run(t.Context(), material(2, "OPTIONS"), code(relays), code("function route(req) while true do end end"), Options{Budget: 10 * time.Millisecond})
		if err != nil || r.Kinds[Errors] != 2 {
			t.Errorf("%+v %v", r, err)
		}
	})
}

// fed is a ring with messages and steps.
type fed struct {
	t    *testing.T
	ring *ring.Ring
	o    engine.Observer
	w    *sim.World
}

func feed(t *testing.T) *fed {
	f := &fed{t: t, ring: ring.New(ring.Options{}), w: sim.New(1)}
	f.o = f.ring.Observe(lane.New(0, lane.Options{Clock: f.w}))
	return f
}

func (f *fed) message(sent bool, peer, text string) {
	f.w.Run(time.Millisecond)
	f.o.Message(&engine.Observed{Bytes: []byte(text), At: f.w.Now(), Sent: sent, Kind: transport.UDP, Peer: addr(peer), Local: &transport.Local{Addr: addr("10.0.0.1:5060")}})
}

func (f *fed) step(id string, cseq uint32, function, place, answer string, decides bool) {
	f.o.Step(&engine.ObservedStep{At: f.w.Now(), CallID: []byte(id), CSeq: cseq, Function: function, Place: place, Answer: answer, Decides: decides})
}
