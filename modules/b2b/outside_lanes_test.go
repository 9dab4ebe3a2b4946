package b2b_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/b2b/control"
)

// apart are legs that a program has originated, of bob and carol, on two lanes.
func (x *client) apart() (bob, carol string) {
	w := x.w
	w.T.Helper()
	leg := func(p *phone.Phone, uri string) string {
		order := x.order("originate", fields{"target": uri, "sdp": "v=0\r\no=- 1 1 IN IP4 192.0.2.20\r\ns=-\r\nc=IN IP4 192.0.2.20\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"})
		w.answer(w.Came(p, "INVITE"))
		return x.answer(order)["result"].(fields)["leg"].(fields)["id"].(string)
	}
	lane := func(id string) string { return id[:strings.IndexByte(id, '.')] }
	bob = leg(w.bob, bobURI)
	for range 60 {
		if carol = leg(w.carol, carolURI); lane(carol) != lane(bob) {
			w.settle()
			return bob, carol
		}
		x.result("hang_up", fields{"leg": carol})
		w.settle()
	}
	w.T.Fatal("all legs are on one lane")
	return "", ""
}

// A program joins legs of two lanes, whose master it is: one comes to the other, with its master.
func TestLegsOfTwoLanesFromOutside(t *testing.T) {
	for _, name := range []string{"bridge", "join", "transfer"} {
		t.Run(name, func(t *testing.T) {
			w := controlled(t, "", luabindtest.Lanes(4))
			x := w.serving(fields{"apps": []string{"ivr"}, "watch": "all", "keep": 1})
			bob, carol := x.apart()
			order := x.order(name, fields{"leg": bob, "other": carol})
			w.settle()
			if name != "bridge" {
				x.answer(order)
			}
			for _, id := range []string{bob, carol} {
				if leg := x.result("leg", fields{"leg": id}).(fields); leg["state"] != "answered" || leg["peer"] == nil {
					t.Errorf("%v", leg)
				}
			}
			// It is still the one that orders both about, and hears of them
			if name == "bridge" {
				x.refused(control.Busy, "join", fields{"leg": bob, "other": carol})
				x.result("hang_up", fields{"leg": carol})
				if m := x.answer(order)["result"].(fields); m["ended"] != carol {
					t.Errorf("%v", m)
				}
				x.result("hang_up", fields{"leg": bob})
			} else {
				x.result("hang_up", fields{"leg": carol})
			}
			w.settle()
			w.over()
			for range 2 {
				x.event("b2b.ended")
			}
		})
	}
	t.Run("refer", func(t *testing.T) {
		w := controlled(t, "", luabindtest.Lanes(4))
		x := w.serving(fields{"keep": 1})
		bob, carol := x.apart()
		order := x.order("refer", fields{"leg": bob, "other": carol})
		refer := w.Came(w.bob, "REFER")
		if to := string(refer.Msg.HeaderName("Refer-To")); !strings.HasPrefix(to, "<"+carolURI+"?Replaces=") {
			t.Errorf("Refer-To: %s", to)
		}
		w.Reply(refer, 603)
		if m := x.answer(order)["result"].(fields); m["agreed"] != nil {
			t.Errorf("%v", m)
		}
		w.m.EndCalls()
		w.settle()
		w.over()
	})
	// What keeps it: another order about it is under way
	t.Run("busy", func(t *testing.T) {
		w := controlled(t, "", luabindtest.Lanes(4))
		x := w.serving(fields{"keep": 1})
		bob, carol := x.apart()
		hold := x.order("hold", fields{"leg": carol})
		in := w.Came(w.carol, "INVITE")
		bridge := x.order("bridge", fields{"leg": bob, "other": carol})
		w.Run(10 * time.Second)
		if m := x.answer(bridge); m["refused"] != string(control.Busy) {
			t.Errorf("%v", m)
		}
		w.answer(in)
		x.answer(hold)
		w.m.EndCalls()
		w.settle()
		w.over()
	})
}

// A leg that came to another lane is looked after there as before: the master's connection is lost,
// and when the session is over the leg ends; another program takes a leg that was handed over.
func TestLostMasterOfLegThatCame(t *testing.T) {
	w := controlled(t, "", luabindtest.Lanes(4))
	x := w.serving(fields{"keep": 1})
	bob, carol := x.apart()
	x.order("bridge", fields{"leg": bob, "other": carol})
	w.settle()
	x.conn.Close()
	w.Run(3 * time.Second)
	w.settle()
	if b, c := w.count(w.bob, "BYE"), w.count(w.carol, "BYE"); b != 1 || c < 1 {
		t.Errorf("bob got %d BYEs, carol %d", b, c)
	}
	w.over()
}
