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
