package luabind_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// answering is a script that answers with a reason, by which it is recognised.
func answering(name string) string {
	return fmt.Sprintf(`function route(req) if req.method ~= "ACK" then req:reply(200, %q) end end`, name)
}

type onTrial struct {
	*luabindtest.World
	t *testing.T
}

// try starts a server with a script, and a trial of another.
func try(t *testing.T, before, after string, trial luabind.Trial, options ...luabindtest.Option) *onTrial {
	t.Helper()
	w := &onTrial{luabindtest.New(t, before, options...), t}
	if err := w.use(after, trial); err != nil {
		t.Fatal(err)
	}
	return w
}

// use puts a script on trial.
func (w *onTrial) use(source string, trial luabind.Trial) error {
	return w.Router.TryAs(w.t.Context(), luabind.Options{Source: source, Name: "route.lua"}, trial)
}

// request is a request of a Call-ID; tag is that of To, "" for a new one.
func (w *onTrial) request(method, id, tag string) string {
	w.t.Helper()
	text := string(w.Request(method, "sip:b@example.com", "", ""))
	from := strings.Index(text, "Call-ID: ")
	end := from + strings.Index(text[from:], "\r\n")
	text = text[:from] + "Call-ID: " + id + text[end:]
	if tag != "" {
		text = strings.Replace(text, "To: <sip:b@example.com>", "To: <sip:b@example.com>;tag="+tag, 1)
	}
	m := w.Send([]byte(text))
	if m == nil {
		w.t.Fatal("no answer")
	}
	return string(m.ReasonPhrase())
}

// ended waits until the trial is over.
func (w *onTrial) ended() luabind.TrialInfo {
	w.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		w.Run(0)
		if i, _ := w.Router.Trial(); i.State != luabind.TrialRuns {
			return i
		}
	}
	i, _ := w.Router.Trial()
	w.t.Fatalf("the trial goes on: %+v", i)
	return i
}

// The share is chosen by the Call-ID: for the same one alike, in any process with the same secret;
// who does not know that can't tell which.
func TestTrialShare(t *testing.T) {
	secret := func(text string) luabindtest.Option {
		return luabindtest.Engine(func(c *engine.Config) { c.Secret = []byte(text + ", with which servers sign") })
	}
	w := try(t, answering("old"), answering("new"), luabind.Trial{Share: 0.05}, luabindtest.Lanes(2), secret("ours"))
	again := try(t, answering("old"), answering("new"), luabind.Trial{Share: 0.05}, luabindtest.Lanes(1), secret("ours"))
	other := try(t, answering("old"), answering("new"), luabind.Trial{Share: 0.05}, luabindtest.Lanes(1), secret("another"))
	n, both := 0, 0
	for i := range 1000 {
		id := fmt.Sprintf("%d@host", i)
		got := w.request("MESSAGE", id, "")
		if got == "new" {
			n++
			if other.request("MESSAGE", id, "") == "new" {
				both++
			}
		}
		if i%10 == 0 && again.request("MESSAGE", id, "") != got {
			t.Errorf("%s goes to another script in another process", id)
		}
	}
	if n < 30 || n > 70 {
		t.Errorf("the new script got %d of 1000", n)
	}
	if both > n/3 {
		t.Errorf("%d of %d go to the new script of a server with another secret, too", both, n)
	}
	i, ok := w.Router.Trial()
	if !ok || i.State != luabind.TrialRuns || i.New.Requests != uint64(n) || i.Old.Requests != uint64(1000-n) || i.New.Answered != uint64(n) || i.Generation != 2 {
		t.Errorf("%+v", i)
	}
	list := w.Router.Generations()
	if len(list) != 2 || !list[0].Trial || list[0].Serving || !list[1].Serving {
		t.Errorf("%+v", list)
	}
}

func TestTrialBySource(t *testing.T) {
	for prefix, want := range map[string]string{"10.0.0.0/8": "new", luabindtest.Caller[:strings.LastIndex(luabindtest.Caller, ":")] + "/32": "new", "192.0.2.0/24": "old"} {
		t.Run(prefix, func(t *testing.T) {
			w := try(t, answering("old"), answering("new"), luabind.Trial{Sources: []netip.Prefix{netip.MustParsePrefix(prefix)}})
			if got := w.request("MESSAGE", "x", ""); got != want {
				t.Errorf("%s", got)
			}
		})
	}
}

// What belongs to a call goes where its first request went, and to the old script again when the
// new one is gone.
func TestTrialKeepsCallsTogether(t *testing.T) {
	w := &onTrial{luabindtest.New(t, answering("old")), t}
	w.request("INVITE", "before", "")
	if err := w.use(answering("new"), luabind.Trial{Share: 1}); err != nil {
		t.Fatal(err)
	}
	w.request("INVITE", "during", "")
	for _, c := range []struct{ name, method, id, want string }{
		{"a call from before", "BYE", "before", "old"}, {"a call of the new script", "INFO", "during", "new"},
		{"a call that nobody began", "BYE", "strange", "old"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := w.request(c.method, c.id, "t"); got != c.want {
				t.Errorf("%s", got)
			}
		})
	}
	if err := w.Router.EndTrial(false); err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"", "t"} {
		if got := w.request("INFO", "during", tag); got != "old" {
			t.Errorf("after the end: %s", got)
		}
	}
	if err := w.Router.EndTrial(false); err != luabind.ErrNoTrial {
		t.Error(err)
	}
	if i, _ := w.Router.Trial(); i.State != luabind.TrialEnded || i.Reason != "an operator ended it" {
		t.Errorf("%+v", i)
	}
	if n := len(w.Router.Generations()); n != 1 {
		t.Errorf("%d generations are left", n)
	}
}

// The first error of the new script is the last.
func TestTrialEndsWithAScriptError(t *testing.T) {
	var told []luabind.TrialInfo
	w := try(t, answering("old"), `function route(req) if req.method == "INFO" then error("oops") end req:reply(200, "new") end`, luabind.Trial{Share: 1},
		luabindtest.Script(func(o *luabind.Options) { o.Tried = func(i luabind.TrialInfo) { told = append(told, i) } }))
	if got := w.request("MESSAGE", "a", ""); got != "new" {
		t.Error(got)
	}
	w.request("INFO", "b", "")
	if got := w.request("MESSAGE", "c", ""); got != "old" {
		t.Errorf("after the error: %s", got)
	}
	i := w.ended()
	if i.State != luabind.TrialEnded || i.Reason != "script error in route: route.lua:1: oops" || i.New.Errors != 1 || i.Ended.IsZero() {
		t.Errorf("%+v", i)
	}
	if log := w.Log(); !strings.Contains(log, "the canary was rolled back") || !strings.Contains(log, "oops") {
		t.Error(log)
	}
	if err := w.Router.EndTrial(true); err != luabind.ErrNoTrial { // waits for the one that ends
		t.Error(err)
	}
	if len(told) != 1 || told[0].Reason != i.Reason {
		t.Errorf("told %+v", told)
	}
}

// An error of the old script is counted, and ends nothing; that of a callback counts as others do.
func TestTrialErrors(t *testing.T) {
	w := try(t, `function route(req) error("old oops") end`, answering("new"), luabind.Trial{Share: 0.5})
	for i := range 20 {
		w.request("MESSAGE", fmt.Sprint(i), "")
	}
	if i, _ := w.Router.Trial(); i.State != luabind.TrialRuns || i.Old.Errors == 0 || i.New.Errors != 0 {
		t.Errorf("%+v", i)
	}
	w = try(t, answering("old"), `function route(req) req:relay("sip:x@10.0.0.99", { reply_timeout = 1, on_failure = function() error("oops") end }) end`, luabind.Trial{Share: 1})
	w.request("INVITE", "x", "")
	if i := w.ended(); !strings.Contains(i.Reason, "script error in on_failure") {
		t.Errorf("%+v", i)
	}
}

// When more of the requests fail it is over, if there are enough, and chance is no reason.
func TestTrialEndsWithFailures(t *testing.T) {
	const some = `function route(req) req:reply(tonumber(req.call_id:match("%%d+")) %% %d == 0 and %d or 200) end`
	for _, c := range []struct {
		name, before, after string
		requests            int
		ends                bool
	}{
		{"all fail", answering("old"), fmt.Sprintf(some, 1, 404), 150, true},
		{"a third fails", answering("old"), fmt.Sprintf(some, 3, 500), 300, true},
		{"few requests", answering("old"), fmt.Sprintf(some, 1, 404), 8, false},
		{"as many fail before", fmt.Sprintf(some, 3, 404), fmt.Sprintf(some, 3, 500), 300, false},
		{"one more", answering("old"), fmt.Sprintf(some, 100, 500), 300, false},
		{"challenges", answering("old"), fmt.Sprintf(some, 1, 407), 150, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := try(t, c.before, c.after, luabind.Trial{Share: 0.5})
			for i := range c.requests {
				w.request("MESSAGE", fmt.Sprint(i), "")
			}
			if !c.ends {
				if i, _ := w.Router.Trial(); i.State != luabind.TrialRuns {
					t.Errorf("%+v", i)
				}
				return
			}
			if i := w.ended(); i.State != luabind.TrialEnded || !strings.Contains(i.Reason, "of its requests failed, and 0 of") {
				t.Errorf("%+v", i)
			}
		})
	}
}

// After its time it takes over: once it has been seen at work. Then its timers begin.
func TestTrialTakesOver(t *testing.T) {
	const source = `local ticks = sip.shared("ticks") sip.every(60, function() ticks:incr("n") end)
		sip.on("start", function(why) ticks:set("why", why) end)
		function route(req) req:reply(200, ("new %s %s"):format(ticks:get("n"), ticks:get("why"))) end`
	w := try(t, answering("old"), source, luabind.Trial{Share: 1, After: 10 * time.Minute})
	w.Run(20 * time.Minute)
	if i, _ := w.Router.Trial(); i.State != luabind.TrialRuns || i.Left != 0 {
		t.Errorf("without a request: %+v", i)
	}
	if got := w.request("MESSAGE", "x", ""); got != "new nil nil" {
		t.Errorf("before it takes over: %s", got)
	}
	w.Run(2 * time.Second)
	if i := w.ended(); i.State != luabind.TrialPromoted {
		t.Errorf("%+v", i)
	}
	w.Run(2 * time.Minute)
	if got := w.request("MESSAGE", "x", ""); got != "new 2 reload" && got != "new 1 reload" {
		t.Errorf("after it took over: %s", got)
	}
	if list := w.Router.Generations(); len(list) != 1 || list[0].Number != 2 || !list[0].Serving {
		t.Errorf("%+v", list)
	}
}

func TestTrialPromotedByHand(t *testing.T) {
	w := try(t, answering("old"), answering("new"), luabind.Trial{Share: 0.0001})
	if err := w.Router.EndTrial(true); err != nil {
		t.Fatal(err)
	}
	if got := w.request("MESSAGE", "x", ""); got != "new" {
		t.Error(got)
	}
	if err := w.Router.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := w.request("MESSAGE", "x", ""); got != "new" {
		t.Errorf("the next reload took another script: %s", got)
	}
}

// A reload while a trial runs ends it, and so does another trial. One that is refused changes
// nothing but that.
func TestTrialAndReloads(t *testing.T) {
	for _, c := range []struct {
		name, reason, after string
		do                  func(w *onTrial) error
		fails               string
	}{
		{"a reload", "the script was loaded again", "old", func(w *onTrial) error { return w.Router.Reload(w.t.Context()) }, ""},
		{"a trial", "", "third", func(w *onTrial) error { return w.use(answering("third"), luabind.Trial{Share: 1}) }, ""},
		{"a trial that is refused", "another canary began", "old", func(w *onTrial) error { return w.use("function route(", luabind.Trial{Share: 1}) }, "syntax error"},
		{"a trial without a share", "", "new", func(w *onTrial) error { return w.use(answering("third"), luabind.Trial{}) }, "needs a share"},
		{"a trial of more than all", "", "new", func(w *onTrial) error { return w.use(answering("third"), luabind.Trial{Share: 1.1}) }, "not between 0 and 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := try(t, answering("old"), answering("new"), luabind.Trial{Share: 1})
			if err := c.do(w); (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Fatal(err)
			}
			if i, _ := w.Router.Trial(); i.Reason != c.reason {
				t.Errorf("%+v", i)
			}
			if got := w.request("MESSAGE", "x", ""); got != c.after {
				t.Errorf("%s", got)
			}
		})
	}
}

// A trial changes nothing of how the old script's requests go: what it forwards statelessly stays
// so.
func TestTrialAndStatelessForwarding(t *testing.T) {
	const forward = `local seen = sip.shared("seen") function route(req) if req.method == "OPTIONS" then return req:reply(200, tostring(seen:get("n"))) end seen:incr("n") req:forward("sip:x@10.0.0.99") end`
	for _, share := range []float64{0.0001, 1} {
		t.Run(fmt.Sprint(share), func(t *testing.T) {
			w := try(t, forward, forward+" -- new", luabind.Trial{Share: share})
			caller := w.Peer(luabindtest.Caller, nil)
			text := w.Request("MESSAGE", "sip:b@example.com", "", "")
			caller.Send(luabindtest.Addr, text)
			w.Run(time.Second)
			caller.Send(luabindtest.Addr, text)
			w.Run(time.Second)
			caller.Remove()
			if got := w.request("OPTIONS", "x", ""); got != "2" {
				t.Errorf("route saw a request and its retransmission %s times", got)
			}
		})
	}
}

// A trial counts into the metrics of the script before it, and cannot declare them differently.
func TestTrialAndMetrics(t *testing.T) {
	const one = `local c = sip.metric.counter("my_total", "x") function route(req) c:inc() req:reply(200) end`
	w := try(t, one, one+" -- new", luabind.Trial{Share: 0.5})
	for i := range 10 {
		w.request("MESSAGE", fmt.Sprint(i), "")
	}
	if got := exported(w.World, "my_total", ""); got != "10" {
		t.Errorf("%s were counted", got)
	}
	if err := w.use(strings.Replace(one, `"x"`, `"x", { "a" }`, 1), luabind.Trial{Share: 0.5}); err == nil || !strings.Contains(err.Error(), "beside which this one is to run") {
		t.Error(err)
	}
}

// The modules that a script configures differently are named.
func TestTrialNamesConfigurations(t *testing.T) {
	configure := luabind.Function{Name: "configure", Where: luabind.AtLoad, Call: func(*luabind.Call) int { return 0 }}
	modules := luabindtest.Modules(&module{name: "one", functions: []luabind.Function{configure}}, &module{name: "two", functions: []luabind.Function{configure}})
	const source = `local one, two = require "one", require "two" one.configure{ a = { 1, x = %d }, f = function() end } two.configure{ b = 1 } function route() end`
	w := try(t, fmt.Sprintf(source, 1), fmt.Sprintf(source, 2), luabind.Trial{Share: 0.5}, modules)
	if i, _ := w.Router.Trial(); fmt.Sprint(i.Configured) != "[one]" {
		t.Errorf("%v", i.Configured)
	}
}
