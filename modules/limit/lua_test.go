package limit

// This file tests the module as scripts see it, and who is not heard.

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/acl"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/host/hosttest"
)

func world(t *testing.T, script string) (*luabindtest.World, *Limit) {
	t.Helper()
	w, l, err := try(t, script)
	if err != nil {
		t.Fatal(err)
	}
	return w, l
}

func try(t *testing.T, script string) (*luabindtest.World, *Limit, error) {
	t.Helper()
	set, err := host.Open([]host.Plugin{acl.Plugin(), Plugin()}, host.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = set.Close() })
	if !strings.Contains(script, "function route") {
		script += "\nfunction route(req) req:reply(200) end"
	}
	w, err := luabindtest.Try(t, `acl, limit = require "acl", require "limit" `+script, luabindtest.Modules(set.Openers()...))
	return w, set.Openers()[1].(*Limit), err
}

func eval(t *testing.T, w *luabindtest.World, source string, want ...any) {
	t.Helper()
	got, err := w.Eval(source)
	if err != nil || len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("%s\ngot  %#v, %v\nwant %#v", source, got, err, want)
	}
}

func TestRateAndWindow(t *testing.T) {
	w, _ := world(t, "")
	eval(t, w, `local n = 0 for i = 1, 20 do if limit.rate("a", 10, 10) then n = n + 1 end end return n, select(2, limit.rate("a", 10, 10)), limit.rate("b", 10, 10)`, 10.0, 1.0, true, nil)
	eval(t, w, `return limit.rate("c", 1, 60, { burst = 2 }), limit.rate("c", 1, 60, { burst = 2 }), limit.rate("c", 1, 60, { burst = 2 })`, true, true, false, 60.0)
	eval(t, w, `return limit.window("d", 1, 60), limit.window("d", 2, 60), limit.window("d", 1, 60)`, true, true, false, 60.0)
	w.Run(time.Second)
	eval(t, w, `return limit.rate("a", 10, 10), limit.window("d", 1, 60)`, true, false, 59.0)
	eval(t, w, `return limit.rate("a", 10, 10)`, false, 1.0)
	w.Run(59 * time.Second)
	eval(t, w, `return limit.window("d", 1, 60)`, true, nil)
	for source, want := range map[string]string{
		`limit.rate("a", 0, 1)`: "n must be more than 0", `limit.rate("a", 0/0, 1)`: "n must be more than 0", `limit.rate("a", 1, 0)`: "per must be a millisecond",
		`limit.window("a", 1, 1e9)`: "per must be", `limit.rate("a", 1, 1, { burst = 0 })`: "option burst must be at least 1", `limit.rate(nil, 1, 1)`: "must be",
	} {
		t.Run(source, func(t *testing.T) {
			if _, err := w.Eval(source); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestBadScripts(t *testing.T) {
	for source, want := range map[string]string{
		`limit.configure({ flood = {} })`:                                      "requests is required",
		`limit.configure({ flood = { requests = 0 } })`:                        "requests must be at least 1",
		`limit.configure({ flood = { requests = 1, except = { "nobody" } } })`: `acl has no list "nobody"`,
		`limit.configure({ flood = { requests = 1, except = { "a b" } } })`:    "can't be the name of a list",
		`limit.configure({ total = { calls_per_second = 0 } })`:                "calls_per_second must be at least",
		`limit.configure({ scanners = { "x" } })`:                              "scanners: limit.scanners: entry 1: ",
		`limit.configure({ scanners = { "agent:*" } })`:                        "expected agent:PATTERN",
		`limit.configure({ scanners = 7 })`:                                    "scanners: expected a table",
		`limit.configure({}) limit.configure({})`:                              "has already been called",
	} {
		t.Run(source, func(t *testing.T) {
			if _, _, err := try(t, source); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// answered is how many of n requests are answered.
func answered(w *luabindtest.World, n int, method string, headers ...string) (count int) {
	p := w.Peer(luabindtest.Caller, nil)
	defer p.Remove()
	for range n {
		p.Send(luabindtest.Addr, w.Request(method, "sip:example.com", strings.Join(headers, ""), ""))
	}
	w.Run(100 * time.Millisecond)
	for _, m := range p.Got {
		if m.Status() >= 200 {
			count++
		}
	}
	return count
}

// Who sends too much is not heard for a while, and everybody is told.
func TestFlood(t *testing.T) {
	w, l := world(t, `limit.configure({ flood = { requests = 5, per = 10, ban = 60 } })
		sip.on("limit.banned", function(ip, why) sip.log.info("BANNED %s %s", ip, why) end)`)
	if n := answered(w, 8, "OPTIONS"); n != 5 {
		t.Errorf("%d of 8 were answered", n)
	}
	if !strings.Contains(w.Log(), "BANNED 10.0.0.2 flood") {
		t.Error("no event")
	}
	if list := l.Bans(); len(list) != 1 || list[0].Source.String() != "10.0.0.2/32" || list[0].Why != WhyFlood || list[0].Drops != 2 || list[0].Left > time.Minute {
		t.Errorf("%+v", list)
	}
	w.Run(50 * time.Second)
	if n := answered(w, 1, "OPTIONS"); n != 0 {
		t.Error("it is heard during the ban")
	}
	w.Run(10 * time.Second)
	if n := answered(w, 1, "OPTIONS"); n != 1 {
		t.Error("it is not heard after the ban")
	}
}

// An address that has a binding is not banned, for somebody may forge it; it can't send more all
// the same.
func TestFloodInTheNameOfAClient(t *testing.T) {
	w, l := world(t, `limit.configure({ flood = { requests = 5, per = 10, ban = 60 } })`)
	if n := answered(w, 1, "REGISTER"); n != 1 {
		t.Fatal("not registered")
	}
	if n := answered(w, 20, "OPTIONS"); n != 9 { // 4 of its address, 5 of its own
		t.Errorf("%d were answered", n)
	}
	if list := l.Bans(); len(list) != 0 {
		t.Errorf("%+v", list)
	}
	w.Run(10 * time.Second)
	if n := answered(w, 1, "OPTIONS"); n != 1 {
		t.Error("it is not heard")
	}
}

func TestFloodWithoutBan(t *testing.T) {
	w, l := world(t, `limit.configure({ flood = { requests = 5, per = 10, ban = 0 } })`)
	if n := answered(w, 8, "OPTIONS"); n != 5 || len(l.Bans()) != 0 {
		t.Errorf("%d of 8 were answered, %v", n, l.Bans())
	}
	w.Run(2 * time.Second)
	if n := answered(w, 2, "OPTIONS"); n != 1 {
		t.Errorf("%d of 2 after two seconds", n)
	}
}

// Lists of acl exempt senders.
func TestFloodExcept(t *testing.T) {
	w, l := world(t, `limit.configure({ flood = { requests = 5, per = 10, except = { "trunks" } } }) acl.configure({ lists = { trunks = { "10.0.0.0/24" } } })`)
	if n := answered(w, 30, "OPTIONS"); n != 30 || len(l.Bans()) != 0 {
		t.Errorf("%d of 30 were answered", n)
	}
	if n := answered(w, 1, "OPTIONS", "User-Agent: friendly-scanner\r\n"); n != 1 || len(l.Bans()) != 0 {
		t.Error("a trunk's monitoring was banned")
	}
}

func TestScanners(t *testing.T) {
	request := func(uri, from, agent string) string {
		return "OPTIONS " + uri + " SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK-1\r\nMax-Forwards: 70\r\nFrom: " + from + ";tag=1\r\nTo: <" + uri +
			">\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nUser-Agent: " + agent + "\r\nContent-Length: 0\r\n\r\n"
	}
	for name, row := range map[string]struct {
		text    string
		scanner bool
	}{
		"svmap":      {request("sip:100@10.0.0.1", `"sipvicious" <sip:100@1.1.1.1>`, "x"), true},
		"agent":      {request("sip:a@10.0.0.1", `<sip:b@10.0.0.2>`, "Friendly-Scanner"), true},
		"sipsak":     {request("sip:a@10.0.0.1", `<sip:sipsak@10.0.0.2>`, "x"), true},
		"sipcli":     {request("sip:a@10.0.0.1", `<sip:b@10.0.0.2>`, "sipcli/v1.8"), true},
		"nmap":       {request("sip:nm", `<sip:nm@nm>`, "x"), true},
		"sippts":     {request("sip:100@10.0.0.1", `<sip:100@10.0.0.2>`, "pplsip"), true},
		"old sippts": {request("sip:100@10.0.0.1", `<sip:100@10.0.0.2>`, "sipptk"), true},
		"user nm":    {request("sip:nm@10.0.0.1", `<sip:nm@10.0.0.2>`, "x"), false},
		"a library":  {request("sip:a@10.0.0.1", `<sip:b@10.0.0.2>`, "VaxSIPUserAgent/3.1"), false},
		"phone":      {request("sip:nm2@10.0.0.1", `"Vicious" <sip:sid@10.0.0.2>`, "Phone scan 1.0"), false},
		"smap phone": {request("sip:a@10.0.0.1", `<sip:b@10.0.0.2>`, "smapphone"), false},
	} {
		t.Run(name, func(t *testing.T) {
			w, l := world(t, `limit.configure({ flood = { requests = 100 } })`)
			m := w.Send([]byte(row.text))
			if (m == nil) != row.scanner || (len(l.Bans()) == 1) != row.scanner || row.scanner && l.Bans()[0].Why != WhyScanner {
				t.Errorf("%v %+v", m, l.Bans())
			}
		})
	}
	w, l := world(t, `limit.configure({ scanners = { "method:OPTIONS", { pattern = "agent:other*", note = "x" } } })`)
	if n := answered(w, 1, "MESSAGE"); n != 1 || answered(w, 1, "OPTIONS") != 0 || len(l.Bans()) != 1 {
		t.Error("a list of its own")
	}
	w, _ = world(t, `limit.configure({ flood = { requests = 100 }, scanners = false })`)
	if n := answered(w, 1, "OPTIONS", "User-Agent: friendly-scanner\r\n"); n != 1 {
		t.Error("without scanners")
	}
	w, l = world(t, `limit.configure({ flood = { requests = 100 } })`)
	if n := answered(w, 1, "REGISTER"); n != 1 || answered(w, 1, "OPTIONS", "User-Agent: friendly-scanner\r\n") != 0 || len(l.Bans()) != 0 {
		t.Error("a client's address, which may be forged, was banned")
	}
}

// Beyond the total calls are refused, and nothing else.
func TestTotal(t *testing.T) {
	w, _ := world(t, `limit.configure({ total = { calls_per_second = 3 } }) function route(req) req:reply(486) end`)
	codes := map[int]int{}
	p := w.Peer(luabindtest.Caller, nil)
	for i := range 10 {
		method := "INVITE"
		if i >= 5 {
			method = "OPTIONS"
		}
		p.Send(luabindtest.Addr, w.Request(method, "sip:example.com", "Contact: <sip:a@10.0.0.2>\r\n", ""))
	}
	w.Run(100 * time.Millisecond)
	for _, m := range p.Got {
		if m.Status() == 503 && m.HeaderName("retry-after") == nil {
			t.Error("no Retry-After")
		}
		if m.Status() >= 200 {
			codes[m.Status()]++
		}
	}
	if codes[486] != 8 || codes[503] != 2 {
		t.Error(codes)
	}
}

func TestBansCommand(t *testing.T) {
	w, l := world(t, `limit.configure({ flood = { requests = 1, per = 10 } })`)
	if n := answered(w, 3, "OPTIONS"); n != 1 {
		t.Fatal(n)
	}
	run := func(flags map[string]any, words ...string) (string, error) {
		out, err := hosttest.Run(bansCommand(), "limit", l.API(), flags, append([]string{"bans"}, words...)...)
		return strings.Join(strings.Fields(out), " "), err
	}
	if out, err := run(nil); err != nil || out != "SOURCE WHY SINCE LEFT DROPPED 10.0.0.2 flood 2026-01-01T00:00:00Z 5m0s 1" {
		t.Error(out, err)
	}
	if out, err := run(map[string]any{"json": true}, "list"); err != nil || !strings.Contains(out, `"source": "10.0.0.2", "why": "flood"`) {
		t.Error(out, err)
	}
	for _, row := range []struct{ words, want string }{{"remove 10.0.0.9", "10.0.0.9 is not banned"}, {"remove x", "expected ?ip="}, {"remove", "expected one address"},
		{"remove 10.0.0.2", ""}, {"list", ""}, {"list x", "takes no argument"}, {"x", "unknown command"}} {
		t.Run(row.words, func(t *testing.T) {
			_, err := run(nil, strings.Fields(row.words)...)
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
	if n := answered(w, 1, "OPTIONS"); n != 0 {
		t.Error("the count went with the ban") // it is banned again
	}
	eval(t, w, `return limit.unban("10.0.0.2"), limit.unban("10.0.0.2"), limit.unban("x"), limit.reload()`, true, false, false, true)
	if list := l.Metrics(); len(list) != 7 {
		t.Errorf("%d metrics", len(list))
	}
}

func TestSpelling(t *testing.T) {
	if got := fmt.Sprint(prefixOf(sourceOf(mustAddr("2001:db8::1:2:3:4"))), prefixOf(sourceOf(mustAddr("::ffff:192.0.2.1")))); got != "2001:db8::/64 192.0.2.1/32" {
		t.Error(got)
	}
}
