package acc_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/acc"
	"github.com/sipscript/sipscript/modules/acc/cdr"
	"github.com/sipscript/sipscript/modules/b2b"
)

// A call of this server's own has one record, with all its legs, when the last has ended.
func TestRecordOfLegs(t *testing.T) {
	const talk = `
  local b, res = a:dial(bob)
  if not b then return a:reject(res) end
  acc.set(b, { carrier = "x" })
  a:bridge(b)`
	bye := func(w *legWorld, p *phone.Phone) { w.dialogs[p].Send(phone.Spec{Method: "BYE"}) }
	for _, c := range []struct {
		name, script string
		bob, carol   int // what they answer; 0: nothing
		then         func(w *legWorld)
		by, cause    string
		code         int
		duration     float64
		target       string
		legs         string
	}{
		{"the caller hangs up", talk, 200, 0, func(w *legWorld) { bye(w, w.alice) }, "caller", "bye", 200, 5, "bob", "bob 200  map[carrier:x]"},
		{"the callee hangs up", talk, 200, 0, func(w *legWorld) { bye(w, w.bob) }, "callee", "bye", 200, 5, "bob", "bob 200  map[carrier:x]"},
		{"the server hangs up", talk, 200, 0, func(w *legWorld) { w.m.EndCalls() }, "server", "shutdown", 200, 5, "bob", "bob 200  map[carrier:x]"},
		{"busy", talk, 486, 0, nil, "callee", "busy", 486, 0, "bob", "bob 486  map[]"},
		{"the caller gives up", talk, 180, 0, func(w *legWorld) { _ = w.out.Cancel(nil) }, "caller", "cancelled", 487, 0, "bob", "bob 487 cancelled map[]"},
		{"refused by the script", "\n  a:reject(403)", 0, 0, nil, "server", "rejected", 403, 0, "", ""},
		{"the second answers", `
  local b = a:dial(bob) or a:dial(carol)
  a:bridge(b)`, 486, 200, func(w *legWorld) { bye(w, w.carol) }, "callee", "bye", 200, 5, "carol", "bob 486  map[], carol 200  map[]"},
		{"a transfer", `
  local b = a:dial(bob)
  a:join(b)
  sip.sleep(2)
  a:transfer(carol)`, 200, 200, func(w *legWorld) { bye(w, w.alice) }, "caller", "bye", 200, 5, "bob", "bob 200  map[], carol 200  map[transfer:true]"},
		{"a transfer, and its target hangs up", `
  local b = a:dial(bob)
  a:join(b)
  sip.sleep(2)
  a:transfer(carol)`, 200, 200, func(w *legWorld) { bye(w, w.carol) }, "callee", "bye", 200, 5, "bob", "bob 200  map[], carol 200  map[transfer:true]"},
		{"the longest time", `
  local b = a:dial(bob, { max_duration = 3 })
  a:bridge(b)`, 200, 0, nil, "server", "max_duration", 200, 3, "bob", "bob 200  map[]"},
	} {
		for _, begin := range []string{`
  local a = b2b.incoming(req)
  acc.record(a, { customer = "6" })
  acc.record(a, { customer = "7" })`, `
  acc.record(req, { customer = "6" })
  local a = b2b.incoming(req)
  acc.record(a, { customer = "7" })`, `
  acc.record(req, { customer = "6" })
  local a = b2b.incoming(req)
  acc.set(req, { customer = "7" })`} {
			t.Run(c.name, func(t *testing.T) {
				w := newLegWorld(t, begin+c.script)
				w.answers = map[*phone.Phone]int{w.bob: c.bob, w.carol: c.carol}
				w.out = w.alice.Invite("sip:someone@example.com", phone.Spec{Media: phone.Media{Own: true}})
				w.settle(5 * time.Second)
				if c.then != nil {
					if len(w.records) != 0 {
						t.Fatalf("%d records before the end", len(w.records))
					}
					if d := w.out.Dialog(); d != nil {
						w.dialogs[w.alice] = d
					}
					c.then(w)
				}
				w.settle(70 * time.Second)
				if len(w.records) != 1 || w.m.Calls() != 0 {
					t.Fatalf("%d records, %d legs", len(w.records), w.m.Calls())
				}
				r := w.records[0]
				legs := ""
				for i, l := range r.Legs {
					if i > 0 {
						legs += ", "
					}
					legs += fmt.Sprintf("%s %d %s %v", l.Target[4:len(l.Target)-len("@10.0.0.0:5060")], l.Code, l.Cause, l.Fields)
				}
				if r.EndedBy != c.by || r.Cause != c.cause || r.Code != c.code || legs != c.legs || r.Fields["site"] != "berlin" || r.Fields["customer"] != "7" || r.FromURI == "" || r.Source == "" {
					t.Errorf("ended by %q, %q, code %d, legs %s\n%+v", r.EndedBy, r.Cause, r.Code, legs, r)
				}
				if d := r.Duration; d < c.duration-0.5 || d > c.duration+0.5 {
					t.Errorf("it lasted %v s", d)
				}
				if c.target != "" && r.Target[4:4+len(c.target)] != c.target {
					t.Errorf("the target is %s", r.Target)
				}
			})
		}
	}
}

// legWorld is a server of calls of its own.
type legWorld struct {
	*luabindtest.World
	m                 *b2b.B2B
	records           []*cdr.Record
	alice, bob, carol *phone.Phone
	answers           map[*phone.Phone]int
	dialogs           map[*phone.Phone]*phone.Dialog
	out               *phone.Outgoing
}

func newLegWorld(t *testing.T, script string) *legWorld {
	t.Helper()
	w := &legWorld{m: b2b.New(), dialogs: map[*phone.Phone]*phone.Dialog{}}
	a := acc.New(acc.Options{Log: slog.New(slog.DiscardHandler), Record: func(text []byte) {
		r, err := cdr.Read(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			return
		}
		w.records = append(w.records, r)
	}})
	w.World = luabindtest.New(t, `
local b2b, acc = require "b2b", require "acc"
acc.configure({ to = { "json:unused" }, fields = { site = "berlin" } })
local bob, carol = "sip:bob@10.0.0.3:5060", "sip:carol@10.0.0.4:5060"
function route(req)`+script+"\nend", luabindtest.Modules(w.m, a))
	w.Ladder()
	w.alice, w.bob, w.carol = w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3"), w.Phone("carol", "10.0.0.4")
	return w
}

// settle answers what the phones are asked, for so long.
func (w *legWorld) settle(long time.Duration) {
	for range long / (100 * time.Millisecond) {
		w.Run(100 * time.Millisecond)
		for _, p := range []*phone.Phone{w.alice, w.bob, w.carol} {
			for _, i := range p.Inbox() {
				if i.Answered() != 0 || i.Method() == "ACK" || i.Method() == "CANCEL" {
					continue
				}
				code := 200
				if i.Method() == "INVITE" && p != w.alice && w.dialogs[p] == nil {
					code = w.answers[p]
				}
				if code > 0 && (code != 180 || long < time.Minute) {
					_ = i.Reply(code, phone.Reply{Media: phone.Media{Own: i.Method() == "INVITE" && code == 200}})
					if code == 200 && w.dialogs[p] == nil {
						w.dialogs[p] = i.Dialog()
					}
				}
			}
		}
	}
}
