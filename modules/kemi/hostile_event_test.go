package kemi_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/all"
	"github.com/sipscript/sipscript/modules/clients"
	httpmodule "github.com/sipscript/sipscript/modules/http"
	"github.com/sipscript/sipscript/modules/kemi/pv"
)

// everything reads all pseudo-variables, and calls what needs no request.
const everything = show + `
local names = { %s }
function ksr_http()
  local n, bad = 0, {}
  for _, name in ipairs(names) do
    for _, f in ipairs { KSR.pv.get, KSR.pv.gete, KSR.pv.is_null, KSR.pv.sets, KSR.pv.unset } do
      local ok, err = pcall(f, name, "x")
      n = n + 1
      if not ok and not tostring(err):find("~~ksr", 1, true) then bad[#bad + 1] = name .. ": " .. tostring(err) end
    end
  end
  for _, f in ipairs { function() return KSR.siputils.is_first_hop() end, function() return KSR.siputils.has_totag() end, function() return KSR.kx.get_body() end, function() return KSR.kx.get_callid() end,
    function() return KSR.hdr.get("From") end, function() return KSR.hdr.get("Via") end, function() return KSR.hdr.is_present("CSeq") end, function() return KSR.textops.has_body() end, function() return KSR.textops.has_body_type("application/sdp") end,
    function() return KSR.hdr.remove("Via") end, function() return KSR.hdr.append("X: y\r\n") end, function() return KSR.is_myself(KSR.pv.gete("$hu")) end, function() return KSR.is_myself_furi() end,
    function() return KSR.tmx.t_suspend() end, function() return KSR.tm.t_relay() end, function() return KSR.msilo.mstore() end, function() return KSR.sqlops.sql_query("a", "b", "c") end, function() return KSR.xlog.xinfo("$hu $(hdr(From)[0]) $ci") end,
    function() return KSR.dispatcher.ds_is_from_list(1) end, function() return KSR.corex.has_user_agent() end } do
    local ok, err = pcall(f)
    if not ok then bad[#bad + 1] = tostring(err) end
  end
  KSR.xhttp.xhttp_reply(200, "OK", "text/plain", n .. " " .. table.concat(bad, "\n"))
end
function ksr_request_route() end`

// An HTTP request of a stranger may have any header: what the callback reads of it is read, or is
// nothing.
func TestHostileHTTP(t *testing.T) {
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
	var names []string
	for _, n := range []string{"ru", "rU", "rd", "rp", "rP", "rm", "rs", "rr", "rb", "rv", "rz", "fu", "fU", "fd", "ft", "fn", "tu", "tU", "td", "tt", "tn", "ci", "cs", "ct", "cT", "cl", "ua", "si", "sp", "su", "pr", "proto", "Ri", "Rp", "Rn", "RAi",
		"du", "dd", "dp", "dP", "ds", "fs", "ou", "oU", "od", "ml", "mb", "mi", "mf", "bf", "bs", "pp", "TS", "Ts", "Tf", "au", "aU", "ad", "ar", "adu", "T_reply_code", "T_reply_reason", "T_branch_idx", "route_uri", "br", "bR", "hu", "re", "pu", "pU", "pd", "pn", "di", "dir", "ai",
		"hdr(From)", "hdr(Via)", "(hdr(Contact)[0])", "(hdr(X)[*])", "T(id_index)", "T(id_label)", "T(branch_index)", "dlg_var(x)", "avp(x)", "(ulc(exp=>aor))", "T_req(fu)", "T_rpl(fu)", "branch(uri)", "sht(a=>b)", "shv(a)", "xavp(a=>b)", "(fu{uri.user})", "(rb{line.at,0})", "(hu{url.querystring})"} {
		if _, err := pv.Parse("$" + n); err == nil {
			names = append(names, fmt.Sprintf("%q", "$"+n))
		}
	}
	w, err := luabindtest.Try(t, "require('kemi').load('kamailio.cfg')", luabindtest.Modules(modules...), files(map[string]string{"k.lua": fmt.Sprintf(everything, strings.Join(names, ", ")),
		"kamailio.cfg": config("xhttp dialog msilo sqlops dispatcher", `modparam("xhttp", "event_callback", "ksr_http")`)}))
	if err != nil {
		t.Fatal(err)
	}
	good := "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n"
	for _, c := range []struct{ name, headers, body string }{
		{"none", "", ""},
		{"those of SIP", good + "Contact: <sip:a@b>\r\nMax-Forwards: 70\r\nRoute: <sip:a@b;lr>\r\n", ""},
		{"nonsense", "Via: ,,;\r\nFrom: <<>>;tag\r\nTo: \"\r\nCall-ID: \r\nCSeq: x y z\r\nContact: *,<\r\nMax-Forwards: -1\r\nRoute: <\r\nRecord-Route: ;\r\nAuthorization: Digest =\r\nProxy-Authorization: Basic x\r\nContent-Type: ;;\r\nRefer-To: <\r\nDiversion: ,\r\nP-Asserted-Identity: <,\r\n", ""},
		{"numbers", "CSeq: 99999999999999999999 INVITE\r\nMax-Forwards: 99999999999999999999\r\nExpires: -5\r\n", ""},
		{"compact names", "v: x\r\nf: y\r\nt: z\r\ni: 1\r\nl: 5\r\nm: <sip:x>\r\nc: a/b\r\n", ""},
		{"many", strings.Repeat("X-A: "+strings.Repeat("b", 200)+"\r\n", 300), ""},
		{"bytes", "From: \xff\xfe<sip:\x80@b>\r\nX: \t\x80\r\n", ""},
		{"a body", good + "Content-Type: application/sdp\r\n", "v=0\r\nm=\r\n"},
		{"a binary body", "Content-Type: multipart/mixed; boundary=\"\r\n", "\x00\r\n\r\n--\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", m.Addr())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			_, _ = fmt.Fprintf(conn, "POST /a?b=%%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n%s\r\n%s", len(c.body), c.headers, c.body)
			text, _ := io.ReadAll(conn)
			head, body, _ := strings.Cut(string(text), "\r\n\r\n")
			if !strings.HasPrefix(head, "HTTP/1.1 200") && !strings.HasPrefix(head, "HTTP/1.1 400") && !strings.HasPrefix(head, "HTTP/1.1 431") || strings.HasPrefix(head, "HTTP/1.1 200") && !strings.HasSuffix(body, " ") {
				t.Errorf("%s\n%s\n%s", head, body, w.Log())
			}
			if strings.Contains(w.Log(), "panic") {
				t.Error(w.Log())
			}
		})
	}
}

// After a reload the callbacks are those of the new script, each once, and what waits goes on.
func TestReload(t *testing.T) {
	t.Run("t_suspend", func(t *testing.T) {
		f := run(t, "", suspending, config("", ""))
		out := f.alice.Invite("sip:bob@example.com", phone.Spec{})
		f.Run(time.Second)
		if err := f.Router.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := header(f.Ask("OPTIONS", "sip:go_on@example.com"), "X-Got"); got != "-1; 1; -1" {
			t.Error(got)
		}
		f.Answered(out, 480)
	})
}

// A request whose script was stopped, or failed, waits for nothing any more.
func TestSuspendedAndStopped(t *testing.T) {
	for name, end := range map[string]string{"a loop": "while true do end", "an error": "error('oops')", "an exit": "KSR.x.exit()"} {
		t.Run(name, func(t *testing.T) {
			script := strings.Replace(suspending, "  local first = ", "  KSR.tmx.t_suspend() "+end+"\n  local first = ", 1)
			f := run(t, "", script, config("", ""), luabindtest.Script(func(o *luabind.Options) { o.Budget = 50 * time.Millisecond }))
			out := f.alice.Invite("sip:bob@example.com", phone.Spec{})
			want := "-1; 1; -1"
			if name != "an exit" {
				f.Answered(out, 500)
				want = "-1; -1; -1"
			}
			f.Run(time.Second)
			if got := header(f.Ask("OPTIONS", "sip:go_on@example.com"), "X-Got"); got != want {
				t.Errorf("t_continue returned %s, want %s", got, want)
			}
		})
	}
}

// A message that could not be delivered is kept by the function for the failure, where scripts do.
func TestKeepsMessagesThatFailed(t *testing.T) {
	for _, c := range []struct {
		name, uri string
		body      string
		code      int
		want      string
	}{{"kept", "sip:bob@example.com", "one", 202, "1"}, {"not kept", "sip:bob@example.com", "", 404, "-1"}} {
		t.Run(c.name, func(t *testing.T) {
			script := heard + `
function ksr_request_route()
  if KSR.is_OPTIONS() then return tell() end
  if KSR.is_REGISTER() then KSR.registrar.save("location", 0) return end
  KSR.tm.t_on_failure("failure") KSR.setdsturi("sip:10.0.0.3:5060") KSR.tm.t_relay()
end
function failure()
  local n = KSR.msilo.mstore()
  note(n)
  if n < 0 then KSR.tm.t_reply(404, "Not Kept") end
end`
			f := run(t, "", script, config("msilo", ""))
			f.Answered(f.bob.Register(phone.Registration{Expires: 600}), 200)
			out := f.alice.Send(phone.Spec{Method: "MESSAGE", URI: c.uri, Body: []byte(c.body), ContentType: "text/plain"})
			f.Reply(f.Came(f.bob, "MESSAGE"), 480)
			f.Answered(out, c.code)
			f.heard(t, c.want)
		})
	}
}
