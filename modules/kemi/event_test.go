package kemi_test

// Callbacks of events, against what Kamailio 5.6.3 was seen to do.

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/all"
	"github.com/sipscript/sipscript/modules/clients"
	httpmodule "github.com/sipscript/sipscript/modules/http"
	"github.com/sipscript/sipscript/modules/kemi"
)

// heard is Lua that keeps what a callback hears where a request reads it.
const heard = show + `
local function note(...)
  KSR.pvx.shv_sets("heard", KSR.pv.get("$shv(heard)") .. "|" .. show(...))
end
local function tell()
  KSR.hdr.append_to_reply("X-Got: " .. KSR.pv.get("$shv(heard)") .. "\r\n")
  KSR.sl.sl_send_reply(299, "Got")
end
`

func (f flows) heard(t *testing.T, want string) {
	t.Helper()
	f.Run(time.Second)
	if got := header(f.Ask("OPTIONS", "sip:heard@example.com"), "X-Got"); got != "0|"+want {
		t.Errorf("got  %s\nwant 0|%s\n%s", got, want, f.Log())
	}
}

func TestEventOfHTTP(t *testing.T) {
	modules, err := all.Offline()
	if err != nil {
		t.Fatal(err)
	}
	m := httpmodule.New(httpmodule.Options{Clients: clients.New(clients.Options{}), Listen: "127.0.0.1:0"})
	t.Cleanup(func() { _ = m.Close() })
	for i := range modules {
		if modules[i].Name() == "http" {
			modules[i] = m
		}
	}
	script := show + `function ksr_http(name, ...)
  local hu = KSR.pv.get("$hu")
  if hu == "/none" then return end
  if hu == "/err" then error("oops") end
  if hu == "/exit" then KSR.xhttp.xhttp_reply(404, "Exit", "text/html", "<p>") KSR.x.exit() end
  if hu == "/hdr" then KSR.hdr.append_to_reply("X-A: b\r\n") end
  if hu == "/twice" then KSR.xhttp.xhttp_reply(404, "A", "text/plain", "one") end
  if hu == "/relay" then return KSR.xhttp.xhttp_reply(200, "OK", "text/plain", show(KSR.tm.t_relay(), KSR.sl.send_reply(200, "x"), KSR.setdsturi("sip:h"), KSR.registrar.registered_uri("location", "sip:x@example.com"), KSR.dialog.var_get("x"))) end
  if hu == "/empty" then return KSR.xhttp.xhttp_reply(200, "", "", "") end
  local text = show(name, select("#", ...), KSR.pv.get("$rm"), hu, KSR.xhttp.get_hu(), KSR.pv.get("$ru"), KSR.pv.get("$ci"), KSR.pv.get("$fu"), KSR.pv.get("$si"), KSR.pv.get("$rb"), KSR.pv.get("$rv"), KSR.pv.get("$pr"),
    KSR.hdr.get("X-Y"), KSR.is_method("GET"), KSR.is_method_in("G"), KSR.is_GET(), KSR.siputils.is_request(), KSR.kx.get_body(), KSR.pv.get("$ua"))
  KSR.xhttp.xhttp_reply(200, "OK", "text/plain", text)
end
function ksr_request_route() end`
	w, err := luabindtest.Try(t, "require('kemi').load('kamailio.cfg')", luabindtest.Modules(modules...), files(map[string]string{"k.lua": script,
		"kamailio.cfg": config("xhttp dialog", `modparam("xhttp", "event_callback", "ksr_http")`)}))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, method, path, body string
		code                     int
		kind, want, extra        string
	}{
		{"request", "GET", "/a/b?x=1", "", 200, "text/plain", `"xhttp:request"; 0; "GET"; "/a/b?x=1"; "/a/b?x=1"; nil; nil; nil; "127.0.0.1"; ""; "HTTP/1.1"; "tcp"; "z"; true; true; true; 1; nil; "curl"`, ""},
		{"body", "POST", "/a", "hello=1", 200, "text/plain", `"xhttp:request"; 0; "POST"; "/a"; "/a"; nil; nil; nil; "127.0.0.1"; "hello=1"; "HTTP/1.1"; "tcp"; "z"; false; false; false; 1; "hello=1"; "curl"`, ""},
		{"exit", "GET", "/exit", "", 404, "text/html", "<p>", ""},
		{"append_to_reply", "GET", "/hdr", "", 200, "text/plain", "", "b"},
		{"twice: the first", "GET", "/twice", "", 404, "text/plain", "one", ""},
		{"empty", "GET", "/empty", "", 200, "", "", ""},
		{"what needs a request", "GET", "/relay", "", 200, "text/plain", "-1; -1; false; -1; nil", ""},
		{"no answer: 404, not silence", "GET", "/none", "", 404, "", "", ""},
		{"an error: 500, not silence", "GET", "/err", "", 500, "", "", ""},
	} {
		t.Run("1/event_callback of xhttp: "+c.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+m.Addr()+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Y", "z")
			req.Header.Set("User-Agent", "curl")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, _ := io.ReadAll(res.Body)
			if res.StatusCode != c.code || c.kind != "" && res.Header.Get("Content-Type") != c.kind || c.want != "" && string(body) != c.want || res.Header.Get("X-A") != c.extra {
				t.Errorf("%d %s\ngot  %s\nwant %s\n%s", res.StatusCode, res.Header, body, c.want, w.Log())
			}
		})
	}
}

func TestEventOfDispatcher(t *testing.T) {
	list := filepath.Join(t.TempDir(), "dispatcher.list")
	if err := os.WriteFile(list, []byte("1 sip:10.0.0.3:5060\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := run(t, "", heard+`function ksr_ds(...) note(select("#", ...), ..., KSR.pv.get("$ru")) note(KSR.pv.get("$ru"), KSR.pv.get("$rp"), KSR.tm.t_relay(), KSR.is_OPTIONS()) end
function ksr_request_route() tell() end`, config("dispatcher", fmt.Sprintf("modparam(\"dispatcher\", \"list_file\", %q)\nmodparam(\"dispatcher\", \"event_callback\", \"ksr_ds\")", list)))
	for _, state := range []string{"down", "up"} {
		if _, err := f.Eval(`return require("dispatch").mark("set1", "sip:10.0.0.3:5060", "` + state + `")`); err != nil {
			t.Fatal(err)
		}
		f.Run(time.Second)
	}
	const uri = `"sip:10.0.0.3:5060"`
	f.heard(t, `1; "dispatcher:dst-down"; `+uri+`|`+uri+`; "5060"; -1; true|1; "dispatcher:dst-up"; `+uri+`|`+uri+`; "5060"; -1; true`)
}

func TestEventOfStart(t *testing.T) {
	f := run(t, "", heard+`function ksr_ht(name) KSR.htable.sht_sets("t", "a", "b") note(name, KSR.htable.sht_get("t", "a"), KSR.tm.t_relay(), KSR.sl.sl_send_reply(200, "x"), KSR.siputils.has_totag(), KSR.hdr.append("X: y\r\n"), KSR.tm.t_on_failure("f")) end
function ksr_core(name) note(name) end
function ksr_request_route() KSR.pvx.shv_sets("heard", KSR.pv.get("$shv(heard)") .. "|" .. KSR.htable.sht_get("t", "a")) tell() end`,
		config("htable", "modparam(\"htable\", \"htable\", \"t=>size=8\")\nmodparam(\"htable\", \"event_callback\", \"ksr_ht\")\nkemi.event_route_callback=\"ksr_core\""))
	f.heard(t, `"htable:mod-init"; "b"; -1; -1; -1; 1; 1|"core:worker-one-init"|b`)
}

func TestEventOfExpiry(t *testing.T) {
	f := run(t, "", heard+`function ksr_reg(name) note(name, KSR.pv.get("$ulc(exp=>aor)"), KSR.pv.get("$ulc(exp=>addr)"), KSR.pv.get("$ulc(exp=>domain)"), KSR.pv.get("$ulc(exp=>none)")) end
function ksr_request_route() if KSR.is_REGISTER() then return KSR.registrar.save("location", 0) end tell() end`, config("", `modparam("registrar", "event_callback", "ksr_reg")`))
	f.Answered(f.bob.Register(phone.Registration{Expires: 60}), 200)
	f.Run(2 * time.Minute)
	f.heard(t, `"usrloc:contact-expired"; "bob"; "sip:bob@10.0.0.3:5060"; "location"; nil`)
}

func TestEventOfDialog(t *testing.T) {
	f := run(t, "", heard+`function ksr_dlg(name) note(name, KSR.pv.get("$rm"), KSR.pv.get("$rs"), KSR.pv.get("$fu"), KSR.pv.get("$dlg_var(who)")) end
function ksr_request_route()
  if KSR.is_OPTIONS() then return tell() end
  if KSR.siputils.has_totag() > 0 then KSR.rr.loose_route() KSR.tm.t_relay() return end
  KSR.rr.record_route()
  KSR.dialog.dlg_manage()
  KSR.pv.sets("$dlg_var(who)", "me")
  KSR.setdsturi("sip:10.0.0.3:5060")
  KSR.tm.t_relay()
end`, config("dialog", `modparam("dialog", "event_callback", "ksr_dlg")`))
	out := f.alice.Invite("sip:bob@example.com", phone.Spec{})
	f.Reply(f.Came(f.bob, "INVITE"), 486)
	f.Answered(out, 486)
	f.Run(time.Second)
	out = f.alice.Invite("sip:bob@example.com", phone.Spec{})
	f.Reply(f.Came(f.bob, "INVITE"), 200)
	f.Answered(out, 200)
	f.Run(time.Second)
	f.Answered(out.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	const alice = `"sip:alice@example.com"; "me"`
	f.heard(t, `"dialog:failed"; "INVITE"; 486; `+alice+`|"dialog:start"; "INVITE"; 200; `+alice+`|"dialog:end"; "BYE"; nil; `+alice)
}

// $dlg(…) is of the call that is tracked, wherever it is read; profiles count calls.
func TestDialogVariables(t *testing.T) {
	f := run(t, "", heard+`local function dlg(...)
  local out = {}
  for i, n in ipairs { ... } do out[i] = KSR.pv.getw("$dlg(" .. n .. ")") end
  return table.concat(out, ",")
end
local function status() return KSR.pv.getw("$DLG_status"), KSR.pv.getw("$DLG_count") end
local function size() return KSR.dialog.get_profile_size("caller", KSR.kx.get_fuser(), "$var(n)"), KSR.pv.get("$var(n)") end
function ksr_dlg(name) note(name, dlg("state", "from_tag", "callid"), KSR.pv.get("$dlg(h_id)") == KSR.pv.get("$shv(id)")) end
function ksr_request_route()
  if KSR.is_OPTIONS() then return tell() end
  if KSR.siputils.has_totag() > 0 then
    KSR.rr.loose_route()
    note(KSR.kx.get_method(), dlg("state", "lifetime", "to_tag", "to_contact"), KSR.pv.get("$dlg(start_ts)") > 0, status())
    if KSR.is_INFO() then return KSR.dialog.dlg_bye("all") end
    KSR.tm.t_relay()
    return
  end
  KSR.rr.record_route()
  note(dlg("state"), KSR.dialog.set_dlg_profile("caller", "x"), size())
  KSR.dialog.dlg_manage()
  note(dlg("state", "from_uri", "to_uri", "start_ts", "to_tag", "from_contact", "toroute", "dflags"), KSR.dialog.set_dlg_profile("caller", KSR.kx.get_fuser()), KSR.dialog.set_dlg_profile("nosuch", "x"))
  KSR.pvx.shv_seti("id", KSR.pv.get("$dlg(h_id)"))
  note(size(), status())
  KSR.tm.t_on_reply("r") KSR.tm.t_on_branch("b")
  KSR.setdsturi("sip:10.0.0.3:5060")
  KSR.tm.t_relay()
end
function b() note("branch", dlg("state")) end
function r() note(KSR.kx.get_status(), dlg("from_uri")) end`,
		config("dialog", "modparam(\"dialog\", \"event_callback\", \"ksr_dlg\")\nmodparam(\"dialog\", \"profiles_with_value\", \"caller; callee\")"))
	out := f.alice.Invite("sip:bob@example.com", phone.Spec{})
	in := f.Came(f.bob, "INVITE")
	tag, id := string(in.Msg.FromTag()), string(in.Msg.CallID())
	f.Reply(in, 180)
	f.Reply(in, 200)
	ok := f.Answered(out, 200)
	f.Run(time.Second)
	f.Answered(out.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	const alice = "sip:alice@example.com"
	to := string(ok.ToTag())
	f.heard(t, strings.Join([]string{`"<null>"; -1; 1; 0`, `"1,` + alice + `,sip:bob@example.com,0,<null>,sip:alice@10.0.0.5:5060,0,0"; 1; -1`, `1; "<null>"; 1`,
		`"branch"; "1"`, `180; "` + alice + `"`, `200; "` + alice + `"`, `"dialog:start"; "4,` + tag + `,` + id + `"; true`,
		`"ACK"; "4,43200,` + to + `,sip:bob@10.0.0.3:5060"; true; 4; 1`, `"BYE"; "4,43200,` + to + `,sip:bob@10.0.0.3:5060"; true; 4; 1`,
		`"dialog:end"; "5,` + tag + `,` + id + `"; true`}, "|"))
}

// The names of the routes for replies and for sending are the configuration's.
func TestRouteNames(t *testing.T) {
	f := run(t, "", heard+`function my_reply(...) note("reply", select("#", ...)) end
function ksr_reply_route() note("wrong") end
function my_send() note("send") end
function ksr_request_route() if KSR.is_OPTIONS() then return tell() end KSR.setdsturi("sip:10.0.0.3:5060") KSR.tm.t_relay() end`,
		config("", "kemi.reply_route_callback=\"my_reply\"\nkemi.onsend_route_callback=\"my_send\""))
	out := f.alice.Invite("sip:bob@example.com", phone.Spec{})
	f.Reply(f.Came(f.bob, "INVITE"), 486)
	f.Answered(out, 486)
	f.heard(t, `"send"|"reply"; 0|"send"`)
}

// An error in a callback is counted, and ends nothing.
func TestEventErrors(t *testing.T) {
	f := run(t, "", `function ksr_ht() error("oops") end function ksr_request_route() KSR.sl.sl_send_reply(299, "Got") end`, config("htable", `modparam("htable", "event_callback", "ksr_ht")`))
	f.Run(time.Second)
	if got := f.Router.Stats().Errors; got != 1 || !strings.Contains(f.Log(), "oops") {
		t.Errorf("%d errors\n%s", got, f.Log())
	}
	if f.Code("OPTIONS", "sip:x@example.com") != 299 {
		t.Error("nothing is answered")
	}
}

// A callback that is not carried is refused where it is set, with what to use in its place.
func TestCheckCallbacks(t *testing.T) {
	for _, c := range []struct{ name, modules, line, want string }{
		{"carried", "xhttp", `modparam("xhttp", "event_callback", "ksr_event")`, ""},
		{"the module is not loaded", "", `modparam("tm2", "event_callback", "x")`, ""},
		{"none", "", `kemi.received_route_callback="none"`, ""},
		{"the script has no such function", "xhttp", `modparam("xhttp", "event_callback", "nosuch")`, "kamailio.cfg:LINE:1: warning: xhttp.event_callback names the function nosuch, which the script does not have"},
		{"tm", "", `modparam("tm", "event_callback", "ksr_event")`, "kamailio.cfg:LINE:1: tm.event_callback names the function ksr_event, which is not called here: use the options of what sends: probe = { from = … } of dispatch, headers of sip.send, b2b and uac"},
		{"core", "", `kemi.pre_routing_callback="ksr_event"`, "kamailio.cfg:LINE:1: kemi.pre_routing_callback names the function ksr_event, which is not called here: use the beginning of ksr_request_route and ksr_reply_route"},
		{"several modules", "topoh msrp", `modparam("topoh|msrp", "event_callback", "ksr_event")`, "kamailio.cfg:LINE:1: topoh.event_callback"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			text := config(c.modules, c.line)
			for name, text := range map[string]string{"k.lua": "function ksr_event() end function ksr_request_route() end", "kamailio.cfg": text} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			found, err := kemi.Check(filepath.Join(dir, "kamailio.cfg"))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range found {
				got = append(got, strings.TrimPrefix(f.String(), dir+"/"))
			}
			before, _, _ := strings.Cut(text, c.line)
			want := strings.Replace(c.want, "LINE", fmt.Sprint(strings.Count(before, "\n")+1), 1)
			if g := strings.Join(got, "\n"); g != want && !(want != "" && strings.HasPrefix(g, want)) {
				t.Errorf("got  %s\nwant %s", g, want)
			}
		})
	}
}
