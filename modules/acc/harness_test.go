package acc_test

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/engine/transport"
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
	ladder  []string
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
	w.Sim.Trace(func(p sim.Packet) {
		line, _, _ := strings.Cut(string(p.Bytes), "\r\n")
		w.ladder = append(w.ladder, fmt.Sprintf("%10.3f  %s → %s  %s", w.Sim.Elapsed().Seconds(), p.From, p.To, line))
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("ladder:\n%s", strings.Join(w.ladder, "\n"))
		}
	})
	return w
}

// phone is one at an address.
func (w *world) phone(name, addr string) *phone.Phone { return w.newPhone(name, addr, false) }

// manual is one that answers nothing by itself.
func (w *world) manual(name, addr string) *phone.Phone { return w.newPhone(name, addr, true) }

func (w *world) newPhone(name, addr string, manual bool) *phone.Phone {
	w.t.Helper()
	p, err := phone.New(w.Sim, phone.Options{URI: "sip:" + name + "@example.com", Addr: netip.MustParseAddrPort(addr + ":5060"), Kind: transport.UDP,
		Proxy: netip.MustParseAddrPort(luabindtest.Addr), Manual: manual, Trouble: func(err error) { w.t.Errorf("%s: %v", name, err) }})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(p.Close)
	return p
}

// came waits for a request that nobody has looked at yet.
func (w *world) came(p *phone.Phone, method string) *phone.Incoming {
	w.t.Helper()
	var found *phone.Incoming
	if !w.Sim.RunUntil(300*time.Second, func() bool {
		for _, r := range p.Inbox() {
			if !r.Taken && r.Method() == method {
				found = r
				return true
			}
		}
		return false
	}) {
		w.t.Fatalf("%s: no %s\n%s", p.Name(), method, w.Log())
	}
	found.Taken = true
	return found
}

// answered waits for a response.
func (w *world) answered(o *phone.Outgoing, code int) *message.Message {
	w.t.Helper()
	var found *message.Message
	if !w.Sim.RunUntil(300*time.Second, func() bool {
		for _, a := range o.Answers {
			if !a.Taken && a.Msg.Status() == code {
				a.Taken, found = true, a.Msg
				return true
			}
		}
		return false
	}) {
		w.t.Fatalf("no %d to %s\n%s", code, o.Method(), w.Log())
	}
	return found
}

func (w *world) reply(r *phone.Incoming, code int, headers ...proxy.HeaderEdit) {
	w.t.Helper()
	if err := r.Reply(code, phone.Reply{Headers: headers}); err != nil {
		w.t.Fatal(err)
	}
}

// talk has a answered by b after 3 s, 1 s after it rang.
func (w *world) talk(a, b *phone.Phone) (out *phone.Outgoing, in *phone.Incoming) {
	w.t.Helper()
	out = a.Invite("sip:bob@example.com", phone.Spec{})
	return out, w.answer(out, b)
}

func (w *world) answer(out *phone.Outgoing, b *phone.Phone) *phone.Incoming {
	w.t.Helper()
	in := w.came(b, "INVITE")
	w.Run(2 * time.Second)
	w.reply(in, 180)
	w.Run(time.Second)
	w.reply(in, 200, proxy.HeaderEdit{Name: "User-Agent", Values: []string{"Desk phone"}})
	w.answered(out, 200)
	w.came(b, "ACK")
	return in
}

// bye has one hang up after 10 s; phones answer by themselves.
func (w *world) bye(from *phone.Dialog, headers ...proxy.HeaderEdit) {
	w.t.Helper()
	w.Run(10 * time.Second)
	w.answered(from.Send(phone.Spec{Method: "BYE", Headers: headers}), 200)
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
