-- What watch.lua of the guide does.

local t = require "sip.test"

t.it("tells a user of their own registrations", function()
  local bob = t.ua("sip:bob@example.com", { password = "secret" })
  local watch = bob:send { method = "SUBSCRIBE", uri = "sip:bob@example.com", headers = { Event = "reg" } }
  watch:expect(200)
  local first = watch:expect("NOTIFY")
  t.match(first:header("Subscription-State"), "^active;expires=3600$")
  t.match(first.body, '<registration aor="sip:bob@example.com" .*state="init"')
  first:reply(200)
  bob:register()
  local second = watch:expect("NOTIFY")
  t.match(second.body, 'version="1" state="partial"')
  t.match(second.body, 'state="active" event="registered"')
  second:reply(200)
end)

t.it("tells nobody else", function()
  local alice = t.ua("sip:alice@example.com", { password = "secret" })
  alice:send { method = "SUBSCRIBE", uri = "sip:bob@example.com", headers = { Event = "reg" } }:expect(403)
  alice:send { method = "SUBSCRIBE", uri = "sip:alice@example.com", headers = { Event = "presence" } }:expect(489)
  alice:expect_nothing()
end)
