package b2b_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/modules/b2b/control"
)

// A client that gives an answered order again and again, and does not read, is dropped as one that
// gives others is.
func TestOrderAgainToSlowClient(t *testing.T) {
	w := controlled(t, "")
	x := w.serving(nil)
	for range 5000 {
		x.conn.Receive([]byte(`{"do":"none","ref":"again"}`))
	}
	for x.conn.Next() != nil {
	}
	if r := x.conn.Reason(); r != control.ReasonSlow {
		t.Errorf("the reason: %q", r)
	}
	w.over()
}

// Who may only read gets no calls, which it could not answer: not at first, nor when it may no
// longer act.
func TestReaderGetsNoCalls(t *testing.T) {
	w := controlled(t, "")
	x := w.connect()
	x.acts = false
	x.refused(control.MayNotAct, "hello", fields{"apps": []string{"ivr"}})
	x.acts = true
	x.hello(fields{"apps": []string{"ivr"}})
	y := w.serving(fields{"apps": []string{"ivr"}})
	x.acts = false
	for range 2 {
		w.calls()
		y.result("reject", fields{"leg": of(y.event("handed_over")), "code": 486})
	}
	x.none("handed_over")
	w.over()
}

// A call that comes while the only client is away is its when it is back in time.
func TestCallWhileAway(t *testing.T) {
	w := controlled(t, "deadline = 5")
	x := w.serving(fields{"apps": []string{"ivr"}})
	x.conn.Close()
	w.calls()
	w.Run(time.Second)
	x.again()
	x.hello(fields{"session": x.token, "seen": x.seen})
	a := of(x.event("handed_over"))
	w.Run(10 * time.Second)
	x.result("reject", fields{"leg": a, "code": 486})
	w.over()
}

// Nobody is called for a session that is over.
func TestNothingBeginsAfterItsSession(t *testing.T) {
	t.Run("an order after bye", func(t *testing.T) {
		w := controlled(t, "")
		x := w.serving(nil)
		x.order("bye", nil)
		x.order("originate", fields{"target": bobURI})
		w.Run(time.Second)
		if n := w.m.Calls(); n != 0 {
			t.Errorf("%d legs", n)
		}
		w.over()
	})
	t.Run("an order before bye, on its way", func(t *testing.T) {
		w := controlled(t, "")
		x := w.serving(nil)
		x.order("originate", fields{"target": bobURI})
		x.order("bye", nil)
		w.Run(time.Second)
		if n := w.m.Calls(); n != 0 {
			t.Errorf("%d legs", n)
		}
		w.over()
	})
	t.Run("the next of several", func(t *testing.T) {
		w := controlled(t, "deadline = 300")
		x := w.serving(fields{"apps": []string{"ivr"}, "keep": 1})
		w.calls()
		a := of(x.event("handed_over"))
		y := w.serving(fields{"apps": []string{"ivr"}})
		x.order("dial", fields{"leg": a, "targets": []string{bobURI, carolURI}, "order": "serial"})
		w.Reply(w.Came(w.bob, "INVITE"), 180)
		x.event("b2b.ringing")
		x.conn.Close()
		w.Came(w.bob, "CANCEL")
		y.event("handed_over")
		w.Run(time.Second)
		if n := len(w.carol.Inbox()); n != 0 {
			t.Errorf("carol is called")
		}
		y.result("reject", fields{"leg": a, "code": 486})
		w.over()
	})
}

// A master that comes back too late for its leg hears that it is the script's.
func TestLeftWhileAway(t *testing.T) {
	w := controlled(t, "deadline = 2, on_lost = 'return'")
	x := w.serving(fields{"apps": []string{"ivr"}})
	o := w.calls()
	a := of(x.event("handed_over"))
	x.conn.Close()
	w.Answered(o, 486)
	x.again()
	x.hello(fields{"session": x.token, "seen": x.seen})
	if m := x.event("left"); of(m) != a || m["why"] != "lost" {
		t.Errorf("%v", m)
	}
	w.over()
}

// The ids of all legs of a dial are free when these have ended, also those that are longer than a
// caller may choose.
func TestLongIDsAreFreeAgain(t *testing.T) {
	w := controlled(t, "")
	x := w.serving(fields{"apps": []string{"ivr"}})
	w.calls()
	a := of(x.event("handed_over"))
	for range 2 {
		dial := x.order("dial", fields{"leg": a, "targets": []string{bobURI, carolURI}, "id": strings.Repeat("x", 64)})
		w.Reply(w.Came(w.bob, "INVITE"), 486)
		w.Reply(w.Came(w.carol, "INVITE"), 486)
		if m := x.answer(dial); m["refused"] != nil {
			t.Fatalf("%v", m)
		}
	}
	x.result("reject", fields{"leg": a, "code": 486})
	w.over()
}

// What strangers write into their calls does not keep a client from what there is: a snapshot and a
// list are as long as a client reads, and say how much they leave out.
func TestManyLongLegs(t *testing.T) {
	w := controlled(t, "")
	long := "sip:" + strings.Repeat("&", 1000) + "@example.com"
	for range 2 {
		x := w.serving(nil)
		for i := range 256 {
			x.order("originate", fields{"target": "sip:" + strings.Repeat("&", 1000) + "@10.0.2.1", "from": long, "ref": fmt.Sprint("o", i)})
		}
		w.Run(time.Millisecond)
	}
	there := w.m.Calls()
	if there < 300 {
		t.Fatalf("%d legs", there)
	}
	y := w.connect()
	y.hello(fields{"watch": "all"})
	if m := y.event("synced"); m["legs"].(float64)+m["left_out"].(float64) != float64(there) {
		t.Errorf("%v of %d", m, there)
	}
	if r := y.conn.Reason(); r != "" {
		t.Fatalf("it is dropped: %s", r)
	}
	list := y.answer(y.order("list", nil))
	text, _ := json.Marshal(list)
	if m := list["result"].(fields); len(text) > 1<<20 || len(m["legs"].([]any))+int(m["left_out"].(float64)) != there {
		t.Errorf("%d bytes, %d legs and %v", len(text), len(m["legs"].([]any)), m["left_out"])
	}
}

// One list after the other is made.
func TestListAfterList(t *testing.T) {
	w := controlled(t, "")
	x := w.serving(nil)
	x.result("list", nil)
	x.result("list", nil)
	w.over()
}

// Nowhere in an order is a key twice, and names are short.
func TestOrdersAreStrict(t *testing.T) {
	w := controlled(t, "")
	x := w.serving(nil)
	for text, code := range map[string]control.Code{
		`{"do":"originate","ref":"a","target":"` + bobURI + `","headers":{"X-A":"1","X-A":"2"}}`:                      control.BadOption,
		`{"do":"originate","ref":"b","target":"` + bobURI + `","credentials":{"user":"a","user":"b","password":"c"}}`: control.BadOption,
		`{"do":"dial","ref":"c","leg":"0.1","targets":{"uri":"` + bobURI + `","uri":"` + carolURI + `"}}`:             control.BadOption,
		`{"do":"dial","ref":"d","leg":"0.1","targets":{"uri":"` + bobURI + `","headers":{"X-A":"1","X-A":"2"}}}`:      control.BadOption,
		`{"do":"` + strings.Repeat("x", 65) + `","ref":"e"}`:                                                          control.BadMessage,
		`{"do":"hang_up","ref":"f","leg":"` + strings.Repeat("x", 257) + `"}`:                                         control.BadMessage,
	} {
		t.Run(fmt.Sprintf("%.70s", text), func(t *testing.T) {
			x.conn.Receive([]byte(text))
			if m := x.take("a refusal", func(m fields) bool { return m["refused"] != nil }); m["refused"] != string(code) {
				t.Errorf("%v", m)
			}
		})
	}
	w.over()
}

// The end of the server is that of connections without a session, too, and of those that come late.
func TestShutdownWithoutHello(t *testing.T) {
	w := controlled(t, "")
	x := w.connect()
	if err := w.m.Close(); err != nil {
		t.Fatal(err)
	}
	y := w.connect()
	for name, c := range map[string]*client{"before": x, "after": y} {
		t.Run(name, func(t *testing.T) {
			if r := c.conn.Reason(); r != control.ReasonShutdown {
				t.Errorf("the reason: %q", r)
			}
		})
	}
}

// A leg that waits for a client which serves its app is not another's to take.
func TestClaimOfLegThatWaits(t *testing.T) {
	w := controlled(t, "deadline = 5")
	x := w.serving(fields{"watch": "all"})
	w.calls()
	a := of(x.event("began"))
	x.refused(control.Owned, "claim", fields{"leg": a})
	y := w.serving(fields{"apps": []string{"ivr"}})
	y.result("reject", fields{"leg": of(y.event("handed_over")), "code": 486})
	w.over()
}
