package rediscluster

// This file is what is done in Redis, each script atomically.

// rotateScript returns the secrets. If there is none it creates one that applies at once, and if
// the last one's time is nearly over, one that applies after it; it drops those that nonces can no
// longer be made with. ARGV: how long a secret is used, how long before its time it is created, how
// long it is kept after its beginning, in milliseconds; the number of a first one; a new key.
const rotateScript = `
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local rotation, lead, keep = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local old = redis.call('GET', KEYS[1]) or ''
local list = {}
for number, from, key in string.gmatch(old, '(%d+) (%d+) (%x+)\n') do
  list[#list + 1] = {number = tonumber(number), from = tonumber(from), key = key}
end
local last = list[#list]
if not last then
  list[1] = {number = tonumber(ARGV[4]), from = now, key = ARGV[5]}
elseif last.from + rotation <= now + lead then
  list[#list + 1] = {number = last.number + 1, from = math.max(now + lead, last.from + rotation), key = ARGV[5]}
end
local out = {}
for i, s in ipairs(list) do
  local successor = list[i + 1]
  if not successor or successor.from + keep > now then
    out[#out + 1] = string.format('%d %d %s\n', s.number, s.from, s.key)
  end
end
local text = table.concat(out)
if text ~= old then redis.call('SET', KEYS[1], text) end
return text
`

// claimScript takes a nonce for a process: 1 if it belongs to it now or already did, 0 if it
// belongs to another one, -1 if Redis does not know the secret it was made with, and so may have
// forgotten who claimed it. ARGV: the secret's number, the process, for how many milliseconds.
const claimScript = `
local secrets = redis.call('GET', KEYS[1])
if not secrets or not string.find('\n' .. secrets, '\n' .. ARGV[1] .. ' ', 1, true) then return -1 end
local owner = redis.call('GET', KEYS[2])
if owner then return owner == ARGV[2] and 1 or 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1
`
