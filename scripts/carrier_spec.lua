-- What carrier.lua promises. Run it with `sipscript test carrier_spec.lua`.

local t = require "sip.test"

-- An authority and a certificate for tests, valid until 2125. Nobody else trusts them.
local ROOT = [[
-----BEGIN CERTIFICATE-----
MIIBlTCCATqgAwIBAgIIM7nAHk2Bb+kwCgYIKoZIzj0EAwIwLTELMAkGA1UEBhMC
REUxHjAcBgNVBAMTFWFuIGF1dGhvcml0eSBvZiBzcGVjczAgFw0yNTAxMDEwMDAw
MDBaGA8yMTI1MDEwMTAwMDAwMFowLTELMAkGA1UEBhMCREUxHjAcBgNVBAMTFWFu
IGF1dGhvcml0eSBvZiBzcGVjczBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABIli
+OsxiQxEElPvSZ7HCe4vsI3Rw5PZvFL4IoKl42EFd2OMiG6FoePcLoGbFmSQiTR0
glKN++rjCSwGS/oWslqjQjBAMA4GA1UdDwEB/wQEAwICBDAPBgNVHRMBAf8EBTAD
AQH/MB0GA1UdDgQWBBTCA5YqGvqzpHDdPJ8jssQHgska2TAKBggqhkjOPQQDAgNJ
ADBGAiEAhRNaw03YsdPRRDZFgpXOPgtVGn79xkL4F2jXiY2m83QCIQD0KSJm1sJs
1IOVYvK7M9MrHSrOnSQ5NxG9EG83Teak2w==
-----END CERTIFICATE-----
]]
local CERT = [[
-----BEGIN CERTIFICATE-----
MIIBkDCCATagAwIBAgIIEGTL7/VGDK0wCgYIKoZIzj0EAwIwLTELMAkGA1UEBhMC
REUxHjAcBgNVBAMTFWFuIGF1dGhvcml0eSBvZiBzcGVjczAgFw0yNTAxMDEwMDAw
MDBaGA8yMTI1MDEwMTAwMDAwMFowIDELMAkGA1UEBhMCREUxETAPBgNVBAMTCGEg
c2lnbmVyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAECqELX89//CFj/Pi7n1Nf
NhdTdOF6iIAE1g/DwW1xeXi+2za5a3LfPnpPbpymwukNs2ZK0oipDMKZ+ZZx+jao
1aNLMEkwDgYDVR0PAQH/BAQDAgeAMB8GA1UdIwQYMBaAFMIDlioa+rOkcN08nyOy
xAeCyRrZMBYGCCsGAQUFBwEaBAowCKAGFgQ3MDlKMAoGCCqGSM49BAMCA0gAMEUC
IAgVXBfhC3fi9N0U2JqwoYROnfdLbUtaL4SeN5lICJU1AiEAyYWI05fgzp9fGeGw
nudd9jOGnN6K0PhCOs0tArFxfaA=
-----END CERTIFICATE-----
]]
local KEY = [[
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIAI9tbf7Mw2cTSoqL8BTElkPAzmNnADBqHajTM0QFAwxoAoGCCqGSM49
AwEHoUQDQgAECqELX89//CFj/Pi7n1NfNhdTdOF6iIAE1g/DwW1xeXi+2za5a3Lf
PnpPbpymwukNs2ZK0oipDMKZ+ZZx+jao1Q==
-----END EC PRIVATE KEY-----
]]
local X5U = "https://cert.example.org/a.pem"

-- What another network does: it signs what its user says, or what it is told, and sends it here.
local NETWORK = [[
  local stir = require "stir"
  stir.configure { certificate = sip.args.certificate, key = sip.args.key, x5u = sip.args.x5u }
  function route(req)
    if req.in_dialog then return req:relay() end
    req:record_route()
    req:relay({ uri = req.ruri, next_hop = "sip:10.0.0.1" }, { on_branch = function(branch, of)
      if not of:is("INVITE") then return end
      assert(stir.sign(branch, { attest = "B", orig = sip.args.orig }))
      sip.sleep(tonumber(sip.args.late) or 0)
    end })
  end
]]

local pbx, acme1, acme2, bell
local published -- what the network's URL of its certificate answers

local function carrier(options)
  local db = "postgres://sip@db/carrier"
  options.args = { peers = db, plan = db, rates = db, gateways = db,
    certificate = CERT, key = KEY, x5u = X5U, roots = ROOT }
  return t.server(options)
end

-- network has a user of another network, which signs for the number orig, and sends it late.
local function network(orig, late)
  t.server { addr = "10.0.9.1", source = NETWORK,
    args = { certificate = CERT, key = KEY, x5u = X5U, orig = orig, late = late } }
  return t.ua("sip:+4989777@10.0.8.1", { proxy = "10.0.9.1:5060" })
end

t.before(function()
  t.sql("from acl_entries", {
    { address = "10.0.2.0/24", attrs = '{"name": "hotel", "prefix": "+4930111", "calls": 2, "rate": 3}' },
    { address = "10.0.9.1", attrs = '{"name": "network", "calls": 2, "rate": 20}' },
  })
  t.sql("from dialplan_rules", {
    { prefix = "00", strip = 2, add = "+" },
    { prefix = "0", strip = 1, add = "+49" },
    { prefix = "+" },
  })
  t.sql("from lcr_rates", {
    { prefix = "49", carrier = "acme", cost = "0.005" },
    { prefix = "49", carrier = "bell", cost = "0.01" },
    { prefix = "1", carrier = "gone", cost = "0.01" },
  })
  t.sql("from dispatch_gateways", {
    { next_hop = "10.0.3.1", carrier = "acme" },
    { next_hop = "10.0.3.2", carrier = "acme", priority = 1 },
    { next_hop = "10.0.3.3", carrier = "bell", max_calls = 1 },
  })
  published = { body = CERT }
  t.http("GET cert.example.org/a.pem", function() return published end)
  carrier {}
  pbx = t.ua("sip:+493011123@10.0.2.1")
  acme1, acme2, bell = t.ua("sip:acme1@10.0.3.1"), t.ua("sip:acme2@10.0.3.2"), t.ua("sip:bell@10.0.3.3")
end)

-- recorded checks the only record.
local function recorded(want)
  t.advance(1)
  t.equal(#t.cdrs(), 1)
  local cdr = t.cdrs()[1]
  for name, value in pairs(want) do
    local got = cdr[name] or cdr.fields[name]
    t.equal(name == "duration" and math.floor(got) or got, value, name)
  end
end

-- talk has the hotel call a number, and a gateway answer.
local function talk(uri, gateway)
  local call = pbx:invite(uri)
  local leg = gateway:expect("INVITE")
  leg:reply(200)
  call:expect(200)
  return call, leg
end

t.it("signs a customer's call, hides the sides, takes the cheapest carrier, and records", function()
  local call = pbx:invite("sip:030123456@example.com")
  local leg = acme1:expect("INVITE", { headers = { Identity = "ppt=\"?shaken" } })
  t.equal(leg.ruri, "sip:+4930123456@10.0.3.1")
  t.ok(not leg.text:find("10.0.2.1:", 1, true) and leg.call_id ~= call.call_id, leg.text)
  leg:reply(200)
  call:expect(200)
  t.advance(60)
  leg:bye():expect(200)
  call:expect("BYE")
  recorded { code = 200, cause = "bye", ended_by = "callee", customer = "hotel", duration = 60 }
end)

t.it("vouches less for a number that is not the customer's", function()
  pbx:invite("sip:030123456@example.com", { from = "sip:+4989999@example.com" })
  local leg = acme1:expect("INVITE")
  local claims = leg:header("Identity"):match("^[^.]*%.([^.]*)")
  t.ok(not claims:find("ImF0dGVzdCI6IkEi", 1, true), claims) -- "attest":"A"
  leg:reply(486)
end)

t.it("vouches for the caller in From, whatever else the customer asserts", function()
  pbx:invite("sip:030123456@example.com", { from = "sip:+493011123@example.com",
    headers = { ["P-Asserted-Identity"] = "<sip:+4989999@example.com>" } })
  local leg = acme1:expect("INVITE")
  local claims = leg:header("Identity"):match("^[^.]*%.([^.]*)")
  t.ok(claims:find("ciOnsidG4iOiI0OTMwMTExMjMifSw", 1, true), claims) -- ig":{"tn":"493011123"},
  t.equal(leg:header("P-Asserted-Identity"), nil)
  leg:reply(486)
end)

t.it("refuses a peer that is unknown, and records nothing", function()
  t.ua("sip:eve@192.0.2.9"):invite("sip:030123456@example.com"):expect(403)
  t.advance(1)
  t.equal(#t.cdrs(), 0)
  acme1:expect_nothing()
end)

t.it("does not hear who floods", function()
  local eve = t.ua("sip:eve@192.0.2.9")
  for i = 1, 110 do
    eve:send { method = "OPTIONS", uri = "sip:example.com" }
  end
  t.advance(1)
  eve:invite("sip:030123456@example.com"):expect_nothing(5)
end)

t.it("slows down a customer who calls too fast", function()
  for _ = 1, 3 do
    pbx:invite("sip:0012125551234@example.com"):expect(503, { headers = { ["Retry-After"] = "^30" } })
  end
  pbx:invite("sip:030123456@example.com"):expect(503, { headers = { ["Retry-After"] = "^1" } })
  acme1:expect_nothing()
end)

t.it("holds a customer to the calls agreed on, and gives their places back", function()
  local call = talk("sip:030123451@example.com", acme1)
  talk("sip:030123452@example.com", acme1)
  t.advance(1)
  t.equal(pbx:invite("sip:030123453@example.com"):expect(486).reason, "Too Many Calls")
  call:bye()
  acme1:expect("BYE")
  t.advance(1)
  talk("sip:030123454@example.com", acme1)
end)

t.it("refuses a number that does not fit the plan", function()
  pbx:invite("sip:reception@example.com"):expect(484)
  recorded { code = 484, refused = "Number Does Not Fit", cause = "rejected" }
end)

t.it("says that there is no route", function()
  pbx:invite("sip:0033123456789@example.com"):expect(503)
  recorded { code = 503, refused = "No Route: no carrier takes this number" }
end)

t.it("says that no gateway of the carrier is up", function()
  pbx:invite("sip:0012125551234@example.com"):expect(503)
  recorded { code = 503, refused = "No Route: no gateway is up: none of 1 carriers" }
end)

t.it("knows that all gateways are down", function()
  carrier { probes = true, addr = "10.0.0.2" }
  for _ = 1, 3 do
    for _, gateway in ipairs { acme1, acme2, bell } do
      gateway:expect("OPTIONS", { within = 11 }):reply(503)
    end
  end
  t.advance(0.1)
  pbx = t.ua("sip:+493011124@10.0.2.2", { proxy = "10.0.0.2:5060" })
  pbx:invite("sip:030123456@example.com"):expect(503)
end)

t.it("goes on to the next gateway and the next carrier, which sign afresh", function()
  local call = pbx:invite("sip:030123456@example.com")
  acme1:expect("INVITE"):reply(503)
  acme2:expect("INVITE"):ignore()
  bell:expect("INVITE", { within = 5, headers = { Identity = "shaken" } }):reply(200)
  call:expect(200)
  t.advance(10)
  call:bye()
  recorded { code = 200, duration = 10, ended_by = "caller" }
  t.equal(#t.cdrs()[1].legs, 3)
end)

t.it("tells the caller when all gateways fail", function()
  local call = pbx:invite("sip:030123456@example.com")
  for _, gateway in ipairs { acme1, acme2, bell } do
    gateway:expect("INVITE"):reply(503)
  end
  call:expect("5xx")
  recorded { cause = "rejected" }
end)

t.it("passes over a gateway that has as many calls as it may", function()
  acme1:leave()
  acme2:leave()
  talk("sip:030123456@example.com", bell)
  pbx:invite("sip:030123457@example.com"):expect(408) -- of those that are silent
  bell:expect_nothing()
end)

t.it("leaves a callee who is busy alone", function()
  local call = pbx:invite("sip:040123456@example.com")
  acme1:expect("INVITE"):reply(486)
  call:expect(486)
  bell:expect_nothing()
  recorded { cause = "busy" }
end)

t.it("cancels, and gives the place back", function()
  for _ = 1, 3 do
    local call = pbx:invite("sip:030123456@example.com")
    local leg = acme1:expect("INVITE")
    leg:reply(180)
    call:expect(180)
    call:cancel()
    leg:expect("CANCEL")
    call:expect(487)
    t.advance(1)
  end
end)

t.it("takes a call that another network has signed, and passes the signature on", function()
  local call = network():invite("sip:+4930123456@example.com")
  local leg = acme1:expect("INVITE", { headers = { Identity = "shaken" } })
  leg:reply(200)
  call:expect(200)
  call:bye()
  leg:expect("BYE")
  recorded { attest = "B", customer = "network" }
end)

t.it("refuses a call that another network has not signed", function()
  t.ua("sip:+4989777@10.0.9.1"):invite("sip:+4930123456@example.com"):expect(428)
  recorded { code = 428, refused = "Identity: missing" }
end)

t.it("refuses a signature for another caller", function()
  network("+4989888"):invite("sip:+4930123456@example.com"):expect(438)
  acme1:expect_nothing()
end)

t.it("refuses a signature that is old", function()
  network(nil, "70"):invite("sip:+4930123456@example.com"):expect(403, { within = 80 })
end)

t.it("refuses a signature whose certificate can't be had", function()
  published = { status = 404 }
  network():invite("sip:+4930123456@example.com"):expect(436)
end)

t.it("answers for its own health, and refuses what is not a call", function()
  pbx:send { method = "OPTIONS", uri = "sip:example.com" }:expect(200)
  pbx:send { method = "MESSAGE", uri = "sip:030123456@example.com" }:expect(405)
  pbx:send { method = "INFO", uri = "sip:x@10.0.3.1", to = "<sip:x@example.com>;tag=1" }:expect(481)
end)

t.it("ends a call whose parties are gone", function()
  local call, leg = talk("sip:030123456@example.com", acme1)
  t.advance(1200) -- nobody answers OPTIONS
  call:expect("BYE")
  leg:expect("BYE")
  recorded { cause = "keepalive", ended_by = "server" }
end)

t.it("ends a call after four hours", function()
  local call, leg = talk("sip:030123456@example.com", acme1)
  for _ = 1, 47 do
    call:expect("OPTIONS", { within = 301 }):reply(200)
    leg:expect("OPTIONS"):reply(200)
  end
  t.advance(299)
  call:expect("BYE")
  leg:expect("BYE")
  recorded { cause = "max_duration", ended_by = "server" }
end)
