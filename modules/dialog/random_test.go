package dialog_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/modules/dialog"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// Random calls between phones that ring, answer twice, refuse, redirect, cancel, hang up, vanish
// and come back, and a script that forks, gives up, fails and hangs up, over links that lose,
// duplicate and reorder. Whatever happens:
//   - a call's states come in their order, and it ends once;
//   - a key has as many slots as there are calls with it that have not ended, at every event;
//   - when all is over no call, slot or timer is left.

const randomScript = `
dialog = require "dialog"
local phones = { "sip:b@10.0.0.3:5060", "sip:c@10.0.0.4:5060", "sip:d@10.0.0.5:5060" }
local orders = { "parallel", "serial" }
function route(req)
  if req.in_dialog then return req:relay() end
  local r = sip.random
  local call = dialog.track(req, { limits = { all = 5, ["from:" .. req.from.uri.user] = 2 }, max_duration = 20 + r(100) })
  if not call then return req:reply(486) end
  if r(10) == 1 then call:limit({ late = 3 }) end
  local what = r(20)
  if what == 1 then return req:reply(404) end
  if what == 2 then return req:redirect("sip:x@10.0.0.9") end
  if what == 3 then error("no") end
  if what == 4 then sip.after(r(20), function() call:hang_up() end) end
  if what == 5 then sip.sleep(r(4)) end
  local list = {}
  for i = 1, r(3) do list[i] = phones[r(3)] end
  local opts = { order = orders[r(2)], ring_timeout = 5 + r(20) }
  if what == 6 then opts.on_failure = function(res, req) req:relay(phones[r(3)]) end end
  if what == 7 then return req:reply(req:fork(list, opts)) end
  req:relay(list, opts)
end`

func TestRandomCalls(t *testing.T) {
	for _, link := range []sim.Link{
		{Delay: 5 * time.Millisecond},
		{Delay: 5 * time.Millisecond, Jitter: 30 * time.Millisecond, Duplicate: 0.1, Loss: 0.05},
		{Delay: 20 * time.Millisecond, Jitter: 300 * time.Millisecond, Duplicate: 0.2, Loss: 0.20},
	} {
		t.Run(fmt.Sprintf("loss %.0f%%", link.Loss*100), func(t *testing.T) {
			for seed := uint64(1); seed <= 12; seed++ {
				t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { randomCalls(t, seed, link) })
			}
		})
	}
}

func randomCalls(t *testing.T, seed uint64, link sim.Link) {
	rnd := rand.New(rand.NewPCG(seed, 7))
	w := newWorld(t, randomScript)
	w.Sim.SetLink(link)
	upTo := func(ms int) time.Duration { return time.Duration(rnd.IntN(ms)) * time.Millisecond }
	seen := map[track.ID]track.State{}
	keys := map[track.ID][]string{}
	w.d.Watch(func(e dialog.Event) {
		v := e.Call.View()
		was, known := seen[v.ID]
		if known && (was == track.Ended || v.State < was) {
			t.Errorf("%s of %s, which was %s", e.Kind, v.ID, was)
		}
		seen[v.ID] = v.State
		if v.State == track.Ended {
			delete(keys, v.ID)
		}
		count := map[string]int{}
		w.d.Each(func(c *dialog.Call) {
			if v := c.View(); v.State != track.Ended {
				for _, key := range v.Keys {
					count[key]++
				}
			}
		})
		for _, key := range []string{"all", "late", "from:alice", "from:zoe"} {
			if got := w.d.Count(key); got != count[key] {
				t.Errorf("%s: %d slots of %s, %d calls", e.Kind, got, key, count[key])
			}
		}
	})
	var phones []*phone.Phone
	for i, name := range []string{"alice", "zoe", "bob", "carol", "dave"} {
		addr := []string{"10.0.0.2", "10.0.0.6", "10.0.0.3", "10.0.0.4", "10.0.0.5"}[i]
		phones = append(phones, w.Phone(name, addr, func(o *phone.Options) { o.Trouble = func(error) {} }))
	}
	handled := map[*phone.Incoming]bool{}
	act := func(p *phone.Phone) {
		for _, in := range p.Inbox() {
			if handled[in] {
				continue
			}
			handled[in] = true
			switch in.Method() {
			case "INVITE":
				w.Sim.After(upTo(2000), func() { _ = in.Reply(180, phone.Reply{}) })
				code := []int{200, 200, 200, 200, 486, 480, 302, 603, 500}[rnd.IntN(9)]
				if rnd.IntN(8) > 0 {
					w.Sim.After(2*time.Second+upTo(8000), func() {
						_ = in.Reply(code, phone.Reply{})
						if code == 200 && rnd.IntN(2) == 0 {
							w.Sim.After(upTo(20000), func() {
								if d := in.Dialog(); d != nil {
									d.Send(phone.Spec{Method: "BYE"})
								}
							})
						}
					})
				}
			case "INFO":
				_ = in.Reply([]int{200, 481}[rnd.IntN(2)], phone.Reply{})
			}
		}
	}
	for range 8 {
		a := phones[rnd.IntN(2)]
		w.Sim.After(upTo(5000), func() {
			out := a.Invite("sip:bob@example.com", phone.Spec{})
			switch rnd.IntN(5) {
			case 0:
				w.Sim.After(upTo(9000), func() { _ = out.Cancel(nil) })
			case 1, 2:
				method := []string{"BYE", "INFO", "INVITE"}[rnd.IntN(3)]
				w.Sim.After(5*time.Second+upTo(15000), func() {
					if d := out.Dialog(); d != nil && d.Confirmed() {
						d.Send(phone.Spec{Method: method})
					}
				})
			}
		})
	}
	if rnd.IntN(3) == 0 {
		p := phones[rnd.IntN(len(phones))]
		w.Sim.After(upTo(10000), func() { p.Leave(rnd.IntN(2) == 0) })
	}
	for range 3000 {
		w.Run(100 * time.Millisecond)
		for _, p := range phones {
			act(p)
		}
	}
	w.calls(0)
	ended := 0
	for id, s := range seen {
		if s != track.Ended {
			t.Errorf("%s is %s", id, s)
		}
		ended++
	}
	if ended == 0 {
		t.Error("no call ended")
	}
	for _, m := range w.d.Metrics() {
		if v := m.Value(); m.Name == "dialog_keys" && v != 0 {
			t.Errorf("%v keys are left", v)
		}
	}
	w.Sim.Do(func() {
		for _, l := range w.Engine.Lanes() {
			if n := l.Timers(); n != 0 {
				t.Errorf("%d timers are left", n)
			}
		}
	})
}
