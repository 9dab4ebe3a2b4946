package acc_test

// This file tests records of calls, from the INVITE to each end.

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/acc"
	"github.com/sipscript/sipscript/modules/acc/cdr"
)

// All of a record of a call that was answered.
func TestAnsweredCall(t *testing.T) {
	w := newWorld(t, usual("", "10.0.0.3"))
	alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
	out := alice.Invite("sip:bob@example.com", phone.Spec{Headers: []proxy.HeaderEdit{{Name: "User-Agent", Values: []string{"Alice's \xffphone"}},
		{Name: "Diversion", Values: []string{"<sip:carol@example.com>;reason=unconditional, <sip:dave@example.com>"}}}})
	in := w.answer(out, bob)
	w.bye(out.Dialog(), proxy.HeaderEdit{Name: "Reason", Values: []string{`Q.850;cause=16`}})
	r := w.one()
	tags := [2]string{string(in.Msg.FromTag()), string(out.Final().ToTag())}
	for _, row := range []struct {
		name      string
		got, want any
	}{
		{"type", r.Type, cdr.Call}, {"call id", r.CallID, out.CallID()}, {"from", r.FromURI, "sip:alice@example.com"}, {"to", r.ToURI, "sip:bob@example.com"},
		{"tags", [2]string{r.FromTag, r.ToTag}, tags}, {"request", r.RequestURI, "sip:bob@example.com"}, {"source", r.Source, "udp:10.0.0.2:5060"},
		{"target", r.Target, "sip:bob@10.0.0.3:5060"}, {"agents", r.CalleeAgent, "Desk phone"}, {"diversion", r.Diversion, "sip:carol@example.com"},
		{"rang", r.Rang.Sub(r.Began.Time).Round(time.Second), 2 * time.Second}, {"answered", r.Answered.Sub(r.Rang.Time).Round(time.Second), time.Second},
		{"duration", r.Duration, r.Ended.Sub(r.Answered.Time).Seconds()}, {"fields", fmt.Sprint(r.Fields), "map[caller:alice site:berlin]"},
		{"brief", brief(r), "200 bye by caller, 10 s (Q.850;cause=16); 10.0.0.3 200"}, {"id", len(r.ID), 36}, {"version", r.ID[14], byte('7')},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.got != row.want {
				t.Errorf("%v, want %v", row.got, row.want)
			}
		})
	}
	if !utf8.ValidString(r.UserAgent) || !strings.HasPrefix(r.UserAgent, "Alice's ") {
		t.Errorf("%q", r.UserAgent)
	}
}

// Each end of a call, and its legs.
func TestEnds(t *testing.T) {
	for _, row := range []struct {
		name    string
		script  string
		play    func(w *world, alice, bob, carol *phone.Phone)
		want    string
		targets []string
	}{
		{name: "the callee hangs up", script: usual("", "10.0.0.3"), want: "200 bye by callee, 10 s; 10.0.0.3 200", play: func(w *world, alice, bob, _ *phone.Phone) {
			_, in := w.talk(alice, bob)
			w.bye(in.Dialog())
		}},
		{name: "busy", script: usual("", "10.0.0.3"), want: "486 busy by callee, 0 s (Busy Here); 10.0.0.3 486", play: func(w *world, alice, bob, _ *phone.Phone) {
			out := alice.Invite("sip:bob@example.com", phone.Spec{})
			w.Reply(w.Came(bob, "INVITE"), 486)
			w.Answered(out, 486)
		}},
		{name: "cancelled", script: usual("", "10.0.0.3"), want: "487 cancelled by caller, 0 s; 10.0.0.3 487", play: func(w *world, alice, bob, _ *phone.Phone) {
			out := alice.Invite("sip:bob@example.com", phone.Spec{})
			w.Reply(w.Came(bob, "INVITE"), 180)
			w.Answered(out, 180)
			if err := out.Cancel(nil); err != nil {
				w.t.Fatal(err)
			}
			w.Answered(out, 487)
		}},
		{name: "nobody answers", script: usual("ring_timeout = 5", "10.0.0.3"), want: "408 timeout by server, 0 s (Request Timeout); 10.0.0.3 408 timeout", play: func(w *world, alice, bob, _ *phone.Phone) {
			out := alice.Invite("sip:bob@example.com", phone.Spec{})
			w.Reply(w.Came(bob, "INVITE"), 180)
			w.Answered(out, 408)
		}},
		{name: "nobody is there", script: usual("", "10.0.0.9"), want: "408 timeout by server, 0 s (Request Timeout); 10.0.0.9 408 timeout", play: func(w *world, alice, _, _ *phone.Phone) {
			w.Answered(alice.Invite("sip:bob@example.com", phone.Spec{}), 408)
		}},
		{name: "failover, then voicemail", want: "200 bye by caller, 10 s; 10.0.0.3 503; 10.0.0.3 486; 10.0.0.4 200", script: begin + `
function route(req)
  if req.in_dialog then return req:relay() end
  acc.record(req)
  req:relay("sip:bob@10.0.0.3:5060", { on_failure = function(res)
    req:relay("sip:bob@10.0.0.3:5060", { on_failure = function() req:relay("sip:bob@10.0.0.4:5060") end })
  end })
end`, play: func(w *world, alice, bob, carol *phone.Phone) {
			out := alice.Invite("sip:bob@example.com", phone.Spec{})
			w.Reply(w.Came(bob, "INVITE"), 503)
			w.Reply(w.Came(bob, "INVITE"), 486)
			w.answer(out, carol)
			w.bye(out.Dialog())
		}},
		{name: "two ring, one answers", script: usual("", "10.0.0.3", "10.0.0.4"), want: "200 bye by caller, 10 s; 10.0.0.3 487; 10.0.0.4 200", play: func(w *world, alice, bob, carol *phone.Phone) {
			out := alice.Invite("sip:bob@example.com", phone.Spec{})
			w.Reply(w.Came(bob, "INVITE"), 180)
			w.answer(out, carol)
			w.bye(out.Dialog())
		}},
		{name: "redirected", script: usual("", "10.0.0.3"), want: "302 redirected by callee, 0 s (Moved Temporarily); 10.0.0.3 302", play: func(w *world, alice, bob, _ *phone.Phone) {
			out := alice.Invite("sip:bob@example.com", phone.Spec{})
			w.Reply(w.Came(bob, "INVITE"), 302, proxy.HeaderEdit{Name: "Contact", Values: []string{"<sip:carol@10.0.0.4>, <sip:dave@10.0.0.5>"}})
			w.Answered(out, 302)
		}},
		{name: "the script answers", want: "404 rejected by server, 0 s", script: begin + `function route(req) acc.record(req) req:reply(404) end`, play: func(w *world, alice, _, _ *phone.Phone) {
			w.Answered(alice.Invite("sip:bob@example.com", phone.Spec{}), 404)
		}},
		{name: "the script fails", want: "500 rejected by server, 0 s", script: begin + `function route(req) acc.record(req) error("oh") end`, play: func(w *world, alice, _, _ *phone.Phone) {
			w.Answered(alice.Invite("sip:bob@example.com", phone.Spec{}), 500)
		}},
		{name: "the BYE is challenged", want: "200 bye by caller, 20 s; 10.0.0.3 200", script: begin + `
local challenged = false
function route(req)
  if req.method == "BYE" and not challenged then challenged = true return req:reply(407) end
  acc.record(req)
  if req.in_dialog then req:relay() else req:relay("sip:bob@10.0.0.3:5060") end
end`, play: func(w *world, alice, bob, _ *phone.Phone) {
			out, _ := w.talk(alice, bob)
			w.Run(10 * time.Second)
			w.Answered(out.Dialog().Send(phone.Spec{Method: "BYE"}), 407)
			w.bye(out.Dialog(), proxy.HeaderEdit{Name: "Subject", Values: []string{"now"}})
		}},
		{name: "a tracked call is hung up", want: "200 hung up by server, 10 s; 10.0.0.3 200", script: begin + `
function route(req)
  if req.method == "MESSAGE" then dialog.list()[1]:hang_up() return req:reply(200) end
  if req.in_dialog then return req:relay() end
  acc.record(req)
  dialog.track(req)
  req:relay("sip:bob@10.0.0.3:5060")
end`, play: func(w *world, alice, bob, _ *phone.Phone) {
			w.talk(alice, bob)
			w.Run(10 * time.Second)
			w.Answered(alice.Send(phone.Spec{Method: "MESSAGE", URI: "sip:x@example.com"}), 200)
		}},
		{name: "a tracked call lasts too long", want: "200 max_duration by server, 60 s; 10.0.0.3 200", script: begin + `
function route(req)
  if req.in_dialog then return req:relay() end
  dialog.track(req, { max_duration = 60 })
  acc.record(req)
  req:relay("sip:bob@10.0.0.3:5060")
end`, play: func(w *world, alice, bob, _ *phone.Phone) {
			w.talk(alice, bob)
			w.Run(61 * time.Second)
		}},
		{name: "a tracked call is hung up before the answer", want: "480 hung up by server, 0 s; 10.0.0.3 487", script: begin + `
function route(req)
  if req.method == "MESSAGE" then dialog.list()[1]:hang_up() return req:reply(200) end
  dialog.track(req)
  acc.record(req)
  req:relay("sip:bob@10.0.0.3:5060")
end`, play: func(w *world, alice, bob, _ *phone.Phone) {
			out := alice.Invite("sip:bob@example.com", phone.Spec{})
			w.Reply(w.Came(bob, "INVITE"), 180)
			w.Answered(alice.Send(phone.Spec{Method: "MESSAGE", URI: "sip:x@example.com"}), 200)
			w.Answered(out, 480)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, row.script)
			row.play(w, w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3"), w.Phone("carol", "10.0.0.4"))
			if got := brief(w.one()); got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
}

// What the script drops was never a call, however often it is sent.
func TestDropped(t *testing.T) {
	w := newWorld(t, begin+`function route(req) acc.record(req) req:drop() end`)
	w.Phone("alice", "10.0.0.2").Invite("sip:bob@example.com", phone.Spec{})
	w.Run(time.Minute)
	if len(w.records) != 0 {
		t.Errorf("%d records", len(w.records))
	}
}

// A call has one record, however often record is called, with the fields of all calls.
func TestFields(t *testing.T) {
	w := newWorld(t, begin+`
function route(req)
  if req.in_dialog then
    acc.record(req, { ["end"] = req.method })
    if req.method == "INFO" then acc.event(req, "info", { n = 1 }) end
    return req:relay()
  end
  acc.record(req, { a = 1, b = "x", caller = "other" })
  acc.record(req, { b = true })
  acc.set(req, { c = "y" })
  req:relay({ "sip:bob@10.0.0.4:5060", "sip:bob@10.0.0.3:5060" }, { order = "serial",
    on_branch = function(branch) acc.set(branch, { carrier = branch.ruri.host }) end,
    on_response = function(res) acc.set(req, { code = res.code }) end })
end`)
	alice, bob, carol := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3"), w.Phone("carol", "10.0.0.4")
	out := alice.Invite("sip:bob@example.com", phone.Spec{})
	w.Reply(w.Came(carol, "INVITE"), 500)
	in := w.answer(out, bob)
	info := in.Dialog().Send(phone.Spec{Method: "INFO"})
	w.Reply(w.Came(alice, "INFO"), 200)
	w.Answered(info, 200)
	w.bye(out.Dialog())
	w.Run(time.Minute)
	if len(w.records) != 2 {
		t.Fatalf("%d records", len(w.records))
	}
	e, r := w.records[0], w.records[1]
	if e.Type != cdr.Event || e.Event != "info" || e.Call != r.ID || fmt.Sprint(e.Fields) != "map[n:1]" || e.ID == r.ID || e.FromURI != "sip:bob@example.com" {
		t.Errorf("%+v", e)
	}
	if got := fmt.Sprint(r.Fields, r.Legs[0].Fields, r.Legs[1].Fields); got != "map[a:1 b:true c:y caller:other code:200 end:BYE site:berlin] map[carrier:10.0.0.4] map[carrier:10.0.0.3]" {
		t.Error(got)
	}
}

// With every_leg, each leg has a record before that of its call.
func TestEveryLeg(t *testing.T) {
	w := newWorld(t, strings.Replace(usual(`order = "serial"`, "10.0.0.4", "10.0.0.3"), "to = {", "every_leg = true, node = \"n1\", to = {", 1))
	alice, bob, carol := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3"), w.Phone("carol", "10.0.0.4")
	out := alice.Invite("sip:bob@example.com", phone.Spec{})
	w.Reply(w.Came(carol, "INVITE"), 503)
	w.answer(out, bob)
	w.bye(out.Dialog())
	w.Run(time.Minute)
	var got []string
	for _, r := range w.records {
		got = append(got, fmt.Sprintf("%s %s %s %s %v %s", r.Type, strings.TrimPrefix(r.ID, w.records[len(w.records)-1].ID), r.Target, brief(r), !r.Answered.IsZero(), r.Node))
	}
	want := "leg -1 sip:bob@10.0.0.4:5060 503  by , 0 s (Service Unavailable) false n1|leg -2 sip:bob@10.0.0.3:5060 200 bye by caller, 10 s true n1|" +
		"call  sip:bob@10.0.0.3:5060 200 bye by caller, 10 s; 10.0.0.4 503; 10.0.0.3 200 true n1"
	if strings.Join(got, "|") != want {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "|"), want)
	}
}

// A call whose BYE never comes has its record after max_duration.
func TestLostCall(t *testing.T) {
	w := newWorld(t, strings.Replace(usual("", "10.0.0.3"), "to = {", "max_duration = 300, to = {", 1))
	w.talk(w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3"))
	w.Run(4 * time.Minute)
	if len(w.records) != 0 {
		t.Errorf("%d records", len(w.records))
	}
	w.Run(3 * time.Minute)
	if r := w.one(); r.Cause != acc.CauseLost || r.EndedBy != "" {
		t.Error(brief(r))
	}
}

// A call that is in progress when the process is killed is known to the next one, and has its
// record, with the same id.
func TestAfterKill(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "cdr.jsonl")
	log := slog.New(slog.DiscardHandler)
	killed := acc.New(acc.Options{Log: log, Data: dir})
	w := &world{t: t, World: luabindtest.New(t, strings.Replace(strings.Replace(usual("", "10.0.0.3"), "json:unused", "json:"+file, 1), `, dialog = require "acc", require "dialog"`, ` = require "acc"`, 1),
		luabindtest.Modules(killed))}
	alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
	w.talk(alice, bob)
	out := alice.Invite("sip:bob@example.com", phone.Spec{})
	w.answer(out, bob)
	w.bye(out.Dialog())
	ringing := alice.Invite("sip:bob@example.com", phone.Spec{})
	w.Reply(w.Came(bob, "INVITE"), 180)
	w.Answered(ringing, 180)
	if err := killed.Close(); err != nil { // which writes nothing of calls in progress
		t.Error(err)
	}
	second := acc.New(acc.Options{Log: log, Data: dir})
	if err := second.Use(policyOf(file), nil); err != nil {
		t.Fatal(err)
	}
	if err := second.Attach(w.Engine); err != nil {
		t.Fatal(err)
	}
	w.Run(13 * time.Hour)
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var causes []string
	for line := range strings.Lines(string(text)) {
		r, err := cdr.Read([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		causes = append(causes, r.Cause+" "+r.CalleeAgent+" "+fmt.Sprint(r.Fields))
	}
	if got := strings.Join(causes, ", "); got != "bye Desk phone map[caller:alice site:berlin], lost  map[caller:alice site:berlin], lost Desk phone map[caller:alice site:berlin]" {
		t.Error(got)
	}
}

func policyOf(file string) acc.Policy {
	p := acc.DefaultPolicy()
	p.To = []string{"json:" + file}
	return p
}

// A reload that names other destinations: those that stay go on, a new one begins, one that is gone
// ends.
func TestOtherDestinations(t *testing.T) {
	dir := t.TempDir()
	a := acc.New(acc.Options{Log: slog.New(slog.DiscardHandler), Data: dir})
	use := func(names ...string) {
		t.Helper()
		p := acc.DefaultPolicy()
		for _, n := range names {
			p.To = append(p.To, "json:"+filepath.Join(dir, n))
		}
		if err := a.Use(p, nil); err != nil {
			t.Fatal(err)
		}
	}
	use("a", "b")
	use("b", "c")
	var got []string
	for _, f := range a.Destinations() {
		got = append(got, filepath.Base(f.Name))
	}
	if strings.Join(got, " ") != "b c" {
		t.Error(got)
	}
	p := acc.DefaultPolicy()
	p.To = []string{"postgres://sip@db/cdr"}
	if err := a.Use(p, nil); err == nil || len(a.Destinations()) != 2 {
		t.Errorf("without drivers: %v, %v", err, a.Destinations())
	}
	metrics := map[string]bool{}
	for _, m := range a.Metrics() {
		metrics[m.Name+m.Labels["destination"]] = true
		_ = m.Value()
	}
	if !metrics["acc_calls"] || !metrics["acc_waitingjson:"+filepath.Join(dir, "c")] {
		t.Errorf("%v", metrics)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}
