-- Pieces of route work, as routing scripts do them. The file runs in any Lua 5.1: it defines
-- `pieces`, functions that do a piece of work once for a number and return what they found, and
-- `work`, which does a piece many times and returns a sum over what was found.

pieces = {}

local numbers = {}
for i = 1, 512 do
  numbers[i] = ({ "0044", "+49", "0", "001", "00" })[i % 5 + 1] .. (7919 * i % 9000000 + 1000000) .. i % 10
end

-- A dialled number in international form.
local function normal(number)
  number = number:gsub("[%s%-%(%)%.]", "")
  if number:match("^%+") then return number end
  if number:sub(1, 2) == "00" then return "+" .. number:sub(3) end
  if number:match("^0%d") then return "+49" .. number:sub(2) end
  return "+4930" .. number
end

pieces["number normalising"] = function(i)
  local n = numbers[i % #numbers + 1]
  local a = normal(n)
  local b = normal(n:sub(1, 4) .. " (" .. n:sub(5, 6) .. ") " .. n:sub(7, 8) .. "-" .. n:sub(9))
  return #a + #b
end

-- The carrier of the longest prefix of a number.
local prefixes = {}
for i = 1, 3000 do
  prefixes[tostring(37 * i % 9973 + 10)] = "carrier" .. i % 7
end

pieces["longest prefix"] = function(i)
  local n = numbers[i % #numbers + 1]
  n = n:gsub("^%+", "")
  for length = #n, 1, -1 do
    local carrier = prefixes[n:sub(1, length)]
    if carrier then return length + #carrier end
  end
  return 0
end

-- Lists of header values: split at commas, without the white space around, filtered, joined.
local routes = {
  "<sip:p1.example.com;lr>, <sip:p2.example.com;lr;transport=tcp> ,<sip:10.0.0.1:5070;lr>",
  "\"Bob, B.\" <sip:bob@example.com>;q=0.5 , <sip:carol@example.net>;q=0.7",
  "100rel, timer,replaces ,  outbound, path, gruu",
}

pieces["header lists"] = function(i)
  local list = {}
  for item in (routes[i % 3 + 1] .. ","):gmatch("%s*(.-)%s*,") do
    if item ~= "" then table.insert(list, item) end
  end
  local kept = {}
  for n, item in ipairs(list) do
    if not item:find("10.0.0.1", 1, true) then kept[#kept + 1] = n .. "=" .. item end
  end
  return #table.concat(kept, ", ")
end

-- Parameters of a URI by gmatch, escapes by gsub with a function.
local uris = {
  "sip:alice%40home@example.com;transport=tcp;maddr=10.0.0.1;lr?subject=hello%20there&priority=urgent",
  "sip:+4930123456;phone-context=example.com@gw.example.net:5080;user=phone",
}
local function unescape(hex) return string.char(tonumber(hex, 16)) end

pieces["gsub and gmatch"] = function(i)
  local uri = uris[i % 2 + 1]
  local user, host = uri:match("^sips?:([^@]+)@([%w%.%-]+)")
  local found = 0
  for name, value in uri:gmatch(";([%w%-]+)=?([^;?@]*)") do
    found = found + #name + #value
  end
  return found + #user:gsub("%%(%x%x)", unescape) + #host
end

-- Ten gateways by priority, load and name.
local names = {}
for i = 1, 10 do names[i] = "gw" .. i .. ".example.net" end

pieces["sort of ten gateways"] = function(i)
  local list = {}
  for n = 1, 10 do
    list[n] = { name = names[n], priority = (i * 7 + n * 3) % 4, load = (i * 13 + n * 11) % 17 }
  end
  table.sort(list, function(a, b)
    if a.priority ~= b.priority then return a.priority < b.priority end
    if a.load ~= b.load then return a.load < b.load end
    return a.name < b.name
  end)
  return list[1].load + #list[10].name
end

-- JSON, in Lua.
local encode
local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }
function encode(x)
  local kind = type(x)
  if kind == "string" then return '"' .. x:gsub('["\\\n\r\t]', escapes) .. '"' end
  if kind ~= "table" then return tostring(x) end
  local out = {}
  if #x > 0 then
    for n, v in ipairs(x) do out[n] = encode(v) end
    return "[" .. table.concat(out, ",") .. "]"
  end
  for k, v in pairs(x) do out[#out + 1] = encode(k) .. ":" .. encode(v) end
  return "{" .. table.concat(out, ",") .. "}"
end

local decode
local words = { ["true"] = true, ["false"] = false }
local function blank(s, at) return s:find("%S", at) or #s + 1 end
function decode(s, at)
  at = blank(s, at)
  local c = s:sub(at, at)
  if c == '"' then
    local stop = s:find('"', at + 1, true)
    return s:sub(at + 1, stop - 1), stop + 1
  elseif c == "[" or c == "{" then
    local t, stop = {}, c == "[" and "]" or "}"
    at = blank(s, at + 1)
    while s:sub(at, at) ~= stop do
      local key, value
      if c == "{" then
        key, at = decode(s, at)
        at = blank(s, at) + 1
      end
      value, at = decode(s, at)
      t[key or #t + 1] = value
      at = blank(s, at)
      if s:sub(at, at) == "," then at = blank(s, at + 1) end
    end
    return t, at + 1
  end
  local word = s:match("^[%w%.%+%-]+", at)
  local value = words[word]
  if value == nil then value = tonumber(word) end
  return value, at + #word
end

pieces["JSON"] = function(i)
  local answer = decode('{"route": ["gw' .. i % 10 .. '", "gw2"], "price": 0.012, "limit": ' .. i % 100
    .. ', "ok": true, "caller": {"name": "Alice", "number": "+4930123456"}}', 1)
  answer.count = #answer.route
  return #encode(answer)
end

-- Strings: headers, keys and log lines.
pieces["string building"] = function(i)
  local user, host = numbers[i % #numbers + 1], "example.com"
  local aor = ("sip:%s@%s"):format(user, host)
  local id = "<" .. aor .. ">;party=calling;screen=" .. (i % 2 == 0 and "yes" or "no") .. ";privacy=off"
  local line = string.format("call %d from %s to %-12s %5.2f s", i, user, host, i / 7)
  local parts = {}
  for n = 1, 6 do parts[#parts + 1] = n .. ":" .. user end
  return #(id .. line:upper() .. table.concat(parts, ";")) + id:byte(7)
end

-- A table of rules, the first that matches decides.
local rules = {}
for i = 1, 20 do
  rules[i] = { method = i % 3 == 0 and "MESSAGE" or "INVITE", prefix = "+4" .. i % 10, domain = i % 2 == 0 and "example.net" or nil,
    from = i % 24, to = (i + 9) % 24, action = "gw" .. i }
end

pieces["table of rules"] = function(i)
  local call = { method = i % 5 == 0 and "MESSAGE" or "INVITE", number = "+4" .. i % 8 .. "123", domain = i % 4 == 0 and "example.net" or "example.com" }
  local hour = i % 24
  for n, rule in ipairs(rules) do
    if rule.method == call.method and (not rule.domain or rule.domain == call.domain)
      and hour >= rule.from and hour < rule.to and call.number:sub(1, #rule.prefix) == rule.prefix then
      return n + #rule.action
    end
  end
  return 0
end

-- Closures: filters and steps made of one another.
local function filter(list, keep)
  local out = {}
  for _, x in ipairs(list) do
    if keep(x) then out[#out + 1] = x end
  end
  return out
end
local function both(f, g) return function(...) return f(...) and g(...) end end
local function over(least) return function(x) return x > least end end
local function counter()
  local n = 0
  return function(by) n = n + by return n end
end

pieces["closures"] = function(i)
  local least = i % 5
  local found = filter({ 3, 9, 1, 7, 5, 8, 2 }, both(over(least), function(x) return x ~= 7 end))
  local count = counter()
  for _, x in ipairs(found) do count(x) end
  local ok, sum = pcall(count, 1)
  return ok and sum or 0
end

-- Arithmetic: check digits, and a hash that spreads calls over gateways.
pieces["check digits"] = function(i)
  local sum, hash = 0, i % 251
  for n = 1, 15 do
    local digit = (i * n + n) % 10
    if n % 2 == 0 then
      digit = digit * 2
      if digit > 9 then digit = digit - 9 end
    end
    sum = sum + digit
    hash = (hash * 31 + digit) % 65521
  end
  return math.floor(hash / 16) % 10 + (10 - sum % 10) % 10
end

-- work does a piece for the numbers first to last.
function work(name, first, last)
  local f, sum = pieces[name], 0
  for i = first, last do sum = (sum + f(i)) % 1000003 end
  return sum
end
