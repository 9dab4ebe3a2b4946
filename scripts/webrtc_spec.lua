-- What webrtc.lua promises. Run it with `sipscript test webrtc_spec.lua`.

local t = require "sip.test"

local USERS = { WEBRTC_USERS = "alice:wonderland bob:builder desk:lamp" }
local PASSWORDS = { alice = "wonderland", bob = "builder", desk = "lamp" }
local KEY, MEDIA = "a secret of at least 32 bytes, shared", "203.0.113.99"

local app -- the server of the web application

local function server(args)
  t.server { env = USERS, args = args or {} }
  app = nil
end

local function browser(user, options)
  options = options or {}
  options.transport = "wss"
  options.password = options.password or PASSWORDS[user]
  return t.ua("sip:" .. user .. "@example.com", options)
end

local function phone(user)
  return t.ua("sip:" .. user .. "@example.com", { password = PASSWORDS[user] })
end

-- The web application, whose pages get tokens from it.
local application = [[
  local http, jwt = require "http", require "jwt"
  http.handle("GET /token", function(hreq)
    local claims = { sub = hreq.query.sub, aud = hreq.query.aud }
    return { status = 200, body = jwt.sign(claims, { key = "]] .. KEY .. [[" }) }
  end)
  function route(req) req:drop() end
]]

local function token_of(sub, aud)
  app = app or t.server { source = application, addr = "10.0.0.7" }
  local asked = t.request { path = "/token", server = app, query = { sub = sub, aud = aud or "sip" } }
  return asked:expect(200).body
end

-- A browser with a page of the application; sub and aud are what its token says.
local function page(user, sub, aud)
  local token = token_of(sub or user, aud)
  return t.ua("sip:" .. user .. "@example.com",
    { transport = "wss", http = { path = "/?token=" .. token, origin = "https://app.example.com" } })
end

t.describe("with passwords", function()
  t.it("connects two browsers, whose media it leaves alone", function()
    server { media = "udp:127.0.0.1:2223" }
    t.rtpengine(function() error("the daemon was asked") end)
    local alice, bob = browser "alice", browser "bob"
    alice:register()
    bob:register()
    local call = alice:invite("sip:bob@example.com", { sdp = true })
    local leg = bob:expect("INVITE")
    leg:reply(180)
    call:expect(180)
    leg:reply(200, { sdp = true })
    call:expect(200)
    leg:bye():expect(200)
  end)

  t.it("connects a browser and a plain phone by rtpengine, whoever calls", function()
    server { media = "udp:127.0.0.1:2223" }
    t.rtpengine()
    local alice, desk = browser "alice", phone "desk"
    alice:register()
    desk:register()
    for _, row in ipairs { { alice, desk, "desk" }, { desk, alice, "alice" } } do
      local call = row[1]:invite("sip:" .. row[3] .. "@example.com", { sdp = true })
      local leg = row[2]:expect("INVITE")
      t.match(leg.body, MEDIA)
      leg:reply(200, { sdp = true })
      t.match(call:expect(200).body, MEDIA)
      call:bye():expect(200)
    end
  end)

  t.it("asks who calls, and who registers", function()
    server()
    browser("alice", { password = "guess" }):register { expect = 401 }
    local mallory = browser("mallory", { password = "guess" })
    mallory:invite("sip:bob@example.com"):expect(407)
    browser("alice", { name = "alice's page" }):register()
  end)
end)

t.describe("with tokens", function()
  t.it("lets a page in by the token it connects with", function()
    server { token = KEY }
    local alice, bob = page "alice", page "bob"
    alice:register()
    bob:register()
    local call = alice:invite("sip:bob@example.com")
    bob:expect("INVITE"):reply(486)
    call:expect(486)
  end)

  t.it("refuses a page without one, or with another's", function()
    server { token = KEY }
    browser("alice"):register { expect = 403 }
    page("bob", "alice"):register { expect = 403 }
    page("desk", "desk", "mail"):register { expect = 403 }
  end)

  t.it("refuses a page whose token is too old", function()
    server { token = KEY }
    local alice = page "alice"
    alice:register()
    t.advance(301)
    alice:register { expect = 403 }
  end)

  t.it("still asks phones for their passwords", function()
    server { token = KEY }
    phone("desk"):register()
    t.ua("sip:alice@example.com", { password = "guess" }):register { expect = 401 }
  end)
end)

t.describe("a page's ICE", function()
  t.it("passes as it is, and so do candidates that come later (RFC 8840)", function()
    server()
    local audio = table.concat({
      "m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a=mid:0", "a=rtpmap:111 opus/48000/2",
      "a=setup:actpass", "a=ice-ufrag:F7gI", "a=ice-pwd:x9cml/YzichV2+XlhiMu8g",
      "a=candidate:1 1 udp 2130706431 2001:db8::1 9 typ host generation 0 network-id 1",
      "a=candidate:2 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active", "",
    }, "\r\n")
    local session = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
    local offer = session .. "a=ice-options:trickle ice2\r\n" .. audio
    local answer = session .. "a=ice-lite\r\n" .. audio
    local alice, bob = browser "alice", browser "bob"
    bob:register()
    local call = alice:invite("sip:bob@example.com", { sdp = offer })
    local leg = bob:expect("INVITE")
    t.equal(leg.body, offer)
    leg:reply(200, { sdp = answer })
    t.equal(call:expect(200).body, answer)

    local fragment = table.concat({ "a=ice-pwd:x9cml/YzichV2+XlhiMu8g", "a=ice-ufrag:F7gI",
      "m=audio 9 RTP/AVP 0", "a=mid:0", "a=candidate:3 1 udp 1 192.0.2.1 5000 typ relay",
      "a=end-of-candidates", "" }, "\r\n")
    call:send { method = "INFO", content_type = "application/trickle-ice-sdpfrag", body = fragment,
      headers = { ["Info-Package"] = "trickle-ice", ["Content-Disposition"] = "Info-Package" } }
    local info = bob:expect("INFO")
    t.equal(info.body, fragment)
    t.equal(info:header("Content-Type"), "application/trickle-ice-sdpfrag")
    t.equal(info:header("Info-Package"), "trickle-ice")
    info:reply(200)
    leg:bye():expect(200)
  end)

  t.it("gets its servers by the page's token", function()
    server { token = KEY }
    local res = t.request { path = "/ice", query = { token = token_of "alice" }, source = "192.0.2.9" }:expect(200)
    t.equal(res:json().iceServers, {}, "specs have no listener for TURN")
    t.equal(res.headers["access-control-allow-origin"], "*")
    t.request { path = "/ice", query = { token = token_of("alice", "mail") } }:expect(401)
    t.request { path = "/ice" }:expect(401)
  end)

  t.it("gets them from the application, where there are no tokens", function()
    server()
    t.request { path = "/ice", query = { user = "alice" } }:expect(200)
    t.request { path = "/ice", query = { user = "alice" }, source = "192.0.2.9" }:expect(401)
  end)

  t.it("gets credentials for an hour, with its user's name in them", function()
    t.clock(1800000000)
    server { turn = "turn:turn.example.com:3478, turns:turn.example.com" }
    local function credentials(user)
      local servers = t.request { path = "/ice", query = { user = user } }:expect(200):json().iceServers
      t.equal(#servers, 1)
      return servers[1]
    end
    local alice, bob = credentials "alice", credentials "bob"
    t.equal(alice.urls, { "turn:turn.example.com:3478", "turns:turn.example.com" })
    t.equal(alice.username, "1800003600:alice")
    t.match(alice.credential, "^[%w+/]+=$", "a hash in base64")
    t.ok(alice.credential ~= bob.credential, "each has its own")
  end)
end)

t.it("answers OPTIONS, and serves no other domain", function()
  server()
  local alice = browser "alice"
  alice:send { method = "OPTIONS", uri = "sip:example.com" }:expect(200)
  alice:invite("sip:bob@elsewhere.example"):expect(404)
  alice:send { method = "PUBLISH", uri = "sip:alice@example.com" }:expect(405)
end)

t.it("takes what clients assert of themselves away", function()
  server()
  local alice, bob = browser "alice", browser "bob"
  bob:register()
  local call = alice:invite("sip:bob@example.com", { headers = { ["P-Asserted-Identity"] = "<sip:boss@example.com>" } })
  local leg = bob:expect("INVITE")
  t.equal(leg:header("P-Asserted-Identity"), nil)
  leg:reply(486)
  call:expect(486)
end)
