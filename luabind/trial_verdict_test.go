package luabind_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// codes is a script whose requests are answered with a code each, by the last digit of the Call-ID:
// those below n with bad, the others with 200.
func codes(n, bad int) string {
	return fmt.Sprintf(`function route(req) req:reply(tonumber(req.call_id:match("%%d$")) < %d and %d or 200) end`, n, bad)
}

// send sends requests of Call-IDs that end with each digit alike.
func (w *onTrial) send(n int, id string) {
	w.t.Helper()
	for i := range n {
		w.request("MESSAGE", fmt.Sprint(id, i), "")
	}
}

// When its time is over, a script takes over only if it did no worse than the other: with nothing
// to compare, or too little, it waits, and then goes.
func TestTrialWhenItsTimeIsOver(t *testing.T) {
	everybody := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct {
		name          string
		trial         luabind.Trial
		before, after string
		earlier, then int // requests before the trial, and during it
		state, reason string
	}{
		{"all fail, and the old one gets nothing", luabind.Trial{Share: 1}, codes(0, 0), codes(10, 503), 0, 100, luabind.TrialEnded, "100 of 100 (100 %) of its requests failed, and 0 of 0 (0 %) of those of the script before it: too few"},
		{"all fail, of few", luabind.Trial{Share: 0.5}, codes(0, 0), codes(10, 503), 0, 40, luabind.TrialEnded, "(100 %) of its requests failed, and 0 of"},
		{"all fail, by source", luabind.Trial{Sources: everybody}, codes(0, 0), codes(10, 503), 0, 100, luabind.TrialEnded, "100 of 100 (100 %) of its requests failed, and 0 of 0 (0 %) of those of the script before it: too few"},
		{"some fail, as did before", luabind.Trial{Share: 1}, codes(2, 404), codes(2, 404), 100, 100, luabind.TrialPromoted, "its time was over: 20 of 100 (20 %) of its requests failed, and 20 of 100 (20 %) of others: not significantly more"},
		{"more fail than before", luabind.Trial{Share: 1}, codes(2, 404), codes(6, 404), 100, 100, luabind.TrialEnded, "of its requests failed, and 20 of 100 (20 %)"},
		{"one of few, as did before", luabind.Trial{Share: 1}, codes(2, 404), codes(2, 404), 100, 4, luabind.TrialPromoted, "2 of 4 (50 %) of its requests failed, and 20 of 100 (20 %)"},
		{"none fails", luabind.Trial{Share: 1}, codes(0, 0), codes(0, 0), 0, 5, luabind.TrialPromoted, "its time was over without a failure"},
		{"the only one fails", luabind.Trial{Share: 1}, codes(1, 404), codes(1, 404), 30, 1, luabind.TrialEnded, "1 of 1 (100 %) of its requests failed, and 3 of 30 (10 %) of those of the script before it: too few to trust it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &onTrial{luabindtest.New(t, c.before), t}
			w.send(c.earlier, "before")
			if err := w.use(c.after, c.trial); err != nil {
				t.Fatal(err)
			}
			w.send(c.then, "x")
			w.Run(11 * time.Minute)
			if strings.Contains(c.reason, "too few") {
				if i, _ := w.Router.Trial(); i.State != luabind.TrialRuns || !strings.Contains(i.Reason, "it waits for more") {
					t.Errorf("after its time: %+v", i)
				}
				w.Run(10 * time.Minute)
			}
			if i := w.ended(); i.State != c.state || !strings.Contains(i.Reason, c.reason) || i.Failed != (c.state == luabind.TrialEnded) {
				t.Errorf("%+v", i)
			}
		})
	}
}

// In doubt more requests decide.
func TestTrialInDoubt(t *testing.T) {
	w := try(t, codes(0, 0), `local n = 0 function route(req) n = n + 1 req:reply(n == 1 and 404 or 200) end`, luabind.Trial{Share: 1}, luabindtest.Lanes(1))
	w.send(1, "x")
	w.Run(11 * time.Minute)
	if i, _ := w.Router.Trial(); i.State != luabind.TrialRuns || i.Reason == "" || i.Left != 0 {
		t.Fatalf("%+v", i)
	}
	if err := w.Router.EndTrial(true); err != nil {
		t.Fatal(err)
	}
	if i, _ := w.Router.Trial(); i.State != luabind.TrialPromoted || i.Failed {
		t.Errorf("%+v", i)
	}
}

// Nobody knows what becomes of what is forwarded statelessly: that is no failure. What is dropped
// is one, unless the script before did so too.
func TestTrialOfSilentScripts(t *testing.T) {
	const forwards, drops = `function route(req) req:forward("sip:x@10.0.0.99") end`, `function route(req) req:drop() end`
	for _, c := range []struct {
		name, before, after string
		share               float64
		state               string
	}{
		{"stateless", answering("old"), forwards, 1, luabind.TrialPromoted}, {"stateless both", forwards, forwards, 0.5, luabind.TrialPromoted},
		{"all are dropped", answering("old"), drops, 0.5, luabind.TrialEnded}, {"dropped before too", drops, drops, 0.5, luabind.TrialPromoted},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := try(t, c.before, c.after, luabind.Trial{Share: c.share})
			caller := w.Peer(luabindtest.Caller, nil)
			for range 40 {
				caller.Send(luabindtest.Addr, w.Request("MESSAGE", "sip:b@example.com", "", ""))
				w.Run(time.Second)
			}
			w.Run(11 * time.Minute)
			if i := w.ended(); i.State != c.state || i.New.Answered == 0 || c.state == luabind.TrialPromoted && i.New.Answered+i.Old.Answered != 40 {
				t.Errorf("%+v", i)
			}
		})
	}
}

// Of sources, whose callers dial other numbers than the rest, only what the server does wrong
// counts.
func TestTrialBySourceComparesFaults(t *testing.T) {
	for code, want := range map[int]string{404: luabind.TrialRuns, 486: luabind.TrialRuns, 603: luabind.TrialRuns, 500: luabind.TrialEnded, 503: luabind.TrialEnded} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			w := &onTrial{luabindtest.New(t, codes(0, 0)), t}
			w.send(50, "before")
			if err := w.use(codes(5, code), luabind.Trial{Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}); err != nil {
				t.Fatal(err)
			}
			w.send(100, "x")
			if want == luabind.TrialRuns {
				if err := w.Router.EndTrial(false); err != nil { // or it is ending
					t.Error(err)
				}
				return
			}
			if i := w.ended(); i.State != want {
				t.Errorf("%+v", i)
			}
		})
	}
}

// Only a script that failed was refused: not one that somebody took away.
func TestTrialThatIsEndedIsNoRefusal(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(w *onTrial) error
		want uint64
	}{
		{"by an operator", func(w *onTrial) error { return w.Router.EndTrial(false) }, 0},
		{"by a reload", func(w *onTrial) error { return w.Router.Reload(w.t.Context()) }, 0},
		{"by a reload that is refused", func(w *onTrial) error {
			_ = w.Router.ReloadAs(w.t.Context(), luabind.Options{Source: "function", Name: "route.lua"})
			return nil
		}, 1},
		{"by another", func(w *onTrial) error { return w.use(answering("third"), luabind.Trial{Share: 1}) }, 0},
		{"by itself", func(w *onTrial) error { w.request("INFO", "x", ""); w.ended(); return nil }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := try(t, answering("old"), `function route(req) if req.method == "INFO" then error("oops") end req:reply(200) end`, luabind.Trial{Share: 1})
			if err := c.do(w); err != nil {
				t.Fatal(err)
			}
			if n := w.Router.Stats().ReloadErrors; n != c.want {
				t.Errorf("%d reloads were refused", n)
			}
			if log := w.Log(); strings.Contains(log, "level=ERROR") != (c.name == "by itself") {
				t.Error(log)
			}
		})
	}
}

// Only what begins a dialog takes the room that there is for calls, for as long as it may go on.
func TestTrialRemembersDialogs(t *testing.T) {
	w := try(t, answering("old"), `function route(req) req:reply(req.call_id:find("busy") and 486 or req.call_id:find("who") and 401 or 200, "new") end`, luabind.Trial{Share: 1}, luabindtest.Lanes(1))
	w.Router.TrialCalls(3)
	for i, c := range []struct {
		method, id string
		want       int
	}{
		{"MESSAGE", "m", 0}, {"REGISTER", "r", 0}, {"OPTIONS", "o", 0}, {"PUBLISH", "p", 0}, {"NOTIFY", "n", 0},
		{"INVITE", "busy", 0}, {"INVITE", "who", 0}, {"INVITE", "a", 1}, {"INVITE", "a", 1}, {"SUBSCRIBE", "s", 2}, {"REFER", "f", 3},
	} {
		t.Run(fmt.Sprint(i, c.method, c.id), func(t *testing.T) {
			w.request(c.method, c.id, "")
			w.Run(time.Minute)
			if n := w.Router.TrialCalls(0); n != c.want {
				t.Errorf("%d are remembered", n)
			}
		})
	}
	for _, c := range []struct{ name, method, id, want string }{
		{"a call that there is no room for", "INVITE", "late", "old"}, {"what is no call", "MESSAGE", "x", "new"}, {"a call that is known", "INVITE", "a", "new"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := w.request(c.method, c.id, ""); got != c.want {
				t.Errorf("%s", got)
			}
		})
	}
	w.request("INVITE", "later", "")
	if log := w.Log(); strings.Count(log, "the canary gets no more new calls") != 1 {
		t.Error(log)
	}
}

// A trial begins its time though the background lane can take no more.
func TestTrialAndAFullQueue(t *testing.T) {
	w := &onTrial{luabindtest.New(t, answering("old")), t}
	back, free, held := w.Engine.Background(), make(chan struct{}), make(chan struct{})
	back.Post(lane.Func(func(*lane.Lane) { close(held); <-free }))
	<-held
	for back.Post(lane.Func(func(*lane.Lane) {})) {
	}
	err := w.use(answering("new"), luabind.Trial{Share: 1})
	close(free)
	if err != nil {
		t.Fatal(err)
	}
	w.request("MESSAGE", "x", "")
	w.Run(11 * time.Minute)
	if i := w.ended(); i.State != luabind.TrialPromoted {
		t.Errorf("%+v", i)
	}
}
