package dictredis

// What runs in Redis, and the keys.

import "github.com/redis/rueidis"

// A dictionary has a key for each value, below valuePrefix, its name and tagEnd; and two sorted
// sets of its keys, so that they can be counted and listed: by the time of their last change, and
// by the time they end. The braces keep them on one server of a cluster. Only the first are
// reported.
const (
	valuePrefix = "sipscript:v:{shared:"
	indexPrefix = "sipscript:i:{shared:"
	tagEnd      = "}:"
)

// pulseScript names the server on which a key is.
const pulseScript = `return redis.call('INFO', 'server')`

// readScript is a value, and for how many milliseconds it has it: -1 for ever, -2 for none.
const readScript = `return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}`

// changeScript changes a value (KEYS[1]), and the sets of keys by change (KEYS[2]) and end
// (KEYS[3]). ARGV: what to do, the key's name, the new value ("" removes), how long it has in
// milliseconds (0 for ever), whether a value keeps its time ("1"), how many values there may be,
// what comes before the names of all keys, then what a swap expects, or what incr adds, and to
// what.
//
// It returns 1, what the key holds now and for how long; or 0 and the same, if nothing was changed;
// or -1 if a value is not a number.
func changeScript() *rueidis.Lua {
	return rueidis.NewLuaScript(`
local call, at, changes, ends = redis.call, KEYS[1], KEYS[2], KEYS[3]
local what, key, new, ttl, keep = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5] == '1'
local old = call('GET', at)
if what == 'add' and old or what == 'replace' and not old or what == 'remove' and not old
	or what == 'swap' and (old or '') ~= ARGV[8] then
	return {0, old or '', call('PTTL', at)}
end
if what == 'incr' then
	local n = tonumber(ARGV[9])
	if old then
		if string.sub(old, 1, 1) ~= 'n' then return {-1, '', 0} end
		n = tonumber(string.sub(old, 2))
	end
	new = 'n' .. string.format('%.17g', n + tonumber(ARGV[8]))
end
if new == '' then
	call('DEL', at)
	call('ZREM', changes, key)
	call('ZREM', ends, key)
	return {1, '', -2}
end
if old and keep then
	call('SET', at, new, 'KEEPTTL')
elseif ttl > 0 then
	call('SET', at, new, 'PX', ARGV[4])
else
	call('SET', at, new)
end
local left, time = call('PTTL', at), call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
call('ZADD', changes, string.format('%.17g', time[1] * 1000000 + time[2]), key)
if left > 0 then call('ZADD', ends, string.format('%.17g', now + left), key) else call('ZREM', ends, key) end
for _, over in ipairs(call('ZRANGEBYSCORE', ends, '-inf', string.format('%.17g', now), 'LIMIT', 0, 20)) do
	call('ZREM', changes, over)
	call('ZREM', ends, over)
end
local extra = call('ZCARD', changes) - tonumber(ARGV[6])
if extra > 0 then
	local oldest = call('ZPOPMIN', changes, math.min(extra, 100))
	for i = 1, #oldest, 2 do
		call('DEL', ARGV[7] .. oldest[i])
		call('ZREM', ends, oldest[i])
	end
end
return {1, new, left}`)
}

// keysScript is a part of the keys, and where the next begins ("0": nowhere). Keys that ended, or
// that Redis dropped, are taken out of the sets.
func keysScript() *rueidis.Lua {
	return rueidis.NewLuaScript(`
local part = redis.call('ZSCAN', KEYS[2], ARGV[1], 'COUNT', 1000)
local found = {part[1]}
for i = 1, #part[2], 2 do
	local key = part[2][i]
	if redis.call('EXISTS', KEYS[1] .. key) == 1 then
		found[#found + 1] = key
	else
		redis.call('ZREM', KEYS[2], key)
		redis.call('ZREM', KEYS[3], key)
	end
end
return found`)
}

// flushScript removes some keys, and returns how many are left.
func flushScript() *rueidis.Lua {
	return rueidis.NewLuaScript(`
local list = redis.call('ZPOPMIN', KEYS[2], 1000)
for i = 1, #list, 2 do
	redis.call('DEL', KEYS[1] .. list[i])
	redis.call('ZREM', KEYS[3], list[i])
end
local left = redis.call('ZCARD', KEYS[2])
if left == 0 then redis.call('DEL', KEYS[3]) end
return left`)
}
