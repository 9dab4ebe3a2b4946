package convert_test

import (
	"os"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/modules/kemi/cfg"
	"github.com/sipscript/sipscript/modules/kemi/convert"
)

// body is what is left of a route: what stands between its first line and its last, and what stands
// before it if head is asked for.
func body(t *testing.T, script string) (head, text string) {
	t.Helper()
	out, err := convert.Source("k.lua", script, nil)
	if err != nil {
		t.Fatal(err)
	}
	head, text, found := strings.Cut(out, "function route(req)")
	if !found {
		t.Fatalf("no route:\n%s", out)
	}
	if line, _, _ := strings.Cut(text, "\n"); line != "" {
		text = strings.TrimSuffix(line, " end")
	}
	text, _, _ = strings.Cut(text, "\nend\n")
	text = strings.TrimSpace(text)
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return head, strings.Join(lines, "\n")
}

func TestIdioms(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"a reply", `KSR.sl.send_reply(404, "Not Found")`, `return req:reply(404, "Not Found")`},
		{"a code in text", `KSR.sl.sl_send_reply("486", "")`, `return req:reply(486)`},
		{"nothing is answered", `KSR.info("x\n")`, "sip.log.info(\"x\")\nreturn req:drop()"},
		{"an exit before it", `if KSR.is_INVITE() then KSR.sl.send_reply(403, "No") KSR.x.exit() end KSR.sl.send_reply(404, "No")`,
			"if req:is(\"INVITE\") then return req:reply(403, \"No\") end\nreturn req:reply(404, \"No\")"},
		{"an exit after an if", `if KSR.is_INVITE() then KSR.sl.send_reply(403, "No") end KSR.x.exit()`, "if req:is(\"INVITE\") then return req:reply(403, \"No\") end\nreturn req:drop()"},
		{"a relay that fails", `if KSR.tm.t_relay() < 0 then KSR.sl.sl_reply_error() end`, `return req:relay(req.ruri)`},
		{"methods", `if KSR.is_INVITE() or KSR.is_method_in("BU") then KSR.tm.t_relay() end`, "if req:is(\"INVITE\", \"BYE\", \"UPDATE\") then return req:relay(req.ruri) end\nreturn req:drop()"},
		{"what the server does", `KSR.force_rport() if KSR.maxfwd.process_maxfwd(10) < 0 then KSR.sl.send_reply(483, "x") KSR.x.exit() end KSR.tm.t_relay()`, `return req:relay(req.ruri)`},
		{"within a dialog", `if KSR.siputils.has_totag() > 0 then if KSR.rr.loose_route() > 0 then KSR.tm.t_relay() end KSR.x.exit() end KSR.tm.t_relay()`,
			"if req.in_dialog then\nif req.route_params or #req.routes > 0 then return req:relay() end\nreturn req:drop()\nend\nreturn req:relay(req.ruri)"},
		{"a number that is true", `if KSR.siputils.has_totag() then KSR.tm.t_relay() end`,
			"-- DECIDE: there this condition always holds, for -1 and 0 are true in Lua; here it is asked\n--   whether the call succeeded\nif req.in_dialog then return req:relay(req.ruri) end\nreturn req:drop()"},
		{"a lookup", `if KSR.registrar.lookup("location") < 0 then KSR.sl.send_reply(404, "No") return 1 end KSR.tm.t_relay()`,
			"local targets = registrar.lookup(req.ruri) or {}\nif #targets == 0 then return req:reply(404, \"No\") end\nreturn req:relay(targets)"},
		{"a result in a variable", `local rc = KSR.registrar.lookup("location") if rc < 0 then if rc == -1 or rc == -3 then KSR.sl.send_reply(404, "No") elseif rc == -2 then KSR.sl.send_reply(405, "No") end return 1 end KSR.tm.t_relay()`,
			"local targets = registrar.lookup(req.ruri) or {}\nif #targets == 0 then return req:reply(404, \"No\") end\nreturn req:relay(targets)"},
		{"a target that is found sometimes", `if KSR.is_INVITE() then KSR.registrar.lookup("location") end KSR.tm.t_relay()`,
			"local targets\nif req:is(\"INVITE\") then targets = registrar.lookup(req.ruri) or {} end\nreturn req:relay(targets or req.ruri)"},
		{"the next hop", `KSR.setdsturi("sip:10.0.0.1") KSR.tm.t_relay()`, "local targets = { uri = req.ruri, next_hop = \"sip:10.0.0.1\" }\nreturn req:relay(targets)"},
		{"a proof", `if KSR.auth_db.auth_check(KSR.kx.gete_fhost(), "subscriber", 1) < 0 then KSR.auth.auth_challenge(KSR.kx.gete_fhost(), 0) KSR.x.exit() end KSR.tm.t_relay()`,
			"if not auth.check(req, { realm = req.from.uri.host }) then\nreturn auth.challenge(req, { realm = req.from.uri.host })\nend\nreturn req:relay(req.ruri)"},
		{"headers", `KSR.hdr.append("X-A: " .. KSR.pv.get("$rU") .. "\r\n") KSR.hdr.append_to_reply("X-B: 1\r\n") KSR.sl.send_reply(200, "OK")`,
			"req:add_header(\"X-A\", tostring(req.ruri.user))\nreturn req:reply(200, \"OK\", { headers = { [\"X-B\"] = \"1\" } })"},
		{"variables", `KSR.pv.sets("$var(a)", KSR.pv.gete("$hdr(X)")) if KSR.pv.is_null("$avp(b)") then KSR.pv.seti("$avp(b)", 2) end KSR.log("info", KSR.pv.get("$(ru{s.len})"))`,
			"req.vars.a = req:header(\"X\") or \"\"\nif req.vars.b == nil then req.vars.b = 2 end\nsip.log.info(\"%s\", #tostring(req.ruri))\nreturn req:drop()"},
		{"a value of and and or", `local set = KSR.kx.get_ruser() == "one" and 1 or 7 KSR.info(set)`, "local set = req.ruri.user == \"one\" and 1 or 7\nsip.log.info(\"%s\", set)\nreturn req:drop()"},
		{"tables", `if KSR.htable.sht_match_name("ban", "eq", KSR.kx.get_srcip()) > 0 then KSR.x.exit() end KSR.htable.sht_seti("ban", KSR.kx.get_srcip(), 1)`,
			"if ban:get(req.source.ip) then return req:drop() end\nban:set(req.source.ip, 1)\nreturn req:drop()"},
		{"a query", `KSR.sqlops.sql_query("ca", "SELECT a, b FROM t WHERE n = '" .. KSR.kx.get_ruser() .. "'", "r") if KSR.sqlops.sql_num_rows("r") > 0 then KSR.seturi(KSR.sqlops.sql_result_get("r", 0, 1)) end KSR.tm.t_relay()`,
			"local r = ca:rows(\"SELECT a, b FROM t WHERE n = ?\", req.ruri.user)\nif #r > 0 then req.ruri = r[1].b end\nreturn req:relay(req.ruri)"},
		{"what is not there", `KSR.tmx.t_suspend() KSR.tm.t_relay()`, "-- DECIDE: KSR.tmx.t_suspend has no translation: use sip.sleep, or any function that waits\nreturn req:relay(req.ruri)"},
		{"functions", `f() KSR.tm.t_relay() end function f() KSR.info("a") KSR.info("b") KSR.info("c") KSR.info("d") if KSR.is_ACK() then KSR.x.exit() end`, "if f(req) then return end\nreturn req:relay(req.ruri)"},
		{"a function that is short", `f() KSR.tm.t_relay() end function f() if not KSR.is_ACK() then return 1 end KSR.x.exit()`, "if req:is(\"ACK\") then return req:drop() end\nreturn req:relay(req.ruri)"},
		{"comments", "-- one\nKSR.force_rport() -- two\n-- three\nKSR.tm.t_relay() -- four\n", "-- one\n-- three\nreturn req:relay(req.ruri) -- four"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, got := body(t, "function ksr_request_route()\n"+c.script+"\nend"); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// What is left of the functions that t_on_branch and the like name are options of the relay.
func TestArmed(t *testing.T) {
	head, got := body(t, `function ksr_request_route()
  if KSR.is_INVITE() then KSR.tm.t_on_failure("F") end
  KSR.tm.t_on_reply("R")
  KSR.tm.t_relay()
end
function F() if KSR.tm.t_is_canceled() > 0 then return 1 end if KSR.tm.t_check_status("486|408") > 0 then KSR.seturi("sip:vm@10.0.0.9") KSR.tm.t_relay() end end
function R() if KSR.kx.get_status() == 183 then KSR.x.drop() end KSR.hdr.remove("X") end
function ksr_reply_route() KSR.force_rport() end`)
	if got != "return req:relay(req.ruri, relayed)" {
		t.Error(got)
	}
	want := `local relayed = {
  on_response = function(res, req) R(res, req) end,
  on_failure = function(res, req)
    if req:is("INVITE") then F(res, req) end
  end,
}`
	if !strings.Contains(head, want) {
		t.Errorf("%s", head)
	}
}

// A route whose arming does not become an option of the relay as it was is left to a human, not
// dropped.
func TestArmedElsewhere(t *testing.T) {
	const relays = ` end function go() KSR.info("1") KSR.info("2") KSR.info("3") KSR.info("4") KSR.tm.t_relay() end function F() KSR.info("F") end function G() KSR.info("G") end`
	const much = `KSR.info("a") KSR.info("b") KSR.info("c") KSR.info("d") `
	for _, c := range []struct{ name, arms, want string }{
		{"in another function", much + `KSR.tm.t_on_failure("F")`, "F is armed here and relayed elsewhere: give req:relay the option on_failure there"},
		{"for some requests", `if KSR.kx.get_ruser() == "x" then KSR.tm.t_on_failure("F") end`, `KSR.tm.t_on_failure("F") holds for some requests only`},
		{"one or the other", `KSR.tm.t_on_failure("F") if KSR.kx.get_ruser() == "x" then KSR.tm.t_on_failure("G") end`, `KSR.tm.t_on_failure("G") takes the place of F`},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := convert.Source("k.lua", "function ksr_request_route() if KSR.is_INVITE() then arm() end arm() go() end function arm() "+c.arms+relays, nil)
			if flat := strings.Join(strings.Fields(strings.ReplaceAll(out, "--", " ")), " "); err != nil || !strings.Contains(flat, "DECIDE: "+c.want) {
				t.Errorf("%v, no %q:\n%s", err, c.want, out)
			}
		})
	}
}

// A failure route that only tries the next gateway is what a list of targets does by itself.
func TestGateways(t *testing.T) {
	head, got := body(t, `function ksr_request_route()
  if KSR.dispatcher.ds_select_dst(1, 4) < 0 then KSR.sl.send_reply(404, "No") return 1 end
  KSR.tm.t_on_failure("F")
  KSR.tm.t_relay()
end
function F() if KSR.tm.t_is_canceled() > 0 then return 1 end if KSR.tm.t_check_status("5[0-9][0-9]") > 0 and KSR.dispatcher.ds_next_dst() > 0 then KSR.tm.t_on_failure("F") KSR.tm.t_relay() end end`)
	if want := "local targets = dispatch.targets(\"1\", { by = \"round_robin\" })\nif not targets then return req:reply(404, \"No\") end\nreturn req:relay(targets, relayed)"; got != want {
		t.Error(got)
	}
	if !strings.Contains(head, "failover = function(res) return res.code >= 500 and res.code <= 599 end") || !strings.Contains(head, "DECIDE: the gateways") {
		t.Error(head)
	}
}

func TestRefused(t *testing.T) {
	for _, text := range []string{"x = = 1", strings.Repeat("(", 100000)} {
		if out, err := convert.Source("k.lua", text, nil); err == nil || out != "" {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

// The stock script's translation is the same each time, and has at most a third of its lines.
func TestStock(t *testing.T) {
	const stock = "/usr/share/doc/kamailio/examples/kemi/kamailio-basic-kemi-lua.lua"
	text, err := os.ReadFile(stock)
	if err != nil {
		t.Skipf("the example of the Debian package kamailio is not installed: %v", err)
	}
	first, err := convert.Source("k.lua", string(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if again, err := convert.Source("k.lua", string(text), nil); err != nil || again != first {
			t.Fatalf("%v: another translation:\n%s", err, again)
		}
	}
	lines := 0
	for line := range strings.Lines(first) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
			lines++
		}
	}
	if lines > 90 {
		t.Errorf("%d lines:\n%s", lines, first)
	}
}

// Callbacks of the configuration are left to a human, with what to use.
func TestEventsAreLeft(t *testing.T) {
	config := &cfg.Config{Modules: []string{"xhttp", "tm"}, Params: []cfg.Param{{Module: "xhttp", Name: "event_callback", Value: "ksr_http"}, {Module: "tm", Name: "event_callback", Value: "ksr_local"}}}
	out, err := convert.Source("k.lua", "function ksr_request_route() KSR.tm.t_relay() end function ksr_http() end", config)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(strings.ReplaceAll(out, "\n--", " ")), " ")
	for _, want := range []string{`DECIDE: xhttp.event_callback names the function ksr_http: use http.handle("/", function(hreq) … end)`, "DECIDE: tm.event_callback names the function ksr_local: use the options"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %s\n%s", want, out)
		}
	}
}
