package interop

// Further scripts, as public ones are, on Kamailio and here: a front end of a dispatcher, a
// registrar for clients behind NATs, routing by a database, and limits in hash tables.

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/internal/rtpenginetest"
)

// scriptConfig is the configuration of a further script; {MORE} is its own part.
const scriptConfig = `#!KAMAILIO
debug=-1
log_stderror=yes
children=1
disable_tcp=yes
auto_aliases=no
alias="example.com"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "kemix.so"
loadmodule "corex.so"
loadmodule "app_lua.so"
modparam("rr", "enable_full_lr", 1)
{MORE}
modparam("app_lua", "load", "{DIR}/script.lua")
cfgengine "lua"
`

// kemiScript is a script with its configuration, and what is sent to it.
type kemiScript struct {
	name, more, lua string
	files           map[string]string
	flows           func(c *corpus)
}

// keepalive answers what the test asks to know that all is done.
const keepalive = `
local function keepalive()
  KSR.maxfwd.process_maxfwd(10)
  if KSR.is_OPTIONS() and KSR.is_myself_ruri() and KSR.corex.has_ruri_user() < 0 then
    KSR.sl.sl_send_reply(200, "Keepalive")
    KSR.x.exit()
  end
end

local function within()
  if KSR.siputils.has_totag() < 0 then return end
  if KSR.rr.loose_route() > 0 then
    if KSR.nathelper and not KSR.isdsturiset() then KSR.nathelper.handle_ruri_alias() end
    KSR.tm.t_relay()
  elseif not KSR.is_ACK() then
    KSR.sl.sl_send_reply(404, "Not here")
  end
  KSR.x.exit()
end
`

func kemiScripts() []kemiScript {
	calls := func(c *corpus, user string, codes map[string][]int, then string) {
		c.add(kemiFlow{name: "call to " + user + " " + then, codes: codes, then: then}, kemiRequest{method: "INVITE", uri: "sip:" + user + "@example.com", from: "sip:zoe@example.org"})
	}
	return []kemiScript{
		{name: "dispatcher", more: "loadmodule \"dispatcher.so\"\nmodparam(\"dispatcher\", \"list_file\", \"{DIR}/dispatcher.list\")\nmodparam(\"dispatcher\", \"flags\", 2)",
			files: map[string]string{"dispatcher.list": "1 sip:{B} 0 10\n1 sip:{C} 0 5\n2 sip:{B} 0 0\n"}, lua: dispatcherScript,
			flows: func(c *corpus) {
				calls(c, "one", nil, "bye")
				calls(c, "one", map[string][]int{"B": {486}}, "")
				calls(c, "one", map[string][]int{"B": {503}}, "bye")
				calls(c, "one", map[string][]int{"B": {500}, "C": {486}}, "")
				calls(c, "one", map[string][]int{"B": {180, 0}}, "cancel")
				calls(c, "none", nil, "")
				c.add(kemiFlow{name: "a gateway's own call", from: "B"}, kemiRequest{method: "MESSAGE", uri: "sip:one@example.com", from: "sip:gw@example.org", via: "{B}"})
			}},
		{name: "registrar", more: "loadmodule \"usrloc.so\"\nloadmodule \"registrar.so\"\nloadmodule \"nathelper.so\"\nmodparam(\"usrloc\", \"preload\", \"location\")\nmodparam(\"usrloc\", \"nat_bflag\", 6)\n" +
			"modparam(\"nathelper|registrar\", \"received_avp\", \"$avp(RECEIVED)\")", lua: registrarScript,
			flows: func(c *corpus) {
				c.register("plain", "bob", "", "Contact: <sip:bob@{B}>\r\nExpires: 600\r\n", nil)
				calls(c, "bob", nil, "info bye")
				calls(c, "nobody", nil, "")
				c.register("behind a NAT", "alice", "", "Contact: <sip:alice@10.0.0.7:5060>\r\nExpires: 600\r\n", func(s string) string { return strings.Replace(s, "UDP {A}", "UDP 10.0.0.7:5060", 1) })
				c.add(kemiFlow{name: "to the one behind a NAT"}, kemiRequest{method: "MESSAGE", uri: "sip:alice@example.com", from: "sip:zoe@example.org"})
				c.add(kemiFlow{name: "from behind a NAT", then: "callee-bye"}, kemiRequest{method: "INVITE", uri: "sip:bob@example.com", from: "sip:zoe@example.org", body: offer}.natted())
			}},
		{name: "sql", more: "loadmodule \"db_sqlite.so\"\nloadmodule \"sqlops.so\"\nmodparam(\"sqlops\", \"sqlcon\", \"ca=>sqlite:///{DIR}/kamailio.db\")", lua: sqlScript,
			flows: func(c *corpus) {
				calls(c, "4930", nil, "bye")
				calls(c, "4940", nil, "")
				calls(c, "4999", nil, "")
				c.add(kemiFlow{name: "a message by the database"}, kemiRequest{method: "MESSAGE", uri: "sip:4930@example.com", from: "sip:zoe@example.org"})
			}},
		{name: "htable", more: "loadmodule \"htable.so\"\nmodparam(\"htable\", \"htable\", \"calls=>size=4;autoexpire=300;initval=0;\")\nmodparam(\"htable\", \"htable\", \"ban=>size=4;\")", lua: htableScript,
			flows: func(c *corpus) {
				for range 5 {
					calls(c, "x", map[string][]int{"B": {486}}, "")
				}
				c.add(kemiFlow{name: "reset"}, kemiRequest{method: "MESSAGE", uri: "sip:reset@example.com", from: "sip:zoe@example.org"})
				calls(c, "x", nil, "bye")
			}},
		{name: "rtpengine", more: "loadmodule \"rtpengine.so\"\nmodparam(\"rtpengine\", \"rtpengine_sock\", \"{RTPENGINE}\")", lua: rtpengineScript,
			flows: func(c *corpus) {
				const answer = "v=0\r\no=- 2 2 IN IP4 10.0.0.6\r\ns=-\r\nc=IN IP4 10.0.0.6\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n"
				for _, x := range []struct {
					name, then string
					codes      []int
				}{{"answered", "bye", nil}, {"early media", "bye", []int{183, 200}}, {"the callee ends it", "callee-bye", nil}, {"busy", "", []int{486}}, {"cancelled", "cancel", []int{180, 0}}} {
					c.add(kemiFlow{name: x.name, codes: map[string][]int{"B": x.codes}, then: x.then, session: answer, patient: true},
						kemiRequest{method: "INVITE", uri: "sip:bob@example.com", from: "sip:zoe@example.org", headers: "X-Callee: {B}\r\n", body: offer})
				}
				c.add(kemiFlow{name: "no media"}, kemiRequest{method: "MESSAGE", uri: "sip:bob@example.com", from: "sip:zoe@example.org", headers: "X-Callee: {B}\r\n"})
			}},
	}
}

const dispatcherScript = keepalive + `
function ksr_request_route()
  keepalive()
  if KSR.is_CANCEL() then
    if KSR.tm.t_check_trans() > 0 then KSR.tm.t_relay() end
    return 1
  end
  within()
  if KSR.dispatcher.ds_is_from_list(2) > 0 then
    KSR.sl.send_reply(403, "You Are A Gateway")
    return 1
  end
  KSR.hdr.remove("Route")
  if KSR.is_method_in("IS") then KSR.rr.record_route() end
  local set = KSR.kx.get_ruser() == "one" and 1 or 7
  if KSR.dispatcher.ds_select_dst(set, 8) < 0 then
    KSR.sl.send_reply(404, "No Gateway")
    return 1
  end
  KSR.tm.t_on_failure("ksr_failure_next")
  if KSR.tm.t_relay() < 0 then KSR.sl.sl_reply_error() end
  return 1
end

function ksr_failure_next()
  if KSR.tm.t_is_canceled() > 0 then return 1 end
  if KSR.tm.t_check_status("5[0-9][0-9]") > 0 and KSR.dispatcher.ds_next_dst() > 0 then
    KSR.tm.t_on_failure("ksr_failure_next")
    KSR.tm.t_relay()
  end
  return 1
end
`

const registrarScript = keepalive + `
function ksr_request_route()
  keepalive()
  KSR.force_rport()
  if KSR.is_CANCEL() then
    if KSR.tm.t_check_trans() > 0 then KSR.tm.t_relay() end
    return 1
  end
  local natted = KSR.nathelper.nat_uac_test(19) > 0
  within()
  if KSR.is_REGISTER() then
    if natted then
      KSR.nathelper.fix_nated_register()
      KSR.setbflag(6)
    end
    KSR.registrar.save("location", 0)
    return 1
  end
  if natted then KSR.nathelper.set_contact_alias() end
  KSR.hdr.remove("Route")
  if KSR.is_INVITE() then KSR.rr.record_route() end
  if KSR.registrar.lookup("location") < 0 then
    KSR.sl.send_reply(404, "Not Found")
    return 1
  end
  if KSR.rtpengine then KSR.rtpengine.rtpengine_manage("replace-origin ICE=remove") end
  KSR.tm.t_relay()
  return 1
end
`

const sqlScript = keepalive + `
function ksr_request_route()
  keepalive()
  if KSR.is_CANCEL() then
    if KSR.tm.t_check_trans() > 0 then KSR.tm.t_relay() end
    return 1
  end
  within()
  if KSR.is_method_in("I") then KSR.rr.record_route() end
  local user = KSR.pv.gete("$rU")
  if KSR.sqlops.sql_query("ca", "SELECT target, code FROM routes WHERE number = '" .. user .. "'", "r") < 0 then
    KSR.sl.send_reply(500, "Database")
    return 1
  end
  if KSR.sqlops.sql_num_rows("r") < 1 then
    KSR.sl.send_reply(404, "No Route")
    return 1
  end
  if KSR.sqlops.sql_is_null("r", 0, 0) == 1 then
    KSR.sl.send_reply(KSR.sqlops.sql_result_get("r", 0, 1), "Refused")
    return 1
  end
  KSR.seturi(KSR.sqlops.sql_result_get("r", 0, 0))
  KSR.sqlops.sql_result_free("r")
  KSR.tm.t_relay()
  return 1
end
`

const htableScript = keepalive + `
function ksr_request_route()
  keepalive()
  if KSR.is_CANCEL() then
    if KSR.tm.t_check_trans() > 0 then KSR.tm.t_relay() end
    return 1
  end
  within()
  local from = KSR.kx.gete_fuser()
  if KSR.pv.gete("$rU") == "reset" then
    KSR.htable.sht_rm("calls", from)
    KSR.htable.sht_rm("ban", from)
    KSR.sl.send_reply(202, "Reset")
    return 1
  end
  if KSR.htable.sht_match_name("ban", "eq", from) > 0 then
    KSR.sl.send_reply(403, "Banned")
    return 1
  end
  local n = KSR.htable.sht_inc("calls", from)
  if n > 3 then
    KSR.htable.sht_seti("ban", from, 1)
    KSR.hdr.append_to_reply("X-Calls: " .. n .. "\r\n")
    KSR.sl.send_reply(503, "Too Many Calls")
    return 1
  end
  if KSR.is_INVITE() then KSR.rr.record_route() end
  KSR.hdr.append("X-Calls: " .. KSR.pv.get("$sht(calls=>$fU)") .. "\r\n")
  KSR.setdsturi("sip:" .. KSR.hdr.gete("X-Callee"))
  KSR.tm.t_relay()
  return 1
end
`

const rtpengineScript = keepalive + `
local flags = "replace-origin replace-session-connection"

function ksr_request_route()
  keepalive()
  if KSR.is_CANCEL() then
    if KSR.tm.t_check_trans() > 0 then KSR.tm.t_relay() end
    return 1
  end
  if KSR.is_BYE() then KSR.rtpengine.rtpengine_delete0() end
  within()
  if KSR.is_INVITE() then
    KSR.rr.record_route()
    KSR.rtpengine.rtpengine_offer(flags)
    KSR.tm.t_on_reply("ksr_reply_media")
    KSR.tm.t_on_failure("ksr_failure_media")
  end
  KSR.setdsturi("sip:" .. KSR.hdr.gete("X-Callee"))
  KSR.tm.t_relay()
  return 1
end

function ksr_reply_media()
  local code = KSR.kx.get_status()
  if code > 100 and code < 300 and KSR.textops.has_body() > 0 then
    KSR.rtpengine.rtpengine_answer(flags)
  end
  return 1
end

function ksr_failure_media()
  KSR.rtpengine.rtpengine_delete0()
  return 1
end
`

// TestKEMIScriptsBesideKamailio runs each script on both.
func TestKEMIScriptsBesideKamailio(t *testing.T) {
	if raceBuild() {
		t.Skip("once is enough: the binary as it is shipped")
	}
	needKamailio(t)
	for _, s := range kemiScripts() {
		t.Run(s.name, func(t *testing.T) {
			c := &corpus{}
			s.flows(c)
			var all [3]*wires // Kamailio, the script here, its translation here
			for i := range all {
				w := unconnected(t)
				dir := t.TempDir()
				more := s.more
				if s.name == "rtpengine" { // one each: the calls have the same identities
					more = strings.Replace(more, "{RTPENGINE}", rtpenginetest.Start(t).UDP, 1)
				}
				files := map[string]string{"kamailio.cfg": strings.Replace(scriptConfig, "{MORE}", more, 1), "script.lua": s.lua}
				for name, text := range s.files {
					files[name] = w.fill(text)
				}
				writeFiles(t, dir, files)
				makeTables(t, filepath.Join(dir, "kamailio.db"), "CREATE TABLE routes (number TEXT, target TEXT, code INTEGER)",
					w.fill("INSERT INTO routes VALUES ('4930', 'sip:x@{B}', 0), ('4940', NULL, 488)"))
				switch config := filepath.Join(dir, "kamailio.cfg"); i {
				case 0:
					w.connect(kamailio(t, config))
				case 2:
					w.connect(converted(t, config))
				default:
					p := spawn(t, "run", "-l", "udp:127.0.0.1:0", "-l", "udp:"+trunkAddress+":0", "-d", "example.com", "--lanes", "1", "--log-level", "error", "--kemi", config)
					p.ready()
					w.connect(p.addrs["udp"])
				}
				all[i] = w
			}
			for _, f := range c.list {
				if s.name == "htable" {
					f.first = strings.Replace(f.first, "Content-Length", "X-Callee: {B}\r\nContent-Length", 1)
				}
				t.Run(f.name, func(t *testing.T) { compareFlow(t, f, nil, map[string]int{}, all[0], all[1:]...) })
			}
			for _, w := range all {
				w.t = t
			}
		})
	}
}
