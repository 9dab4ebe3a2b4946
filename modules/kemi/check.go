package kemi

// What a script uses that is not there, found before it runs.

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/luabind/check"
	"github.com/sipscript/sipscript/modules/kemi/cfg"
	"github.com/sipscript/sipscript/modules/kemi/pv"
)

// api has the functions of Kamailio 5.6.3, one a line: name, parameters, result.
//
//go:embed api.tsv
var api string

// Signature is what Kamailio says about a function.
type Signature struct {
	Params string // as [Row] has them
	Result string // int, bool, none or xval
}

// API are the functions that Kamailio 5.6.3 exports to KEMI scripts, without "KSR.".
func API() map[string]Signature {
	m := map[string]Signature{}
	for line := range strings.Lines(api) {
		if f := strings.Fields(line); len(f) == 3 {
			m[f[0]] = Signature{strings.TrimPrefix(f[1], "-"), f[2]}
		}
	}
	return m
}

// Check looks for what a script, or the one that a kamailio.cfg names, uses and is not there.
func Check(path string) ([]check.Finding, error) {
	name, text, config, err := Script(path)
	if err != nil {
		return nil, err
	}
	return Source(name, text, config), nil
}

// Script reads a script, or the one that a kamailio.cfg names, with its configuration; nil for a
// script.
func Script(path string) (name, text string, config *cfg.Config, err error) {
	if strings.HasSuffix(path, ".cfg") {
		dir := filepath.Dir(path)
		c, err := cfg.Parse(path, func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, filepath.Base(name))) })
		if err != nil {
			return "", "", nil, err
		}
		if c.Script == "" {
			return "", "", nil, fmt.Errorf(`%s: %w: modparam("app_lua", "load", "…") names one`, path, errNoScript)
		}
		config, path = c, filepath.Join(dir, filepath.Base(c.Script))
	}
	read, err := os.ReadFile(path)
	if err != nil {
		return "", "", nil, err
	}
	return path, string(read), config, nil
}

// Source is Check for a text.
func Source(name, text string, config *cfg.Config) []check.Finding {
	uses, found := check.Uses(name, text)
	rows, known := map[string]Row{}, API()
	for _, r := range Rows() {
		rows[r.Name] = r
	}
	own := map[string]bool{}
	for _, u := range uses {
		if u.Assigned {
			own[u.Name] = true
		}
	}
	for _, u := range uses {
		rule, message := "", ""
		severity := check.Error
		switch name, of := strings.CutPrefix(u.Name, "KSR."); {
		case of:
			rule, message = wrong(name, u, rows, known, own)
		case !own[u.Name]:
			rule, message = foreign(u)
		}
		if rule == "kemi-arguments" { // it runs, as there
			severity = check.Warning
		}
		if message != "" {
			found = append(found, check.Finding{File: name, Line: u.Line, Column: u.Column, Severity: severity, Rule: rule, Message: message})
		}
	}
	if config != nil {
		found = append(found, checkCallbacks(config, func(name string) bool { return own[name] })...)
	}
	slices.SortStableFunc(found, func(a, b check.Finding) int { return (a.Line-b.Line)*10000 + a.Column - b.Column })
	return found
}

// wrong says what is wrong with a use of KSR.name, "" for nothing.
func wrong(name string, u check.Use, rows map[string]Row, known map[string]Signature, own map[string]bool) (rule, message string) {
	if own["KSR."+name] || !strings.Contains(name, ".") && !u.Called {
		return "", ""
	}
	row, there := rows[name]
	if !there {
		for o := range own { // a table of the script's own in KSR
			if strings.HasPrefix("KSR."+name, o+".") {
				return "", ""
			}
		}
		if _, real := known[name]; !real && exports(known, moduleOf(name)) {
			return "kemi-unknown", "KSR." + name + ": there is no such function in Kamailio 5.6" + instead(name)
		}
		return "kemi-missing", "KSR." + name + " is not available here" + instead(name)
	}
	if strings.HasPrefix(name, "pv.") && len(u.Texts) > 0 && u.Texts[0] != "" {
		if _, err := pv.Parse(u.Texts[0]); err != nil {
			return "kemi-variable", fmt.Sprintf("KSR.%s: %q: %v", name, u.Texts[0], err)
		}
	}
	if u.Called && !u.Open {
		if n := len(row.Params); u.Args < n || n == 0 && u.Args > 0 || u.Args > maxArguments {
			return "kemi-arguments", fmt.Sprintf("KSR.%s takes %d arguments and is given %d: it does nothing and returns false", name, n, u.Args)
		}
	}
	return "", ""
}

// exports reports whether the list of signatures has functions of a module: not all were loaded
// when it was made.
func exports(known map[string]Signature, module string) bool {
	for name := range known {
		if moduleOf(name) == module {
			return true
		}
	}
	return false
}

// closed are what scripts cannot use: they would leave the sandbox.
var closed = []string{"io", "debug", "package", "dofile", "loadfile", "loadstring", "load", "module", "setfenv", "getfenv", "collectgarbage", "newproxy", "sr",
	"os.execute", "os.exit", "os.remove", "os.rename", "os.tmpname", "os.getenv", "os.setlocale", "string.dump"}

// foreign says what is wrong with the use of another global.
func foreign(u check.Use) (rule, message string) {
	for _, name := range closed {
		if u.Name == name && u.Called || strings.HasPrefix(u.Name, name+".") {
			return "kemi-library", u.Name + " is not available here: scripts read no files, run no programs and load no code"
		}
	}
	if u.Name == "require" && u.Called && len(u.Texts) == 1 {
		if hint, ok := libraries[u.Texts[0]]; ok {
			return "kemi-library", fmt.Sprintf("require(%q): %s", u.Texts[0], hint)
		}
	}
	return "", ""
}

// libraries are those of others that KEMI scripts use.
var libraries = map[string]string{
	"cjson": "use sip.json.encode and sip.json.decode", "json": "use sip.json.encode and sip.json.decode", "dkjson": "use sip.json.encode and sip.json.decode",
	"socket.http": `use require("http").get`, "ssl.https": `use require("http").get`, "http.request": `use require("http").request`, "ltn12": `use require("http")`,
	"socket": "use the modules http, redis and sql", "redis": `it is this server's own: require("redis").open`, "luasql.mysql": `use require("sql").open`, "luasql.postgres": `use require("sql").open`,
	"lfs": "scripts read no files", "posix": "scripts use no system calls",
}

// places is what to use in place of a module's functions that are not there.
var places = map[string]string{
	"rtpproxy": "KSR.rtpengine", "rtpengine": "require(\"rtpengine\").manage(req) in a script of this server's own",
	"dispatcher": "require(\"dispatch\").targets(set) in a script of this server's own", "dialog": "dialog.track(req)", "acc": "require(\"acc\").record(req)",
	"sqlops": "require(\"sql\").open(url): db:row, db:exec", "http_client": "require(\"http\").get(url)", "http_async_client": "require(\"http\").get(url), which waits without a worker",
	"xhttp": "require(\"http\").handle(\"GET /path\", function)", "uac": "require(\"uac\").mask and uac.register", "presence": "require(\"presence\").publish and subscribe",
	"msilo": "KSR.msilo.mstore(), or require(\"messages\").store(req)", "topoh": "require(\"topology\").hide(req)", "topos": "require(\"topology\").hide(req)", "json": "sip.json", "jansson": "sip.json",
	"ndb_redis": "require(\"redis\").open(url)", "ratelimit": "require(\"limit\").rate(key, n, seconds)", "pipelimit": "require(\"limit\").rate(key, n, seconds)", "geoip": "require(\"geo\").lookup(ip)",
	"geoip2": "require(\"geo\").lookup(ip)", "enum": "require(\"enum\").lookup(number)", "dialplan": "require(\"dialplan\").translate(plan, text)", "lcr": "require(\"lcr\").routes(number)",
	"secsipid": "require(\"stir\").sign and verify", "siptrace": "--hep, or sip.trace(req)", "websocket": "nothing: the handshake is made before, -l ws:…", "async": "sip.sleep and sip.spawn",
	"mqueue": "sip.spawn", "jsonrpcs": "the admin API, --admin", "xmlrpc": "the admin API, --admin", "statistics": "sip.metric.counter", "sdpops": "require(\"sdp\")",
	"cfgutils": "sip.shared(name):update, which is atomic", "textopsx": "KSR.hdr, or req:set_header", "textops": "Lua's string functions, KSR.hdr", "permissions": "require(\"acl\").check",
	"domain": "sip.is_local, --domain", "nat_traversal": "nothing: clients behind NATs are reached where they came from", "path": "registrar.add_path", "outbound": "nothing: RFC 5626 is the registrar's",
}

// single are functions with a replacement of their own.
var single = map[string]string{
	"sl.sreply": "KSR.sl.send_reply",
	"drop":      "KSR.x.drop(), or KSR.set_drop()", "hdr.append_hf": "KSR.hdr.append", "auth.www_challenge": "KSR.auth.auth_challenge", "textops.append_hf": "KSR.hdr.append", "textops.insert_hf": "KSR.hdr.insert",
	"route": "a Lua function", "x.modf": "the function itself", "tmx.t_suspend": "sip.sleep, or any function that waits", "tmx.t_continue": "nothing: a function that waits goes on where it was",
	"auth.pv_auth_check": "auth.check(req, { password = … })", "permissions.allow_uri": "Lua",
}

// Instead is what to use in the place of a function of KSR, as ": use …"; "" if that is not known.
func Instead(name string) string { return instead(name) }

// instead is ": use …", or "".
func instead(name string) string {
	hint, ok := single[name]
	if !ok {
		hint = places[moduleOf(name)]
	}
	if hint == "" {
		return ""
	}
	return ": use " + strings.TrimPrefix(hint, "use ")
}

// used are the settings of a configuration that have an effect here, by module.
var used = []string{"dialog.profiles_with_value", "dialog.profiles_no_value", "dialog.default_timeout",
	"app_lua.load", "htable.htable", "pike.sampling_time_unit", "pike.reqs_density_per_unit", "registrar.max_expires", "rr.append_fromtag", "usrloc.nat_bflag",
	"auth_db.db_url", "permissions.db_url", "dispatcher.list_file", "dispatcher.db_url", "dispatcher.flags", "dispatcher.ds_ping_interval", "rtpengine.rtpengine_sock", "sqlops.sqlcon",
	"xhttp.event_callback", "dispatcher.event_callback", "htable.event_callback", "htable.event_callback_mode", "registrar.event_callback", "dialog.event_callback"}

// ignored are the settings that have no effect.
func ignored(c *cfg.Config) []string {
	var list []string
	for _, p := range c.Params {
		if !slices.Contains(used, p.Module+"."+p.Name) {
			list = append(list, p.Module+"."+p.Name)
		}
	}
	for _, g := range c.Globals {
		if !slices.ContainsFunc(callbacks, func(cb Callback) bool { return cb.Module == "core" && cb.Param == g.Name }) {
			list = append(list, g.Name)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
