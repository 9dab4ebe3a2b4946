-- What registrar.lua promises. Run it with `sipscript test registrar_spec.lua`.

local t = require "sip.test"

t.it("keeps a contact and gives all contacts back", function()
  local desk, cell = t.ua("sip:bob@example.com", { name = "desk" }), t.ua("sip:bob@example.com", { name = "cell" })
  t.equal(#desk:register():headers("Contact"), 1)
  t.equal(#cell:register():headers("Contact"), 2)
  local left = desk:unregister()
  t.equal(#left:headers("Contact"), 1)
  t.equal(left.contact, cell.contact)
end)

t.it("forgets a contact when its time is over", function()
  local desk, cell = t.ua("sip:bob@example.com", { name = "desk" }), t.ua("sip:bob@example.com", { name = "cell" })
  desk:register { expires = 60 }
  t.advance(61)
  t.equal(#cell:register():headers("Contact"), 1)
end)

t.it("keeps to the times it is set to", function()
  t.server { args = { min_expires = 300, max_expires = 600, default_expires = 600 } }
  local bob = t.ua("sip:bob@example.com")
  t.equal(bob:register { expires = 60, expect = 423 }:header("Min-Expires"), "300")
  t.match(bob:register { expires = 86400 }:header("Contact"), ";expires=600")
end)

t.it("keeps as many contacts as it is set to", function()
  t.server { args = { max_contacts = 1 } }
  local bob = t.ua("sip:bob@example.com")
  bob:register()
  bob:register { contact = { "<sip:bob@10.0.0.99>" }, expect = 403 }
end)

t.it("is refused with times that contradict each other", function()
  t.raises(function() t.server { args = { max_expires = 30 } } end, "min_expires")
  t.raises(function() t.server { args = { max_expires = 600 } } end, "default_expires")
end)

t.it("tells nobody else", function()
  t.ua("sip:app@example.com"):send { method = "SUBSCRIBE", uri = "sip:bob@example.com", headers = { Event = "reg" } }:expect(405)
end)

t.it("tells who subscribes what is registered, where that is open", function()
  t.server { args = { subscriptions = "open" } }
  local app, bob = t.ua("sip:app@example.com"), t.ua("sip:bob@example.com")
  local watch = app:send { method = "SUBSCRIBE", uri = "sip:bob@example.com", headers = { Event = "reg", Expires = 600 } }
  watch:expect(200)
  local function told(state, pattern)
    local notify = watch:expect("NOTIFY")
    notify:reply(200)
    t.match(notify:header("Subscription-State"), state)
    t.match(notify.body, pattern)
  end
  told("^active;expires=600$", 'version="0" state="full"')
  bob:register()
  told("^active", 'event="registered"')
  bob:unregister()
  told("^active", 'event="unregistered"')
  watch:send { method = "SUBSCRIBE", headers = { Event = "reg", Expires = 0 } }
  told("^terminated", 'version="3" state="full"')
  app:send { method = "SUBSCRIBE", uri = "sip:bob@example.com", headers = { Event = "presence" } }:expect(489)
end)

t.it("does nothing else", function()
  local alice = t.ua("sip:alice@example.com")
  alice:send { method = "OPTIONS" }:expect(200)
  t.equal(alice:invite("sip:bob@example.com"):expect(405):header("Allow"), "REGISTER")
end)
