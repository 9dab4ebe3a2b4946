package spec_test

import (
	"strings"
	"testing"
)

// This file tests t.request.

const answering = `
t.server { source = [[
  local http, registrar = require "http", require "registrar"
  http.configure { tokens = { "secret" } }
  http.handle("POST /echo/{id}", function(hreq)
    return { status = 201, headers = { ["X-Kind"] = "echo" }, json = { id = hreq.params.id, a = hreq.query.a, said = hreq:json(), kind = hreq.headers["content-type"], ip = hreq.source.ip } }
  end)
  http.handle("GET /secret", { auth = "bearer" }, function() return { body = "found" } end)
  http.handle("GET /mine", { auth = function(hreq) return hreq.headers["authorization"] == "Basic YWxpY2U6eA==" end }, function() return { body = "hers" } end)
  http.handle("GET /slow", function() sip.sleep(20) return { body = os.date("%S") } end)
  http.handle("GET /wrong", function() error("no luck") end)
  http.handle("POST /call", function(hreq)
    local res = sip.send { method = "MESSAGE", uri = hreq.body, from = "sip:web@example.com", to = hreq.body, timeout = 5 }
    return { status = res and res.code < 300 and 202 or 502 }
  end)
  function route(req)
    if req.method == "REGISTER" then return registrar.save(req) end
    req:reply(404)
  end
]] }
`

func TestRequest(t *testing.T) {
	for _, c := range []struct{ name, lua string }{
		{"what is sent, and what comes back", `
			local answer = t.request { path = "/echo/7?b=1", query = { a = "x y" }, json = { n = 5 }, source = "127.0.0.9" }:expect(201)
			t.equal(answer.status, 201)
			t.equal(answer.headers["x-kind"], "echo")
			t.equal(answer.headers["content-type"], "application/json")
			local value = answer:json()
			t.equal(value.id .. value.a .. value.said.n .. value.kind .. value.ip, "7x y5application/json127.0.0.9")
			answer = t.request { method = "POST", path = "/echo/8", body = '"text"', headers = { ["Content-Type"] = "text/plain" } }:expect("2xx")
			t.match(answer.body, '"kind":"text/plain"')`},
		{"who may, and who may not", `
			t.request { path = "/secret" }:expect(401)
			t.request { path = "/secret", auth = { bearer = "guess" } }:expect(401)
			t.equal(t.request { path = "/secret", auth = { bearer = "secret" } }:expect(200).body, "found")
			t.request { path = "/mine" }:expect(401)
			t.equal(t.request { path = "/mine", auth = { user = "alice", password = "x" } }:expect(200).body, "hers")
			t.request { path = "/slow", source = "192.0.2.7" }:expect(401)
			t.request { path = "/slow", headers = { Host = "sip.example.com" } }:expect(401)`},
		{"a handler may wait, in virtual time", `
			local began = os.time()
			local one, two = t.request { path = "/slow" }, t.request { path = "/slow" }
			t.equal(one:expect(200, { within = 21 }).body, "20")
			two:expect(200)
			t.equal(os.time() - began, 20)`},
		{"and phones may answer meanwhile", `
			local alice = t.ua("sip:alice@10.0.0.9")
			local asked = t.request { path = "/call", body = "sip:alice@10.0.0.9" }
			alice:expect("MESSAGE"):reply(200)
			asked:expect(202)
			alice:leave()
			t.request { path = "/call", body = "sip:alice@10.0.0.9" }:expect(502)`},
		{"none, wrong ones, and those of another server", `
			t.request { path = "/none" }:expect(404)
			t.request { method = "DELETE", path = "/echo/7" }:expect(405)
			t.request { path = "/wrong" }:expect(500)
			local other = t.server { addr = "10.0.0.2", source = [[
				require("http").handle("GET /wrong", function() return { body = "right" } end)
				function route(req) req:reply(404) end]] }
			t.equal(t.request { path = "/wrong", server = other }:expect(200).body, "right")
			t.restart()
			t.request { path = "/secret", auth = { bearer = "secret" } }:expect(200)`},
		{"what is wrong is said", `
			t.raises(function() t.request { path = "calls" } end, '"calls" is not a path')
			t.raises(function() t.request { path = "/", body = "x", json = 1 } end, "give body or json")
			t.raises(function() t.request { path = "/", source = "home" } end, '"home" is not an address')
			t.raises(function() t.request { path = "/none" }:expect(200) end, "GET /none was answered 404, want 200; 404 page not found")
			t.raises(function() t.request { path = "/slow" }:expect(200) end, "GET /slow: no answer came within 10 s")
			t.raises(function() t.request { path = "/none" }:expect("GET") end, "an answer has a status")`},
	} {
		t.Run(c.name, func(t *testing.T) { passes(t, "t.it('does', function() "+answering+c.lua+"\nend)") })
	}
}

// A script with handlers has nothing to complain about in a spec.
func TestHandlersDoNotWarn(t *testing.T) {
	out := fails(t, "t.it('does', function() "+answering+" t.ua('sip:alice@example.com'); t.fail('now') end)")
	if strings.Contains(out, "warn") {
		t.Errorf("%s", out)
	}
}
