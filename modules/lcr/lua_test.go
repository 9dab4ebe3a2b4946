package lcr_test

// This file tests the module as scripts see it.

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/internal/sqlitetest"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/dispatch"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/lcr"
)

// sets is one set, "pstn": gateways by their carrier. One that is missing is not up.
type sets map[string][]*engine.Target

func (s sets) Carriers(set string) func(func() uint64, func(string, *engine.Target)) {
	if set != "pstn" {
		return nil
	}
	return func(random func() uint64, each func(string, *engine.Target)) {
		random()
		for carrier, list := range s {
			for _, t := range list {
				each(carrier, t)
			}
		}
	}
}

var guarded = &engine.Gateway{Host: "x"}

var known = sets{
	"a": {{NextHop: "sip:10.0.3.1"}, {NextHop: "sips:10.0.3.2:5071", FromSocket: "udp:10.0.0.1:5060", Gateway: guarded}},
	"b": {{URI: "sip:x:y@b.example.net;transport=tcp?X=y", NextHop: "sip:10.0.3.3"}, {NextHop: "tel:1"}},
	"e": {{NextHop: "tel:1"}},
}

func eval(t *testing.T, w *luabindtest.World, source string, want ...any) {
	t.Helper()
	got, err := w.Eval(source)
	if err != nil || len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("%s\ngot  %#v, %v\nwant %#v", source, got, err, want)
	}
}

// list is a script's function that shows routes.
const list = `
local function show(routes, err)
  if not routes then return err end
  local all = {}
  for i, r in ipairs(routes) do all[i] = r.carrier .. " " .. r.prefix .. " " .. r.cost .. " " .. tostring(r.uri) end
  return table.concat(all, ", ")
end
`

func TestScripts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rates.csv")
	write := func(text string) {
		if err := os.WriteFile(file, []byte("prefix,carrier,cost,quality,hours,account,attrs\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("49,a,0.02,1,,,\n4930,b,0.01,,,,\"{\"\"x\"\": \"\"y\"\"}\"\n49,c,0.005,,,,\n33,a,0.3,,22:00-06:00,,\n33,b,0.1,,,vip,\n7,d,1,,,,\n8,e,1,,,,\n,f,0.1,,00:00-00:01,,\n")
	m := lcr.NewModule(lcr.ModuleOptions{Gateways: known})
	w := luabindtest.New(t, `lcr = require "lcr"
lcr.configure { rates = "file:`+file+`", timezone = "Europe/Berlin",
  carriers = { set = "pstn", a = { strip = 1, add = "00" }, c = { add = "9", targets = "sip:10.0.3.9:5080;transport=tcp" } } }
`+strings.Replace(list, "local function", "function", 1)+`
function route(req) end`, luabindtest.Modules(m), luabindtest.Lanes(2))
	for source, want := range map[string][]any{
		`return show(lcr.routes("+4930123"))`: {"c 49 0.005 sip:9+4930123@10.0.3.9:5080;transport=tcp, b 4930 0.01 sip:+4930123@b.example.net;transport=tcp, " +
			"a 49 0.02 sip:004930123@10.0.3.1, a 49 0.02 sips:004930123@10.0.3.2:5071"},
		`return show(lcr.routes("+4930123", { limit = 2 }))`:                                                 {"c 49 0.005 sip:9+4930123@10.0.3.9:5080;transport=tcp, b 4930 0.01 sip:+4930123@b.example.net;transport=tcp"},
		`return show(lcr.routes("+4930123", { min_quality = 1, limit = 1 }))`:                                {"a 49 0.02 sip:004930123@10.0.3.1, a 49 0.02 sips:004930123@10.0.3.2:5071"},
		`return show(lcr.routes("49#3*0", { max_cost = 0.016 / 3 }))`:                                        {"c 49 0.005 sip:949%233*0@10.0.3.9:5080;transport=tcp"},
		`return show(lcr.routes("49#3*0", { max_cost = 0.005 }))`:                                            {"c 49 0.005 sip:949%233*0@10.0.3.9:5080;transport=tcp"},
		`return show(lcr.routes("33", { at = "2026-07-01T23:00:00" }))`:                                      {"a 33 0.3 sip:003@10.0.3.1, a 33 0.3 sips:003@10.0.3.2:5071"},
		`return show(lcr.routes("33", { at = 1782939600 }))`:                                                 {"a 33 0.3 sip:003@10.0.3.1, a 33 0.3 sips:003@10.0.3.2:5071"},
		`return show(lcr.routes("33", { at = "2026-07-01T12:00:00Z" }))`:                                     {"no carrier takes this number"},
		`return show(lcr.routes("33", { at = "2026-07-01T12:00:00Z", account = "vip", max_cost = "0.10" }))`: {"b 33 0.1 sip:33@b.example.net;transport=tcp"},
		`return lcr.routes("+4930123")[2].attrs.x, lcr.routes("49")[1].attrs.x`:                              {"y", nil},
		`return lcr.routes("+4930123")[3].quality`:                                                           {1.0},
		`return show(lcr.routes("7"))`:                                                                       {"no gateway is up: none of 1 carriers"},
		`return show(lcr.routes("8"))`:                                                                       {"no gateway is up: none of 1 carriers"},
		`return lcr.routes("bob")`:                                                                           {nil, `"bob" is not a number`},
		`return lcr.routes("")`:                                                                              {nil, `"" is not a number`},
		`return lcr.routes("+")`:                                                                             {nil, `"+" is not a number`},
		`return lcr.routes("49\r\nX: y")`:                                                                    {nil, `"49\r\nX: y" is not a number`},
		`return (select(2, lcr.routes(("1"):rep(65))))`:                                                      {`"` + strings.Repeat("1", 40) + `" is not a number`},
	} {
		t.Run(source, func(t *testing.T) { eval(t, w, source, want...) })
	}
	for source, want := range map[string]string{
		`lcr.routes("49", { at = "soon" })`:     "option at must be a time",
		`lcr.routes("49", { max_cost = -1/3 })`: "option max_cost must be a decimal number",
		`lcr.routes("49", { max_cost = "a" })`:  "option max_cost must be a decimal number",
		`lcr.routes("49", { max_cost = true })`: "option max_cost must be a decimal number",
		`lcr.routes("49", { limit = 0 })`:       "option limit must be at least 1",
		`lcr.routes("49", { carrier = "a" })`:   `unknown option "carrier"`,
	} {
		t.Run(source, func(t *testing.T) {
			if _, err := w.Eval(source); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
	write("49,c,0.5,,,,\n")
	eval(t, w, `return lcr.reload()`, true)
	eval(t, w, `return show(lcr.routes("49"))`, "c 49 0.5 sip:949@10.0.3.9:5080;transport=tcp")
	write("49,c,0.5,,,,\n49,c,x,,,,\n")
	got, err := w.Eval(`return lcr.reload()`)
	if err != nil || got[0] != nil || !strings.Contains(fmt.Sprint(got[1]), "rates.csv:3: cost: must be a decimal number") {
		t.Errorf("%v, %v", got, err)
	}
	eval(t, w, `return show(lcr.routes("49"))`, "c 49 0.5 sip:949@10.0.3.9:5080;transport=tcp")
	figures := map[string]float64{}
	for _, metric := range m.Metrics() {
		figures[metric.Name+metric.Labels["result"]] = metric.Value()
	}
	if figures["list_entries"] != 1 || figures["lcr_lookups_totalrouted"] < 10 || figures["lcr_lookups_totalnone"] < 5 {
		t.Errorf("%v", figures)
	}
	if guarded.Rule != nil {
		t.Error("a gateway of others was changed")
	}
}

func TestConfigure(t *testing.T) {
	for script, want := range map[string]string{
		`lcr.configure { }`:                                                                                                             "option rates is required",
		`lcr.configure { rates = 7 }`:                                                                                                   "rates: expected a table, a function",
		`lcr.configure { rates = {}, timezone = "Mars/Olympus" }`:                                                                       "timezone: unknown time zone",
		`lcr.configure { rates = { { carrier = "a" } } }`:                                                                               "entry 1: cost is missing",
		`lcr.configure { rates = { { cost = 1 } } }`:                                                                                    "entry 1: carrier is missing",
		`lcr.configure { rates = { { carrier = "a", cost = 0.1 + 0.2 } } }`:                                                             "cost: must be a decimal number",
		`lcr.configure { rates = { { carrier = "a", cost = -1 } } }`:                                                                    "cost: must be a decimal number",
		`lcr.configure { rates = { { carrier = "a", cost = 1, quality = -1 } } }`:                                                       "quality: must be at least 0",
		`lcr.configure { rates = {}, carriers = 7 }`:                                                                                    "carriers must be a table",
		`lcr.configure { rates = {}, carriers = { a = 7 } }`:                                                                            "carriers.a must be a table",
		`lcr.configure { rates = {}, carriers = { a = { strp = 7 } } }`:                                                                 `carriers.a: unknown key "strp"`,
		`lcr.configure { rates = {}, carriers = { a = { strip = 1.5 } } }`:                                                              "strip must be a whole number",
		`lcr.configure { rates = {}, carriers = { a = { add = "x" } } }`:                                                                "add must be digits",
		`lcr.configure { rates = {}, carriers = { a = { targets = {} } } }`:                                                             "targets must be a list",
		`lcr.configure { rates = {}, carriers = { a = { targets = { "tel:1" } } } }`:                                                    "is not a sip URI",
		`lcr.configure { rates = {}, carriers = { a = { targets = { 7 } } } }`:                                                          "targets: ",
		`lcr.configure { rates = {}, carriers = { set = "pstn" } }`:                                                                     "carriers.set: there are no sets here",
		`lcr.configure { rates = {} } lcr.configure { rates = {} }`:                                                                     "already been called",
		`lcr.configure { rates = {}, timezone = sip.random(2) == 1 and "UTC" or "CET", carriers = { a = { strip = sip.random(60) } } }`: "differs between lanes",
		`lcr.configure { rates = function() return nil, "away" end }`:                                                                   "away",
	} {
		t.Run(script, func(t *testing.T) {
			_, err := luabindtest.Try(t, "lcr = require 'lcr' "+script+" function route(req) end", luabindtest.Lanes(8), luabindtest.Modules(lcr.NewModule(lcr.ModuleOptions{})))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
	_, err := luabindtest.Try(t, `require("lcr").configure { rates = {}, carriers = { set = "other" } } function route(req) end`,
		luabindtest.Modules(lcr.NewModule(lcr.ModuleOptions{Gateways: known})))
	if err == nil || !strings.Contains(err.Error(), `dispatch has no set "other"`) {
		t.Errorf("%v", err)
	}
	w := luabindtest.New(t, "lcr = require 'lcr' function route(req) end", luabindtest.Modules(lcr.NewModule(lcr.ModuleOptions{})))
	for _, source := range []string{`lcr.routes("1")`, `lcr.reload()`} {
		t.Run(source, func(t *testing.T) {
			if _, err := w.Eval(source); err == nil || !strings.Contains(err.Error(), "there are no rates") {
				t.Error(err)
			}
		})
	}
}

// A call goes to the next gateway and the next carrier while it has reached nobody.
func TestCalls(t *testing.T) {
	for name, row := range map[string]struct {
		first   []int // what the first gateway answers
		options string
		want    int
		sent    string // to which gateways it went
	}{
		"taken":                {[]int{200}, "", 200, "a1"},
		"unavailable":          {[]int{503}, "", 200, "a1 a2"},
		"a server error":       {[]int{500}, "", 200, "a1 a2"},
		"silent":               {nil, "", 200, "a1 a2"},
		"rang, then failed":    {[]int{180, 503}, "", 200, "a1 a2"},
		"busy":                 {[]int{486}, "", 486, "a1"},
		"not found":            {[]int{404}, "", 404, "a1"},
		"not found, but asked": {[]int{404}, `{ order = "serial", failover = { 404 } }`, 200, "a1 a2"},
	} {
		t.Run(name, func(t *testing.T) {
			options := row.options
			if options == "" {
				options = "err"
			}
			w := luabindtest.New(t, `lcr = require "lcr"
lcr.configure { rates = { { prefix = "49", carrier = "a", cost = 1 }, { prefix = "49", carrier = "b", cost = 2 } },
  carriers = { a = { targets = { "sip:10.0.3.1", "sip:10.0.3.2" } }, b = { targets = { "sip:10.0.3.3" } } } }
function route(req)
  if req.in_dialog then return req:relay() end
  local routes, err = lcr.routes(req.ruri.user)
  req:relay(routes, `+options+`)
end`, luabindtest.Modules(lcr.NewModule(lcr.ModuleOptions{})))
			var sent []string
			gateway := func(name, addr string, codes ...int) {
				w.Peer(addr, func(p *luabindtest.Peer, m *message.Message, in sim.Packet) {
					if !m.IsRequest() || m.Method() != message.MethodInvite {
						return
					}
					if len(sent) == 0 || sent[len(sent)-1] != name {
						sent = append(sent, name)
					}
					for _, code := range codes {
						p.Reply(m, in, code, "")
					}
				})
			}
			gateway("a1", "10.0.3.1:5060", row.first...)
			gateway("a2", "10.0.3.2:5060", 200)
			gateway("b", "10.0.3.3:5060", 200)
			if code := w.Code("INVITE", "sip:+4930@example.com", "Contact: <sip:alice@10.0.0.2>\r\n"); code != row.want || strings.Join(sent, " ") != row.sent {
				t.Errorf("%d by %v, want %d by %s", code, sent, row.want, row.sent)
			}
		})
	}
}

// The gateways of a set of dispatch: what is down is left out, of each carrier alone.
func TestSetsOfDispatch(t *testing.T) {
	modules, err := host.Offline([]host.Plugin{dispatch.Plugin(), lcr.Plugin()})
	if err != nil {
		t.Fatal(err)
	}
	w := luabindtest.New(t, `lcr, dispatch = require "lcr", require "dispatch"
dispatch.configure { sets = { pstn = { { next_hop = "10.0.3.1", carrier = "a" }, { next_hop = "10.0.3.2", carrier = "a", priority = 1 }, { next_hop = "10.0.3.3", carrier = "b" }, "10.0.3.4" } } }
lcr.configure { rates = { { prefix = "49", carrier = "a", cost = 1 }, { prefix = "49", carrier = "b", cost = 2 } }, carriers = { set = "pstn", b = { strip = 1 } } }
`+strings.Replace(list, "local function", "function", 1)+`function route(req)
  req:record_route()
  req:relay(lcr.routes(req.ruri.user))
end`, luabindtest.Modules(modules...))
	eval(t, w, `return show(lcr.routes("+4930"))`, "a 49 1 sip:+4930@10.0.3.1, a 49 1 sip:+4930@10.0.3.2, b 49 2 sip:4930@10.0.3.3")
	eval(t, w, `dispatch.mark("pstn", "10.0.3.1", "disabled") return show(lcr.routes("+4930"))`, "a 49 1 sip:+4930@10.0.3.2, b 49 2 sip:4930@10.0.3.3")
	asked := ""
	w.Peer("10.0.3.2:5060", luabindtest.Answering(503))
	w.Peer("10.0.3.3:5060", func(p *luabindtest.Peer, m *message.Message, in sim.Packet) {
		if m.IsRequest() && m.Method() == message.MethodInvite {
			asked = string(m.RequestURI())
			p.Reply(m, in, 200, "")
		}
	})
	if code := w.Code("INVITE", "sip:+4930@example.com", "Contact: <sip:alice@10.0.0.2>\r\n"); code != 200 || asked != "sip:4930@10.0.3.3" {
		t.Errorf("%d by %s", code, asked)
	}
	eval(t, w, `dispatch.mark("pstn", "10.0.3.2", "down") dispatch.mark("pstn", "10.0.3.3", "down") return lcr.routes("+4930")`, nil, "no gateway is up: none of 2 carriers")
}

func TestLayouts(t *testing.T) {
	kamailio := sqlitetest.New(t, `CREATE TABLE lcr_gw (id INTEGER, lcr_id INTEGER, gw_name TEXT)`, `CREATE TABLE lcr_rule (id INTEGER, lcr_id INTEGER, prefix TEXT, enabled INTEGER)`,
		`CREATE TABLE lcr_rule_target (id INTEGER, lcr_id INTEGER, rule_id INTEGER, gw_id INTEGER, priority INTEGER)`,
		`INSERT INTO lcr_gw VALUES (1, 1, 'a'), (2, 1, 'b'), (1, 2, 'other')`, `INSERT INTO lcr_rule VALUES (1, 1, '49', 1), (2, 1, '4930', 0), (3, 1, NULL, 1)`,
		`INSERT INTO lcr_rule_target VALUES (1, 1, 1, 1, 7), (2, 1, 1, 2, 3), (3, 1, 2, 1, 0), (4, 1, 3, 1, 9)`)
	opensips := sqlitetest.New(t, `CREATE TABLE dr_rules (ruleid INTEGER, groupid TEXT, prefix TEXT, timerec TEXT, priority INTEGER, gwlist TEXT)`,
		`INSERT INTO dr_rules VALUES (1, '1', '49', NULL, 0, 'b=10, #a=20;c'), (2, '1', '', '', 0, 'a')`)
	own := sqlitetest.New(t, `CREATE TABLE lcr_rates (prefix TEXT, carrier TEXT, cost DECIMAL(12,6), valid_from TEXT, valid_to TEXT, days TEXT, hours TEXT, quality REAL, account TEXT, attrs TEXT)`,
		`INSERT INTO lcr_rates VALUES ('49', 'a', 0.1, NULL, NULL, NULL, NULL, NULL, NULL, NULL), ('49', 'b', 0.012345, '2026-01-01', '2099-12-31', 'mon-sun', '0-24', 5, NULL, '{}')`)
	for name, row := range map[string]struct{ source, want string }{
		"kamailio": {fmt.Sprintf(`{ url = %q, layout = "kamailio" }`, kamailio), "b 49 3 sip:4930@10.0.3.2, a 49 7 sip:4930@10.0.3.1"},
		"opensips": {fmt.Sprintf(`{ url = %q, layout = "opensips" }`, opensips), "b 49 1 sip:4930@10.0.3.2, a 49 2 sip:4930@10.0.3.1, c 49 3 sip:4930@10.0.3.3"},
		"our own":  {fmt.Sprintf(`%q`, own), "b 49 0.012345 sip:4930@10.0.3.2, a 49 0.1 sip:4930@10.0.3.1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := luabindtest.New(t, `lcr = require "lcr" lcr.configure { rates = `+row.source+`, carriers = { a = { targets = "sip:10.0.3.1" }, b = { targets = "sip:10.0.3.2" }, c = { targets = "sip:10.0.3.3" } } }
`+strings.Replace(list, "local function", "function", 1)+`function route(req) end`, luabindtest.Modules(lcr.NewModule(lcr.ModuleOptions{})))
			eval(t, w, `return show(lcr.routes("4930", { at = "2026-06-01" }))`, row.want)
		})
	}
	for _, rule := range []string{`'49', '20260101T000000', 'a'`, `'49', '', 'a,=2'`} {
		t.Run(rule, func(t *testing.T) {
			url := sqlitetest.New(t, `CREATE TABLE dr_rules (prefix TEXT, timerec TEXT, gwlist TEXT)`, `INSERT INTO dr_rules VALUES (`+rule+`)`)
			if _, err := luabindtest.Try(t, fmt.Sprintf(`require("lcr").configure { rates = { url = %q, layout = "opensips" } } function route(req) end`, url),
				luabindtest.Modules(lcr.NewModule(lcr.ModuleOptions{}))); err == nil || !strings.Contains(err.Error(), "row 1: ") {
				t.Error(err)
			}
		})
	}
}
