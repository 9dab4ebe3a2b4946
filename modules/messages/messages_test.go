package messages_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/auth"
	"github.com/sipscript/sipscript/modules/messages"
	"github.com/sipscript/sipscript/modules/registrar"
)

const keeping = `
auth, messages, registrar, told = require "auth", require "messages", require "registrar", sip.shared("told")
sip.on("messages.delivered", function(aor, from, id) told:incr("delivered " .. aor, 1, 0) end)
sip.on("messages.failed", function(aor, from, id, why) told:incr(why .. " " .. aor, 1, 0) end)
function route(req)
	if req.method == "REGISTER" then return registrar.save(req) end
	local list = registrar.lookup(req.ruri)
	if #list == 0 then
		local ok, err = messages.store(req)
		told:set("store", tostring(ok) .. " " .. tostring(err))
		return
	end
	return req:relay(list, { on_failure = function(res) if res.code == 480 or res.code == 408 then return messages.store(req) end end })
end`

type world struct {
	*luabindtest.World
	messages *messages.Messages
	sent     int
}

// start runs a script whose messages are kept in a store; nil: in memory.
func start(t testing.TB, store messages.Store, script string, more ...luabind.Opener) *world {
	t.Helper()
	w := &world{messages: messages.New(messages.Options{Store: store})}
	modules := append([]luabind.Opener{luabindtest.Must(auth.New(auth.Options{})), luabindtest.Must(registrar.New(registrar.Options{}))}, more...)
	w.World = luabindtest.New(t, script, luabindtest.Modules(append(modules, w.messages)...),
		luabindtest.Engine(func(c *engine.Config) { c.Domains = []string{"example.com"} }))
	return w
}

// message sends a MESSAGE to a user, and returns the code of the answer.
func (w *world) message(to, body string, headers ...string) int {
	w.T.Helper()
	w.sent++
	head := strings.Join(headers, "\r\n")
	if head != "" {
		head += "\r\n"
	}
	if !strings.Contains(head, "Content-Type") {
		head += "Content-Type: text/plain\r\n"
	}
	m := w.Send(fmt.Appendf(nil, "MESSAGE %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKm%d\r\nMax-Forwards: 70\r\nFrom: \"Al\" <sip:alice@example.com>;tag=a%d\r\nTo: <sip:bob@example.com>\r\n"+
		"Call-ID: m%d\r\nCSeq: %d MESSAGE\r\n%sContent-Length: %d\r\n\r\n%s", to, luabindtest.Caller, w.sent, w.sent, w.sent, w.sent, head, len(body), body))
	if m == nil {
		return 0
	}
	return m.Status()
}

// phone is a user's device. It answers MESSAGEs with 200.
func (w *world) phone(user, host string) *sim.Phone {
	p := w.Peer(host+":5060", nil)
	p.User, p.Answers = user, luabindtest.Always(200)
	return p
}

// register registers a phone, and doesn't wait for the answer.
func register(p *sim.Phone) { p.Write(p.Request("REGISTER", "sip:example.com", "", "Expires: 600")) }

// bodies are those of the messages that a phone answered.
func bodies(p *sim.Phone) string {
	var list []string
	for _, m := range p.Answered {
		list = append(list, string(m.Body()))
	}
	return strings.Join(list, ",")
}

func (w *world) told(key string) any {
	w.T.Helper()
	got, err := w.Eval(`return told:get("` + key + `")`)
	if err != nil {
		w.T.Fatal(err)
	}
	return got[0]
}

func (w *world) pending() int {
	w.T.Helper()
	got, err := w.Eval(`return #messages.pending("sip:bob@example.com")`)
	if err != nil {
		w.T.Fatal(err)
	}
	return int(got[0].(float64))
}

// Messages for a user who is away are delivered in order when he registers, as they were sent.
func TestDelivery(t *testing.T) {
	w := start(t, nil, keeping)
	for i := range 40 {
		if code := w.message("sip:bob@example.com", fmt.Sprint(i), "Subject: hi", "X-Own: 1", "X-Own: 2", "Date: Mon, 23 Nov 2026 10:00:00 GMT", "Supported: x"); code != 202 {
			t.Fatalf("answered %d\n%s", code, w.Log())
		}
	}
	w.message("sip:b%6fb@EXAMPLE.com:5060", "last")
	w.Run(time.Hour)
	bob := w.phone("bob", "10.0.0.9")
	register(bob)
	w.Run(10 * time.Second)
	want := ""
	for i := range 40 {
		want += fmt.Sprint(i) + ","
	}
	if got := bodies(bob); got != want+"last" {
		t.Fatalf("got %s\n%s", got, w.Log())
	}
	m := bob.Answered[0]
	for name, want := range map[string]string{"From": `"Al" <sip:alice@example.com>;tag=a1`, "Call-ID": "m1", "CSeq": "1 MESSAGE", "Subject": "hi", "X-Own": "1", "Content-Type": "text/plain",
		"Date": "Mon, 23 Nov 2026 10:00:00 GMT", "Supported": "", "To": "<sip:bob@example.com>"} {
		t.Run(name, func(t *testing.T) {
			if got := string(m.HeaderName(name)); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
	if uri := string(m.RequestURI()); uri != "sip:bob@10.0.0.9:5060" {
		t.Error(uri)
	}
	stamp := w.Sim.Wall().Add(-time.Hour - 10*time.Second).UTC().Format("Mon, 02 Jan 2006 15:04")
	if got := string(bob.Answered[40].HeaderName("Date")); !strings.HasPrefix(got, stamp) {
		t.Errorf("a message without a Date got %q, want that of its arrival, %s", got, stamp)
	}
	if w.told("delivered sip:bob@example.com") != 41.0 || w.pending() != 0 {
		t.Error(w.told("delivered sip:bob@example.com"), w.pending())
	}
	register(bob)
	w.Run(10 * time.Second)
	if len(bob.Answered) != 41 {
		t.Errorf("%d messages after another REGISTER", len(bob.Answered))
	}
}

// What a message is answered with.
func TestAnswers(t *testing.T) {
	long := strings.Repeat("x", 101)
	for _, row := range []struct {
		name, to, body, header string
		code                   int
		store                  string
	}{
		{"kept", "sip:bob@example.com", "x", "", 202, "true nil"},
		{"a user by another name of ours", "sips:bob@example.com", "x", "", 202, "true nil"},
		{"unknown", "sip:nobody@example.com", "x", "", 404, "false there is no such user"},
		{"elsewhere", "sip:bob@elsewhere.net", "x", "", 404, "false the Request-URI is not a user here"},
		{"without a user", "sip:example.com", "x", "", 404, "false the Request-URI is not a user here"},
		{"too long", "sip:bob@example.com", long, "", 413, "false the body has 101 bytes, and 100 are kept at most"},
		{"not to be kept", "sip:bob@example.com", "x", "Expires: 0", 480, "false its Expires is 0: it is not to be kept"},
		{"typing", "sip:bob@example.com", "<x/>", "Content-Type: application/im-iscomposing+xml", 202, "false is-composing is not kept"},
		{"typing, in CPIM", "sip:bob@example.com", "From: <x:a>\r\n\r\nContent-type: Application/im-iscomposing+xml; charset=utf-8\r\n\r\n<x/>", "Content-Type: message/cpim", 202, "false is-composing is not kept"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := start(t, nil, keeping+"\nauth.users { bob = 'x', alice = 'x' } messages.configure { max_size = 100 }")
			var more []string
			if row.header != "" {
				more = append(more, row.header)
			}
			if code := w.message(row.to, row.body, more...); code != row.code || w.told("store") != row.store {
				t.Errorf("answered %d, store said %v; want %d %s\n%s", code, w.told("store"), row.code, row.store, w.Log())
			}
			if n := w.pending(); (n == 1) != (row.store == "true nil") {
				t.Errorf("%d are kept", n)
			}
		})
	}
	t.Run("full", func(t *testing.T) {
		w := start(t, nil, keeping+"\nmessages.configure { max_per_user = 2 }")
		for i, want := range []int{202, 202, 480} {
			if code := w.message("sip:bob@example.com", "x"); code != want {
				t.Errorf("message %d: %d, want %d", i, code, want)
			}
		}
		if code := w.message("sip:carol@example.com", "x"); code != 202 {
			t.Errorf("another user's: %d", code)
		}
	})
	t.Run("no room at all", func(t *testing.T) {
		w := start(t, messages.NewMemory(1200), keeping)
		for i, want := range []int{202, 202, 480} {
			if code := w.message(fmt.Sprintf("sip:u%d@example.com", i), strings.Repeat("x", 100)); code != want {
				t.Errorf("message %d: %d, want %d", i, code, want)
			}
		}
	})
	t.Run("a session of messages, byte for byte", func(t *testing.T) { // MSRP, RFC 4975 §8
		const offer = "v=0\r\no=alice 2890844526 2890844526 IN IP4 10.0.0.7\r\ns= -\r\nc=IN IP4 10.0.0.7\r\nt=0 0\r\nm=message 7394 TCP/MSRP *\r\n" +
			"a=accept-types:message/cpim text/plain\r\na=path:msrp://10.0.0.7:7394/2s93i9ek2a;tcp\r\n"
		w := start(t, nil, keeping)
		bob := w.phone("bob", "10.0.0.9")
		register(bob)
		w.Run(time.Second)
		res := w.Send(fmt.Appendf(nil, "INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKi\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=a\r\n"+
			"To: <sip:bob@example.com>\r\nCall-ID: i\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@%s>\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
			luabindtest.Caller, luabindtest.Caller, len(offer), offer))
		if got := bodies(bob); res == nil || res.Status() != 200 || got != offer || w.pending() != 0 {
			t.Errorf("%v; bob got %q, %d are kept", res, got, w.pending())
		}
	})
	t.Run("another method", func(t *testing.T) {
		w := start(t, nil, `messages = require "messages" function route(req) messages.store(req) end`)
		if code := w.Code("OPTIONS", "sip:bob@example.com"); code != 500 || !strings.Contains(w.Log(), "only MESSAGE requests are kept") {
			t.Error(code, w.Log())
		}
	})
}

// What devices answer decides what becomes of a message.
func TestDevices(t *testing.T) {
	type device struct {
		first, second int // answers to the messages, 0 for none
	}
	for _, row := range []struct {
		name    string
		devices []device
		got     []string // each device's
		left    int
		told    string
	}{
		{"one takes all", []device{{200, 200}}, []string{"one,two"}, 0, "delivered"},
		{"accepted", []device{{202, 202}}, []string{"one,two"}, 0, "delivered"},
		{"two take all", []device{{200, 200}, {200, 200}}, []string{"one,two", "one,two"}, 0, "delivered"},
		{"one of two is enough", []device{{486, 200}, {200, 200}}, []string{"one", "one,two"}, 0, "delivered"},
		{"busy", []device{{486, 200}}, []string{"one"}, 2, ""},
		{"an error", []device{{500, 200}}, []string{"one"}, 2, ""},
		{"silent", []device{{0, 200}}, []string{""}, 2, ""},
		{"one is silent", []device{{0, 200}, {200, 200}}, []string{"", "one,two"}, 0, "delivered"},
		{"refused for good", []device{{415, 200}}, []string{"one,two"}, 0, "refused"},
		{"refused by one", []device{{415, 200}, {200, 200}}, []string{"one,two", "one,two"}, 0, "delivered"},
		{"refused by one, the other silent", []device{{415, 200}, {0, 200}}, []string{"one,two", ""}, 1, "delivered"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := start(t, nil, keeping)
			w.message("sip:bob@example.com", "one")
			w.message("sip:bob@example.com", "two")
			var all []*sim.Phone
			for i, d := range row.devices {
				p := w.phone("bob", fmt.Sprintf("10.0.1.%d", i+1))
				p.Answers = func(m *message.Message) int {
					if string(m.Body()) == "one" {
						return d.first
					}
					return d.second
				}
				all = append(all, p)
				register(p)
			}
			w.Run(3 * time.Minute)
			for i, p := range all {
				if got := bodies(p); got != row.got[i] {
					t.Errorf("device %d got %q, want %q", i, got, row.got[i])
				}
			}
			if n := w.pending(); n != row.left {
				t.Errorf("%d are left, want %d", n, row.left)
			}
			if row.told != "" && w.told(row.told+" sip:bob@example.com") == nil {
				t.Errorf("nothing was told as %s", row.told)
			}
			// Whatever is left comes with the next registration.
			for _, p := range all {
				p.Answers = luabindtest.Always(200)
			}
			register(all[0])
			w.Run(3 * time.Minute)
			if n := w.pending(); n != 0 {
				t.Errorf("%d are left at the end", n)
			}
		})
	}
}

// A message that could not be delivered for now is kept in on_failure.
func TestAfterFailure(t *testing.T) {
	w := start(t, nil, keeping)
	bob := w.phone("bob", "10.0.0.9")
	bob.Answers = luabindtest.Always(480)
	register(bob)
	w.Run(time.Second)
	if code := w.message("sip:bob@example.com", "x"); code != 202 || w.pending() != 1 {
		t.Fatalf("answered %d, %d are kept\n%s", code, w.pending(), w.Log())
	}
	bob.Answered, bob.Answers = nil, luabindtest.Always(200)
	register(bob)
	w.Run(5 * time.Second)
	if bodies(bob) != "x" {
		t.Errorf("got %q", bodies(bob))
	}
}

// A message is given up when its time is over: that of ttl, or its own.
func TestExpiry(t *testing.T) {
	w := start(t, nil, keeping+"\nmessages.configure { ttl = 1000 }")
	w.message("sip:bob@example.com", "short", "Expires: 100")
	w.message("sip:bob@example.com", "long")
	w.message("sip:bob@example.com", "longest", "Expires: 5000")
	for at, want := range map[time.Duration]int{110 * time.Second: 2} {
		w.Run(at + 2*time.Minute)
		if n := w.pending(); n != want {
			t.Errorf("%d are left after %v, want %d", n, at, want)
		}
	}
	w.Run(1000 * time.Second)
	if w.pending() != 0 || w.told("expired sip:bob@example.com") != 3.0 {
		t.Error(w.pending(), w.told("expired sip:bob@example.com"))
	}
}

const asking = "From: Al <im:alice@example.com>\r\nTo: <im:bob@example.com>\r\nNS: notes <urn:ietf:params:imdn>\r\nnotes.Message-ID: 34jk324j\r\n" +
	"notes.Disposition-Notification: positive-delivery, Processing\r\n%s\r\nContent-Type: %s\r\n\r\nhello"

// A sender who asked for it learns that the message is stored, and that its time is over.
func TestReceipts(t *testing.T) {
	for _, row := range []struct {
		name, more, inner, options string
		want                       int // receipts
	}{
		{"asked for", "", "text/plain", "", 2},
		{"switched off", "", "text/plain", "receipts = false", 0},
		{"a receipt", "", "message/imdn+xml", "", 0},
		{"along a route", "notes.IMDN-Record-Route: <im:x@elsewhere.net>\r\n", "text/plain", "", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := start(t, nil, keeping+"\nmessages.configure { ttl = 100, "+row.options+" }")
			alice := w.phone("alice", "10.0.0.7")
			register(alice)
			w.Run(time.Second)
			if code := w.message("sip:bob@example.com", fmt.Sprintf(asking, row.more, row.inner), "Content-Type: message/cpim"); code != 202 {
				t.Fatal(code)
			}
			w.Run(5 * time.Minute)
			if len(alice.Answered) != row.want {
				t.Fatalf("%d receipts: %s", len(alice.Answered), bodies(alice))
			}
			if row.want == 0 {
				return
			}
			for i, part := range []string{"<stored/>", "<error/>"} {
				m := alice.Answered[i]
				body := string(m.Body())
				if !strings.Contains(body, part) || !strings.Contains(body, "<message-id>34jk324j</message-id>") || !strings.Contains(body, "To: Al <im:alice@example.com>\r\n") ||
					string(m.HeaderName("Content-Type")) != "message/cpim" || strings.Contains(body, "Disposition-Notification") {
					t.Errorf("receipt %d:\n%s", i, body)
				}
			}
		})
	}
}

// Users who register at once wait for each other, and are all served; who has no messages takes
// nobody's place.
func TestManyUsers(t *testing.T) {
	w := start(t, nil, keeping)
	const users = 150 // more than have a place at a time
	var all []*sim.Phone
	for i := range users {
		if code := w.message(fmt.Sprintf("sip:u%d@example.com", i), fmt.Sprint(i)); code != 202 {
			t.Fatal(code)
		}
		p := w.phone(fmt.Sprintf("u%d", i), fmt.Sprintf("10.0.2.%d", i+1))
		p.Answers = luabindtest.Always(0)
		all = append(all, p)
	}
	for i, p := range all {
		register(w.phone(fmt.Sprintf("idle%d", i), fmt.Sprintf("10.0.3.%d", i+1)))
		register(p)
	}
	w.Run(2 * time.Second) // the first 64 are being asked, and do not answer
	for _, p := range all {
		p.Answers = luabindtest.Always(200)
	}
	w.Run(2 * time.Minute)
	for i, p := range all {
		if got := bodies(p); got != fmt.Sprint(i) {
			t.Errorf("u%d got %q", i, got)
		}
	}
}
