package kemi_test

import (
	"strings"
	"testing"

	"github.com/sipscript/sipscript/modules/kemi"
)

// What app_lua adds to what the modules export.
var added = map[string]kemi.Signature{"x.exit": {Result: "none"}, "x.drop": {Result: "none"}}

// Names, parameters and results are those that Kamailio itself lists, for all modules that were
// loaded when it did.
func TestRowsAreKamailios(t *testing.T) {
	api := kemi.API()
	if len(api) < 800 {
		t.Fatalf("%d signatures", len(api))
	}
	listed := map[string]bool{}
	for name := range api {
		m, _, _ := strings.Cut(name, ".")
		listed[m] = true
	}
	seen := map[string]bool{}
	for _, r := range kemi.Rows() {
		t.Run(r.Name, func(t *testing.T) {
			if seen[r.Name] {
				t.Error("it is there twice")
			}
			seen[r.Name] = true
			want, ok := api[r.Name]
			if !ok {
				want, ok = added[r.Name]
			}
			m, _, _ := strings.Cut(r.Name, ".")
			if !ok && listed[m] {
				t.Fatal("there is no such function")
			}
			if ok && (r.Params != want.Params || r.Result != want.Result) {
				t.Errorf("(%s) %s, want (%s) %s", r.Params, r.Result, want.Params, want.Result)
			}
			if r.Does == "" {
				t.Error("it is not said what it does")
			}
		})
	}
}

// All that the stock example uses is there.
func TestStockIsCovered(t *testing.T) {
	for _, f := range kemi.Source("stock.lua", stockScript(t), nil) {
		t.Error(f)
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing wrong", `KSR.tm.t_relay()`, ""},
		{"a module alone", `if not KSR.nosuch then return end`, ""},
		{"no such function", `KSR.tm.t_nosuch()`, "t.lua:1:8: KSR.tm.t_nosuch: there is no such function in Kamailio 5.6"},
		{"drop", `KSR.drop()`, "t.lua:1:5: KSR.drop: there is no such function in Kamailio 5.6: use KSR.x.drop(), or KSR.set_drop()"},
		{"not here", "\nKSR.async.task_data()", "t.lua:2:11: KSR.async.task_data is not available here: use sip.sleep and sip.spawn"},
		{"not here, not listed", `KSR.xmlrpc.dispatch_rpc()`, `t.lua:1:12: KSR.xmlrpc.dispatch_rpc is not available here: use the admin API, --admin`},
		{"a variable that is not there", `KSR.pv.get("$nosuch")`, `t.lua:1:8: KSR.pv.get: "$nosuch": there is no variable $nosuch here`},
		{"a transformation that is not there", `KSR.pv.get("$(ru{s.nosuch})")`, `t.lua:1:8: KSR.pv.get: "$(ru{s.nosuch})": there is no transformation {s.nosuch} here`},
		{"too few arguments", `KSR.hdr.append()`, "t.lua:1:9: warning: KSR.hdr.append takes 1 arguments and is given 0: it does nothing and returns false"},
		{"arguments that are not known", `KSR.hdr.append(f())`, ""},
		{"its own function", `function KSR.mine() end KSR.mine() KSR.my = {} KSR.my.f()`, ""},
		{"a file", `local f = io.open("x")`, "t.lua:1:14: io.open is not available here: scripts read no files, run no programs and load no code"},
		{"its own io", `local io = {} io.open()`, ""},
		{"a library", `local c = require "cjson"`, `t.lua:1:11: require("cjson"): use sip.json.encode and sip.json.decode`},
		{"syntax", `x = = 1`, "t.lua:1:5: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, f := range kemi.Source("t.lua", c.text, nil) {
				got = append(got, f.String())
			}
			if g := strings.Join(got, "\n"); g != c.want && !(c.name == "syntax" && strings.HasPrefix(g, c.want)) {
				t.Errorf("got  %s\nwant %s", g, c.want)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, c := range []struct {
		name, file string
		files      map[string]string
		want       string
	}{
		{"what is not there", "k.lua", map[string]string{"k.lua": "KSR.async.task_data()\nKSR.drop()"}, "k.lua:1: KSR.async.task_data is not available here"},
		{"no file", "k.lua", nil, "k.lua cannot be read"},
		{"a file elsewhere", "../k.lua", nil, "is not a file next to the script"},
		{"another engine", "k.cfg", map[string]string{"k.cfg": `cfgengine "python"`}, `does not say cfgengine "lua"`},
		{"no script", "k.cfg", map[string]string{"k.cfg": `cfgengine "lua"`}, "names no script"},
		{"the script is not next to it", "k.cfg", map[string]string{"k.cfg": "cfgengine \"lua\"\nmodparam(\"app_lua\", \"load\", \"/x/k.lua\")"}, "k.lua cannot be read"},
		{"a runtime error at file level", "k.lua", map[string]string{"k.lua": "local x = nil + 1"}, "k.lua:1: attempt to"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := loadFiles(t, "", c.file, c.files)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// A file level call has no message: false, and a line of the log.
func TestFileLevel(t *testing.T) {
	w := world(t, show+`local got = show(KSR.info("x"), KSR.pv.get("$ru"), KSR.tm.t_relay())
function ksr_request_route() KSR.hdr.append_to_reply("X-Got: " .. got) KSR.sl.send_reply(299, "Got") end`)
	if got := header(w.Ask("OPTIONS", "sip:example.com"), "X-Got"); got != "false; false; false" {
		t.Error(got)
	}
}

func TestConfiguration(t *testing.T) {
	const text = `function ksr_request_route()
  KSR.hdr.append_to_reply("X-Got: " .. tostring(KSR.auth) .. tostring(KSR.nathelper) .. tostring(KSR.rtpproxy) .. KSR.htable.sht_inc("a", "x") .. KSR.htable.sht_inc("b", "x") .. KSR.htable.sht_inc("c", "x") .. KSR.rr.is_direction("downstream"))
  KSR.sl.send_reply(299, "Got")
end`
	w, err := loadFiles(t, "", "kamailio.cfg", map[string]string{"k.lua": text, "kamailio.cfg": config("htable", "children=2\nmodparam(\"htable\", \"htable\", \"a=>size=8;initval=4\")\nmodparam(\"htable\", \"htable\", \"b=>size=8\")\nmodparam(\"rr\", \"append_fromtag\", 0)\nmodparam(\"tm\", \"fr_timer\", 1)")})
	if err != nil {
		t.Fatal(err)
	}
	if got := header(w.Ask("OPTIONS", "sip:example.com"), "X-Got"); got != "nilnilnil5-255-255-6" {
		t.Error(got)
	}
	if !strings.Contains(w.Log(), `settings="children; tm.fr_timer"`) {
		t.Errorf("%s", w.Log())
	}
}
