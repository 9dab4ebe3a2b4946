package dialog

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/sipscript/sipscript/modules/clients"
	client "github.com/sipscript/sipscript/modules/clients/redis"
	"github.com/sipscript/sipscript/modules/dialog/limits"
)

// A key is a sorted set of the ids of its calls, by the end of their leases in Redis' own time. All
// have one hash tag: they are taken in one step, also in a cluster.
const (
	keyPrefix = "{sipscript:dialog}:"
	channel   = "sipscript:dialog"
	reportKey = "sipscript:dialog:nodes"
)

// takeScript returns 0, or the number of the key that is full.
var takeScript = rueidis.NewLuaScript(`local t = redis.call('TIME')
local now, ends = t[1] * 1000 + math.floor(t[2] / 1000), 0
ends = now + ARGV[2]
for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  if not redis.call('ZSCORE', key, ARGV[1]) and redis.call('ZCARD', key) >= tonumber(ARGV[2 + i]) then return i end
end
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, ends, ARGV[1])
  redis.call('PEXPIRE', key, 2 * ARGV[2])
end
return 0`)

// updateScript renews the first ARGV[2] slots and removes the others.
var updateScript = rueidis.NewLuaScript(`local t = redis.call('TIME')
local ends = t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[1]
for i, key in ipairs(KEYS) do
  if i <= tonumber(ARGV[2]) then
    redis.call('ZADD', key, ends, ARGV[2 + i])
    redis.call('PEXPIRE', key, 2 * ARGV[1])
  else
    redis.call('ZREM', key, ARGV[2 + i])
  end
end
return 0`)

// redisShare is a Share.
type redisShare struct{ c *client.Client }

// OpenRedis shares by the server with a URL. It connects with the first call.
func OpenRedis(pool *clients.Pool, url string) (Share, error) {
	c, err := client.Open(pool, url, shareTime)
	if err != nil {
		return nil, err
	}
	return &redisShare{c}, nil
}

// Close closes the connections.
func (r *redisShare) Close() error { return r.c.Close() }

var errAnswer = errors.New("dialog: Redis answers something else")

// Take implements Share.
func (r *redisShare) Take(ctx context.Context, id string, l []limits.Limit, lease time.Duration) (full string, err error) {
	keys, args := make([]string, len(l)), []string{id, strconv.FormatInt(lease.Milliseconds(), 10)}
	for i := range l {
		keys[i] = keyPrefix + l[i].Key
		args = append(args, strconv.Itoa(l[i].Most))
	}
	m, err := r.c.Script(ctx, takeScript, keys, args)
	if err != nil {
		return "", err
	}
	n, err := m.AsInt64()
	switch {
	case err != nil:
		return "", err
	case n == 0:
		return "", nil
	case n < 0 || n > int64(len(l)):
		return "", errAnswer
	}
	return l[n-1].Key, nil
}

// Update implements Share.
func (r *redisShare) Update(ctx context.Context, renew, give []Slot, lease time.Duration) error {
	keys := make([]string, 0, len(renew)+len(give))
	args := []string{strconv.FormatInt(lease.Milliseconds(), 10), strconv.Itoa(len(renew))}
	for _, list := range [][]Slot{renew, give} {
		for _, s := range list {
			keys, args = append(keys, keyPrefix+s.Key), append(args, s.ID)
		}
	}
	_, err := r.c.Script(ctx, updateScript, keys, args)
	return err
}

// reportScript keeps the reports of nodes in a hash: each with the end of its lease, which has 15
// digits, before it. It returns those that are in force.
var reportScript = rueidis.NewLuaScript(`local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], string.format('%015d', now + ARGV[2]) .. ARGV[3])
redis.call('PEXPIRE', KEYS[1], 2 * ARGV[2])
local all, out = redis.call('HGETALL', KEYS[1]), {}
for i = 2, #all, 2 do
  local ends = tonumber(string.sub(all[i], 1, 15))
  if ends and ends > now then out[#out + 1] = string.sub(all[i], 16) else redis.call('HDEL', KEYS[1], all[i - 1]) end
end
return out`)

// Report implements Share.
func (r *redisShare) Report(ctx context.Context, node string, text []byte, lease time.Duration) ([][]byte, error) {
	m, err := r.c.Script(ctx, reportScript, []string{reportKey}, []string{node, strconv.FormatInt(lease.Milliseconds(), 10), string(text)})
	if err != nil {
		return nil, err
	}
	list, err := m.AsStrSlice()
	if err != nil {
		return nil, err
	}
	all := make([][]byte, len(list))
	for i := range list {
		all[i] = []byte(list[i])
	}
	return all, nil
}

// Exchange implements Share.
func (r *redisShare) Exchange(ctx context.Context, out <-chan []byte, hear func([]byte)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 1)
	go func() { // ends with ctx
		failed <- r.c.Subscribe(ctx, func(_, message string) { hear([]byte(message)) }, channel)
	}()
	for {
		select {
		case text := <-out:
			one, done := context.WithTimeout(ctx, shareTime)
			_, err := r.c.Call(one, "PUBLISH", channel, string(text))
			done()
			if err != nil {
				return err
			}
		case err := <-failed:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}
