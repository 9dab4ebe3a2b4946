-- What identity.lua promises. Run it with `sipscript test identity_spec.lua`.

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

-- Another network: it signs for the number orig, if there is one, and sends the call here late.
local NETWORK = [[
  local stir = require "stir"
  stir.configure { certificate = sip.args.certificate, key = sip.args.key, x5u = sip.args.x5u }
  function route(req)
    if req.in_dialog then return req:relay() end
    req:record_route()
    if req.source.ip == "10.0.0.1" then return req:relay("sip:last@10.0.8.9") end
    req:relay({ uri = req.ruri, next_hop = "sip:10.0.0.1" }, { on_branch = function(branch, of)
      if not of:is("INVITE") then return end
      assert(stir.sign(branch, { attest = sip.args.attest, orig = sip.args.orig, dest = sip.args.dest }))
      sip.sleep(tonumber(sip.args.late) or 0)
    end })
  end
]]

local bob, carrier, published

local function network(options)
  options = options or {}
  t.server { addr = "10.0.3.1", source = NETWORK, args = { certificate = CERT, key = KEY, x5u = X5U,
    orig = options.orig, late = options.late, attest = options.attest or "A",
    dest = options.dest or "+493011123" } }
  return t.ua("sip:+4989777@10.0.8.1", { proxy = "10.0.3.1:5060" })
end

t.before(function()
  published = { body = CERT }
  t.http("GET cert.example.org/a.pem", function() return published end)
  t.server { args = { carrier = "10.0.3.1", certificate = CERT, key = KEY, x5u = X5U, roots = ROOT } }
  bob = t.ua("sip:+493011123@example.com")
  bob:register()
end)

-- rings checks what bob's phone shows of the caller.
local function rings(status)
  local leg = bob:expect("INVITE", { within = 20 })
  t.match(leg:header("P-Asserted-Identity") or "none", status)
  leg:reply(486)
end

local function call() return carrier:invite("sip:+493011123@example.com", { from = "sip:+4989777@10.0.3.1" }) end

t.it("shows a caller whose network vouches for the number", function()
  network():invite("sip:+493011123@example.com")
  rings("verstat=TN%-Validation%-Passed")
end)

t.it("shows no trust where the network vouches for less", function()
  network { attest = "B" }:invite("sip:+493011123@example.com")
  rings("verstat=No%-TN%-Validation")
end)

t.it("takes an unsigned call, whatever it says of itself", function()
  carrier = t.ua("sip:+4989777@10.0.3.1")
  carrier:invite("sip:+493011123@example.com", { from = "sip:+4989777@10.0.3.1",
    headers = { ["P-Asserted-Identity"] = "<sip:+4989777;verstat=TN-Validation-Passed@10.0.3.1>" } })
  rings("verstat=No%-TN%-Validation")
end)

t.it("takes a call whose certificate can't be had, without trust", function()
  published = { status = 503 }
  network():invite("sip:+493011123@example.com")
  rings("verstat=No%-TN%-Validation")
end)

t.it("refuses a signature for another caller", function()
  network { orig = "+4989888" }:invite("sip:+493011123@example.com"):expect(438)
  bob:expect_nothing()
end)

t.it("refuses a signature that is old", function()
  network { late = "70" }:invite("sip:+493011123@example.com"):expect(403, { within = 80 })
  bob:expect_nothing()
end)

t.it("refuses a signature for another callee", function()
  t.ua("sip:+493011124@example.com"):register()
  network():invite("sip:+493011124@example.com"):expect(438)
end)

t.it("refuses a signature that nobody can read", function()
  carrier = t.ua("sip:+4989777@10.0.3.1")
  carrier:invite("sip:+493011123@example.com", { headers = { Identity = "e30.e30.AA;info=<" .. X5U .. ">" } }):expect(438)
  bob:expect_nothing()
end)

t.it("signs a call that leaves, and vouches for our numbers alone", function()
  carrier = t.ua("sip:carrier@10.0.3.1")
  for from, claim in pairs { ["+493011123"] = "eyJhdHRlc3QiOiJBIi", ["+4989999"] = "eyJhdHRlc3QiOiJDIi" } do
    bob:invite("sip:+49301234567@example.com", { from = "sip:" .. from .. "@example.com" })
    local leg = carrier:expect("INVITE", { headers = { Identity = "ppt=\"?shaken" } })
    local claims = leg:header("Identity"):match("^[^.]*%.([^.]*)")
    t.ok(claims:find(claim, 1, true) == 1, claims) -- {"attest":"A", or "C"
    leg:reply(486)
  end
end)

t.it("says in a call that is passed on who was called first", function()
  local last = t.ua("sip:last@10.0.8.9")
  network { dest = "+493011199" }:invite("sip:+493011199@example.com")
  local leg = last:expect("INVITE")
  t.equal(#leg:headers("Identity"), 2)
  t.match(leg:headers("Identity")[2] .. leg:headers("Identity")[1], "ppt=\"?div")
  leg:reply(486)
end)

t.it("passes an unsigned call on as it is", function()
  local last = t.ua("sip:last@10.0.8.9")
  t.server { addr = "10.0.3.1", source = [[function route(req)
    req:record_route()
    if req.source.ip == "10.0.0.1" then return req:relay("sip:last@10.0.8.9") end
    req:relay({ uri = req.ruri, next_hop = "sip:10.0.0.1" })
  end]] }
  t.ua("sip:+4989777@10.0.8.1", { proxy = "10.0.3.1:5060" }):invite("sip:+493011199@example.com")
  local leg = last:expect("INVITE")
  t.equal(leg:header("Identity"), nil)
  leg:reply(486)
end)
