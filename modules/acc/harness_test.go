package acc_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/acc"
	"github.com/sipscript/sipscript/modules/acc/cdr"
	"github.com/sipscript/sipscript/modules/dialog"
)

// world is a server whose script records calls, and phones at 10.0.0.x.
type world struct {
	*luabindtest.World
	t       *testing.T
	a       *acc.Accounts
	records []*cdr.Record
}

// begin is the start of each script.
const begin = `
acc, dialog = require "acc", require "dialog"
acc.configure({ to = { "json:unused" }, fields = { site = "berlin", caller = function(req) return req.from.uri.user end } })
`

// usual records all calls, and relays them to phones: "10.0.0.3" and so on.
func usual(relay string, targets ...string) string {
	var list []string
	for _, t := range targets {
		list = append(list, fmt.Sprintf("%q", "sip:bob@"+t+":5060"))
	}
	return begin + fmt.Sprintf(`
function route(req)
  if not req.in_dialog then acc.record(req) end
  if req.in_dialog then return req:relay() end
  req:relay({ %s }, { %s })
end`, strings.Join(list, ", "), relay)
}

func newWorld(t *testing.T, script string, options ...luabindtest.Option) *world {
	t.Helper()
	w := &world{t: t}
	log := slog.New(slog.DiscardHandler)
	d := luabindtest.Must(dialog.New(dialog.Options{Log: log}))
	w.a = acc.New(acc.Options{Log: log, Dialogs: d, Record: func(text []byte) {
		r, err := cdr.Read(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			return
		}
		w.records = append(w.records, r)
	}})
	w.World = luabindtest.New(t, script, append(options, luabindtest.Modules(d, w.a))...)
	w.Ladder()
	return w
}

// manual has a phone answer nothing by itself.
func manual(o *phone.Options) { o.Manual = true }

// talk has a answered by b after 3 s, 1 s after it rang.
func (w *world) talk(a, b *phone.Phone) (out *phone.Outgoing, in *phone.Incoming) {
	w.t.Helper()
	out = a.Invite("sip:bob@example.com", phone.Spec{})
	return out, w.answer(out, b)
}

func (w *world) answer(out *phone.Outgoing, b *phone.Phone) *phone.Incoming {
	w.t.Helper()
	in := w.Came(b, "INVITE")
	w.Run(2 * time.Second)
	w.Reply(in, 180)
	w.Run(time.Second)
	w.Reply(in, 200, proxy.HeaderEdit{Name: "User-Agent", Values: []string{"Desk phone"}})
	w.Answered(out, 200)
	w.Came(b, "ACK")
	return in
}

// bye has one hang up after 10 s; phones answer by themselves.
func (w *world) bye(from *phone.Dialog, headers ...proxy.HeaderEdit) {
	w.t.Helper()
	w.Run(10 * time.Second)
	w.Answered(from.Send(phone.Spec{Method: "BYE", Headers: headers}), 200)
}

// one is the only record so far.
func (w *world) one() *cdr.Record {
	w.t.Helper()
	w.Run(40 * time.Second)
	if len(w.records) != 1 {
		w.t.Fatalf("%d records", len(w.records))
	}
	return w.records[0]
}

// brief is what matters of a record, and of its legs.
func brief(r *cdr.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s by %s, %.0f s", r.Code, r.Cause, r.EndedBy, r.Duration)
	if r.Reason != "" {
		fmt.Fprintf(&b, " (%s)", r.Reason)
	}
	for _, l := range r.Legs {
		fmt.Fprintf(&b, "; %s %d", strings.TrimSuffix(strings.TrimPrefix(l.Target, "sip:bob@"), ":5060"), l.Code)
		if l.Cause != "" {
			b.WriteString(" " + l.Cause)
		}
	}
	return b.String()
}
