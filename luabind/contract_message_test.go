package luabind_test

import (
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// "Fields, read on demand; an absent header or body is nil."
func TestContractAbsentIsNil(t *testing.T) {
	w := luabindtest.New(t, `function route(req)
  local names = {}
  for _, name in ipairs{"body", "content_type", "user_agent", "expires", "answered", "route_params"} do
    if req[name] ~= nil then names[#names + 1] = name end
  end
  if req.to.tag ~= nil then names[#names + 1] = "to.tag" end
  if req:header("X-None") ~= nil then names[#names + 1] = "header" end
  req:reply(299, table.concat(names, " ") .. #req.contacts .. #req.routes .. #req:headers("X-None"))
end`)
	if got := string(w.Ask("MESSAGE", "sip:bob@example.com").ReasonPhrase()); got != "000" {
		t.Errorf("got %q", got)
	}
}

// "req:header(name) req:headers(name): one element a value where the RFC says list; compact forms
// and case are the engine's business"
func TestContractHeadersAreElements(t *testing.T) {
	const headers = "Contact: <sip:a@b>, \"x, y\" <sip:c@d>\r\nm: <sip:e@f>\r\nk: path, 100rel\r\nSupported: gruu\r\nSubject: one, two\r\n" +
		"P-Asserted-Identity: \"A, B\" <sip:a@b>, <tel:+1>\r\nDiversion: <sip:x@y>;reason=busy, <sip:z@y>;reason=no-answer\r\nX-Mine: a, b\r\nX-MINE: c\r\n" +
		"Allow: INVITE, ACK\r\nDate: Sat, 13 Nov 2010 23:29:00 GMT\r\nx-Folded: one\r\n two\r\n"
	w := luabindtest.New(t, `function route(req)
  local out = {}
  for _, name in ipairs{"contact", "M", "Supported", "K", "subject", "S", "p-asserted-identity", "DIVERSION", "x-mine", "Allow", "Date", "X-Folded"} do
    out[#out + 1] = #req:headers(name) .. ":" .. req:header(name)
  end
  req:reply(299, table.concat(out, "|"))
end`)
	want := `3:<sip:a@b>|3:<sip:a@b>|3:path|3:path|1:one, two|1:one, two|2:"A, B" <sip:a@b>|2:<sip:x@y>;reason=busy|2:a, b|2:INVITE|1:Sat, 13 Nov 2010 23:29:00 GMT|1:one two`
	if got := string(w.Ask("MESSAGE", "sip:bob@example.com", headers).ReasonPhrase()); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// "CR, LF, NUL, and headers the engine owns, raise", in any spelling, on requests, branches,
// targets and replies.
func TestContractOwnedHeadersRaise(t *testing.T) {
	cases := map[string]string{}
	for _, name := range []string{"Via", "v", "FROM", "f", "to", "T", "Call-ID", "i", "CSeq", "Route", "Record-Route", "Max-Forwards", "Content-Length", "l"} {
		cases[`req:set_header("`+name+`", "1")`] = "engine's own header"
		cases[`req:add_header("`+name+`", "1")`] = "engine's own header"
		cases[`req:remove_header("`+name+`")`] = "engine's own header"
		cases[`req:reply(200, {headers = {["`+name+`"] = "1"}})`] = "engine's own header"
		cases[`req:relay("sip:a@b", {headers = {["`+name+`"] = false}})`] = "engine's own header"
	}
	for _, bad := range []string{`a\r\nb`, `a\nb`, `a\rb`, `a\0b`} {
		cases[`req:set_header("X", "`+bad+`")`] = "line break or NUL"
		cases[`req:add_header("X", "`+bad+`")`] = ""
		cases[`req:set_header("X", {"ok", "`+bad+`"})`] = "line break or NUL"
		cases[`req:set_header("X`+bad+`", "1")`] = ""
		cases[`req:reply(200, "`+bad+`")`] = "CR, LF or NUL"
	}
	refuse(t, cases)
}

// "record_route([params]): readable later as route_params": {} where it had none; nil unless it was
// ours and its signature holds.
func TestContractRouteParams(t *testing.T) {
	const show = `
if req.in_dialog then
  local p = req.route_params
  if p == nil then return req:reply(299, "nil") end
  local out = {}
  for k, v in pairs(p) do out[#out + 1] = k .. "=" .. v end
  table.sort(out)
  return req:reply(299, "{" .. table.concat(out, ",") .. "}")
end
`
	for body, want := range map[string]string{
		`req:record_route()`: "{}",
		`req:record_route{}`: "{}",
		`req:record_route{Side = "A", n = 5, flag = true, gone = false}`: "{flag=,n=5,side=A}",
		`req:record_route(";side=a;flag")`:                               "{flag=,side=a}",
		`req:record_route("side=a")`:                                     "{side=a}",
		`req:record_route{a = 1} req:record_route{b = 2}`:                "{b=2}",
	} {
		t.Run(body, func(t *testing.T) {
			w, busy, _ := routed(t, show+body+` req:relay("sip:b@10.0.0.9")`)
			w.Ask("INVITE", "sip:bob@example.com", "Contact: <sip:a@10.0.0.2>\r\n")
			rr := string(busy.Requests("INVITE")[0].HeaderName("Record-Route"))
			bye := func(route, callID string) string {
				text := string(w.Request("BYE", "sip:a@10.0.0.2", "Route: "+route+"\r\n", ""))
				text = strings.Replace(text, "To: <sip:a@10.0.0.2>", "To: <sip:alice@example.com>;tag=from1", 1)
				at := strings.Index(text, "Call-ID: ")
				end := at + strings.Index(text[at:], "\r\n")
				return string(w.Send([]byte(text[:at] + "Call-ID: " + callID + text[end:])).ReasonPhrase())
			}
			if got := bye(rr, "call-1"); got != want {
				t.Errorf("%s\n got %s\nwant %s (%s)", body, got, want, rr)
			}
			for why, got := range map[string]string{"another call's": bye(rr, "other"), "forged": bye(strings.Replace(rr, ";s=", ";s=0", 1), "call-1"),
				"changed": bye(strings.Replace(rr, ">", ";x=y>", 1), "call-1"), "none": bye("<sip:10.0.0.1;lr>", "call-1")} {
				if got != "nil" {
					t.Errorf("%s, %s Route: route_params %s", body, why, got)
				}
			}
		})
	}
	refuse(t, map[string]string{
		`req:record_route{lr = true}`:          "lr",
		`req:record_route{s = "x"}`:            "taken",
		`req:record_route{x = ("y"):rep(300)}`: "at most 256",
		`req:record_route(";x=a b")`:           "no spaces",
		`req:record_route{x = {}}`:             "must be a string",
		`req:record_route{"x"}`:                "must be a string",
	})
}

// "nothing where no dialog can start"
func TestContractNoRecordRouteWithoutDialog(t *testing.T) {
	for method, want := range map[string]bool{"INVITE": true, "SUBSCRIBE": true, "REFER": true, "MESSAGE": false, "OPTIONS": false, "REGISTER": false, "PUBLISH": false} {
		t.Run(method, func(t *testing.T) {
			w, _, fine := routed(t, `req:record_route() req:relay("sip:b@10.0.0.8")`)
			w.Ask(method, "sip:bob@example.com", "Contact: <sip:a@10.0.0.2>\r\n")
			if got := fine.Requests(method)[0].HeaderName("Record-Route") != nil; got != want {
				t.Errorf("%s: Record-Route %v", method, got)
			}
		})
	}
}

// "Objects of a request live until its handlers end; a later use raises", also where the object is
// only passed on.
func TestContractObjectsUsedLaterRaise(t *testing.T) {
	for _, use := range []string{
		`tostring(k.ruri)`, `"<" .. k.ruri .. ">"`, `("%s"):format(k.ruri)`, `k.ruri == sip.uri("sip:a@b")`, `k.ruri:equals("sip:a@b")`, `k.ruri.aor`,
		`k.ruri.params.x`, `sip.uri(k.ruri)`, `sip.uri(k.from)`, `sip.is_local(k.ruri)`, `sip.address(k.contact)`, `k.contact.uri`, `tostring(k.contact)`,
		`k.contact .. ""`, `tostring(k.req)`, `k.req.method`, `k.req:header("To")`, `k.req:reply(200)`, `k.req.vars`, `k.res.code`, `k.res:header("To")`,
		`tostring(k.res)`, `k.uri.user`, `tostring(k.params)`, `pairs(k.params)`, `k.params.x`, `sip.shared("x"):get(k.ruri)`, `sip.shared("x"):set(k.contact, 1)`,
		`sip.json.encode({k.ruri})`, `sip.send{method = "OPTIONS", uri = k.ruri}`, `sip.send{method = "OPTIONS", target = k.contact}`,
		`sip.send{method = "OPTIONS", uri = "sip:a@10.0.0.9", headers = {X = k.ruri}}`, `table.concat({k.ruri})`, `k.req.ruri`, `k.req.from.tag`,
	} {
		w := scene(t, `
local res = req:fork("sip:b@10.0.0.9")
local k = {req = req, ruri = req.ruri, from = req.from, uri = req.from.uri, contact = req.contacts[1], params = req.ruri.params, res = res}
sip.after(1, function()
  local ok, err = pcall(function() return `+use+` end)
  sip.log.info("later %s %s", ok, tostring(err))
end)
req:reply(404)`)
		newPhone(w, "10.0.0.9:5060", "", 486)
		call(w)
		w.Run(40 * second)
		if log := w.Log(); !strings.Contains(log, "later false") || !strings.Contains(log, "is over") {
			t.Errorf("%s did not raise:\n%s", use, log)
		}
	}
	w := scene(t, `
if req.vars.done == nil then keep = keep or sip.shared("k") end
if req:is("MESSAGE") then OLD = {req.ruri, req.contacts[1]} return req:reply(200) end
for _, f in ipairs{function() req:relay(OLD[1]) end, function() req:relay(OLD[2]) end, function() req:relay{uri = OLD[1]} end,
  function() req:relay{next_hop = OLD[1]} end, function() req:set_header("X", OLD[1]) end, function() req.ruri = OLD[1] end, function() req:redirect(OLD[2]) end} do
  local ok, err = pcall(f)
  sip.log.info("other %s %s", ok, tostring(err))
end
req:reply(404)
end
OLD, keep = nil, nil
do`)
	w.Ask("MESSAGE", "sip:bob@example.com", "Contact: <sip:a@10.0.0.9>\r\n")
	w.Ask("OPTIONS", "sip:bob@example.com")
	if n := strings.Count(w.Log(), "is over"); n != 7 {
		t.Errorf("%d of 7 raised\n%s", n, w.Log())
	}
}

// "req.parts -> list of {content_type, disposition, id, headers, body} | nil; req:set_parts(list)":
// what is read is what was written, on requests, branches and responses alike.
func TestContractParts(t *testing.T) {
	const list = `{ { content_type = "application/sdp", body = "v=0\r\n", disposition = "session" }, { content_type = "text/plain", body = "\0--x--\r\n", id = "<1@x>", headers = { ["X-A"] = "b" } } }`
	const told = `local out = {}
    for _, p in ipairs(req.parts or {}) do
      out[#out + 1] = p.content_type .. ":" .. tostring(p.disposition) .. ":" .. tostring(p.id) .. ":" .. tostring(p.headers["X-A"]) .. ":" .. #p.body
    end
    return req.content_type:match("^[^;]+") .. " " .. table.concat(out, " ")`
	const want = "application/sdp:session:nil:nil:5 text/plain:nil:<1@x>:b:8"
	for name, c := range map[string]struct{ kind, body, script, want string }{
		"of a body of another type":    {"text/plain", "hello", "req:set_parts(" + list + ")", "multipart/mixed " + want},
		"of a multipart body":          {"multipart/related;type=x;boundary=ab", "--ab\r\n\r\nx\r\n--ab--", "req:set_parts(" + list + ")", "multipart/related " + want},
		"whose boundary is in a part":  {"multipart/related;boundary=x", "--x\r\n\r\nx\r\n--x--", "req:set_parts(" + list + ")", "multipart/related " + want},
		"as they were read":            {"multipart/mixed;boundary=x", "--x\r\nContent-Type: a/b\r\n\r\nc\r\n--x--", "req:set_parts(req.parts)", "multipart/mixed a/b:nil:nil:nil:1"},
		"none":                         {"text/plain", "hello", `req:set_parts({}) if req.body or req.content_type then error("a body") end req:set_body("x", "a/b")`, "a/b "},
		"of a body that is not":        {"text/plain", "hello", "", "text/plain "},
		"of a body that can't be read": {"multipart/mixed", "hello", "", "multipart/mixed "},
	} {
		t.Run(name, func(t *testing.T) {
			w := luabindtest.New(t, "function route(req) local function told() "+told+" end "+c.script+" req:reply(299, told()) end")
			if got := string(w.Send(w.Request("MESSAGE", "sip:bob@example.com", "Content-Type: "+c.kind+"\r\n", c.body)).ReasonPhrase()); got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
		})
	}
	for script, want := range map[string]string{
		`req:set_parts({ { body = "x" } })`:                                                          "content_type",
		`req:set_parts({ { content_type = "a/b", body = "x", id = "a\r\nB: c" } })`:                  "CR, LF or NUL",
		`req:set_parts({ { content_type = "a/b", body = "x", headers = { ["A: b\r\nC"] = "d" } } })`: "is not the name of a header",
		`req:set_parts({ "x" })`: "part 1 must be a table",
		`req:set_parts("x")`:     "must be a list of parts",
		`req:set_parts({ { content_type = "a/b", body = "x", kind = "y" } })`: "kind",
		`req.parts = {}`: "read-only",
	} {
		t.Run(script, func(t *testing.T) {
			w := luabindtest.New(t, "function route(req) local ok, err = pcall(function() "+script+" end) req:reply(299, tostring(err)) end")
			if got := string(w.Ask("MESSAGE", "sip:bob@example.com").ReasonPhrase()); !strings.Contains(got, want) {
				t.Errorf("got %s", got)
			}
		})
	}
}
