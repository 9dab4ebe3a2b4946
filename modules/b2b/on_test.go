package b2b_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

const plays = `a:answer('v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n')
`

// key has a party press one.
func (w *world) key(o *phone.Outgoing, key string) {
	w.T.Helper()
	w.Answered(o.Dialog().Send(phone.Spec{Method: "INFO", Body: []byte(key), ContentType: "application/dtmf"}), 200)
}

// says has a party send a MESSAGE.
func (w *world) says(o *phone.Outgoing, text string, code int) {
	w.T.Helper()
	w.Answered(o.Dialog().Send(phone.Spec{Method: "MESSAGE", Body: []byte(text), ContentType: "text/plain"}), code)
}

// A function hears all that a party sends, one after the other, as long as nobody takes its place:
// beside a script that waits, and a bridge that passes it.
func TestOn(t *testing.T) {
	w := newWorld(t, route+plays+`
  local n = 0
  a:on("dtmf", function(leg, key, kind)
    n = n + 1
    local mine = n
    sip.sleep(1)
    sip.log.warn("key %s %s %s %s", key, kind, leg == a, mine == n)
  end)
  a:on("MESSAGE", function(leg, text) sip.log.warn("first %s", text) end)
  sip.log.warn("waited %s %s", a:wait("dtmf", { timeout = 20 }))
  a:on("MESSAGE", function(leg, text, kind) sip.log.warn("second %s %s", text, kind) end)
  sip.sleep(10)
  sip.log.warn("nothing kept %s %s", a:wait("dtmf", { timeout = 1 }))
  a:on("MESSAGE", nil)
  a:on("dtmf")
  sip.log.warn("wrong %s %s", pcall(function() a:on("BYE", function() end) end))
  sip.sleep(5)
  sip.log.warn("kept %s %s", a:wait("dtmf", { timeout = 1 }))
  sip.sleep(5)
  sip.log.warn("over %s %s", a:on("INFO", function() end))
end`)
	o := w.calls()
	w.Answered(o, 200)
	w.says(o, "one", 200)
	for _, key := range []string{"1", "2", "3"} {
		w.key(o, key)
	}
	w.Run(time.Second)
	w.says(o, "two", 200)
	w.Run(11 * time.Second)
	w.says(o, "three", 405)
	w.key(o, "9")
	w.Run(5 * time.Second)
	w.Answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	w.over()
	w.logged("first one", "waited dtmf 1", "second two text/plain", "key 1 application/dtmf true true", "key 2 application/dtmf true true", "key 3 application/dtmf true true",
		"nothing kept nil timeout", "not for BYE", "kept dtmf 9", "over nil ")
	if i, j := strings.Index(w.Log(), "key 1"), strings.Index(w.Log(), "key 3"); i > j || strings.Contains(w.Log(), "three") || strings.Contains(w.Log(), "key 9") {
		t.Errorf("the log:\n%s", w.Log())
	}
}

// It hears who is joined, after the handler's end, on whatever lane the leg is, and passes what it
// hears; the end of its generation is its own.
func TestOnOfJoinedLegs(t *testing.T) {
	for _, lanes := range []int{1, 3} {
		t.Run(fmt.Sprint(lanes, " lanes"), func(t *testing.T) {
			w := newWorld(t, `
function route(req)
  if req.method == "OPTIONS" then
    for _, leg in ipairs(b2b.list()) do
      leg:on("dtmf", function(which, key) sip.log.warn("key %s %s %s", key, which.state, which == leg) end)
    end
    return req:reply(200)
  end
  local a = b2b.incoming(req)
  local b = a:dial(bob)
  a:join(b)
end`, luabindtest.Lanes(lanes))
			o := w.calls()
			in := w.Came(w.bob, "INVITE")
			w.answer(in)
			w.Answered(o, 200)
			w.Run(time.Second)
			press := func(key string) {
				t.Helper()
				info := o.Dialog().Send(phone.Spec{Method: "INFO", Body: []byte(key), ContentType: "application/dtmf"})
				w.Reply(w.Came(w.bob, "INFO"), 200)
				w.Answered(info, 200)
				w.Run(time.Second)
			}
			for range 6 { // from other lanes too; the last one hears
				w.Answered(w.carol.Send(phone.Spec{Method: "OPTIONS"}), 200)
			}
			press("5")
			if n := strings.Count(w.Log(), "key 5 answered true"); n != 1 {
				t.Errorf("%d functions heard it", n)
			}
			if err := w.Router.Reload(context.Background()); err != nil {
				t.Fatal(err)
			}
			w.Run(time.Second)
			press("6")
			press("7")
			if strings.Contains(w.Log(), "key 6") || strings.Contains(w.Log(), "key 7") {
				t.Error("a function of a generation that is over was called")
			}
			w.Answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			w.Reply(w.Came(w.bob, "BYE"), 200)
			w.over()
		})
	}
}

// A party that sends more than a function takes is not told of, and holds up nothing.
func TestOnHasBounds(t *testing.T) {
	w := newWorld(t, route+plays+`
  a:on("dtmf", function(leg, key) sip.log.warn("key %s", key) sip.sleep(1000) end)
  a:on("MESSAGE", function(leg, text) sip.log.warn("text %s", text) error("it fails") end)
  sip.sleep(60)
end`)
	o := w.calls()
	w.Answered(o, 200)
	for range 200 {
		w.key(o, "1")
	}
	w.says(o, "a", 200)
	w.says(o, "b", 200)
	w.Run(2 * time.Second)
	w.logged("text a", "text b", "it fails")
	if n := strings.Count(w.Log(), "msg=\"key 1\""); n != 1 {
		t.Errorf("%d keys at a time", n)
	}
	w.Answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	w.over()
}
