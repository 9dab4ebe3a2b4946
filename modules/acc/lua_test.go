package acc_test

import (
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/acc"
)

// What is wrong with a file is said when it is loaded.
func TestConfigureRefuses(t *testing.T) {
	for _, row := range []struct{ name, options, want string }{
		{"nothing", ``, "to"},
		{"no destination", `to = {}`, "to is empty"},
		{"an unknown one", `to = { "ftp://x" }`, "is not a destination"},
		{"no path", `to = { "json:" }`, "is not a destination"},
		{"a password", `to = { "nosql://u:hidden@h" }`, "nosql://u:xxxxx@h"},
		{"twice", `to = { "json:a", "json:a" }`, "named twice"},
		{"a field's name", `to = { "json:a" }, fields = { [""] = "x" }`, "names have"},
		{"a field's value", `to = { "json:a" }, fields = { x = {} }`, "must be a text"},
		{"a layout", `to = { "json:a" }, layout = "radius"`, "layout"},
		{"an option", `to = { "json:a" }, spol = {}`, "spol"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := luabindtest.Try(t, "require('acc').configure({ "+row.options+" }) function route() end", luabindtest.Modules(acc.New(acc.Options{})))
			if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
}

// Misuse raises an error.
func TestMisuse(t *testing.T) {
	for _, row := range []struct{ name, method, handler, want string }{
		{"another method", "MESSAGE", `acc.record(req)`, "record is for an INVITE"},
		{"a field's value", "INVITE", `acc.record(req, { x = {} })`, "must be a text"},
		{"fields", "INVITE", `acc.record(req, "x")`, "fields must be a table"},
		{"a response", "INVITE", `acc.record(req) acc.set(req:fork("sip:bob@10.0.0.9:5060"), {})`, "request or a branch"},
		{"a function that fails", "INVITE", `req.vars.fail = true acc.record(req)`, "oh no"},
		{"a function's result", "INVITE", `req.vars.wrong = true acc.record(req)`, "must be a text"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, `
acc = require "acc"
acc.configure({ to = { "json:unused" }, fields = { x = function(req) if req.vars.fail then error("oh no") end if req.vars.wrong then return {} end end } })
function route(req) `+row.handler+` end`)
			alice := w.Phone("alice", "10.0.0.2")
			out := alice.Send(phone.Spec{Method: row.method, URI: "sip:bob@example.com", Contact: true})
			w.Answered(out, 500)
			if !strings.Contains(w.Log(), row.want) {
				t.Errorf("%s, want %q", w.Log(), row.want)
			}
		})
	}
	t.Run("without configure", func(t *testing.T) {
		w := newWorld(t, `acc = require "acc" function route(req) acc.record(req) end`)
		w.Answered(w.Phone("alice", "10.0.0.2").Invite("sip:bob@example.com", phone.Spec{}), 500)
		if !strings.Contains(w.Log(), "says where records go") {
			t.Error(w.Log())
		}
	})
}

// What has no record is left alone.
func TestNoRecord(t *testing.T) {
	w := newWorld(t, begin+`
function route(req)
  acc.set(req, { a = 1 })
  if req.in_dialog then acc.record(req) return req:relay() end
  req:record_route()
  req:relay("sip:bob@10.0.0.3:5060", { on_branch = function(branch) acc.set(branch, { b = 1 }) end })
end`)
	out, _ := w.talk(w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3"))
	w.bye(out.Dialog())
	if len(w.records) != 0 {
		t.Errorf("%+v", w.records[0])
	}
}
