package dialog_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/dialog"
)

const hiding = `
dialog = require "dialog"
function route(req)
  if req.in_dialog then return req:relay() end
  if req.ruri.user == "carol" then return req:relay("sip:carol@10.0.0.4:5060") end
  require("topology").hide(req, { %s })
  dialog.track(req)
  req:relay("sip:bob@10.0.0.3:5060")
end`

// hidden is a world of calls whose sides are hidden from each other; nothing may name the other
// side but a description, and the Call-ID that a phone has made.
func hidden(t *testing.T, options string) *world {
	w := newWorld(t, fmt.Sprintf(hiding, options), withTopology(t))
	w.Sim.Trace(func(p sim.Packet) {
		other := map[string]string{"10.0.0.2": "10.0.0.3", "10.0.0.3": "10.0.0.2"}[p.To.Addr().String()]
		head, _, _ := bytes.Cut(p.Bytes, []byte("\r\n\r\n"))
		for line := range bytes.Lines(head) {
			if other != "" && bytes.Contains(line, []byte(other)) && (strings.Contains(options, "call_id") || !bytes.HasPrefix(line, []byte("Call-ID"))) {
				t.Errorf("%s is sent\n%s", p.To, p.Bytes)
			}
		}
	})
	return w
}

// Parties that are hidden from each other stay so while they are asked, and everything within the
// dialog goes on afterwards.
func TestHiddenCallsAreAsked(t *testing.T) {
	for _, options := range []string{"", "call_id = true", "contact_user = 'trunk'", "call_id = true, contact_user = 'trunk', warning = true, history = true"} {
		t.Run(options, func(t *testing.T) {
			w := hidden(t, options)
			alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
			out, in := w.speak(alice, bob)
			c := w.only()
			known := map[*phone.Phone]string{alice: string(out.Final().CallID()), bob: string(in.Msg.CallID())}
			if same := known[alice] == known[bob]; same == strings.Contains(options, "call_id") {
				t.Fatalf("the Call-IDs are the same: %v", same)
			}
			check := func(p *phone.Phone, got *phone.Incoming) {
				t.Helper()
				contact := string(got.Msg.Header(message.HeaderContact))
				if string(got.Msg.CallID()) != known[p] || !strings.Contains(contact, "@10.0.0.1:5060") || strings.Contains(options, "trunk") != strings.Contains(contact, "trunk@") {
					t.Errorf("%s got\n%s", p.Name(), got.Msg.AppendTo(nil))
				}
			}
			for _, do := range []func(func(error)) bool{c.Hold, c.Resume} {
				b := w.begin(do)
				ask := w.Came(alice, "INVITE")
				check(alice, ask)
				answer(t, ask)
				offer := w.Came(bob, "INVITE")
				check(bob, offer)
				answer(t, offer)
				w.Came(alice, "ACK")
				w.Came(bob, "ACK")
				w.ends(b, "")
				for _, who := range []string{"caller", "callee"} { // to the Contacts of ours
					w.infoFrom(who, out, in, alice, bob)
				}
			}
			b := w.begin(func(done func(error)) bool {
				return c.Transfer("sip:carol@10.0.0.4", dialog.TransferOptions{}, done)
			})
			refer := w.Came(alice, "REFER")
			check(alice, refer)
			if to := string(refer.Msg.HeaderName("Refer-To")); !strings.Contains(to, "@10.0.0.1:5060") {
				t.Errorf("Refer-To: %s", to)
			}
			w.Reply(refer, 202)
			to := strings.Trim(string(refer.Msg.HeaderName("Refer-To")), "<>")
			carol := w.Phone("carol", "10.0.0.4")
			again := alice.Invite(to, phone.Spec{})
			w.Reply(w.Came(carol, "INVITE"), 200)
			w.Answered(again, 200)
			w.Answered(notify(out.Dialog(), "SIP/2.0 200 OK\r\n", "terminated"), 200)
			w.ends(b, "")
			w.Came(alice, "BYE")
			w.Came(bob, "BYE")
			w.calls(0)
		})
	}
}

// The Contact that stands for a party behind proxies leads by way of them: its Route is that of the
// dialog, whatever Contact the party has later (§12.2).
func TestHiddenPartyBehindProxies(t *testing.T) {
	w := hidden(t, "")
	alice := w.Phone("alice", "10.0.0.2")
	var came []string
	w.Peer("10.0.0.3:5060", func(p *luabindtest.Peer, m *message.Message, in sim.Packet) {
		if !m.IsRequest() {
			return
		}
		var routes []string
		for e := m.Elements(message.HeaderRoute); e.Next(); {
			routes = append(routes, string(e.Value))
		}
		came = append(came, fmt.Sprintf("%s %s by %s", m.MethodText(), m.RequestURI(), strings.Join(routes, ", ")))
		switch string(m.MethodText()) {
		case "INVITE":
			if len(m.ToTag()) == 0 {
				m.InsertTop(message.HeaderRecordRoute, []byte("<sip:10.0.0.3;lr>"))
				m.InsertTop(message.HeaderRecordRoute, []byte("<sip:inner.proxy;lr>"))
			}
			p.Answer(in, message.AppendResponse(nil, m, 200, "", "b", []byte("Contact: <sip:bob@10.0.0.9>\r\nContent-Type: application/sdp\r\n"), []byte(sdp)))
		case "INFO":
			p.Answer(in, message.AppendResponse(nil, m, 200, "", "", nil, nil))
		}
	})
	out := alice.Invite("sip:bob@example.com", phone.Spec{Media: phone.Media{Own: true}})
	w.Answered(out, 200)
	w.Run(time.Second)
	b := w.begin(w.only().Hold)
	answer(t, w.Came(alice, "INVITE"))
	w.ends(b, "")
	w.Answered(out.Dialog().Send(phone.Spec{Method: "INFO"}), 200)
	w.Run(time.Second)
	for _, got := range came[1:] {
		if !strings.HasSuffix(got, " sip:bob@10.0.0.9 by <sip:10.0.0.3;lr>, <sip:inner.proxy;lr>") {
			t.Errorf("bob's proxy got %s", got)
		}
	}
	if len(came) != 5 { // INVITE, ACK, ours, its ACK, INFO
		t.Errorf("%q", came)
	}
}

// What stands between the parties is known after a restart.
func TestHiddenCallsAndRestart(t *testing.T) {
	script := fmt.Sprintf(hiding, "call_id = true")
	dir := t.TempDir()
	d := kept(t, dir)
	w := newWorldOf(t, d, script, luabindtest.Engine(secretOf), withTopology(t))
	alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
	_, in := w.speak(alice, bob)
	d.Flush()
	w.more = func() []luabindtest.Option { return []luabindtest.Option{withTopology(t)} }
	w = w.killed(dir, script)
	b := w.begin(w.only().Hold)
	answer(t, w.Came(alice, "INVITE"))
	offer := w.Came(bob, "INVITE")
	if contact := string(offer.Msg.Header(message.HeaderContact)); !strings.Contains(contact, "@10.0.0.1:5060") || string(offer.Msg.CallID()) != string(in.Msg.CallID()) {
		t.Errorf("bob got\n%s", offer.Msg.AppendTo(nil))
	}
	answer(t, offer)
	w.ends(b, "")
}

// Whoever is told to call somebody is told so by the party as it knows it.
func TestReferredByMaskedParty(t *testing.T) {
	w := newWorld(t, `
dialog = require "dialog"
function route(req)
  if req.in_dialog then return req:relay() end
  dialog.track(req)
  require("uac").mask(req, { from = "sip:anonymous@anonymous.invalid" })
  req:relay("sip:bob@10.0.0.3:5060")
end`, withUAC(t))
	alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
	w.talk(alice, bob)
	for _, row := range []struct {
		name, by string
		who      *phone.Phone
	}{{"caller", "<sip:bob@example.com>", alice}, {"callee", "<sip:anonymous@anonymous.invalid>", bob}} {
		t.Run(row.name, func(t *testing.T) {
			c := w.only()
			b := w.begin(func(done func(error)) bool {
				return c.Transfer("sip:carol@example.com", dialog.TransferOptions{Callee: row.who == bob}, done)
			})
			refer := w.Came(row.who, "REFER")
			if by := string(refer.Msg.HeaderName("Referred-By")); by != row.by {
				t.Errorf("%s is referred by %s", row.who.Name(), by)
			}
			w.Reply(refer, 603)
			w.ends(b, fmt.Sprintf("the %s answered 603", row.name))
		})
	}
}
